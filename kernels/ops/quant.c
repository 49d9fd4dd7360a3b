/*
 * quant: QuantizeLinear, DequantizeLinear, QLinearConv.
 *
 *     q = saturate(round_half_even(x / scale) + zero),   x = (q - zero) * scale
 *
 * Source: ONNX operators, QuantizeLinear-13, DequantizeLinear-13, QLinearConv-10.
 */
#include "kernels/ops/op_window.h"

#include "base/err.h"

#include <math.h>
#include <stdlib.h>

/** Scale and zero point: one for all, or one for each position of axis. */
struct scaling {
    const struct tensor *scale, *zero;
    int64_t inner, n; // elements behind the axis, positions of it (1: one for all)
};

static int init_scaling(struct scaling *s, const struct op_call *call, struct err *err)
{
    const struct tensor *x = call->in[0];
    *s = (struct scaling){.scale = call->in[1],
                          .zero = op_has(call, 2) ? call->in[2] : NULL,
                          .inner = 1,
                          .n = 1};
    if (s->zero && tensor_count(s->zero) != tensor_count(s->scale))
        return err_set(err, ERR_FORMAT, "scales and zero points differ in number");
    if (!tensor_type_is_float(s->scale->type))
        return err_set(err, ERR_FORMAT, "the scale is no float");
    if (node_int(call->node, "block_size", 0) != 0)
        return err_set(err, ERR_UNSUPPORTED, "blocks of scales");
    if (s->scale->rank == 0 || tensor_count(s->scale) == 1)
        return 0;
    int axis;
    const int e = op_axis(node_int(call->node, "axis", 1), x->rank, &axis, err);
    if (e != 0)
        return e;
    s->n = x->dim[axis];
    s->inner = tensor_span(x, axis + 1, x->rank);
    if (s->scale->rank != 1 || s->scale->dim[0] != s->n)
        return err_set(err, ERR_FORMAT, "%lld scales for %lld",
                       (long long)tensor_count(s->scale), (long long)s->n);
    return 0;
}

static bool is_quantised(enum tensor_type type)
{
    return type == TENSOR_U8 || type == TENSOR_I8 || type == TENSOR_I32
           || type == TENSOR_U16 || type == TENSOR_I16;
}

static int infer_quantize(struct op_call *call, struct err *err)
{
    struct scaling s;
    const int e = init_scaling(&s, call, err);
    if (e != 0)
        return e;
    enum tensor_type type = s.zero ? s.zero->type : TENSOR_U8;
    const int64_t asked = node_int(call->node, "output_dtype", 0);
    if (asked != 0 && (!s.zero || asked == (int64_t)type))
        type = asked == TENSOR_U8   ? TENSOR_U8
               : asked == TENSOR_I8 ? TENSOR_I8
                                    : TENSOR_NONE;
    if (!is_quantised(type))
        return err_set(err, ERR_UNSUPPORTED, "quantisation to this type");
    op_shape(call, 0, type, call->in[0]->rank, call->in[0]->dim);
    return 0;
}

static int infer_dequantize(struct op_call *call, struct err *err)
{
    struct scaling s;
    const int e = init_scaling(&s, call, err);
    if (e != 0)
        return e;
    if (!is_quantised(call->in[0]->type) || (s.zero && s.zero->type != call->in[0]->type))
        return err_set(err, ERR_FORMAT, "x is %s", tensor_type_name(call->in[0]->type));
    op_shape(call, 0, s.scale->type, call->in[0]->rank, call->in[0]->dim);
    return 0;
}

static int run_scaling(struct op_call *call, bool quantize, struct err *err)
{
    struct scaling s;
    const int e = init_scaling(&s, call, err);
    const int64_t count = tensor_count(call->in[0]);
    for (int64_t i = 0; e == 0 && i < count;) {
        const int64_t at = s.n > 1 ? i / s.inner % s.n : 0;
        const double scale = op_number(s.scale, at),
                     zero = s.zero ? op_number(s.zero, at) : 0;
        const int64_t end = s.n > 1 ? (i / s.inner + 1) * s.inner : count;
        double x[256];
        const int64_t n = end - i < 256 ? end - i : 256;
        tensor_load_f64(call->in[0], i, n, x);
        for (int64_t k = 0; k < n; k++) {
            // The quotient of floats is what peers round: a double's lies elsewhere at halves.
            const double q = quantize ? (double)((float)x[k] / (float)scale) : 0;
            x[k] = quantize ? nearbyint(q) + zero : (x[k] - zero) * scale;
        }
        tensor_store_f64(call->out[0], i, n, x);
        i += n;
    }
    return e;
}

static int run_quantize(struct op_call *call, struct err *err)
{
    return run_scaling(call, true, err);
}

static int run_dequantize(struct op_call *call, struct err *err)
{
    return run_scaling(call, false, err);
}

/* QLinearConv: x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero, bias (int32). */

