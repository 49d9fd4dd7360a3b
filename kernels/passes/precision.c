/*
 * precision: convolutions in bfloat16, with sums in float, and what stands between them too.
 *
 * Casts are put where a value changes its type. A convolution whose result goes to nothing
 * that works in bfloat16 puts out float, so that scores keep their bits. Where the CPU has no
 * code for bfloat16 the graph stays in float.
 */
#include "kernels/passes/pass.h"

#include "base/err.h"
#include "kernels/executor.h"
#include "kernels/ops/op.h"
#include "kernels/ops/resize.h"
#include "kernels/passes/conv_edit.h"

#include <stdlib.h>
#include <string.h>

static bool is_image(const struct graph *graph, int value, enum tensor_type type)
{
    const struct tensor *t = value < 0 ? NULL : &graph->values[value].shape;
    return t && t->rank >= 3 && t->rank <= 5 && t->type == type
           && !graph->values[value].constant;
}

static bool is_convertible(const struct graph *graph, const struct node *node)
{
    return conv_is(node) && !conv_is_transposed(node) && node_int(node, "group", 1) == 1
           && graph->values[node->in[1]].constant
           && graph->values[node->in[1]].shape.type == TENSOR_F32
           && (is_image(graph, node->in[0], TENSOR_F32)
               || is_image(graph, node->in[0], TENSOR_BF16));
}

/** BatchNormalization as inference has it: its statistics stay in float. */
static bool is_plain_norm(const struct graph *graph, const struct node *node)
{
    if (strcmp(node->op->name, "BatchNormalization") != 0 || node->opset < 9
        || node_int(node, "training_mode", 0))
        return false;
    for (size_t i = 1; i < node->in_count; i++) {
        if (node->in[i] < 0 || !graph->values[node->in[i]].constant)
            return false;
    }
    return true;
}

/** An operator that passes bfloat16 on as it is given. */
static bool is_carrier(const struct graph *graph, const struct node *node)
{
    static const char *const NAMES[] = {"MaxPool", "AveragePool", "Concat", "Shuffle",
                                        "Relu",    "LeakyRelu",   "Add"};
    if (!node->op || node->out[0] < 0 || graph_is_output(graph, node->out[0])
        || (node->out_count > 1 && node->out[1] >= 0))
        return false;
    if (is_plain_norm(graph, node))
        return true;
    if (strcmp(node->op->name, "Resize") == 0 || strcmp(node->op->name, "Upsample") == 0)
        return resize_is_nearest(node); // numbers are moved
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
        if (strcmp(NAMES[i], node->op->name) == 0)
            return true;
    }
    return false;
}

static bool goes_to_bf16(const struct graph *graph, int value)
{
    if (graph_is_output(graph, value))
        return false;
    for (size_t n = 0; n < graph->node_count; n++) {
        const struct node *node = &graph->nodes[n];
        for (size_t i = 0; node->op && i < node->in_count; i++) {
            if (node->in[i] == value
                && (is_convertible(graph, node) || is_carrier(graph, node)))
                return true;
        }
    }
    return false;
}

static int find_cast(const struct graph *graph, int value)
{
    for (size_t n = 0; n < graph->node_count; n++) {
        const struct node *node = &graph->nodes[n];
        if (node->op && strcmp(node->op->name, "Cast") == 0 && node->in[0] == value)
            return node->out[0];
    }
    return -1;
}

/** Let input i of node *n have that type; *n grows if a Cast is put in front of it. */
static int want_type(struct graph *graph, size_t *n, size_t i, enum tensor_type type,
                     struct err *err)
{
    const int value = graph->nodes[*n].in[i];
    const struct op *op;
    struct node *node;
    if (value < 0 || graph->values[value].shape.type == type)
        return 0;
    int cast = find_cast(graph, value);
    if (cast < 0 || graph->values[cast].shape.type != type) {
        int e = op_find("", "Cast", 13, &op, err);
        if (e == 0)
            e = graph_new_value(graph, graph->values[value].name, &cast, err);
        if (e == 0)
            e = graph_insert_node(graph, *n, op, "", &value, 1, &cast, 1, &node, err);
        if (e == 0)
            e = node_set_int(node, "to", (int64_t)type, err);
        if (e != 0)
            return e;
        node->opset = 19; // rounds to nearest, as oneDNN does
        graph->values[cast].shape = graph->values[value].shape;
        graph->values[cast].shape.type = type;
        (*n)++;
    }
    graph->nodes[*n].in[i] = cast;
    return 0;
}

