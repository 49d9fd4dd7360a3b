/*
 * plan: a graph with frozen shapes, made ready to run: steps in order and memory for values.
 *
 * Values whose shape is known live in one arena, at places that are given to others when
 * nobody reads them any more. A value whose shape depends on numbers gets memory of its own
 * when it is made. A plan may be run again and again, by one thread at a time.
 */
#ifndef KERNELS_PLAN_H
#define KERNELS_PLAN_H

#include "base/auto.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct graph;
struct kernel_maker;
struct plan;
struct tensor;

struct plan_options {
    size_t max_bytes; // of the arena, and of what one node may allocate while it runs
    double max_work;  // multiply-adds of one run, estimated
    bool share;       // values share memory
    const struct kernel_maker *maker; // NULL: the reference runs every node
};

/**
 * Plan to run graph, which must outlive the plan and not change.
 *
 * Errors: ERR_LIMIT, ERR_NOMEM, those of the maker
 */
int plan_create(const struct graph *graph, const struct plan_options *options,
                struct plan **ret, struct err *err);
void plan_destroy(struct plan *plan);
AUTO_DEFINE(plan)

/**
 * Run all steps. inputs [graph->input_count] match the frozen shapes and have data. Outputs
 * are lent: they lie in the plan until the next run; outputs [graph->output_count]. The first
 * run holds the fast code to the definition (probe.h).
 *
 * Errors: those of the operators and of probe_end(), with the node
 */
int plan_run(struct plan *plan, const struct tensor *const *inputs,
             const struct tensor **outputs, struct err *err);

/** Call watch for each value that a run makes, with its name and the bytes that it takes in its
 * layout; NULL: no more. */
typedef void plan_watch_fn(void *ctx, const char *name, const struct tensor *t,
                           size_t bytes);
void plan_watch(struct plan *plan, plan_watch_fn *watch, void *ctx);
/** Bytes of the arena, and of all values as if none shared memory. */
size_t plan_arena_bytes(const struct plan *plan);
size_t plan_values_bytes(const struct plan *plan);
/** The code that runs node n: what its kernel is called, or "reference". */
const char *plan_kernel_name(const struct plan *plan, size_t n);
/** Multiply-adds that node n asks for, estimated from its shapes; 0 if they are not known. */
double plan_work(const struct plan *plan, size_t n);
/** Seconds that node n took in all runs so far. */
double plan_seconds(const struct plan *plan, size_t n);

#endif
