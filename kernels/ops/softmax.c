/*
 * softmax: Softmax, LogSoftmax, Hardmax along an axis.
 *
 * Up to opset 12 all axes from axis on count as one, from 13 only the axis itself.
 */
#include "kernels/ops/op.h"

#include "base/err.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct lanes {
    int64_t outer, n, inner;
};

static int find_lanes(const struct op_call *call, struct lanes *l, struct err *err)
{
    int axis;
    const struct tensor *x = call->in[0];
    const bool one_axis = call->node->opset >= 13;
    const int64_t given = node_int(call->node, "axis", one_axis ? -1 : 1);
    if (!one_axis && given == x->rank) { // every number a lane of its own
        *l = (struct lanes){tensor_count(x), 1, 1};
        return 0;
    }
    const int e = op_axis(given, x->rank, &axis, err);
    if (e != 0)
        return e;
    *l = (struct lanes){tensor_span(x, 0, axis), x->dim[axis],
                        tensor_span(x, axis + 1, x->rank)};
    if (!one_axis) {
        l->n *= l->inner;
        l->inner = 1;
    }
    return 0;
}

static int infer_softmax(struct op_call *call, struct err *err)
{
    struct lanes l;
    int e = op_want_float(call, 0, err);
    if (e == 0)
        e = find_lanes(call, &l, err);
    return e != 0 ? e : op_infer_same(call, err);
}

static void soften(const char *name, double *x, const struct lanes *l)
{
    int64_t best = 0;
    double sum = 0;
    for (int64_t i = 1; i < l->n; i++)
        best = x[i * l->inner] > x[best * l->inner] ? i : best;
    const double top = x[best * l->inner];
    for (int64_t i = 0; i < l->n; i++)
        sum += exp(x[i * l->inner] - top);
    for (int64_t i = 0; i < l->n; i++) {
        double *v = &x[i * l->inner];
        if (*name == 'S')
            *v = exp(*v - top) / sum;
        else if (*name == 'L')
            *v = *v - top - log(sum);
        else
            *v = i == best;
    }
}

static int run_softmax(struct op_call *call, struct err *err)
{
    struct lanes l;
    const int e = find_lanes(call, &l, err);
    const int64_t block = e == 0 ? l.n * l.inner : 0;
    if (block == 0)
        return e;
    double *x = malloc(sizeof(*x) * (size_t)block);
    if (!x)
        return err_set(err, ERR_NOMEM, "doubles of a softmax");
    for (int64_t o = 0; o < l.outer; o++) {
        tensor_load_f64(call->in[0], o * block, block, x);
        for (int64_t i = 0; i < l.inner; i++)
            soften(call->node->op->name, x + i, &l);
        tensor_store_f64(call->out[0], o * block, block, x);
    }
    free(x);
    return 0;
}

const struct op op_softmax_rows[] = {
    {"", "Softmax", 1, 1, 1, 1, " axis ", infer_softmax, run_softmax},
    {"", "LogSoftmax", 1, 1, 1, 1, " axis ", infer_softmax, run_softmax},
    {"", "Hardmax", 1, 1, 1, 1, " axis ", infer_softmax, run_softmax},
    {0},
};
