/*
 * resize: Resize and Upsample: nearest, linear and cubic interpolation, axis by axis.
 *
 * Each axis is resampled by itself with a list of sources and weights for every position,
 * which is what n-linear and n-cubic interpolation are products of. Source: ONNX operators,
 * Resize-10 to Resize-19; Keys, IEEE TASSP 29:1153 (1981), for the cubic kernel.
 */
#include "kernels/ops/resize.h"

#include "base/err.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct resize {
    double scale[TENSOR_RANK_MAX];
    int64_t out[TENSOR_RANK_MAX];
    double roi[2 * TENSOR_RANK_MAX];
    const char *mode, *transform, *nearest;
    double a, extrapolation;
    bool antialias, exclude_outside, crop;
};

static int read_floats(const struct op_call *call, size_t i, size_t want, double *ret,
                       struct err *err)
{
    const struct tensor *t = call->in[i];
    if (!t->data)
        return OP_LATER;
    if (tensor_count(t) != (int64_t)want)
        return err_set(err, ERR_FORMAT, "input %zu has %lld numbers, not %zu", i,
                       (long long)tensor_count(t), want);
    tensor_load_f64(t, 0, (int64_t)want, ret);
    return 0;
}

static bool is_given(const struct op_call *call, size_t i)
{
    return op_has(call, i) && tensor_count(call->in[i]) > 0;
}

/** The axes that scales, sizes and roi speak of. */
static int resized_axes(const struct op_call *call, int *axes, int *count,
                        struct err *err)
{
    struct op_ints given;
    const int rank = call->in[0]->rank;
    const int e = op_attr_ints(call, "axes", &given, err);
    if (e != 0)
        return e;
    *count = given.count ? (int)given.count : rank;
    if (*count > rank)
        return err_set(err, ERR_FORMAT, "more axes than x has");
    for (int i = 0; i < *count; i++) {
        const int bad = op_axis(given.count ? given.item[i] : i, rank, &axes[i], err);
        if (bad != 0)
            return bad;
    }
    return 0;
}

/** Sizes with keep_aspect_ratio_policy: one scale for all axes. */
static int fit_sizes(const struct op_call *call, const struct op_ints *sizes,
                     const int *axes, struct resize *r, struct err *err)
{
    const char *policy = node_string(call->node, "keep_aspect_ratio_policy", "stretch");
    const bool larger = strcmp(policy, "not_smaller") == 0;
    const bool stretch = strcmp(policy, "stretch") == 0;
    if (!larger && !stretch && strcmp(policy, "not_larger") != 0)
        return err_set(err, ERR_UNSUPPORTED, "policy '%.20s'", policy);
    double common = larger ? 0 : HUGE_VAL;
    for (size_t i = 0; i < sizes->count; i++) {
        const double n = (double)call->in[0]->dim[axes[i]];
        const double scale = (double)sizes->item[i] / n;
        if (sizes->item[i] < 0 || n == 0)
            return err_set(err, ERR_FORMAT, "a size of %lld", (long long)sizes->item[i]);
        common = larger ? fmax(common, scale) : fmin(common, scale);
        r->scale[axes[i]] = scale;
        r->out[axes[i]] = sizes->item[i];
    }
    for (size_t i = 0; i < sizes->count && !stretch; i++) {
        r->scale[axes[i]] = common;
        r->out[axes[i]] =
            (int64_t)floor(common * (double)call->in[0]->dim[axes[i]] + 0.5);
    }
    return 0;
}

static int use_scales(const struct op_call *call, const double *scales, const int *axes,
                      int count, struct resize *r, struct err *err)
{
    for (int i = 0; i < count; i++) {
        const double n = (double)call->in[0]->dim[axes[i]];
        const double extent =
            r->crop ? r->roi[axes[i] + call->in[0]->rank] - r->roi[axes[i]] : 1;
        const double out = floor(n * extent * scales[i]);
        if (!(scales[i] > 0) || !(out >= 0) || out > 0x1p40)
            return err_set(err, ERR_FORMAT, "a scale of %g", scales[i]);
        r->scale[axes[i]] = scales[i];
        r->out[axes[i]] = (int64_t)out;
    }
    return 0;
}

