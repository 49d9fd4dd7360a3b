/* unary: operators of one number. f(x, a, b), with a and b from attributes or defaults. */
#include "kernels/ops/op_map.h"

#include "base/err.h"

#include <math.h>
#include <string.h>

struct unary {
    const char *name;
    double (*f)(double x, double a, double b);
    const char *a_name, *b_name;
    float a, b;
    bool floats_only;
};

#define FN(name, expr)                               \
    static double name(double x, double a, double b) \
    {                                                \
        (void)a, (void)b;                            \
        return expr;                                 \
    }

FN(of_abs, fabs(x))
FN(of_acos, acos(x))
FN(of_acosh, acosh(x))
FN(of_asin, asin(x))
FN(of_asinh, asinh(x))
FN(of_atan, atan(x))
FN(of_atanh, atanh(x))
FN(of_ceil, ceil(x))
FN(of_celu, fmax(0, x) + fmin(0, a *expm1(x / a)))
FN(of_cos, cos(x))
FN(of_cosh, cosh(x))
FN(of_elu, x < 0 ? a * expm1(x) : x)
FN(of_erf, erf(x))
FN(of_exp, exp(x))
FN(of_floor, floor(x))
FN(of_hard_sigmoid, fmax(0, fmin(1, a *x + b)))
FN(of_hard_swish, x *fmax(0, fmin(1, x / 6 + 0.5)))
FN(of_leaky_relu, x < 0 ? a * x : x)
FN(of_log, log(x))
FN(of_mish, x *tanh(x > 30 ? x : log1p(exp(x))))
FN(of_neg, -x)
FN(of_reciprocal, 1 / x)
FN(of_relu, isnan(x) || x > 0 ? x : 0)
FN(of_round, nearbyint(x))
FN(of_selu, x > 0 ? b * x : b * a * expm1(x))
FN(of_shrink, x<-a ? x + b : x> a ? x - b : 0)
FN(of_sigmoid, 1 / (1 + exp(-x)))
FN(of_sign, (x > 0) - (x < 0))
FN(of_sin, sin(x))
FN(of_sinh, sinh(x))
FN(of_softplus, x > 30 ? x : log1p(exp(x)))
FN(of_softsign, x / (1 + fabs(x)))
FN(of_sqrt, sqrt(x))
FN(of_tan, tan(x))
FN(of_tanh, tanh(x))
FN(of_thresholded_relu, x > a ? x : 0)
FN(of_gelu, 0.5 * x * (1 + erf(x * M_SQRT1_2)))
FN(of_gelu_tanh, 0.5 * x * (1 + tanh(0.7978845608028654 * (x + 0.044715 * x * x * x))))

static const struct unary UNARY[] = {
    {"Abs", of_abs, "", "", 0, 0, false},
    {"Acos", of_acos, "", "", 0, 0, true},
    {"Acosh", of_acosh, "", "", 0, 0, true},
    {"Asin", of_asin, "", "", 0, 0, true},
    {"Asinh", of_asinh, "", "", 0, 0, true},
    {"Atan", of_atan, "", "", 0, 0, true},
    {"Atanh", of_atanh, "", "", 0, 0, true},
    {"Ceil", of_ceil, "", "", 0, 0, true},
    {"Celu", of_celu, "alpha", "", 1, 0, true},
    {"Cos", of_cos, "", "", 0, 0, true},
    {"Cosh", of_cosh, "", "", 0, 0, true},
    {"Elu", of_elu, "alpha", "", 1, 0, true},
    {"Erf", of_erf, "", "", 0, 0, true},
    {"Exp", of_exp, "", "", 0, 0, true},
    {"Floor", of_floor, "", "", 0, 0, true},
    {"Gelu", of_gelu, "", "", 0, 0, true},
    {"HardSigmoid", of_hard_sigmoid, "alpha", "beta", 0.2f, 0.5f, true},
    {"HardSwish", of_hard_swish, "", "", 0, 0, true},
    {"LeakyRelu", of_leaky_relu, "alpha", "", 0.01f, 0, true},
    {"Log", of_log, "", "", 0, 0, true},
    {"Mish", of_mish, "", "", 0, 0, true},
    {"Neg", of_neg, "", "", 0, 0, false},
    {"Reciprocal", of_reciprocal, "", "", 0, 0, true},
    {"Relu", of_relu, "", "", 0, 0, false},
    {"Round", of_round, "", "", 0, 0, true},
    {"Selu", of_selu, "alpha", "gamma", 1.67326319217681884765625f,
     1.05070102214813232421875f, true},
    {"Shrink", of_shrink, "lambd", "bias", 0.5f, 0, false},
    {"Sigmoid", of_sigmoid, "", "", 0, 0, true},
    {"Sign", of_sign, "", "", 0, 0, false},
    {"Sin", of_sin, "", "", 0, 0, true},
    {"Sinh", of_sinh, "", "", 0, 0, true},
    {"Softplus", of_softplus, "", "", 0, 0, true},
    {"Softsign", of_softsign, "", "", 0, 0, true},
    {"Sqrt", of_sqrt, "", "", 0, 0, true},
    {"Tan", of_tan, "", "", 0, 0, true},
    {"Tanh", of_tanh, "", "", 0, 0, true},
    {"ThresholdedRelu", of_thresholded_relu, "alpha", "", 1, 0, true},
};

