#include "tests/unit/test.h"

#include "pipeline/perfusion/maps.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NX = 40, NY = 24, NZ = 3, NT = 45 };

static const struct maps_options OPTIONS = {.kappa = 0.705,
                                            .oi_max = 0.035,
                                            .sigma_mm = 4.0,
                                            .radius_mm = 6.0,
                                            .likeness = 2.5,
                                            .likeness_refined = 8.0,
                                            .is_flow_unbiased = true,
                                            .early_s = 5.0,
                                            .late_s = 20.0};

static double bolus(double t)
{
    const double u = t > 7.0 ? (t - 7.0) / 5.0 : 0.0;
    return 300.0 * pow(u, 3.0) * exp(3.0 * (1.0 - u));
}

/** Left half: 60 ml/100 g/min, 5 s; right half: 15, 9 s and 5 s late. */
static double tissue(size_t x, double t)
{
    const double cbf = x < NX / 2 ? 60.0 : 15.0, mtt = x < NX / 2 ? 5.0 : 9.0;
    const double late_s = x < NX / 2 ? 0.0 : 5.0;
    double sum = 0.0;
    for (double s = 0.05; s < t; s += 0.1) {
        const double v = 4.0 * s / mtt; // transit times of a gamma distribution, shape 4
        sum +=
            bolus(t - late_s - s) * exp(-v) * (1 + v + v * v / 2 + v * v * v / 6) * 0.1;
    }
    return cbf / (6000.0 * OPTIONS.kappa) * sum;
}

/** Noise that repeats: uniform, of standard deviation 1.7. */
static float noise(size_t i)
{
    uint32_t v = (uint32_t)i * 2654435761u;
    v = (v ^ (v >> 15)) * 2246822519u;
    v = (v ^ (v >> 13)) * 3266489917u;
    return (float)(v >> 8) / 16777216.0f * 6.0f - 3.0f;
}

static struct cine *make_cine(void)
{
    struct cine *cine = NULL;
    assert_int_equal(cine_create(NX, NY, NZ, NT, &cine, NULL), 0);
    cine->spacing_mm[0] = cine->spacing_mm[1] = 1.0;
    cine->spacing_mm[2] = 5.0;
    for (size_t t = 0; t < NT; t++) {
        const double left = tissue(0, (double)t), right = tissue(NX - 1, (double)t);
        for (size_t i = 0; i < NZ * NX * NY; i++) {
            const size_t z = i / (NX * NY), at = i % (NX * NY);
            const double hu = 35.0 + (at % NX < NX / 2 ? left : right);
            cine->time_s[z * NT + t] = (double)t;
            cine_frame(cine, z, t)[at] = (float)hu + noise(t * NZ * NX * NY + i);
        }
    }
    return cine;
}

static struct maps *compute(const struct cine *cine, int threads)
{
    uint8_t mask[NZ * NX * NY];
    float aif[NT];
    struct enhancement *e = NULL;
    struct maps *maps = NULL;
    memset(mask, 1, sizeof(mask));
    memset(mask, 0, NX * 2); // two rows of the first slice are not tissue
    for (size_t t = 0; t < NT; t++)
        aif[t] = (float)bolus((double)t);
    assert_int_equal(enhancement_measure(cine, mask, threads, &e, NULL), 0);
    const struct time_axis axis = time_axis_of(cine);
    assert_int_equal(axis.nt, NT);
    assert_int_equal(
        maps_compute(cine, e, mask, &axis, aif, &OPTIONS, threads, &maps, NULL), 0);
    enhancement_destroy(e);
    return maps;
}

static double mean_of(const float *map, size_t x0, size_t x1)
{
    double sum = 0.0;
    size_t n = 0;
    for (size_t i = NX * NY; i < NZ * NX * NY; i++) {
        if (i % NX < x0 || i % NX >= x1)
            continue;
        sum += (double)map[i];
        n++;
    }
    return sum / (double)n;
}

static void measures_the_tissue_that_was_drawn(void **state)
{
    (void)state;
    auto_(cine) struct cine *cine = make_cine();
    auto_(maps) struct maps *maps = compute(cine, 2);
    const double cbf[2] = {mean_of(maps->cbf, 0, 18), mean_of(maps->cbf, 22, NX)};
    const double cbv[2] = {mean_of(maps->cbv, 0, 18), mean_of(maps->cbv, 22, NX)};
    const double tmax_s[2] = {mean_of(maps->tmax, 0, 18), mean_of(maps->tmax, 22, NX)};
    // The absolute value hangs on the shape of the residue function; the ratio hardly does.
    assert_true(fabs(cbf[0] - 60.0) < 20.0);
    assert_true(fabs(cbf[1] / cbf[0] - 0.25) < 0.03);
    assert_true(fabs(cbv[0] - 5.0) < 0.4 && fabs(cbv[1] - 2.25) < 0.3);
    assert_true(tmax_s[0] < 3.0);
    assert_true(fabs(tmax_s[1] - tmax_s[0] - 5.0) < 1.5);
}

static void keeps_the_edge_between_tissues(void **state)
{
    (void)state;
    auto_(cine) struct cine *cine = make_cine();
    auto_(maps) struct maps *maps = compute(cine, 2);
    const double inside = mean_of(maps->cbf, 4, 16), edge = mean_of(maps->cbf, 18, 20);
    assert_true(edge > 0.85 * inside);
}

static void gives_the_same_bits_for_any_number_of_threads(void **state)
{
    (void)state;
    auto_(cine) struct cine *cine = make_cine();
    auto_(maps) struct maps *one = compute(cine, 1);
    auto_(maps) struct maps *four = compute(cine, 4);
    const size_t bytes = NZ * NX * NY * sizeof(float);
    assert_memory_equal(one->cbf, four->cbf, bytes);
    assert_memory_equal(one->cbv, four->cbv, bytes);
    assert_memory_equal(one->mtt, four->mtt, bytes);
    assert_memory_equal(one->tmax, four->tmax, bytes);
}

static void is_zero_and_finite_off_the_mask(void **state)
{
    (void)state;
    auto_(cine) struct cine *cine = make_cine();
    auto_(maps) struct maps *maps = compute(cine, 1);
    for (size_t i = 0; i < NZ * NX * NY; i++) {
        assert_true(isfinite(maps->cbf[i]) && isfinite(maps->mtt[i]));
        assert_true(i >= 2 * NX || (maps->cbf[i] == 0.0f && maps->tmax[i] == 0.0f));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(measures_the_tissue_that_was_drawn),
        cmocka_unit_test(keeps_the_edge_between_tissues),
        cmocka_unit_test(gives_the_same_bits_for_any_number_of_threads),
        cmocka_unit_test(is_zero_and_finite_off_the_mask),
    };
    return cmocka_run_group_tests_name("maps", tests, NULL, NULL);
}
