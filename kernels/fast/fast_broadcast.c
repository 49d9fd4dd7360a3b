/*
 * fast_broadcast: Add, Sub, Mul, Div of plain tensors that broadcast to each other.
 *
 * Axes are merged where both operands allow it; the last one is a loop in which each operand
 * moves by one or stands. Cost: one pass. Test: ONNX's suite.
 */
#include "kernels/fast/fast.h"

#include "base/err.h"
#include "kernels/ops/op.h"

#include <stdlib.h>
#include <string.h>

struct broadcast {
    struct kernel base;
    char op; // first letter of the operator
    int rank;
    int64_t dim[TENSOR_RANK_MAX], a[TENSOR_RANK_MAX], b[TENSOR_RANK_MAX]; // strides
};

#define ROW(name, expr)                                                                 \
    KERNEL_CLONES static void name(const float *a, const float *b, float *y, int64_t n, \
                                   int kind)                                            \
    {                                                                                   \
        if (kind == 0)                                                                  \
            for (int64_t i = 0; i < n; i++) {                                           \
                const float p = a[i], q = b[i];                                         \
                y[i] = expr;                                                            \
            }                                                                           \
        else if (kind == 1)                                                             \
            for (int64_t i = 0; i < n; i++) {                                           \
                const float p = a[i], q = b[0];                                         \
                y[i] = expr;                                                            \
            }                                                                           \
        else                                                                            \
            for (int64_t i = 0; i < n; i++) {                                           \
                const float p = a[0], q = b[i];                                         \
                y[i] = expr;                                                            \
            }                                                                           \
    }

ROW(add_row, p + q)
ROW(sub_row, p - q)
ROW(mul_row, p *q)
ROW(div_row, p / q)

static int run(struct kernel *kernel, struct op_call *call, struct err *err)
{
    (void)err;
    const struct broadcast *k = (const struct broadcast *)kernel;
    const float *a = call->in[0]->data, *b = call->in[1]->data;
    float *y = call->out[0]->data;
    int64_t at[TENSOR_RANK_MAX] = {0};
    const int last = k->rank - 1;
    const int kind = k->a[last] == 0 ? 2 : k->b[last] == 0 ? 1 : 0;
    const int64_t n = k->dim[last];
    do {
        int64_t ia = 0, ib = 0;
        for (int i = 0; i < last; i++) {
            ia += at[i] * k->a[i];
            ib += at[i] * k->b[i];
        }
        if (k->op == 'A')
            add_row(a + ia, b + ib, y, n, kind);
        else if (k->op == 'S')
            sub_row(a + ia, b + ib, y, n, kind);
        else if (k->op == 'M')
            mul_row(a + ia, b + ib, y, n, kind);
        else
            div_row(a + ia, b + ib, y, n, kind);
        y += n;
    } while (op_next(k->dim, last, at));
    return 0;
}

static void destroy(struct kernel *kernel)
{
    free(kernel);
}

static void merge_axes(struct broadcast *k)
{
    for (int i = k->rank - 2; i >= 0; i--) {
        const bool one = k->dim[i] == 1;
        if (!one
            && (k->a[i] != k->a[i + 1] * k->dim[i + 1]
                || k->b[i] != k->b[i + 1] * k->dim[i + 1]))
            continue;
        k->dim[i] *= k->dim[i + 1];
        k->a[i] = k->a[i + 1];
        k->b[i] = k->b[i + 1];
        for (int j = i + 1; j + 1 < k->rank; j++) {
            k->dim[j] = k->dim[j + 1];
            k->a[j] = k->a[j + 1];
            k->b[j] = k->b[j + 1];
        }
        k->rank--;
    }
}

int fast_make_broadcast(const struct graph *graph, const struct node *node,
                        struct kernel **ret, struct err *err)
{
    const struct value *y = &graph->values[node->out[0]];
    if (node->in_count != 2 || node->opset < 7 || y->layout != LAYOUT_PLAIN)
        return 0;
    for (size_t i = 0; i < 2; i++) {
        const struct value *v = &graph->values[node->in[i]];
        if (v->layout != LAYOUT_PLAIN || v->shape.type != TENSOR_F32 || v->shape.rank < 0)
            return 0;
    }
    struct broadcast *k = calloc(1, sizeof(*k));
    if (!k)
        return err_set(err, ERR_NOMEM, "a kernel");
    k->base = (struct kernel){run, destroy, "broadcast"};
    k->op = node->op->name[0];
    k->rank = y->shape.rank;
    memcpy(k->dim, y->shape.dim, sizeof(k->dim));
    op_strides(&graph->values[node->in[0]].shape, k->dim, k->rank, k->a);
    op_strides(&graph->values[node->in[1]].shape, k->dim, k->rank, k->b);
    merge_axes(k);
    *ret = &k->base;
    return 0;
}
