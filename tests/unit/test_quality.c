#include "tests/unit/test.h"

#include "pipeline/perfusion/quality.h"

static const struct quality_bounds BOUNDS = {.motion_warn_mm = 2.0,
                                             .motion_warn_deg = 2.0,
                                             .motion_fail_mm = 20.0,
                                             .bilateral_warn_percent = 20.0,
                                             .unit = "HU"};

static enum verdict of_motion(struct motion motion, enum result_status *ret_status)
{
    auto_(result) struct result *result = NULL;
    assert_int_equal(result_create("a", "1", "A", &result, NULL), 0);
    assert_int_equal(quality_of_motion(result, &motion, &BOUNDS, NULL), 0);
    assert_int_equal(result->checks.count, 1);
    *ret_status = result->status;
    return result->checks.items[0].verdict;
}

static void motion_warns_by_way_turn_or_lost_frames_and_refuses_by_way(void **state)
{
    (void)state;
    static const struct {
        struct motion motion;
        enum verdict verdict;
    } cases[] = {
        {{.max_mm = 1.9, .max_deg = 1.9}, VERDICT_OK},
        {{.max_mm = 2.1}, VERDICT_WARN},
        {{.max_deg = 2.1}, VERDICT_WARN},
        {{.rejected = 1}, VERDICT_WARN},
        {{.max_deg = 90.0}, VERDICT_WARN},
        {{.max_mm = 20.1, .rejected = 1}, VERDICT_FAIL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        enum result_status status;
        assert_int_equal(of_motion(cases[i].motion, &status), cases[i].verdict);
        assert_int_equal(status,
                         cases[i].verdict == VERDICT_FAIL ? RESULT_REFUSED : RESULT_OK);
    }
}

static void both_sides_warn_beyond_a_fifth_whichever_is_the_lesser(void **state)
{
    (void)state;
    static const struct {
        size_t left, right;
        enum verdict verdict;
    } cases[] = {{0, 0, VERDICT_OK},
                 {100, 0, VERDICT_OK},
                 {80, 20, VERDICT_OK},
                 {79, 21, VERDICT_WARN},
                 {21, 79, VERDICT_WARN}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        auto_(result) struct result *result = NULL;
        assert_int_equal(result_create("a", "1", "A", &result, NULL), 0);
        assert_int_equal(
            quality_of_sides(result, cases[i].left, cases[i].right, &BOUNDS, NULL), 0);
        assert_int_equal(result->checks.items[0].verdict, cases[i].verdict);
        assert_int_equal(result->status, RESULT_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(motion_warns_by_way_turn_or_lost_frames_and_refuses_by_way),
        cmocka_unit_test(both_sides_warn_beyond_a_fifth_whichever_is_the_lesser),
    };
    return cmocka_run_group_tests_name("quality", tests, NULL, NULL);
}
