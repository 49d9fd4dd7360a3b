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

enum { PIECE = 64, TAPS_MAX = 512 };

struct qpool {
    struct kernel base;
    struct op_window w;
    int64_t batch, channels, x_pitch, y_pitch;
    int threads;
};

/** y[c] = the largest of count rows. */
KERNEL_CLONES static void take_largest(const uint8_t *const *row, int count, int64_t n,
                                       uint8_t *restrict y)
{
    int64_t c = 0;
    for (; c + PIECE <= n; c += PIECE) {
        uint8_t most[PIECE];
        memcpy(most, row[0] + c, PIECE);
        for (int t = 1; t < count; t++) {
            const uint8_t *restrict x = row[t] + c;
            for (int i = 0; i < PIECE; i++)
                most[i] = x[i] > most[i] ? x[i] : most[i];
        }
        memcpy(y + c, most, PIECE);
    }
    for (; c < n; c++) {
        uint8_t most = row[0][c];
        for (int t = 1; t < count; t++)
            most = row[t][c] > most ? row[t][c] : most;
        y[c] = most;
    }
}

/** Taps from first to last of an axis, whose window begins at from, that lie inside. */
static void find_inside(const struct op_window *w, int axis, int64_t at, int64_t *first,
                        int64_t *last)
{
    const int64_t from = at * w->stride[axis] - w->begin[axis], d = w->dilation[axis];
    *first = from < 0 ? (-from + d - 1) / d : 0;
    *last = w->kernel[axis];
    while (*last > *first && from + (*last - 1) * d >= w->in[axis])
        --*last;
}

/** The window of place at (z, y, x) of the result; x is the image. */
static void pool_one(const struct qpool *k, const uint8_t *x, const int64_t *at,
                     uint8_t *y)
{
    const struct op_window *w = &k->w;
    const uint8_t *row[TAPS_MAX];
    int64_t first[OP_SPATIAL_MAX], last[OP_SPATIAL_MAX];
    int count = 0;
    for (int i = 0; i < OP_SPATIAL_MAX; i++)
        find_inside(w, i, at[i], &first[i], &last[i]);
    for (int64_t a = first[0]; a < last[0]; a++) {
        const int64_t z = at[0] * w->stride[0] + a * w->dilation[0] - w->begin[0];
        for (int64_t b = first[1]; b < last[1]; b++) {
            const int64_t r = at[1] * w->stride[1] + b * w->dilation[1] - w->begin[1];
            const int64_t base = (z * w->in[1] + r) * w->in[2];
            for (int64_t c = first[2]; c < last[2]; c++) {
                const int64_t p = at[2] * w->stride[2] + c * w->dilation[2] - w->begin[2];
                row[count++] = x + (base + p) * k->x_pitch;
            }
        }
    }
    if (count > 0)
        take_largest(row, count, k->channels, y);
    else
        memset(y, 0, (size_t)k->channels);
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
        || op_window_init(&w, &call, &x->shape, NULL, err) != 0
        || (double)w.kernel[0] * (double)w.kernel[1] * (double)w.kernel[2] > TAPS_MAX)
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
