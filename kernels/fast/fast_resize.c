/*
 * fast_resize: Resize and Upsample of the spatial axes, by the nearest or linearly.
 *
 *     y[z, y, x] = sum over taps of the three axes of their weights' product * x[tap z, tap y, tap x]
 *
 * float, plain or blocked or channels last (bfloat16 by the nearest); uint8 channels last (rounded to the nearest, half to
 * even), which may be some channels of wider values. Pixels move as units: all channels, a block
 * of them, or one number. Cost: one pass over the result for the nearest; linearly a pass over
 * the rows between which it lies too. Tested: tests/unit/test_qconv.c, ONNX's suite.
 */
#include "kernels/fast/fast.h"

#include "base/err.h"
#include "kernels/ops/resize.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

enum { AXES = 3 };

struct resize {
    struct kernel base;
    bool nearest, bytes;
    int64_t planes, in[AXES], out[AXES], unit, x_pitch, y_pitch; // of pixels, in elements
    size_t size;                                                 // bytes of an element
    struct resize_tap *tap[AXES];
    float *rows; // [threads][in x][unit], between rows
    int threads;
};

static void copy_row(const struct resize *k, const char *x, char *y)
{
    const size_t bytes = (size_t)k->unit * k->size;
    for (int64_t i = 0; i < k->out[2]; i++)
        memcpy(y + (size_t)(i * k->y_pitch) * k->size,
               x + (size_t)(k->tap[2][i].at[0] * k->x_pitch) * k->size, bytes);
}

/** row += w * x, for one row of the input. */
KERNEL_CLONES static void add_floats(const float *restrict x, float w, int64_t n,
                                     float *restrict row)
{
    for (int64_t i = 0; i < n; i++)
        row[i] += w * x[i];
}

KERNEL_CLONES static void add_bytes(const uint8_t *restrict x, float w, int64_t n,
                                    float *restrict row)
{
    for (int64_t i = 0; i < n; i++)
        row[i] += w * (float)x[i];
}

KERNEL_CLONES static void mix_floats(const float *restrict a, const float *restrict b,
                                     float p, float q, int64_t n, float *restrict y)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = p * a[i] + q * b[i];
}

KERNEL_CLONES static void mix_bytes(const float *restrict a, const float *restrict b,
                                    float p, float q, int64_t n, uint8_t *restrict y)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = (uint8_t)nearbyintf(p * a[i] + q * b[i]);
}

/** The input's row at z, y with a weight onto row. */
static void add_row(const struct resize *k, const char *plane, int64_t z, int64_t y,
                    float w, float *row)
{
    const char *x =
        plane + (size_t)((z * k->in[1] + y) * k->in[2] * k->x_pitch) * k->size;
    for (int64_t i = 0; i < k->in[2]; i++, row += k->unit) {
        const char *pixel = x + (size_t)(i * k->x_pitch) * k->size;
        if (k->bytes)
            add_bytes((const uint8_t *)pixel, w, k->unit, row);
        else
            add_floats((const float *)(const void *)pixel, w, k->unit, row);
    }
}

static void mix_row(const struct resize *k, const char *plane, int64_t oz, int64_t oy,
                    float *row, char *y)
{
    memset(row, 0, sizeof(*row) * (size_t)(k->in[2] * k->unit));
    for (int t = 0; t < 4; t++) {
        const struct resize_tap *z = &k->tap[0][oz], *r = &k->tap[1][oy];
        const double w = z->weight[t / 2] * r->weight[t % 2];
        if (w > 0 || w < 0)
            add_row(k, plane, z->at[t / 2], r->at[t % 2], (float)w, row);
    }
    for (int64_t i = 0; i < k->out[2]; i++) {
        const struct resize_tap *t = &k->tap[2][i];
        const float *a = row + t->at[0] * k->unit, *b = row + t->at[1] * k->unit;
        char *to = y + (size_t)(i * k->y_pitch) * k->size;
        if (k->bytes)
            mix_bytes(a, b, (float)t->weight[0], (float)t->weight[1], k->unit,
                      (uint8_t *)to);
        else
            mix_floats(a, b, (float)t->weight[0], (float)t->weight[1], k->unit,
                       (float *)(void *)to);
    }
}

static int run(struct kernel *kernel, struct op_call *call, struct err *err)
{
    (void)err;
    const struct resize *k = (const struct resize *)kernel;
    const int64_t rows = k->planes * k->out[0] * k->out[1];
    const int64_t in = k->in[0] * k->in[1] * k->in[2] * k->x_pitch;
#pragma omp parallel for num_threads(k->threads) schedule(static) if (k->threads > 1)
    for (int64_t i = 0; i < rows; i++) {
        const int64_t oy = i % k->out[1], oz = i / k->out[1] % k->out[0];
        const char *plane = (const char *)call->in[0]->data
                            + (size_t)(i / k->out[1] / k->out[0] * in) * k->size;
        char *y =
            (char *)call->out[0]->data + (size_t)(i * k->out[2] * k->y_pitch) * k->size;
        const int64_t z = k->tap[0][oz].at[0], r = k->tap[1][oy].at[0];
        if (k->nearest)
            copy_row(
                k, plane + (size_t)((z * k->in[1] + r) * k->in[2] * k->x_pitch) * k->size,
                y);
        else
            mix_row(k, plane, oz, oy,
                    k->rows + (int64_t)omp_get_thread_num() * k->in[2] * k->unit, y);
    }
    return 0;
}

