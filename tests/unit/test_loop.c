#include "tests/unit/test.h"

#include "base/err.h"
#include "src/loop.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct loop *loop;
static char inherited[400]; // descriptors that any child of ours has

static int setup(void **state)
{
    (void)state;
    return loop_create(&loop, NULL);
}

static int teardown(void **state)
{
    (void)state;
    loop_destroy(loop);
    return 0;
}

static void stop(void *ctx)
{
    (void)ctx;
    loop_stop(loop);
}

/* ---- timers ---- */

struct tick {
    struct loop_timer *timer;
    char *log; // of all of them
    char name;
    int left;
};

static void ticked(void *ctx)
{
    struct tick *tick = ctx;
    strncat(tick->log, &tick->name, 1);
    if (--tick->left > 0)
        return;
    loop_timer_destroy(tick->timer); // from inside its own callback
    tick->timer = NULL;
    if (tick->name == 'z')
        loop_stop(loop);
}

static void calls_timers_in_the_order_of_their_time(void **state)
{
    (void)state;
    char log[40] = "";
    struct tick ticks[] = {{NULL, log, 'z', 1}, {NULL, log, 'a', 1}, {NULL, log, 'b', 2}};
    static const int delays_ms[] = {90, 10, 30}, repeats_ms[] = {0, 0, 30};
    const int64_t begin_ms = loop_now_ms(loop);
    for (size_t i = 0; i < ARRAY_LEN(ticks); i++) {
        loop_timer_create(loop, ticked, &ticks[i], &ticks[i].timer, NULL);
        loop_timer_start(ticks[i].timer, delays_ms[i], repeats_ms[i]);
    }
    loop_run(loop);
    assert_string_equal(log, "abbz");
    assert_true(loop_now_ms(loop) - begin_ms >= 89);
}

static void does_not_call_a_timer_that_was_stopped_or_destroyed(void **state)
{
    (void)state;
    char log[40] = "";
    struct tick ticks[] = {{NULL, log, 'z', 1},
                           {NULL, log, 'a', 1},
                           {NULL, log, 'b', 1},
                           {NULL, log, 'c', 1}};
    for (size_t i = 0; i < ARRAY_LEN(ticks); i++) {
        loop_timer_create(loop, ticked, &ticks[i], &ticks[i].timer, NULL);
        loop_timer_start(ticks[i].timer, i == 0 ? 40 : 10, 0);
    }
    loop_timer_stop(ticks[1].timer);
    loop_timer_start(ticks[2].timer, 20, 0); // restarted: once, and later
    loop_timer_destroy(ticks[3].timer);
    loop_timer_destroy(NULL);
    loop_run(loop);
    assert_string_equal(log, "bz");
    loop_timer_destroy(ticks[1].timer);
}

/* ---- posts ---- */

enum { THREADS = 4, POSTS = 5000 };

struct post {
    int thread, number;
};
static struct post posts[THREADS][POSTS];
static int seen[THREADS], seen_all;

static void posted(void *ctx)
{
    const struct post *post = ctx;
    assert_int_equal(post->number, seen[post->thread]++); // in the order of its thread
    if (++seen_all == THREADS * POSTS)
        loop_stop(loop);
}

static void *post_many(void *ctx)
{
    struct post *mine = ctx;
    for (int i = 0; i < POSTS; i++)
        loop_post(loop, posted, &mine[i]);
    return NULL;
}

static void takes_posts_of_threads_in_order_and_loses_none(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        for (int k = 0; k < POSTS; k++)
            posts[i][k] = (struct post){i, k};
        pthread_create(&threads[i], NULL, post_many, posts[i]);
    }
    loop_run(loop);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(seen_all, THREADS * POSTS);
}

static void post_again(void *ctx)
{
    int *left = ctx;
    if (--*left > 0)
        loop_post(loop, post_again, left);
    else
        loop_stop(loop);
}

static void takes_posts_from_inside_a_post(void **state)
{
    (void)state;
    int left = 1000;
    loop_post(loop, post_again, &left);
    loop_run(loop);
    assert_int_equal(left, 0);
}

