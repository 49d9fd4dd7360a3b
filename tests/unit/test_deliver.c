#include "src/conf.h"
#include "src/deliver.h"
#include "tests/unit/test.h"

static void waits_longer_each_time_up_to_a_bound(void **state)
{
    (void)state;
    static const struct conf_destination TO = {.backoff_first_s = 10,
                                               .backoff_max_s = 100};
    static const struct {
        int attempts;
        uint32_t random;
        int64_t expect_s;
    } cases[] = {
        {1, UINT32_MAX / 2, 10},               // the middle of the spread
        {2, UINT32_MAX / 2, 20},               //
        {3, UINT32_MAX / 2, 40},               //
        {5, UINT32_MAX / 2, 100},              // no more than the bound
        {900, UINT32_MAX / 2, 100}, {1, 0, 8}, // 20 % less
        {1, UINT32_MAX, 12},                   // 20 % more
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(deliver_backoff_s(&TO, cases[i].attempts, cases[i].random),
                         cases[i].expect_s);
}

static void never_waits_less_than_a_second(void **state)
{
    (void)state;
    static const struct conf_destination TO = {.backoff_first_s = 1, .backoff_max_s = 1};
    assert_int_equal(deliver_backoff_s(&TO, 1, 0), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_longer_each_time_up_to_a_bound),
        cmocka_unit_test(never_waits_less_than_a_second),
    };
    return cmocka_run_group_tests_name("deliver", tests, NULL, NULL);
}
