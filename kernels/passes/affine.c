/* affine: multiplying and adding of constants, one a channel, behind a convolution go into
 * its weights and bias. */
#include "kernels/passes/pass.h"

#include "base/err.h"
#include "kernels/ops/op.h"
#include "kernels/passes/conv_edit.h"

#include <stdlib.h>
#include <string.h>

/** What y = x op c or c op x is as y = x * scale + shift; false if it is not. */
static bool find_affine(const char *op, bool constant_first, int64_t channels, double *c,
                        double *scale, double *shift)
{
    for (int64_t i = 0; i < channels; i++) {
        scale[i] = 1;
        shift[i] = 0;
        if (strcmp(op, "Mul") == 0)
            scale[i] = c[i];
        else if (strcmp(op, "Add") == 0)
            shift[i] = c[i];
        else if (strcmp(op, "Sub") == 0) {
            scale[i] = constant_first ? -1 : 1;
            shift[i] = constant_first ? c[i] : -c[i];
        } else if (strcmp(op, "Div") == 0 && !constant_first && c[i] != 0)
            scale[i] = 1 / c[i];
        else
            return false;
    }
    return true;
}

static int fold_one(struct graph *graph, size_t n, struct err *err)
{
    const struct node *node = &graph->nodes[n];
    if (node->in_count != 2 || node->opset < 7)
        return 0;
    const bool constant_first = graph->values[node->in[0]].constant != NULL;
    const int x = node->in[constant_first], c = node->in[!constant_first];
    const int conv = conv_open_producer(graph, x);
    const struct tensor *shape = &graph->values[node->out[0]].shape;
    if (conv < 0 || shape->rank < 3
        || !tensor_has_shape_of(shape, &graph->values[x].shape))
        return 0;
    const int64_t channels = conv_channels(graph, (size_t)conv);
    double *room = calloc((size_t)(3 * channels + 1), sizeof(*room));
    if (!room)
        return err_set(err, ERR_NOMEM, "scales");
    double *scale = room + channels, *shift = scale + channels;
    int e = 0;
    if (conv_per_channel(graph, c, shape->rank, channels, room)
        && find_affine(node->op->name, constant_first, channels, room, scale, shift)) {
        e = conv_scale(graph, (size_t)conv, scale, shift, err);
        if (e == 0)
            graph_take_over(graph, (size_t)conv, n);
    }
    free(room);
    return e;
}

int pass_affine(struct graph *graph, const struct pass_context *context, struct err *err)
{
    static const char *const NAMES[] = {"Mul", "Add", "Sub", "Div"};
    (void)context;
    int e = 0;
    for (size_t n = 0; e == 0 && n < graph->node_count; n++) {
        const struct op *op = graph->nodes[n].op;
        for (size_t i = 0; e == 0 && op && i < 4; i++) {
            if (strcmp(op->name, NAMES[i]) == 0) {
                e = fold_one(graph, n, err);
                break;
            }
        }
    }
    return e;
}
