/*
 * int8: convolutions on 8-bit numbers, and what stands between them too, with the scales that a
 * calibration found.
 *
 * Nodes are looked at in order. One that can work on 8-bit numbers does so if what it reads is
 * there in 8 bits or is worth to be brought there; its result is 8-bit if somebody behind it
 * takes it so, and float otherwise, so that scores keep their bits. QuantizeLinear and
 * DequantizeLinear stand where a value changes. Steps that the calibration keeps out, and what
 * has no 8-bit form, stay as they are.
 */
#include "kernels/passes/pass.h"

#include "base/err.h"
#include "kernels/calibration.h"
#include "kernels/ops/op.h"
#include "kernels/passes/conv_edit.h"
#include "kernels/passes/int8.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    PRODUCTS_MAX = INT32_MAX / (255 * 128), // of one sum: it fits 32 bits
    TAPS_MAX = 512,                         // as far as fast kernels go
};

static bool is(const struct node *node, const char *name)
{
    return node->op && strcmp(node->op->name, name) == 0;
}

/** The scale a value would have, or has. */
static struct int8_scale scale_of(const struct int8 *p, int value)
{
    const struct value *v = &p->graph->values[value];
    if (v->scale > 0)
        return (struct int8_scale){v->scale, v->zero};
    const bool known = (size_t)value < p->count && v->shape.type == TENSOR_F32;
    return known ? p->scales[value] : (struct int8_scale){0, 0};
}

static bool is_image(const struct graph *graph, int value)
{
    const struct value *v = value < 0 ? NULL : &graph->values[value];
    return v && !v->constant && v->shape.rank >= 3 && v->shape.rank <= 5
           && (v->shape.type == TENSOR_F32 || v->scale > 0)
           && tensor_count(&v->shape) > 0;
}

static bool is_8bit(const struct graph *graph, int value)
{
    return value >= 0 && graph->values[value].scale > 0;
}

/** An image that is in 8 bits or can be. */
static bool can_be_8bit(const struct int8 *p, int value)
{
    return is_image(p->graph, value) && scale_of(p, value).scale > 0;
}

static bool has_activation(const struct node *node)
{
    static const char *const NAMES[] = {"", "Relu", "LeakyRelu", "Clip"};
    const char *name = node_string(node, "activation", "");
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
        if (strcmp(name, NAMES[i]) == 0)
            return true;
    }
    return false;
}

/** The index of the only reader of value if it is called name, else -1. */
static int reader_called(const struct graph *graph, int value, const char *name)
{
    const int n = graph_only_reader(graph, value);
    return n >= 0 && is(&graph->nodes[n], name) && graph->nodes[n].in[0] == value ? n
                                                                                  : -1;
}

/** The node that a convolution becomes one with: what its 1 x 1 products were made for. */
static int shuffle_behind(const struct graph *graph, const struct node *conv)
{
    return reader_called(graph, conv->out[0], "Shuffle");
}

static bool is_convertible(const struct int8 *p, const struct node *node)
{
    const struct graph *g = p->graph;
    if (!conv_is(node) || conv_is_transposed(node) || node_int(node, "group", 1) != 1
        || !has_activation(node) || !can_be_8bit(p, node->in[0])
        || (node->in_count > 3 && node->in[3] >= 0 && !can_be_8bit(p, node->in[3])))
        return false;
    const struct value *w = &g->values[node->in[1]];
    const int b = node->in_count > 2 ? node->in[2] : -1;
    const int behind = shuffle_behind(g, node);
    const int result = behind >= 0 ? g->nodes[behind].out[0] : node->out[0];
    return w->constant && w->shape.type == TENSOR_F32
           && tensor_span(&w->shape, 1, w->shape.rank) <= PRODUCTS_MAX
           && tensor_span(&w->shape, 2, w->shape.rank) <= TAPS_MAX
           && (b < 0 || (g->values[b].constant && g->values[b].shape.type == TENSOR_F32))
           && !calibration_keeps(p->calibration, g->values[result].name);
}

/* Lines: what acts on each number of a channel alone */

