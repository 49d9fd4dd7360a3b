/* fold: computes nodes all of whose inputs are constants, and Shape and Size of values whose
 * shape is frozen. Values become constants; the nodes go. */
#include "kernels/passes/pass.h"

#include "base/err.h"
#include "kernels/step.h"

#include <stdlib.h>
#include <string.h>

// Larger ones (a ConstantOfShape that is only added to something) are made when they run.
enum { FOLD_BYTES_MAX = 1 << 26 };

/** Products of constants may be long work that a hostile file asks for: they wait. */
static bool is_heavy(const struct op_call *call)
{
    double work = 1;
    for (size_t i = 0; i < call->in_count; i++)
        work *= call->in[i] ? 1 + (double)tensor_count(call->in[i]) : 1;
    for (size_t i = 0; i < call->out_count; i++)
        work += call->out[i] ? (double)tensor_count(call->out[i]) : 0;
    return work > 1e9 && call->in_count > 1;
}

static bool can_fold(const struct graph *graph, const struct op_call *call)
{
    const char *name = call->node->op->name;
    const bool needs_shape_only = strcmp(name, "Shape") == 0 || strcmp(name, "Size") == 0;
    if (!call->node->op->run || is_heavy(call))
        return false;
    for (size_t i = 0; i < call->in_count; i++) {
        if (call->in[i] && !call->in[i]->data && !needs_shape_only)
            return false;
    }
    for (size_t i = 0; i < call->out_count; i++) {
        if (!call->out[i])
            continue;
        if (tensor_bytes(call->out[i]) > FOLD_BYTES_MAX
            || graph_is_output(graph, call->node->out[i]))
            return false;
    }
    return true;
}

/** Make the outputs of a call and run it. */
static int compute(struct op_call *call, struct tensor **made, struct err *err)
{
    int e = 0;
    for (size_t i = 0; e == 0 && i < call->out_count; i++) {
        if (!call->out[i])
            continue;
        e = tensor_create(call->out[i]->type, call->out[i]->rank, call->out[i]->dim,
                          FOLD_BYTES_MAX, &made[i], err);
        call->out[i] = made[i];
    }
    return e == 0 ? call->node->op->run(call, err) : e;
}

static int fold_node(struct graph *graph, size_t n, struct op_call *call,
                     struct tensor *values, struct err *err)
{
    const struct node *node = &graph->nodes[n];
    struct tensor **made = calloc(call->out_count + 1, sizeof(struct tensor *));
    if (!made)
        return err_set(err, ERR_NOMEM, "constants");
    const int e = compute(call, made, err);
    for (size_t i = 0; i < call->out_count; i++) {
        if (e == 0 && made[i]) {
            graph_set_constant(graph, node->out[i], made[i]);
            values[node->out[i]].data = made[i]->data;
        }
        tensor_destroy(made[i]);
    }
    free(made);
    if (e != 0)
        return step_blame(graph, n, err);
    graph_kill_node(graph, n);
    return 0;
}

int pass_fold(struct graph *graph, const struct pass_context *context, struct err *err)
{
    struct tensor *values = step_values(graph);
    void **ports = step_ports(graph);
    int e = values && ports ? 0 : err_set(err, ERR_NOMEM, "shapes");

    for (size_t n = 0; e == 0 && n < graph->node_count; n++) {
        struct op_call call;
        if (!graph->nodes[n].op || !step_call(&graph->nodes[n], values, ports, &call))
            continue;
        const int got = step_infer(&call, context->tensor_bytes, err);
        if (got == OP_LATER)
            continue;
        if (got != 0)
            e = step_blame(graph, n, err);
        else if (can_fold(graph, &call))
            e = fold_node(graph, n, &call, values, err);
    }
    free(ports);
    free(values);
    return e;
}
