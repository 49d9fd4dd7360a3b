#include "kernels/plan.h"

#include "base/err.h"
#include "kernels/graph.h"
#include "kernels/step.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64 };

struct place {
    size_t offset, bytes; // in the arena; bytes 0: not there
    int first, last;      // nodes between which the value lives
};

struct plan {
    const struct graph *graph;
    struct tensor *values; // one a value of the graph
    struct place *places;
    void **ports; // room for the pointers of one call
    char *arena;
    size_t arena_bytes, values_bytes, max_bytes;
};

/** From which node to which each value lives; outputs live to the end. */
static void find_lives(struct plan *plan)
{
    const struct graph *g = plan->graph;
    for (size_t i = 0; i < g->value_count; i++)
        plan->places[i].first = plan->places[i].last = -1;
    for (size_t n = 0; n < g->node_count; n++) {
        const struct node *node = &g->nodes[n];
        for (size_t i = 0; i < node->in_count; i++) {
            if (node->in[i] >= 0)
                plan->places[node->in[i]].last = (int)n;
        }
        for (size_t i = 0; i < node->out_count; i++) {
            if (node->out[i] < 0)
                continue;
            plan->places[node->out[i]].first = plan->places[node->out[i]].last = (int)n;
        }
    }
    for (size_t i = 0; i < g->output_count; i++)
        plan->places[g->outputs[i]].last = (int)g->node_count;
}

static bool needs_place(const struct plan *plan, size_t i)
{
    const struct value *v = &plan->graph->values[i];
    return !v->constant && v->producer >= 0 && v->shape.rank >= 0
           && plan->places[i].first >= 0;
}

static bool collide(const struct place *a, const struct place *b)
{
    return a->bytes && b->bytes && a->first <= b->last && b->first <= a->last
           && a->offset < b->offset + b->bytes && b->offset < a->offset + a->bytes;
}

/** The first offset where value i touches none of those placed before it. */
static void place_value(struct plan *plan, const int *placed, size_t count, int i)
{
    struct place *p = &plan->places[i];
    bool again = true;
    p->offset = 0;
    while (again) {
        again = false;
        for (size_t k = 0; k < count; k++) {
            const struct place *q = &plan->places[placed[k]];
            if (collide(p, q)) {
                p->offset = q->offset + q->bytes;
                again = true;
            }
        }
    }
    if (p->offset + p->bytes > plan->arena_bytes)
        plan->arena_bytes = p->offset + p->bytes;
}

static int compare_sizes(const void *a, const void *b, void *ctx)
{
    const struct place *places = ctx;
    const int ia = *(const int *)a, ib = *(const int *)b;
    const size_t sa = places[ia].bytes, sb = places[ib].bytes;
    return sa != sb ? (sa < sb ? 1 : -1) : ia - ib; // ties in a fixed order
}

/** Big ones first, each at the lowest offset that is free all its life. */
static int place_values(struct plan *plan, struct err *err)
{
    const struct graph *g = plan->graph;
    int *order = calloc(g->value_count + 1, sizeof(*order));
    size_t count = 0;
    if (!order)
        return err_set(err, ERR_NOMEM, "a plan");
    find_lives(plan);
    for (size_t i = 0; i < g->value_count; i++) {
        if (!needs_place(plan, i))
            continue;
        plan->places[i].bytes =
            (tensor_bytes(&g->values[i].shape) + ALIGN) / ALIGN * ALIGN;
        plan->values_bytes += plan->places[i].bytes;
        order[count++] = (int)i;
    }
    qsort_r(order, count, sizeof(*order), compare_sizes, plan->places);
    for (size_t k = 0; k < count; k++)
        place_value(plan, order, k, order[k]);
    free(order);
    if (plan->arena_bytes > plan->max_bytes)
        return err_set(err, ERR_LIMIT, "activations of %zu bytes, more than %zu",
                       plan->arena_bytes, plan->max_bytes);
    return 0;
}

static int allocate(struct plan *plan, struct err *err)
{
    plan->arena = aligned_alloc(ALIGN, (plan->arena_bytes / ALIGN + 1) * ALIGN);
    if (!plan->arena)
        return err_set(err, ERR_NOMEM, "activations of %zu bytes", plan->arena_bytes);
    for (size_t i = 0; i < plan->graph->value_count; i++) {
        if (plan->places[i].bytes)
            plan->values[i].data = plan->arena + plan->places[i].offset;
    }
    return 0;
}

int plan_create(const struct graph *graph, size_t max_bytes, struct plan **ret,
                struct err *err)
{
    auto_(plan) struct plan *plan = calloc(1, sizeof(*plan));
    if (!plan)
        return err_set(err, ERR_NOMEM, "a plan");
    plan->graph = graph;
    plan->max_bytes = max_bytes;
    plan->values = step_values(graph);
    plan->places = calloc(graph->value_count + 1, sizeof(*plan->places));
    plan->ports = step_ports(graph);
    if (!plan->values || !plan->places || !plan->ports)
        return err_set(err, ERR_NOMEM, "a plan");
    int e = place_values(plan, err);
    if (e == 0)
        e = allocate(plan, err);
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
    int e = step_infer(call, plan->max_bytes - plan->arena_bytes, err);
    if (e == OP_LATER)
        e = err_set(err, ERR_UNSUPPORTED, "its shape cannot be found");
    for (size_t i = 0; e == 0 && i < call->out_count; i++) {
        if (call->out[i] && !call->out[i]->data)
            e = tensor_allocate(call->out[i], err);
    }
    return e;
}

static int run_node(struct plan *plan, size_t n, struct err *err)
{
    struct op_call call;
    step_call(&plan->graph->nodes[n], plan->values, plan->ports, &call);
    int e = give_memory(plan, &call, err);
    if (e == 0)
        e = call.node->op->run(&call, err);
    if (e != 0)
        return step_blame(plan->graph, n, err);
    for (size_t i = 0; i < call.node->in_count; i++) {
        const int in = call.node->in[i];
        if (in >= 0 && plan->places[in].last == (int)n)
            release(plan, (size_t)in);
    }
    return 0;
}

int plan_run(struct plan *plan, const struct tensor *const *inputs,
             const struct tensor **outputs, struct err *err)
{
    const struct graph *g = plan->graph;
    for (size_t i = 0; i < g->value_count; i++)
        release(plan, i);
    for (size_t i = 0; i < g->input_count; i++)
        plan->values[g->inputs[i]].data = inputs[i]->data;
    for (size_t n = 0; n < g->node_count; n++) {
        const int e = g->nodes[n].op ? run_node(plan, n, err) : 0;
        if (e != 0)
            return e;
    }
    for (size_t i = 0; i < g->output_count; i++)
        outputs[i] = &plan->values[g->outputs[i]];
    return 0;
}

size_t plan_arena_bytes(const struct plan *plan)
{
    return plan->arena_bytes;
}

size_t plan_values_bytes(const struct plan *plan)
{
    return plan->values_bytes;
}
