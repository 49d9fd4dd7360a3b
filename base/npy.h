/*
 * npy: arrays in NumPy's file format, version 1.0 to 3.0, little-endian and C order.
 *
 * Source: numpy.lib.format. What is not plain numbers is refused; a file is held to max_bytes.
 */
#ifndef BASE_NPY_H
#define BASE_NPY_H

#include <stddef.h>
#include <stdint.h>

struct err;

#define NPY_RANK_MAX 8

struct npy {
    char kind;   // 'f' float, 'i' signed, 'u' unsigned, 'b' bool
    size_t size; // bytes of an element
    int rank;
    int64_t dim[NPY_RANK_MAX];
    void *data; // row-major; npy_read()'s caller frees it
    size_t bytes;
};

/**
 * Read the array at path; the caller frees ret->data.
 *
 * Errors: ERR_NOTFOUND, ERR_IO, ERR_FORMAT, ERR_UNSUPPORTED (another type, byte order or
 * layout), ERR_LIMIT (more than max_bytes), ERR_NOMEM
 */
int npy_read(const char *path, size_t max_bytes, struct npy *ret, struct err *err);
/** Write the array at path, atomically. Errors: ERR_IO, ERR_NOMEM. */
int npy_write(const char *path, const struct npy *npy, struct err *err);

#endif
