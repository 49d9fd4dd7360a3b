#include "tests/unit/test.h"

#include "pipeline/perfusion/artery.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NX = 64, NY = 64, NZ = 6, NT = 50 };

static const struct artery_options OPTIONS = {
    .peak_min = 30, .peak_max = 1000, .scale_max = 3};

static double bolus(double t, double start_s, double width_s)
{
    const double u = t > start_s ? (t - start_s) / width_s : 0.0;
    return pow(u, 3.0) * exp(3.0 * (1.0 - u));
}

static float noise(size_t i)
{
    uint32_t v = (uint32_t)i * 2654435761u;
    v = (v ^ (v >> 15)) * 2246822519u;
    return (float)((v ^ (v >> 13)) >> 8 & 0xffff) / 65536.0f * 16.0f - 8.0f;
}

/** A square of 3 x 3 voxels of slice z that takes up gain times a bolus. */
static void draw(struct cine *cine, size_t x, size_t y, size_t z, double gain,
                 double start_s, double width_s)
{
    for (size_t t = 0; t < NT; t++) {
        for (size_t i = 0; i < 9; i++)
            cine_frame(cine, z, t)[(y + i / 3) * NX + x + i % 3] +=
                (float)(gain * bolus((double)t, start_s, width_s));
    }
}

/** Tissue with a mild bolus everywhere, in noise. */
static struct cine *make_cine(double gain)
{
    struct cine *cine = NULL;
    assert_int_equal(cine_create(NX, NY, NZ, NT, &cine, NULL), 0);
    cine->spacing_mm[0] = cine->spacing_mm[1] = 1.0;
    cine->spacing_mm[2] = 5.0;
    for (size_t i = 0; i < NZ * NT * NX * NY; i++)
        cine->voxels[i] = 35.0f + noise(i)
                          + (float)(gain * bolus((double)(i / (NX * NY) % NT), 8.5, 7.0));
    for (size_t i = 0; i < NZ * NT; i++)
        cine->time_s[i] = (double)(i % NT);
    return cine;
}

static struct artery find(const struct cine *cine)
{
    static uint8_t inside[NZ * NX * NY];
    static struct artery artery;
    struct enhancement *e = NULL;
    memset(inside, 1, sizeof(inside));
    assert_int_equal(enhancement_measure(cine, inside, 2, &e, NULL), 0);
    const struct time_axis axis = time_axis_of(cine);
    assert_int_equal(artery_find(cine, inside, e, &axis, &OPTIONS, &artery, NULL), 0);
    enhancement_destroy(e);
    return artery;
}

static bool is_within(const struct artery_vessel *v, size_t x, size_t y, size_t z)
{
    for (size_t i = 0; i < v->site_count; i++) {
        const struct artery_site *s = &v->sites[i];
        if (s->z != z || s->x < x || s->x > x + 2 || s->y < y || s->y > y + 2)
            return false;
    }
    return v->is_found;
}

static void takes_the_early_artery_and_the_late_vein(void **state)
{
    (void)state;
    auto_(cine) struct cine *cine = make_cine(8.0);
    draw(cine, 20, 20, 2, 300.0, 8.0, 5.0);  // the artery
    draw(cine, 40, 20, 2, 170.0, 12.0, 5.0); // the same beyond a clot: late and weak
    draw(cine, 30, 50, 3, 260.0, 13.0, 8.0); // the sinus
    draw(cine, 10, 10, 0, 400.0, 8.0, 5.0); // in the last slice, where motion is not seen
    const struct artery artery = find(cine);
    assert_true(is_within(&artery.aif, 20, 20, 2));
    assert_true(is_within(&artery.vof, 30, 50, 3));
    assert_true(artery.aif.snr > 50.0);
    assert_true(artery.vof.shape.ttp_s > artery.aif.shape.ttp_s + 3.0f);
    assert_true(artery.scale > 1.1 && artery.scale < 1.8);
}

static void never_scales_the_artery_down(void **state)
{
    (void)state;
    auto_(cine) struct cine *cine = make_cine(8.0);
    draw(cine, 20, 20, 2, 400.0, 8.0, 6.0);
    draw(cine, 30, 50, 3, 150.0, 13.0, 7.0);
    const struct artery artery = find(cine);
    assert_true(is_within(&artery.vof, 30, 50, 3));
    assert_true(artery.scale == 1.0);
}

static void finds_none_without_a_bolus(void **state)
{
    (void)state;
    auto_(cine) struct cine *cine = make_cine(0.0);
    const struct artery artery = find(cine);
    assert_false(artery.aif.is_found);
    assert_false(artery.vof.is_found);
}

static void an_edge_that_moved_is_no_vessel(void **state)
{
    (void)state;
    auto_(cine) struct cine *cine = make_cine(8.0);
    draw(cine, 20, 20, 2, 300.0, 8.0, 5.0);
    for (size_t t = 10; t < NT; t++) { // a step that stays
        for (size_t i = 0; i < 9; i++)
            cine_frame(cine, 3, t)[(40 + i / 3) * NX + 40 + i % 3] += 600.0f;
    }
    const struct artery artery = find(cine);
    assert_true(is_within(&artery.aif, 20, 20, 2));
    assert_false(is_within(&artery.vof, 40, 40, 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_the_early_artery_and_the_late_vein),
        cmocka_unit_test(never_scales_the_artery_down),
        cmocka_unit_test(finds_none_without_a_bolus),
        cmocka_unit_test(an_edge_that_moved_is_no_vessel),
    };
    return cmocka_run_group_tests_name("artery", tests, NULL, NULL);
}
