/*
 * quantised: operators of our own domain on 8-bit values, made by the int8 pass.
 *
 *     hilum.QConv:    sum = sum over c, k of w[o, c, k] * x[n, c, p*stride + k*dilation - pad]
 *     hilum.QAffine:  sum = x[n, c, p]
 *
 * and y of requant.h. Inputs: x uint8 [batch, channels, spatial...]; QConv alone: w int8
 * [out, channels, kernel...]; scale float [out]; bias float [out]; residual uint8, like y; slope
 * float [out]. Outside the image x is x_zero. spread (QConv, 1 x 1): the result goes through
 * hilum.Shuffle with these strides. Sums are exact: what could overflow is refused.
 */
#include "kernels/ops/op_window.h"

#include "base/err.h"
#include "kernels/requant.h"

#include <stdlib.h>
#include <string.h>

enum { PRODUCT_MAX = 255 * 128 };

/** Where the inputs stand. */
struct ports {
    const struct tensor *x, *w, *scale, *bias, *residual, *slope;
};

static struct ports ports_of(const struct op_call *call)
{
    const size_t first = strcmp(call->node->op->name, "QConv") == 0 ? 2 : 1;
    return (struct ports){.x = call->in[0],
                          .w = first == 2 ? call->in[1] : NULL,
                          .scale = call->in[first],
                          .bias = call->in[first + 1],
                          .residual =
                              op_has(call, first + 2) ? call->in[first + 2] : NULL,
                          .slope = op_has(call, first + 3) ? call->in[first + 3] : NULL};
}

struct requant requant_of(const struct node *node)
{
    const bool to_float = node_int(node, "out_type", TENSOR_U8) == TENSOR_F32;
    const int zero = (int)node_int(node, "y_zero", 0);
    const float least = to_float ? -HUGE_VALF : (float)-zero,
                most = to_float ? HUGE_VALF : (float)(255 - zero);
    struct requant q = {.residual_scale = node_float(node, "residual_scale", 0),
                        .low = node_float(node, "low", least),
                        .high = node_float(node, "high", most),
                        .zero = to_float ? 0 : zero,
                        .to_float = to_float};
    q.low = q.low > least ? q.low : least;
    q.high = q.high < most ? q.high : most;
    return q;
}

static bool is_per_channel(const struct tensor *t, int64_t channels)
{
    return !t || (t->type == TENSOR_F32 && t->rank == 1 && t->dim[0] == channels);
}

/** What both operators hold their inputs to; y has been inferred up to its type. */
static int check_ports(struct op_call *call, const struct ports *p, int64_t channels,
                       struct err *err)
{
    const int64_t type = node_int(call->node, "out_type", TENSOR_U8);
    const int64_t zero = node_int(call->node, "y_zero", 0);
    const struct requant q = requant_of(call->node);
    if (p->x->type != TENSOR_U8 || (p->residual && p->residual->type != TENSOR_U8))
        return err_set(err, ERR_FORMAT, "x or the residual is not uint8");
    if (!is_per_channel(p->scale, channels) || !is_per_channel(p->bias, channels)
        || !is_per_channel(p->slope, channels))
        return err_set(err, ERR_FORMAT, "scales, biases or slopes are not %lld floats",
                       (long long)channels);
    if ((type != TENSOR_U8 && type != TENSOR_F32) || zero < 0 || zero > 255
        || !(q.low <= q.high))
        return err_set(err, ERR_FORMAT, "the result's type, zero or bounds");
    call->out[0]->type = (enum tensor_type)type;
    if (p->residual && !tensor_has_shape_of(p->residual, call->out[0]))
        return err_set(err, ERR_FORMAT, "the residual has another shape");
    return 0;
}

/* QConv */

