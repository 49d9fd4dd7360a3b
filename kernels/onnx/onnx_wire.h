/* onnx_wire: bytes to protobuf-c's structs, bounded. Seen by kernels/onnx/ alone. */
#ifndef KERNELS_ONNX_ONNX_WIRE_H
#define KERNELS_ONNX_ONNX_WIRE_H

#include "kernels/onnx.h"
#include <onnx.pb-c.h>

#include <stdint.h>

/** What is allocated while a message is unpacked, and how much of it is allowed. */
struct onnx_wire {
    ProtobufCAllocator allocator;
    size_t used, max;
    ProtobufCMessage *message;
};

/**
 * Unpack a message after its nesting was checked; wire->message is it. onnx_wire_finish()
 * frees it, also after a failure. wire must not move meanwhile.
 *
 * Errors: ERR_FORMAT, ERR_LIMIT, ERR_NOMEM
 */
int onnx_wire_unpack(struct onnx_wire *wire, const ProtobufCMessageDescriptor *type,
                     const void *data, size_t size, size_t max_bytes, struct err *err);
void onnx_wire_finish(struct onnx_wire *wire);

/** Numbers of a TensorProto; folder as in onnx_parse(). The caller owns *ret. */
int onnx_tensor_from(const Onnx__TensorProto *proto, const char *folder,
                     const struct onnx_limits *limits, struct tensor **ret,
                     struct err *err);

#endif
