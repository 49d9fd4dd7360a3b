/*
 * conv: convolution over one to three spatial axes, with groups.
 *
 *     y[n, o, p] = b[o] + sum over c, k of w[o, c, k] * x[n, g(o) + c, p*stride + k*dilation - pad]
 *
 * x float [batch, channels, spatial...], w float [out, channels / groups, kernel...],
 * b float [out]. Sums are double. Source: ONNX operators, Conv-11. Tested: ONNX's suite.
 */
#include "kernels/ops/op_window.h"

#include "base/err.h"

#include <stdlib.h>

static int check_weights(const struct op_call *call, struct err *err)
{
    const struct tensor *x = call->in[0], *w = call->in[1];
    const int64_t groups = node_int(call->node, "group", 1);
    if (x->rank < 3 || w->rank != x->rank)
        return err_set(err, ERR_FORMAT, "x has %d axes, the weights %d", x->rank,
                       w->rank);
    if (groups < 1 || groups > x->dim[1] || x->dim[1] != w->dim[1] * groups
        || w->dim[0] % groups != 0)
        return err_set(err, ERR_FORMAT,
                       "%lld channels, weights of %lld x %lld, %lld groups",
                       (long long)x->dim[1], (long long)w->dim[0], (long long)w->dim[1],
                       (long long)groups);
    if (op_has(call, 2) && tensor_count(call->in[2]) != w->dim[0])
        return err_set(err, ERR_FORMAT, "a bias of %lld for %lld channels",
                       (long long)tensor_count(call->in[2]), (long long)w->dim[0]);
    return 0;
}

static int infer_conv(struct op_call *call, struct err *err)
{
    struct op_window w;
    int e = op_want_float(call, 0, err);
    // A bias may have more bits than what it is added to.
    if (e == 0 && call->in[1]->type != call->in[0]->type)
        e = err_set(err, ERR_UNSUPPORTED, "x is %s, the weights %s",
                    tensor_type_name(call->in[0]->type),
                    tensor_type_name(call->in[1]->type));
    if (e == 0)
        e = op_want_float(call, 2, err);
    if (e == 0)
        e = check_weights(call, err);
    if (e == 0)
        e = op_window_init(&w, call, call->in[0], call->in[1]->dim + 2, err);
    if (e != 0)
        return e;
    int64_t dim[TENSOR_RANK_MAX] = {call->in[0]->dim[0], call->in[1]->dim[0]};
    for (int i = 0; i < w.axes; i++)
        dim[i + 2] = w.out[OP_SPATIAL_MAX - w.axes + i];
    op_shape(call, 0, call->in[0]->type, w.axes + 2, dim);
    return 0;
}

/** The sum for one output position over one channel. */
static double sum_channel(const struct op_window *w, const double *x, const double *k,
                          const int64_t *at)
{
    double sum = 0;
    for (int64_t a = 0; a < w->kernel[0]; a++) {
        const int64_t z = at[0] * w->stride[0] + a * w->dilation[0] - w->begin[0];
        if (z < 0 || z >= w->in[0])
            continue;
        for (int64_t b = 0; b < w->kernel[1]; b++) {
            const int64_t y = at[1] * w->stride[1] + b * w->dilation[1] - w->begin[1];
            if (y < 0 || y >= w->in[1])
                continue;
            const double *row = x + (z * w->in[1] + y) * w->in[2];
            const double *taps = k + (a * w->kernel[1] + b) * w->kernel[2];
            for (int64_t c = 0; c < w->kernel[2]; c++) {
                const int64_t p = at[2] * w->stride[2] + c * w->dilation[2] - w->begin[2];
                if (p >= 0 && p < w->in[2])
                    sum += row[p] * taps[c];
            }
        }
    }
    return sum;
}

/** One output channel: bias and the sums of its group's channels. */
static void convolve(const struct op_window *w, const double *x, const double *k,
                     int64_t channels, double bias, double *y)
{
    const int64_t plane = w->in[0] * w->in[1] * w->in[2];
    const int64_t taps = w->kernel[0] * w->kernel[1] * w->kernel[2];
    int64_t at[OP_SPATIAL_MAX] = {0};
    do {
        double sum = bias;
        for (int64_t c = 0; c < channels; c++)
            sum += sum_channel(w, x + c * plane, k + c * taps, at);
        *y++ = sum;
    } while (op_next(w->out, OP_SPATIAL_MAX, at));
}

static int run_conv(struct op_call *call, struct err *err)
{
    const struct tensor *x = call->in[0], *k = call->in[1],
                        *b = op_has(call, 2) ? call->in[2] : NULL;
    struct op_window w;
    const int e = op_window_init(&w, call, x, k->dim + 2, err);
    if (e != 0 || tensor_count(call->out[0]) == 0)
        return e;

    const int64_t groups = node_int(call->node, "group", 1), channels = k->dim[1];
    const int64_t per_group = k->dim[0] / groups, in_count = tensor_span(x, 1, x->rank);
    const int64_t k_count = tensor_count(k),
                  out_plane = tensor_span(call->out[0], 2, x->rank);
    double *xs = malloc(sizeof(double) * (size_t)(in_count + k_count + out_plane + 1));
    if (!xs)
        return err_set(err, ERR_NOMEM, "doubles of a convolution");
    double *ks = xs + in_count, *ys = ks + k_count;
    tensor_load_f64(k, 0, k_count, ks);
    for (int64_t n = 0; n < x->dim[0]; n++) {
        tensor_load_f64(x, n * in_count, in_count, xs);
        for (int64_t o = 0; o < k->dim[0]; o++) {
            const double *group = xs + o / per_group * channels * (in_count / x->dim[1]);
            convolve(&w, group, ks + o * (k_count / k->dim[0]), channels,
                     b ? op_number(b, o) : 0, ys);
            tensor_store_f64(call->out[0], (n * k->dim[0] + o) * out_plane, out_plane,
                             ys);
        }
    }
    free(xs);
    return 0;
}

#define ATTRS " auto_pad dilations group kernel_shape pads strides "

const struct op op_conv_rows[] = {
    {"", "Conv", 1, 2, 3, 1, ATTRS, infer_conv, run_conv},
    {0},
};