static int check_weights(const struct op_call *call, const struct ports *p,
                         struct err *err)
{
    const struct tensor *x = p->x, *w = p->w;
    const int64_t zero = node_int(call->node, "x_zero", 0);
    if (x->rank < 3 || w->rank != x->rank || w->type != TENSOR_I8
        || w->dim[1] != x->dim[1] || node_int(call->node, "group", 1) != 1)
        return err_set(err, ERR_FORMAT, "x and weights do not fit");
    if (zero < 0 || zero > 255)
        return err_set(err, ERR_FORMAT, "x_zero %lld", (long long)zero);
    if (tensor_span(w, 1, w->rank) > INT32_MAX / PRODUCT_MAX)
        return err_set(err, ERR_UNSUPPORTED, "sums of %lld products",
                       (long long)tensor_span(w, 1, w->rank));
    return 0;
}

/** Steps of spread along the three spatial axes; 1 where there is none. */
static int find_spread(const struct op_call *call, const struct op_window *w,
                       int64_t steps[OP_SPATIAL_MAX], struct err *err)
{
    struct op_ints given;
    const int e = op_attr_ints(call, "spread", &given, err);
    for (int i = 0; i < OP_SPATIAL_MAX; i++)
        steps[i] = 1;
    if (e != 0 || given.count == 0)
        return e;
    if (given.count != (size_t)w->axes)
        return err_set(err, ERR_FORMAT, "spread over %zu axes", given.count);
    for (int i = 0; i < w->axes; i++) {
        steps[OP_SPATIAL_MAX - w->axes + i] = given.item[i];
        if (given.item[i] < 1 || given.item[i] > 16)
            return err_set(err, ERR_FORMAT, "spread by %lld", (long long)given.item[i]);
    }
    return 0;
}

static int infer_qconv(struct op_call *call, struct err *err)
{
    struct op_window w;
    int64_t steps[OP_SPATIAL_MAX];
    const struct ports p = ports_of(call);
    int e = check_weights(call, &p, err);
    if (e == 0)
        e = op_window_init(&w, call, p.x, p.w->dim + 2, err);
    if (e == 0)
        e = find_spread(call, &w, steps, err);
    if (e != 0)
        return e;
    const int64_t places = steps[0] * steps[1] * steps[2];
    int64_t dim[TENSOR_RANK_MAX] = {p.x->dim[0], p.w->dim[0] / places};
    if (p.w->dim[0] % places != 0)
        return err_set(err, ERR_FORMAT, "%lld channels for %lld places",
                       (long long)p.w->dim[0], (long long)places);
    for (int i = 0; i < w.axes; i++) {
        const int from = OP_SPATIAL_MAX - w.axes + i;
        if (__builtin_mul_overflow(w.out[from], steps[from], &dim[i + 2]))
            return err_set(err, ERR_LIMIT, "an axis of the result");
    }
    op_shape(call, 0, TENSOR_U8, w.axes + 2, dim);
    return check_ports(call, &p, p.w->dim[0], err);
}

/** One sum; x is an image of the call, k the weights of a channel. */
static int32_t sum_at(const struct op_window *w, const uint8_t *x, const int8_t *k,
                      int64_t channels, const int64_t *at, int zero)
{
    int32_t sum = 0;
    int64_t tap[OP_SPATIAL_MAX] = {0};
    const int64_t plane = w->in[0] * w->in[1] * w->in[2],
                  taps = w->kernel[0] * w->kernel[1] * w->kernel[2];
    for (int64_t t = 0; t < taps; t++) {
        int64_t offset = 0;
        bool inside = true;
        for (int i = 0; i < OP_SPATIAL_MAX; i++) {
            const int64_t q =
                at[i] * w->stride[i] + tap[i] * w->dilation[i] - w->begin[i];
            inside = inside && q >= 0 && q < w->in[i];
            offset = offset * w->in[i] + q;
        }
        for (int64_t c = 0; c < channels; c++)
            sum += (inside ? x[c * plane + offset] : zero) * k[c * taps + t];
        op_next(w->kernel, OP_SPATIAL_MAX, tap);
    }
    return sum;
}

