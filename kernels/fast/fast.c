#include "kernels/fast/fast.h"

#include "kernels/ops/op.h"

#include <string.h>

static const struct {
    const char *domain, *name;
    fast_make_fn *make;
    bool any_type; // it moves numbers, or looks at types itself
} MAKERS[] = {
    {"hilum", "Shuffle", fast_make_shuffle, true},
    {"hilum", "QConv", fast_make_qconv, true},
    {"hilum", "QAffine", fast_make_qaffine, true},
    {"", "QuantizeLinear", fast_make_quantize, true},
    {"", "DequantizeLinear", fast_make_quantize, true},
    {"", "MaxPool", fast_make_qpool, true},
    {"", "Concat", fast_make_concat, true},
    {"", "Resize", fast_make_resize, true},
    {"", "Upsample", fast_make_resize, true},
    {"", "PRelu", fast_make_affine, false},
    {"", "BatchNormalization", fast_make_affine, true},
    {"", "Add", fast_make_broadcast, false},
    {"", "Sub", fast_make_broadcast, false},
    {"", "Mul", fast_make_broadcast, false},
    {"", "Div", fast_make_broadcast, false},
    {"", "InstanceNormalization", fast_make_normal, false},
    {"", "LayerNormalization", fast_make_normal, false},
    {"", "Softmax", fast_make_softmax, false},
    {"", "Transpose", fast_make_permute, false},
};

int fast_make(const struct graph *graph, size_t n, struct kernel **ret, struct err *err)
{
    const struct node *node = &graph->nodes[n];
    for (size_t i = 0; i < sizeof(MAKERS) / sizeof(MAKERS[0]); i++) {
        if (strcmp(MAKERS[i].name, node->op->name) != 0
            || strcmp(MAKERS[i].domain, node->op->domain) != 0)
            continue;
        const struct tensor *x = &graph->values[node->in[0]].shape;
        if (node->out[0] < 0 || (!MAKERS[i].any_type && x->type != TENSOR_F32)
            || x->rank < 1 || tensor_count(x) == 0
            || graph->values[node->out[0]].shape.rank < 1)
            return 0;
        return MAKERS[i].make(graph, node, ret, err);
    }
    return 0;
}
