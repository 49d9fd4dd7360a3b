/*
 * stride: where all that read a value are 1 x 1 convolutions with the same stride, only one place
 * in so many is ever looked at: the convolution that makes the value takes the stride, through
 * activations and sums in between, and computes no more than that. What else is added there is
 * thinned by a pooling of 1 x 1.
 *
 * In ResNets that stride in the first 1 x 1 convolution of a stage (He et al., CVPR 2016) this
 * saves three quarters of the last convolution of the stage before.
 */
#include "kernels/passes/pass.h"

#include "base/err.h"
#include "kernels/ops/op.h"
#include "kernels/passes/conv_edit.h"

#include <string.h>

enum { AXES_MAX = 3, DEPTH_MAX = 6 };

struct steps {
    size_t axes;
    int64_t of[AXES_MAX];
};

static bool is_plain_window(const struct node *node)
{
    const char *mode = node_string(node, "auto_pad", "NOTSET");
    return strcmp(mode, "NOTSET") == 0 || strcmp(mode, "VALID") == 0 || !*mode;
}

/** The strides of node, a convolution over that many axes; 1 where it names none. */
static bool read_steps(const struct node *node, size_t axes, struct steps *ret)
{
    const struct attr *a = node_attr(node, "strides");
    *ret = (struct steps){axes, {1, 1, 1}};
    if (axes > AXES_MAX || (a && (a->type != ATTR_INTS || a->count != axes)))
        return false;
    for (size_t i = 0; a && i < axes; i++)
        ret->of[i] = a->ints[i];
    return true;
}

static bool is_conv(const struct node *node)
{
    return conv_is(node) && !conv_is_transposed(node) && is_plain_window(node);
}

/** Does node read value as a 1 x 1 convolution with a stride, without padding? */
static bool is_strided_point(const struct graph *graph, const struct node *node,
                             int value, struct steps *ret)
{
    const struct tensor *w = is_conv(node) ? &graph->values[node->in[1]].shape : NULL;
    const struct attr *pads = w ? node_attr(node, "pads") : NULL;
    if (!w || node->in[0] != value || node->in[1] == value || w->rank < 3
        || !read_steps(node, (size_t)w->rank - 2, ret) || tensor_span(w, 2, w->rank) != 1)
        return false;
    int64_t most = 1;
    for (size_t i = 0; i < ret->axes; i++)
        most = ret->of[i] > most ? ret->of[i] : most;
    for (size_t i = 0; pads && pads->type == ATTR_INTS && i < pads->count; i++)
        most = pads->ints[i] != 0 ? 1 : most;
    return most > 1;
}

/** Do all readers of value stride alike? */
static bool find_steps(const struct graph *graph, int value, struct steps *ret)
{
    size_t found = 0;
    for (size_t n = 0; n < graph->node_count; n++) {
        struct steps s;
        if (!graph->nodes[n].op || !is_strided_point(graph, &graph->nodes[n], value, &s))
            continue;
        if (found++ == 0)
            *ret = s;
        else if (memcmp(&s, ret, sizeof(s)) != 0)
            return false;
    }
    return found > 0 && found == graph_count_reads(graph, value);
}

static bool is_pointwise(const struct node *node)
{
    static const char *const NAMES[] = {"Relu", "LeakyRelu", "Elu",  "Sigmoid",
                                        "Tanh", "HardSwish", "Gelu", "HardSigmoid"};
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
        if (strcmp(node->op->name, NAMES[i]) == 0)
            return true;
    }
    return false;
}

static bool is_sum(const struct graph *graph, const struct node *node)
{
    return strcmp(node->op->name, "Add") == 0 && node->in[0] != node->in[1]
           && tensor_has_shape_of(&graph->values[node->in[0]].shape,
                                  &graph->values[node->in[1]].shape);
}

