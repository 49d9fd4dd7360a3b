/* pool: MaxPool, AveragePool, LpPool and their Global forms. */
#include "kernels/ops/op_window.h"

#include "base/err.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_POOL, AVERAGE_POOL, LP_POOL };

static int kind_of(const struct op_call *call)
{
    const char *name = call->node->op->name;
    return strstr(name, "Max")       ? MAX_POOL
           : strstr(name, "Average") ? AVERAGE_POOL
                                     : LP_POOL;
}

static int init(struct op_window *w, const struct op_call *call, struct err *err)
{
    const struct tensor *x = call->in[0];
    if (strncmp(call->node->op->name, "Global", 6) != 0)
        return op_window_init(w, call, x, NULL, err);
    // A global pooling is one window over all; its axes may be as many as one likes.
    if (x->rank < 2)
        return err_set(err, ERR_FORMAT, "x has %d axes", x->rank);
    *w = (struct op_window){.axes = x->rank - 2};
    for (int i = 0; i < OP_SPATIAL_MAX; i++)
        w->in[i] = w->out[i] = w->kernel[i] = w->stride[i] = w->dilation[i] = 1;
    w->in[2] = w->kernel[2] = tensor_span(x, 2, x->rank);
    return w->in[2] > 0 ? 0 : err_set(err, ERR_FORMAT, "nothing to pool");
}

static int infer_pool(struct op_call *call, struct err *err)
{
    struct op_window w;
    const struct tensor *x = call->in[0];
    int e = kind_of(call) == MAX_POOL ? 0 : op_want_float(call, 0, err);
    if (e == 0)
        e = init(&w, call, err);
    if (e != 0)
        return e;
    const bool global = strncmp(call->node->op->name, "Global", 6) == 0;
    int64_t dim[TENSOR_RANK_MAX] = {x->dim[0], x->dim[1]};
    for (int i = 0; i < w.axes; i++)
        dim[i + 2] = global ? 1 : w.out[OP_SPATIAL_MAX - w.axes + i];
    op_shape(call, 0, x->type, x->rank, dim);
    op_shape(call, 1, TENSOR_I64, x->rank, dim);
    return 0;
}

/** What one window has seen. */
struct seen {
    double max, sum;
    int64_t arg, count;
};

static struct seen look(const struct op_window *w, const double *x, const int64_t *at,
                        double p)
{
    struct seen s = {.max = -HUGE_VAL, .arg = -1};
    int64_t k[OP_SPATIAL_MAX] = {0};
    do {
        int64_t offset = 0;
        bool inside = true;
        for (int i = 0; i < OP_SPATIAL_MAX; i++) {
            const int64_t q = at[i] * w->stride[i] + k[i] * w->dilation[i] - w->begin[i];
            inside = inside && q >= 0 && q < w->in[i];
            offset = offset * w->in[i] + q;
        }
        if (!inside)
            continue;
        s.count++;
        s.sum += p > 0 ? pow(fabs(x[offset]), p) : x[offset];
        if (s.arg < 0 || x[offset] > s.max) {
            s.max = x[offset];
            s.arg = offset;
        }
    } while (op_next(w->kernel, OP_SPATIAL_MAX, k));
    return s;
}

/** Elements of a window that lie in the input or its padding: what count_include_pad means. */
static int64_t count_padded(const struct op_window *w, const int64_t *at)
{
    int64_t count = 1;
    for (int i = 0; i < OP_SPATIAL_MAX; i++) {
        const int64_t first = at[i] * w->stride[i] - w->begin[i];
        const int64_t room = w->in[i] + w->end[i] - first;
        const int64_t fit = (room + w->dilation[i] - 1) / w->dilation[i];
        count *= fit < w->kernel[i] ? fit : w->kernel[i];
    }
    return count;
}

struct pooling {
    struct op_window w;
    int kind;
    double p;
    bool with_padding, columns_first;
};

/** The place of an offset in the input, where storage_order 1 counts columns first. */
static int64_t index_of(const struct pooling *pool, int64_t offset, int64_t plane)
{
    if (!pool->columns_first)
        return plane * pool->w.in[0] * pool->w.in[1] * pool->w.in[2] + offset;
    const int64_t *in = pool->w.in;
    const int64_t x = offset % in[2], y = offset / in[2] % in[1],
                  z = offset / in[2] / in[1];
    return ((plane * in[2] + x) * in[1] + y) * in[0] + z;
}

static void pool_plane(const struct pooling *pool, const double *x, int64_t plane,
                       double *y, int64_t *arg)
{
    int64_t at[OP_SPATIAL_MAX] = {0};
    do {
        const struct seen s = look(&pool->w, x, at, pool->p);
        if (pool->kind == MAX_POOL) {
            *arg++ = index_of(pool, s.arg < 0 ? 0 : s.arg, plane);
            *y++ = s.max;
        } else if (pool->kind == LP_POOL) {
            *y++ = pow(s.sum, 1 / pool->p);
        } else {
            const int64_t n = pool->with_padding ? count_padded(&pool->w, at) : s.count;
            *y++ = n > 0 ? s.sum / (double)n : 0;
        }
    } while (op_next(pool->w.out, OP_SPATIAL_MAX, at));
}

static int run_pool(struct op_call *call, struct err *err)
{
    struct pooling pool = {.kind = kind_of(call)};
    const int e = init(&pool.w, call, err);
    if (e != 0)
        return e;
    pool.with_padding = node_int(call->node, "count_include_pad", 0);
    pool.columns_first = node_int(call->node, "storage_order", 0);
    if (pool.kind == LP_POOL) // up to opset 1 p was a float
        pool.p = call->node->opset < 2 ? (double)node_float(call->node, "p", 2)
                                       : (double)node_int(call->node, "p", 2);

    const struct tensor *x = call->in[0];
    struct tensor *args = call->out_count > 1 ? call->out[1] : NULL;
    const int64_t in = pool.w.in[0] * pool.w.in[1] * pool.w.in[2];
    const int64_t out = pool.w.out[0] * pool.w.out[1] * pool.w.out[2];
    double *xs = malloc(sizeof(double) * (size_t)(in + 2 * out + 1));
    if (!xs)
        return err_set(err, ERR_NOMEM, "doubles of a pooling");
    int64_t *arg = (int64_t *)(xs + in + out);
    for (int64_t plane = 0; plane < x->dim[0] * x->dim[1] && out > 0; plane++) {
        tensor_load_f64(x, plane * in, in, xs);
        pool_plane(&pool, xs, plane, xs + in, arg);
        if (call->out[0])
            tensor_store_f64(call->out[0], plane * out, out, xs + in);
        if (args)
            tensor_store_i64(args, plane * out, out, arg);
    }
    free(xs);
    return 0;
}

#define ATTRS " auto_pad ceil_mode dilations kernel_shape pads strides "

const struct op op_pool_rows[] = {
    {"", "MaxPool", 1, 1, 1, 2, ATTRS " storage_order ", infer_pool, run_pool},
    {"", "AveragePool", 1, 1, 1, 1, ATTRS " count_include_pad ", infer_pool, run_pool},
    {"", "LpPool", 1, 1, 1, 1, ATTRS " p ", infer_pool, run_pool},
    {"", "GlobalMaxPool", 1, 1, 1, 1, "", infer_pool, run_pool},
    {"", "GlobalAveragePool", 1, 1, 1, 1, "", infer_pool, run_pool},
    {"", "GlobalLpPool", 1, 1, 1, 1, " p ", infer_pool, run_pool},
    {0},
};
