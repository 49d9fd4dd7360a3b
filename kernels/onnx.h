/*
 * onnx: ONNX files to graphs. The door to protobuf-c and to ONNX's schema, which the build
 * takes from Debian's onnx.proto.
 *
 * A file is hostile until it is read: its nesting, its bytes in memory, every shape, every
 * reference and every path are checked, and what the engine does not do (subgraphs,
 * sequences, strings, sparse tensors, unknown operators and attributes) is refused by name.
 * Nothing is half-converted. Opsets 1 to 21; what each operator supports is in its row.
 */
#ifndef KERNELS_ONNX_H
#define KERNELS_ONNX_H

#include <stddef.h>

struct err;
struct graph;
struct tensor;

struct onnx_limits {
    size_t file_bytes;   // of the .onnx file
    size_t tensor_bytes; // of any one tensor
    size_t memory_bytes; // of all that reading allocates
};

/**
 * Read the model at path; external data lies in its folder or below.
 *
 * Errors: ERR_FORMAT, ERR_UNSUPPORTED, ERR_LIMIT, ERR_NOTFOUND, ERR_IO, ERR_NOMEM; the text
 * names the node, initialiser or input.
 */
int onnx_load(const char *path, const struct onnx_limits *limits, struct graph **ret,
              struct err *err);
/** The same from memory; folder holds external data, NULL: external data is refused. */
int onnx_parse(const void *data, size_t size, const char *folder,
               const struct onnx_limits *limits, struct graph **ret, struct err *err);
/** Read one serialised TensorProto, as ONNX's test data has them; the caller owns *ret. */
int onnx_parse_tensor(const void *data, size_t size, const struct onnx_limits *limits,
                      struct tensor **ret, struct err *err);

#endif
