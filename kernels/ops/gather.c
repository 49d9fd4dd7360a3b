/* gather: numbers by index: Gather, GatherElements, GatherND, TopK. */
#include "kernels/ops/op.h"

#include "base/err.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int want_indices(const struct op_call *call, struct err *err)
{
    if (call->in[1]->type != TENSOR_I64 && call->in[1]->type != TENSOR_I32)
        return err_set(err, ERR_FORMAT, "indices are %s",
                       tensor_type_name(call->in[1]->type));
    return 0;
}

/** Index i of a tensor of indices, which may count from the end, to 0 .. n - 1. */
static int index_at(const struct tensor *indices, int64_t i, int64_t n, int64_t *ret,
                    struct err *err)
{
    int64_t k = 0;
    tensor_load_i64(indices, i, 1, &k);
    if (k < -n || k >= n)
        return err_set(err, ERR_FORMAT, "index %lld of %lld", (long long)k, (long long)n);
    *ret = k < 0 ? k + n : k;
    return 0;
}

static int infer_gather(struct op_call *call, struct err *err)
{
    int axis;
    const struct tensor *x = call->in[0], *indices = call->in[1];
    int e = op_axis(node_int(call->node, "axis", 0), x->rank, &axis, err);
    if (e == 0)
        e = want_indices(call, err);
    if (e == 0 && x->rank - 1 + indices->rank > TENSOR_RANK_MAX)
        e = err_set(err, ERR_UNSUPPORTED, "%d axes", x->rank - 1 + indices->rank);
    if (e != 0)
        return e;
    int64_t dim[TENSOR_RANK_MAX];
    int rank = 0;
    for (int i = 0; i < axis; i++)
        dim[rank++] = x->dim[i];
    for (int i = 0; i < indices->rank; i++)
        dim[rank++] = indices->dim[i];
    for (int i = axis + 1; i < x->rank; i++)
        dim[rank++] = x->dim[i];
    op_shape(call, 0, x->type, rank, dim);
    return 0;
}

static int run_gather(struct op_call *call, struct err *err)
{
    int axis, e = op_axis(node_int(call->node, "axis", 0), call->in[0]->rank, &axis, err);
    const struct tensor *x = call->in[0];
    if (e != 0)
        return e;
    const size_t row =
        (size_t)tensor_span(x, axis + 1, x->rank) * tensor_type_size(x->type);
    const int64_t count = tensor_count(call->in[1]);
    char *to = call->out[0]->data;
    for (int64_t o = 0; e == 0 && o < tensor_span(x, 0, axis); o++) {
        for (int64_t i = 0; e == 0 && i < count; i++) {
            int64_t k = 0;
            e = index_at(call->in[1], i, x->dim[axis], &k, err);
            if (e == 0 && row > 0)
                memcpy(to, (const char *)x->data + (size_t)(o * x->dim[axis] + k) * row,
                       row);
            to += row;
        }
    }
    return e;
}

static int infer_elements(struct op_call *call, struct err *err)
{
    int axis;
    const struct tensor *x = call->in[0], *indices = call->in[1];
    int e = op_axis(node_int(call->node, "axis", 0), x->rank, &axis, err);
    if (e == 0)
        e = want_indices(call, err);
    if (e == 0 && x->rank != indices->rank)
        e = err_set(err, ERR_FORMAT, "x has %d axes, the indices %d", x->rank,
                    indices->rank);
    for (int i = 0; e == 0 && i < x->rank; i++) {
        if (i != axis && indices->dim[i] > x->dim[i])
            e = err_set(err, ERR_FORMAT, "the indices are larger than x");
    }
    if (e == 0)
        op_shape(call, 0, x->type, x->rank, indices->dim);
    return e;
}

static int run_elements(struct op_call *call, struct err *err)
{
    int axis, e = op_axis(node_int(call->node, "axis", 0), call->in[0]->rank, &axis, err);
    const struct tensor *x = call->in[0], *indices = call->in[1];
    const size_t size = tensor_type_size(x->type);
    int64_t at[TENSOR_RANK_MAX] = {0}, to = 0;
    if (e != 0 || tensor_count(indices) == 0)
        return e;
    do {
        int64_t k = 0, from = 0;
        e = index_at(indices, to, x->dim[axis], &k, err);
        if (e != 0)
            return e;
        for (int i = 0; i < x->rank; i++)
            from = from * x->dim[i] + (i == axis ? k : at[i]);
        memcpy((char *)call->out[0]->data + (size_t)to++ * size,
               (const char *)x->data + (size_t)from * size, size);
    } while (op_next(indices->dim, x->rank, at));
    return 0;
}

static int infer_nd(struct op_call *call, struct err *err)
{
    const struct tensor *x = call->in[0], *indices = call->in[1];
    const int64_t b = node_int(call->node, "batch_dims", 0);
    const int e = want_indices(call, err);
    if (e != 0)
        return e;
    if (indices->rank < 1 || b < 0 || b >= indices->rank || b >= x->rank)
        return err_set(err, ERR_FORMAT, "%lld batch axes", (long long)b);
    const int64_t deep = indices->dim[indices->rank - 1];
    if (deep < 1 || b + deep > x->rank)
        return err_set(err, ERR_FORMAT, "indices of %lld", (long long)deep);
    int64_t dim[2 * TENSOR_RANK_MAX];
    int rank = 0;
    for (int i = 0; i < indices->rank - 1; i++) {
        if (i < b && indices->dim[i] != x->dim[i])
            return err_set(err, ERR_FORMAT, "batch axes differ");
        dim[rank++] = indices->dim[i];
    }
    for (int i = (int)(b + deep); i < x->rank; i++)
        dim[rank++] = x->dim[i];
    if (rank > TENSOR_RANK_MAX)
        return err_set(err, ERR_UNSUPPORTED, "%d axes", rank);
    op_shape(call, 0, x->type, rank, dim);
    return 0;
}

