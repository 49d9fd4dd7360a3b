#include "tests/unit/sax_heart.h"
#include "tests/unit/test.h"

#include "pipeline/cardiac_cine/sax_wall.h"

static void finds_walls_of_any_thickness_and_the_levels(void **state)
{
    (void)state;
    auto_(sax_outlines) struct sax_outlines *endo = heart_outlines();
    for (double wall = 6.0; wall <= 14.0; wall += 4.0) {
        auto_(sax_images) struct sax_images *images = heart_images(wall);
        struct sax_levels levels;
        assert_int_equal(sax_wall_levels(images, endo, &levels, NULL), 0);
        assert_true(fabs(levels.ratio - HEART_MUSCLE / HEART_BLOOD) < 0.1);
        for (size_t z = 1; z < 6; z++) {
            struct sax_level level;
            struct sax_outline epi;
            assert_int_equal(sax_wall_level(images, endo, z, 0, &level, NULL), 0);
            assert_true(fabs(level.blood - HEART_BLOOD) < 1.0);
            assert_int_equal(sax_wall_trace(images, endo, &levels, level.blood, wall, z,
                                            0, &epi, NULL),
                             0);
            const double mm = sax_wall_thickness_mm(sax_outlines_at(endo, z, 0), &epi);
            assert_true(fabs(mm - wall) < 0.8);
        }
    }
}

static void the_atrium_has_no_wall_about_it(void **state)
{
    (void)state;
    auto_(sax_outlines) struct sax_outlines *endo = heart_outlines();
    auto_(sax_images) struct sax_images *images = heart_images(9.0);
    struct sax_levels levels;
    assert_int_equal(sax_wall_levels(images, endo, &levels, NULL), 0);
    assert_true(sax_wall_share(images, endo, &levels, HEART_BLOOD, 0, 0) < 0.3);
    assert_true(sax_wall_share(images, endo, &levels, HEART_BLOOD, 3, 0) > 0.9);
    assert_true(sax_wall_share(images, endo, &levels, HEART_BLOOD, 7, 0) == 0.0);
    struct sax_outline epi;
    assert_int_equal(
        sax_wall_trace(images, endo, &levels, HEART_BLOOD, 9.0, 7, 0, &epi, NULL), 0);
    assert_false(epi.is_there);
    assert_true(isnan(sax_wall_thickness_mm(sax_outlines_at(endo, 7, 0), &epi)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_walls_of_any_thickness_and_the_levels),
        cmocka_unit_test(the_atrium_has_no_wall_about_it),
    };
    return cmocka_run_group_tests_name("sax_wall", tests, NULL, NULL);
}
