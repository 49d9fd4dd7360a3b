/*
 * fast_rows: what works along rows of plain tensors: Softmax, InstanceNormalization,
 * LayerNormalization over the last axes. Sums are float in 16 lanes, in a fixed order.
 */
#include "kernels/fast/fast.h"

#include "base/err.h"
#include "kernels/ops/op.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LANES = 16 };

struct rows {
    struct kernel base;
    int64_t rows, n, channels;
    float epsilon;
    bool per_row; // scale and bias: one a row (channel), not one a column
};

static float add_lanes(const float *lane)
{
    float sum = 0;
    for (int k = 0; k < LANES; k++)
        sum += lane[k];
    return sum;
}

KERNEL_CLONES static float sum_row(const float *x, int64_t n)
{
    float lane[LANES] = {0};
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (int k = 0; k < LANES; k++)
            lane[k] += x[i + k];
    }
    for (; i < n; i++)
        lane[i % LANES] += x[i];
    return add_lanes(lane);
}

KERNEL_CLONES static float sum_squares(const float *x, int64_t n, float mean)
{
    float lane[LANES] = {0};
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (int k = 0; k < LANES; k++)
            lane[k] += (x[i + k] - mean) * (x[i + k] - mean);
    }
    for (; i < n; i++)
        lane[i % LANES] += (x[i] - mean) * (x[i] - mean);
    return add_lanes(lane);
}

/** Means of pieces, so that the error does not grow with the length of a volume. */
static float mean_of(const float *x, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i += 4096)
        sum += (double)sum_row(x + i, n - i < 4096 ? n - i : 4096);
    return (float)(sum / (double)n);
}

static float deviation_of(const float *x, int64_t n, float mean, float epsilon)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i += 4096)
        sum += (double)sum_squares(x + i, n - i < 4096 ? n - i : 4096, mean);
    return (float)(1 / sqrt(sum / (double)n + (double)epsilon));
}

KERNEL_CLONES static void apply_row(const float *x, float *y, int64_t n, float a, float b)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] * a + b;
}

KERNEL_CLONES static void apply_columns(const float *x, float *y, int64_t n, float mean,
                                        float inv, const float *scale, const float *bias)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = (x[i] - mean) * inv * scale[i] + (bias ? bias[i] : 0);
}

static int run_normal(struct kernel *kernel, struct op_call *call, struct err *err)
{
    (void)err;
    const struct rows *k = (const struct rows *)kernel;
    const float *scale = call->in[1]->data,
                *bias = op_has(call, 2) ? call->in[2]->data : NULL;
    for (int64_t r = 0; r < k->rows; r++) {
        const float *x = (const float *)call->in[0]->data + r * k->n;
        float *y = (float *)call->out[0]->data + r * k->n;
        const float mean = mean_of(x, k->n),
                    inv = deviation_of(x, k->n, mean, k->epsilon);
        const int64_t c = r % k->channels;
        if (k->per_row)
            apply_row(x, y, k->n, inv * scale[c],
                      (bias ? bias[c] : 0) - mean * inv * scale[c]);
        else
            apply_columns(x, y, k->n, mean, inv, scale, bias);
    }
    return 0;
}

static void destroy(struct kernel *kernel)
{
    free(kernel);
}

static bool is_plain(const struct graph *graph, const struct node *node)
{
    for (size_t i = 0; i < node->in_count; i++) {
        const struct value *v = node->in[i] < 0 ? NULL : &graph->values[node->in[i]];
        if (v && (v->layout != LAYOUT_PLAIN || v->shape.type != TENSOR_F32))
            return false;
    }
    return graph->values[node->out[0]].layout == LAYOUT_PLAIN;
}

typedef int run_fn(struct kernel *kernel, struct op_call *call, struct err *err);

/** NULL: no memory. */
static struct rows *create(const char *name, run_fn *run, int64_t count, int64_t n)
{
    struct rows *k = calloc(1, sizeof(*k));
    if (!k)
        return NULL;
    k->base = (struct kernel){run, destroy, name};
    k->rows = count;
    k->n = n;
    return k;
}

int fast_make_normal(const struct graph *graph, const struct node *node,
                     struct kernel **ret, struct err *err)
{
    const struct tensor *x = &graph->values[node->in[0]].shape;
    const bool layer = strcmp(node->op->name, "LayerNormalization") == 0;
    int axis = 2;
    if (!is_plain(graph, node)
        || (layer && op_axis(node_int(node, "axis", -1), x->rank, &axis, err) != 0))
        return 0;
    const int64_t n = tensor_span(x, axis, x->rank);
    for (size_t i = 1; layer && i < node->in_count; i++) {
        if (node->in[i] >= 0 && tensor_count(&graph->values[node->in[i]].shape) != n)
            return 0;
    }
    for (size_t i = 1; i < node->out_count; i++) {
        if (node->out[i] >= 0)
            return 0;
    }
    struct rows *k = create(layer ? "layer norm" : "instance norm", run_normal,
                            tensor_span(x, 0, axis), n);
    if (!k)
        return err_set(err, ERR_NOMEM, "a kernel");
    k->channels = layer ? 1 : x->dim[1];
    k->per_row = !layer;
    k->epsilon = node_float(node, "epsilon", 1e-5f);
    *ret = &k->base;
    return 0;
}