static int run_nd(struct op_call *call, struct err *err)
{
    const struct tensor *x = call->in[0], *indices = call->in[1];
    const int b = (int)node_int(call->node, "batch_dims", 0);
    const int deep = (int)indices->dim[indices->rank - 1];
    const int64_t tuples = tensor_span(indices, 0, indices->rank - 1);
    const int64_t per_batch = tensor_span(indices, b, indices->rank - 1);
    const size_t row =
        (size_t)tensor_span(x, b + deep, x->rank) * tensor_type_size(x->type);
    for (int64_t t = 0; t < tuples; t++) {
        int64_t from = t / per_batch;
        for (int i = 0; i < deep; i++) {
            int64_t k = 0;
            const int e = index_at(indices, t * deep + i, x->dim[b + i], &k, err);
            if (e != 0)
                return e;
            from = from * x->dim[b + i] + k;
        }
        if (row > 0)
            memcpy((char *)call->out[0]->data + (size_t)t * row,
                   (const char *)x->data + (size_t)from * row, row);
    }
    return 0;
}

/* TopK */

static int find_k(const struct op_call *call, int *axis, int64_t *k, struct err *err)
{
    struct op_ints ints = {.count = 1, .item = {node_int(call->node, "k", 0)}};
    int e = op_axis(node_int(call->node, "axis", -1), call->in[0]->rank, axis, err);
    if (e == 0 && call->node->opset >= 10)
        e = op_input_ints(call, 1, &ints, err);
    if (e != 0)
        return e;
    if (ints.count != 1 || ints.item[0] < 0 || ints.item[0] > call->in[0]->dim[*axis])
        return err_set(err, ERR_FORMAT, "k is not in 0 .. %lld",
                       (long long)call->in[0]->dim[*axis]);
    *k = ints.item[0];
    return 0;
}

static int infer_topk(struct op_call *call, struct err *err)
{
    int axis;
    int64_t k = 0;
    struct tensor shape = *call->in[0];
    const int e = find_k(call, &axis, &k, err);
    if (e != 0)
        return e;
    shape.dim[axis] = k;
    op_shape(call, 0, shape.type, shape.rank, shape.dim);
    op_shape(call, 1, TENSOR_I64, shape.rank, shape.dim);
    return 0;
}

struct ranked {
    double x;
    int64_t index;
};

static int compare_up(const void *a, const void *b)
{
    const struct ranked *p = a, *q = b;
    if (p->x != q->x)
        return p->x < q->x ? -1 : 1;
    return p->index < q->index ? -1 : 1;
}

static int compare_down(const void *a, const void *b)
{
    const struct ranked *p = a, *q = b;
    if (p->x != q->x)
        return p->x > q->x ? -1 : 1;
    return p->index < q->index ? -1 : 1;
}

static int run_topk(struct op_call *call, struct err *err)
{
    int axis;
    int64_t k = 0;
    const struct tensor *x = call->in[0];
    const int e = find_k(call, &axis, &k, err);
    if (e != 0)
        return e;
    const int64_t n = x->dim[axis], inner = tensor_span(x, axis + 1, x->rank);
    const bool largest = node_int(call->node, "largest", 1);
    struct ranked *lane = malloc(sizeof(*lane) * (size_t)(n + 1));
    if (!lane)
        return err_set(err, ERR_NOMEM, "a lane of %lld", (long long)n);
    for (int64_t o = 0; o < tensor_span(x, 0, axis); o++) {
        for (int64_t i = 0; i < inner; i++) {
            for (int64_t j = 0; j < n; j++)
                lane[j] = (struct ranked){op_number(x, (o * n + j) * inner + i), j};
            qsort(lane, (size_t)n, sizeof(*lane), largest ? compare_down : compare_up);
            for (int64_t j = 0; j < k; j++) {
                const int64_t to = (o * k + j) * inner + i;
                if (call->out[0])
                    tensor_store_f64(call->out[0], to, 1, &lane[j].x);
                if (call->out_count > 1 && call->out[1])
                    tensor_store_i64(call->out[1], to, 1, &lane[j].index);
            }
        }
    }
    free(lane);
    return 0;
}

const struct op op_gather_rows[] = {
    {"", "Gather", 1, 2, 2, 1, " axis ", infer_gather, run_gather},
    {"", "GatherElements", 11, 2, 2, 1, " axis ", infer_elements, run_elements},
    {"", "GatherND", 11, 2, 2, 1, " batch_dims ", infer_nd, run_nd},
    {"", "TopK", 1, 1, 1, 2, " axis k ", infer_topk, run_topk},
    {"", "TopK", 10, 2, 2, 2, " axis largest sorted ", infer_topk, run_topk},
    {0},
};
