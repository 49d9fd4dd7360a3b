/*
 * matmul: MatMul as numpy.matmul does it, Gemm. Sums are double.
 *
 * Source: ONNX operators, MatMul-13, Gemm-13. Tested: ONNX's suite.
 */
#include "kernels/ops/op_map.h"

#include "base/err.h"

#include <stdlib.h>
#include <string.h>

/** A of [..., m, k] and b of [..., k, n], one axis put in where numpy does it. */
struct product {
    struct tensor a, b, y; // shapes; y has the axes that were put in
    bool one_row, one_column;
};

static int init_product(struct product *p, const struct op_call *call, struct err *err)
{
    p->a = *call->in[0];
    p->b = *call->in[1];
    p->one_row = p->a.rank == 1;
    p->one_column = p->b.rank == 1;
    if (p->a.rank < 1 || p->b.rank < 1)
        return err_set(err, ERR_FORMAT, "a matrix without axes");
    if (p->one_row) {
        p->a.rank = 2;
        p->a.dim[1] = p->a.dim[0];
        p->a.dim[0] = 1;
    }
    if (p->one_column) {
        p->b.rank = 2;
        p->b.dim[1] = 1;
    }
    const int ra = p->a.rank, rb = p->b.rank;
    if (p->a.dim[ra - 1] != p->b.dim[rb - 2])
        return err_set(err, ERR_FORMAT, "%lld columns meet %lld rows",
                       (long long)p->a.dim[ra - 1], (long long)p->b.dim[rb - 2]);
    struct tensor batch = p->b;
    p->y = p->a;
    p->y.rank -= 2;
    batch.rank -= 2;
    const int e = op_broadcast(&p->y, &batch, err);
    if (e != 0)
        return e;
    p->y.dim[p->y.rank++] = p->a.dim[ra - 2];
    p->y.dim[p->y.rank++] = p->b.dim[rb - 1];
    return 0;
}

static int infer_matmul(struct op_call *call, struct err *err)
{
    struct product p;
    int e = op_want_same(call, 0, err);
    if (e == 0)
        e = init_product(&p, call, err);
    if (e != 0)
        return e;
    if (p.one_column)
        p.y.rank--;
    if (p.one_row) {
        p.y.rank--;
        if (!p.one_column)
            p.y.dim[p.y.rank - 1] = p.b.dim[p.b.rank - 1];
    }
    op_shape(call, 0, call->in[0]->type, p.y.rank, p.y.dim);
    return 0;
}

static void multiply(const double *a, const double *b, int64_t m, int64_t k, int64_t n,
                     double *y)
{
    memset(y, 0, sizeof(*y) * (size_t)(m * n));
    for (int64_t i = 0; i < m; i++) {
        for (int64_t q = 0; q < k; q++) {
            const double x = a[i * k + q];
            for (int64_t j = 0; j < n; j++)
                y[i * n + j] += x * b[q * n + j];
        }
    }
}

static int run_matmul(struct op_call *call, struct err *err)
{
    struct product p;
    const int e = init_product(&p, call, err);
    if (e != 0 || tensor_count(call->out[0]) == 0)
        return e;
    const int64_t m = p.a.dim[p.a.rank - 2], k = p.a.dim[p.a.rank - 1];
    const int64_t n = p.b.dim[p.b.rank - 1];
    double *as = malloc(sizeof(double) * (size_t)(m * k + k * n + m * n + 1));
    if (!as)
        return err_set(err, ERR_NOMEM, "doubles of a product");
    double *bs = as + m * k, *ys = bs + k * n;

    int64_t sa[TENSOR_RANK_MAX], sb[TENSOR_RANK_MAX], at[TENSOR_RANK_MAX] = {0}, to = 0;
    const int batch = p.y.rank - 2;
    p.a.rank -= 2;
    p.b.rank -= 2;
    op_strides(&p.a, p.y.dim, batch, sa);
    op_strides(&p.b, p.y.dim, batch, sb);
    do {
        int64_t ia = 0, ib = 0;
        for (int i = 0; i < batch; i++) {
            ia += at[i] * sa[i];
            ib += at[i] * sb[i];
        }
        tensor_load_f64(call->in[0], ia * m * k, m * k, as);
        tensor_load_f64(call->in[1], ib * k * n, k * n, bs);
        multiply(as, bs, m, k, n, ys);
        tensor_store_f64(call->out[0], to, m * n, ys);
        to += m * n;
    } while (op_next(p.y.dim, batch, at));
    free(as);
    return 0;
}

