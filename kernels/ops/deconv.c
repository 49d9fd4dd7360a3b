/*
 * deconv: ConvTranspose over one to three spatial axes, with groups.
 *
 *     y[n, o, p*stride + k*dilation - pad] += w[c, o, k] * x[n, c, p],   y starts at b[o]
 *
 * x float [batch, channels, spatial...], w float [channels, out / groups, kernel...],
 * b float [out]. Sums are double. Source: ONNX operators, ConvTranspose-11.
 */
#include "kernels/ops/op_window.h"

#include "base/err.h"

#include <stdlib.h>
#include <string.h>

static int check_weights(const struct op_call *call, struct err *err)
{
    const struct tensor *x = call->in[0], *w = call->in[1];
    const int64_t groups = node_int(call->node, "group", 1);
    if (x->rank < 3 || x->rank > 2 + OP_SPATIAL_MAX || w->rank != x->rank)
        return err_set(err, ERR_FORMAT, "x has %d axes, the weights %d", x->rank,
                       w->rank);
    if (groups < 1 || w->dim[0] != x->dim[1] || w->dim[0] % groups != 0
        || w->dim[1] > INT32_MAX || groups > INT32_MAX)
        return err_set(err, ERR_FORMAT,
                       "%lld channels, weights of %lld x %lld, %lld groups",
                       (long long)x->dim[1], (long long)w->dim[0], (long long)w->dim[1],
                       (long long)groups);
    if (op_has(call, 2) && tensor_count(call->in[2]) != w->dim[1] * groups)
        return err_set(err, ERR_FORMAT, "a bias of %lld",
                       (long long)tensor_count(call->in[2]));
    return 0;
}

/** Padding and output extents; attributes as ONNX describes them. */
static int find_output(const struct op_call *call, struct op_window *w,
                       const int64_t *extra, struct err *err)
{
    bool same, lower, valid;
    int64_t want[OP_SPATIAL_MAX], pads[2 * OP_SPATIAL_MAX];
    int e = op_window_ints(call, "output_shape", w->axes, 0, 0, want, err);
    if (e == 0)
        e = op_window_ints(call, "pads", 2 * w->axes, 0, INT32_MIN, pads, err);
    if (e == 0)
        e = op_window_auto_pad(call, &same, &lower, &valid, err);
    for (int i = 0; e == 0 && i < w->axes; i++) {
        const int64_t full = (w->in[i] - 1) * w->stride[i] + extra[i]
                             + (w->kernel[i] - 1) * w->dilation[i] + 1;
        if (same && want[i] == 0)
            want[i] = w->in[i] * w->stride[i];
        w->begin[i] = pads[i];
        w->out[i] = full - pads[i] - pads[i + w->axes];
        if (valid) {
            w->begin[i] = 0;
            w->out[i] = full;
        }
        if (want[i] > 0) {
            const int64_t total = full > want[i] ? full - want[i] : 0;
            w->begin[i] = lower ? (total + 1) / 2 : total / 2;
            // Without auto_pad the larger half comes first.
            if (!same && !lower)
                w->begin[i] = total - total / 2;
            w->out[i] = want[i];
        }
        if (w->out[i] < 1)
            e = err_set(err, ERR_FORMAT, "axis %d would have %lld", i,
                        (long long)w->out[i]);
    }
    return e;
}

static void align(int64_t *v, int axes, int64_t fill)
{
    memmove(v + OP_SPATIAL_MAX - axes, v, sizeof(*v) * (size_t)axes);
    for (int i = 0; i < OP_SPATIAL_MAX - axes; i++)
        v[i] = fill;
}

static int init(struct op_window *w, const struct op_call *call, struct err *err)
{
    int64_t extra[OP_SPATIAL_MAX];
    const int64_t *kernel = call->in[1]->dim + 2;
    *w = (struct op_window){.axes = call->in[0]->rank - 2};
    int e = op_window_ints(call, "kernel_shape", w->axes, 0, 0, w->kernel, err);
    for (int i = 0; e == 0 && i < w->axes; i++) {
        w->in[i] = call->in[0]->dim[i + 2];
        if ((w->kernel[i] && w->kernel[i] != kernel[i]) || kernel[i] < 1
            || kernel[i] > INT32_MAX || w->in[i] < 1 || w->in[i] > INT32_MAX)
            e = err_set(err, ERR_FORMAT, "kernel_shape is not that of the weights");
        w->kernel[i] = kernel[i];
    }
    if (e == 0)
        e = op_window_ints(call, "strides", w->axes, 1, 1, w->stride, err);
    if (e == 0)
        e = op_window_ints(call, "dilations", w->axes, 1, 1, w->dilation, err);
    if (e == 0)
        e = op_window_ints(call, "output_padding", w->axes, 0, 0, extra, err);
    if (e == 0)
        e = find_output(call, w, extra, err);
    if (e != 0)
        return e;
    align(w->in, w->axes, 1);
    align(w->out, w->axes, 1);
    align(w->kernel, w->axes, 1);
    align(w->stride, w->axes, 1);
    align(w->dilation, w->axes, 1);
    align(w->begin, w->axes, 0);
    return 0;
}

