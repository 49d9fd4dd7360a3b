/* constant: operators that make numbers from attributes and shapes; Cast. */
#include "kernels/ops/op.h"

#include "base/err.h"

#include <math.h>
#include <string.h>

/* Constant: one of value, value_float, value_floats, value_int, value_ints. */

static int infer_constant(struct op_call *call, struct err *err)
{
    if (call->node->attr_count != 1)
        return err_set(err, ERR_FORMAT, "%zu attributes, not one",
                       call->node->attr_count);
    const struct attr *a = call->node->attrs;
    const int64_t dim[1] = {(int64_t)a->count};
    switch (a->type) {
    case ATTR_TENSOR:
        op_shape(call, 0, a->t->type, a->t->rank, a->t->dim);
        return 0;
    case ATTR_FLOAT:
        op_shape(call, 0, TENSOR_F32, 0, NULL);
        return 0;
    case ATTR_INT:
        op_shape(call, 0, TENSOR_I64, 0, NULL);
        return 0;
    case ATTR_FLOATS:
        op_shape(call, 0, TENSOR_F32, 1, dim);
        return 0;
    case ATTR_INTS:
        op_shape(call, 0, TENSOR_I64, 1, dim);
        return 0;
    case ATTR_STRING:
        break;
    }
    return err_set(err, ERR_UNSUPPORTED, "a constant of strings");
}

static int run_constant(struct op_call *call, struct err *err)
{
    (void)err;
    const struct attr *a = call->node->attrs;
    const void *from = a->type == ATTR_TENSOR  ? a->t->data
                       : a->type == ATTR_FLOAT ? (const void *)&a->f
                       : a->type == ATTR_INT   ? (const void *)&a->i
                       : a->type == ATTR_INTS  ? (const void *)a->ints
                                               : (const void *)a->floats;
    const size_t bytes = tensor_bytes(call->out[0]);
    if (bytes > 0)
        memcpy(call->out[0]->data, from, bytes);
    return 0;
}

static int shape_from_input(struct op_call *call, size_t input, enum tensor_type type,
                            struct err *err)
{
    struct op_ints shape;
    const int e = op_input_ints(call, input, &shape, err);
    if (e != 0)
        return e;
    if (shape.count > TENSOR_RANK_MAX)
        return err_set(err, ERR_UNSUPPORTED, "%zu axes", shape.count);
    op_shape(call, 0, type, (int)shape.count, shape.item);
    return 0;
}

static int infer_of_shape(struct op_call *call, struct err *err)
{
    const struct attr *a = node_attr(call->node, "value");
    if (a && (a->type != ATTR_TENSOR || tensor_count(a->t) != 1))
        return err_set(err, ERR_FORMAT, "the value is not one number");
    return shape_from_input(call, 0, a ? a->t->type : TENSOR_F32, err);
}

static int run_of_shape(struct op_call *call, struct err *err)
{
    (void)err;
    const struct attr *a = node_attr(call->node, "value");
    const size_t size = tensor_type_size(call->out[0]->type);
    char *to = call->out[0]->data;
    for (int64_t i = 0; a && i < tensor_count(call->out[0]); i++)
        memcpy(to + (size_t)i * size, a->t->data, size);
    return 0;
}

/* Shape and Size. */

static void shape_range(const struct op_call *call, int *from, int *to)
{
    const int rank = call->in[0]->rank;
    int64_t start = node_int(call->node, "start", 0),
            end = node_int(call->node, "end", rank);
    start += start < 0 ? rank : 0;
    end += end < 0 ? rank : 0;
    *from = (int)(start < 0 ? 0 : start > rank ? rank : start);
    *to = (int)(end < *from ? *from : end > rank ? rank : end);
}

static int infer_shape(struct op_call *call, struct err *err)
{
    (void)err;
    int from, to;
    shape_range(call, &from, &to);
    op_shape(call, 0, TENSOR_I64, 1, &(int64_t){to - from});
    return 0;
}

static int run_shape(struct op_call *call, struct err *err)
{
    (void)err;
    int from, to;
    shape_range(call, &from, &to);
    tensor_store_i64(call->out[0], 0, to - from, call->in[0]->dim + from);
    return 0;
}

static int infer_size(struct op_call *call, struct err *err)
{
    (void)err;
    op_shape(call, 0, TENSOR_I64, 0, NULL);
    return 0;
}

