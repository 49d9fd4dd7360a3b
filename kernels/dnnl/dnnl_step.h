/* dnnl_step: one primitive of oneDNN as a kernel. Seen by kernels/dnnl/ alone. */
#ifndef KERNELS_DNNL_DNNL_STEP_H
#define KERNELS_DNNL_DNNL_STEP_H

#include "kernels/dnnl/dnnl_executor.h"

#include <oneapi/dnnl/dnnl.h>

struct dnnl_executor {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    int threads;
    void *scratch;
    size_t scratch_bytes;
};

enum { DNNL_STEP_ARGS = 8, DNNL_STEP_OUT = 100 };

/** Arguments that are values are bound when the step runs: port i is input i, DNNL_STEP_OUT
 * the output; others (weights) were bound when it was made. */
struct dnnl_step {
    struct kernel base;
    struct dnnl_executor *executor;
    dnnl_primitive_t primitive;
    dnnl_exec_arg_t args[DNNL_STEP_ARGS];
    int ports[DNNL_STEP_ARGS]; // -1: bound for good
    int count;
    void *owned[2]; // packed weights
    int residual;   // input that goes to the output before it runs, or -1
    size_t residual_bytes;
    bool alone; // runs on one thread
    char impl[64];
};

/** Returns code unless status is one of oneDNN's failures. */
int dnnl_check(dnnl_status_t status, const char *what, struct err *err);

/** Memory descriptor of a value in a layout. Errors: ERR_UNSUPPORTED. */
int dnnl_value_md(const struct tensor *shape, enum layout layout, dnnl_memory_desc_t *ret,
                  struct err *err);
/** The same for values of a graph. */
int dnnl_graph_md(const struct graph *graph, int value, dnnl_memory_desc_t *ret,
                  struct err *err);

/** A step around a primitive that is made of pd, with its scratchpad bound; pd is destroyed
 * in any case. *ret is an empty step's kernel, to which arguments are added. */
int dnnl_step_create(struct dnnl_executor *executor, dnnl_primitive_desc_t pd,
                     struct dnnl_step **ret, struct err *err);
void dnnl_step_destroy(struct dnnl_step *step);
AUTO_DEFINE(dnnl_step)
/** Bind an argument to a port. */
int dnnl_step_bind(struct dnnl_step *step, int arg, const dnnl_memory_desc_t *md,
                   int port, struct err *err);
/** Bind an argument to data that stays where it is. */
int dnnl_step_bind_data(struct dnnl_step *step, int arg, const dnnl_memory_desc_t *md,
                        void *data, struct err *err);
/** Bring data from one description to another, in memory of its own that step owns and binds
 * to arg. slot is 0 or 1. */
int dnnl_step_pack(struct dnnl_step *step, int arg, const dnnl_memory_desc_t *from,
                   void *data, const dnnl_memory_desc_t *to, int slot, struct err *err);
/** How the values of a convolution lie; weights as the graph has them, bias NULL: none. */
struct dnnl_ports {
    const dnnl_memory_desc_t *src, *dst, *weights, *bias;
};
/** A step of pd (as dnnl_step_create()) for node with input 0 and the output bound, and its
 * constant weights (input 1), packed as pd wants them, and bias (input 2). */
int dnnl_step_create_weighted(struct dnnl_executor *executor, dnnl_primitive_desc_t pd,
                              const struct graph *graph, const struct node *node,
                              const struct dnnl_ports *ports, struct dnnl_step **ret,
                              struct err *err);
/** Is pd's code one of the slow references? */
bool dnnl_is_slow(const_dnnl_primitive_desc_t pd);
/** Is it one that calls a matrix product? */
bool dnnl_is_product(const_dnnl_primitive_desc_t pd);

/** Attributes with a scratchpad of ours, a residual's sum and the activation of node. The
 * caller destroys *ret. Errors: ERR_UNSUPPORTED. */
int dnnl_attr_of(const struct node *node, bool residual, dnnl_primitive_attr_t *ret,
                 struct err *err);
/** oneDNN's code for an operator of one number; false: it has none. */
bool dnnl_find_eltwise(const struct node *node, const char *name, dnnl_alg_kind_t *kind,
                       float *alpha, float *beta);

/* What makes the steps; each leaves *ret NULL for what it does not do. */
typedef int dnnl_make_fn(struct dnnl_executor *executor, const struct graph *graph,
                         const struct node *node, struct kernel **ret, struct err *err);
dnnl_make_fn dnnl_make_conv, dnnl_make_deconv, dnnl_make_pool, dnnl_make_layout,
    dnnl_make_eltwise, dnnl_make_binary, dnnl_make_matmul;

#endif