static int read_modes(const struct op_call *call, struct resize *r, struct err *err)
{
    static const char *const TRANSFORMS[] = {
        "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners",
        "asymmetric", "tf_half_pixel_for_nn", "tf_crop_and_resize"};
    const struct node *node = call->node;
    const bool old = node->opset < 11 || strcmp(node->op->name, "Upsample") == 0;
    r->mode = node_string(node, "mode", "nearest");
    r->transform = node_string(node, "coordinate_transformation_mode",
                               old ? "asymmetric" : "half_pixel");
    r->nearest = node_string(node, "nearest_mode", old ? "floor" : "round_prefer_floor");
    r->a = (double)node_float(node, "cubic_coeff_a", -0.75f);
    r->extrapolation = (double)node_float(node, "extrapolation_value", 0);
    r->exclude_outside = node_int(node, "exclude_outside", 0);
    r->antialias = node_int(node, "antialias", 0);
    r->crop = strcmp(r->transform, "tf_crop_and_resize") == 0;
    bool known = false;
    for (size_t i = 0; i < sizeof(TRANSFORMS) / sizeof(TRANSFORMS[0]); i++)
        known = known || strcmp(r->transform, TRANSFORMS[i]) == 0;
    if (!known)
        return err_set(err, ERR_UNSUPPORTED, "transformation '%.30s'", r->transform);
    if (strcmp(r->mode, "bilinear") == 0 || strcmp(r->mode, "trilinear") == 0)
        r->mode = "linear";
    if (strcmp(r->mode, "nearest") != 0 && strcmp(r->mode, "linear") != 0
        && strcmp(r->mode, "cubic") != 0)
        return err_set(err, ERR_UNSUPPORTED, "mode '%.20s'", r->mode);
    return 0;
}

static int read_roi(const struct op_call *call, const int *axes, int count,
                    struct resize *r, struct err *err)
{
    double roi[2 * TENSOR_RANK_MAX];
    const int rank = call->in[0]->rank;
    for (int i = 0; i < rank; i++) {
        r->roi[i] = 0;
        r->roi[i + rank] = 1;
    }
    if (!r->crop || !op_has(call, 1))
        return 0;
    const int e = read_floats(call, 1, 2 * (size_t)count, roi, err);
    for (int i = 0; e == 0 && i < count; i++) {
        r->roi[axes[i]] = roi[i];
        r->roi[axes[i] + rank] = roi[i + count];
    }
    return e;
}

static int init(struct resize *r, const struct op_call *call, struct err *err)
{
    int axes[TENSOR_RANK_MAX], count = 0;
    double scales[64];
    const int rank = call->in[0]->rank;
    const bool old =
        call->node->opset < 11 || strcmp(call->node->op->name, "Upsample") == 0;
    int e = read_modes(call, r, err);
    if (e == 0)
        e = resized_axes(call, axes, &count, err);
    if (e == 0 && !old)
        e = read_roi(call, axes, count, r, err);
    if (e != 0)
        return e;
    for (int i = 0; i < rank; i++) {
        r->scale[i] = 1;
        r->out[i] = call->in[0]->dim[i];
    }
    if (!old && is_given(call, 3)) {
        struct op_ints sizes;
        e = op_input_ints(call, 3, &sizes, err);
        if (e == 0 && sizes.count != (size_t)count)
            e = err_set(err, ERR_FORMAT, "%zu sizes for %d axes", sizes.count, count);
        return e != 0 ? e : fit_sizes(call, &sizes, axes, r, err);
    }
    const struct attr *attr = node_attr(call->node, "scales");
    if (attr && attr->type == ATTR_FLOATS && attr->count == (size_t)count) { // Upsample-7
        for (int i = 0; i < count; i++)
            scales[i] = (double)attr->floats[i];
    } else if (op_has(call, old ? 1 : 2)) {
        e = read_floats(call, old ? 1 : 2, (size_t)count, scales, err);
    } else {
        e = err_set(err, ERR_FORMAT, "neither scales nor sizes");
    }
    return e != 0 ? e : use_scales(call, scales, axes, count, r, err);
}

