/* batchnorm: BatchNormalization behind a convolution goes into its weights and bias. */
#include "kernels/passes/pass.h"

#include "base/err.h"
#include "kernels/ops/op.h"
#include "kernels/passes/conv_edit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/** Statistics of node n as y = x * scale + shift; false if they are not constants. */
static bool find_affine(const struct graph *graph, const struct node *node,
                        int64_t channels, double *scale, double *shift)
{
    const struct tensor *t[4];
    for (size_t i = 0; i < 4; i++) {
        t[i] = graph->values[node->in[i + 1]].constant;
        if (!t[i] || tensor_count(t[i]) != channels)
            return false;
    }
    const double epsilon = (double)node_float(node, "epsilon", 1e-5f);
    for (int64_t c = 0; c < channels; c++) {
        scale[c] = op_number(t[0], c) / sqrt(op_number(t[3], c) + epsilon);
        shift[c] = op_number(t[1], c) - op_number(t[2], c) * scale[c];
    }
    return true;
}

static int fold_one(struct graph *graph, size_t n, struct err *err)
{
    const struct node *node = &graph->nodes[n];
    const int conv = conv_open_producer(graph, node->in[0]);
    if (conv < 0 || node_int(node, "training_mode", 0))
        return 0;
    const int64_t channels = conv_channels(graph, (size_t)conv);
    double *scale = calloc((size_t)(2 * channels + 1), sizeof(*scale));
    if (!scale)
        return err_set(err, ERR_NOMEM, "scales");
    int e = 0;
    if (find_affine(graph, node, channels, scale, scale + channels)) {
        e = conv_scale(graph, (size_t)conv, scale, scale + channels, err);
        if (e == 0)
            graph_take_over(graph, (size_t)conv, n);
    }
    free(scale);
    return e;
}

int pass_batchnorm(struct graph *graph, const struct pass_context *context,
                   struct err *err)
{
    (void)context;
    int e = 0;
    for (size_t n = 0; e == 0 && n < graph->node_count; n++) {
        const struct op *op = graph->nodes[n].op;
        if (op && strcmp(op->name, "BatchNormalization") == 0)
            e = fold_one(graph, n, err);
    }
    return e;
}
