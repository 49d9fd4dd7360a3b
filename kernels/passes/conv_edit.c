#include "kernels/passes/conv_edit.h"

#include "base/err.h"
#include "kernels/ops/op.h"

#include <stdlib.h>
#include <string.h>

bool conv_is_transposed(const struct node *node)
{
    return node->op && strcmp(node->op->name, "ConvTranspose") == 0;
}

bool conv_is(const struct node *node)
{
    return node->op && (strcmp(node->op->name, "Conv") == 0 || conv_is_transposed(node));
}

static bool is_constant(const struct graph *graph, const struct node *node, size_t i)
{
    return i < node->in_count && node->in[i] >= 0 && graph->values[node->in[i]].constant;
}

int conv_open_producer(const struct graph *graph, int value)
{
    const int n = value < 0 ? -1 : graph->values[value].producer;
    if (n < 0 || !conv_is(&graph->nodes[n]) || graph_only_reader(graph, value) < 0)
        return -1;
    const struct node *node = &graph->nodes[n];
    const bool has_bias = node->in_count > 2 && node->in[2] >= 0;
    const bool has_residual = node->in_count > 3 && node->in[3] >= 0;
    if (!is_constant(graph, node, 1) || (has_bias && !is_constant(graph, node, 2))
        || has_residual || node_attr(node, "activation"))
        return -1;
    return n;
}

int64_t conv_channels(const struct graph *graph, size_t n)
{
    const struct node *node = &graph->nodes[n];
    const struct tensor *w = &graph->values[node->in[1]].shape;
    return conv_is_transposed(node) ? w->dim[1] * node_int(node, "group", 1) : w->dim[0];
}

int conv_make_ours(struct graph *graph, size_t n, struct err *err)
{
    struct node *node = &graph->nodes[n];
    const int e = op_find("hilum", node->op->name, 1, &node->op, err);
    if (e != 0)
        return e;
    node->opset = 1;
    int *in = realloc(node->in, 5 * sizeof(*in));
    if (!in)
        return err_set(err, ERR_NOMEM, "inputs of a convolution");
    node->in = in;
    return 0;
}

/** A new constant like value's shape of that many channels; *ret is its index. */
static int new_constant(struct graph *graph, const char *stem, enum tensor_type type,
                        int rank, const int64_t *dim, struct tensor **made, int *ret,
                        struct err *err)
{
    struct tensor *t = NULL;
    int e = tensor_create(type, rank, dim, SIZE_MAX / 2, &t, err);
    if (e == 0)
        e = graph_new_value(graph, stem, ret, err);
    if (e == 0) {
        graph_set_constant(graph, *ret, t);
        *made = t; // lives on in the graph
    }
    tensor_destroy(t);
    return e;
}

static void scale_weights(const struct node *node, const struct tensor *from,
                          struct tensor *to, const double *scale)
{
    const int64_t taps = tensor_span(from, 2, from->rank);
    const int64_t groups = node_int(node, "group", 1), per = from->dim[0] / groups;
    const bool transposed = conv_is_transposed(node);
    for (int64_t row = 0; row < from->dim[0] * from->dim[1]; row++) {
        const int64_t a = row / from->dim[1], b = row % from->dim[1];
        const int64_t channel = transposed ? a / per * from->dim[1] + b : a;
        if (from->type == TENSOR_F32) { // millions of them, while somebody waits
            const float *x = (const float *)from->data + row * taps;
            float *y = (float *)to->data + row * taps;
            for (int64_t k = 0; k < taps; k++)
                y[k] = (float)((double)x[k] * scale[channel]);
            continue;
        }
        for (int64_t k = row * taps; k < (row + 1) * taps; k++)
            tensor_store_f64(to, k, 1, &(double){op_number(from, k) * scale[channel]});
    }
}

int conv_scale(struct graph *graph, size_t n, const double *scale, const double *shift,
               struct err *err)
{
    int w, b;
    struct tensor *wt, *bt;
    int e = conv_make_ours(graph, n, err);
    if (e != 0)
        return e;
    struct node *node = &graph->nodes[n];
    const int64_t channels = conv_channels(graph, n);
    const int old_w = node->in[1], old_b = node->in_count > 2 ? node->in[2] : -1;
    const struct tensor *from = graph->values[old_w].constant;
    e = new_constant(graph, graph->values[old_w].name, from->type, from->rank, from->dim,
                     &wt, &w, err);
    if (e == 0)
        e = new_constant(graph, graph->values[w].name, from->type, 1, &channels, &bt, &b,
                         err);
    if (e != 0)
        return e;
    scale_weights(node, graph->values[old_w].constant, wt, scale);
    for (int64_t i = 0; i < channels; i++) {
        const double bias = old_b < 0 ? 0 : op_number(graph->values[old_b].constant, i);
        tensor_store_f64(bt, i, 1, &(double){bias * scale[i] + shift[i]});
    }
    node->in[1] = w;
    node->in[2] = b;
    node->in_count = node->in_count > 3 ? node->in_count : 3;
    return 0;
}

bool conv_per_channel(const struct graph *graph, int value, int rank, int64_t channels,
                      double *ret)
{
    const struct tensor *t = value < 0 ? NULL : graph->values[value].constant;
    if (!t || t->rank > rank || !tensor_type_is_float(t->type))
        return false;
    const int64_t count = tensor_count(t);
    const int axis = t->rank - (rank - 1); // where channels lie when it broadcasts
    const bool one = count == 1;
    if (!one && (axis < 0 || t->dim[axis] != channels || count != channels))
        return false;
    for (int64_t i = 0; i < channels; i++)
        ret[i] = op_number(t, one ? 0 : i);
    return true;
}
