#include "kernels/fast/fast.h"

#include "kernels/ops/op.h"

#include <string.h>

static const struct {
    const char *domain, *name;
    fast_make_fn *make;
} MAKERS[] = {
    {"hilum", "Shuffle", fast_make_shuffle},
    {"", "Concat", fast_make_concat},
    {"", "PRelu", fast_make_affine},
    {"", "BatchNormalization", fast_make_affine},
    {"", "Add", fast_make_broadcast},
    {"", "Sub", fast_make_broadcast},
    {"", "Mul", fast_make_broadcast},
    {"", "Div", fast_make_broadcast},
    {"", "InstanceNormalization", fast_make_normal},
    {"", "LayerNormalization", fast_make_normal},
    {"", "Softmax", fast_make_softmax},
    {"", "Transpose", fast_make_permute},
};

int fast_make(const struct graph *graph, size_t n, struct kernel **ret, struct err *err)
{
    const struct node *node = &graph->nodes[n];
    for (size_t i = 0; i < sizeof(MAKERS) / sizeof(MAKERS[0]); i++) {
        if (strcmp(MAKERS[i].name, node->op->name) != 0
            || strcmp(MAKERS[i].domain, node->op->domain) != 0)
            continue;
        const struct tensor *x = &graph->values[node->in[0]].shape;
        // What only moves numbers moves those of any type.
        const bool moves =
            MAKERS[i].make == fast_make_concat || MAKERS[i].make == fast_make_shuffle;
        if (node->out[0] < 0 || (!moves && x->type != TENSOR_F32) || x->rank < 1
            || tensor_count(x) == 0 || graph->values[node->out[0]].shape.rank < 1)
            return 0;
        return MAKERS[i].make(graph, node, ret, err);
    }
    return 0;
}