static int run_size(struct op_call *call, struct err *err)
{
    (void)err;
    const int64_t n = tensor_count(call->in[0]);
    tensor_store_i64(call->out[0], 0, 1, &n);
    return 0;
}

/* Range: start, start + delta, ... below limit. */

static int infer_range(struct op_call *call, struct err *err)
{
    for (size_t i = 0; i < 3; i++) {
        if (tensor_count(call->in[i]) != 1 || call->in[i]->type != call->in[0]->type)
            return err_set(err, ERR_FORMAT,
                           "start, limit and delta are not three numbers");
        if (!call->in[i]->data)
            return OP_LATER;
    }
    const double start = op_number(call->in[0], 0), limit = op_number(call->in[1], 0),
                 delta = op_number(call->in[2], 0);
    const double n = ceil((limit - start) / delta);
    if (delta == 0 || !isfinite(n) || n > 0x1p40)
        return err_set(err, ERR_FORMAT, "a range without an end");
    op_shape(call, 0, call->in[0]->type, 1, &(int64_t){n > 0 ? (int64_t)n : 0});
    return 0;
}

static int run_range(struct op_call *call, struct err *err)
{
    (void)err;
    const double start = op_number(call->in[0], 0), delta = op_number(call->in[2], 0);
    for (int64_t i = 0; i < call->out[0]->dim[0]; i++)
        tensor_store_f64(call->out[0], i, 1, &(double){start + (double)i * delta});
    return 0;
}

/* Cast: to a float by rounding, to an integer by cutting (it wraps as C does). */

static int infer_cast(struct op_call *call, struct err *err)
{
    const int64_t to = node_int(call->node, "to", 0);
    if (to <= 0 || to > 64 || tensor_type_size((enum tensor_type)to) == 0)
        return err_set(err, ERR_UNSUPPORTED, "to type %lld", (long long)to);
    op_shape(call, 0, (enum tensor_type)to, call->in[0]->rank, call->in[0]->dim);
    return 0;
}

static int infer_cast_like(struct op_call *call, struct err *err)
{
    (void)err;
    op_shape(call, 0, call->in[1]->type, call->in[0]->rank, call->in[0]->dim);
    return 0;
}

/** Up to opset 18 nothing says how floats become bfloat16, and ONNX's own tests cut them. */
static void cut_to_bf16(int64_t n, double *x)
{
    for (int64_t i = 0; i < n; i++) {
        float f = (float)x[i];
        uint32_t bits;
        memcpy(&bits, &f, sizeof(bits));
        if (!isnan(f))
            bits &= 0xffff0000u;
        memcpy(&f, &bits, sizeof(f));
        x[i] = (double)f;
    }
}

static int run_cast(struct op_call *call, struct err *err)
{
    (void)err;
    const struct tensor *from = call->in[0];
    const bool by_double = tensor_type_is_float(from->type)
                           && (tensor_type_is_float(call->out[0]->type)
                               || call->out[0]->type == TENSOR_BOOL);
    const bool cut = call->out[0]->type == TENSOR_BF16 && call->node->opset < 19;
    const int64_t count = tensor_count(from);
    for (int64_t i = 0; i < count; i += 256) {
        double x[256];
        int64_t k[256];
        const int64_t n = count - i < 256 ? count - i : 256;
        if (by_double) {
            tensor_load_f64(from, i, n, x);
            if (cut)
                cut_to_bf16(n, x);
            tensor_store_f64(call->out[0], i, n, x);
        } else {
            tensor_load_i64(from, i, n, k);
            tensor_store_i64(call->out[0], i, n, k);
        }
    }
    return 0;
}

#define VALUES " value value_float value_floats value_int value_ints "

const struct op op_constant_rows[] = {
    {"", "Constant", 1, 0, 0, 1, VALUES, infer_constant, run_constant},
    {"", "ConstantOfShape", 9, 1, 1, 1, " value ", infer_of_shape, run_of_shape},
    {"", "Shape", 1, 1, 1, 1, " start end ", infer_shape, run_shape},
    {"", "Size", 1, 1, 1, 1, "", infer_size, run_size},
    {"", "Range", 11, 3, 3, 1, "", infer_range, run_range},
    {"", "Cast", 6, 1, 1, 1, " to saturate ", infer_cast, run_cast},
    {"", "CastLike", 15, 2, 2, 1, " saturate ", infer_cast_like, run_cast},
    {0},
};