static const struct unary *find(const struct op_call *call)
{
    const struct unary *u = UNARY;
    while (strcmp(u->name, call->node->op->name) != 0)
        u++;
    return u;
}

static int infer_unary(struct op_call *call, struct err *err)
{
    const int e = find(call)->floats_only ? op_want_float(call, 0, err) : 0;
    return e != 0 ? e : op_infer_same(call, err);
}

static void map_unary(const void *ctx, size_t inputs, int n, double (*x)[OP_BLOCK])
{
    (void)inputs;
    const struct unary *u = ctx;
    const double a = (double)u->a, b = (double)u->b;
    for (int i = 0; i < n; i++)
        x[0][i] = u->f(x[0][i], a, b);
}

static int run_unary(struct op_call *call, struct err *err)
{
    struct unary u = *find(call);
    u.a = node_float(call->node, u.a_name, u.a);
    u.b = node_float(call->node, u.b_name, u.b);
    if (strcmp(node_string(call->node, "approximate", "none"), "tanh") == 0)
        u.f = of_gelu_tanh;
    return op_map_f64(call, map_unary, &u, err);
}

/* Clip: bounds are attributes up to opset 6, then inputs. */

static int infer_clip(struct op_call *call, struct err *err)
{
    for (size_t i = 1; i < call->in_count; i++) {
        if (op_has(call, i) && tensor_count(call->in[i]) != 1)
            return err_set(err, ERR_FORMAT, "bound %zu is not one number", i);
    }
    const int e = op_want_same(call, 0, err);
    return e != 0 ? e : op_infer_same(call, err);
}

static void map_clip(const void *ctx, size_t inputs, int n, double (*x)[OP_BLOCK])
{
    (void)inputs;
    const double *bound = ctx;
    for (int i = 0; i < n; i++) { // ONNX: min first, then max, also where min > max
        const double up = x[0][i] < bound[0] ? bound[0] : x[0][i];
        x[0][i] = up > bound[1] ? bound[1] : up;
    }
}

static int run_clip(struct op_call *call, struct err *err)
{
    double bound[2] = {-HUGE_VAL, HUGE_VAL};
    if (call->node->opset < 11) {
        bound[0] = (double)node_float(call->node, "min", -INFINITY);
        bound[1] = (double)node_float(call->node, "max", INFINITY);
    }
    for (size_t i = 0; i < 2; i++) {
        if (op_has(call, i + 1))
            bound[i] = op_number(call->in[i + 1], 0);
    }
    struct op_call one = *call;
    one.in_count = 1;
    return op_map_f64(&one, map_clip, bound, err);
}

#define ROW(name, since, attrs)                                 \
    {                                                           \
        "", name, since, 1, 1, 1, attrs, infer_unary, run_unary \
    }

const struct op op_unary_rows[] = {
    ROW("Abs", 1, " consumed_inputs "),
    ROW("Acos", 7, ""),
    ROW("Acosh", 9, ""),
    ROW("Asin", 7, ""),
    ROW("Asinh", 9, ""),
    ROW("Atan", 7, ""),
    ROW("Atanh", 9, ""),
    ROW("Ceil", 1, " consumed_inputs "),
    ROW("Celu", 12, " alpha "),
    {"", "Clip", 1, 1, 1, 1, " min max consumed_inputs ", infer_clip, run_clip},
    {"", "Clip", 11, 1, 3, 1, "", infer_clip, run_clip},
    ROW("Cos", 7, ""),
    ROW("Cosh", 9, ""),
    ROW("Elu", 1, " alpha consumed_inputs "),
    ROW("Erf", 9, ""),
    ROW("Exp", 1, " consumed_inputs "),
    ROW("Floor", 1, " consumed_inputs "),
    ROW("Gelu", 20, " approximate "),
    ROW("HardSigmoid", 1, " alpha beta consumed_inputs "),
    ROW("HardSwish", 14, ""),
    ROW("LeakyRelu", 1, " alpha consumed_inputs "),
    ROW("Log", 1, " consumed_inputs "),
    ROW("Mish", 18, ""),
    ROW("Neg", 1, " consumed_inputs "),
    ROW("Reciprocal", 1, " consumed_inputs "),
    ROW("Relu", 1, " consumed_inputs "),
    ROW("Round", 11, ""),
    ROW("Selu", 1, " alpha gamma consumed_inputs "),
    ROW("Shrink", 9, " lambd bias "),
    ROW("Sigmoid", 1, " consumed_inputs "),
    ROW("Sign", 9, ""),
    ROW("Sin", 7, ""),
    ROW("Sinh", 9, ""),
    ROW("Softplus", 1, ""),
    ROW("Softsign", 1, ""),
    ROW("Sqrt", 1, " consumed_inputs "),
    ROW("Tan", 7, ""),
    ROW("Tanh", 1, " consumed_inputs "),
    ROW("ThresholdedRelu", 10, " alpha "),
    {0},
};
