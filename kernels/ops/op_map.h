/*
 * op_map: operators that work number by number on inputs which broadcast to the output.
 *
 * The numbers are brought to double or int64 in blocks, whatever their type, and rounded
 * once to the type of the output. So an operator is written once for all types.
 */
#ifndef KERNELS_OPS_OP_MAP_H
#define KERNELS_OPS_OP_MAP_H

#include "kernels/ops/op.h"

enum { OP_BLOCK = 256, OP_MAP_INPUTS = 64 };

typedef void op_map_f64_fn(const void *ctx, size_t inputs, int n, double (*x)[OP_BLOCK]);
typedef void op_map_i64_fn(const void *ctx, size_t inputs, int n, int64_t (*x)[OP_BLOCK]);

/** Output 0 = fn of all inputs (which are given): fn gets blocks of n numbers of each, in
 * x[0] .. x[inputs - 1], and leaves the result in x[0]. Errors: ERR_LIMIT. */
int op_map_f64(struct op_call *call, op_map_f64_fn *fn, const void *ctx, struct err *err);
int op_map_i64(struct op_call *call, op_map_i64_fn *fn, const void *ctx, struct err *err);

/** Shape of output 0: what all inputs broadcast to, of that type. Errors: ERR_FORMAT. */
int op_map_infer(struct op_call *call, enum tensor_type type, struct err *err);

#endif
