#include "src/loop.h"

#include "base/err.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <uv.h>

struct post {
    void (*fn)(void *ctx);
    void *ctx;
    struct post *next;
};

struct loop {
    uv_loop_t uv;
    uv_async_t wake;
    pthread_mutex_t lock; // of the inbox
    struct post *first, **last;
    struct loop_signal *signals;
    bool is_stopping;
};

struct loop_timer {
    uv_timer_t uv;
    void (*fn)(void *ctx);
    void *ctx;
};

struct loop_watch {
    uv_poll_t uv;
    void (*fn)(void *ctx, int events);
    void *ctx;
};

struct loop_signal {
    uv_signal_t uv;
    void (*fn)(void *ctx, int signo);
    void *ctx;
    struct loop_signal *next;
};

struct loop_process {
    uv_process_t uv;
    void (*exited)(void *ctx, int64_t status, int signal);
    void *ctx;
    bool has_ended, is_destroyed;
};

static int fail(struct err *err, const char *what, int uv_code)
{
    return err_set(err, uv_code == UV_ENOMEM ? ERR_NOMEM : ERR_IO, "%s: %s", what,
                   uv_strerror(uv_code));
}

static void free_handle(uv_handle_t *handle)
{
    free(handle->data); // the struct that the handle lies in
}

/* ---- inbox ---- */

static struct post *take_posts(struct loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    struct post *first = loop->first;
    loop->first = NULL;
    loop->last = &loop->first;
    pthread_mutex_unlock(&loop->lock);
    return first;
}

static void deliver_posts(uv_async_t *wake)
{
    struct post *post = take_posts(wake->data);
    while (post) {
        struct post *next = post->next;
        post->fn(post->ctx);
        free(post);
        post = next;
    }
}

void loop_post(struct loop *loop, void (*fn)(void *ctx), void *ctx)
{
    struct post *post = malloc(sizeof(*post));
    if (!post)
        abort(); // the header says why
    *post = (struct post){fn, ctx, NULL};

    pthread_mutex_lock(&loop->lock);
    *loop->last = post;
    loop->last = &post->next;
    pthread_mutex_unlock(&loop->lock);
    uv_async_send(&loop->wake);
}

/* ---- loop ---- */

int loop_create(struct loop **ret, struct err *err)
{
    struct loop *loop = calloc(1, sizeof(*loop));
    if (!loop)
        return err_set(err, ERR_NOMEM, "a loop");

    int r = uv_loop_init(&loop->uv);
    if (r < 0) {
        free(loop);
        return fail(err, "loop", r);
    }
    pthread_mutex_init(&loop->lock, NULL);
    loop->last = &loop->first;
    r = uv_async_init(&loop->uv, &loop->wake, deliver_posts);
    assert(r == 0);
    loop->wake.data = loop;
    *ret = loop;
    return 0;
}

/* A child process that was let go of and is not reaped yet still has its handle. */
static void close_rest(uv_handle_t *handle, void *unused)
{
    (void)unused;
    if (handle->type == UV_PROCESS && !uv_is_closing(handle))
        uv_close(handle, free_handle);
}

void loop_destroy(struct loop *loop)
{
    if (!loop)
        return;
    for (struct loop_signal *s = loop->signals; s; s = s->next)
        uv_close((uv_handle_t *)&s->uv, NULL);
    uv_close((uv_handle_t *)&loop->wake, NULL);
    uv_walk(&loop->uv, close_rest, NULL);
    uv_run(&loop->uv, UV_RUN_DEFAULT); // lets the close callbacks run
    const int r = uv_loop_close(&loop->uv);
    assert(r == 0);

    while (loop->signals) {
        struct loop_signal *next = loop->signals->next;
        free(loop->signals);
        loop->signals = next;
    }
    for (struct post *post = take_posts(loop), *next; post; post = next) {
        next = post->next;
        free(post);
    }
    pthread_mutex_destroy(&loop->lock);
    free(loop);
}

void loop_run(struct loop *loop)
{
    while (!loop->is_stopping)
        uv_run(&loop->uv, UV_RUN_ONCE);
    loop->is_stopping = false;
}

void loop_stop(struct loop *loop)
{
    loop->is_stopping = true;
    uv_stop(&loop->uv);
}

int64_t loop_now_ms(const struct loop *loop)
{
    return (int64_t)uv_now(&loop->uv);
}

/* ---- timers ---- */

static void timer_fired(uv_timer_t *uv)
{
    struct loop_timer *timer = uv->data;
    timer->fn(timer->ctx);
}

int loop_timer_create(struct loop *loop, void (*fn)(void *ctx), void *ctx,
                      struct loop_timer **ret, struct err *err)
{
    struct loop_timer *timer = calloc(1, sizeof(*timer));
    if (!timer)
        return err_set(err, ERR_NOMEM, "a timer");
    uv_timer_init(&loop->uv, &timer->uv);
    timer->uv.data = timer;
    timer->fn = fn;
    timer->ctx = ctx;
    *ret = timer;
    return 0;
}

