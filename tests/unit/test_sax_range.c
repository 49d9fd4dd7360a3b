#include "tests/unit/sax_heart.h"
#include "tests/unit/test.h"

#include "pipeline/cardiac_cine/sax_range.h"

static const struct sax_range_options OPTIONS = {0.78, 0.55};

static void counts_the_ventricle_not_the_atrium_and_finds_the_phases(void **state)
{
    (void)state;
    auto_(sax_outlines) struct sax_outlines *endo = heart_outlines();
    auto_(sax_images) struct sax_images *images = heart_images(9.0);
    struct sax_levels levels;
    double step_mm[HEART_NZ];
    double ed_ml = 0.0, es_ml = 0.0;
    for (size_t z = 0; z < HEART_NZ; z++) {
        step_mm[z] = z == 3 ? 12.0 : 8.0; // beside a gap
        if (heart_is_atrium(z))
            continue;
        ed_ml += M_PI * pow(heart_radius_mm(z, 18), 2) * step_mm[z] / 1000.0;
        es_ml += M_PI * pow(heart_radius_mm(z, 8), 2) * step_mm[z] / 1000.0;
    }
    assert_int_equal(sax_wall_levels(images, endo, &levels, NULL), 0);
    for (int threads = 1; threads <= 3; threads++) {
        auto_(sax_range) struct sax_range *range = NULL;
        assert_int_equal(sax_range_find(images, endo, &levels, step_mm, &OPTIONS, threads,
                                        &range, NULL),
                         0);
        assert_int_equal(range->ed, 18);
        assert_int_equal(range->es, 8);
        assert_int_equal(range->used_ed, 6);
        assert_int_equal(range->used_es, 6);
        assert_false(range->slices[0].at_ed);
        assert_false(range->slices[7].at_ed);
        assert_true(fabs(range->volume_ml[18] / ed_ml - 1.0) < 0.01);
        assert_true(fabs(range->volume_ml[8] / es_ml - 1.0) < 0.015);
    }
}

static void a_slice_that_does_not_empty_is_no_ventricle(void **state)
{
    (void)state;
    auto_(sax_outlines) struct sax_outlines *endo = heart_outlines();
    auto_(sax_images) struct sax_images *images = heart_images(9.0);
    for (size_t t = 0; t < HEART_NT; t++) { // slice 1 stands still, wall and all
        *sax_outlines_at(endo, 1, t) = *sax_outlines_at(endo, 1, 8);
        float *to = images->voxels + (HEART_NT + t) * HEART_N * HEART_N;
        const float *from = sax_images_at(images, 1, 8);
        for (size_t i = 0; i < (size_t)HEART_N * HEART_N; i++)
            to[i] = from[i];
    }
    struct sax_levels levels;
    double step_mm[HEART_NZ] = {8, 8, 8, 8, 8, 8, 8, 8};
    assert_int_equal(sax_wall_levels(images, endo, &levels, NULL), 0);
    auto_(sax_range) struct sax_range *range = NULL;
    assert_int_equal(
        sax_range_find(images, endo, &levels, step_mm, &OPTIONS, 1, &range, NULL), 0);
    assert_false(range->slices[1].at_ed);
    assert_true(range->slices[2].at_ed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_the_ventricle_not_the_atrium_and_finds_the_phases),
        cmocka_unit_test(a_slice_that_does_not_empty_is_no_ventricle),
    };
    return cmocka_run_group_tests_name("sax_range", tests, NULL, NULL);
}