/** May value be made at every so many places only, and is work saved by that? */
static bool can_thin(const struct graph *graph, int value, const struct steps *steps,
                     int depth)
{
    const int n = graph->values[value].producer;
    const struct node *node = n < 0 ? NULL : &graph->nodes[n];
    struct steps own;
    if (!node || depth > DEPTH_MAX || graph_is_output(graph, value)
        || (depth > 0 && graph_only_reader(graph, value) < 0)
        || graph->values[value].shape.rank != (int)steps->axes + 2)
        return false;
    if (is_conv(node))
        return !(node->in_count > 3 && node->in[3] >= 0)
               && read_steps(node, steps->axes, &own);
    if (is_pointwise(node))
        return can_thin(graph, node->in[0], steps, depth + 1);
    return is_sum(graph, node)
           && (can_thin(graph, node->in[0], steps, depth + 1)
               || can_thin(graph, node->in[1], steps, depth + 1));
}

static int set_steps(struct node *conv, const struct steps *steps, struct err *err)
{
    struct steps own;
    if (!read_steps(conv, steps->axes, &own))
        return 0;
    for (size_t i = 0; i < own.axes; i++)
        own.of[i] *= steps->of[i];
    return node_set_ints(conv, "strides", own.of, own.axes, err);
}

/** Input i of node n becomes every so many places of what it was. */
static int pool_input(struct graph *graph, size_t n, size_t i, const struct steps *steps,
                      struct err *err)
{
    static const int64_t ONES[AXES_MAX] = {1, 1, 1};
    const struct op *op;
    struct node *node;
    const int in = graph->nodes[n].in[i];
    int out, e = op_find("", "MaxPool", 12, &op, err);
    if (e == 0)
        e = graph_new_value(graph, graph->values[in].name, &out, err);
    if (e == 0)
        e = graph_insert_node(graph, n, op, "", &in, 1, &out, 1, &node, err);
    if (e != 0)
        return e;
    node->opset = 12;
    graph->values[out].shape = graph->values[in].shape;
    graph->nodes[n + 1].in[i] = out;
    e = node_set_ints(node, "kernel_shape", ONES, steps->axes, err);
    return e != 0 ? e : node_set_ints(node, "strides", steps->of, steps->axes, err);
}

static int thin(struct graph *graph, int value, const struct steps *steps, int depth,
                struct err *err)
{
    struct node *node = &graph->nodes[graph->values[value].producer];
    if (is_conv(node))
        return set_steps(node, steps, err);
    int e = 0;
    const bool sum = !is_pointwise(node);
    for (size_t i = 0; e == 0 && i < (sum ? 2 : 1); i++) {
        const int n = graph->values[value].producer; // moves when a node is put in
        const int in = graph->nodes[n].in[i];
        e = can_thin(graph, in, steps, depth + 1)
                ? thin(graph, in, steps, depth + 1, err)
                : pool_input(graph, (size_t)n, i, steps, err);
    }
    return e;
}

static int relax_readers(struct graph *graph, int value, struct err *err)
{
    static const int64_t ONES[AXES_MAX] = {1, 1, 1};
    struct steps s;
    int e = 0;
    for (size_t n = 0; e == 0 && n < graph->node_count; n++) {
        struct node *node = &graph->nodes[n];
        if (node->op && is_strided_point(graph, node, value, &s))
            e = node_set_ints(node, "strides", ONES, s.axes, err);
    }
    return e;
}

int pass_stride(struct graph *graph, const struct pass_context *context, struct err *err)
{
    (void)context;
    int e = 0;
    // Values that are added meanwhile are made by poolings, which take no stride.
    const size_t count = graph->value_count;
    for (size_t v = count; e == 0 && v-- > 0;) {
        struct steps steps;
        if (!find_steps(graph, (int)v, &steps) || !can_thin(graph, (int)v, &steps, 0))
            continue;
        e = thin(graph, (int)v, &steps, 0, err);
        if (e == 0)
            e = relax_readers(graph, (int)v, err);
    }
    return e;
}
