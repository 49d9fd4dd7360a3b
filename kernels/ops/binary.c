/* binary: arithmetic of two numbers or more, with broadcasting; PRelu. */
#include "kernels/ops/op_map.h"

#include "base/err.h"

#include <math.h>
#include <string.h>

#define F(name, expr)                      \
    static double name(double x, double y) \
    {                                      \
        return expr;                       \
    }
// Integers wrap as unsigned ones do: signed overflow would be undefined.
#define I(name, expr)                         \
    static int64_t name(int64_t x, int64_t y) \
    {                                         \
        return (int64_t)(expr);               \
    }

F(f_add, x + y)
F(f_sub, x - y)
F(f_mul, x *y)
F(f_div, x / y)
F(f_pow, pow(x, y))
F(f_fmod, fmod(x, y))
F(f_max, isnan(x) || x > y ? x : y)
F(f_min, isnan(x) || x < y ? x : y)
F(f_prelu, x < 0 ? x * y : x)
I(i_add, (uint64_t)x + (uint64_t)y)
I(i_sub, (uint64_t)x - (uint64_t)y)
I(i_mul, (uint64_t)x *(uint64_t)y)
I(i_div, y == 0 ? 0 : y == -1 ? -(uint64_t)x : (uint64_t)(x / y))
I(i_max, x > y ? x : y)
I(i_min, x < y ? x : y)
I(i_prelu, x < 0 ? (uint64_t)x * (uint64_t)y : (uint64_t)x)
I(i_fmod, y == 0 || y == -1 ? 0 : x % y)
I(u_div, y == 0 ? 0 : (uint64_t)x / (uint64_t)y)
I(u_mod, y == 0 ? 0 : (uint64_t)x % (uint64_t)y)
I(u_max, (uint64_t)x > (uint64_t)y ? x : y)
I(u_min, (uint64_t)x < (uint64_t)y ? x : y)

static int64_t i_mod(int64_t x, int64_t y) // the sign of y, as Python does
{
    const int64_t r = i_fmod(x, y);
    return r != 0 && (r < 0) != (y < 0) ? r + y : r;
}

static int64_t i_pow(int64_t x, int64_t y)
{
    if (y < 0)
        return x == 1 ? 1 : x == -1 ? (y % 2 ? -1 : 1) : 0;
    uint64_t result = 1, base = (uint64_t)x;
    for (; y > 0; y >>= 1, base *= base)
        result *= y & 1 ? base : 1;
    return (int64_t)result;
}

struct binary {
    const char *name;
    double (*f)(double, double);
    int64_t (*i)(int64_t, int64_t);
    int64_t (*u)(int64_t, int64_t); // for uint64, which int64 does not hold
};

static const struct binary BINARY[] = {
    {"Add", f_add, i_add, i_add},         {"Sub", f_sub, i_sub, i_sub},
    {"Mul", f_mul, i_mul, i_mul},         {"Div", f_div, i_div, u_div},
    {"Pow", f_pow, i_pow, i_pow},         {"Mod", f_fmod, i_mod, u_mod},
    {"Max", f_max, i_max, u_max},         {"Min", f_min, i_min, u_min},
    {"Sum", f_add, i_add, i_add},         {"Mean", f_add, i_add, i_add},
    {"PRelu", f_prelu, i_prelu, i_prelu},
};

static const struct binary *find(const struct op_call *call)
{
    const struct binary *b = BINARY;
    while (strcmp(b->name, call->node->op->name) != 0)
        b++;
    return b;
}

static int infer_binary(struct op_call *call, struct err *err)
{
    const int e = op_want_same(call, 0, err);
    return e != 0 ? e : op_map_infer(call, call->in[0]->type, err);
}

static void map_f64(const void *ctx, size_t inputs, int n, double (*x)[OP_BLOCK])
{
    const struct binary *b = ctx;
    for (size_t k = 1; k < inputs; k++) {
        for (int i = 0; i < n; i++)
            x[0][i] = b->f(x[0][i], x[k][i]);
    }
}

static void map_i64(const void *ctx, size_t inputs, int n, int64_t (*x)[OP_BLOCK])
{
    const struct binary *b = ctx;
    for (size_t k = 1; k < inputs; k++) {
        for (int i = 0; i < n; i++)
            x[0][i] = b->i(x[0][i], x[k][i]);
    }
}

static void map_mean(const void *ctx, size_t inputs, int n, double (*x)[OP_BLOCK])
{
    map_f64(ctx, inputs, n, x);
    for (int i = 0; i < n; i++)
        x[0][i] /= (double)inputs;
}

static int run_binary(struct op_call *call, struct err *err)
{
    struct binary b = *find(call);
    if (tensor_type_is_float(call->in[0]->type))
        return op_map_f64(call, strcmp(b.name, "Mean") == 0 ? map_mean : map_f64, &b,
                          err);
    if (call->in[0]->type == TENSOR_U64)
        b.i = b.u;
    if (node_int(call->node, "fmod", 0))
        b.i = i_fmod;
    return op_map_i64(call, map_i64, &b, err);
}

