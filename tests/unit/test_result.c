#include "tests/unit/test.h"

#include "base/err.h"
#include "base/result.h"

static void keeps_the_first_reason_of_a_refusal(void **state)
{
    (void)state;
    auto_(result) struct result *result = NULL;
    assert_int_equal(result_create("a", "1", "A", &result, NULL), 0);

    result_refuse(result, "only %d frames", 5);
    result_refuse(result, "no bolus");

    assert_int_equal(result->status, RESULT_REFUSED);
    assert_string_equal(result->reason, "only 5 frames");
}

static void knows_its_worst_verdict(void **state)
{
    (void)state;
    auto_(result) struct result *result = NULL;
    assert_int_equal(result_create("a", "1", "A", &result, NULL), 0);
    assert_int_equal(result_verdict(result), VERDICT_OK);

    result_add_check(result, "motion", VERDICT_WARN, NULL, "%.1f mm", 2.5);
    result_add_check(result, "baseline", VERDICT_OK, NULL, "9 frames");

    assert_int_equal(result_verdict(result), VERDICT_WARN);
    assert_string_equal(result->checks.items[0].text, "2.5 mm");
    assert_string_equal(verdict_name(VERDICT_FAIL), "fail");
}

static void finds_a_measurement_by_its_name(void **state)
{
    (void)state;
    auto_(result) struct result *result = NULL;
    assert_int_equal(result_create("a", "1", "A", &result, NULL), 0);
    for (int i = 0; i < 20; i++) {
        struct result_measurement *m = measurement_list_add(&result->measurements);
        assert_non_null(m);
        m->name = i == 17 ? "core_volume" : "other";
        m->value = i;
    }

    assert_float_equal(result_measurement(result, "core_volume")->value, 17.0, 0.0);
    assert_null(result_measurement(result, "mismatch_ratio"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_the_first_reason_of_a_refusal),
        cmocka_unit_test(knows_its_worst_verdict),
        cmocka_unit_test(finds_a_measurement_by_its_name),
    };
    return cmocka_run_group_tests_name("result", tests, NULL, NULL);
}
