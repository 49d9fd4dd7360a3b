/*
 * executor: who runs a node: oneDNN, a fast kernel of our own, or the reference.
 */
#ifndef KERNELS_EXECUTOR_H
#define KERNELS_EXECUTOR_H

#include "base/auto.h"
#include "kernels/graph.h"
#include "kernels/kernel.h"

struct err;
struct executor;

/** For that many threads. Errors: ERR_UNSUPPORTED, ERR_NOMEM. */
int executor_create(int threads, struct executor **ret, struct err *err);
void executor_destroy(struct executor *executor);
AUTO_DEFINE(executor)

/** A kernel for node n of graph with the layouts that its values have: oneDNN's, else ours;
 * *ret stays NULL where there is none. ctx is the executor. Errors: ERR_NOMEM. */
int executor_make(void *ctx, const struct graph *graph, size_t n, struct kernel **ret,
                  struct err *err);
/** Would there be one if input 0, those of its shape and output 0 lay like this? */
bool executor_can(struct executor *executor, struct graph *graph, size_t n,
                  enum layout in, enum layout out);

/** The library that it stands on, with version and instruction set; static. */
const char *executor_version(void);
/** Does this CPU have AVX-512, with which convolutions add residuals and know bfloat16? */
bool executor_has_avx512(void);
/** Has it AVX2? */
bool executor_has_avx2(void);
/** And AVX-512's sums of 8-bit products? */
bool executor_has_vnni(void);

#endif
