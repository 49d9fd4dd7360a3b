#include "kernels/ops/op_map.h"

#include "base/err.h"

#include <string.h>

/** Output and inputs over as few axes as their strides allow. */
struct walk {
    int rank;
    int64_t dim[TENSOR_RANK_MAX + 1];
    int64_t stride[OP_MAP_INPUTS][TENSOR_RANK_MAX + 1]; // of the last axis: 0 or 1
    int64_t at[TENSOR_RANK_MAX + 1];
};

/** Can axes i and i + 1 be walked as one? */
static bool is_one_axis(const struct walk *w, size_t inputs, int i)
{
    for (size_t k = 0; k < inputs; k++) {
        if (w->stride[k][i] != w->stride[k][i + 1] * w->dim[i + 1])
            return false;
    }
    return true;
}

static void merge_axes(struct walk *w, size_t inputs)
{
    for (int i = w->rank - 2; i >= 0; i--) {
        if (w->dim[i] != 1 && !is_one_axis(w, inputs, i))
            continue;
        w->dim[i] *= w->dim[i + 1];
        for (size_t k = 0; k < inputs; k++)
            w->stride[k][i] = w->stride[k][i + 1];
        for (int j = i + 1; j + 1 < w->rank; j++) {
            w->dim[j] = w->dim[j + 1];
            for (size_t k = 0; k < inputs; k++)
                w->stride[k][j] = w->stride[k][j + 1];
        }
        w->rank--;
    }
}

static int start(struct walk *w, const struct op_call *call, struct err *err)
{
    const struct tensor *out = call->out[0];
    if (call->in_count > OP_MAP_INPUTS)
        return err_set(err, ERR_LIMIT, "%zu inputs", call->in_count);
    w->rank = out->rank;
    memcpy(w->dim, out->dim, sizeof(out->dim));
    memset(w->at, 0, sizeof(w->at));
    for (size_t k = 0; k < call->in_count; k++)
        op_strides(call->in[k], out->dim, out->rank, w->stride[k]);
    if (w->rank == 0) {
        w->rank = 1;
        w->dim[0] = 1;
        for (size_t k = 0; k < call->in_count; k++)
            w->stride[k][0] = 0;
    }
    merge_axes(w, call->in_count);
    return 0;
}

static int64_t offset_of(const struct walk *w, size_t input)
{
    int64_t offset = 0;
    for (int i = 0; i < w->rank - 1; i++)
        offset += w->at[i] * w->stride[input][i];
    return offset;
}

#define MAP(T, load, store)                                                         \
    struct walk w;                                                                  \
    T x[OP_MAP_INPUTS][OP_BLOCK];                                                   \
    const int e = start(&w, call, err);                                             \
    if (e != 0 || tensor_count(call->out[0]) == 0)                                  \
        return e;                                                                   \
    const int64_t row = w.dim[w.rank - 1];                                          \
    int64_t to = 0;                                                                 \
    do {                                                                            \
        for (int64_t i = 0; i < row; i += OP_BLOCK) {                               \
            const int n = (int)(row - i < OP_BLOCK ? row - i : OP_BLOCK);           \
            for (size_t k = 0; k < call->in_count; k++) {                           \
                const int64_t step = w.stride[k][w.rank - 1];                       \
                load(call->in[k], offset_of(&w, k) + i * step, step ? n : 1, x[k]); \
                for (int j = 1; !step && j < n; j++)                                \
                    x[k][j] = x[k][0];                                              \
            }                                                                       \
            fn(ctx, call->in_count, n, x);                                          \
            store(call->out[0], to, n, x[0]);                                       \
            to += n;                                                                \
        }                                                                           \
    } while (op_next(w.dim, w.rank - 1, w.at));                                     \
    return 0;

int op_map_f64(struct op_call *call, op_map_f64_fn *fn, const void *ctx, struct err *err)
{
    MAP(double, tensor_load_f64, tensor_store_f64)
}

int op_map_i64(struct op_call *call, op_map_i64_fn *fn, const void *ctx, struct err *err)
{
    MAP(int64_t, tensor_load_i64, tensor_store_i64)
}

int op_map_infer(struct op_call *call, enum tensor_type type, struct err *err)
{
    struct tensor shape = *call->in[0];
    for (size_t k = 1; k < call->in_count; k++) {
        if (!call->in[k])
            return err_set(err, ERR_FORMAT, "input %zu is not given", k);
        const int e = op_broadcast(&shape, call->in[k], err);
        if (e != 0)
            return e;
    }
    op_shape(call, 0, type, shape.rank, shape.dim);
    return 0;
}
