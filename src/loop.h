/*
 * loop: the one thread that owns all state, and the door to libuv.
 *
 * Everything but loop_post() is for the loop's own thread. Callbacks run on the loop, one
 * at a time, and block on nothing. Handles are made, started, stopped and destroyed; a
 * destroyed handle's callback is not called again.
 */
#ifndef SRC_LOOP_H
#define SRC_LOOP_H

#include "base/auto.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct err;
struct loop;
struct loop_timer;
struct loop_watch;
struct loop_process;

/** Errors: ERR_NOMEM, ERR_IO. */
int loop_create(struct loop **ret, struct err *err);
/** Free loop; every handle must be destroyed before. NULL is allowed. */
void loop_destroy(struct loop *loop);
/** Run callbacks until loop_stop(). */
void loop_run(struct loop *loop);
/** Let loop_run() return after the callback that is running. */
void loop_stop(struct loop *loop);
/** Monotonic milliseconds, as of this turn of the loop. */
int64_t loop_now_ms(const struct loop *loop);

/**
 * Any thread: have fn(ctx) called on the loop, in the order of the posts. The inbox is the
 * only lock of the node. Never fails: a post that finds no memory ends the process, which
 * is built to be ended at any time.
 */
void loop_post(struct loop *loop, void (*fn)(void *ctx), void *ctx);

/** Errors of the makers below: ERR_NOMEM, ERR_IO. */
int loop_timer_create(struct loop *loop, void (*fn)(void *ctx), void *ctx,
                      struct loop_timer **ret, struct err *err);
/** Call fn in delay_ms, and then every repeat_ms if that is not 0; restarts a running timer. */
void loop_timer_start(struct loop_timer *timer, int64_t delay_ms, int64_t repeat_ms);
void loop_timer_stop(struct loop_timer *timer);
void loop_timer_destroy(struct loop_timer *timer);

enum { LOOP_READABLE = 1, LOOP_WRITABLE = 2 };

/** Watch fd, which stays the caller's; fn gets the events that are ready (both on error). */
int loop_watch_create(struct loop *loop, int fd, void (*fn)(void *ctx, int events),
                      void *ctx, struct loop_watch **ret, struct err *err);
/** Watch for these events from now on; 0 pauses. */
void loop_watch_set(struct loop_watch *watch, int events);
void loop_watch_destroy(struct loop_watch *watch);

/** Call fn(ctx, signo) when the process gets signo. For the life of the loop. */
int loop_on_signal(struct loop *loop, int signo, void (*fn)(void *ctx, int signo),
                   void *ctx, struct err *err);

/** A child process to start: argv ends with NULL; fds[i] becomes descriptor i of the child. */
struct loop_process_spec {
    const char *const *argv; // argv[0] is the path of the program
    const int *fds;          // [fd_count], -1: /dev/null
    int fd_count;
};

/** Start a child. exited(ctx, status, signal) is called once, when it has been reaped. */
int loop_process_start(struct loop *loop, const struct loop_process_spec *spec,
                       void (*exited)(void *ctx, int64_t status, int signal), void *ctx,
                       struct loop_process **ret, struct err *err);
pid_t loop_process_pid(const struct loop_process *process);
/** Send signo; a child that has ended is left alone. */
void loop_process_kill(struct loop_process *process, int signo);
/** Let go of the handle (the child runs on, its end is not told). NULL is allowed. */
void loop_process_destroy(struct loop_process *process);

AUTO_DEFINE(loop)

#endif