/* Softmax along the last axis. */

/** e^x for x <= 0, to about 2 units in the last place. Cody and Waite's reduction, a
 * polynomial of degree 6 on [-ln2/2, ln2/2]; below -87 the result is 0. */
static inline float exp_negative(float x)
{
    const float clipped = x < -87.0f ? -87.0f : x;
    const float k = rintf(clipped * 1.44269504f);
    const float r = (clipped - k * 0.693359375f) + k * 2.12194440e-4f;
    float p = 1.98756915e-4f;
    p = p * r + 1.39819994e-3f;
    p = p * r + 8.33345190e-3f;
    p = p * r + 4.16657960e-2f;
    p = p * r + 1.66666650e-1f;
    p = p * r + 5.00000010e-1f;
    p = p * r * r + r + 1;
    const int32_t bits = ((int32_t)k + 127) << 23;
    float power;
    memcpy(&power, &bits, sizeof(power));
    return x < -87.0f ? 0 : p * power;
}

KERNEL_CLONES static void exp_row(const float *x, float *y, int64_t n, float top)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = exp_negative(x[i] - top);
}

static int run_softmax(struct kernel *kernel, struct op_call *call, struct err *err)
{
    (void)err;
    const struct rows *k = (const struct rows *)kernel;
    for (int64_t r = 0; r < k->rows; r++) {
        const float *x = (const float *)call->in[0]->data + r * k->n;
        float *y = (float *)call->out[0]->data + r * k->n;
        float top = x[0];
        for (int64_t i = 1; i < k->n; i++)
            top = x[i] > top ? x[i] : top;
        exp_row(x, y, k->n, top);
        apply_row(y, y, k->n, 1 / sum_row(y, k->n), 0);
    }
    return 0;
}

enum { PIECE = 256 };

/** Softmax of count columns, each n numbers with a step of inner from one to the next. */
KERNEL_CLONES static void softmax_columns(const float *x, float *y, int64_t n,
                                          int64_t inner, int64_t count)
{
    float top[PIECE], sum[PIECE];
    for (int64_t i = 0; i < count; i++) {
        top[i] = x[i];
        sum[i] = 0;
    }
    for (int64_t c = 1; c < n; c++) {
        for (int64_t i = 0; i < count; i++)
            top[i] = x[c * inner + i] > top[i] ? x[c * inner + i] : top[i];
    }
    for (int64_t c = 0; c < n; c++) {
        for (int64_t i = 0; i < count; i++) {
            const float e = exp_negative(x[c * inner + i] - top[i]);
            y[c * inner + i] = e;
            sum[i] += e;
        }
    }
    for (int64_t i = 0; i < count; i++)
        sum[i] = 1 / sum[i];
    for (int64_t c = 0; c < n; c++) {
        for (int64_t i = 0; i < count; i++)
            y[c * inner + i] *= sum[i];
    }
}

/** rows pieces of channels columns; n is how long they are. */
static int run_columns(struct kernel *kernel, struct op_call *call, struct err *err)
{
    (void)err;
    const struct rows *k = (const struct rows *)kernel;
    const float *x = call->in[0]->data;
    float *y = call->out[0]->data;
    for (int64_t r = 0; r < k->rows; r++) {
        for (int64_t i = 0; i < k->channels; i += PIECE) {
            const int64_t left = k->channels - i;
            softmax_columns(x + i, y + i, k->n, k->channels, left < PIECE ? left : PIECE);
        }
        x += k->n * k->channels;
        y += k->n * k->channels;
    }
    return 0;
}

int fast_make_softmax(const struct graph *graph, const struct node *node,
                      struct kernel **ret, struct err *err)
{
    int axis;
    const struct tensor *x = &graph->values[node->in[0]].shape;
    if (!is_plain(graph, node)
        || op_axis(node_int(node, "axis", node->opset >= 13 ? -1 : 1), x->rank, &axis,
                   err)
               != 0)
        return 0;
    const bool columns = node->opset >= 13 && axis != x->rank - 1;
    struct rows *k =
        create("softmax", columns ? run_columns : run_softmax, tensor_span(x, 0, axis),
               columns ? x->dim[axis] : tensor_span(x, axis, x->rank));
    if (!k)
        return err_set(err, ERR_NOMEM, "a kernel");
    k->channels = columns ? tensor_span(x, axis + 1, x->rank) : 1;
    *ret = &k->base;
    return 0;
}
