#include "kernels/tensor.h"

#include "base/err.h"
#include "kernels/half.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    size_t size;
} TYPES[] = {
    [TENSOR_F32] = {"float", 4},     [TENSOR_U8] = {"uint8", 1},
    [TENSOR_I8] = {"int8", 1},       [TENSOR_U16] = {"uint16", 2},
    [TENSOR_I16] = {"int16", 2},     [TENSOR_I32] = {"int32", 4},
    [TENSOR_I64] = {"int64", 8},     [TENSOR_BOOL] = {"bool", 1},
    [TENSOR_F16] = {"float16", 2},   [TENSOR_F64] = {"double", 8},
    [TENSOR_U32] = {"uint32", 4},    [TENSOR_U64] = {"uint64", 8},
    [TENSOR_BF16] = {"bfloat16", 2},
};
enum { TYPE_COUNT = sizeof(TYPES) / sizeof(TYPES[0]) };

size_t tensor_type_size(enum tensor_type type)
{
    return (unsigned)type < TYPE_COUNT ? TYPES[type].size : 0;
}

const char *tensor_type_name(enum tensor_type type)
{
    return tensor_type_size(type) ? TYPES[type].name : "?";
}

bool tensor_type_is_float(enum tensor_type type)
{
    return type == TENSOR_F32 || type == TENSOR_F64 || type == TENSOR_F16
           || type == TENSOR_BF16;
}

int64_t tensor_span(const struct tensor *t, int from, int to)
{
    int64_t n = 1;
    for (int i = from; i < to; i++)
        n *= t->dim[i];
    return n;
}

int64_t tensor_count(const struct tensor *t)
{
    return tensor_span(t, 0, t->rank);
}

size_t tensor_bytes(const struct tensor *t)
{
    return (size_t)tensor_count(t) * tensor_type_size(t->type);
}

bool tensor_has_shape_of(const struct tensor *a, const struct tensor *b)
{
    if (a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++) {
        if (a->dim[i] != b->dim[i])
            return false;
    }
    return true;
}

void tensor_describe(const struct tensor *t, char *ret, size_t size)
{
    int used =
        snprintf(ret, size, "%s[%s", tensor_type_name(t->type), t->rank < 0 ? "?" : "");
    for (int i = 0; i <= t->rank || (i == 0 && t->rank < 0); i++) {
        if (used < 0 || (size_t)used >= size)
            return;
        if (i < t->rank)
            used += snprintf(ret + used, size - (size_t)used, i ? ",%lld" : "%lld",
                             (long long)t->dim[i]);
        else
            snprintf(ret + used, size - (size_t)used, "]");
    }
}

int tensor_check_bytes(const struct tensor *t, size_t max_bytes, struct err *err)
{
    size_t bytes = tensor_type_size(t->type);
    if (bytes == 0)
        return err_set(err, ERR_UNSUPPORTED, "tensor of type %d", (int)t->type);
    if (t->rank < 0 || t->rank > TENSOR_RANK_MAX)
        return err_set(err, ERR_UNSUPPORTED, "tensor of %d axes", t->rank);

    // An axis of 0 makes the product 0 whatever the others are, yet parts of the shape are
    // multiplied too: so every axis counts at least once.
    for (int i = 0; i < t->rank; i++) {
        if (t->dim[i] < 0)
            return err_set(err, ERR_FORMAT, "axis %d has %lld elements", i,
                           (long long)t->dim[i]);
        const size_t n = t->dim[i] > 0 ? (size_t)t->dim[i] : 1;
        if (n > max_bytes || bytes > max_bytes / n)
            return err_set(err, ERR_LIMIT, "tensor of more than %zu bytes", max_bytes);
        bytes *= n;
    }
    return 0;
}

int tensor_allocate(struct tensor *t, struct err *err)
{
    const size_t bytes = (tensor_bytes(t) + 64) / 64 * 64;
    t->owned = aligned_alloc(64, bytes);
    if (!t->owned)
        return err_set(err, ERR_NOMEM, "tensor of %zu bytes", bytes);
    memset(t->owned, 0, bytes);
    t->data = t->owned;
    return 0;
}

int tensor_create(enum tensor_type type, int rank, const int64_t *dim, size_t max_bytes,
                  struct tensor **ret, struct err *err)
{
    auto_(tensor) struct tensor *t = calloc(1, sizeof(*t));
    if (!t)
        return err_set(err, ERR_NOMEM, "a tensor");
    t->type = type;
    t->rank = rank;
    for (int i = 0; i < rank && i < TENSOR_RANK_MAX; i++)
        t->dim[i] = dim[i];

    int e = tensor_check_bytes(t, max_bytes, err);
    if (e == 0)
        e = tensor_allocate(t, err);
    if (e != 0)
        return e;
    *ret = take(t);
    return 0;
}

struct tensor *tensor_share(struct tensor *t)
{
    t->shares++;
    return t;
}

void tensor_finish(struct tensor *t)
{
    free(t->owned);
    t->owned = NULL;
    t->data = NULL;
}

void tensor_destroy(struct tensor *t)
{
    if (!t || t->shares-- > 0)
        return;
    tensor_finish(t);
    free(t);
}

static int64_t i64_of(double x)
{
    if (isnan(x))
        return 0;
    if (x >= 0x1p63)
        return INT64_MAX;
    return x < -0x1p63 ? INT64_MIN : (int64_t)x;
}

static double clamp(double x, double lo, double hi)
{
    if (isnan(x))
        return 0;
    return x < lo ? lo : x > hi ? hi : x;
}

#define LOAD(to, T, expr)                        \
    {                                            \
        const T *p = (const T *)t->data + first; \
        for (int64_t i = 0; i < n; i++)          \
            ret[i] = (to)(expr);                 \
        return;                                  \
    }