static void returns_at_once_when_stopped_before_it_runs(void **state)
{
    (void)state;
    loop_stop(loop);
    loop_run(loop);
    loop_post(loop, stop, NULL); // and the next run is not stopped by that
    loop_run(loop);
    loop_post(loop, stop, NULL); // one that is never called leaks nothing
}

/* ---- descriptors ---- */

struct seen_events {
    struct loop_watch *watch;
    int fd, readable, writable;
    char text[16];
};

static void ready(void *ctx, int events)
{
    struct seen_events *seen_here = ctx;
    seen_here->readable += (events & LOOP_READABLE) != 0;
    seen_here->writable += (events & LOOP_WRITABLE) != 0;
    if (events & LOOP_WRITABLE)
        loop_watch_set(seen_here->watch, LOOP_READABLE);
    else if (read(seen_here->fd, seen_here->text, sizeof(seen_here->text)) == 0)
        loop_stop(loop);
}

static void watches_a_descriptor_until_its_end(void **state)
{
    (void)state;
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    struct seen_events seen_here = {.fd = pair[0]};
    assert_int_equal(
        loop_watch_create(loop, pair[0], ready, &seen_here, &seen_here.watch, NULL), 0);
    loop_watch_set(seen_here.watch, LOOP_READABLE | LOOP_WRITABLE);
    assert_int_equal(write(pair[1], "hello", 6), 6);
    close(pair[1]);
    loop_run(loop);
    assert_string_equal(seen_here.text, "hello");
    assert_int_equal(seen_here.writable, 1);
    assert_true(seen_here.readable >= 2);
    loop_watch_destroy(seen_here.watch);
    loop_watch_destroy(NULL);
    close(pair[0]);
}

static void leaves_a_paused_descriptor_alone(void **state)
{
    (void)state;
    int pair[2];
    struct loop_timer *timer;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    struct seen_events seen_here = {.fd = pair[0]};
    loop_watch_create(loop, pair[0], ready, &seen_here, &seen_here.watch, NULL);
    loop_watch_set(seen_here.watch, LOOP_READABLE);
    loop_watch_set(seen_here.watch, 0);
    assert_int_equal(write(pair[1], "hello", 6), 6);
    loop_timer_create(loop, stop, NULL, &timer, NULL);
    loop_timer_start(timer, 30, 0);
    loop_run(loop);
    assert_int_equal(seen_here.readable, 0);
    loop_timer_destroy(timer);
    loop_watch_destroy(seen_here.watch);
    close(pair[0]);
    close(pair[1]);
}

static void refuses_to_watch_what_is_no_descriptor(void **state)
{
    (void)state;
    struct loop_watch *watch = NULL;
    assert_int_equal(loop_watch_create(loop, -1, ready, NULL, &watch, NULL), ERR_IO);
    assert_null(watch);
}

/* ---- signals and processes ---- */

static void signalled(void *ctx, int signo)
{
    *(int *)ctx = signo;
    loop_stop(loop);
}

static void tells_signals(void **state)
{
    (void)state;
    int signo = 0;
    assert_int_equal(loop_on_signal(loop, SIGUSR1, signalled, &signo, NULL), 0);
    raise(SIGUSR1);
    loop_run(loop);
    assert_int_equal(signo, SIGUSR1);
}

struct ended {
    struct loop_process *process;
    int64_t status;
    int signal, times;
};

static void has_ended(void *ctx, int64_t status, int signal)
{
    struct ended *ended = ctx;
    ended->status = status;
    ended->signal = signal;
    ended->times++;
    loop_stop(loop);
}

static void start(struct ended *ended, const char *command, int out)
{
    const char *const argv[] = {"/bin/sh", "-c", command, NULL};
    const int fds[] = {-1, out, STDERR_FILENO};
    const struct loop_process_spec spec = {argv, fds, 3};
    assert_int_equal(
        loop_process_start(loop, &spec, has_ended, ended, &ended->process, NULL), 0);
    assert_true(loop_process_pid(ended->process) > 0);
}

