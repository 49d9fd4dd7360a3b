#include "tests/unit/test.h"

#include "pipeline/cardiac_cine/sax_sectors.h"

#include <math.h>

static const double DEGREE = M_PI / 180.0;

static void the_clock_starts_at_the_top_and_goes_to_the_right(void **state)
{
    (void)state;
    const struct sax_sectors_start start = {.angle = -90.0 * DEGREE};
    static const struct {
        int third;
        double deg; // from +x (to the right) to +y (down)
        size_t expect;
    } cases[] = {
        {0, -89, 0},  {0, -31, 0}, {0, -29, 1},  {0, 31, 2},   {0, 89, 2},
        {0, 91, 3},   {0, 179, 4}, {0, 269, 5},  {1, -60, 6},  {1, 260, 11},
        {2, -60, 12}, {2, 10, 13}, {2, 100, 14}, {2, 190, 15},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(sax_sectors_index(&start, cases[i].third, cases[i].deg * DEGREE),
                         cases[i].expect);
}

static void the_segments_of_the_aha_go_about_from_the_septum(void **state)
{
    (void)state;
    // As it is usually shown: the septum at the left (180), the anterior wall above (-90, 270).
    const struct sax_sectors_start start = {.is_aha = true, .angle = 180.0 * DEGREE};
    static const struct {
        int third;
        double deg;
        size_t segment; // from 1
    } cases[] = {
        {0, 210, 2},  {0, 270, 1}, {0, 330, 6}, {0, 30, 5},  {0, 90, 4},
        {0, 150, 3},  {1, 210, 8}, {1, 270, 7}, {1, 90, 10}, {2, 180, 14},
        {2, 270, 13}, {2, 0, 16},  {2, 90, 15},
    };
    struct sax_sectors_start mirrored = start;
    mirrored.is_reverse = true;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(sax_sectors_index(&start, cases[i].third, cases[i].deg * DEGREE)
                             + 1,
                         cases[i].segment);
        assert_int_equal(
            sax_sectors_index(&mirrored, cases[i].third, -cases[i].deg * DEGREE) + 1,
            cases[i].segment);
    }
}

static void measures_a_wall_that_thickens_on_one_side(void **state)
{
    (void)state;
    struct sax_outline endo = {.is_there = true}, ed = endo, es = endo;
    for (size_t a = 0; a < SAX_ANGLES; a++) {
        endo.r_mm[a] = 20.0f;
        ed.r_mm[a] = 28.0f;
        es.r_mm[a] = a < SAX_ANGLES / 2 ? 32.0f : 28.0f; // 0 to 180 degrees
    }
    struct sax_sectors_slice slices[6];
    for (size_t i = 0; i < 6; i++)
        slices[i] = (struct sax_sectors_slice){{&endo, &endo}, {&ed, &es}};
    const struct sax_sectors_start start = {.angle = 0.0};
    struct sax_sector found[SAX_SECTORS];
    sax_sectors_measure(slices, 6, &start, found);
    for (size_t k = 0; k < SAX_SECTORS; k++) {
        const bool is_thick = k < 3 || (k >= 6 && k < 9) || k == 12 || k == 13;
        assert_true(fabs(found[k].ed_mm - 8.0) < 1e-4);
        assert_true(fabs(found[k].thickening_percent - (is_thick ? 50.0 : 0.0)) < 1e-3);
    }
    sax_sectors_measure(slices, 1, &start, found); // one slice: the base alone
    assert_true(isfinite(found[0].ed_mm) && isnan(found[6].ed_mm));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_clock_starts_at_the_top_and_goes_to_the_right),
        cmocka_unit_test(the_segments_of_the_aha_go_about_from_the_septum),
        cmocka_unit_test(measures_a_wall_that_thickens_on_one_side),
    };
    return cmocka_run_group_tests_name("sax_sectors", tests, NULL, NULL);
}
