/* move: operators that put numbers elsewhere whatever their type: Transpose, Concat, Split,
 * Expand, Tile, DepthToSpace, SpaceToDepth. */
#include "kernels/ops/op.h"

#include "base/err.h"

#include <string.h>

/** out[at] = in[sum of at * stride] for all places of out; strides in elements. */
static void move_by_strides(const struct tensor *in, struct tensor *out, int rank,
                            const int64_t *dim, const int64_t *stride)
{
    const size_t size = tensor_type_size(out->type);
    int64_t at[2 * TENSOR_RANK_MAX] = {0};
    char *to = out->data;
    if (tensor_count(out) == 0)
        return;
    do {
        int64_t from = 0;
        for (int i = 0; i < rank; i++)
            from += at[i] * stride[i];
        memcpy(to, (const char *)in->data + (size_t)from * size, size);
        to += size;
    } while (op_next(dim, rank, at));
}

/* Transpose */

static int find_perm(const struct op_call *call, int *perm, struct err *err)
{
    struct op_ints given;
    const int rank = call->in[0]->rank;
    bool seen[TENSOR_RANK_MAX] = {false};
    const int e = op_attr_ints(call, "perm", &given, err);
    if (e != 0)
        return e;
    if (given.count != 0 && given.count != (size_t)rank)
        return err_set(err, ERR_FORMAT, "perm of %zu for %d axes", given.count, rank);
    for (int i = 0; i < rank; i++) {
        const int64_t p = given.count ? given.item[i] : rank - 1 - i;
        if (p < 0 || p >= rank || seen[p])
            return err_set(err, ERR_FORMAT, "perm is no permutation");
        seen[p] = true;
        perm[i] = (int)p;
    }
    return 0;
}

static int infer_transpose(struct op_call *call, struct err *err)
{
    int perm[TENSOR_RANK_MAX];
    int64_t dim[TENSOR_RANK_MAX];
    const int e = find_perm(call, perm, err);
    for (int i = 0; e == 0 && i < call->in[0]->rank; i++)
        dim[i] = call->in[0]->dim[perm[i]];
    if (e == 0)
        op_shape(call, 0, call->in[0]->type, call->in[0]->rank, dim);
    return e;
}

static int run_transpose(struct op_call *call, struct err *err)
{
    int perm[TENSOR_RANK_MAX];
    int64_t stride[TENSOR_RANK_MAX];
    const struct tensor *in = call->in[0];
    const int e = find_perm(call, perm, err);
    if (e != 0)
        return e;
    for (int i = 0; i < in->rank; i++)
        stride[i] = tensor_span(in, perm[i] + 1, in->rank);
    move_by_strides(in, call->out[0], in->rank, call->out[0]->dim, stride);
    return 0;
}

/* Concat */

static int concat_axis(const struct op_call *call, int *ret, struct err *err)
{
    return op_axis(node_int(call->node, "axis", 1), call->in[0]->rank, ret, err);
}

static int infer_concat(struct op_call *call, struct err *err)
{
    int axis;
    struct tensor shape = *call->in[0];
    int e = op_want_same(call, 0, err);
    if (e == 0)
        e = concat_axis(call, &axis, err);
    for (size_t k = 1; e == 0 && k < call->in_count; k++) {
        if (!call->in[k])
            return err_set(err, ERR_FORMAT, "input %zu is not given", k);
        struct tensor other = *call->in[k];
        if (other.rank != shape.rank || other.dim[axis] > INT64_MAX - shape.dim[axis])
            return err_set(err, ERR_FORMAT, "input %zu has %d axes", k, other.rank);
        shape.dim[axis] += other.dim[axis];
        other.dim[axis] = shape.dim[axis];
        if (!tensor_has_shape_of(&shape, &other))
            return err_set(err, ERR_FORMAT, "input %zu has another shape", k);
    }
    if (e == 0)
        op_shape(call, 0, shape.type, shape.rank, shape.dim);
    return e;
}

static int run_concat(struct op_call *call, struct err *err)
{
    int axis;
    const struct tensor *out = call->out[0];
    const int e = concat_axis(call, &axis, err);
    if (e != 0)
        return e;
    const size_t size = tensor_type_size(out->type);
    char *to = out->data;
    for (int64_t o = 0; o < tensor_span(out, 0, axis); o++) {
        for (size_t k = 0; k < call->in_count; k++) {
            const struct tensor *in = call->in[k];
            const size_t bytes = (size_t)tensor_span(in, axis, in->rank) * size;
            const char *from = (const char *)in->data + (size_t)o * bytes;
            if (bytes > 0 && to != from) // a planner may have put it there already
                memcpy(to, from, bytes);
            to += bytes;
        }
    }
    return 0;
}

