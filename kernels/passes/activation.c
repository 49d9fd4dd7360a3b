/* activation: an operator of one number behind a convolution becomes its activation. */
#include "kernels/passes/pass.h"

#include "base/err.h"
#include "kernels/ops/op.h"
#include "kernels/passes/conv_edit.h"

#include <math.h>
#include <string.h>

static bool is_activation(const struct graph *graph, const struct node *node)
{
    static const char *const NAMES[] = {"Relu", "LeakyRelu", "Sigmoid", "Tanh",
                                        "Elu",  "HardSwish", "Clip"};
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
        if (strcmp(node->op->name, NAMES[i]) != 0)
            continue;
        for (size_t k = 1; k < node->in_count; k++) { // Clip's bounds
            if (node->in[k] >= 0 && !graph->values[node->in[k]].constant)
                return false;
        }
        return true;
    }
    return false;
}

/** The convolution that makes value and may still get an activation, or -1. */
static int find_conv(const struct graph *graph, int value)
{
    const int n = graph->values[value].producer;
    if (n < 0 || !conv_is(&graph->nodes[n]) || node_attr(&graph->nodes[n], "activation")
        || graph_only_reader(graph, value) < 0)
        return -1;
    return n;
}

static int set_bounds(struct graph *graph, struct node *conv, const struct node *clip,
                      struct err *err)
{
    static const char *const NAMES[] = {"min", "max"};
    int e = 0;
    for (size_t i = 0; e == 0 && i < 2; i++) {
        const int bound = i + 1 < clip->in_count ? clip->in[i + 1] : -1;
        if (bound >= 0)
            e = node_set_float(conv, NAMES[i],
                               (float)op_number(graph->values[bound].constant, 0), err);
    }
    return e;
}

static int fuse_one(struct graph *graph, size_t n, int conv, struct err *err)
{
    int e = conv_make_ours(graph, (size_t)conv, err);
    struct node *to = &graph->nodes[conv];
    const struct node *from = &graph->nodes[n];
    if (e == 0)
        e = node_copy_attrs(to, from, err);
    if (e == 0)
        e = set_bounds(graph, to, from, err);
    // What is a default of the operator is written down: ours has none.
    if (e == 0 && strcmp(from->op->name, "LeakyRelu") == 0)
        e = node_set_float(to, "alpha", node_float(from, "alpha", 0.01f), err);
    if (e == 0 && strcmp(from->op->name, "Elu") == 0)
        e = node_set_float(to, "alpha", node_float(from, "alpha", 1), err);
    if (e == 0)
        e = node_set_string(to, "activation", from->op->name, err);
    if (e == 0)
        graph_take_over(graph, (size_t)conv, n);
    return e;
}

int pass_activation(struct graph *graph, const struct pass_context *context,
                    struct err *err)
{
    (void)context;
    int e = 0;
    for (size_t n = 0; e == 0 && n < graph->node_count; n++) {
        const struct node *node = &graph->nodes[n];
        if (!node->op || *node->op->domain || !is_activation(graph, node))
            continue;
        const int conv = find_conv(graph, node->in[0]);
        if (conv >= 0 && tensor_type_is_float(graph->values[node->in[0]].shape.type))
            e = fuse_one(graph, n, conv, err);
    }
    return e;
}
