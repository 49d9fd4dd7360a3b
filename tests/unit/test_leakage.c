#include "tests/unit/test.h"

#include "pipeline/mr_perfusion/leakage.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NX = 24, NY = 12, NZ = 3, NT = 60, N = NX * NY * NZ, PLANE = NX * NY };

static const double NOISE = 0.3; // 1/s

static double bolus(double t)
{
    const double u = t > 15.0 ? (t - 15.0) / 5.0 : 0.0;
    return 10.0 * pow(u, 3.0) * exp(3.0 * (1.0 - u));
}

static double area_of_bolus(double t)
{
    double sum = 0.0;
    for (double s = 0.005; s < t; s += 0.01)
        sum += bolus(s) * 0.01;
    return sum;
}

/** Noise that repeats: uniform, of standard deviation NOISE. */
static float noise(size_t i)
{
    uint32_t v = (uint32_t)i * 2654435761u;
    v = (v ^ (v >> 15)) * 2246822519u;
    v = (v ^ (v >> 13)) * 3266489917u;
    return ((float)(v >> 8) / 16777216.0f - 0.5f) * (float)(3.4641 * NOISE);
}

static double k1_of(size_t x)
{
    return 0.6 + 0.4 * (double)(x % 3);
}

/** Columns 6 to 8 shorten T1, 12 to 14 add to T2*; the others do not leak. */
static double k2_of(size_t x)
{
    return x >= 6 && x < 9 ? 0.03 : x >= 12 && x < 15 ? -0.02 : 0.0;
}

/** Slices half a frame apart; leak times of k2_of(). */
static struct cine *make(double leak)
{
    struct cine *cine = NULL;
    assert_int_equal(cine_create(NX, NY, NZ, NT, &cine, NULL), 0);
    cine->spacing_mm[0] = cine->spacing_mm[1] = cine->spacing_mm[2] = 2.0;
    for (size_t z = 0; z < NZ; z++) {
        for (size_t t = 0; t < NT; t++) {
            const double s = (double)t + 0.3 * (double)z;
            const double rise = bolus(s), area = area_of_bolus(s);
            cine->time_s[z * NT + t] = s;
            for (size_t i = 0; i < PLANE; i++)
                cine_frame(cine, z, t)[i] =
                    (float)(k1_of(i % NX) * rise - leak * k2_of(i % NX) * area)
                    + noise((z * NT + t) * PLANE + i);
        }
    }
    return cine;
}

static size_t correct(struct cine *cine, int threads, float *k2)
{
    uint8_t mask[N];
    auto_(enhancement) struct enhancement *e = NULL;
    size_t reference = 0;
    memset(mask, 1, sizeof(mask));
    memset(mask, 0, NX); // a row that is no tissue
    assert_int_equal(enhancement_measure(cine, mask, 1, &e, NULL), 0);
    const struct time_axis axis = time_axis_of(cine);
    assert_int_equal(leakage_correct(cine, e, &axis, mask, threads, k2, &reference, NULL),
                     0);
    return reference;
}

/** Mean area under the curves of a column, from row 1 on. */
static double column_area(const struct cine *cine, size_t x)
{
    double sum = 0.0;
    for (size_t z = 0; z < NZ; z++) {
        for (size_t t = 0; t < NT; t++) {
            for (size_t y = 1; y < NY; y++)
                sum += (double)cine_frame(cine, z, t)[y * NX + x];
        }
    }
    return sum / (double)(NZ * (NY - 1));
}

static void finds_the_leak_and_gives_the_area_back(void **state)
{
    (void)state;
    static float k2[N];
    auto_(cine) struct cine *cine = make(1.0);
    auto_(cine) struct cine *tight = make(0.0);
    const double before = column_area(cine, 7) / column_area(tight, 7);
    assert_true(before < 0.5); // the leak matters
    assert_true(correct(cine, 2, k2) > 200);
    for (size_t x = 0; x < NX; x++) {
        double mean = 0.0;
        for (size_t i = NX; i < N; i++)
            mean += i % NX == x && i >= NX ? (double)k2[i] : 0.0;
        mean /= (double)(NZ * NY - 1);
        // R is the mean of what does not leak, near to 1: K2 is in its unit.
        assert_float_equal(mean, k2_of(x), 0.003);
        assert_float_equal((column_area(cine, x) / column_area(tight, x)), 1.0, 0.08);
    }
}

static void leaves_what_is_off_the_mask(void **state)
{
    (void)state;
    static float k2[N];
    auto_(cine) struct cine *cine = make(1.0);
    auto_(cine) struct cine *same = make(1.0);
    correct(cine, 1, k2);
    for (size_t t = 0; t < NT; t++)
        assert_memory_equal(cine_frame(cine, 0, t), cine_frame(same, 0, t),
                            NX * sizeof(float));
}

static void without_tissue_that_does_not_leak_nothing_changes(void **state)
{
    (void)state;
    static float k2[N];
    auto_(cine) struct cine *cine = make(1.0);
    for (size_t i = 0; i < N * NT; i++) { // all voxels stay high
        const size_t t = i / PLANE % NT;
        cine->voxels[i] += t > 20 ? 6.0f : 0.0f;
    }
    const size_t bytes = N * NT * sizeof(float);
    float *before = malloc(bytes);
    memcpy(before, cine->voxels, bytes);
    assert_int_equal(correct(cine, 1, k2), 0);
    assert_memory_equal(before, cine->voxels, bytes);
    free(before);
}

static void gives_the_same_bits_for_any_number_of_threads(void **state)
{
    (void)state;
    static float k2[2][N];
    auto_(cine) struct cine *one = make(1.0);
    auto_(cine) struct cine *two = make(1.0);
    correct(one, 1, k2[0]);
    correct(two, 3, k2[1]);
    assert_memory_equal(k2[0], k2[1], sizeof(k2[0]));
    assert_memory_equal(one->voxels, two->voxels, N * NT * sizeof(float));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_leak_and_gives_the_area_back),
        cmocka_unit_test(leaves_what_is_off_the_mask),
        cmocka_unit_test(without_tissue_that_does_not_leak_nothing_changes),
        cmocka_unit_test(gives_the_same_bits_for_any_number_of_threads),
    };
    return cmocka_run_group_tests_name("leakage", tests, NULL, NULL);
}
