#include "pipeline/lib/parallel.h"

#include "base/err.h"

#include <pthread.h>
#include <stdatomic.h>

enum { THREADS_MAX = 64 };

struct run {
    parallel_work *work;
    void *ctx;
    size_t count;
    atomic_size_t next;
    atomic_int is_failed;
};

struct worker {
    struct run *run;
    size_t number, failed_at;
    int code;
    struct err err;
    pthread_t thread;
};

static void *worker_main(void *arg)
{
    struct worker *w = arg;
    struct run *run = w->run;
    while (!atomic_load(&run->is_failed)) {
        const size_t i = atomic_fetch_add(&run->next, 1);
        if (i >= run->count)
            break;
        w->code = run->work(run->ctx, i, w->number, &w->err);
        if (w->code < 0) {
            w->failed_at = i;
            atomic_store(&run->is_failed, 1);
        }
    }
    return NULL;
}

int parallel_for(int threads, size_t count, parallel_work *work, void *ctx,
                 struct err *err)
{
    struct run run = {.work = work, .ctx = ctx, .count = count};
    struct worker workers[THREADS_MAX] = {0};
    size_t wanted = threads < 1             ? 1
                    : threads > THREADS_MAX ? THREADS_MAX
                                            : (size_t)threads;
    wanted = wanted > count && count > 0 ? count : wanted;
    size_t started = 0;
    for (; started < wanted; started++) {
        workers[started].run = &run;
        workers[started].number = started;
        // The caller is the first; without further threads it does all the work.
        if (started > 0
            && pthread_create(&workers[started].thread, NULL, worker_main,
                              &workers[started]))
            break;
    }
    worker_main(&workers[0]);

    const struct worker *failed = workers[0].code < 0 ? &workers[0] : NULL;
    for (size_t i = 1; i < started; i++) {
        pthread_join(workers[i].thread, NULL);
        if (workers[i].code < 0 && (!failed || workers[i].failed_at < failed->failed_at))
            failed = &workers[i];
    }
    return failed ? err_set(err, (enum err_code)failed->code, "%s", failed->err.text) : 0;
}
