/*
 * dnnl_executor: kernels on oneDNN. The door to that library (2.6 of Debian 12).
 *
 * An executor owns oneDNN's engine and stream, one scratchpad for all its kernels, and the
 * number of threads. It must outlive its kernels. One thread at a time.
 */
#ifndef KERNELS_DNNL_DNNL_EXECUTOR_H
#define KERNELS_DNNL_DNNL_EXECUTOR_H

#include "base/auto.h"
#include "kernels/graph.h"
#include "kernels/kernel.h"

#include <stdbool.h>
#include <stddef.h>

struct err;
struct dnnl_executor;

/** threads as engine_options has it, at least 1. Errors: ERR_UNSUPPORTED, ERR_NOMEM. */
int dnnl_executor_create(int threads, struct dnnl_executor **ret, struct err *err);
void dnnl_executor_destroy(struct dnnl_executor *executor);
AUTO_DEFINE(dnnl_executor)

/** A kernel for the node with the layouts that its values have; *ret stays NULL where oneDNN
 * has none that is fast. ctx is the executor. Errors: ERR_NOMEM, ERR_UNSUPPORTED. */
int dnnl_executor_make(void *ctx, const struct graph *graph, size_t n,
                       struct kernel **ret, struct err *err);
/** Is there the fast code of AVX-512 on this CPU? */
bool dnnl_executor_has_avx512(void);
/** Has it AVX2? */
bool dnnl_executor_has_avx2(void);
/** And AVX-512's sums of 8-bit products (VNNI)? DNNL_MAX_CPU_ISA masks all three. */
bool dnnl_executor_has_vnni(void);
/** "oneDNN 2.6.3 avx512_core", for reports; static. */
const char *dnnl_executor_version(void);

#endif
