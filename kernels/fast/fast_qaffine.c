/*
 * fast_qaffine: hilum.QAffine where channels lie last, see kernels/ops/quantised.c. x, the
 * residual and the result may be some channels of wider values.
 *
 * Cost: one pass. Tested: tests/unit/test_qconv.c, bit for bit against the reference.
 */
#include "kernels/fast/fast.h"

#include "base/err.h"
#include "kernels/ops/op.h"
#include "kernels/requant.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

struct qaffine {
    struct kernel base;
    struct requant q;
    int64_t pixels, channels, x_pitch, y_pitch, r_pitch;
    const float *scale, *bias, *slope; // of the graph's constants
    int residual;                      // its input, or -1
    int threads;
};

KERNEL_CLONES static void affine_pixel(const struct qaffine *k, const uint8_t *x,
                                       const uint8_t *residual, uint8_t *y)
{
    const struct requant q = k->q;
    for (int64_t c = 0; c < k->channels; c++) {
        const float v =
            requant_value(&q, x[c], k->scale[c], k->bias[c], residual ? residual[c] : 0,
                          k->slope ? k->slope[c] : 1);
        y[c] = requant_round(&q, v);
    }
}

static int run(struct kernel *kernel, struct op_call *call, struct err *err)
{
    (void)err;
    const struct qaffine *k = (const struct qaffine *)kernel;
    const uint8_t *x = call->in[0]->data;
    const uint8_t *r = k->residual < 0 ? NULL : call->in[k->residual]->data;
    uint8_t *y = call->out[0]->data;
#pragma omp parallel for num_threads(k->threads) schedule(static) if (k->threads > 1)
    for (int64_t p = 0; p < k->pixels; p++)
        affine_pixel(k, x + p * k->x_pitch, r ? r + p * k->r_pitch : NULL,
                     y + p * k->y_pitch);
    return 0;
}

static void destroy(struct kernel *kernel)
{
    free(kernel);
}

static bool is_ours(const struct graph *graph, const struct node *node)
{
    for (size_t i = 0; i < node->in_count; i++) {
        const struct value *v = node->in[i] < 0 ? NULL : &graph->values[node->in[i]];
        const bool image = i == 0 || i == 3;
        if (v && (image ? v->layout != LAYOUT_LAST : !v->constant))
            return false;
    }
    return graph->values[node->out[0]].layout == LAYOUT_LAST
           && graph->values[node->out[0]].shape.type == TENSOR_U8
           && graph->values[node->in[0]].shape.rank >= 3;
}

int fast_make_qaffine(const struct graph *graph, const struct node *node,
                      struct kernel **ret, struct err *err)
{
    const struct tensor *x = &graph->values[node->in[0]].shape;
    if (!is_ours(graph, node))
        return 0;
    struct qaffine *k = calloc(1, sizeof(*k));
    if (!k)
        return err_set(err, ERR_NOMEM, "a kernel");
    const bool residual = node->in_count > 3 && node->in[3] >= 0;
    const int slope = node->in_count > 4 ? node->in[4] : -1;
    k->base = (struct kernel){run, destroy, "qaffine"};
    k->q = requant_of(node);
    k->channels = x->dim[1];
    k->pixels = x->dim[0] * tensor_span(x, 2, x->rank);
    k->x_pitch = value_pitch(graph, node->in[0]);
    k->y_pitch = value_pitch(graph, node->out[0]);
    k->r_pitch = residual ? value_pitch(graph, node->in[3]) : 0;
    k->residual = residual ? 3 : -1;
    k->scale = graph->values[node->in[1]].constant->data;
    k->bias = graph->values[node->in[2]].constant->data;
    k->slope = slope < 0 ? NULL : graph->values[slope].constant->data;
    k->threads = omp_get_max_threads();
    *ret = &k->base;
    return 0;
}