static void destroy(struct kernel *kernel)
{
    struct resize *k = (struct resize *)kernel;
    free(k->tap[0]);
    free(k->rows);
    free(k);
}

/** Extents and units of values in their layout. */
static void find_units(struct resize *k, const struct graph *graph,
                       const struct node *node)
{
    const struct value *x = &graph->values[node->in[0]],
                       *y = &graph->values[node->out[0]];
    const int64_t images = x->shape.dim[0], channels = x->shape.dim[1];
    const int rank = x->shape.rank;
    k->size = tensor_type_size(x->shape.type);
    k->unit = k->x_pitch = k->y_pitch = 1;
    k->planes = images * channels;
    if (x->layout == LAYOUT_BLOCKED) {
        k->unit = k->x_pitch = k->y_pitch = LAYOUT_BLOCK;
        k->planes = images * ((channels + LAYOUT_BLOCK - 1) / LAYOUT_BLOCK);
    } else if (x->layout == LAYOUT_LAST) {
        k->unit = channels;
        k->x_pitch = value_pitch(graph, node->in[0]);
        k->y_pitch = value_pitch(graph, node->out[0]);
        k->planes = images;
    }
    for (int i = 0; i < AXES; i++) {
        const int axis = rank - AXES + i;
        k->in[i] = axis < 2 ? 1 : x->shape.dim[axis];
        k->out[i] = axis < 2 ? 1 : y->shape.dim[axis];
    }
}

/** Taps of the three axes; false: this call is something else. */
static bool find_taps(struct resize *k, const struct graph *graph,
                      const struct node *node)
{
    struct tensor inputs[4];
    const struct tensor *in[4];
    const struct op_call call = {.node = node, .in = in, .in_count = node->in_count};
    for (size_t i = 0; i < node->in_count && i < 4; i++) {
        const struct value *v = node->in[i] < 0 ? NULL : &graph->values[node->in[i]];
        in[i] = v ? &inputs[i] : NULL;
        if (v)
            inputs[i] = v->shape;
        if (v && i > 0 && !v->constant)
            return false;
        if (v && i > 0)
            inputs[i].data = v->constant->data;
    }
    struct resize_tap *taps =
        calloc((size_t)(k->out[0] + k->out[1] + k->out[2]), sizeof(*taps));
    if (!taps)
        return false;
    k->tap[0] = taps;
    k->tap[1] = taps + k->out[0];
    k->tap[2] = taps + k->out[0] + k->out[1];
    for (int i = 0; i < AXES; i++) {
        const int axis = in[0]->rank - AXES + i;
        if (axis < 2)
            k->tap[i][0] = (struct resize_tap){{0, 0}, {1, 0}};
        else if (!resize_find_taps(&call, axis, k->tap[i]))
            return false;
    }
    return true;
}

static bool is_ours(const struct graph *graph, const struct node *node)
{
    const struct value *x = &graph->values[node->in[0]],
                       *y = &graph->values[node->out[0]];
    const bool bytes = x->shape.type == TENSOR_U8 && x->layout == LAYOUT_LAST;
    const bool moved = x->shape.type == TENSOR_BF16 && resize_is_nearest(node);
    return (x->shape.type == TENSOR_F32 || bytes || moved) && x->layout == y->layout
           && x->shape.rank >= 3 && x->shape.rank <= 5 && node->in_count <= 4
           && x->shape.rank == y->shape.rank && x->shape.dim[0] == y->shape.dim[0]
           && x->shape.dim[1] == y->shape.dim[1] && tensor_count(&y->shape) > 0;
}

int fast_make_resize(const struct graph *graph, const struct node *node,
                     struct kernel **ret, struct err *err)
{
    if (!is_ours(graph, node))
        return 0;
    struct resize *k = calloc(1, sizeof(*k));
    if (!k)
        return err_set(err, ERR_NOMEM, "a kernel");
    k->base = (struct kernel){run, destroy, "resize"};
    k->nearest = resize_is_nearest(node);
    k->bytes = graph->values[node->in[0]].shape.type == TENSOR_U8;
    k->threads = omp_get_max_threads();
    find_units(k, graph, node);
    if (!find_taps(k, graph, node)) {
        destroy(&k->base);
        return 0;
    }
    if (!k->nearest)
        k->rows = calloc((size_t)(k->threads * k->in[2] * k->unit), sizeof(*k->rows));
    if (!k->nearest && !k->rows) {
        destroy(&k->base);
        return err_set(err, ERR_NOMEM, "a kernel");
    }
    *ret = &k->base;
    return 0;
}