void tensor_load_f64(const struct tensor *t, int64_t first, int64_t n, double *ret)
{
    switch (t->type) {
    case TENSOR_F32:
        LOAD(double, float, p[i])
    case TENSOR_F64:
        LOAD(double, double, p[i])
    case TENSOR_F16:
        LOAD(double, uint16_t, half_to_float(p[i]))
    case TENSOR_BF16:
        LOAD(double, uint16_t, bf16_to_float(p[i]))
    case TENSOR_U8:
        LOAD(double, uint8_t, p[i])
    case TENSOR_I8:
        LOAD(double, int8_t, p[i])
    case TENSOR_U16:
        LOAD(double, uint16_t, p[i])
    case TENSOR_I16:
        LOAD(double, int16_t, p[i])
    case TENSOR_U32:
        LOAD(double, uint32_t, p[i])
    case TENSOR_I32:
        LOAD(double, int32_t, p[i])
    case TENSOR_U64:
        LOAD(double, uint64_t, p[i])
    case TENSOR_I64:
        LOAD(double, int64_t, p[i])
    case TENSOR_BOOL:
        LOAD(double, uint8_t, p[i] != 0)
    case TENSOR_NONE:
        break;
    }
}

void tensor_load_i64(const struct tensor *t, int64_t first, int64_t n, int64_t *ret)
{
    switch (t->type) {
    case TENSOR_F32:
        LOAD(int64_t, float, i64_of((double)p[i]))
    case TENSOR_F64:
        LOAD(int64_t, double, i64_of(p[i]))
    case TENSOR_F16:
        LOAD(int64_t, uint16_t, i64_of((double)half_to_float(p[i])))
    case TENSOR_BF16:
        LOAD(int64_t, uint16_t, i64_of((double)bf16_to_float(p[i])))
    case TENSOR_U8:
        LOAD(int64_t, uint8_t, p[i])
    case TENSOR_I8:
        LOAD(int64_t, int8_t, p[i])
    case TENSOR_U16:
        LOAD(int64_t, uint16_t, p[i])
    case TENSOR_I16:
        LOAD(int64_t, int16_t, p[i])
    case TENSOR_U32:
        LOAD(int64_t, uint32_t, p[i])
    case TENSOR_I32:
        LOAD(int64_t, int32_t, p[i])
    case TENSOR_U64:
        LOAD(int64_t, uint64_t, p[i])
    case TENSOR_I64:
        LOAD(int64_t, int64_t, p[i])
    case TENSOR_BOOL:
        LOAD(int64_t, uint8_t, p[i] != 0)
    case TENSOR_NONE:
        break;
    }
}

#define STORE(T, expr)                  \
    {                                   \
        T *p = (T *)t->data + first;    \
        for (int64_t i = 0; i < n; i++) \
            p[i] = (T)(expr);           \
        return;                         \
    }
#define STORE_CLAMPED(T, lo, hi) STORE(T, clamp(values[i], lo, hi))

void tensor_store_f64(struct tensor *t, int64_t first, int64_t n, const double *values)
{
    switch (t->type) {
    case TENSOR_F32:
        STORE(float, values[i])
    case TENSOR_F64:
        STORE(double, values[i])
    case TENSOR_F16:
        STORE(uint16_t, half_from_double(values[i]))
    case TENSOR_BF16:
        STORE(uint16_t, bf16_from_float((float)values[i]))
    case TENSOR_U8:
        STORE_CLAMPED(uint8_t, 0, UINT8_MAX)
    case TENSOR_I8:
        STORE_CLAMPED(int8_t, INT8_MIN, INT8_MAX)
    case TENSOR_U16:
        STORE_CLAMPED(uint16_t, 0, UINT16_MAX)
    case TENSOR_I16:
        STORE_CLAMPED(int16_t, INT16_MIN, INT16_MAX)
    case TENSOR_U32:
        STORE_CLAMPED(uint32_t, 0, UINT32_MAX)
    case TENSOR_I32:
        STORE_CLAMPED(int32_t, INT32_MIN, INT32_MAX)
    case TENSOR_U64:
        STORE(uint64_t, values[i] >= 0x1p64
                            ? UINT64_MAX
                            : (uint64_t)clamp(values[i], 0, 0x1.fffffffffffffp63))
    case TENSOR_I64:
        STORE(int64_t, i64_of(values[i]))
    case TENSOR_BOOL:
        STORE(uint8_t, values[i] != 0)
    case TENSOR_NONE:
        break;
    }
}

void tensor_store_i64(struct tensor *t, int64_t first, int64_t n, const int64_t *values)
{
    switch (t->type) {
    case TENSOR_F32:
        STORE(float, values[i])
    case TENSOR_F64:
        STORE(double, values[i])
    case TENSOR_F16:
        STORE(uint16_t, half_from_double((double)values[i]))
    case TENSOR_BF16:
        STORE(uint16_t, bf16_from_float((float)values[i]))
    case TENSOR_U8:
        STORE(uint8_t, values[i])
    case TENSOR_I8:
        STORE(int8_t, values[i])
    case TENSOR_U16:
        STORE(uint16_t, values[i])
    case TENSOR_I16:
        STORE(int16_t, values[i])
    case TENSOR_U32:
        STORE(uint32_t, values[i])
    case TENSOR_I32:
        STORE(int32_t, values[i])
    case TENSOR_U64:
        STORE(uint64_t, values[i])
    case TENSOR_I64:
        STORE(int64_t, values[i])
    case TENSOR_BOOL:
        STORE(uint8_t, values[i] != 0)
    case TENSOR_NONE:
        break;
    }
}
