/*
 * fast: kernels of our own in plain C that compilers vectorise, for what oneDNN 2.6 does not
 * do or does slowly. float32; any CPU (code for AVX-512 and AVX2 is chosen when a program
 * starts). One thread; sums run in a fixed order.
 */
#ifndef KERNELS_FAST_FAST_H
#define KERNELS_FAST_FAST_H

#include "kernels/clones.h"
#include "kernels/graph.h"
#include "kernels/kernel.h"

struct err;

/** A kernel for node n with the layouts that its values have; *ret stays NULL where there is
 * none. Errors: ERR_NOMEM. */
int fast_make(const struct graph *graph, size_t n, struct kernel **ret, struct err *err);

/* What makes them, by operator; each leaves *ret NULL for what it does not do. */
typedef int fast_make_fn(const struct graph *graph, const struct node *node,
                         struct kernel **ret, struct err *err);
fast_make_fn fast_make_affine, fast_make_broadcast, fast_make_concat, fast_make_normal,
    fast_make_permute, fast_make_qaffine, fast_make_qconv, fast_make_qpool,
    fast_make_quantize, fast_make_resize, fast_make_shuffle, fast_make_softmax;

#endif