void loop_timer_start(struct loop_timer *timer, int64_t delay_ms, int64_t repeat_ms)
{
    assert(delay_ms >= 0 && repeat_ms >= 0);
    uv_update_time(timer->uv.loop);
    uv_timer_start(&timer->uv, timer_fired, (uint64_t)delay_ms, (uint64_t)repeat_ms);
}

void loop_timer_stop(struct loop_timer *timer)
{
    uv_timer_stop(&timer->uv);
}

void loop_timer_destroy(struct loop_timer *timer)
{
    if (timer)
        uv_close((uv_handle_t *)&timer->uv, free_handle);
}

/* ---- descriptors ---- */

static void watch_fired(uv_poll_t *uv, int status, int events)
{
    struct loop_watch *watch = uv->data;
    int ready = 0;
    if (status < 0 || events & (UV_READABLE | UV_DISCONNECT))
        ready |= LOOP_READABLE;
    if (status < 0 || events & UV_WRITABLE)
        ready |= LOOP_WRITABLE;
    watch->fn(watch->ctx, ready);
}

int loop_watch_create(struct loop *loop, int fd, void (*fn)(void *ctx, int events),
                      void *ctx, struct loop_watch **ret, struct err *err)
{
    struct loop_watch *watch = calloc(1, sizeof(*watch));
    if (!watch)
        return err_set(err, ERR_NOMEM, "a watch");
    const int r = uv_poll_init(&loop->uv, &watch->uv, fd);
    if (r < 0) {
        free(watch);
        return fail(err, "watch a descriptor", r);
    }
    watch->uv.data = watch;
    watch->fn = fn;
    watch->ctx = ctx;
    *ret = watch;
    return 0;
}

void loop_watch_set(struct loop_watch *watch, int events)
{
    int wanted = 0;
    if (events & LOOP_READABLE)
        wanted |= UV_READABLE;
    if (events & LOOP_WRITABLE)
        wanted |= UV_WRITABLE;
    if (wanted)
        uv_poll_start(&watch->uv, wanted, watch_fired);
    else
        uv_poll_stop(&watch->uv);
}

void loop_watch_destroy(struct loop_watch *watch)
{
    if (!watch)
        return;
    uv_poll_stop(&watch->uv);
    uv_close((uv_handle_t *)&watch->uv, free_handle);
}

/* ---- signals ---- */

static void signal_fired(uv_signal_t *uv, int signo)
{
    struct loop_signal *signal = uv->data;
    signal->fn(signal->ctx, signo);
}

int loop_on_signal(struct loop *loop, int signo, void (*fn)(void *ctx, int signo),
                   void *ctx, struct err *err)
{
    struct loop_signal *signal = calloc(1, sizeof(*signal));
    if (!signal)
        return err_set(err, ERR_NOMEM, "a signal handler");
    uv_signal_init(&loop->uv, &signal->uv);
    signal->uv.data = signal;
    signal->fn = fn;
    signal->ctx = ctx;
    signal->next = loop->signals;
    loop->signals = signal;
    const int r = uv_signal_start(&signal->uv, signal_fired, signo);
    return r < 0 ? fail(err, "signal handler", r) : 0;
}

/* ---- processes ---- */

static void process_exited(uv_process_t *uv, int64_t status, int signal)
{
    struct loop_process *process = uv->data;
    process->has_ended = true;
    if (process->is_destroyed)
        uv_close((uv_handle_t *)uv, free_handle);
    else
        process->exited(process->ctx, status, signal);
}

int loop_process_start(struct loop *loop, const struct loop_process_spec *spec,
                       void (*exited)(void *ctx, int64_t status, int signal), void *ctx,
                       struct loop_process **ret, struct err *err)
{
    enum { FDS_MAX = 8 };
    assert(spec->fd_count <= FDS_MAX);

    struct loop_process *process = calloc(1, sizeof(*process));
    if (!process)
        return err_set(err, ERR_NOMEM, "a process");

    uv_stdio_container_t stdio[FDS_MAX];
    for (int i = 0; i < spec->fd_count; i++) {
        stdio[i].flags = spec->fds[i] < 0 ? UV_IGNORE : UV_INHERIT_FD;
        stdio[i].data.fd = spec->fds[i];
    }
    const uv_process_options_t options = {
        .exit_cb = process_exited,
        .file = spec->argv[0],
        .args = (char **)(uintptr_t)spec->argv,
        .stdio_count = spec->fd_count,
        .stdio = stdio,
    };
    process->uv.data = process;
    process->exited = exited;
    process->ctx = ctx;
    const int r = uv_spawn(&loop->uv, &process->uv, &options);
    if (r < 0) {
        uv_close((uv_handle_t *)&process->uv, free_handle);
        return fail(err, "start a process", r);
    }
    *ret = process;
    return 0;
}

pid_t loop_process_pid(const struct loop_process *process)
{
    return process->uv.pid;
}

void loop_process_kill(struct loop_process *process, int signo)
{
    if (!process->has_ended)
        uv_process_kill(&process->uv, signo);
}

void loop_process_destroy(struct loop_process *process)
{
    if (!process)
        return;
    process->is_destroyed = true;
    if (process->has_ended)
        uv_close((uv_handle_t *)&process->uv, free_handle);
    else
        uv_unref((uv_handle_t *)&process->uv); // its end is reaped, told to nobody
}
