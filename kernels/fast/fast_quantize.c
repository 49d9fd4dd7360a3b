/*
 * fast_quantize: QuantizeLinear and DequantizeLinear of images with one scale, to and from 8-bit
 * values whose channels lie last; the float side is plain or lies channels last too.
 *
 *     q = saturate(round_half_even(x / scale) + zero),   x = (q - zero) * scale
 *
 * Cost: one pass. Tested: tests/unit/test_qconv.c, bit for bit against the reference.
 */
#include "kernels/fast/fast.h"

#include "base/err.h"
#include "kernels/ops/op.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE = 256 }; // pixels

struct quantize {
    struct kernel base;
    bool plain; // the float side is
    int64_t batch, channels, plane, pitch;
    float scale;
    int zero;
};

/** n numbers with a step each, from floats. */
KERNEL_CLONES static void quantize_piece(const float *restrict x, int64_t n, float scale,
                                         float zero, int32_t *restrict q)
{
    for (int64_t i = 0; i < n; i++) {
        float v = nearbyintf(x[i] / scale) + zero;
        v = v > 0 ? v : 0; // so is NaN
        q[i] = (int32_t)(v < 255 ? v : 255);
    }
}

static void quantize_row(const struct quantize *k, const float *x, uint8_t *y, int64_t n,
                         int64_t step)
{
    int32_t q[PIECE];
    for (int64_t i = 0; i < n; i += PIECE) {
        const int64_t count = n - i < PIECE ? n - i : PIECE;
        quantize_piece(x + i, count, k->scale, (float)k->zero, q);
        for (int64_t p = 0; p < count; p++)
            y[(i + p) * step] = (uint8_t)q[p];
    }
}

static void dequantize_row(const struct quantize *k, const uint8_t *x, float *y,
                           int64_t n, int64_t step)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = (float)(x[i * step] - k->zero) * k->scale;
}

static int run_quantize(struct kernel *kernel, struct op_call *call, struct err *err)
{
    (void)err;
    const struct quantize *k = (const struct quantize *)kernel;
    const float *x = call->in[0]->data;
    uint8_t *y = call->out[0]->data;
    for (int64_t image = 0; image < k->batch; image++) {
        for (int64_t c = 0; k->plain && c < k->channels; c++, x += k->plane)
            quantize_row(k, x, y + c, k->plane, k->pitch);
        for (int64_t p = 0; !k->plain && p < k->plane; p++, x += k->channels)
            quantize_row(k, x, y + p * k->pitch, k->channels, 1);
        y += k->plane * k->pitch;
    }
    return 0;
}

static int run_dequantize(struct kernel *kernel, struct op_call *call, struct err *err)
{
    (void)err;
    const struct quantize *k = (const struct quantize *)kernel;
    const uint8_t *x = call->in[0]->data;
    float *y = call->out[0]->data;
    for (int64_t image = 0; image < k->batch; image++) {
        for (int64_t c = 0; k->plain && c < k->channels; c++, y += k->plane)
            dequantize_row(k, x + c, y, k->plane, k->pitch);
        for (int64_t p = 0; !k->plain && p < k->plane; p++, y += k->channels)
            dequantize_row(k, x + p * k->pitch, y, k->channels, 1);
        x += k->plane * k->pitch;
    }
    return 0;
}

static void destroy(struct kernel *kernel)
{
    free(kernel);
}

/** One scale and one zero point, known. */
static bool find_scale(const struct graph *graph, const struct node *node, float *scale,
                       int *zero)
{
    const struct tensor *s = graph->values[node->in[1]].constant;
    const int at = node->in_count > 2 ? node->in[2] : -1;
    const struct tensor *z = at < 0 ? NULL : graph->values[at].constant;
    if (!s || s->type != TENSOR_F32 || tensor_count(s) != 1 || (at >= 0 && !z))
        return false;
    if (z && (z->type != TENSOR_U8 || tensor_count(z) != 1))
        return false;
    *scale = *(const float *)s->data;
    *zero = z ? *(const uint8_t *)z->data : 0;
    return true;
}

int fast_make_quantize(const struct graph *graph, const struct node *node,
                       struct kernel **ret, struct err *err)
{
    const bool to = strcmp(node->op->name, "QuantizeLinear") == 0;
    const struct value *x = &graph->values[node->in[0]],
                       *y = &graph->values[node->out[0]];
    const struct value *wide = to ? x : y, *narrow = to ? y : x;
    float scale;
    int zero;
    if (wide->shape.type != TENSOR_F32 || narrow->shape.type != TENSOR_U8
        || narrow->layout != LAYOUT_LAST || wide->layout == LAYOUT_BLOCKED
        || x->shape.rank < 3 || !find_scale(graph, node, &scale, &zero))
        return 0;
    struct quantize *k = calloc(1, sizeof(*k));
    if (!k)
        return err_set(err, ERR_NOMEM, "a kernel");
    k->base = (struct kernel){to ? run_quantize : run_dequantize, destroy,
                              to ? "quantize" : "dequantize"};
    k->plain = wide->layout == LAYOUT_PLAIN;
    k->batch = x->shape.dim[0];
    k->channels = x->shape.dim[1];
    k->plane = tensor_span(&x->shape, 2, x->shape.rank);
    k->pitch = value_pitch(graph, to ? node->out[0] : node->in[0]);
    k->scale = scale;
    k->zero = zero;
    *ret = &k->base;
    return 0;
}