/** y = a x + b of node over its input 0, or a slope below zero; false: it is none. */
static bool find_line(const struct graph *graph, const struct node *node,
                      int64_t channels, struct int8_line *line)
{
    const int rank = graph->values[node->in[0]].shape.rank;
    for (int64_t c = 0; c < channels; c++) {
        line->a[c] = 1;
        line->b[c] = 0;
    }
    if (is(node, "BatchNormalization") && !node_int(node, "training_mode", 0)) {
        const struct tensor *t[4];
        for (size_t i = 0; i < 4; i++) {
            t[i] = graph->values[node->in[i + 1]].constant;
            if (!t[i] || tensor_count(t[i]) != channels)
                return false;
        }
        for (int64_t c = 0; c < channels; c++) {
            const double epsilon = (double)node_float(node, "epsilon", 1e-5f);
            line->a[c] = op_number(t[0], c) / sqrt(op_number(t[3], c) + epsilon);
            line->b[c] = op_number(t[1], c) - op_number(t[2], c) * line->a[c];
        }
        return true;
    }
    if (node->in_count == 2 && node->opset >= 7 && is(node, "Mul"))
        return conv_per_channel(graph, node->in[1], rank, channels, line->a);
    if (node->in_count == 2 && node->opset >= 7 && is(node, "Add"))
        return conv_per_channel(graph, node->in[1], rank, channels, line->b);
    return false;
}

/** A bend at zero: Relu, LeakyRelu, PRelu. */
static bool find_bend(const struct graph *graph, const struct node *node,
                      int64_t channels, double *slope)
{
    for (int64_t c = 0; c < channels; c++)
        slope[c] = is(node, "LeakyRelu") ? (double)node_float(node, "alpha", 0.01f) : 0;
    if (is(node, "Relu") || is(node, "LeakyRelu"))
        return true;
    return is(node, "PRelu") && node->opset >= 7
           && conv_per_channel(graph, node->in[1], graph->values[node->in[0]].shape.rank,
                               channels, slope);
}

/** Whether node is one of them and its result may be held in 8 bits. */
static bool is_line(const struct int8 *p, const struct node *node)
{
    if (!is_image(p->graph, node->in[0]) || node->out[0] < 0
        || (node->out_count > 1 && node->out[1] >= 0))
        return false;
    const int64_t channels = p->graph->values[node->in[0]].shape.dim[1];
    double *room = calloc((size_t)channels * 3 + 1, sizeof(*room));
    if (!room)
        return false;
    struct int8_line line = {.a = room, .b = room + channels};
    const bool line_is = find_line(p->graph, node, channels, &line)
                         || find_bend(p->graph, node, channels, room + 2 * channels);
    free(room);
    return line_is
           && tensor_has_shape_of(&p->graph->values[node->in[0]].shape,
                                  &p->graph->values[node->out[0]].shape);
}

static bool is_sum(const struct int8 *p, const struct node *node)
{
    return is(node, "Add") && node->in_count == 2 && node->opset >= 7
           && can_be_8bit(p, node->in[0]) && can_be_8bit(p, node->in[1])
           && tensor_has_shape_of(&p->graph->values[node->in[0]].shape,
                                  &p->graph->values[node->in[1]].shape);
}

/** The value whose scale a line's result has: that of the bend behind it, which goes along. */
static int bend_behind(const struct int8 *p, const struct node *node)
{
    static const char *const NAMES[] = {"Relu", "LeakyRelu", "PRelu"};
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
        const int n = reader_called(p->graph, node->out[0], NAMES[i]);
        if (n >= 0 && is_line(p, &p->graph->nodes[n]))
            return n;
    }
    return -1;
}

static bool is_concat(const struct int8 *p, const struct node *node)
{
    const int64_t axis = node_int(node, "axis", 1);
    if (!is(node, "Concat") || !is_image(p->graph, node->out[0])
        || (axis != 1 && axis != 1 - p->graph->values[node->out[0]].shape.rank))
        return false;
    for (size_t i = 0; i < node->in_count; i++) {
        if (!can_be_8bit(p, node->in[i]))
            return false;
    }
    return true;
}

/** It takes numbers from some places to others, or the middle of two. */
static bool is_pool(const struct node *node)
{
    const bool resize = is(node, "Resize") || is(node, "Upsample");
    if (resize && strcmp(node_string(node, "mode", "nearest"), "cubic") == 0)
        return false;
    return resize || (is(node, "MaxPool") && (node->out_count < 2 || node->out[1] < 0))
           || is(node, "Shuffle");
}

