/* reshape: operators that give the same numbers another shape. */
#include "kernels/ops/op.h"

#include "base/err.h"

#include <string.h>

static int run_copy(struct op_call *call, struct err *err)
{
    (void)err;
    const size_t bytes = tensor_bytes(call->out[0]);
    // A planner may have put both in one place.
    if (bytes > 0 && call->out[0]->data != call->in[0]->data)
        memcpy(call->out[0]->data, call->in[0]->data, bytes);
    return 0;
}

/** The axis of -1 takes what the others leave. */
static int fill_rest(struct tensor *shape, int rest, int64_t count, struct err *err)
{
    int64_t product = 1;
    for (int i = 0; i < shape->rank; i++) {
        if (i == rest)
            continue;
        if (shape->dim[i] < 0 || __builtin_mul_overflow(product, shape->dim[i], &product))
            return err_set(err, ERR_FORMAT, "axis %d is %lld", i,
                           (long long)shape->dim[i]);
    }
    if (rest >= 0) {
        if (product == 0 || count % product != 0)
            return err_set(err, ERR_FORMAT, "%lld numbers do not divide by %lld",
                           (long long)count, (long long)product);
        shape->dim[rest] = count / product;
    } else if (product != count) {
        return err_set(err, ERR_FORMAT, "%lld numbers do not fill %lld", (long long)count,
                       (long long)product);
    }
    return 0;
}

static int infer_reshape(struct op_call *call, struct err *err)
{
    struct op_ints want;
    int e = op_ints_by_opset(call, "shape", 5, 1, &want, err), rest = -1;
    if (e != 0)
        return e;
    if (want.count > TENSOR_RANK_MAX)
        return err_set(err, ERR_UNSUPPORTED, "%zu axes", want.count);

    struct tensor shape = {.rank = (int)want.count};
    const bool zero_is_zero = node_int(call->node, "allowzero", 0);
    for (int i = 0; i < shape.rank; i++) {
        shape.dim[i] = want.item[i];
        if (want.item[i] == 0 && !zero_is_zero) {
            if (i >= call->in[0]->rank)
                return err_set(err, ERR_FORMAT, "axis %d has nothing to copy", i);
            shape.dim[i] = call->in[0]->dim[i];
        }
        if (want.item[i] == -1 && rest >= 0)
            return err_set(err, ERR_FORMAT, "two axes of -1");
        if (want.item[i] == -1)
            rest = i;
    }
    e = fill_rest(&shape, rest, tensor_count(call->in[0]), err);
    if (e == 0)
        op_shape(call, 0, call->in[0]->type, shape.rank, shape.dim);
    return e;
}

static int infer_flatten(struct op_call *call, struct err *err)
{
    const struct tensor *in = call->in[0];
    int64_t axis = node_int(call->node, "axis", 1);
    if (axis < -in->rank || axis > in->rank)
        return err_set(err, ERR_FORMAT, "axis %lld of %d", (long long)axis, in->rank);
    axis += axis < 0 ? in->rank : 0;
    const int64_t dim[2] = {tensor_span(in, 0, (int)axis),
                            tensor_span(in, (int)axis, in->rank)};
    op_shape(call, 0, in->type, 2, dim);
    return 0;
}

/** Mark the axes of a shape of rank axes. */
static int mark_axes(const struct op_ints *axes, int rank, bool *marked, struct err *err)
{
    memset(marked, 0, TENSOR_RANK_MAX * sizeof(*marked));
    for (size_t i = 0; i < axes->count; i++) {
        int axis;
        const int e = op_axis(axes->item[i], rank, &axis, err);
        if (e != 0)
            return e;
        if (marked[axis])
            return err_set(err, ERR_FORMAT, "axis %d twice", axis);
        marked[axis] = true;
    }
    return 0;
}

