#include "tests/unit/test.h"

#include "base/err.h"
#include "pipeline/perfusion/midline.h"

#include <math.h>
#include <stdlib.h>

enum { NX = 120, NY = 140, NZ = 4 };

/** An egg-shaped head, longer than wide, turned by degrees about (x, y) mm. */
static uint8_t *make_head(const struct cine *cine, double x_mm, double y_mm,
                          double degrees)
{
    uint8_t *mask = calloc(cine_volume(cine), 1);
    assert_non_null(mask);
    const double c = cos(degrees * M_PI / 180.0), s = sin(degrees * M_PI / 180.0);
    for (size_t i = 0; i < cine_volume(cine); i++) {
        const double dx = (double)(i % NX) * cine->spacing_mm[0] - x_mm;
        const double dy = (double)(i / NX % NY) * cine->spacing_mm[1] - y_mm;
        const double u = c * dx + s * dy, v = -s * dx + c * dy;
        const double half = 62.0 - 0.12 * v; // wider at the back
        mask[i] = u * u / (half * half) + v * v / (85.0 * 85.0) < 1.0;
    }
    return mask;
}

static void finds_the_plane_of_symmetry_of_a_turned_and_shifted_head(void **state)
{
    (void)state;
    static const double cases[][3] = {
        {119, 139, 0}, {105, 150, 0}, {119, 139, 9}, {128, 132, -14}};
    struct err err = {0};
    auto_(cine) struct cine *cine = NULL;
    assert_int_equal(cine_create(NX, NY, NZ, 1, &cine, &err), 0);
    cine->spacing_mm[0] = cine->spacing_mm[1] = 2.0;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint8_t *mask = make_head(cine, cases[i][0], cases[i][1], cases[i][2]);
        const struct midline m = midline_find(cine, mask);
        free(mask);
        const double degrees = atan2(m.sine, m.cosine) * 180.0 / M_PI;
        assert_float_equal(degrees, cases[i][2], 2.5);
        const double off_mm = m.cosine * cases[i][0] + m.sine * cases[i][1] - m.offset_mm;
        assert_float_equal(off_mm, 0.0, 2.5);
        assert_true(m.symmetry > 0.97);
    }
}

static void an_empty_mask_gives_the_middle_of_the_picture(void **state)
{
    (void)state;
    struct err err = {0};
    auto_(cine) struct cine *cine = NULL;
    assert_int_equal(cine_create(NX, NY, 1, 1, &cine, &err), 0);
    cine->spacing_mm[0] = cine->spacing_mm[1] = 2.0;
    uint8_t *mask = calloc(cine_volume(cine), 1);
    const struct midline m = midline_find(cine, mask);
    free(mask);
    assert_true(midline_side_mm(&m, cine, 0, 70) < 0.0);
    assert_true(midline_side_mm(&m, cine, NX - 1, 70) > 0.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_plane_of_symmetry_of_a_turned_and_shifted_head),
        cmocka_unit_test(an_empty_mask_gives_the_middle_of_the_picture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
