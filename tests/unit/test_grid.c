#include "tests/unit/test.h"

#include "base/err.h"
#include "base/grid.h"

#include <math.h>
#include <string.h>

/* 4 x 3 x 2 voxels of 0.5 x 2 x 5 mm, coronal, the second slice not where it should be. */
static struct grid *make(void)
{
    static const double orientation[6] = {1, 0, 0, 0, 0, -1};
    struct grid *grid = NULL;
    assert_int_equal(grid_create(4, 3, 2, &grid, NULL), 0);
    memcpy(grid->orientation, orientation, sizeof(orientation));
    grid->spacing_mm[0] = 0.5;
    grid->spacing_mm[1] = 2.0;
    grid->thickness_mm = 5.0;
    grid->position_mm[0][0] = 10.0;
    grid->position_mm[1][1] = 6.5;
    return grid;
}

static void refuses_to_be_empty(void **state)
{
    (void)state;
    struct grid *grid = NULL;
    static const size_t sizes[][3] = {{0, 1, 1}, {1, 0, 1}, {1, 1, 0}};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        assert_int_equal(grid_create(sizes[i][0], sizes[i][1], sizes[i][2], &grid, NULL),
                         ERR_FORMAT);
    assert_null(grid);
    grid_destroy(NULL);
}

static void places_voxels_in_the_patient(void **state)
{
    (void)state;
    auto_(grid) struct grid *grid = make();
    static const struct {
        double x, y;
        size_t z;
        double expect[3];
    } cases[] = {
        {0, 0, 0, {10, 0, 0}},
        {2, 0, 0, {11, 0, 0}},
        {0, 2, 0, {10, 0, -4}},
        {3, 1, 1, {1.5, 6.5, -2}},
        {-0.5, -0.5, 1, {-0.25, 6.5, 1}}, // the corner of the first voxel
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        double got[3];
        grid_to_patient(grid, cases[i].x, cases[i].y, cases[i].z, got);
        for (int k = 0; k < 3; k++)
            assert_float_equal(got[k], cases[i].expect[k], 1e-12);
    }
}

static void measures_voxels(void **state)
{
    (void)state;
    auto_(grid) struct grid *grid = make();
    double normal[3];
    assert_int_equal(grid_voxels(grid), 24);
    assert_float_equal(grid_voxel_ml(grid), 0.005, 1e-12);
    grid_normal(grid, normal);
    assert_true(normal[0] == 0.0 && normal[1] == 1.0 && normal[2] == 0.0);
}

static void is_copied_whole(void **state)
{
    (void)state;
    struct grid *grid = make(), *copy = NULL;
    assert_int_equal(grid_clone(grid, &copy, NULL), 0);
    grid->position_mm[1][1] = 0.0;
    grid_destroy(grid);
    assert_int_equal(grid_voxels(copy), 24);
    assert_true(copy->position_mm[1][1] == 6.5 && copy->thickness_mm == 5.0);
    grid_destroy(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_to_be_empty),
        cmocka_unit_test(places_voxels_in_the_patient),
        cmocka_unit_test(measures_voxels),
        cmocka_unit_test(is_copied_whole),
    };
    return cmocka_run_group_tests_name("grid", tests, NULL, NULL);
}
