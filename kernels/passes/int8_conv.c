/* int8_conv: the constants of 8-bit nodes: weights of eight bits, factors and terms of channels. */
#include "kernels/passes/int8.h"

#include "base/err.h"
#include "kernels/ops/op.h"
#include "kernels/passes/conv_edit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WEIGHT_MAX = 127 };

/** A new constant; *ret is its value, *made its tensor, which lives in the graph. */
static int new_constant(struct graph *graph, const char *stem, enum tensor_type type,
                        int rank, const int64_t *dim, int *ret, struct tensor **made,
                        struct err *err)
{
    struct tensor *t = NULL;
    int e = tensor_create(type, rank, dim, SIZE_MAX / 2, &t, err);
    if (e == 0)
        e = graph_new_value(graph, stem, ret, err);
    if (e == 0)
        graph_set_constant(graph, *ret, t);
    if (e == 0)
        *made = t;
    tensor_destroy(t);
    return e;
}

static int new_floats(struct graph *graph, const char *stem, const double *from,
                      int64_t n, int *ret, struct err *err)
{
    struct tensor *t;
    const int e = new_constant(graph, stem, TENSOR_F32, 1, &n, ret, &t, err);
    for (int64_t i = 0; e == 0 && i < n; i++)
        ((float *)t->data)[i] = (float)from[i];
    return e;
}

/** Weights of 8 bits with a scale for each channel, and their sums, [channels] both. */
static int quantise_weights(struct graph *graph, int from, int *ret, double *scale,
                            double *sum, struct err *err)
{
    const struct tensor *w = graph->values[from].constant;
    struct tensor *t;
    const int e = new_constant(graph, graph->values[from].name, TENSOR_I8, w->rank,
                               w->dim, ret, &t, err);
    const int64_t taps = tensor_span(w, 1, w->rank);
    for (int64_t o = 0; e == 0 && o < w->dim[0]; o++) {
        const float *row = (const float *)w->data + o * taps;
        double most = 0;
        for (int64_t i = 0; i < taps; i++)
            most = fabs((double)row[i]) > most ? fabs((double)row[i]) : most;
        scale[o] = most > 0 ? most / WEIGHT_MAX : 1;
        sum[o] = 0;
        for (int64_t i = 0; i < taps; i++) {
            const double q = nearbyint((double)row[i] / scale[o]);
            ((int8_t *)t->data)[o * taps + i] = (int8_t)q;
            sum[o] += q;
        }
    }
    return e;
}

static int set_zero(struct node *node, const char *name, int zero, struct err *err)
{
    return zero != 0 ? node_set_int(node, name, zero, err) : 0;
}

/** The attributes that requant.h's formula takes for a result of that scale. */
static int set_result(struct node *node, struct int8_scale out, double low, double high,
                      double residual, struct err *err)
{
    const double step = out.scale > 0 ? (double)out.scale : 1;
    int e = 0;
    if (out.scale > 0)
        e = set_zero(node, "y_zero", out.zero, err);
    else
        e = node_set_int(node, "out_type", TENSOR_F32, err);
    if (e == 0 && low > -HUGE_VAL)
        e = node_set_float(node, "low", (float)(low / step), err);
    if (e == 0 && high < HUGE_VAL)
        e = node_set_float(node, "high", (float)(high / step), err);
    if (e == 0 && residual > 0)
        e = node_set_float(node, "residual_scale", (float)(residual / step), err);
    return e;
}

static void mark(struct graph *graph, int value, struct int8_scale out)
{
    struct value *v = &graph->values[value];
    v->shape.type = out.scale > 0 ? TENSOR_U8 : TENSOR_F32;
    v->scale = out.scale;
    v->zero = out.zero;
}

/** Its activation as bounds and a slope below zero. */
static void find_activation(const struct node *node, double *low, double *high,
                            double *slope)
{
    const char *name = node_string(node, "activation", "");
    *low = strcmp(name, "Relu") == 0 ? 0 : -HUGE_VAL;
    *high = HUGE_VAL;
    *slope =
        strcmp(name, "LeakyRelu") == 0 ? (double)node_float(node, "alpha", 0.01f) : 1;
    if (strcmp(name, "Clip") == 0) {
        *low = (double)node_float(node, "min", -HUGE_VALF);
        *high = (double)node_float(node, "max", HUGE_VALF);
    }
}

/** Take the convolution's own attributes over to a node that has none yet. */
static int copy_geometry(struct node *to, const struct node *from, struct err *err)
{
    static const char *const NAMES[] = {"dilations", "kernel_shape", "pads", "strides"};
    int e = 0;
    for (size_t i = 0; e == 0 && i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
        const struct attr *a = node_attr(from, NAMES[i]);
        if (a && a->type == ATTR_INTS)
            e = node_set_ints(to, NAMES[i], a->ints, a->count, err);
    }
    const char *mode = node_string(from, "auto_pad", "");
    return e == 0 && *mode ? node_set_string(to, "auto_pad", mode, err) : e;
}

/** Numbers of one conversion, [channels] each. */
struct numbers {
    double *scale, *bias, *sum, *slope;
};

