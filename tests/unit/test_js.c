#include "tests/unit/test.h"

#include "base/err.h"
#include "base/js.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void assert_text(const struct js *js, const char *expect)
{
    char *text = NULL;
    assert_int_equal(js_write(js, false, &text, NULL), 0);
    assert_string_equal(text, expect);
    free(text);
}

static void writes_every_kind_of_value(void **state)
{
    (void)state;
    auto_(js) struct js *js = js_object();
    struct js *list = js_array();
    js_set(js, "list", list);
    js_add(list, js_int(-5));
    js_add(list, js_real(0.25));
    js_add(list, js_real((double)NAN));
    js_add(list, js_real((double)INFINITY));
    js_add(list, js_bool(true));
    js_add(list, js_string("a\"b\n"));
    js_set_int(js, "big", INT64_MAX);
    js_set_string(js, "text", "é");
    js_set_string(js, "broken", "caf\xe9");
    js_set_bool(js, "no", false);
    assert_text(js, "{\"list\":[-5,0.25,null,null,true,\"a\\\"b\\n\"],"
                    "\"big\":9223372036854775807,\"text\":\"é\",\"broken\":\"caf?\","
                    "\"no\":false}");
}

static void gives_back_members(void **state)
{
    (void)state;
    static const char text[] =
        "{\"t\": \"text\", \"i\": 7, \"r\": 1.5, \"b\": true, \"l\": [1, \"two\"]}";
    auto_(js) struct js *js = NULL;
    assert_int_equal(js_parse(text, strlen(text), &js, NULL), 0);
    assert_string_equal(js_get_string(js, "t"), "text");
    assert_int_equal(js_get_int(js, "i"), 7);
    assert_true(js_get_real(js, "r") == 1.5 && js_get_real(js, "i") == 7.0);
    assert_true(js_get_bool(js, "b"));
    assert_int_equal(js_count(js_get(js, "l")), 2);
    assert_string_equal(js_text(js_at(js_get(js, "l"), 1)), "two");
}

static void gives_nothing_for_what_is_not_there_or_of_another_type(void **state)
{
    (void)state;
    auto_(js) struct js *js = js_object();
    js_set_int(js, "i", 7);
    assert_null(js_get(js, "none"));
    assert_null(js_get(NULL, "none"));
    assert_string_equal(js_get_string(js, "i"), "");
    assert_int_equal(js_get_int(js, "none"), 0);
    assert_true(js_get_real(js, "none") == 0.0);
    assert_false(js_get_bool(js, "i"));
    assert_int_equal(js_count(js), 0);
    assert_null(js_at(js, 0));
    assert_string_equal(js_text(NULL), "");
}

static void says_where_text_is_broken(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "", "{", "{\"a\": 1, \"a\": 2}", "[1,]", "nul", "\"caf\xe9\"", "[1] 2"};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct js *js = NULL;
        struct err err = {0};
        assert_int_equal(js_parse(cases[i], strlen(cases[i]), &js, &err), ERR_FORMAT);
        assert_non_null(strstr(err.text, "line 1, column"));
        assert_null(js);
    }
}

static void survives_deep_nesting(void **state)
{
    (void)state;
    enum { DEPTH = 1000000 };
    char *text = malloc(DEPTH);
    struct js *js = NULL;
    memset(text, '[', DEPTH);
    assert_int_equal(js_parse(text, DEPTH, &js, NULL), ERR_FORMAT);
    free(text);
}

static void tells_at_the_end_that_a_value_was_lost(void **state)
{
    (void)state;
    char *text = NULL;
    for (int kind = 0; kind < 3; kind++) {
        auto_(js) struct js *js = js_object();
        struct js *list = js_array();
        js_set(js, "list", list);
        if (kind == 0)
            js_set(js, "lost", NULL); // as when there was no memory for it
        else if (kind == 1)
            js_add(list, NULL);
        else
            js_set_string(js, "\xff", "a key that is not UTF-8");
        assert_int_equal(js_write(js, false, &text, NULL), ERR_NOMEM);
    }
    assert_int_equal(js_write(NULL, false, &text, NULL), ERR_NOMEM);
    js_set_int(NULL, "key", 1); // a tree is built without a check at each step
    js_add(NULL, js_int(1));
    js_destroy(NULL);
}

static void counts_its_owners(void **state)
{
    (void)state;
    struct js *js = js_object();
    js_set_int(js, "i", 1);
    struct js *again = js_ref(js);
    js_destroy(js);
    assert_int_equal(js_get_int(again, "i"), 1);
    js_destroy(again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_every_kind_of_value),
        cmocka_unit_test(gives_back_members),
        cmocka_unit_test(gives_nothing_for_what_is_not_there_or_of_another_type),
        cmocka_unit_test(says_where_text_is_broken),
        cmocka_unit_test(survives_deep_nesting),
        cmocka_unit_test(tells_at_the_end_that_a_value_was_lost),
        cmocka_unit_test(counts_its_owners),
    };
    return cmocka_run_group_tests_name("js", tests, NULL, NULL);
}
