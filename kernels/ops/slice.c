/* slice: Slice and Pad, which pick from a grid that begins elsewhere. */
#include "kernels/ops/op.h"

#include "base/err.h"

#include <string.h>

struct slices {
    int64_t start[TENSOR_RANK_MAX], step[TENSOR_RANK_MAX], count[TENSOR_RANK_MAX];
};

/** One axis as numpy slices it. */
static void slice_axis(struct slices *s, int axis, int64_t n, int64_t start, int64_t end,
                       int64_t step)
{
    start = start < 0 && start >= -n ? start + n : start;
    end = end < 0 && end >= -n ? end + n : end;
    const int64_t lo = step > 0 ? 0 : -1, hi = step > 0 ? n : n - 1;
    start = start < 0 ? lo : start > hi ? hi : start;
    if (step < 0 && start < 0)
        start = -1;
    end = end < lo ? lo : end > hi ? hi : end;
    if (step < 0 && end > n - 1)
        end = n - 1;
    const int64_t room = step > 0 ? end - start : start - end;
    const int64_t size = step > 0 ? step : -(step + 1) + 1;
    s->start[axis] = start;
    s->step[axis] = step;
    s->count[axis] = room > 0 ? (room - 1) / size + 1 : 0;
}

static int read_slices(const struct op_call *call, struct op_ints *starts,
                       struct op_ints *ends, struct op_ints *axes, struct op_ints *steps,
                       struct err *err)
{
    int e = op_ints_by_opset(call, "starts", 10, 1, starts, err);
    if (e == 0)
        e = op_ints_by_opset(call, "ends", 10, 2, ends, err);
    if (e == 0)
        e = op_ints_by_opset(call, "axes", 10, 3, axes, err);
    steps->count = 0;
    if (e == 0 && call->node->opset >= 10)
        e = op_input_ints(call, 4, steps, err);
    if (e != 0)
        return e;
    if (ends->count != starts->count || (axes->count && axes->count != starts->count)
        || (steps->count && steps->count != starts->count))
        return err_set(err, ERR_FORMAT, "starts, ends, axes and steps differ in number");
    return 0;
}

static int find_slices(const struct op_call *call, struct slices *s, struct err *err)
{
    struct op_ints starts, ends, axes, steps;
    const struct tensor *x = call->in[0];
    const int e = read_slices(call, &starts, &ends, &axes, &steps, err);
    if (e != 0)
        return e;
    for (int i = 0; i < x->rank; i++)
        slice_axis(s, i, x->dim[i], 0, x->dim[i], 1);
    for (size_t k = 0; k < starts.count; k++) {
        int axis;
        const int bad =
            op_axis(axes.count ? axes.item[k] : (int64_t)k, x->rank, &axis, err);
        const int64_t step = steps.count ? steps.item[k] : 1;
        if (bad != 0)
            return bad;
        if (step == 0 || step == INT64_MIN)
            return err_set(err, ERR_FORMAT, "a step of %lld", (long long)step);
        slice_axis(s, axis, x->dim[axis], starts.item[k], ends.item[k], step);
    }
    return 0;
}

static int infer_slice(struct op_call *call, struct err *err)
{
    struct slices s;
    const int e = find_slices(call, &s, err);
    if (e == 0)
        op_shape(call, 0, call->in[0]->type, call->in[0]->rank, s.count);
    return e;
}

static int run_slice(struct op_call *call, struct err *err)
{
    struct slices s;
    const struct tensor *x = call->in[0];
    const int e = find_slices(call, &s, err);
    if (e != 0 || tensor_count(call->out[0]) == 0)
        return e;
    const size_t size = tensor_type_size(x->type);
    int64_t at[TENSOR_RANK_MAX] = {0};
    char *to = call->out[0]->data;
    do {
        int64_t from = 0;
        for (int i = 0; i < x->rank; i++)
            from = from * x->dim[i] + s.start[i] + at[i] * s.step[i];
        memcpy(to, (const char *)x->data + (size_t)from * size, size);
        to += size;
    } while (op_next(call->out[0]->dim, x->rank, at));
    return 0;
}

/* Pad */

enum { CONSTANT, REFLECT, EDGE, WRAP };

static int pad_mode(const struct op_call *call, int *ret, struct err *err)
{
    static const char *const MODES[] = {"constant", "reflect", "edge", "wrap"};
    const char *mode = node_string(call->node, "mode", "constant");
    for (int i = 0; i < 4; i++) {
        if (strcmp(mode, MODES[i]) == 0) {
            *ret = i;
            return 0;
        }
    }
    return err_set(err, ERR_UNSUPPORTED, "mode '%.20s'", mode);
}