/** Would somebody take value in 8 bits? depth bounds how far one looks. */
static bool is_wanted(const struct int8 *p, int value, int depth)
{
    const struct graph *g = p->graph;
    for (size_t n = 0; n < g->node_count; n++) {
        const struct node *node = &g->nodes[n];
        for (size_t i = 0; node->op && i < node->in_count; i++) {
            if (node->in[i] != value)
                continue;
            if ((i == 0 || i == 3) && is_convertible(p, node))
                return true;
            const bool passes = (i == 0 && (is_pool(node) || is_line(p, node)))
                                || is_concat(p, node) || is_sum(p, node);
            if (passes && depth > 0 && is_wanted(p, node->out[0], depth - 1))
                return true;
        }
    }
    return false;
}

enum { LOOK_AHEAD = 6 };

/** The scale of a result that is to be 8-bit; scale 0: it is to be float. */
static struct int8_scale result_scale(const struct int8 *p, int value)
{
    const struct int8_scale none = {0, 0};
    return is_wanted(p, value, LOOK_AHEAD) ? scale_of(p, value) : none;
}

/* Changes of type */

static int find_copy(const struct graph *graph, int value, const char *name)
{
    for (size_t n = 0; n < graph->node_count; n++) {
        const struct node *node = &graph->nodes[n];
        // A model has such nodes of its own, with other scales.
        if (is(node, name) && node->in[0] == value
            && (is_8bit(graph, value) || is_8bit(graph, node->out[0])))
            return node->out[0];
    }
    return -1;
}

/** Constants of a scale: *ret are their values. */
static int scale_constants(struct graph *graph, const char *stem, struct int8_scale s,
                           int *ret, struct err *err)
{
    auto_(tensor) struct tensor *scale = NULL;
    auto_(tensor) struct tensor *zero = NULL;
    int e = tensor_create(TENSOR_F32, 0, NULL, 64, &scale, err);
    if (e == 0)
        e = tensor_create(TENSOR_U8, 0, NULL, 64, &zero, err);
    if (e == 0)
        e = graph_new_value(graph, stem, &ret[0], err);
    if (e == 0) {
        graph_set_constant(graph, ret[0], scale);
        e = graph_new_value(graph, stem, &ret[1], err);
    }
    if (e != 0)
        return e;
    graph_set_constant(graph, ret[1], zero);
    *(float *)scale->data = s.scale;
    *(uint8_t *)zero->data = (uint8_t)s.zero;
    return 0;
}

/** Put a node in front of *n that brings value into 8 bits or out of them; *ret is its result. */
static int insert_change(struct graph *graph, size_t *n, int value, const char *name,
                         struct int8_scale s, int *ret, struct err *err)
{
    const bool to = strcmp(name, "QuantizeLinear") == 0;
    const struct op *op;
    struct node *node;
    int in[3] = {value, -1, -1};
    int e = op_find("", name, 13, &op, err);
    if (e == 0)
        e = scale_constants(graph, graph->values[value].name, s, in + 1, err);
    if (e == 0)
        e = graph_new_value(graph, graph->values[value].name, ret, err);
    if (e == 0)
        e = graph_insert_node(graph, *n, op, "", in, 3, ret, 1, &node, err);
    if (e != 0)
        return e;
    node->opset = 13;
    (*n)++;
    struct value *v = &graph->values[*ret];
    v->shape = graph->values[value].shape;
    v->shape.type = to ? TENSOR_U8 : TENSOR_F32;
    v->scale = to ? s.scale : 0;
    v->zero = to ? s.zero : 0;
    return 0;
}

static int want_8bit(struct int8 *p, size_t *n, size_t i, struct err *err)
{
    const int value = p->graph->nodes[*n].in[i];
    if (value < 0 || is_8bit(p->graph, value))
        return 0;
    int copy = find_copy(p->graph, value, "QuantizeLinear"), e = 0;
    if (copy < 0)
        e = insert_change(p->graph, n, value, "QuantizeLinear", scale_of(p, value), &copy,
                          err);
    if (e == 0)
        p->graph->nodes[*n].in[i] = copy;
    return e;
}