static void tells_how_a_process_ended(void **state)
{
    (void)state;
    static const struct {
        const char *command;
        int status, signal;
    } cases[] = {{"exit 0", 0, 0}, {"exit 7", 7, 0}, {"kill -SEGV $$", 0, SIGSEGV}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct ended ended = {0};
        start(&ended, cases[i].command, -1);
        loop_run(loop);
        assert_int_equal(ended.status, cases[i].status);
        assert_int_equal(ended.signal, cases[i].signal);
        assert_int_equal(ended.times, 1);
        loop_process_kill(ended.process, SIGKILL); // has ended: left alone
        loop_process_destroy(ended.process);
    }
}

static void gives_a_process_its_descriptors_and_no_others(void **state)
{
    (void)state;
    int ends[2];
    char text[sizeof(inherited)] = "";
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    struct ended ended = {0};
    start(&ended, "cat; ls /proc/self/fd", ends[1]);
    close(ends[1]);
    loop_run(loop);
    assert_true(read(ends[0], text, sizeof(text) - 1) > 0);
    close(ends[0]);
    assert_string_equal(text, inherited);
    loop_process_destroy(ended.process);
}

static void kills_a_process(void **state)
{
    (void)state;
    struct ended ended = {0};
    start(&ended, "exec sleep 100", -1);
    loop_process_kill(ended.process, SIGKILL);
    loop_run(loop);
    assert_int_equal(ended.signal, SIGKILL);
    loop_process_destroy(ended.process);
}

static void may_end_while_a_process_that_was_let_go_of_is_not_reaped(void **state)
{
    (void)state;
    struct ended ended = {0};
    start(&ended, "exec sleep 100", -1);
    loop_process_kill(ended.process, SIGKILL);
    loop_process_destroy(ended.process); // teardown destroys the loop at once
    loop_process_destroy(NULL);
    assert_int_equal(ended.times, 0);
}

static void forgets_a_process_that_was_let_go_of(void **state)
{
    (void)state;
    struct ended gone = {0}, ended = {0};
    start(&gone, "exit 1", -1);
    loop_process_destroy(gone.process);
    start(&ended, "sleep 0.1", -1);
    loop_run(loop);
    assert_int_equal(gone.times, 0);
    assert_int_equal(ended.times, 1);
    loop_process_destroy(ended.process);
}

static void says_that_a_program_is_not_there(void **state)
{
    (void)state;
    struct err err = {0};
    struct loop_process *process = NULL;
    const char *const argv[] = {"/no/such/program", NULL};
    const struct loop_process_spec spec = {argv, NULL, 0};
    assert_int_equal(loop_process_start(loop, &spec, has_ended, NULL, &process, &err),
                     ERR_IO);
    assert_non_null(strstr(err.text, "start a process"));
    assert_null(process);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    FILE *list = popen("cat </dev/null; ls /proc/self/fd", "r");
    if (!list || fread(inherited, 1, sizeof(inherited) - 1, list) == 0)
        return 1;
    pclose(list);
    const struct CMUnitTest tests[] = {
        TEST(calls_timers_in_the_order_of_their_time),
        TEST(does_not_call_a_timer_that_was_stopped_or_destroyed),
        TEST(takes_posts_of_threads_in_order_and_loses_none),
        TEST(takes_posts_from_inside_a_post),
        TEST(returns_at_once_when_stopped_before_it_runs),
        TEST(watches_a_descriptor_until_its_end),
        TEST(leaves_a_paused_descriptor_alone),
        TEST(refuses_to_watch_what_is_no_descriptor),
        TEST(tells_signals),
        TEST(tells_how_a_process_ended),
        TEST(gives_a_process_its_descriptors_and_no_others),
        TEST(kills_a_process),
        TEST(may_end_while_a_process_that_was_let_go_of_is_not_reaped),
        TEST(forgets_a_process_that_was_let_go_of),
        TEST(says_that_a_program_is_not_there),
    };
    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
