/*
 * pass: a rewriting of a graph that keeps what it computes, to make it cheaper.
 *
 * Passes stand in a table, in the order in which they run; each is one file, says in one line
 * what it does and can be switched off by name. A pass leaves a graph that plans and runs; it
 * looks only at types, shapes and constants, never at the inputs' numbers. To add one: a file
 * under kernels/passes/ and a row in pass.c.
 */
#ifndef KERNELS_PASSES_PASS_H
#define KERNELS_PASSES_PASS_H

#include <stdbool.h>
#include <stddef.h>

struct calibration;
struct err;
struct executor;
struct graph;

struct pass_context {
    bool bf16; // convolutions run in bfloat16
    const struct calibration
        *calibration;    // ranges for 8-bit numbers; NULL: none are used
    size_t tensor_bytes; // no tensor may be larger
    const char *off;     // names of passes that do not run, between commas; NULL: none
    struct executor *executor; // what will run the graph; NULL: the reference
};

struct pass {
    const char *name;
    const char *summary;
    bool fast_only; // it does not serve the reference
    int (*run)(struct graph *graph, const struct pass_context *context, struct err *err);
};

/** Row i of the table; NULL behind the last one. */
const struct pass *pass_at(size_t i);
/** Is name in the list of passes that are off? */
bool pass_is_off(const struct pass_context *context, const char *name);
/** Run those that are on, with shapes inferred anew after each.
 * Errors: ERR_CONFIG (off names no pass), those of the operators. */
int pass_run_all(struct graph *graph, const struct pass_context *context,
                 struct err *err);

/* The passes; what each does is said in its row. */
typedef int pass_run_fn(struct graph *graph, const struct pass_context *context,
                        struct err *err);
pass_run_fn pass_activation, pass_affine, pass_batchnorm, pass_dead, pass_deconv_gemm,
    pass_fold, pass_int8, pass_join, pass_layout, pass_padding, pass_precision,
    pass_residual, pass_stride;

#endif
