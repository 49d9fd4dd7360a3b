#include "tests/unit/test.h"

#include "pipeline/perfusion/perfusion_group.h"

#include <math.h>

static void groups_to_five_millimetres_and_forty_pictures(void **state)
{
    (void)state;
    static const struct {
        size_t slices;
        double mm;
        size_t expect;
    } cases[] = {{1, 10, 1},     {16, 5, 1},  {24, 1, 1},  {32, 5, 1},  {32, 2.5, 2},
                 {320, 0.5, 10}, {160, 1, 5}, {320, 5, 8}, {41, 10, 2}, {320, 0, 320}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(perfusion_group_size(cases[i].slices, cases[i].mm),
                         cases[i].expect);
}

/* Five slices of one voxel in groups of two: 0 1, 2 3, 4. */
static void takes_means_within_the_brain_and_majorities(void **state)
{
    (void)state;
    static const float anatomy[5] = {10, 20, 30, 50, 7}, tmax[5] = {2, 4, 6, 100, 9};
    static const uint8_t brain[5] = {1, 1, 1, 0, 1}, core[5] = {0, 0, 1, 0, 1};
    static const uint8_t passed[5] = {1, 2, 4, 4, 3};
    static const struct perfusion_site site = {0, 0, 3};
    auto_(grid) struct grid *grid = NULL;
    assert_int_equal(grid_create(1, 1, 5, &grid, NULL), 0);
    grid->thickness_mm = 2.5;
    for (size_t z = 0; z < 5; z++)
        grid->position_mm[z][2] = 2.5 * (double)z;

    struct perfusion_view view;
    perfusion_view_init(&view);
    view.grid = grid;
    view.anatomy = anatomy;
    view.tmax = tmax;
    view.brain = brain;
    view.core = core;
    view.tmax_levels.passed = passed;
    view.aif.sites = &site;
    view.aif.site_count = 1;
    auto_(perfusion_group) struct perfusion_group *group = NULL;
    assert_int_equal(perfusion_group_create(&view, 2, &group, NULL), 0);

    const struct perfusion_view *thick = perfusion_group_view(group);
    static const float expect_anatomy[3] = {15, 40, 7}, expect_tmax[3] = {3, 6, 9};
    static const uint8_t expect_core[3] = {0, 1, 1}, expect_passed[3] = {1, 4, 3};
    static const double expect_mm[3] = {1.25, 6.25, 10};
    assert_int_equal(thick->grid->nz, 3);
    assert_float_equal(thick->grid->thickness_mm, 5, 1e-9);
    for (size_t z = 0; z < 3; z++) {
        assert_float_equal(thick->anatomy[z], expect_anatomy[z], 1e-5);
        assert_float_equal(thick->tmax[z], expect_tmax[z], 1e-5);
        assert_int_equal(thick->core[z], expect_core[z]);
        assert_int_equal(thick->tmax_levels.passed[z], expect_passed[z]);
        assert_float_equal(thick->grid->position_mm[z][2], expect_mm[z], 1e-9);
    }
    assert_null(thick->cbf);
    assert_int_equal(thick->aif.sites[0].z, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_to_five_millimetres_and_forty_pictures),
        cmocka_unit_test(takes_means_within_the_brain_and_majorities),
    };
    return cmocka_run_group_tests_name("perfusion_group", tests, NULL, NULL);
}
