#include "tests/unit/test.h"

#include "base/err.h"
#include "base/msg.h"
#include "src/child.h"
#include "src/loop.h"
#include "src/protocol.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* This program is also the children: `--child=KIND` runs one of those below. */

struct fixture {
    struct loop *loop;
    struct child *child;
    struct loop_timer *timer;
    int messages, ended, ticks;
    int stop_after; // messages
    bool destroys;  // the child, from inside its hook
    char how[64], text[64];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    *state = f;
    return f ? loop_create(&f->loop, NULL) : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    child_destroy(f->child);
    loop_timer_destroy(f->timer);
    loop_destroy(f->loop);
    free(f);
    return 0;
}

static void let_go(struct fixture *f)
{
    child_destroy(f->child);
    f->child = NULL;
}

static void message(void *ctx, struct child *child, struct msg *msg)
{
    struct fixture *f = ctx;
    assert_ptr_equal(child, f->child);
    snprintf(f->text, sizeof(f->text), "%s", msg_get_text(msg));
    if (++f->messages != f->stop_after)
        return;
    if (f->destroys)
        let_go(f);
    loop_stop(f->loop);
}

static void ended(void *ctx, struct child *child, const char *how)
{
    struct fixture *f = ctx;
    assert_ptr_equal(child, f->child);
    f->ended++;
    snprintf(f->how, sizeof(f->how), "%s", how);
    if (f->destroys)
        let_go(f);
    loop_stop(f->loop);
}

static void start(struct fixture *f, const char *kind)
{
    static const char *const arguments[] = {"one", "two", NULL};
    const struct child_hooks hooks = {message, ended, f};
    struct err err = {0};
    if (child_create(f->loop, kind, arguments, &hooks, &f->child, &err) < 0)
        fail_msg("%s", err.text);
    assert_true(child_pid(f->child) > 0);
}

static int say(struct fixture *f, const char *text, int pass_fd)
{
    struct msg msg;
    msg_init(&msg, 1);
    msg_put_text(&msg, text);
    const int r = child_send(f->child, &msg, pass_fd, NULL);
    msg_finish(&msg);
    return r;
}

static void tick(void *ctx)
{
    struct fixture *f = ctx;
    f->ticks++;
}

static void stop(void *ctx)
{
    loop_stop(((struct fixture *)ctx)->loop);
}

static void run_for(struct fixture *f, int ms)
{
    loop_timer_destroy(f->timer);
    loop_timer_create(f->loop, stop, f, &f->timer, NULL);
    loop_timer_start(f->timer, ms, 0);
    loop_run(f->loop);
}

/* ---- tests ---- */

static void says_once_how_a_child_ended(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *kind, *how;
    } cases[] = {{"well", "exit status 0"}, {"badly", "exit status 7"},
                 {"crash", "signal 11"},    {"silent", "signal 9"},
                 {"garbage", "signal 9"},   {"no such kind", "exit status 99"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        f->ended = 0;
        start(f, cases[i].kind);
        loop_run(f->loop);
        assert_string_equal(f->how, cases[i].how);
        run_for(f, 20);
        assert_int_equal(f->ended, 1);
        assert_int_equal(say(f, "too late", -1), ERR_IO);
        let_go(f);
    }
}

static void hands_messages_to_and_fro(void **state)
{
    struct fixture *f = *state;
    start(f, "echo");
    assert_int_equal(say(f, "hello", -1), 0);
    f->stop_after = 1;
    loop_run(f->loop);
    assert_string_equal(f->text, "one two hello");
    assert_true(child_resident_bytes(f->child) > 100000);
}

static void hands_a_descriptor_over(void **state)
{
    struct fixture *f = *state;
    int ends[2];
    char text[8] = "";
    start(f, "descriptor");
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(say(f, "take this", ends[1]), 0);
    f->stop_after = 1;
    loop_run(f->loop);
    close(ends[1]); // it stayed ours
    assert_int_equal(read(ends[0], text, sizeof(text)), 5);
    assert_string_equal(text, "here");
    close(ends[0]);
}

static void gets_all_that_a_child_says_before_it_ends(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 20; i++) {
        f->messages = 0;
        start(f, "farewell");
        loop_run(f->loop);
        assert_int_equal(f->messages, 1000);
        assert_string_equal(f->how, "exit status 3");
        let_go(f);
    }
}

static void may_be_destroyed_from_inside_its_hooks(void **state)
{
    struct fixture *f = *state;
    f->destroys = true;
    f->stop_after = 3;
    start(f, "farewell");
    loop_run(f->loop);
    assert_int_equal(f->messages, 3);
    assert_int_equal(f->ended, 0);
    start(f, "well");
    loop_run(f->loop);
    assert_int_equal(f->ended, 1);
    assert_null(f->child);
}

