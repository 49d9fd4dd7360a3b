/*
 * deconv_gemm: a ConvTranspose whose kernel is its stride writes each output once: it becomes
 * a 1 x 1 convolution to as many channels as the kernel has places, and a Shuffle that puts
 * them there. oneDNN's own is ten times slower at it.
 */
#include "kernels/passes/pass.h"

#include "base/err.h"
#include "kernels/ops/op.h"
#include "kernels/passes/conv_edit.h"

#include <string.h>

static bool all_are(const struct node *node, const char *name, int64_t want)
{
    const struct attr *a = node_attr(node, name);
    for (size_t i = 0; a && i < a->count; i++) {
        if (a->type != ATTR_INTS || a->ints[i] != want)
            return false;
    }
    return true;
}

static bool is_exact(const struct graph *graph, const struct node *node)
{
    const struct tensor *w = &graph->values[node->in[1]].shape;
    const struct attr *strides = node_attr(node, "strides");
    const char *mode = node_string(node, "auto_pad", "NOTSET");
    const bool bias = node->in_count > 2 && node->in[2] >= 0;
    if (!graph->values[node->in[1]].constant || w->type != TENSOR_F32 || w->rank < 3
        || (bias && !graph->values[node->in[2]].constant)
        || node_int(node, "group", 1) != 1 || !strides || strides->type != ATTR_INTS
        || strides->count != (size_t)w->rank - 2 || !all_are(node, "pads", 0)
        || !all_are(node, "output_padding", 0) || !all_are(node, "dilations", 1)
        || node_attr(node, "output_shape")
        || (*mode && strcmp(mode, "NOTSET") != 0 && strcmp(mode, "VALID") != 0))
        return false;
    for (size_t i = 0; i < strides->count; i++) {
        if (strides->ints[i] != w->dim[i + 2])
            return false;
    }
    return true;
}

/** Constants of the 1 x 1 convolution: weights [k * out, in, 1...] of [in, out, k...], and the
 * bias repeated. *ret are the indices of the values. */
static int make_constants(struct graph *graph, const struct node *node, int *ret,
                          struct err *err)
{
    const struct tensor *w = graph->values[node->in[1]].constant;
    const int64_t in = w->dim[0], out = w->dim[1], taps = tensor_span(w, 2, w->rank);
    const bool bias = node->in_count > 2 && node->in[2] >= 0;
    const float *from = w->data,
                *b = bias ? graph->values[node->in[2]].constant->data : NULL;
    const char *stem = graph->values[node->in[1]].name;
    int64_t dim[TENSOR_RANK_MAX] = {taps * out, in, 1, 1, 1};
    auto_(tensor) struct tensor *wt = NULL, *bt = NULL;
    int e = tensor_create(TENSOR_F32, w->rank, dim, SIZE_MAX / 2, &wt, err);
    if (e == 0)
        e = tensor_create(TENSOR_F32, 1, dim, SIZE_MAX / 2, &bt, err);
    if (e == 0)
        e = graph_new_value(graph, stem, &ret[0], err);
    if (e == 0) {
        graph_set_constant(graph, ret[0], wt);
        e = graph_new_value(graph, stem, &ret[1], err);
    }
    if (e != 0)
        return e;
    for (int64_t k = 0; k < taps; k++) {
        for (int64_t o = 0; o < out; o++) {
            ((float *)bt->data)[k * out + o] = b ? b[o] : 0;
            for (int64_t c = 0; c < in; c++)
                ((float *)wt->data)[(k * out + o) * in + c] =
                    from[(c * out + o) * taps + k];
        }
    }
    graph_set_constant(graph, ret[1], bt);
    return 0;
}

static int split(struct graph *graph, size_t n, struct err *err)
{
    int constants[2], wide;
    const struct op *conv, *shuffle;
    struct node *node = &graph->nodes[n];
    int e = make_constants(graph, node, constants, err);
    if (e == 0)
        e = graph_new_value(graph, graph->values[node->out[0]].name, &wide, err);
    if (e == 0)
        e = op_find("hilum", "Conv", 1, &conv, err);
    if (e == 0)
        e = op_find("hilum", "Shuffle", 1, &shuffle, err);
    if (e != 0)
        return e;
    const int in[3] = {node->in[0], constants[0], constants[1]};
    struct node *made;
    e = graph_insert_node(graph, n, conv, node->name, in, 3, &wide, 1, &made, err);
    if (e != 0)
        return e;
    node = &graph->nodes[n + 1];
    made->opset = 1;
    static const char *const KEPT[] = {"activation", "alpha", "beta", "min", "max"};
    for (size_t i = 0; e == 0 && i < sizeof(KEPT) / sizeof(KEPT[0]); i++) {
        const struct attr *a = node_attr(node, KEPT[i]);
        if (a && a->type == ATTR_STRING)
            e = node_set_string(made, KEPT[i], a->s, err);
        else if (a)
            e = node_set_float(made, KEPT[i], a->f, err);
    }
    node->op = shuffle;
    node->opset = 1;
    node->in[0] = wide;
    node->in_count = 1;
    return e;
}

int pass_deconv_gemm(struct graph *graph, const struct pass_context *context,
                     struct err *err)
{
    (void)context;
    int e = 0;
    for (size_t n = 0; e == 0 && n < graph->node_count; n++) {
        if (conv_is_transposed(&graph->nodes[n]) && is_exact(graph, &graph->nodes[n])
            && graph->values[graph->nodes[n].in[0]].shape.type == TENSOR_F32) {
            e = split(graph, n, err);
            n++; // the Shuffle
        }
    }
    return e;
}