static int check_qconv(const struct op_call *call, struct err *err)
{
    static const size_t SCALES[] = {1, 4, 6};
    const struct tensor *x = call->in[0], *w = call->in[3];
    const int64_t groups = node_int(call->node, "group", 1);
    if (x->rank < 3 || w->rank != x->rank || groups < 1 || groups > x->dim[1]
        || x->dim[1] != w->dim[1] * groups || w->dim[0] % groups != 0)
        return err_set(err, ERR_FORMAT, "x and weights do not fit");
    for (size_t i = 0; i < 3; i++) {
        const int64_t n = tensor_count(call->in[SCALES[i]]);
        const bool per_channel = SCALES[i] == 4 && n == w->dim[0];
        if ((n != 1 && !per_channel) || tensor_count(call->in[SCALES[i] + 1]) != n)
            return err_set(err, ERR_FORMAT, "scale %zu has %lld numbers", SCALES[i],
                           (long long)n);
    }
    if (!is_quantised(x->type) || !is_quantised(w->type)
        || !is_quantised(call->in[7]->type)
        || (op_has(call, 8) && tensor_count(call->in[8]) != w->dim[0]))
        return err_set(err, ERR_FORMAT, "types or bias do not fit");
    return 0;
}

static int infer_qconv(struct op_call *call, struct err *err)
{
    struct op_window w;
    int e = check_qconv(call, err);
    if (e == 0)
        e = op_window_init(&w, call, call->in[0], call->in[3]->dim + 2, err);
    if (e != 0)
        return e;
    int64_t dim[TENSOR_RANK_MAX] = {call->in[0]->dim[0], call->in[3]->dim[0]};
    for (int i = 0; i < w.axes; i++)
        dim[i + 2] = w.out[OP_SPATIAL_MAX - w.axes + i];
    op_shape(call, 0, call->in[7]->type, w.axes + 2, dim);
    return 0;
}

/** Tensor as floats [same shape], (q - zero) unscaled, or NULL. */
static struct tensor *subtract_zero(const struct tensor *t, const struct tensor *zero,
                                    struct err *err)
{
    struct tensor *made = NULL;
    const int64_t count = tensor_count(t), zeros = tensor_count(zero);
    if (tensor_create(TENSOR_F64, t->rank, t->dim, SIZE_MAX / 2, &made, err) != 0)
        return NULL;
    double *to = made->data;
    tensor_load_f64(t, 0, count, to);
    for (int64_t i = 0; i < count; i++)
        to[i] -= op_number(zero, zeros == 1 ? 0 : i / (count / zeros));
    return made;
}

static void requantise(const struct op_call *call, const struct tensor *sums)
{
    const double y_scale = op_number(call->in[6], 0), y_zero = op_number(call->in[7], 0);
    const double x_scale = op_number(call->in[1], 0);
    const int64_t plane = tensor_span(sums, 2, sums->rank),
                  scales = tensor_count(call->in[4]);
    for (int64_t i = 0; i < tensor_count(sums); i++) {
        const int64_t o = i / plane % sums->dim[1];
        const double w_scale = op_number(call->in[4], scales == 1 ? 0 : o);
        const double bias = op_has(call, 8) ? op_number(call->in[8], o) : 0;
        const double sum = ((const double *)sums->data)[i] + bias;
        const double q = nearbyint(sum * (x_scale * w_scale / y_scale)) + y_zero;
        tensor_store_f64(call->out[0], i, 1, &q);
    }
}

static int run_qconv(struct op_call *call, struct err *err)
{
    const struct op *conv;
    auto_(tensor) struct tensor *x = subtract_zero(call->in[0], call->in[2], err);
    auto_(tensor) struct tensor *w = subtract_zero(call->in[3], call->in[5], err);
    auto_(tensor) struct tensor *y = NULL;
    if (!x || !w)
        return ERR_NOMEM;
    int e = tensor_create(TENSOR_F64, call->out[0]->rank, call->out[0]->dim, SIZE_MAX / 2,
                          &y, err);
    if (e == 0)
        e = op_find("", "Conv", 11, &conv, err);
    if (e != 0)
        return e;
    const struct tensor *in[2] = {x, w};
    struct tensor *out[1] = {y};
    struct op_call inner = {
        .node = call->node, .in = in, .in_count = 2, .out = out, .out_count = 1};
    e = conv->run(&inner, err);
    if (e == 0)
        requantise(call, y);
    return e;
}

#define CONV " auto_pad dilations group kernel_shape pads strides "

const struct op op_quant_rows[] = {
    {"", "QuantizeLinear", 10, 2, 3, 1, " axis saturate block_size output_dtype ",
     infer_quantize, run_quantize},
    {"", "DequantizeLinear", 10, 2, 3, 1, " axis block_size ", infer_dequantize,
     run_dequantize},
    {"", "QLinearConv", 10, 8, 9, 1, CONV, infer_qconv, run_qconv},
    {0},
};
