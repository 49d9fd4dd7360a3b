#include "base/err.h"
#include "src/route.h"
#include "tests/unit/test.h"

#include <string.h>

struct walk {
    struct route route;
    char path[64];
    int code; // what the last hop was told
};

static void step(void *job, const char *name)
{
    struct walk *w = job;
    strncat(w->path, name, sizeof(w->path) - strlen(w->path) - 1);
}

static void first(void *job, const struct err *err)
{
    (void)err;
    step(job, "a");
}

static void second(void *job, const struct err *err)
{
    (void)err;
    step(job, "b");
}

static void last(void *job, const struct err *err)
{
    step(job, "z");
    ((struct walk *)job)->code = err->code;
}

static const struct hop HOPS[] = {
    {ON_STORE, "first", first},
    {ON_WORKER, "second", second},
    {ON_LOOP, "last", last},
    {NOWHERE, "end", NULL},
};

static void goes_hop_by_hop(void **state)
{
    (void)state;
    struct walk w = {.code = 1};
    const struct err fine = {0};
    route_start(&w.route, HOPS, &w);
    assert_string_equal(route_name(&w.route), "first");
    route_next(&w.route, &fine);
    assert_string_equal(route_name(&w.route), "second");
    route_next(&w.route, &fine);
    assert_string_equal(w.path, "abz");
    assert_int_equal(w.code, 0);
}

static void a_failure_goes_to_the_last_hop_with_its_reason(void **state)
{
    (void)state;
    struct walk w = {.code = 1};
    struct err failed = {0};
    err_set(&failed, ERR_IO, "disk");
    route_start(&w.route, HOPS, &w);
    route_next(&w.route, &failed);
    assert_string_equal(w.path, "az");
    assert_int_equal(w.code, ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_hop_by_hop),
        cmocka_unit_test(a_failure_goes_to_the_last_hop_with_its_reason),
    };
    return cmocka_run_group_tests_name("route", tests, NULL, NULL);
}
