/*
 * fast_permute: Transpose of plain tensors: runs of what stays together are copied, and where
 * the last axis moves, squares that fit the cache are turned. Test: ONNX's suite.
 */
#include "kernels/fast/fast.h"

#include "base/err.h"
#include "kernels/ops/op.h"

#include <stdlib.h>
#include <string.h>

enum { SQUARE = 16 };

struct permute {
    struct kernel base;
    int rank;
    int64_t dim[TENSOR_RANK_MAX], stride[TENSOR_RANK_MAX]; // of the output; strides in x
    int turned; // the output's axis along which x is contiguous
};

static void copy_rows(const struct permute *p, const float *x, float *y)
{
    int64_t at[TENSOR_RANK_MAX] = {0};
    const int last = p->rank - 1;
    do {
        int64_t from = 0;
        for (int i = 0; i < last; i++)
            from += at[i] * p->stride[i];
        memcpy(y, x + from, (size_t)p->dim[last] * sizeof(*y));
        y += p->dim[last];
    } while (op_next(p->dim, last, at));
}

static void turn_square(const float *x, float *y, int64_t rows, int64_t columns,
                        int64_t x_stride, int64_t y_stride)
{
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t j = 0; j < columns; j++)
            y[i * y_stride + j] = x[j * x_stride + i];
    }
}

/** The plane of the output's last axis and the turned one. */
static void turn_plane(const struct permute *p, const float *x, float *y,
                       int64_t y_stride)
{
    const int64_t rows = p->dim[p->turned], columns = p->dim[p->rank - 1];
    const int64_t x_stride = p->stride[p->rank - 1];
    for (int64_t i = 0; i < rows; i += SQUARE) {
        for (int64_t j = 0; j < columns; j += SQUARE)
            turn_square(x + j * x_stride + i, y + i * y_stride + j,
                        rows - i < SQUARE ? rows - i : SQUARE,
                        columns - j < SQUARE ? columns - j : SQUARE, x_stride, y_stride);
    }
}

static void turn_planes(const struct permute *p, const float *x, float *y)
{
    int64_t y_stride[TENSOR_RANK_MAX], dim[TENSOR_RANK_MAX], at[TENSOR_RANK_MAX] = {0};
    int64_t stride = 1;
    for (int i = p->rank - 1; i >= 0; i--) {
        y_stride[i] = stride;
        stride *= p->dim[i];
        dim[i] = i == p->turned || i == p->rank - 1 ? 1 : p->dim[i];
    }
    do {
        int64_t from = 0, to = 0;
        for (int i = 0; i < p->rank; i++) {
            from += at[i] * p->stride[i];
            to += at[i] * y_stride[i];
        }
        turn_plane(p, x + from, y + to, y_stride[p->turned]);
    } while (op_next(dim, p->rank, at));
}

static int run(struct kernel *kernel, struct op_call *call, struct err *err)
{
    (void)err;
    const struct permute *p = (const struct permute *)kernel;
    if (p->stride[p->rank - 1] == 1)
        copy_rows(p, call->in[0]->data, call->out[0]->data);
    else
        turn_planes(p, call->in[0]->data, call->out[0]->data);
    return 0;
}

static void destroy(struct kernel *kernel)
{
    free(kernel);
}

int fast_make_permute(const struct graph *graph, const struct node *node,
                      struct kernel **ret, struct err *err)
{
    const struct value *x = &graph->values[node->in[0]];
    const struct attr *perm = node_attr(node, "perm");
    const int rank = x->shape.rank;
    if (x->layout != LAYOUT_PLAIN || graph->values[node->out[0]].layout != LAYOUT_PLAIN)
        return 0;
    struct permute *p = calloc(1, sizeof(*p));
    if (!p)
        return err_set(err, ERR_NOMEM, "a kernel");
    p->base = (struct kernel){run, destroy, "permute"};
    for (int i = 0; i < rank; i++) {
        const int from = perm ? (int)perm->ints[i] : rank - 1 - i;
        if (x->shape.dim[from] == 1)
            continue; // an axis of one stands nowhere
        p->stride[p->rank] = tensor_span(&x->shape, from + 1, rank);
        if (p->stride[p->rank] == 1)
            p->turned = p->rank;
        p->dim[p->rank++] = x->shape.dim[from];
    }
    if (p->rank == 0) {
        p->dim[0] = p->stride[0] = 1;
        p->rank = 1;
    }
    *ret = &p->base;
    return 0;
}