static int find_pads(const struct op_call *call, int64_t *begin, int64_t *end,
                     struct err *err)
{
    struct op_ints pads, axes = {0};
    const int rank = call->in[0]->rank;
    const char *name = call->node->opset < 2 ? "paddings" : "pads";
    int e = op_ints_by_opset(call, name, 11, 1, &pads, err);
    if (e == 0 && call->node->opset >= 18)
        e = op_input_ints(call, 3, &axes, err);
    if (e != 0)
        return e;
    const size_t n = axes.count ? axes.count : (size_t)rank;
    if (pads.count != 2 * n)
        return err_set(err, ERR_FORMAT, "%zu pads for %zu axes", pads.count, n);
    memset(begin, 0, sizeof(*begin) * TENSOR_RANK_MAX);
    memset(end, 0, sizeof(*end) * TENSOR_RANK_MAX);
    for (size_t i = 0; i < n; i++) {
        int axis;
        const int bad = op_axis(axes.count ? axes.item[i] : (int64_t)i, rank, &axis, err);
        if (bad != 0)
            return bad;
        begin[axis] = pads.item[i];
        end[axis] = pads.item[i + n];
        if (begin[axis] < INT32_MIN || begin[axis] > INT32_MAX || end[axis] < INT32_MIN
            || end[axis] > INT32_MAX)
            return err_set(err, ERR_LIMIT, "pads of axis %d", axis);
    }
    return 0;
}

static int infer_pad(struct op_call *call, struct err *err)
{
    int mode = CONSTANT;
    int64_t begin[TENSOR_RANK_MAX], end[TENSOR_RANK_MAX], dim[TENSOR_RANK_MAX];
    const struct tensor *x = call->in[0];
    int e = find_pads(call, begin, end, err);
    if (e == 0)
        e = pad_mode(call, &mode, err);
    if (e == 0 && op_has(call, 2)
        && (tensor_count(call->in[2]) != 1 || call->in[2]->type != x->type))
        e = err_set(err, ERR_FORMAT, "the value is not one number of x's type");
    for (int i = 0; e == 0 && i < x->rank; i++) {
        dim[i] = x->dim[i] + begin[i] + end[i];
        if (dim[i] < 0 || (mode != CONSTANT && x->dim[i] == 0 && dim[i] > 0))
            e = err_set(err, ERR_FORMAT, "axis %d would have %lld", i, (long long)dim[i]);
        if (mode == REFLECT && (begin[i] >= x->dim[i] || end[i] >= x->dim[i])
            && (begin[i] > 0 || end[i] > 0))
            e = err_set(err, ERR_FORMAT, "axis %d is too short to reflect", i);
    }
    if (e == 0)
        op_shape(call, 0, x->type, x->rank, dim);
    return e;
}

/** Where position p of an axis of n comes from; -1: from outside. */
static int64_t source_of(int mode, int64_t p, int64_t n)
{
    if (p >= 0 && p < n)
        return p;
    switch (mode) {
    case EDGE:
        return p < 0 ? 0 : n - 1;
    case REFLECT:
        return n == 1 ? 0 : p < 0 ? -p : 2 * (n - 1) - p;
    case WRAP:
        return (p % n + n) % n;
    default:
        return -1;
    }
}

static int run_pad(struct op_call *call, struct err *err)
{
    int mode = CONSTANT;
    int64_t begin[TENSOR_RANK_MAX], end[TENSOR_RANK_MAX], at[TENSOR_RANK_MAX] = {0};
    const struct tensor *x = call->in[0];
    int e = find_pads(call, begin, end, err);
    if (e == 0)
        e = pad_mode(call, &mode, err);
    if (e != 0 || tensor_count(call->out[0]) == 0)
        return e;
    const size_t size = tensor_type_size(x->type);
    const double value = op_has(call, 2) ? 0 : (double)node_float(call->node, "value", 0);
    int64_t to = 0;
    do {
        int64_t from = 0;
        for (int i = 0; i < x->rank && from >= 0; i++) {
            const int64_t p = source_of(mode, at[i] - begin[i], x->dim[i]);
            from = p < 0 ? -1 : from * x->dim[i] + p;
        }
        char *place = (char *)call->out[0]->data + (size_t)to * size;
        if (from >= 0)
            memcpy(place, (const char *)x->data + (size_t)from * size, size);
        else if (op_has(call, 2))
            memcpy(place, call->in[2]->data, size);
        else
            tensor_store_f64(call->out[0], to, 1, &value);
        to++;
    } while (op_next(call->out[0]->dim, x->rank, at));
    return 0;
}

const struct op op_slice_rows[] = {
    {"", "Slice", 1, 1, 1, 1, " starts ends axes ", infer_slice, run_slice},
    {"", "Slice", 10, 3, 5, 1, "", infer_slice, run_slice},
    {"", "Pad", 1, 1, 1, 1, " paddings mode value ", infer_pad, run_pad},
    {"", "Pad", 2, 1, 1, 1, " pads mode value ", infer_pad, run_pad},
    {"", "Pad", 11, 2, 4, 1, " mode ", infer_pad, run_pad},
    {0},
};