static int infer_squeeze(struct op_call *call, struct err *err)
{
    const struct tensor *in = call->in[0];
    struct op_ints axes;
    bool drop[TENSOR_RANK_MAX];
    int e = op_ints_by_opset(call, "axes", 13, 1, &axes, err);
    if (e == 0)
        e = mark_axes(&axes, in->rank, drop, err);
    if (e != 0)
        return e;

    int64_t dim[TENSOR_RANK_MAX];
    int rank = 0;
    for (int i = 0; i < in->rank; i++) {
        if (drop[i] && in->dim[i] != 1)
            return err_set(err, ERR_FORMAT, "axis %d has %lld", i, (long long)in->dim[i]);
        if (!drop[i] && !(axes.count == 0 && in->dim[i] == 1))
            dim[rank++] = in->dim[i];
    }
    op_shape(call, 0, in->type, rank, dim);
    return 0;
}

static int infer_unsqueeze(struct op_call *call, struct err *err)
{
    const struct tensor *in = call->in[0];
    struct op_ints axes;
    bool added[TENSOR_RANK_MAX];
    int e = op_ints_by_opset(call, "axes", 13, 1, &axes, err);
    if (e == 0 && (size_t)in->rank + axes.count > TENSOR_RANK_MAX)
        e = err_set(err, ERR_UNSUPPORTED, "%zu more axes", axes.count);
    const int rank = e == 0 ? in->rank + (int)axes.count : 0;
    if (e == 0)
        e = mark_axes(&axes, rank, added, err);
    if (e != 0)
        return e;

    int64_t dim[TENSOR_RANK_MAX];
    for (int i = 0, from = 0; i < rank; i++)
        dim[i] = added[i] ? 1 : in->dim[from++];
    op_shape(call, 0, in->type, rank, dim);
    return 0;
}

/** Dropout only passes on what it gets: training is for others, but at ratio 0 it is none. */
static int infer_dropout(struct op_call *call, struct err *err)
{
    for (size_t i = 1; i < 3; i++) {
        if (op_has(call, i) && !call->in[i]->data)
            return OP_LATER;
        if (op_has(call, i) && tensor_count(call->in[i]) != 1)
            return err_set(err, ERR_FORMAT, "input %zu is not one number", i);
    }
    const double ratio = op_has(call, 1) ? op_number(call->in[1], 0) : 0.5;
    if (op_has(call, 2) && op_number(call->in[2], 0) != 0 && ratio != 0)
        return err_set(err, ERR_UNSUPPORTED, "training mode");
    op_shape(call, 1, call->node->opset < 10 ? call->in[0]->type : TENSOR_BOOL,
             call->in[0]->rank, call->in[0]->dim);
    return op_infer_same(call, err);
}

static int run_dropout(struct op_call *call, struct err *err)
{
    if (call->out_count > 1 && call->out[1]) {
        const double one = 1;
        for (int64_t i = 0; i < tensor_count(call->out[1]); i++)
            tensor_store_f64(call->out[1], i, 1, &one);
    }
    return call->out[0] ? run_copy(call, err) : 0;
}

const struct op op_reshape_rows[] = {
    {"", "Reshape", 1, 1, 1, 1, " shape consumed_inputs ", infer_reshape, run_copy},
    {"", "Reshape", 5, 2, 2, 1, " allowzero ", infer_reshape, run_copy},
    {"", "Flatten", 1, 1, 1, 1, " axis ", infer_flatten, run_copy},
    {"", "Squeeze", 1, 1, 1, 1, " axes ", infer_squeeze, run_copy},
    {"", "Squeeze", 13, 1, 2, 1, "", infer_squeeze, run_copy},
    {"", "Unsqueeze", 1, 1, 1, 1, " axes ", infer_unsqueeze, run_copy},
    {"", "Unsqueeze", 13, 2, 2, 1, "", infer_unsqueeze, run_copy},
    {"", "Identity", 1, 1, 1, 1, "", op_infer_same, run_copy},
    {"", "Dropout", 1, 1, 1, 2, " ratio is_test consumed_inputs ", infer_dropout,
     run_dropout},
    {"", "Dropout", 12, 1, 3, 2, " seed ", infer_dropout, run_dropout},
    {0},
};
