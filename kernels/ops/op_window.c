#include "kernels/ops/op_window.h"

#include "base/err.h"

#include <string.h>

int op_window_ints(const struct op_call *call, const char *name, int axes, int64_t fill,
                   int64_t lo, int64_t *ret, struct err *err)
{
    struct op_ints ints;
    const int e = op_attr_ints(call, name, &ints, err);
    if (e != 0)
        return e;
    if (ints.count != 0 && ints.count != (size_t)axes)
        return err_set(err, ERR_FORMAT, "%s has %zu numbers for %d axes", name,
                       ints.count, axes);
    for (int i = 0; i < axes; i++) {
        ret[i] = ints.count ? ints.item[i] : fill;
        if (ret[i] < lo || ret[i] > INT32_MAX)
            return err_set(err, ERR_FORMAT, "%s is %lld", name, (long long)ret[i]);
    }
    return 0;
}

int op_window_auto_pad(const struct op_call *call, bool *same, bool *lower, bool *valid,
                       struct err *err)
{
    const char *mode = node_string(call->node, "auto_pad", "NOTSET");
    *lower = strcmp(mode, "SAME_LOWER") == 0;
    *same = *lower || strcmp(mode, "SAME_UPPER") == 0;
    *valid = strcmp(mode, "VALID") == 0;
    if (!*same && !*valid && strcmp(mode, "NOTSET") != 0 && *mode)
        return err_set(err, ERR_UNSUPPORTED, "auto_pad '%.20s'", mode);
    return 0;
}

/** Put the axes at the end of the three. */
static void align(int64_t *v, int axes, int64_t fill)
{
    int64_t out[OP_SPATIAL_MAX];
    for (int i = 0; i < OP_SPATIAL_MAX; i++) {
        const int from = i - (OP_SPATIAL_MAX - axes);
        out[i] = from >= 0 ? v[from] : fill;
    }
    memcpy(v, out, sizeof(out));
}

static int read_pads(struct op_window *w, const struct op_call *call, struct err *err)
{
    int64_t pads[2 * OP_SPATIAL_MAX];
    bool same, lower, valid;
    int e = op_window_ints(call, "pads", 2 * w->axes, 0, INT32_MIN, pads, err);
    if (e == 0)
        e = op_window_auto_pad(call, &same, &lower, &valid, err);
    if (e != 0)
        return e;
    for (int i = 0; i < w->axes; i++) {
        w->begin[i] = same || valid ? 0 : pads[i];
        w->end[i] = same || valid ? 0 : pads[i + w->axes];
        if (!same)
            continue;
        const int64_t out = (w->in[i] + w->stride[i] - 1) / w->stride[i];
        const int64_t extent = (w->kernel[i] - 1) * w->dilation[i] + 1;
        const int64_t pad = (out - 1) * w->stride[i] + extent - w->in[i];
        if (pad <= 0)
            continue;
        w->begin[i] = lower ? (pad + 1) / 2 : pad / 2;
        w->end[i] = pad - w->begin[i];
    }
    return 0;
}

static int find_extents(struct op_window *w, struct err *err)
{
    for (int i = 0; i < w->axes; i++) {
        const int64_t extent = (w->kernel[i] - 1) * w->dilation[i] + 1;
        const int64_t room = w->in[i] + w->begin[i] + w->end[i] - extent;
        if (room < 0)
            return err_set(err, ERR_FORMAT, "a kernel of %lld on %lld", (long long)extent,
                           (long long)(room + extent));
        w->out[i] =
            (w->ceil ? (room + w->stride[i] - 1) / w->stride[i] : room / w->stride[i])
            + 1;
        // With ceil_mode the last window still begins inside the input or its left padding.
        if (w->ceil && (w->out[i] - 1) * w->stride[i] >= w->in[i] + w->begin[i])
            w->out[i]--;
    }
    return 0;
}

int op_window_init(struct op_window *w, const struct op_call *call,
                   const struct tensor *x, const int64_t *kernel, struct err *err)
{
    *w = (struct op_window){.axes = x->rank - 2};
    if (w->axes < 1 || w->axes > OP_SPATIAL_MAX)
        return err_set(err, ERR_UNSUPPORTED, "%d spatial axes", w->axes);
    for (int i = 0; i < w->axes; i++)
        w->in[i] = x->dim[i + 2];
    int e = op_window_ints(call, "kernel_shape", w->axes, 0, 0, w->kernel, err);
    for (int i = 0; e == 0 && i < w->axes; i++) {
        if (kernel && w->kernel[i] == 0)
            w->kernel[i] = kernel[i];
        if (w->kernel[i] < 1 || (kernel && w->kernel[i] != kernel[i]))
            e = err_set(err, ERR_FORMAT, "kernel_shape is not that of the weights");
    }
    w->ceil = node_int(call->node, "ceil_mode", 0);
    if (e == 0)
        e = op_window_ints(call, "strides", w->axes, 1, 1, w->stride, err);
    if (e == 0)
        e = op_window_ints(call, "dilations", w->axes, 1, 1, w->dilation, err);
    if (e == 0)
        e = read_pads(w, call, err);
    if (e == 0)
        e = find_extents(w, err);
    if (e != 0)
        return e;
    align(w->in, w->axes, 1);
    align(w->out, w->axes, 1);
    align(w->kernel, w->axes, 1);
    align(w->stride, w->axes, 1);
    align(w->dilation, w->axes, 1);
    align(w->begin, w->axes, 0);
    align(w->end, w->axes, 0);
    return 0;
}
