/*
 * padding: a Pad with zeros in front of a convolution or of an AveragePool becomes its padding; a
 * Pad by nothing goes. PyTorch's exports have them in front of every pooling.
 */
#include "kernels/passes/pass.h"

#include "base/err.h"
#include "kernels/ops/op.h"
#include "kernels/passes/conv_edit.h"

#include <string.h>

/** Is node a Pad with the constant 0, and are its amounts known? They go to pads [2 * rank]. */
static bool is_zero_pad(const struct graph *graph, const struct node *node, int rank,
                        int64_t *pads)
{
    if (!node->op || strcmp(node->op->name, "Pad") != 0
        || strcmp(node_string(node, "mode", "constant"), "constant") != 0
        || (node->in_count > 3 && node->in[3] >= 0))
        return false;
    if (node->in_count > 2 && node->in[2] >= 0) {
        const struct tensor *value = graph->values[node->in[2]].constant;
        if (!value || op_number(value, 0) != 0)
            return false;
    }
    const struct attr *a = node_attr(node, "pads");
    if (node->opset < 11) {
        if (!a || a->type != ATTR_INTS || a->count != 2 * (size_t)rank
            || node_float(node, "value", 0) != 0)
            return false;
        memcpy(pads, a->ints, a->count * sizeof(*pads));
        return true;
    }
    const struct tensor *t = graph->values[node->in[1]].constant;
    if (!t || tensor_count(t) != 2 * rank)
        return false;
    tensor_load_i64(t, 0, 2 * rank, pads);
    return true;
}

static bool has_auto_pad(const struct node *node)
{
    const char *mode = node_string(node, "auto_pad", "NOTSET");
    return *mode && strcmp(mode, "NOTSET") != 0;
}

static int fold_one(struct graph *graph, size_t n, struct err *err)
{
    struct node *conv = &graph->nodes[n];
    const int producer = graph->values[conv->in[0]].producer;
    const int rank = graph->values[conv->in[0]].shape.rank;
    int64_t pads[2 * TENSOR_RANK_MAX], sum[2 * TENSOR_RANK_MAX] = {0};
    if (producer < 0 || rank < 3 || has_auto_pad(conv) || conv_is_transposed(conv)
        || !is_zero_pad(graph, &graph->nodes[producer], rank, pads))
        return 0;
    const struct attr *own = node_attr(conv, "pads");
    const size_t spatial = (size_t)rank - 2;
    if (own && (own->type != ATTR_INTS || own->count != 2 * spatial))
        return 0;
    for (int i = 0; i < 2 * rank; i++) {
        if (pads[i] < 0 || (i % rank < 2 && pads[i] != 0))
            return 0;
    }
    for (size_t i = 0; i < spatial; i++) {
        sum[i] = pads[i + 2] + (own ? own->ints[i] : 0);
        sum[i + spatial] =
            pads[i + 2 + (size_t)rank] + (own ? own->ints[i + spatial] : 0);
    }
    conv->in[0] = graph->nodes[producer].in[0]; // the Pad goes with the dead
    return node_set_ints(conv, "pads", sum, 2 * spatial, err);
}

static bool is_average(const struct node *node)
{
    return node->op && strcmp(node->op->name, "AveragePool") == 0 && !has_auto_pad(node)
           && !node_int(node, "ceil_mode", 0);
}

/** An average that counts padding sees zeros of its own as those of the Pad before it. */
static int fold_average(struct graph *graph, size_t n, struct err *err)
{
    struct node *pool = &graph->nodes[n];
    const int producer = graph->values[pool->in[0]].producer;
    const int rank = graph->values[pool->in[0]].shape.rank;
    int64_t pads[2 * TENSOR_RANK_MAX], own[2 * TENSOR_RANK_MAX];
    const struct attr *a = node_attr(pool, "pads"),
                      *kernel = node_attr(pool, "kernel_shape");
    const size_t spatial = rank < 3 ? 0 : (size_t)rank - 2;
    if (producer < 0 || spatial == 0 || !kernel || kernel->type != ATTR_INTS
        || kernel->count != spatial
        || !is_zero_pad(graph, &graph->nodes[producer], rank, pads))
        return 0;
    for (size_t i = 0; a && a->type == ATTR_INTS && i < a->count; i++) {
        if (a->ints[i] != 0)
            return 0;
    }
    for (int i = 0; i < 2 * rank; i++) {
        // A window must not lie in the padding alone.
        if (pads[i] < 0 || (i % rank < 2 && pads[i] != 0)
            || (i % rank >= 2 && pads[i] >= kernel->ints[i % rank - 2]))
            return 0;
    }
    for (size_t i = 0; i < spatial; i++) {
        own[i] = pads[i + 2];
        own[i + spatial] = pads[i + 2 + (size_t)rank];
    }
    pool->in[0] = graph->nodes[producer].in[0];
    const int e = node_set_ints(pool, "pads", own, 2 * spatial, err);
    return e != 0 ? e : node_set_int(pool, "count_include_pad", 1, err);
}

/** A Pad by nothing is its input. */
static void skip_nothing(struct graph *graph, size_t n)
{
    const struct node *node = &graph->nodes[n];
    const int rank = graph->values[node->in[0]].shape.rank;
    int64_t pads[2 * TENSOR_RANK_MAX];
    if (rank < 0 || !is_zero_pad(graph, node, rank, pads))
        return;
    for (int i = 0; i < 2 * rank; i++) {
        if (pads[i] != 0)
            return;
    }
    graph_replace_reads(graph, node->out[0], node->in[0]);
}

int pass_padding(struct graph *graph, const struct pass_context *context, struct err *err)
{
    (void)context;
    int e = 0;
    for (size_t n = 0; e == 0 && n < graph->node_count; n++) {
        const struct node *node = &graph->nodes[n];
        if (node->op && strcmp(node->op->name, "Pad") == 0)
            skip_nothing(graph, n);
        else if (is_average(node) && node->opset >= 7)
            e = fold_average(graph, n, err);
        else if (conv_is(node))
            e = fold_one(graph, n, err);
    }
    return e;
}