/* Pow: the exponent may be of another type than the base. */

static int infer_pow(struct op_call *call, struct err *err)
{
    return op_map_infer(call, call->in[0]->type, err);
}

static int run_pow(struct op_call *call, struct err *err)
{
    const struct binary *b = find(call);
    const bool floats = tensor_type_is_float(call->in[0]->type)
                        || tensor_type_is_float(call->in[1]->type);
    return floats ? op_map_f64(call, map_f64, b, err) : op_map_i64(call, map_i64, b, err);
}

/* Up to opset 6 the second operand broadcasts from an axis on, if "broadcast" says so. */

static int align_second(const struct op_call *call, struct tensor *b, struct err *err)
{
    int axis;
    const struct tensor *a = call->in[0];
    *b = *call->in[1];
    if (!node_int(call->node, "broadcast", 0) || !node_attr(call->node, "axis"))
        return 0;
    int e = op_axis(node_int(call->node, "axis", 0), a->rank, &axis, err);
    if (e == 0 && axis + b->rank > a->rank)
        e = err_set(err, ERR_FORMAT, "the second operand has too many axes");
    if (e != 0)
        return e;
    while (b->rank < a->rank - axis)
        b->dim[b->rank++] = 1;
    return 0;
}

static int with_aligned(struct op_call *call, int (*work)(struct op_call *, struct err *),
                        struct err *err)
{
    struct tensor b;
    const int e = align_second(call, &b, err);
    if (e != 0)
        return e;
    const struct tensor *in[2] = {call->in[0], &b};
    struct op_call aligned = *call;
    aligned.in = in;
    return work(&aligned, err);
}

static int infer_old(struct op_call *call, struct err *err)
{
    return with_aligned(call, infer_binary, err);
}

static int run_old(struct op_call *call, struct err *err)
{
    return with_aligned(call, run_binary, err);
}

/* PRelu: the slope broadcasts to x, never the other way. Up to opset 6 a slope of one axis
 * goes along axis 1. */

static int infer_prelu(struct op_call *call, struct err *err)
{
    const int e = infer_binary(call, err);
    if (e == 0 && call->out[0] && !tensor_has_shape_of(call->out[0], call->in[0]))
        return err_set(err, ERR_FORMAT, "the slope is larger than x");
    return e;
}

static int align_slope(const struct op_call *call, struct tensor *slope)
{
    const struct tensor *x = call->in[0];
    *slope = *call->in[1];
    if (call->node->opset < 7 && slope->rank == 1 && slope->dim[0] != 1) {
        while (slope->rank < x->rank - 1)
            slope->dim[slope->rank++] = 1;
    }
    return 0;
}

static int infer_old_prelu(struct op_call *call, struct err *err)
{
    struct tensor slope;
    align_slope(call, &slope);
    const struct tensor *in[2] = {call->in[0], &slope};
    struct op_call aligned = *call;
    aligned.in = in;
    return infer_prelu(&aligned, err);
}

static int run_old_prelu(struct op_call *call, struct err *err)
{
    struct tensor slope;
    align_slope(call, &slope);
    const struct tensor *in[2] = {call->in[0], &slope};
    struct op_call aligned = *call;
    aligned.in = in;
    return run_binary(&aligned, err);
}

#define OLD " axis broadcast consumed_inputs "

const struct op op_binary_rows[] = {
    {"", "Add", 1, 2, 2, 1, OLD, infer_old, run_old},
    {"", "Add", 7, 2, 2, 1, "", infer_binary, run_binary},
    {"", "Sub", 1, 2, 2, 1, OLD, infer_old, run_old},
    {"", "Sub", 7, 2, 2, 1, "", infer_binary, run_binary},
    {"", "Mul", 1, 2, 2, 1, OLD, infer_old, run_old},
    {"", "Mul", 7, 2, 2, 1, "", infer_binary, run_binary},
    {"", "Div", 1, 2, 2, 1, OLD, infer_old, run_old},
    {"", "Div", 7, 2, 2, 1, "", infer_binary, run_binary},
    {"", "Pow", 1, 2, 2, 1, OLD, infer_old, run_old},
    {"", "Pow", 7, 2, 2, 1, "", infer_pow, run_pow},
    {"", "Mod", 10, 2, 2, 1, " fmod ", infer_binary, run_binary},
    {"", "Max", 1, 1, OP_MAP_INPUTS, 1, " consumed_inputs ", infer_binary, run_binary},
    {"", "Min", 1, 1, OP_MAP_INPUTS, 1, " consumed_inputs ", infer_binary, run_binary},
    {"", "Sum", 1, 1, OP_MAP_INPUTS, 1, " consumed_inputs ", infer_binary, run_binary},
    {"", "Mean", 1, 1, OP_MAP_INPUTS, 1, " consumed_inputs ", infer_binary, run_binary},
    {"", "PRelu", 1, 2, 2, 1, " consumed_inputs ", infer_old_prelu, run_old_prelu},
    {"", "PRelu", 7, 2, 2, 1, "", infer_prelu, run_binary},
    {0},
};
