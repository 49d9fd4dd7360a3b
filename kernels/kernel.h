/*
 * kernel: one node of a graph made ready by an executor: weights packed, code chosen.
 *
 * A kernel is made once for the frozen shapes of its node and run many times; where there is
 * none, the operator's reference runs.
 */
#ifndef KERNELS_KERNEL_H
#define KERNELS_KERNEL_H

#include <stddef.h>

struct err;
struct graph;
struct op_call;

struct kernel {
    /** Run on tensors whose data lies in the layouts of the graph's values. */
    int (*run)(struct kernel *kernel, struct op_call *call, struct err *err);
    void (*destroy)(struct kernel *kernel);
    const char
        *name; // of the code that was chosen, for reports; lives as long as the kernel
};

/** What makes kernels: *ret stays NULL for a node that the executor leaves to the reference. */
struct kernel_maker {
    int (*make)(void *ctx, const struct graph *graph, size_t node, struct kernel **ret,
                struct err *err);
    void *ctx;
};

#endif
