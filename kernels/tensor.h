/*
 * tensor: an array of numbers with up to eight axes, dense and in row-major order.
 *
 * The types are ONNX's and carry its numbers (TensorProto.DataType). A tensor knows no name
 * and no graph. Counts never overflow: whoever makes a shape from outside passes it through
 * tensor_check_bytes() before anything is allocated or multiplied.
 */
#ifndef KERNELS_TENSOR_H
#define KERNELS_TENSOR_H

#include "base/auto.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

#define TENSOR_RANK_MAX 8

enum tensor_type {
    TENSOR_NONE = 0,
    TENSOR_F32 = 1,
    TENSOR_U8 = 2,
    TENSOR_I8 = 3,
    TENSOR_U16 = 4,
    TENSOR_I16 = 5,
    TENSOR_I32 = 6,
    TENSOR_I64 = 7,
    TENSOR_BOOL = 9,
    TENSOR_F16 = 10,
    TENSOR_F64 = 11,
    TENSOR_U32 = 12,
    TENSOR_U64 = 13,
    TENSOR_BF16 = 16,
};

struct tensor {
    enum tensor_type type;
    int rank; // 0: one number; -1: the shape is not known yet
    int64_t dim[TENSOR_RANK_MAX];
    void *data;  // NULL: the numbers are not known yet
    void *owned; // what tensor_destroy() frees; NULL if data belongs to another
    int shares;  // owners beyond the first, see tensor_share()
};

/** Bytes of one element; 0 for a type we do not hold. */
size_t tensor_type_size(enum tensor_type type);
/** ONNX's name, "float", "int64"; "?" for a type we do not hold. */
const char *tensor_type_name(enum tensor_type type);
/** float, double, float16 or bfloat16. */
bool tensor_type_is_float(enum tensor_type type);

/** Elements of t; its shape must be known and have passed tensor_check_bytes(). */
int64_t tensor_count(const struct tensor *t);
/** Product of dim[from] .. dim[to - 1]; 1 where that is empty. */
int64_t tensor_span(const struct tensor *t, int from, int to);
/** Bytes of all elements, under the same condition. */
size_t tensor_bytes(const struct tensor *t);
bool tensor_has_shape_of(const struct tensor *a, const struct tensor *b);
/** "float[1,3,224,224]" into ret; cut where it is too long. */
void tensor_describe(const struct tensor *t, char *ret, size_t size);

/**
 * Hold a type and shape from outside to max_bytes.
 *
 * Errors: ERR_UNSUPPORTED  a type we do not hold, more than TENSOR_RANK_MAX axes
 *         ERR_FORMAT       a negative axis
 *         ERR_LIMIT        more than max_bytes
 */
int tensor_check_bytes(const struct tensor *t, size_t max_bytes, struct err *err);

/** Give t zeroed memory of its own (64-byte aligned) for its type and shape, which were
 * checked. Errors: ERR_NOMEM. */
int tensor_allocate(struct tensor *t, struct err *err);
/** A tensor of that type and shape, checked and allocated; the caller owns *ret.
 * Errors: those of tensor_check_bytes(), ERR_NOMEM. */
int tensor_create(enum tensor_type type, int rank, const int64_t *dim, size_t max_bytes,
                  struct tensor **ret, struct err *err);
/** One more owner of t, which is returned. Not thread-safe: owners live on one thread. */
struct tensor *tensor_share(struct tensor *t);
/** One owner fewer; the last one frees. NULL is allowed. */
void tensor_destroy(struct tensor *t);
/** Free what t owns, for a struct that is not on the heap. */
void tensor_finish(struct tensor *t);
AUTO_DEFINE(tensor)

/** Elements [first, first + n) as double, bool as 0 or 1. Exact but for int64 and uint64. */
void tensor_load_f64(const struct tensor *t, int64_t first, int64_t n, double *ret);
/** Elements as int64: floats lose their fraction and stop at the ends of int64, NaN is 0;
 * uint64 wraps. */
void tensor_load_i64(const struct tensor *t, int64_t first, int64_t n, int64_t *ret);
/** Round values to the type of t and put them at [first, first + n). Integers stop at the
 * ends of their type; NaN becomes 0; bool is value != 0. */
void tensor_store_f64(struct tensor *t, int64_t first, int64_t n, const double *values);
/** The same from int64, where integers wrap as in C. */
void tensor_store_i64(struct tensor *t, int64_t first, int64_t n, const int64_t *values);

#endif