/* Gemm: y = alpha * A' B' + beta * C */

static int infer_gemm(struct op_call *call, struct err *err)
{
    const struct tensor *a = call->in[0], *b = call->in[1];
    const int ta = node_int(call->node, "transA", 0) != 0;
    const int tb = node_int(call->node, "transB", 0) != 0;
    int e = op_want_same(call, 0, err);
    if (e == 0 && (a->rank != 2 || b->rank != 2 || a->dim[!ta] != b->dim[tb]))
        e = err_set(err, ERR_FORMAT, "matrices that do not fit");
    if (e != 0)
        return e;
    struct tensor y = {.rank = 2, .dim = {a->dim[ta], b->dim[!tb]}};
    if (op_has(call, 2)) {
        struct tensor c = *call->in[2], sum = y;
        // Up to opset 6 a C of one number a row broadcast only when "broadcast" said so.
        e = op_broadcast(&sum, &c, err);
        if (e == 0 && !tensor_has_shape_of(&sum, &y))
            e = err_set(err, ERR_FORMAT, "C is larger than the product");
    }
    if (e == 0)
        op_shape(call, 0, a->type, 2, y.dim);
    return e;
}

static void load_matrix(const struct tensor *t, bool transposed, double *scratch,
                        double *ret)
{
    const int64_t rows = t->dim[0], columns = t->dim[1];
    if (!transposed) {
        tensor_load_f64(t, 0, rows * columns, ret);
        return;
    }
    for (int64_t i = 0; i < rows; i++) {
        tensor_load_f64(t, i * columns, columns, scratch);
        for (int64_t j = 0; j < columns; j++)
            ret[j * rows + i] = scratch[j];
    }
}

static void add_c(const struct op_call *call, double alpha, double beta, double *y)
{
    const struct tensor *out = call->out[0];
    int64_t stride[2] = {0, 0};
    if (op_has(call, 2))
        op_strides(call->in[2], out->dim, 2, stride);
    for (int64_t i = 0; i < out->dim[0]; i++) {
        for (int64_t j = 0; j < out->dim[1]; j++) {
            const double c = op_has(call, 2)
                                 ? op_number(call->in[2], i * stride[0] + j * stride[1])
                                 : 0;
            y[i * out->dim[1] + j] = alpha * y[i * out->dim[1] + j] + beta * c;
        }
    }
}

static int run_gemm(struct op_call *call, struct err *err)
{
    const struct tensor *a = call->in[0], *b = call->in[1], *y = call->out[0];
    const bool ta = node_int(call->node, "transA", 0),
               tb = node_int(call->node, "transB", 0);
    const int64_t m = y->dim[0], n = y->dim[1], k = a->dim[!ta];
    const int64_t wide = a->dim[1] > b->dim[1] ? a->dim[1] : b->dim[1];
    double *as = malloc(sizeof(double) * (size_t)(m * k + k * n + m * n + wide + 1));
    if (!as)
        return err_set(err, ERR_NOMEM, "doubles of a product");
    double *bs = as + m * k, *ys = bs + k * n, *scratch = ys + m * n;
    load_matrix(a, ta, scratch, as);
    load_matrix(b, tb, scratch, bs);
    multiply(as, bs, m, k, n, ys);
    add_c(call, (double)node_float(call->node, "alpha", 1),
          (double)node_float(call->node, "beta", 1), ys);
    tensor_store_f64(call->out[0], 0, m * n, ys);
    free(as);
    return 0;
}

const struct op op_matmul_rows[] = {
    {"", "MatMul", 1, 2, 2, 1, "", infer_matmul, run_matmul},
    {"", "Gemm", 1, 2, 3, 1, " alpha beta transA transB broadcast ", infer_gemm,
     run_gemm},
    {0},
};
