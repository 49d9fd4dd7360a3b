#include "tests/unit/test.h"

#include "pipeline/lib/page_chart.h"

#include <math.h>

static void picks_steps_that_people_count_in(void **state)
{
    (void)state;
    static const struct {
        double lo, hi;
        int steps;
        struct chart_axis expect;
    } cases[] = {
        {0, 60, 8, {0, 60, 10}},         {0, 59, 6, {0, 60, 10}},
        {-12, 431, 5, {-200, 600, 200}}, {0, 1, 5, {0, 1, 0.2}},
        {0, 0.3, 3, {0, 0.3, 0.1}},      {0, 0, 4, {0, 0.1, 0.025}},
        {0, 13000, 4, {0, 15000, 5000}}, {3, 4, 2, {3, 4, 0.5}},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct chart_axis axis = chart_axis_fit(cases[i].lo, cases[i].hi, cases[i].steps);
        assert_float_equal(axis.lo, cases[i].expect.lo, 1e-9);
        assert_float_equal(axis.hi, cases[i].expect.hi, 1e-9);
        assert_float_equal(axis.step, cases[i].expect.step, 1e-9);
    }
}

static void holds_its_range_in_no_more_steps_than_asked(void **state)
{
    (void)state;
    uint32_t seed = 5;
    for (int i = 0; i < 5000; i++) {
        seed = seed * 1664525u + 1013904223u;
        double lo = ((double)(seed >> 8) / 8388608 - 1) * pow(10, i % 9 - 4);
        seed = seed * 1664525u + 1013904223u;
        double hi = lo + (double)(seed >> 8) / 16777216 * pow(10, i % 7 - 3);
        int steps_max = 2 + i % 9;
        struct chart_axis axis = chart_axis_fit(lo, hi, steps_max);
        assert_true(axis.lo <= lo + 1e-6 * axis.step && axis.hi >= hi - 1e-6 * axis.step);
        assert_true(axis.step > 0 && axis.hi > axis.lo);
        assert_true(lround((axis.hi - axis.lo) / axis.step) <= steps_max);
    }
}

static void maps_values_onto_pixels(void **state)
{
    (void)state;
    struct chart_axis axis = {0, 400, 100};
    assert_float_equal(chart_axis_at(&axis, 0, 300, 100), 300, 1e-9);
    assert_float_equal(chart_axis_at(&axis, 400, 300, 100), 100, 1e-9);
    assert_float_equal(chart_axis_at(&axis, 100, 300, 100), 250, 1e-9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(picks_steps_that_people_count_in),
        cmocka_unit_test(holds_its_range_in_no_more_steps_than_asked),
        cmocka_unit_test(maps_values_onto_pixels),
    };
    return cmocka_run_group_tests_name("page_chart", tests, NULL, NULL);
}