static void put(const struct requant *q, const struct ports *p, int32_t sum, int64_t o,
                int64_t at, struct tensor *y)
{
    const float v = requant_value(
        q, sum, ((const float *)p->scale->data)[o], ((const float *)p->bias->data)[o],
        p->residual ? ((const uint8_t *)p->residual->data)[at] : 0,
        p->slope ? ((const float *)p->slope->data)[o] : 1);
    if (q->to_float)
        ((float *)y->data)[at] = v;
    else
        ((uint8_t *)y->data)[at] = requant_round(q, v);
}

/** Where the sum of channel o at position at goes: through the Shuffle of spread. */
static int64_t place_of(const struct op_window *w, const int64_t *steps, int64_t image,
                        int64_t o, int64_t outs, const int64_t *at)
{
    const int64_t channels = outs / (steps[0] * steps[1] * steps[2]);
    const int64_t d = o / channels;
    const int64_t shift[OP_SPATIAL_MAX] = {d / steps[2] / steps[1],
                                           d / steps[2] % steps[1], d % steps[2]};
    int64_t place = image * channels + o % channels;
    for (int i = 0; i < OP_SPATIAL_MAX; i++)
        place = place * w->out[i] * steps[i] + at[i] * steps[i] + shift[i];
    return place;
}

static int run_qconv(struct op_call *call, struct err *err)
{
    struct op_window w;
    int64_t steps[OP_SPATIAL_MAX];
    const struct ports p = ports_of(call);
    const struct requant q = requant_of(call->node);
    int e = op_window_init(&w, call, p.x, p.w->dim + 2, err);
    if (e == 0)
        e = find_spread(call, &w, steps, err);
    if (e != 0 || tensor_count(call->out[0]) == 0)
        return e;
    const int zero = (int)node_int(call->node, "x_zero", 0);
    const int64_t outs = p.w->dim[0], channels = p.x->dim[1];
    const int64_t in = tensor_span(p.x, 1, p.x->rank),
                  taps = tensor_span(p.w, 1, p.w->rank);
    for (int64_t image = 0; image < p.x->dim[0]; image++) {
        const uint8_t *x = (const uint8_t *)p.x->data + image * in;
        for (int64_t o = 0; o < outs; o++) {
            const int8_t *k = (const int8_t *)p.w->data + o * taps;
            int64_t at[OP_SPATIAL_MAX] = {0};
            do {
                put(&q, &p, sum_at(&w, x, k, channels, at, zero), o,
                    place_of(&w, steps, image, o, outs, at), call->out[0]);
            } while (op_next(w.out, OP_SPATIAL_MAX, at));
        }
    }
    return 0;
}

/* QAffine */

static int infer_qaffine(struct op_call *call, struct err *err)
{
    const struct ports p = ports_of(call);
    if (p.x->rank < 2)
        return err_set(err, ERR_FORMAT, "x has %d axes", p.x->rank);
    op_infer_same(call, err);
    return check_ports(call, &p, p.x->dim[1], err);
}

static int run_qaffine(struct op_call *call, struct err *err)
{
    (void)err;
    const struct ports p = ports_of(call);
    const struct requant q = requant_of(call->node);
    const int64_t plane = tensor_span(p.x, 2, p.x->rank), count = tensor_count(p.x);
    for (int64_t i = 0; i < count; i++)
        put(&q, &p, ((const uint8_t *)p.x->data)[i], i / plane % p.x->dim[1], i,
            call->out[0]);
    return 0;
}

#define REQUANT " residual_scale low high y_zero out_type "
#define CONV    " auto_pad dilations group kernel_shape pads strides x_zero spread "

const struct op op_quantised_rows[] = {
    {"hilum", "QConv", 1, 4, 6, 1, CONV REQUANT, infer_qconv, run_qconv},
    {"hilum", "QAffine", 1, 3, 5, 1, REQUANT, infer_qaffine, run_qaffine},
    {0},
};
