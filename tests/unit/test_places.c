#include "tests/unit/test.h"

#include "src/places.h"

#include <math.h>

static bool is_near(double a, double b)
{
    return fabs(a - b) < 1e-6;
}

static void lays_the_positions_of_instances_over_each_other(void **state)
{
    (void)state;
    static const struct {
        struct stack_facts stacks[4];
        int positions;
        double first_mm, last_mm;
    } cases[] = {
        {{{0, 0, 0, 0}}, 0, 0, 0},
        {{{1, 1, 5, 5}, {1, 1, 0, 0}, {1, 1, 5.04, 5.04}}, 2, 0, 5.04}, // classic
        {{{48, 16, -10, 65}}, 16, -10, 65},              // Enhanced, all times
        {{{16, 16, 0, 75}, {16, 16, 0, 75}}, 16, 0, 75}, // one a time
        {{{20, 1, 0, 0}, {20, 1, 5, 5}, {20, 1, 10, 10}}, 3, 0, 10}, // one a slice
        {{{8, 8, 0, 35}, {8, 8, 40, 75}}, 16, 0, 75},                // a table to and fro
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct place_list places = {0};
        struct series_facts series = {.positions = 99};
        for (size_t k = 0; k < 4; k++)
            assert_int_equal(places_add(&places, &cases[i].stacks[k], NULL), 0);
        places_tell(&places, &series);
        place_list_finish(&places);
        assert_int_equal(series.positions, cases[i].positions);
        assert_true(is_near(series.first_mm, cases[i].first_mm));
        assert_true(is_near(series.last_mm, cases[i].last_mm));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lays_the_positions_of_instances_over_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