/* Split */

static int split_sizes(const struct op_call *call, int *axis, struct op_ints *sizes,
                       struct err *err)
{
    int e = op_axis(node_int(call->node, "axis", 0), call->in[0]->rank, axis, err);
    if (e == 0)
        e = op_ints_by_opset(call, "split", 13, 1, sizes, err);
    if (e != 0)
        return e;
    const int64_t whole = call->in[0]->dim[*axis], n = (int64_t)call->out_count;
    const int64_t part = (whole + n - 1) / n;
    int64_t rest = whole;
    if (call->out_count > sizeof(sizes->item) / sizeof(sizes->item[0]))
        return err_set(err, ERR_LIMIT, "%zu outputs", call->out_count);
    for (size_t i = 0; sizes->count == 0 && i < call->out_count; i++) {
        sizes->item[i] = rest < part ? rest : part;
        rest -= sizes->item[i];
    }
    sizes->count = sizes->count ? sizes->count : call->out_count;
    rest = whole;
    for (size_t i = 0; i < sizes->count; i++) {
        if (sizes->item[i] < 0 || sizes->item[i] > rest)
            return err_set(err, ERR_FORMAT, "part %zu has %lld", i,
                           (long long)sizes->item[i]);
        rest -= sizes->item[i];
    }
    if (rest != 0 || sizes->count != call->out_count)
        return err_set(err, ERR_FORMAT, "parts that do not make the whole");
    return 0;
}

static int infer_split(struct op_call *call, struct err *err)
{
    int axis;
    struct op_ints sizes;
    const int e = split_sizes(call, &axis, &sizes, err);
    for (size_t i = 0; e == 0 && i < sizes.count; i++) {
        struct tensor shape = *call->in[0];
        shape.dim[axis] = sizes.item[i];
        op_shape(call, i, shape.type, shape.rank, shape.dim);
    }
    return e;
}

static int run_split(struct op_call *call, struct err *err)
{
    int axis;
    struct op_ints sizes;
    const struct tensor *in = call->in[0];
    const int e = split_sizes(call, &axis, &sizes, err);
    if (e != 0)
        return e;
    const size_t unit =
        tensor_type_size(in->type) * (size_t)tensor_span(in, axis + 1, in->rank);
    const char *from = in->data;
    for (int64_t o = 0; o < tensor_span(in, 0, axis); o++) {
        for (size_t i = 0; i < sizes.count; i++) {
            const size_t bytes = (size_t)sizes.item[i] * unit;
            if (call->out[i] && bytes > 0)
                memcpy((char *)call->out[i]->data + (size_t)o * bytes, from, bytes);
            from += bytes;
        }
    }
    return 0;
}

/* Expand, Tile */

static int infer_expand(struct op_call *call, struct err *err)
{
    struct op_ints want;
    struct tensor shape = *call->in[0], other = {.rank = 0};
    int e = op_input_ints(call, 1, &want, err);
    if (e == 0 && want.count > TENSOR_RANK_MAX)
        e = err_set(err, ERR_UNSUPPORTED, "%zu axes", want.count);
    if (e != 0)
        return e;
    other.rank = (int)want.count;
    for (int i = 0; i < other.rank; i++)
        other.dim[i] = want.item[i];
    e = op_broadcast(&shape, &other, err);
    if (e == 0)
        op_shape(call, 0, shape.type, shape.rank, shape.dim);
    return e;
}

static int run_expand(struct op_call *call, struct err *err)
{
    (void)err;
    int64_t stride[TENSOR_RANK_MAX];
    struct tensor *out = call->out[0];
    op_strides(call->in[0], out->dim, out->rank, stride);
    move_by_strides(call->in[0], out, out->rank, out->dim, stride);
    return 0;
}

static int infer_tile(struct op_call *call, struct err *err)
{
    struct op_ints repeats;
    struct tensor shape = *call->in[0];
    const int e = op_input_ints(call, 1, &repeats, err);
    if (e != 0)
        return e;
    if (repeats.count != (size_t)shape.rank)
        return err_set(err, ERR_FORMAT, "%zu repeats for %d axes", repeats.count,
                       shape.rank);
    for (int i = 0; i < shape.rank; i++) {
        if (repeats.item[i] < 0
            || __builtin_mul_overflow(shape.dim[i], repeats.item[i], &shape.dim[i]))
            return err_set(err, ERR_FORMAT, "%lld repeats", (long long)repeats.item[i]);
    }
    op_shape(call, 0, shape.type, shape.rank, shape.dim);
    return 0;
}

