/* residual: an Add of a convolution's result and a value that is there already becomes the
 * convolution's residual. */
#include "kernels/passes/pass.h"

#include "base/err.h"
#include "kernels/calibration.h"
#include "kernels/executor.h"
#include "kernels/ops/op.h"
#include "kernels/passes/conv_edit.h"

#include <string.h>

/** Node n adds: may its input side be taken as residual of the convolution of the other? */
static int try_side(struct graph *graph, size_t n, size_t side, bool *done,
                    struct err *err)
{
    const struct node *add = &graph->nodes[n];
    const int x = add->in[!side], residual = add->in[side];
    const int conv = conv_open_producer(graph, x);
    const struct value *r = &graph->values[residual];
    if (conv < 0 || conv_is_transposed(&graph->nodes[conv]) || r->constant
        || !tensor_has_shape_of(&r->shape, &graph->values[x].shape) || r->shape.rank < 3
        || r->producer > conv) // made after the convolution: it cannot wait for it
        return 0;
    const int e = conv_make_ours(graph, (size_t)conv, err);
    if (e != 0)
        return e;
    struct node *node = &graph->nodes[conv];
    for (; node->in_count < 4; node->in_count++)
        node->in[node->in_count] = -1;
    node->in[3] = residual;
    graph_take_over(graph, (size_t)conv, n);
    *done = true;
    return 0;
}

int pass_residual(struct graph *graph, const struct pass_context *context,
                  struct err *err)
{
    // Without AVX-512 convolutions of floats are products, which do not add (see kernels/dnnl).
    const struct calibration *c = context->calibration;
    const bool floats = !context->executor || executor_has_avx512();
    int e = 0;
    for (size_t n = 0; e == 0 && n < graph->node_count; n++) {
        const struct node *node = &graph->nodes[n];
        bool done = false;
        if (!node->op || strcmp(node->op->name, "Add") != 0 || node->opset < 7
            || node->in[0] == node->in[1]
            || !(floats
                 || (c && !calibration_keeps(c, graph->values[node->out[0]].name))))
            continue;
        for (size_t side = 0; e == 0 && !done && side < 2; side++)
            e = try_side(graph, n, side, &done, err);
    }
    return e;
}
