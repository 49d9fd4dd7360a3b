/*
 * layout: values around convolutions lie as the executor likes them; hilum.Layout nodes bring them
 * there and back.
 *
 * A convolution takes the first pair of layouts for which there is fast code; what stands
 * behind it follows where it can, so that few values are brought to another layout. Inputs
 * and outputs of the graph are plain.
 */
#include "kernels/passes/pass.h"

#include "base/err.h"
#include "kernels/executor.h"
#include "kernels/ops/op.h"
#include "kernels/passes/conv_edit.h"

#include <string.h>

struct layouter {
    struct graph *graph;
    struct executor *executor;
};

struct pair {
    enum layout in, out;
};

static bool is_image(const struct graph *graph, int value)
{
    const struct tensor *t = &graph->values[value].shape;
    return (t->type == TENSOR_F32 || t->type == TENSOR_BF16
            || graph->values[value].scale > 0)
           && t->rank >= 3 && t->rank <= 5;
}

static bool is(const struct node *node, const char *name)
{
    return strcmp(node->op->name, name) == 0;
}

/** What convolutions of that type are fastest in. */
static enum layout favourite(const struct graph *graph, int value)
{
    return graph->values[value].shape.type == TENSOR_F32 ? LAYOUT_BLOCKED : LAYOUT_LAST;
}

static struct pair choose_for_conv(const struct layouter *l, size_t n)
{
    const struct node *node = &l->graph->nodes[n];
    const enum layout f = favourite(l->graph, node->in[0]), p = LAYOUT_PLAIN;
    const struct pair both = {f, f}, in = {f, p}, out = {p, f};
    // Few channels fill no block.
    const bool few =
        l->graph->values[node->in[0]].shape.dim[1] < 4 && f == LAYOUT_BLOCKED;
    const struct pair pairs[] = {few ? out : both, few ? both : in, few ? in : out};
    for (int i = 0; i < 3; i++) {
        if (executor_can(l->executor, l->graph, n, pairs[i].in, pairs[i].out))
            return pairs[i];
    }
    return (struct pair){p, p};
}

/** May all parts of a Concat stay blocked: whole blocks of channels, side by side? */
static bool can_concat(const struct graph *graph, const struct node *node)
{
    const int64_t axis = node_int(node, "axis", 1);
    if (axis != 1 && axis != 1 - graph->values[node->in[0]].shape.rank)
        return false;
    for (size_t i = 0; i < node->in_count; i++) {
        if (!is_image(graph, node->in[i])
            || (favourite(graph, node->in[i]) == LAYOUT_BLOCKED
                && graph->values[node->in[i]].shape.dim[1] % LAYOUT_BLOCK != 0))
            return false;
    }
    return true;
}

static bool any_moved(const struct graph *graph, const struct node *node)
{
    for (size_t i = 0; i < node->in_count; i++) {
        if (node->in[i] >= 0 && graph->values[node->in[i]].layout != LAYOUT_PLAIN)
            return true;
    }
    return false;
}

/** Inputs beyond the first, other than constants, all have the shape of the output. */
static bool has_like_inputs(const struct graph *graph, const struct node *node)
{
    for (size_t i = 1; i < node->in_count; i++) {
        const struct value *v = node->in[i] < 0 ? NULL : &graph->values[node->in[i]];
        if (v && !v->constant
            && !tensor_has_shape_of(&v->shape, &graph->values[node->out[0]].shape))
            return false;
    }
    return true;
}

static struct pair choose(const struct layouter *l, size_t n)
{
    const struct pair plain = {LAYOUT_PLAIN, LAYOUT_PLAIN};
    const struct graph *g = l->graph;
    const struct node *node = &g->nodes[n];
    if (node->in_count == 0 || node->in[0] < 0 || node->out[0] < 0
        || !is_image(g, node->in[0]) || !is_image(g, node->out[0]))
        return plain;
    if (conv_is(node))
        return choose_for_conv(l, n);
    // A Cast is a copy anyway: it brings numbers to where they are used.
    const enum layout now = g->values[node->in[0]].layout;
    if (strcmp(node->op->name, "Cast") == 0) {
        const bool to_bf16 = g->values[node->out[0]].shape.type == TENSOR_BF16;
        const struct pair pair = {now, to_bf16 ? LAYOUT_LAST : LAYOUT_PLAIN};
        return executor_can(l->executor, l->graph, n, pair.in, pair.out) ? pair : plain;
    }
    // 8-bit numbers lie channels last, and so does the float result of their sums.
    if (is(node, "QConv"))
        return (struct pair){LAYOUT_LAST, LAYOUT_LAST};
    if (is(node, "QuantizeLinear"))
        return (struct pair){now == LAYOUT_BLOCKED ? LAYOUT_PLAIN : now, LAYOUT_LAST};
    if (is(node, "DequantizeLinear"))
        return (struct pair){LAYOUT_LAST, LAYOUT_PLAIN};
    const enum layout f = favourite(g, node->in[0]);
    const struct pair moved = {f, f};
    if (!any_moved(g, node))
        return plain;
    if (strcmp(node->op->name, "Concat") == 0)
        return can_concat(g, node) ? moved : plain;
    if (!has_like_inputs(g, node))
        return plain;
    return executor_can(l->executor, l->graph, n, f, f) ? moved : plain;
}