static int infer_resize(struct op_call *call, struct err *err)
{
    struct resize r;
    const int e = init(&r, call, err);
    if (e == 0)
        op_shape(call, 0, call->in[0]->type, call->in[0]->rank, r.out);
    return e;
}

/** The place in the input of position i of an output axis. */
static double source_at(const struct resize *r, int axis, int rank, int64_t n, int64_t i)
{
    const double scale = r->scale[axis], x = (double)i, out = (double)r->out[axis];
    const double in = (double)n;
    if (strcmp(r->transform, "asymmetric") == 0)
        return x / scale;
    if (strcmp(r->transform, "align_corners") == 0) // the size before it was rounded
        return out > 1 ? x * (in - 1) / (in * scale - 1) : 0;
    if (strcmp(r->transform, "pytorch_half_pixel") == 0)
        return out > 1 ? (x + 0.5) / scale - 0.5 : 0;
    if (strcmp(r->transform, "tf_half_pixel_for_nn") == 0)
        return (x + 0.5) / scale;
    if (strcmp(r->transform, "half_pixel_symmetric") == 0) {
        const double adjust = out / (scale * in); // what rounding of the size took
        return in / 2 * (1 - adjust) + (x + 0.5) / scale - 0.5;
    }
    if (r->crop) {
        const double start = r->roi[axis], end = r->roi[axis + rank];
        return out > 1 ? start * (in - 1) + x * (end - start) * (in - 1) / (out - 1)
                       : 0.5 * (start + end) * (in - 1);
    }
    return (x + 0.5) / scale - 0.5;
}

static double round_nearest(const char *mode, double x)
{
    if (strcmp(mode, "floor") == 0)
        return floor(x);
    if (strcmp(mode, "ceil") == 0)
        return ceil(x);
    if (strcmp(mode, "round_prefer_ceil") == 0)
        return floor(x + 0.5);
    return ceil(x - 0.5);
}