static int infer_deconv(struct op_call *call, struct err *err)
{
    struct op_window w;
    const struct tensor *x = call->in[0];
    int e = op_want_float(call, 0, err);
    if (e == 0)
        e = op_want_same(call, 0, err);
    if (e == 0)
        e = check_weights(call, err);
    if (e == 0)
        e = init(&w, call, err);
    if (e != 0)
        return e;
    int64_t dim[TENSOR_RANK_MAX] = {x->dim[0], call->in[1]->dim[1]
                                                   * node_int(call->node, "group", 1)};
    for (int i = 0; i < w.axes; i++)
        dim[i + 2] = w.out[OP_SPATIAL_MAX - w.axes + i];
    op_shape(call, 0, x->type, x->rank, dim);
    return 0;
}

/** Add what one channel of x gives to one channel of y. */
static void spread(const struct op_window *w, const double *x, const double *taps,
                   double *y)
{
    int64_t at[OP_SPATIAL_MAX] = {0};
    do {
        const double v = *x++;
        int64_t k[OP_SPATIAL_MAX] = {0};
        const double *tap = taps;
        do {
            int64_t to = 0;
            bool inside = true;
            for (int i = 0; i < OP_SPATIAL_MAX; i++) {
                const int64_t p =
                    at[i] * w->stride[i] + k[i] * w->dilation[i] - w->begin[i];
                inside = inside && p >= 0 && p < w->out[i];
                to = to * w->out[i] + p;
            }
            if (inside)
                y[to] += v * *tap;
            tap++;
        } while (op_next(w->kernel, OP_SPATIAL_MAX, k));
    } while (op_next(w->in, OP_SPATIAL_MAX, at));
}

static int run_deconv(struct op_call *call, struct err *err)
{
    struct op_window w;
    const struct tensor *x = call->in[0], *k = call->in[1], *out = call->out[0];
    const int e = init(&w, call, err);
    if (e != 0 || tensor_count(out) == 0)
        return e;
    const int64_t groups = node_int(call->node, "group", 1), per = k->dim[0] / groups;
    const int64_t in_plane = tensor_span(x, 2, x->rank),
                  out_plane = tensor_span(out, 2, x->rank);
    const int64_t taps = tensor_span(k, 2, k->rank), in_count = x->dim[1] * in_plane;
    double *xs =
        malloc(sizeof(double) * (size_t)(in_count + tensor_count(k) + out_plane + 1));
    if (!xs)
        return err_set(err, ERR_NOMEM, "doubles of a deconvolution");
    double *ks = xs + in_count, *ys = ks + tensor_count(k);
    tensor_load_f64(k, 0, tensor_count(k), ks);
    for (int64_t n = 0; n < x->dim[0]; n++) {
        tensor_load_f64(x, n * in_count, in_count, xs);
        for (int64_t o = 0; o < out->dim[1]; o++) {
            const int64_t group = o / k->dim[1], oc = o % k->dim[1];
            const double bias = op_has(call, 2) ? op_number(call->in[2], o) : 0;
            for (int64_t i = 0; i < out_plane; i++)
                ys[i] = bias;
            for (int64_t c = group * per; c < (group + 1) * per; c++)
                spread(&w, xs + c * in_plane, ks + (c * k->dim[1] + oc) * taps, ys);
            tensor_store_f64(call->out[0], (n * out->dim[1] + o) * out_plane, out_plane,
                             ys);
        }
    }
    free(xs);
    return 0;
}

#define ATTRS \
    " auto_pad dilations group kernel_shape output_padding output_shape pads strides "

const struct op op_deconv_rows[] = {
    {"", "ConvTranspose", 1, 2, 3, 1, ATTRS, infer_deconv, run_deconv},
    {0},
};