static int want_float(struct int8 *p, size_t *n, size_t i, struct err *err)
{
    const int value = p->graph->nodes[*n].in[i];
    if (!is_8bit(p->graph, value))
        return 0;
    int copy = find_copy(p->graph, value, "DequantizeLinear"), e = 0;
    if (copy < 0)
        e = insert_change(p->graph, n, value, "DequantizeLinear", scale_of(p, value),
                          &copy, err);
    if (e == 0)
        p->graph->nodes[*n].in[i] = copy;
    return e;
}

/* Conversion */

/** Let the convolution n, now hilum.QConv, put its channels into space itself. */
static int take_shuffle(struct graph *graph, size_t n, int shuffle, struct err *err)
{
    const struct attr *a = node_attr(&graph->nodes[shuffle], "strides");
    const struct value *wide = &graph->values[graph->nodes[n].out[0]];
    const struct int8_scale scale = {wide->scale, wide->zero};
    const enum tensor_type type = wide->shape.type;
    const int e = node_set_ints(&graph->nodes[n], "spread", a->ints, a->count, err);
    if (e != 0)
        return e;
    graph_take_over(graph, n, (size_t)shuffle);
    struct value *v = &graph->values[graph->nodes[n].out[0]];
    v->scale = scale.scale;
    v->zero = scale.zero;
    v->shape.type = type;
    return 0;
}

/** Its result and that of the PRelu behind it, if that becomes part of it. */
static int convert_conv(struct int8 *p, size_t *n, struct err *err)
{
    struct graph *g = p->graph;
    int e = want_8bit(p, n, 0, err);
    if (e == 0 && g->nodes[*n].in_count > 3)
        e = want_8bit(p, n, 3, err);
    if (e != 0)
        return e;
    const struct node *node = &g->nodes[*n];
    const int shuffle = shuffle_behind(g, node);
    int bend = -1;
    double *slope = NULL;
    if (shuffle < 0 && !node_attr(node, "activation"))
        bend = reader_called(g, node->out[0], "PRelu");
    if (bend >= 0) {
        const int64_t channels = conv_channels(g, *n);
        slope = calloc((size_t)channels + 1, sizeof(*slope));
        if (!slope)
            return err_set(err, ERR_NOMEM, "slopes");
        if (!find_bend(g, &g->nodes[bend], channels, slope))
            bend = -1;
    }
    const int last = shuffle >= 0 ? shuffle : bend;
    const int result = last >= 0 ? g->nodes[last].out[0] : node->out[0];
    const struct int8_scale out = result_scale(p, result);
    if (bend >= 0)
        graph_take_over(g, *n, (size_t)bend);
    e = int8_convert_conv(g, *n, out, bend >= 0 ? slope : NULL, err);
    free(slope);
    return e == 0 && shuffle >= 0 ? take_shuffle(g, *n, shuffle, err) : e;
}

static int convert_line(struct int8 *p, size_t n, struct err *err)
{
    struct graph *g = p->graph;
    const int x = g->nodes[n].in[0], behind = bend_behind(p, &g->nodes[n]);
    const int64_t channels = g->values[x].shape.dim[1];
    double *room = calloc((size_t)channels * 3 + 1, sizeof(*room));
    if (!room)
        return err_set(err, ERR_NOMEM, "a line");
    struct int8_line line = {.a = room,
                             .b = room + channels,
                             .slope = room + 2 * channels,
                             .low = -HUGE_VAL,
                             .high = HUGE_VAL};
    const bool bent = !find_line(g, &g->nodes[n], channels, &line);
    int e = 0;
    if (bent)
        find_bend(g, &g->nodes[n], channels, line.slope);
    else if (behind >= 0 && find_bend(g, &g->nodes[behind], channels, line.slope))
        graph_take_over(g, n, (size_t)behind);
    else
        line.slope = NULL;
    const struct int8_scale out = result_scale(p, g->nodes[n].out[0]);
    e = int8_make_affine(g, n, x, -1, &line, out, err);
    free(room);
    return e;
}

