#include "kernels/plan.h"

#include "base/clock.h"
#include "base/err.h"
#include "kernels/graph.h"
#include "kernels/kernel.h"
#include "kernels/placement.h"
#include "kernels/probe.h"
#include "kernels/step.h"
#include "kernels/work.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64 };

struct plan {
    const struct graph *graph;
    struct tensor *values; // one a value of the graph
    struct place *places;
    struct kernel **kernels; // one a node; NULL: its reference runs
    void **ports;            // room for the pointers of one call
    double *seconds;         // what each node took so far
    char *arena;
    size_t arena_bytes, values_bytes, max_bytes;
    double work, max_work; // of nodes whose shapes are known
    double run_work;       // of this run
    plan_watch_fn *watch;
    void *watch_ctx;
    bool probed; // the fast code has been held to the definition
};

static int allocate(struct plan *plan, struct err *err)
{
    if (plan->arena_bytes > plan->max_bytes)
        return err_set(err, ERR_LIMIT, "activations of %zu bytes, more than %zu",
                       plan->arena_bytes, plan->max_bytes);
    plan->arena = aligned_alloc(ALIGN, (plan->arena_bytes / ALIGN + 1) * ALIGN);
    if (!plan->arena)
        return err_set(err, ERR_NOMEM, "activations of %zu bytes", plan->arena_bytes);
    for (size_t i = 0; i < plan->graph->value_count; i++) {
        if (plan->places[i].placed)
            plan->values[i].data = plan->arena + plan->places[i].offset;
    }
    return 0;
}

static int check_work(double work, double max, struct err *err)
{
    if (work > max)
        return err_set(err, ERR_LIMIT, "%.3g multiply-adds, more than %.3g", work, max);
    return 0;
}

/** The work of all nodes that can be told before they run. */
static int sum_work(struct plan *plan, struct err *err)
{
    int e = 0;
    for (size_t n = 0; e == 0 && n < plan->graph->node_count; n++) {
        struct op_call call;
        if (!plan->graph->nodes[n].op
            || !step_call(&plan->graph->nodes[n], plan->values, plan->ports, &call))
            continue;
        plan->work += work_of(&call);
        e = check_work(plan->work, plan->max_work, err);
        if (e != 0)
            e = step_blame(plan->graph, n, err);
    }
    return e;
}

static int make_kernels(struct plan *plan, const struct kernel_maker *maker,
                        struct err *err)
{
    int e = 0;
    for (size_t n = 0; maker && e == 0 && n < plan->graph->node_count; n++) {
        if (plan->graph->nodes[n].op)
            e = maker->make(maker->ctx, plan->graph, n, &plan->kernels[n], err);
    }
    return e;
}

int plan_create(const struct graph *graph, const struct plan_options *options,
                struct plan **ret, struct err *err)
{
    auto_(plan) struct plan *plan = calloc(1, sizeof(*plan));
    if (!plan)
        return err_set(err, ERR_NOMEM, "a plan");
    plan->graph = graph;
    plan->max_bytes = options->max_bytes;
    plan->max_work = options->max_work;
    plan->values = step_values(graph);
    plan->ports = step_ports(graph);
    plan->kernels = calloc(graph->node_count + 1, sizeof(*plan->kernels));
    plan->seconds = calloc(graph->node_count + 1, sizeof(*plan->seconds));
    if (!plan->values || !plan->ports || !plan->kernels || !plan->seconds)
        return err_set(err, ERR_NOMEM, "a plan");
    int e = placement_create(graph, options->share, &plan->places, &plan->arena_bytes,
                             &plan->values_bytes, err);
    if (e == 0)
        e = sum_work(plan, err);
    if (e == 0)
        e = allocate(plan, err);
    if (e == 0)
        e = make_kernels(plan, options->maker, err);
    if (e != 0)
        return e;
    *ret = take(plan);
    return 0;
}

/** Free what a run allocated for value i. */
static void release(struct plan *plan, size_t i)
{
    if (!plan->values[i].owned)
        return;
    tensor_finish(&plan->values[i]);
    plan->values[i].rank = -1;
}

void plan_destroy(struct plan *plan)
{
    if (!plan)
        return;
    for (size_t i = 0; plan->values && i < plan->graph->value_count; i++)
        release(plan, i);
    for (size_t n = 0; plan->kernels && n < plan->graph->node_count; n++) {
        if (plan->kernels[n])
            plan->kernels[n]->destroy(plan->kernels[n]);
    }
    free(plan->kernels);
    free(plan->seconds);
    free(plan->values);
    free(plan->places);
    free(plan->ports);
    free(plan->arena);
    free(plan);
}

