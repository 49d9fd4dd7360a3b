/* reduce: sums, means and extremes over axes; the place of an extreme. */
#include "kernels/ops/op.h"

#include "base/err.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/** How one kind of reduction takes a number in and what it makes of all in the end. */
struct reduction {
    const char *name;
    double start;
    double (*add)(double sum, double x);
    double (*finish)(double sum, double n);
};

static double take_sum(double sum, double x)
{
    return sum + x;
}

static double take_abs(double sum, double x)
{
    return sum + fabs(x);
}

static double take_square(double sum, double x)
{
    return sum + x * x;
}

static double take_product(double sum, double x)
{
    return sum * x;
}

static double take_max(double sum, double x)
{
    return x > sum || isnan(x) ? x : sum;
}

static double take_min(double sum, double x)
{
    return x < sum || isnan(x) ? x : sum;
}

static double as_is(double sum, double n)
{
    (void)n;
    return sum;
}

static double divide(double sum, double n)
{
    return sum / n;
}

static double root(double sum, double n)
{
    (void)n;
    return sqrt(sum);
}

static double logarithm(double sum, double n)
{
    (void)n;
    return log(sum);
}

static const struct reduction REDUCTIONS[] = {
    {"ReduceSum", 0, take_sum, as_is},
    {"ReduceMean", 0, take_sum, divide},
    {"ReduceMax", -HUGE_VAL, take_max, as_is},
    {"ReduceMin", HUGE_VAL, take_min, as_is},
    {"ReduceProd", 1, take_product, as_is},
    {"ReduceL1", 0, take_abs, as_is},
    {"ReduceL2", 0, take_square, root},
    {"ReduceSumSquare", 0, take_square, as_is},
    {"ReduceLogSum", 0, take_sum, logarithm},
    {"ReduceLogSumExp", 0, take_sum, logarithm},
};

static const struct reduction *find(const struct op_call *call)
{
    const struct reduction *r = REDUCTIONS;
    while (strcmp(r->name, call->node->op->name) != 0)
        r++;
    return r;
}

/** From which opset the axes are an input. */
static int axes_opset(const struct op_call *call)
{
    return strcmp(call->node->op->name, "ReduceSum") == 0 ? 13 : 18;
}

static int marked_axes(const struct op_call *call, bool *reduced, struct err *err)
{
    struct op_ints axes;
    const int rank = call->in[0]->rank;
    const int e = op_ints_by_opset(call, "axes", axes_opset(call), 1, &axes, err);
    if (e != 0)
        return e;
    const bool all = axes.count == 0 && !node_int(call->node, "noop_with_empty_axes", 0);
    for (int i = 0; i < rank; i++)
        reduced[i] = all;
    for (size_t i = 0; i < axes.count; i++) {
        int axis;
        const int bad = op_axis(axes.item[i], rank, &axis, err);
        if (bad != 0)
            return bad;
        reduced[axis] = true;
    }
    return 0;
}

static int infer_reduce(struct op_call *call, struct err *err)
{
    bool reduced[TENSOR_RANK_MAX];
    const int e = marked_axes(call, reduced, err);
    if (e != 0)
        return e;
    const bool keep = node_int(call->node, "keepdims", 1);
    int64_t dim[TENSOR_RANK_MAX];
    int rank = 0;
    for (int i = 0; i < call->in[0]->rank; i++) {
        if (!reduced[i] || keep)
            dim[rank++] = reduced[i] ? 1 : call->in[0]->dim[i];
    }
    op_shape(call, 0, call->in[0]->type, rank, dim);
    return 0;
}

/** The axes of x in two lists: those that stay and those that are reduced, with strides. */
struct split {
    int kept, reduced;
    int64_t kept_dim[TENSOR_RANK_MAX], kept_stride[TENSOR_RANK_MAX];
    int64_t red_dim[TENSOR_RANK_MAX], red_stride[TENSOR_RANK_MAX];
};

static struct split split_axes(const struct tensor *x, const bool *reduced)
{
    struct split s = {0};
    for (int i = 0; i < x->rank; i++) {
        const int64_t stride = tensor_span(x, i + 1, x->rank);
        if (reduced[i]) {
            s.red_dim[s.reduced] = x->dim[i];
            s.red_stride[s.reduced++] = stride;
        } else {
            s.kept_dim[s.kept] = x->dim[i];
            s.kept_stride[s.kept++] = stride;
        }
    }
    return s;
}

static int64_t offset_of(const int64_t *at, const int64_t *stride, int rank)
{
    int64_t offset = 0;
    for (int i = 0; i < rank; i++)
        offset += at[i] * stride[i];
    return offset;
}

