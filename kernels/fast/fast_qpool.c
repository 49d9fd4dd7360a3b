/*
 * fast_qpool: MaxPool of 8-bit values whose channels lie last. Scales are positive: the largest
 * number is the largest of what it stands for.
 *
 * Cost: one read of each window. Tested: tests/unit/test_qconv.c against the reference.
 */
#include "kernels/fast/fast.h"

#include "base/err.h"
#include "kernels/ops/op_window.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

struct qpool {
    struct kernel base;
    struct op_window w;
    int64_t batch, channels, x_pitch, y_pitch;
    int threads;
};

KERNEL_CLONES static void take_larger(const uint8_t *restrict x, uint8_t *restrict y,
                                      int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] > y[i] ? x[i] : y[i];
}

static bool inside(const struct op_window *w, int axis, int64_t q)
{
    return q >= 0 && q < w->in[axis];
}

/** The window of place at (z, y, x) of the result; x is the image. */
static void pool_one(const struct qpool *k, const uint8_t *x, const int64_t *at,
                     uint8_t *y)
{
    const struct op_window *w = &k->w;
    int64_t tap[OP_SPATIAL_MAX] = {0};
    memset(y, 0, (size_t)k->channels);
    do {
        int64_t offset = 0;
        bool in = true;
        for (int i = 0; i < OP_SPATIAL_MAX; i++) {
            const int64_t q =
                at[i] * w->stride[i] + tap[i] * w->dilation[i] - w->begin[i];
            in = in && inside(w, i, q);
            offset = offset * w->in[i] + q;
        }
        if (in)
            take_larger(x + offset * k->x_pitch, y, k->channels);
    } while (op_next(w->kernel, OP_SPATIAL_MAX, tap));
}

static int run(struct kernel *kernel, struct op_call *call, struct err *err)
{
    (void)err;
    const struct qpool *k = (const struct qpool *)kernel;
    const int64_t *in = k->w.in, *out = k->w.out;
    const uint8_t *x = call->in[0]->data;
    uint8_t *y = call->out[0]->data;
    const int64_t rows = k->batch * out[0] * out[1];
#pragma omp parallel for num_threads(k->threads) schedule(static) if (k->threads > 1)
    for (int64_t r = 0; r < rows; r++) {
        const uint8_t *image =
            x + r / out[1] / out[0] * in[0] * in[1] * in[2] * k->x_pitch;
        for (int64_t p = 0; p < out[2]; p++) {
            const int64_t at[OP_SPATIAL_MAX] = {r / out[1] % out[0], r % out[1], p};
            pool_one(k, image, at, y + (r * out[2] + p) * k->y_pitch);
        }
    }
    return 0;
}

static void destroy(struct kernel *kernel)
{
    free(kernel);
}

int fast_make_qpool(const struct graph *graph, const struct node *node,
                    struct kernel **ret, struct err *err)
{
    const struct value *x = &graph->values[node->in[0]];
    const struct op_call call = {.node = node};
    struct op_window w;
    if (x->shape.type != TENSOR_U8 || x->layout != LAYOUT_LAST
        || graph->values[node->out[0]].layout != LAYOUT_LAST
        || (node->out_count > 1 && node->out[1] >= 0)
        || op_window_init(&w, &call, &x->shape, NULL, err) != 0)
        return 0;
    struct qpool *k = calloc(1, sizeof(*k));
    if (!k)
        return err_set(err, ERR_NOMEM, "a kernel");
    k->base = (struct kernel){run, destroy, "qpool"};
    k->w = w;
    k->batch = x->shape.dim[0];
    k->channels = x->shape.dim[1];
    k->x_pitch = value_pitch(graph, node->in[0]);
    k->y_pitch = value_pitch(graph, node->out[0]);
    k->threads = omp_get_max_threads();
    *ret = &k->base;
    return 0;
}
