/*
 * fast_affine: BatchNormalization with constant statistics, and PRelu with constant slopes.
 *
 *     y = x * scale[c] + shift[c],   y = x < 0 ? x * slope[c] : x
 *
 * x, y float [batch, channels, spatial...], plain or blocked; they may be the same memory.
 * BatchNormalization also of bfloat16, channels last (they may lie among others), in float.
 * Cost: one pass. Test: ONNX's suite, test_fast.
 */
#include "kernels/fast/fast.h"

#include "base/err.h"
#include "kernels/ops/op.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct affine {
    struct kernel base;
    bool prelu;
    int64_t planes, n, channels; // planes of n numbers (blocked: of n blocks)
    bool blocked;
    int64_t x_pitch, y_pitch; // of half: numbers from one pixel to the next
    float *scale, *shift;     // [channels, filled up to whole blocks with 0]
};

KERNEL_CLONES static void affine_plane(const float *restrict x, float *restrict y,
                                       int64_t n, float a, float b)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] * a + b;
}

KERNEL_CLONES static void prelu_plane(const float *restrict x, float *restrict y,
                                      int64_t n, float a)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] < 0 ? x[i] * a : x[i];
}

KERNEL_CLONES static void affine_blocks(const float *restrict x, float *restrict y,
                                        int64_t n, const float *restrict a,
                                        const float *restrict b)
{
    for (int64_t i = 0; i < n; i++) {
        for (int k = 0; k < LAYOUT_BLOCK; k++)
            y[i * LAYOUT_BLOCK + k] = x[i * LAYOUT_BLOCK + k] * a[k] + b[k];
    }
}

KERNEL_CLONES static void prelu_blocks(const float *restrict x, float *restrict y,
                                       int64_t n, const float *restrict a)
{
    for (int64_t i = 0; i < n; i++) {
        for (int k = 0; k < LAYOUT_BLOCK; k++) {
            const float v = x[i * LAYOUT_BLOCK + k];
            y[i * LAYOUT_BLOCK + k] = v < 0 ? v * a[k] : v;
        }
    }
}

/** One pixel, float inside; rounds to nearest even, NaN stays NaN. */
KERNEL_CLONES static void affine_pixels(const struct affine *k, const uint16_t *x,
                                        uint16_t *y)
{
    const float *restrict a = k->scale, *restrict b = k->shift;
    for (int64_t p = 0; p < k->n * k->planes; p++, x += k->x_pitch, y += k->y_pitch) {
        for (int64_t c = 0; c < k->channels; c++) {
            union {
                uint32_t bits;
                float f;
            } v = {.bits = (uint32_t)x[c] << 16};
            v.f = v.f * a[c] + b[c];
            const uint32_t round = v.bits + 0x7fff + (v.bits >> 16 & 1);
            y[c] = (uint16_t)(v.f != v.f ? 0x7fc0 : round >> 16);
        }
    }
}

static int run_half(struct kernel *kernel, struct op_call *call, struct err *err)
{
    (void)err;
    affine_pixels((const struct affine *)kernel, call->in[0]->data, call->out[0]->data);
    return 0;
}

static int run(struct kernel *kernel, struct op_call *call, struct err *err)
{
    (void)err;
    const struct affine *k = (const struct affine *)kernel;
    const float *x = call->in[0]->data;
    float *y = call->out[0]->data;
    const int64_t unit = k->blocked ? LAYOUT_BLOCK : 1;
    const int64_t groups = (k->channels + unit - 1) / unit;
    for (int64_t p = 0; p < k->planes; p++, x += k->n * unit, y += k->n * unit) {
        const int64_t c = p % groups * unit;
        if (k->blocked && k->prelu)
            prelu_blocks(x, y, k->n, k->scale + c);
        else if (k->blocked)
            affine_blocks(x, y, k->n, k->scale + c, k->shift + c);
        else if (k->prelu)
            prelu_plane(x, y, k->n, k->scale[c]);
        else
            affine_plane(x, y, k->n, k->scale[c], k->shift[c]);
    }
    return 0;
}

static void destroy(struct kernel *kernel)
{
    free(((struct affine *)kernel)->scale);
    free(kernel);
}

/** Statistics to scale and shift; false if they are not known. */
static bool find_statistics(const struct graph *graph, const struct node *node,
                            struct affine *k)
{
    const struct tensor *t[4];
    if (node_int(node, "training_mode", 0))
        return false;
    for (size_t i = 0; i < 4; i++) {
        t[i] = graph->values[node->in[i + 1]].constant;
        if (!t[i])
            return false;
    }
    const double epsilon = (double)node_float(node, "epsilon", 1e-5f);
    for (int64_t c = 0; c < k->channels; c++) {
        const double scale = op_number(t[0], c) / sqrt(op_number(t[3], c) + epsilon);
        k->scale[c] = (float)scale;
        k->shift[c] = (float)(op_number(t[1], c) - op_number(t[2], c) * scale);
    }
    return true;
}

/** One slope, or one a channel. */
static bool find_slopes(const struct graph *graph, const struct node *node, int rank,
                        struct affine *k)
{
    const struct tensor *t = graph->values[node->in[1]].constant;
    if (!t || tensor_bytes(t) == 0)
        return false;
    const int64_t count = tensor_count(t);
    const int axis = t->rank - (rank - 1);
    const bool old = node->opset < 7 && t->rank == 1;
    if (count != 1
        && (count != k->channels || (!old && (axis < 0 || t->dim[axis] != k->channels))))
        return false;
    for (int64_t c = 0; c < k->channels; c++)
        k->scale[c] = (float)op_number(t, count == 1 ? 0 : c);
    return true;
}

int fast_make_affine(const struct graph *graph, const struct node *node,
                     struct kernel **ret, struct err *err)
{
    const struct value *x = &graph->values[node->in[0]];
    const struct tensor *shape = &x->shape;
    const bool half = shape->type == TENSOR_BF16;
    if (shape->rank < 2 || (x->layout == LAYOUT_LAST) != half
        || (!half && shape->type != TENSOR_F32)
        || graph->values[node->out[0]].shape.type != shape->type
        || x->layout != graph->values[node->out[0]].layout)
        return 0;
    struct affine *k = calloc(1, sizeof(*k));
    if (!k)
        return err_set(err, ERR_NOMEM, "a kernel");
    k->base = (struct kernel){half ? run_half : run, destroy, "affine"};
    k->prelu = strcmp(node->op->name, "PRelu") == 0;
    k->blocked = x->layout == LAYOUT_BLOCKED;
    k->channels = shape->dim[1];
    const int64_t filled = (k->channels + LAYOUT_BLOCK - 1) / LAYOUT_BLOCK * LAYOUT_BLOCK;
    k->n = tensor_span(shape, 2, shape->rank);
    k->x_pitch = half ? value_pitch(graph, node->in[0]) : 0;
    k->y_pitch = half ? value_pitch(graph, node->out[0]) : 0;
    k->planes = half ? shape->dim[0]
                     : shape->dim[0] * (k->blocked ? filled / LAYOUT_BLOCK : k->channels);
    k->scale = calloc((size_t)filled * 2, sizeof(*k->scale));
    k->shift = k->scale ? k->scale + filled : NULL;
    const bool good = k->scale
                      && (k->prelu ? find_slopes(graph, node, shape->rank, k)
                                   : find_statistics(graph, node, k));
    if (!good) {
        const bool memory = k->scale != NULL;
        destroy(&k->base);
        return memory ? 0 : err_set(err, ERR_NOMEM, "a kernel");
    }
    *ret = &k->base;
    return 0;
}