static void stays_awake_beside_a_child_that_floods(void **state)
{
    struct fixture *f = *state;
    struct loop_timer *timer;
    start(f, "flood");
    loop_timer_create(f->loop, tick, f, &timer, NULL);
    loop_timer_start(timer, 10, 10);
    run_for(f, 400);
    assert_true(f->messages > 1000);
    assert_true(f->ticks >= 10);
    loop_timer_destroy(timer);
}

/* A child that does not read is ended before what waits for it fills the memory. */
static void gives_up_on_a_child_that_never_reads(void **state)
{
    struct fixture *f = *state;
    static char large[1 << 20];
    memset(large, 'x', sizeof(large) - 1);
    start(f, "deaf");
    int r = 0, sent = 0;
    for (; r == 0 && sent < 200; sent++)
        r = say(f, large, -1);
    assert_true(r < 0 && sent < 100);
    loop_run(f->loop);
    assert_string_equal(f->how, "signal 9");
}

/* ... and gets no descriptor that would have to wait: that is an error, not a bug. */
static void hands_no_descriptor_to_a_child_that_does_not_read(void **state)
{
    struct fixture *f = *state;
    static char large[1 << 20];
    memset(large, 'x', sizeof(large) - 1);
    start(f, "deaf");
    assert_int_equal(say(f, large, -1), 0);
    assert_int_equal(say(f, "and this", STDERR_FILENO), ERR_IO);
    loop_run(f->loop);
    assert_string_equal(f->how, "signal 9");
}

/* ---- the children ---- */

static void tell(const char *text)
{
    struct msg msg;
    msg_init(&msg, 2);
    msg_put_text(&msg, text);
    if (msg_write(CHILD_FD, &msg, -1) != 0)
        _exit(98);
    msg_finish(&msg);
}

static int echo(const char *one, const char *two)
{
    char text[100];
    struct msg msg;
    if (msg_read(CHILD_FD, &msg, NULL) != 1)
        return 97;
    snprintf(text, sizeof(text), "%s %s %s", one, two, msg_get_text(&msg));
    msg_finish(&msg);
    tell(text);
    return msg_read(CHILD_FD, &msg, NULL);
}

static int use_descriptor(void)
{
    struct msg msg;
    int fd = -1;
    if (msg_read(CHILD_FD, &msg, &fd) != 1 || write(fd, "here", 5) != 5)
        return 97;
    msg_finish(&msg);
    tell("written");
    return 0;
}

static int run_child(const char *kind, char **arguments)
{
    if (strcmp(kind, "well") == 0)
        return 0;
    if (strcmp(kind, "badly") == 0)
        return 7;
    if (strcmp(kind, "crash") == 0) {
        signal(SIGSEGV, SIG_DFL); // a sanitizer's own handler would exit
        raise(SIGSEGV);
    }
    if (strcmp(kind, "silent") == 0) { // hangs up and lives on
        close(CHILD_FD);
        return (int)sleep(100);
    }
    if (strcmp(kind, "garbage") == 0)
        return write(CHILD_FD, "\xff\xff\xff\xff garbage", 12) == 12 ? (int)sleep(100)
                                                                     : 1;
    if (strcmp(kind, "deaf") == 0)
        return (int)sleep(100);
    if (strcmp(kind, "echo") == 0)
        return echo(arguments[0], arguments[1]);
    if (strcmp(kind, "descriptor") == 0)
        return use_descriptor();
    for (int i = 0; strcmp(kind, "farewell") == 0 && i < 1000; i++)
        tell("farewell");
    while (strcmp(kind, "flood") == 0)
        tell("flood");
    return strcmp(kind, "farewell") == 0 ? 3 : 99;
}

int main(int argc, char **argv)
{
    if (argc == 4 && strncmp(argv[1], "--child=", 8) == 0)
        return run_child(argv[1] + 8, argv + 2);
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(says_once_how_a_child_ended),
        TEST(hands_messages_to_and_fro),
        TEST(hands_a_descriptor_over),
        TEST(gets_all_that_a_child_says_before_it_ends),
        TEST(may_be_destroyed_from_inside_its_hooks),
        TEST(stays_awake_beside_a_child_that_floods),
        TEST(gives_up_on_a_child_that_never_reads),
        TEST(hands_no_descriptor_to_a_child_that_does_not_read),
    };
    return cmocka_run_group_tests_name("child", tests, NULL, NULL);
}
