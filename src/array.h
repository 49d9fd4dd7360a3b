/* array: tensors from NumPy's files and to them. */
#ifndef SRC_ARRAY_H
#define SRC_ARRAY_H

#include <stddef.h>

struct err;
struct tensor;

/** Read the array at path; tensor_finish() frees *ret. Errors: those of npy_read(). */
int array_read(const char *path, size_t max_bytes, struct tensor *ret, struct err *err);
/** Write t; NumPy has no bfloat16: it becomes float32, which holds it exactly.
 * Errors: those of npy_write(). */
int array_write(const char *path, const struct tensor *t, struct err *err);

#endif
