/*
 * join: parts of a Concat of 8-bit values lie inside its result from the start, so that nothing
 * is copied: what makes them writes, and what reads them reads, with a wider step from pixel to
 * pixel. Only nodes whose kernels know such steps are let at them.
 */
#include "kernels/passes/pass.h"

#include "base/err.h"
#include "kernels/ops/op.h"
#include "kernels/placement.h"

#include <string.h>

/** Kernels that know value_pitch() for their images in 8 bits, both ways. */
static bool knows_pitch(const struct node *node)
{
    static const char *const NAMES[] = {"QConv",          "QAffine",          "MaxPool",
                                        "QuantizeLinear", "DequantizeLinear", "Concat",
                                        "Resize",         "Upsample"};
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
        if (strcmp(node->op->name, NAMES[i]) == 0)
            return true;
    }
    return false;
}

static bool is_8bit(const struct value *v)
{
    return v->scale > 0 && v->layout == LAYOUT_LAST && !v->constant;
}

static bool all_know_pitch(const struct graph *graph, int value)
{
    const int producer = graph->values[value].producer;
    if (producer < 0 || !knows_pitch(&graph->nodes[producer])
        || graph_is_output(graph, value))
        return false;
    for (size_t n = 0; n < graph->node_count; n++) {
        const struct node *node = &graph->nodes[n];
        for (size_t i = 0; node->op && i < node->in_count; i++) {
            if (node->in[i] == value && !knows_pitch(node))
                return false;
        }
    }
    return true;
}

static bool is_joined(const struct graph *graph, const struct node *node)
{
    const int64_t axis = node_int(node, "axis", 1);
    if (!node->op || strcmp(node->op->name, "Concat") != 0 || node->out[0] < 0)
        return false;
    const struct value *y = &graph->values[node->out[0]];
    return is_8bit(y) && (axis == 1 || axis == 1 - y->shape.rank);
}

int pass_join(struct graph *graph, const struct pass_context *context, struct err *err)
{
    (void)err;
    if (pass_is_off(context, "share") || graph->value_count > PLACEMENT_SEARCHED_MAX)
        return 0;
    for (size_t n = 0; n < graph->node_count; n++) {
        const struct node *node = &graph->nodes[n];
        int64_t first = 0;
        if (!is_joined(graph, node))
            continue;
        for (size_t i = 0; i < node->in_count; i++) {
            struct value *v = &graph->values[node->in[i]];
            if (is_8bit(v) && v->whole < 0 && all_know_pitch(graph, node->in[i])) {
                v->whole = node->out[0];
                v->whole_first = first;
            }
            first += v->shape.dim[1];
        }
    }
    return 0;
}