/** One result. LogSumExp is taken relative to the largest number, or it would overflow. */
static double reduce_at(const struct reduction *r, const struct split *s, const double *x)
{
    const bool exponents = strcmp(r->name, "ReduceLogSumExp") == 0;
    int64_t at[TENSOR_RANK_MAX] = {0}, n = 0;
    double sum = r->start, top = 0;
    for (int i = 0; i < s->reduced; i++) {
        if (s->red_dim[i] == 0)
            return r->finish(sum, 0);
    }
    if (exponents) {
        top = -HUGE_VAL;
        do
            top = take_max(top, x[offset_of(at, s->red_stride, s->reduced)]);
        while (op_next(s->red_dim, s->reduced, at));
        top = isfinite(top) ? top : 0;
    }
    do {
        const double v = x[offset_of(at, s->red_stride, s->reduced)];
        sum = r->add(sum, exponents ? exp(v - top) : v);
        n++;
    } while (op_next(s->red_dim, s->reduced, at));
    return r->finish(sum, (double)n) + top;
}

static int run_reduce(struct op_call *call, struct err *err)
{
    bool reduced[TENSOR_RANK_MAX];
    const struct tensor *x = call->in[0];
    const int e = marked_axes(call, reduced, err);
    if (e != 0 || tensor_count(call->out[0]) == 0)
        return e;
    double *xs = malloc(sizeof(*xs) * (size_t)(tensor_count(x) + 1));
    if (!xs)
        return err_set(err, ERR_NOMEM, "doubles of a reduction");
    tensor_load_f64(x, 0, tensor_count(x), xs);
    const struct split s = split_axes(x, reduced);
    int64_t at[TENSOR_RANK_MAX] = {0}, to = 0;
    do {
        const double y =
            reduce_at(find(call), &s, xs + offset_of(at, s.kept_stride, s.kept));
        tensor_store_f64(call->out[0], to++, 1, &y);
    } while (op_next(s.kept_dim, s.kept, at));
    free(xs);
    return 0;
}

/* ArgMax, ArgMin */

static int infer_arg(struct op_call *call, struct err *err)
{
    int axis, rank = 0;
    const struct tensor *x = call->in[0];
    const int e = op_axis(node_int(call->node, "axis", 0), x->rank, &axis, err);
    if (e != 0)
        return e;
    if (x->dim[axis] == 0)
        return err_set(err, ERR_FORMAT, "nothing to choose from");
    int64_t dim[TENSOR_RANK_MAX];
    for (int i = 0; i < x->rank; i++) {
        if (i != axis || node_int(call->node, "keepdims", 1))
            dim[rank++] = i == axis ? 1 : x->dim[i];
    }
    op_shape(call, 0, TENSOR_I64, rank, dim);
    return 0;
}

static int64_t arg_of(const double *x, int64_t n, int64_t stride, bool min, bool last)
{
    int64_t best = 0;
    for (int64_t i = 1; i < n; i++) {
        const double a = x[i * stride], b = x[best * stride];
        if ((min ? a < b : a > b) || (last && a == b))
            best = i;
    }
    return best;
}

static int run_arg(struct op_call *call, struct err *err)
{
    int axis;
    const struct tensor *x = call->in[0];
    const int e = op_axis(node_int(call->node, "axis", 0), x->rank, &axis, err);
    if (e != 0)
        return e;
    double *xs = malloc(sizeof(*xs) * (size_t)(tensor_count(x) + 1));
    if (!xs)
        return err_set(err, ERR_NOMEM, "doubles of a choice");
    tensor_load_f64(x, 0, tensor_count(x), xs);
    const bool min = strcmp(call->node->op->name, "ArgMin") == 0;
    const bool last = node_int(call->node, "select_last_index", 0);
    const int64_t n = x->dim[axis], inner = tensor_span(x, axis + 1, x->rank);
    for (int64_t i = 0; i < tensor_count(call->out[0]); i++) {
        const double *lane = xs + i / inner * inner * n + i % inner;
        const int64_t best = arg_of(lane, n, inner, min, last);
        tensor_store_i64(call->out[0], i, 1, &best);
    }
    free(xs);
    return 0;
}

#define OLD(name)                                                         \
    {                                                                     \
        "", name, 1, 1, 1, 1, " axes keepdims ", infer_reduce, run_reduce \
    }
#define NEW(name, since)                                                           \
    {                                                                              \
        "", name, since, 1, 2, 1, " keepdims noop_with_empty_axes ", infer_reduce, \
            run_reduce                                                             \
    }
#define ARG " axis keepdims select_last_index "

const struct op op_reduce_rows[] = {
    OLD("ReduceSum"),
    NEW("ReduceSum", 13),
    OLD("ReduceMean"),
    NEW("ReduceMean", 18),
    OLD("ReduceMax"),
    NEW("ReduceMax", 18),
    OLD("ReduceMin"),
    NEW("ReduceMin", 18),
    OLD("ReduceProd"),
    NEW("ReduceProd", 18),
    OLD("ReduceL1"),
    NEW("ReduceL1", 18),
    OLD("ReduceL2"),
    NEW("ReduceL2", 18),
    OLD("ReduceSumSquare"),
    NEW("ReduceSumSquare", 18),
    OLD("ReduceLogSum"),
    NEW("ReduceLogSum", 18),
    OLD("ReduceLogSumExp"),
    NEW("ReduceLogSumExp", 18),
    {"", "ArgMax", 1, 1, 1, 1, ARG, infer_arg, run_arg},
    {"", "ArgMin", 1, 1, 1, 1, ARG, infer_arg, run_arg},
    {0},
};
