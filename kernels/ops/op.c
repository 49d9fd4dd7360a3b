#include "kernels/ops/op.h"

#include "base/err.h"

#include <string.h>

// One word a file; each defines op_<word>_rows, which ends with an empty row.
// clang-format off
#define FILES(X)                                                                   \
    X(binary) X(boxes) X(constant) X(conv) X(deconv) X(einsum) X(fused) X(gather) X(logic) X(matmul)  \
    X(move) X(norm) X(pool) X(quant) X(quantised) X(reduce) X(regions) X(reshape) X(resize) X(slice) \
    X(softmax) X(unary)
// clang-format on

#define DECLARE(name) extern const struct op op_##name##_rows[];
FILES(DECLARE)
#define ENTRY(name) op_##name##_rows,
static const struct op *const TABLE[] = {FILES(ENTRY)};
enum { TABLE_FILES = sizeof(TABLE) / sizeof(TABLE[0]) };

const struct op *op_at(size_t i)
{
    for (int file = 0; file < TABLE_FILES; file++) {
        for (const struct op *op = TABLE[file]; op->name; op++) {
            if (i-- == 0)
                return op;
        }
    }
    return NULL;
}

int op_find(const char *domain, const char *name, int opset, const struct op **ret,
            struct err *err)
{
    const struct op *best = NULL;
    bool known = false;
    if (strcmp(domain, "ai.onnx") == 0)
        domain = "";
    for (int file = 0; file < TABLE_FILES; file++) {
        for (const struct op *op = TABLE[file]; op->name; op++) {
            if (strcmp(op->name, name) != 0 || strcmp(op->domain, domain) != 0)
                continue;
            known = true;
            if (op->since <= opset && (!best || op->since > best->since))
                best = op;
        }
    }
    if (!best)
        return err_set(err, ERR_UNSUPPORTED, "operator %s%s%.60s is not known%s", domain,
                       *domain ? "." : "", name, known ? " at this opset" : "");
    *ret = best;
    return 0;
}

bool op_knows_attr(const struct op *op, const char *name)
{
    const size_t length = strlen(name);
    if (length == 0)
        return false;
    for (const char *p = op->attrs; (p = strstr(p, name)); p++) {
        if (p > op->attrs && p[-1] == ' ' && p[length] == ' ')
            return true;
    }
    return false;
}

bool op_has(const struct op_call *call, size_t i)
{
    return i < call->in_count && call->in[i];
}

bool op_knows(const struct op_call *call, size_t i)
{
    return !op_has(call, i) || call->in[i]->data;
}

void op_shape(struct op_call *call, size_t i, enum tensor_type type, int rank,
              const int64_t *dim)
{
    if (i >= call->out_count || !call->out[i])
        return;
    struct tensor *out = call->out[i];
    out->type = type;
    out->rank = rank;
    for (int d = 0; d < rank && d < TENSOR_RANK_MAX; d++)
        out->dim[d] = dim[d];
}

int op_infer_same(struct op_call *call, struct err *err)
{
    (void)err;
    op_shape(call, 0, call->in[0]->type, call->in[0]->rank, call->in[0]->dim);
    return 0;
}

int op_want_float(const struct op_call *call, size_t i, struct err *err)
{
    if (op_has(call, i) && !tensor_type_is_float(call->in[i]->type))
        return err_set(err, ERR_UNSUPPORTED, "input %zu is %s, not a float", i,
                       tensor_type_name(call->in[i]->type));
    return 0;
}

int op_want_same(const struct op_call *call, size_t first, struct err *err)
{
    for (size_t k = first + 1; k < call->in_count; k++) {
        if (op_has(call, k) && call->in[k]->type != call->in[first]->type)
            return err_set(err, ERR_UNSUPPORTED, "inputs are %s and %s",
                           tensor_type_name(call->in[first]->type),
                           tensor_type_name(call->in[k]->type));
    }
    return 0;
}

int op_axis(int64_t axis, int rank, int *ret, struct err *err)
{
    if (axis < -rank || axis >= rank)
        return err_set(err, ERR_FORMAT, "axis %lld of %d", (long long)axis, rank);
    *ret = (int)(axis < 0 ? axis + rank : axis);
    return 0;
}

int op_broadcast(struct tensor *a, const struct tensor *b, struct err *err)
{
    const int rank = a->rank > b->rank ? a->rank : b->rank;
    int64_t dim[TENSOR_RANK_MAX];
    for (int i = 0; i < rank; i++) {
        const int ia = i - (rank - a->rank), ib = i - (rank - b->rank);
        const int64_t da = ia >= 0 ? a->dim[ia] : 1, db = ib >= 0 ? b->dim[ib] : 1;
        if (da != db && da != 1 && db != 1)
            return err_set(err, ERR_FORMAT, "axes of %lld and %lld do not broadcast",
                           (long long)da, (long long)db);
        dim[i] = da == 1 ? db : da;
    }
    a->rank = rank;
    memcpy(a->dim, dim, (size_t)rank * sizeof(dim[0]));
    return 0;
}

int op_input_ints(const struct op_call *call, size_t i, struct op_ints *ret,
                  struct err *err)
{
    ret->count = 0;
    if (!op_has(call, i))
        return 0;
    const struct tensor *t = call->in[i];
    if (t->rank > 1 || tensor_type_is_float(t->type))
        return err_set(err, ERR_FORMAT, "input %zu is no list of integers", i);
    const int64_t n = tensor_count(t);
    if (n > (int64_t)(sizeof(ret->item) / sizeof(ret->item[0])))
        return err_set(err, ERR_LIMIT, "input %zu has %lld integers", i, (long long)n);
    if (!t->data)
        return OP_LATER;
    tensor_load_i64(t, 0, n, ret->item);
    ret->count = (size_t)n;
    return 0;
}

int op_attr_ints(const struct op_call *call, const char *name, struct op_ints *ret,
                 struct err *err)
{
    const struct attr *a = node_attr(call->node, name);
    ret->count = 0;
    if (!a)
        return 0;
    if (a->type != ATTR_INTS)
        return err_set(err, ERR_FORMAT, "attribute %s is no list of integers", name);
    if (a->count > sizeof(ret->item) / sizeof(ret->item[0]))
        return err_set(err, ERR_LIMIT, "attribute %s has %zu integers", name, a->count);
    memcpy(ret->item, a->ints, a->count * sizeof(ret->item[0]));
    ret->count = a->count;
    return 0;
}

int op_ints_by_opset(const struct op_call *call, const char *name, int opset, size_t i,
                     struct op_ints *ret, struct err *err)
{
    return call->node->opset < opset ? op_attr_ints(call, name, ret, err)
                                     : op_input_ints(call, i, ret, err);
}

double op_number(const struct tensor *t, int64_t i)
{
    double x;
    tensor_load_f64(t, i, 1, &x);
    return x;
}

void op_strides(const struct tensor *t, const int64_t *dim, int rank, int64_t *ret)
{
    int64_t stride = 1;
    for (int i = rank - 1, k = t->rank - 1; i >= 0; i--, k--) {
        ret[i] = k >= 0 && t->dim[k] == dim[i] && dim[i] != 1 ? stride : 0;
        stride *= k >= 0 ? t->dim[k] : 1;
    }
}

bool op_next(const int64_t *dim, int rank, int64_t *at)
{
    for (int i = rank - 1; i >= 0; i--) {
        if (++at[i] < dim[i])
            return true;
        at[i] = 0;
    }
    return false;
}
