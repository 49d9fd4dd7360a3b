/* einsum: how much an Einsum asks for, which only its equation tells. */
#ifndef KERNELS_OPS_EINSUM_H
#define KERNELS_OPS_EINSUM_H

struct op_call;

/** Multiply-adds of call, an Einsum with known shapes; 0 if its equation is none. */
double einsum_work(const struct op_call *call);

#endif
