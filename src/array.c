#include "src/array.h"

#include "base/err.h"
#include "base/npy.h"
#include "kernels/tensor.h"

#include <string.h>

static const struct {
    enum tensor_type type;
    char kind;
    size_t size;
} KINDS[] = {
    {TENSOR_F32, 'f', 4}, {TENSOR_F64, 'f', 8}, {TENSOR_F16, 'f', 2},
    {TENSOR_I8, 'i', 1},  {TENSOR_I16, 'i', 2}, {TENSOR_I32, 'i', 4},
    {TENSOR_I64, 'i', 8}, {TENSOR_U8, 'u', 1},  {TENSOR_U16, 'u', 2},
    {TENSOR_U32, 'u', 4}, {TENSOR_U64, 'u', 8}, {TENSOR_BOOL, 'b', 1},
};

int array_read(const char *path, size_t max_bytes, struct tensor *ret, struct err *err)
{
    struct npy npy;
    const int e = npy_read(path, max_bytes, &npy, err);
    if (e != 0)
        return e;
    *ret = (struct tensor){.rank = npy.rank, .data = npy.data, .owned = npy.data};
    memcpy(ret->dim, npy.dim, sizeof(ret->dim));
    for (size_t i = 0; i < sizeof(KINDS) / sizeof(KINDS[0]); i++) {
        if (KINDS[i].kind == npy.kind && KINDS[i].size == npy.size)
            ret->type = KINDS[i].type;
    }
    return 0;
}

int array_write(const char *path, const struct tensor *t, struct err *err)
{
    struct npy npy = {.kind = 'f',
                      .size = 4,
                      .rank = t->rank,
                      .data = t->data,
                      .bytes = tensor_bytes(t)};
    memcpy(npy.dim, t->dim, sizeof(npy.dim));
    for (size_t i = 0; i < sizeof(KINDS) / sizeof(KINDS[0]); i++) {
        if (KINDS[i].type == t->type) {
            npy.kind = KINDS[i].kind;
            npy.size = KINDS[i].size;
            return npy_write(path, &npy, err);
        }
    }
    const size_t count = (size_t)tensor_count(t);
    struct tensor wide = *t;
    wide.type = TENSOR_F32;
    int e = tensor_allocate(&wide, err);
    for (size_t i = 0; e == 0 && i < count; i++) {
        double x;
        tensor_load_f64(t, (int64_t)i, 1, &x);
        tensor_store_f64(&wide, (int64_t)i, 1, &x);
    }
    npy.data = wide.data;
    npy.bytes = count * 4;
    if (e == 0)
        e = npy_write(path, &npy, err);
    tensor_finish(&wide);
    return e;
}