static void find_numbers(const struct graph *graph, const struct node *node,
                         struct int8_scale out, double alpha, const double *slope,
                         int64_t channels, struct numbers *n)
{
    const struct value *x = &graph->values[node->in[0]];
    const int b = node->in_count > 2 ? node->in[2] : -1;
    const int r = node->in_count > 3 ? node->in[3] : -1;
    const double step = out.scale > 0 ? (double)out.scale : 1;
    for (int64_t o = 0; o < channels; o++) {
        const double scale = (double)x->scale * n->scale[o];
        double bias = b < 0 ? 0 : op_number(graph->values[b].constant, o);
        bias -= scale * x->zero * n->sum[o];
        if (r >= 0)
            bias -= (double)graph->values[r].scale * graph->values[r].zero;
        n->scale[o] = scale / step;
        n->bias[o] = bias / step;
        n->slope[o] = slope ? slope[o] : alpha;
    }
}

static int convert(struct graph *graph, size_t n, struct int8_scale out,
                   const double *slope, struct numbers *numbers, struct err *err)
{
    const struct node *old = &graph->nodes[n];
    const int64_t channels = graph->values[old->in[1]].shape.dim[0];
    const int residual = old->in_count > 3 ? old->in[3] : -1;
    double low, high, alpha;
    int in[6] = {old->in[0], -1, -1, -1, residual, -1};
    struct node made = {0};
    find_activation(old, &low, &high, &alpha);
    const bool bent = slope || alpha < 1 || alpha > 1;
    int e = op_find("hilum", "QConv", 1, &made.op, err);
    const char *stem = graph->values[old->in[1]].name;
    if (e == 0)
        e = quantise_weights(graph, old->in[1], &in[1], numbers->scale, numbers->sum,
                             err);
    if (e != 0)
        return e;
    find_numbers(graph, old, out, alpha, slope, channels, numbers);
    e = new_floats(graph, stem, numbers->scale, channels, &in[2], err);
    if (e == 0)
        e = new_floats(graph, stem, numbers->bias, channels, &in[3], err);
    if (e == 0 && bent)
        e = new_floats(graph, stem, numbers->slope, channels, &in[5], err);
    if (e == 0)
        e = copy_geometry(&made, old, err);
    if (e == 0)
        e = set_zero(&made, "x_zero", graph->values[in[0]].zero, err);
    const double r = residual < 0 ? 0 : (double)graph->values[residual].scale;
    if (e == 0)
        e = set_result(&made, out, low, high, r, err);
    int *ports = e == 0 ? malloc(sizeof(in)) : NULL;
    if (!ports) {
        node_finish(&made);
        return e != 0 ? e : err_set(err, ERR_NOMEM, "a convolution");
    }
    // The node keeps its name and its result and is another one otherwise.
    struct node *node = &graph->nodes[n];
    memcpy(ports, in, sizeof(in));
    made.in = ports;
    made.in_count = bent ? 6 : residual >= 0 ? 5 : 4;
    made.opset = 1;
    made.name = node->name;
    made.out = node->out;
    made.out_count = node->out_count;
    node->name = NULL;
    node->out = NULL;
    node->out_count = 0;
    node_finish(node);
    *node = made;
    mark(graph, node->out[0], out);
    return 0;
}

int int8_convert_conv(struct graph *graph, size_t n, struct int8_scale out,
                      const double *slope, struct err *err)
{
    const int64_t channels = conv_channels(graph, n);
    double *room = calloc((size_t)channels * 4 + 1, sizeof(*room));
    if (!room)
        return err_set(err, ERR_NOMEM, "a convolution");
    struct numbers numbers = {room, room + channels, room + 2 * channels,
                              room + 3 * channels};
    const int e = convert(graph, n, out, slope, &numbers, err);
    free(room);
    return e;
}

int int8_make_affine(struct graph *graph, size_t n, int x, int residual,
                     const struct int8_line *line, struct int8_scale out, struct err *err)
{
    const struct value *from = &graph->values[x];
    const int64_t channels = from->shape.dim[1];
    const double r = residual < 0 ? 0 : (double)graph->values[residual].scale;
    const double zero = residual < 0 ? 0 : r * graph->values[residual].zero;
    for (int64_t c = 0; c < channels; c++) {
        const double scale = line->a[c] * (double)from->scale;
        line->b[c] = (line->b[c] - scale * from->zero - zero) / (double)out.scale;
        line->a[c] = scale / (double)out.scale;
    }
    int in[5] = {x, -1, -1, residual, -1};
    const struct op *op;
    int e = op_find("hilum", "QAffine", 1, &op, err);
    const char *stem = graph->nodes[n].name;
    if (e == 0)
        e = new_floats(graph, stem, line->a, channels, &in[1], err);
    if (e == 0)
        e = new_floats(graph, stem, line->b, channels, &in[2], err);
    if (e == 0 && line->slope)
        e = new_floats(graph, stem, line->slope, channels, &in[4], err);
    struct node *node = &graph->nodes[n];
    int *ports = e == 0 ? realloc(node->in, sizeof(in)) : NULL;
    if (!ports)
        return e != 0 ? e : err_set(err, ERR_NOMEM, "a node");
    memcpy(ports, in, sizeof(in));
    node->in = ports;
    node->in_count = line->slope ? 5 : residual >= 0 ? 4 : 3;
    node->op = op;
    node->opset = 1;
    e = set_result(node, out, line->low, line->high, r, err);
    if (e == 0)
        mark(graph, node->out[0], out);
    return e;
}
