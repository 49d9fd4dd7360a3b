/* work: how many multiply-adds a node asks for, so that a file cannot ask for hours. */
#ifndef KERNELS_WORK_H
#define KERNELS_WORK_H

struct op_call;

/** An estimate from shapes and attributes, which must be known; never negative or NaN. */
double work_of(const struct op_call *call);

#endif