static int convert_sum(struct int8 *p, size_t *n, struct err *err)
{
    struct graph *g = p->graph;
    int e = want_8bit(p, n, 0, err);
    if (e == 0)
        e = want_8bit(p, n, 1, err);
    if (e != 0)
        return e;
    const struct node *node = &g->nodes[*n];
    const int x = node->in[0], residual = node->in[1], behind = bend_behind(p, node);
    const int64_t channels = g->values[x].shape.dim[1];
    double *room = calloc((size_t)channels * 3 + 1, sizeof(*room));
    if (!room)
        return err_set(err, ERR_NOMEM, "a sum");
    struct int8_line line = {.a = room,
                             .b = room + channels,
                             .slope = room + 2 * channels,
                             .low = -HUGE_VAL,
                             .high = HUGE_VAL};
    if (behind >= 0 && find_bend(g, &g->nodes[behind], channels, line.slope))
        graph_take_over(g, *n, (size_t)behind);
    else
        line.slope = NULL;
    for (int64_t c = 0; c < channels; c++)
        line.a[c] = 1;
    const struct int8_scale out = result_scale(p, g->nodes[*n].out[0]);
    e = int8_make_affine(g, *n, x, residual, &line, out, err);
    free(room);
    return e;
}

/** What moves numbers only: its result has its input's scale. */
static int convert_mover(struct int8 *p, size_t *n, struct err *err)
{
    struct graph *g = p->graph;
    int e = 0;
    const bool all = is(&g->nodes[*n], "Concat"); // others have shapes behind their image
    for (size_t i = 0; e == 0 && i < (all ? g->nodes[*n].in_count : 1); i++)
        e = want_8bit(p, n, i, err);
    if (e != 0)
        return e;
    const struct value *from = &g->values[g->nodes[*n].in[0]];
    struct value *to = &g->values[g->nodes[*n].out[0]];
    to->scale = from->scale;
    to->zero = from->zero;
    to->shape.type = TENSOR_U8;
    return 0;
}

static bool reads_8bit(const struct graph *graph, const struct node *node)
{
    for (size_t i = 0; i < node->in_count; i++) {
        if (is_8bit(graph, node->in[i]))
            return true;
    }
    return false;
}

/** All parts of a Concat have one scale: its own. */
static bool have_one_scale(const struct int8 *p, const struct node *node)
{
    const struct int8_scale want = scale_of(p, node->out[0]);
    for (size_t i = 0; i < node->in_count; i++) {
        const struct int8_scale s = scale_of(p, node->in[i]);
        if (s.scale < want.scale || s.scale > want.scale || s.zero != want.zero)
            return false;
    }
    return true;
}

static int convert_node(struct int8 *p, size_t *n, struct err *err)
{
    const struct node *node = &p->graph->nodes[*n];
    if (is_convertible(p, node))
        return convert_conv(p, n, err);
    if (node->out_count > 0 && node->out[0] >= 0 && reads_8bit(p->graph, node)) {
        if ((is_pool(node) || (is_concat(p, node) && have_one_scale(p, node)))
            && is_8bit(p->graph, node->in[0] >= 0 ? node->in[0] : -1)
            && is_wanted(p, node->out[0], LOOK_AHEAD))
            return convert_mover(p, n, err);
        const int behind = bend_behind(p, node);
        const int result = behind >= 0 ? p->graph->nodes[behind].out[0] : node->out[0];
        const bool wanted = result_scale(p, result).scale > 0;
        if (wanted && is_sum(p, node))
            return convert_sum(p, n, err);
        if (wanted && is_8bit(p->graph, node->in[0]) && is_line(p, node))
            return convert_line(p, *n, err);
    }
    int e = 0;
    for (size_t i = 0; e == 0 && i < p->graph->nodes[*n].in_count; i++) {
        if (p->graph->nodes[*n].in[i] >= 0)
            e = want_float(p, n, i, err);
    }
    return e;
}

static bool is_change(const struct node *node)
{
    return is(node, "QuantizeLinear") || is(node, "DequantizeLinear");
}

int pass_int8(struct graph *graph, const struct pass_context *context, struct err *err)
{
    if (!context->calibration)
        return 0;
    struct int8 p = {
        .graph = graph, .calibration = context->calibration, .count = graph->value_count};
    int e = int8_find_scales(graph, context->calibration, &p.scales, err);
    for (size_t n = 0; e == 0 && n < graph->node_count; n++) {
        const struct node *node = &graph->nodes[n];
        if (node->op && node->in_count > 0 && node->in[0] >= 0 && !is_change(node))
            e = convert_node(&p, &n, err);
    }
    free(p.scales);
    return e;
}
