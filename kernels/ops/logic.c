/* logic: comparisons, truth, Where. */
#include "kernels/ops/op_map.h"

#include "base/err.h"

#include <math.h>
#include <string.h>

enum relation { EQUAL, LESS, LESS_OR_EQUAL, GREATER, GREATER_OR_EQUAL, AND, OR, XOR };

static const struct {
    const char *name;
    enum relation relation;
} RELATIONS[] = {
    {"Equal", EQUAL},
    {"Less", LESS},
    {"LessOrEqual", LESS_OR_EQUAL},
    {"Greater", GREATER},
    {"GreaterOrEqual", GREATER_OR_EQUAL},
    {"And", AND},
    {"Or", OR},
    {"Xor", XOR},
};

static enum relation find(const struct op_call *call)
{
    size_t i = 0;
    while (strcmp(RELATIONS[i].name, call->node->op->name) != 0)
        i++;
    return RELATIONS[i].relation;
}

static int infer_relation(struct op_call *call, struct err *err)
{
    const int e = op_want_same(call, 0, err);
    return e != 0 ? e : op_map_infer(call, TENSOR_BOOL, err);
}

#define RELATE(x, y)                     \
    switch (relation) {                  \
    case EQUAL:                          \
        return (x) == (y);               \
    case LESS:                           \
        return (x) < (y);                \
    case LESS_OR_EQUAL:                  \
        return (x) <= (y);               \
    case GREATER:                        \
        return (x) > (y);                \
    case GREATER_OR_EQUAL:               \
        return (x) >= (y);               \
    case AND:                            \
        return (x) != 0 && (y) != 0;     \
    case OR:                             \
        return (x) != 0 || (y) != 0;     \
    case XOR:                            \
        return ((x) != 0) != ((y) != 0); \
    }                                    \
    return false;

static bool relate_f64(enum relation relation, double x, double y)
{
    RELATE(x, y)
}

static bool relate_i64(enum relation relation, int64_t x, int64_t y)
{
    RELATE(x, y)
}

static void map_f64(const void *ctx, size_t inputs, int n, double (*x)[OP_BLOCK])
{
    (void)inputs;
    for (int i = 0; i < n; i++)
        x[0][i] = relate_f64(*(const enum relation *)ctx, x[0][i], x[1][i]);
}

static void map_i64(const void *ctx, size_t inputs, int n, int64_t (*x)[OP_BLOCK])
{
    (void)inputs;
    for (int i = 0; i < n; i++)
        x[0][i] = relate_i64(*(const enum relation *)ctx, x[0][i], x[1][i]);
}

static void map_u64(const void *ctx, size_t inputs, int n, int64_t (*x)[OP_BLOCK])
{
    // Turning the highest bit brings the order of uint64 to that of int64.
    for (int i = 0; i < n; i++) {
        x[0][i] ^= INT64_MIN;
        x[1][i] ^= INT64_MIN;
    }
    map_i64(ctx, inputs, n, x);
}

static int run_relation(struct op_call *call, struct err *err)
{
    const enum relation relation = find(call);
    if (tensor_type_is_float(call->in[0]->type))
        return op_map_f64(call, map_f64, &relation, err);
    return op_map_i64(call, call->in[0]->type == TENSOR_U64 ? map_u64 : map_i64,
                      &relation, err);
}

static int infer_where(struct op_call *call, struct err *err)
{
    if (call->in[0]->type != TENSOR_BOOL)
        return err_set(err, ERR_FORMAT, "the condition is %s",
                       tensor_type_name(call->in[0]->type));
    const int e = op_want_same(call, 1, err);
    return e != 0 ? e : op_map_infer(call, call->in[1]->type, err);
}

static void where_f64(const void *ctx, size_t inputs, int n, double (*x)[OP_BLOCK])
{
    (void)ctx, (void)inputs;
    for (int i = 0; i < n; i++)
        x[0][i] = x[0][i] != 0 ? x[1][i] : x[2][i];
}

static void where_i64(const void *ctx, size_t inputs, int n, int64_t (*x)[OP_BLOCK])
{
    (void)ctx, (void)inputs;
    for (int i = 0; i < n; i++)
        x[0][i] = x[0][i] != 0 ? x[1][i] : x[2][i];
}

static int run_where(struct op_call *call, struct err *err)
{
    if (tensor_type_is_float(call->in[1]->type))
        return op_map_f64(call, where_f64, NULL, err);
    return op_map_i64(call, where_i64, NULL, err);
}

static int infer_bool(struct op_call *call, struct err *err)
{
    (void)err;
    op_shape(call, 0, TENSOR_BOOL, call->in[0]->rank, call->in[0]->dim);
    return 0;
}

static void map_not(const void *ctx, size_t inputs, int n, double (*x)[OP_BLOCK])
{
    (void)ctx, (void)inputs;
    for (int i = 0; i < n; i++)
        x[0][i] = x[0][i] == 0;
}

static int run_not(struct op_call *call, struct err *err)
{
    return op_map_f64(call, map_not, NULL, err);
}

static void map_isnan(const void *ctx, size_t inputs, int n, double (*x)[OP_BLOCK])
{
    (void)ctx, (void)inputs;
    for (int i = 0; i < n; i++)
        x[0][i] = isnan(x[0][i]);
}

static int run_isnan(struct op_call *call, struct err *err)
{
    return op_map_f64(call, map_isnan, NULL, err);
}

#define RELATION(name, since)                                      \
    {                                                              \
        "", name, since, 2, 2, 1, "", infer_relation, run_relation \
    }

const struct op op_logic_rows[] = {
    RELATION("Equal", 7),
    RELATION("Less", 7),
    RELATION("LessOrEqual", 12),
    RELATION("Greater", 7),
    RELATION("GreaterOrEqual", 12),
    RELATION("And", 7),
    RELATION("Or", 7),
    RELATION("Xor", 7),
    {"", "Where", 9, 3, 3, 1, "", infer_where, run_where},
    {"", "Not", 1, 1, 1, 1, "", infer_bool, run_not},
    {"", "IsNaN", 9, 1, 1, 1, "", infer_bool, run_isnan},
    {0},
};
