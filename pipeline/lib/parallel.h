/*
 * parallel: independent pieces of work over a few threads.
 *
 * Which thread takes which piece is not promised: a piece must write only what is its own, and
 * sums over pieces are made by the caller in their order, so that results do not hang on the
 * number of threads.
 */
#ifndef PIPELINE_LIB_PARALLEL_H
#define PIPELINE_LIB_PARALLEL_H

#include <stddef.h>

struct err;

/** Does piece i; worker: 0..threads-1, for scratch memory of its own. 0 or an ERR_ code. */
typedef int parallel_work(void *ctx, size_t i, size_t worker, struct err *err);

/**
 * Do pieces 0..count-1 on up to threads threads, of which the caller is one. After a failure no
 * new piece is begun. Returns 0, or the code of the failed piece of lowest number, with its reason.
 */
int parallel_for(int threads, size_t count, parallel_work *work, void *ctx,
                 struct err *err);

#endif