static double kernel_at(const struct resize *r, double d)
{
    const double x = fabs(d), a = r->a;
    if (*r->mode == 'l')
        return x < 1 ? 1 - x : 0;
    if (x <= 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

/** Weighted sum of the lane (stride inner) around the source of position i. */
static double sample(const struct resize *r, int axis, int rank, const double *lane,
                     int64_t n, int64_t inner, int64_t i)
{
    const double at = source_at(r, axis, rank, n, i);
    if (r->crop && (at < 0 || at > (double)(n - 1)))
        return nan(""); // taken as extrapolated by the caller
    if (*r->mode == 'n') {
        const double k = round_nearest(r->nearest, at);
        const int64_t p = k < 0 ? 0 : k > (double)(n - 1) ? n - 1 : (int64_t)k;
        return lane[p * inner];
    }
    const double shrink = r->antialias && r->scale[axis] < 1 ? r->scale[axis] : 1;
    const double reach = (*r->mode == 'l' ? 1 : 2) / shrink;
    double sum = 0, weights = 0;
    for (double k = ceil(at - reach); k <= floor(at + reach); k++) {
        const bool outside = k < 0 || k > (double)(n - 1);
        const double w = kernel_at(r, (k - at) * shrink);
        if (w == 0 || (outside && r->exclude_outside))
            continue;
        const int64_t p = k < 0 ? 0 : outside ? n - 1 : (int64_t)k;
        sum += w * lane[p * inner];
        weights += w;
    }
    return sum / weights;
}

/** Resample one axis of x, whose shape is *shape, into y; *shape becomes y's. */
static void resample_axis(const struct resize *r, int axis, struct tensor *shape,
                          const double *x, double *y)
{
    const int64_t n = shape->dim[axis], m = r->out[axis];
    const int64_t inner = tensor_span(shape, axis + 1, shape->rank);
    for (int64_t o = 0; o < tensor_span(shape, 0, axis); o++) {
        for (int64_t i = 0; i < m; i++) {
            for (int64_t k = 0; k < inner; k++)
                y[(o * m + i) * inner + k] =
                    sample(r, axis, shape->rank, x + o * n * inner + k, n, inner, i);
        }
    }
    shape->dim[axis] = m;
}

static int run_resize(struct op_call *call, struct err *err)
{
    struct resize r;
    struct tensor shape = *call->in[0];
    const int e = init(&r, call, err);
    if (e != 0 || tensor_count(call->out[0]) == 0)
        return e;
    int64_t most = 1; // numbers at any time: axes that grow before others shrink
    for (int i = 0; i < shape.rank; i++) {
        const int64_t n = shape.dim[i] > r.out[i] ? shape.dim[i] : r.out[i];
        if (__builtin_mul_overflow(most, n, &most) || most > (int64_t)1 << 36)
            return err_set(err, ERR_LIMIT, "an image in between that is too large");
    }
    double *x = malloc(sizeof(double) * 2 * (size_t)most);
    if (!x)
        return err_set(err, ERR_NOMEM, "doubles of an image");
    double *y = x + most, *start = x;
    tensor_load_f64(call->in[0], 0, tensor_count(call->in[0]), x);
    for (int i = 0; i < shape.rank; i++) {
        if (r.scale[i] == 1 && r.out[i] == shape.dim[i] && !r.crop)
            continue;
        resample_axis(&r, i, &shape, x, y);
        double *swap = x;
        x = y;
        y = swap;
    }
    for (int64_t i = 0; r.crop && i < tensor_count(&shape); i++)
        x[i] = isnan(x[i]) ? r.extrapolation : x[i];
    tensor_store_f64(call->out[0], 0, tensor_count(&shape), x);
    free(start);
    return 0;
}

bool resize_is_nearest(const struct node *node)
{
    return strcmp(node_string(node, "mode", "nearest"), "nearest") == 0;
}

bool resize_find_taps(const struct op_call *call, int axis, struct resize_tap *ret)
{
    struct resize r;
    struct err err;
    if (init(&r, call, &err) != 0 || r.crop || *r.mode == 'c'
        || (*r.mode == 'l' && (r.exclude_outside || (r.antialias && r.scale[axis] < 1))))
        return false;
    const int64_t n = call->in[0]->dim[axis];
    for (int64_t i = 0; i < r.out[axis]; i++) {
        const double at = source_at(&r, axis, call->in[0]->rank, n, i);
        const double first = *r.mode == 'n' ? round_nearest(r.nearest, at) : floor(at);
        for (int k = 0; k < 2; k++) {
            const double p = first + k, last = (double)(n - 1);
            ret[i].at[k] = p < 0 ? 0 : p > last ? n - 1 : (int64_t)p;
        }
        ret[i].weight[1] = *r.mode == 'n' ? 0 : at - first;
        ret[i].weight[0] = 1 - ret[i].weight[1];
    }
    return true;
}

#define ATTRS                                                          \
    " mode coordinate_transformation_mode nearest_mode cubic_coeff_a " \
    "exclude_outside extrapolation_value antialias axes keep_aspect_ratio_policy "

const struct op op_resize_rows[] = {
    {"", "Upsample", 7, 1, 1, 1, " mode scales ", infer_resize, run_resize},
    {"", "Upsample", 9, 2, 2, 1, " mode ", infer_resize, run_resize},
    {"", "Resize", 10, 2, 2, 1, " mode ", infer_resize, run_resize},
    {"", "Resize", 11, 1, 4, 1, ATTRS, infer_resize, run_resize},
    {0},
};