/** Shapes that were not known at planning are found now that the numbers are there. */
static int give_memory(struct plan *plan, struct op_call *call, struct err *err)
{
    bool missing = false;
    for (size_t i = 0; i < call->out_count; i++)
        missing = missing || (call->out[i] && !call->out[i]->data);
    if (!missing)
        return 0;
    // Its shape is found only now: so is its work, which was none before.
    int e = step_infer(call, plan->max_bytes - plan->arena_bytes, err);
    if (e == OP_LATER)
        e = err_set(err, ERR_UNSUPPORTED, "its shape cannot be found");
    plan->run_work += e == 0 ? work_of(call) : 0;
    if (e == 0)
        e = check_work(plan->run_work, plan->max_work, err);
    for (size_t i = 0; e == 0 && i < call->out_count; i++) {
        if (call->out[i] && !call->out[i]->data)
            e = tensor_allocate(call->out[i], err);
    }
    return e;
}

static int run_call(struct plan *plan, size_t n, struct op_call *call, struct err *err)
{
    struct kernel *kernel = plan->kernels[n];
    struct probe probe;
    if (kernel && plan->probed)
        return kernel->run(kernel, call, err);
    if (kernel) {
        probe_begin(plan->graph, n, call, &probe);
        const int bad = kernel->run(kernel, call, err);
        return bad != 0 ? bad : probe_end(plan->graph, n, call, &probe, err);
    }
    const int e = give_memory(plan, call, err);
    if (e != 0)
        return e;
    if (!call->node->op->run)
        return err_set(err, ERR_UNSUPPORTED, "has no reference");
    return call->node->op->run(call, err);
}

static int run_node(struct plan *plan, size_t n, struct err *err)
{
    struct op_call call;
    const double began = clock_s();
    step_call(&plan->graph->nodes[n], plan->values, plan->ports, &call);
    if (run_call(plan, n, &call, err) != 0)
        return step_blame(plan->graph, n, err);
    for (size_t i = 0; plan->watch && i < call.node->out_count; i++) {
        const int out = call.node->out[i];
        if (out >= 0)
            plan->watch(plan->watch_ctx, plan->graph->values[out].name, call.out[i],
                        value_bytes(&plan->graph->values[out]));
    }
    for (size_t i = 0; i < call.node->in_count; i++) {
        const int in = call.node->in[i];
        if (in >= 0 && plan->places[in].last == (int)n)
            release(plan, (size_t)in);
    }
    plan->seconds[n] += clock_s() - began;
    return 0;
}

int plan_run(struct plan *plan, const struct tensor *const *inputs,
             const struct tensor **outputs, struct err *err)
{
    const struct graph *g = plan->graph;
    plan->run_work = plan->work;
    for (size_t i = 0; i < g->value_count; i++)
        release(plan, i);
    for (size_t i = 0; i < g->input_count; i++)
        plan->values[g->inputs[i]].data = inputs[i]->data;
    for (size_t n = 0; n < g->node_count; n++) {
        const int e = g->nodes[n].op ? run_node(plan, n, err) : 0;
        if (e != 0)
            return e;
    }
    plan->probed = true;
    for (size_t i = 0; i < g->output_count; i++)
        outputs[i] = &plan->values[g->outputs[i]];
    return 0;
}

void plan_watch(struct plan *plan, plan_watch_fn *watch, void *ctx)
{
    plan->watch = watch;
    plan->watch_ctx = ctx;
}

size_t plan_arena_bytes(const struct plan *plan)
{
    return plan->arena_bytes;
}

size_t plan_values_bytes(const struct plan *plan)
{
    return plan->values_bytes;
}

const char *plan_kernel_name(const struct plan *plan, size_t n)
{
    return plan->kernels[n] ? plan->kernels[n]->name : "reference";
}

double plan_seconds(const struct plan *plan, size_t n)
{
    return plan->seconds[n];
}

double plan_work(const struct plan *plan, size_t n)
{
    struct op_call call;
    const bool known =
        step_call(&plan->graph->nodes[n], plan->values, plan->ports, &call);
    return known ? work_of(&call) : 0;
}
