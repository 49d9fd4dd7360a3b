/* step: one node of a graph as a call of its operator over an array of tensors. */
#ifndef KERNELS_STEP_H
#define KERNELS_STEP_H

#include "kernels/graph.h"
#include "kernels/ops/op.h"

/** Tensors with the shapes of all values and the data of constants; free() them. NULL: no
 * memory. */
struct tensor *step_values(const struct graph *graph);
/** Room for the pointers of any node's call; free() it. NULL: no memory. */
void **step_ports(const struct graph *graph);

/** The call of node over values; the pointers lie in ports. Returns whether the shapes of
 * all inputs are known. */
bool step_call(const struct node *node, struct tensor *values, void **ports,
               struct op_call *call);
/** Infer the outputs and hold each to max_bytes. Returns OP_LATER if numbers are missing
 * (outputs get rank -1). Errors: those of the operator, ERR_LIMIT. */
int step_infer(struct op_call *call, size_t max_bytes, struct err *err);
/** Put "node 3 'name' (Conv): " before the text of err; returns its code. */
int step_blame(const struct graph *graph, size_t n, struct err *err);

/** Infer type and shape of every value of graph from its inputs and constants; what depends
 * on numbers that are not known keeps rank -1. Errors: as step_infer(), with the node. */
int step_infer_all(struct graph *graph, size_t max_bytes, struct err *err);

#endif