static int run_tile(struct op_call *call, struct err *err)
{
    (void)err;
    // Each axis becomes two: the repeats with stride 0, and the axis itself.
    const struct tensor *in = call->in[0];
    int64_t dim[2 * TENSOR_RANK_MAX], stride[2 * TENSOR_RANK_MAX];
    for (int i = 0; i < in->rank; i++) {
        dim[2 * i] = in->dim[i] ? call->out[0]->dim[i] / in->dim[i] : 0;
        dim[2 * i + 1] = in->dim[i];
        stride[2 * i] = 0;
        stride[2 * i + 1] = tensor_span(in, i + 1, in->rank);
    }
    move_by_strides(in, call->out[0], 2 * in->rank, dim, stride);
    return 0;
}

/* DepthToSpace, SpaceToDepth */

static int infer_depth(struct op_call *call, struct err *err)
{
    const struct tensor *x = call->in[0];
    const int64_t b = node_int(call->node, "blocksize", 0);
    const bool to_space = strcmp(call->node->op->name, "DepthToSpace") == 0;
    if (x->rank != 4 || b < 1 || b > 4096
        || (to_space ? x->dim[1] % (b * b) != 0
                     : x->dim[2] % b != 0 || x->dim[3] % b != 0))
        return err_set(err, ERR_FORMAT, "blocks of %lld do not divide x", (long long)b);
    const int64_t space[4] = {x->dim[0], x->dim[1] / (b * b), x->dim[2] * b,
                              x->dim[3] * b};
    const int64_t depth[4] = {x->dim[0], x->dim[1] * b * b, x->dim[2] / b, x->dim[3] / b};
    op_shape(call, 0, x->type, 4, to_space ? space : depth);
    return 0;
}

static int run_depth_to_space(struct op_call *call, struct err *err)
{
    (void)err;
    const struct tensor *x = call->in[0];
    const int64_t b = node_int(call->node, "blocksize", 1), h = x->dim[2], w = x->dim[3];
    const int64_t c = x->dim[1] / (b * b);
    const bool crd = strcmp(node_string(call->node, "mode", "DCR"), "CRD") == 0;
    // y[n, c, h, by, w, bx] of x[n, by, bx, c, h, w] (DCR) or x[n, c, by, bx, h, w] (CRD)
    const int64_t dim[6] = {x->dim[0], c, h, b, w, b};
    const int64_t stride[6] = {x->dim[1] * h * w,
                               crd ? b * b * h * w : h * w,
                               w,
                               crd ? b * h * w : b * c * h * w,
                               1,
                               crd ? h * w : c * h * w};
    move_by_strides(x, call->out[0], 6, dim, stride);
    return 0;
}

static int run_space_to_depth(struct op_call *call, struct err *err)
{
    (void)err;
    const struct tensor *x = call->in[0];
    const int64_t b = node_int(call->node, "blocksize", 1), h = x->dim[2], w = x->dim[3];
    // y[n, by, bx, c, h, w] of x[n, c, h, by, w, bx]
    const int64_t dim[6] = {x->dim[0], b, b, x->dim[1], h / b, w / b};
    const int64_t stride[6] = {x->dim[1] * h * w, w, 1, h * w, b * w, b};
    move_by_strides(x, call->out[0], 6, dim, stride);
    return 0;
}

const struct op op_move_rows[] = {
    {"", "Transpose", 1, 1, 1, 1, " perm ", infer_transpose, run_transpose},
    {"", "Concat", 1, 1, OP_MANY, 1, " axis ", infer_concat, run_concat},
    {"", "Split", 1, 1, 1, OP_MANY, " axis split ", infer_split, run_split},
    {"", "Split", 13, 1, 2, OP_MANY, " axis num_outputs ", infer_split, run_split},
    {"", "Expand", 8, 2, 2, 1, "", infer_expand, run_expand},
    {"", "Tile", 6, 2, 2, 1, "", infer_tile, run_tile},
    {"", "DepthToSpace", 1, 1, 1, 1, " blocksize mode ", infer_depth, run_depth_to_space},
    {"", "SpaceToDepth", 1, 1, 1, 1, " blocksize ", infer_depth, run_space_to_depth},
    {0},
};
