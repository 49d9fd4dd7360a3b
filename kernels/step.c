#include "kernels/step.h"

#include "base/err.h"

#include <stdlib.h>

struct tensor *step_values(const struct graph *graph)
{
    struct tensor *values = calloc(graph->value_count + 1, sizeof(*values));
    for (size_t i = 0; values && i < graph->value_count; i++) {
        values[i] = graph->values[i].shape;
        if (graph->values[i].constant)
            values[i].data = graph->values[i].constant->data;
    }
    return values;
}

void **step_ports(const struct graph *graph)
{
    size_t most = 0;
    for (size_t n = 0; n < graph->node_count; n++) {
        const size_t ports = graph->nodes[n].in_count + graph->nodes[n].out_count;
        most = ports > most ? ports : most;
    }
    return calloc(most + 1, sizeof(void *));
}

bool step_call(const struct node *node, struct tensor *values, void **ports,
               struct op_call *call)
{
    bool known = true;
    call->node = node;
    call->in = (const struct tensor **)ports;
    call->in_count = node->in_count;
    call->out = (struct tensor **)ports + node->in_count;
    call->out_count = node->out_count;
    for (size_t i = 0; i < node->in_count; i++) {
        call->in[i] = node->in[i] < 0 ? NULL : &values[node->in[i]];
        known = known && (!call->in[i] || call->in[i]->rank >= 0);
    }
    for (size_t i = 0; i < node->out_count; i++)
        call->out[i] = node->out[i] < 0 ? NULL : &values[node->out[i]];
    return known;
}

static void forget_shapes(struct op_call *call)
{
    for (size_t i = 0; i < call->out_count; i++) {
        if (call->out[i])
            call->out[i]->rank = -1;
    }
}

int step_infer(struct op_call *call, size_t max_bytes, struct err *err)
{
    const int e = call->node->op->infer(call, err);
    if (e != 0) {
        forget_shapes(call);
        return e;
    }
    for (size_t i = 0; i < call->out_count; i++) {
        const int bad =
            call->out[i] ? tensor_check_bytes(call->out[i], max_bytes, err) : 0;
        if (bad != 0)
            return bad;
    }
    return 0;
}

int step_blame(const struct graph *graph, size_t n, struct err *err)
{
    const struct node *node = &graph->nodes[n];
    return err_add(err, "node %zu '%.60s' (%s)", n, node->name, node->op->name);
}

int step_infer_all(struct graph *graph, size_t max_bytes, struct err *err)
{
    struct tensor *values = step_values(graph);
    void **ports = step_ports(graph);
    int e = values && ports ? 0 : err_set(err, ERR_NOMEM, "shapes");

    for (size_t n = 0; e == 0 && n < graph->node_count; n++) {
        struct op_call call;
        const struct node *node = &graph->nodes[n];
        if (!node->op)
            continue;
        const bool known = step_call(node, values, ports, &call);
        const int got = known ? step_infer(&call, max_bytes, err) : OP_LATER;
        if (got == OP_LATER)
            forget_shapes(&call);
        else if (got != 0)
            e = step_blame(graph, n, err);
        for (size_t i = 0; e == 0 && i < node->out_count; i++) {
            if (node->out[i] >= 0)
                graph->values[node->out[i]].shape = values[node->out[i]];
        }
    }
    free(ports);
    free(values);
    return e;
}
