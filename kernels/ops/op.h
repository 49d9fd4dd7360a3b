/*
 * op: the table of operators, and what one of them is given when it is asked to work.
 *
 * An operator is a row: its name, its domain, the first opset its code is right for, what it
 * may be given, and two functions. infer() says the type and shape of the outputs; run() is
 * the reference, plain C that is right before it is fast. Adding an operator is a row in one
 * file under kernels/ops/ (and a word in ops/op.c for a new file). Ops allocate no output
 * and hold no state; any thread.
 */
#ifndef KERNELS_OPS_OP_H
#define KERNELS_OPS_OP_H

#include "kernels/graph.h"
#include "kernels/tensor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

/** What infer() returns when the shape depends on numbers that are not known yet. */
enum { OP_LATER = 1 };

/** One use of an operator. */
struct op_call {
    const struct node *node; // attributes and opset
    const struct tensor *
        *in; // NULL: not given. In infer() data may be NULL, shapes are known
    size_t in_count;
    struct tensor **out; // NULL: not wanted. infer() fills type and shape, run() the data
    size_t out_count;
};

struct op {
    const char *domain; // "" is ONNX's own
    const char *name;
    int since; // least opset of its domain; the row with the greatest that fits counts
    int in_min, in_max; // inputs; in_max OP_MANY: no bound
    int out_max;
    const char *attrs; // the attributes it understands, between blanks: " axis keepdims "
    int (*infer)(struct op_call *call, struct err *err);
    int (*run)(struct op_call *call,
               struct err *err); // NULL: another executor's own node
};
enum { OP_MANY = 1 << 20 };

/**
 * The row for an operator of a domain at an opset.
 *
 * Errors: ERR_UNSUPPORTED  no such operator, or it is younger or older than we know
 */
int op_find(const char *domain, const char *name, int opset, const struct op **ret,
            struct err *err);
/** Row i of the table for lists; NULL behind the last one. */
const struct op *op_at(size_t i);
/** Does op understand the attribute? */
bool op_knows_attr(const struct op *op, const char *name);

/* What many operators need. All errors name what is wrong, not the node: callers add that. */

/** Is input i there? */
bool op_has(const struct op_call *call, size_t i);
/** Are the numbers of input i known (true also if it is not given)? */
bool op_knows(const struct op_call *call, size_t i);
/** Output i gets the type of input 0 and the given shape. Not wanted: nothing happens. */
void op_shape(struct op_call *call, size_t i, enum tensor_type type, int rank,
              const int64_t *dim);
/** Output 0 is like input 0. */
int op_infer_same(struct op_call *call, struct err *err);
/** Hold input i to floats (float, double, float16, bfloat16). Errors: ERR_UNSUPPORTED. */
int op_want_float(const struct op_call *call, size_t i, struct err *err);
/** Hold inputs from first on to one type. Errors: ERR_UNSUPPORTED. */
int op_want_same(const struct op_call *call, size_t first, struct err *err);
/** An axis that may count from the end, to 0 .. rank - 1. Errors: ERR_FORMAT. */
int op_axis(int64_t axis, int rank, int *ret, struct err *err);
/** The shape that b and a broadcast to, in place of a. Errors: ERR_FORMAT. */
int op_broadcast(struct tensor *a, const struct tensor *b, struct err *err);

struct op_ints {
    size_t count;
    int64_t item[64];
};
/** Integers of input i. Returns OP_LATER if they are not known. Errors: ERR_FORMAT (not
 * integers, more than one axis), ERR_LIMIT (more than 64). Not given: count 0. */
int op_input_ints(const struct op_call *call, size_t i, struct op_ints *ret,
                  struct err *err);
/** Integers of an attribute; not there: count 0. Errors: ERR_FORMAT, ERR_LIMIT. */
int op_attr_ints(const struct op_call *call, const char *name, struct op_ints *ret,
                 struct err *err);
/** Integers of the attribute name before opset, of input i from it on. As above. */
int op_ints_by_opset(const struct op_call *call, const char *name, int opset, size_t i,
                     struct op_ints *ret, struct err *err);

/** One number of a tensor, as double. */
double op_number(const struct tensor *t, int64_t i);

/** Row-major strides of t in elements, 0 where it is broadcast, aligned to a shape of rank
 * axes at the end. */
void op_strides(const struct tensor *t, const int64_t *dim, int rank, int64_t *ret);
/** Count at up by one within dim, last axis fastest; false when it wraps to zero. */
bool op_next(const int64_t *dim, int rank, int64_t *at);

#endif
