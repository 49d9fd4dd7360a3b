#include "tests/unit/test.h"

#include "base/list.h"

LIST_DEFINE(number_list, int)

static void keeps_what_was_added_in_order(void **state)
{
    (void)state;
    struct number_list list = {0};
    for (int i = 0; i < 1000; i++) {
        int *item = number_list_add(&list);
        if (!item || *item != 0)
            fail();
        else
            *item = i;
    }
    assert_int_equal(list.count, 1000);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(list.items[i], i);
    number_list_finish(&list);
    assert_null(list.items);
    assert_int_equal(list.count, 0);
    number_list_finish(&list); // an empty one is fine
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_what_was_added_in_order),
    };
    return cmocka_run_group_tests_name("list", tests, NULL, NULL);
}