static int convert_weights(struct graph *graph, struct node *node, struct err *err)
{
    int w;
    const struct value *old = &graph->values[node->in[1]];
    auto_(tensor) struct tensor *t = NULL;
    int e = tensor_create(TENSOR_BF16, old->shape.rank, old->shape.dim, SIZE_MAX / 2, &t,
                          err);
    const int64_t count = tensor_count(&old->shape);
    for (int64_t i = 0; e == 0 && i < count; i++)
        tensor_store_f64(t, i, 1,
                         &(double){(double)((const float *)old->constant->data)[i]});
    if (e == 0)
        e = graph_new_value(graph, old->name, &w, err);
    if (e != 0)
        return e;
    graph_set_constant(graph, w, t);
    node->in[1] = w;
    return 0;
}

static int convert_conv(struct graph *graph, size_t *n, struct err *err)
{
    int e = want_type(graph, n, 0, TENSOR_BF16, err);
    if (e == 0 && graph->nodes[*n].in_count > 3)
        e = want_type(graph, n, 3, TENSOR_BF16, err);
    if (e == 0)
        e = conv_make_ours(graph, *n, err);
    struct node *node = &graph->nodes[*n];
    if (e == 0)
        e = convert_weights(graph, node, err);
    const bool residual = node->in_count > 3 && node->in[3] >= 0;
    const enum tensor_type type =
        residual || goes_to_bf16(graph, node->out[0]) ? TENSOR_BF16 : TENSOR_F32;
    if (e == 0)
        e = node_set_int(node, "out_type", (int64_t)type, err);
    if (e == 0)
        graph->values[node->out[0]].shape.type = type;
    return e;
}

static bool all_bf16(const struct graph *graph, const struct node *node)
{
    if (is_plain_norm(graph, node))
        return is_image(graph, node->in[0], TENSOR_BF16);
    for (size_t i = 0; i < node->in_count; i++) {
        if (!is_image(graph, node->in[i], TENSOR_BF16)
            || (strcmp(node->op->name, "Add") == 0
                && !tensor_has_shape_of(&graph->values[node->in[i]].shape,
                                        &graph->values[node->out[0]].shape)))
            return false;
    }
    return true;
}

/** Output o is bfloat16 inside: it gets a copy in float, which takes its name. */
static int restore_output(struct graph *graph, int output, struct err *err)
{
    int inner;
    const struct op *op;
    struct node *node;
    int e = op_find("", "Cast", 13, &op, err);
    if (e == 0)
        e = graph_new_value(graph, graph->values[output].name, &inner, err);
    if (e != 0)
        return e;
    const int producer = graph->values[output].producer;
    graph->values[inner].shape = graph->values[output].shape;
    graph->values[inner].producer = producer;
    graph->nodes[producer].out[0] = inner;
    graph->values[output].producer = -1;
    graph->values[output].shape.type = TENSOR_F32;
    graph_replace_reads(graph, output, inner);
    e = graph_add_node(graph, op, "", &inner, 1, &output, 1, &node, err);
    if (e != 0)
        return e;
    node->opset = 19;
    return node_set_int(node, "to", TENSOR_F32, err);
}

int pass_precision(struct graph *graph, const struct pass_context *context,
                   struct err *err)
{
    int e = 0;
    if (!context->bf16)
        return 0;
    for (size_t n = 0; e == 0 && n < graph->node_count; n++) {
        const struct node *node = &graph->nodes[n];
        if (!node->op || (strcmp(node->op->name, "Cast") == 0 && node->in_count == 1))
            continue;
        if (is_convertible(graph, node)) {
            e = convert_conv(graph, &n, err);
        } else if (is_carrier(graph, node) && all_bf16(graph, node)) {
            graph->values[node->out[0]].shape.type = TENSOR_BF16;
        } else {
            for (size_t i = 0; e == 0 && i < graph->nodes[n].in_count; i++) {
                const int in = graph->nodes[n].in[i];
                if (in >= 0 && graph->values[in].shape.type == TENSOR_BF16)
                    e = want_type(graph, &n, i, TENSOR_F32, err);
            }
        }
    }
    for (size_t i = 0; e == 0 && i < graph->output_count; i++) {
        if (graph->values[graph->outputs[i]].shape.type == TENSOR_BF16
            && graph->values[graph->outputs[i]].producer >= 0)
            e = restore_output(graph, graph->outputs[i], err);
    }
    return e;
}