/** The value that holds value in that layout already, or -1. */
static int find_copy(const struct graph *g, int value, enum layout layout)
{
    const int producer = g->values[value].producer;
    if (producer >= 0 && strcmp(g->nodes[producer].op->name, "Layout") == 0
        && g->values[g->nodes[producer].in[0]].layout == layout)
        return g->nodes[producer].in[0];
    for (size_t n = 0; n < g->node_count; n++) {
        const struct node *node = &g->nodes[n];
        if (node->op && strcmp(node->op->name, "Layout") == 0 && node->in[0] == value
            && g->values[node->out[0]].layout == layout)
            return node->out[0];
    }
    return -1;
}

/** Let input i of node *n be in layout; *n grows if a node is put in front of it. */
static int want_layout(const struct layouter *l, size_t *n, size_t i, enum layout layout,
                       struct err *err)
{
    struct graph *g = l->graph;
    const int value = g->nodes[*n].in[i];
    const struct op *op;
    struct node *node;
    int copy;
    if (value < 0 || g->values[value].layout == layout)
        return 0;
    copy = find_copy(g, value, layout);
    if (copy < 0) {
        int e = op_find("hilum", "Layout", 1, &op, err);
        if (e == 0)
            e = graph_new_value(g, g->values[value].name, &copy, err);
        if (e == 0)
            e = graph_insert_node(g, *n, op, "", &value, 1, &copy, 1, &node, err);
        if (e != 0)
            return e;
        node->opset = 1;
        g->values[copy].shape = g->values[value].shape;
        g->values[copy].layout = layout;
        (*n)++;
    }
    g->nodes[*n].in[i] = copy;
    return 0;
}

static int lay_node(const struct layouter *l, size_t *n, struct err *err)
{
    struct graph *g = l->graph;
    const struct pair pair = choose(l, *n);
    const bool conv = conv_is(&g->nodes[*n]);
    int e = 0;
    for (size_t i = 0; e == 0 && i < g->nodes[*n].in_count; i++) {
        const int in = g->nodes[*n].in[i];
        enum layout want = i == 0 || !conv ? pair.in : i == 3 ? pair.out : LAYOUT_PLAIN;
        if (in < 0 || g->values[in].constant)
            continue;
        // Bounds and shapes among the inputs of an image are no images.
        if (!conv && !is_image(g, in))
            want = LAYOUT_PLAIN;
        e = want_layout(l, n, i, want, err);
    }
    if (e == 0 && pair.out != LAYOUT_PLAIN)
        g->values[g->nodes[*n].out[0]].layout = pair.out;
    return e;
}

/** Output o of the graph lies blocked: it gets a plain copy, which takes its name. */
static int make_plain(const struct layouter *l, int output, struct err *err)
{
    struct graph *g = l->graph;
    const struct op *op;
    struct node *node;
    int blocked, e = op_find("hilum", "Layout", 1, &op, err);
    if (e == 0)
        e = graph_new_value(g, g->values[output].name, &blocked, err);
    if (e != 0)
        return e;
    const int producer = g->values[output].producer;
    g->values[blocked].shape = g->values[output].shape;
    g->values[blocked].layout = g->values[output].layout;
    g->values[blocked].producer = producer;
    g->nodes[producer].out[0] = blocked;
    g->values[output].producer = -1;
    g->values[output].layout = LAYOUT_PLAIN;
    graph_replace_reads(g, output, blocked);
    e = graph_add_node(g, op, "", &blocked, 1, &output, 1, &node, err);
    if (e == 0)
        node->opset = 1;
    return e;
}

int pass_layout(struct graph *graph, const struct pass_context *context, struct err *err)
{
    const struct layouter l = {graph, context->executor};
    int e = 0;
    for (size_t n = 0; e == 0 && n < graph->node_count; n++) {
        if (graph->nodes[n].op && strcmp(graph->nodes[n].op->name, "Layout") != 0)
            e = lay_node(&l, &n, err);
    }
    for (size_t i = 0; e == 0 && i < graph->output_count; i++) {
        if (graph->values[graph->outputs[i]].layout != LAYOUT_PLAIN)
            e = make_plain(&l, graph->outputs[i], err);
    }
    return e;
}
