#include "kernels/onnx/onnx_wire.h"

#include "base/err.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { NESTING_MAX = 32 }; // a plain model needs 6, subgraphs 4 more each

struct cursor {
    const uint8_t *at, *end;
};

static bool read_varint(struct cursor *c, uint64_t *ret)
{
    uint64_t value = 0;
    for (int shift = 0; shift < 64 && c->at < c->end; shift += 7) {
        const uint8_t byte = *c->at++;
        value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128) {
            *ret = value;
            return true;
        }
    }
    return false;
}

static bool skip(struct cursor *c, uint64_t n)
{
    if (n > (uint64_t)(c->end - c->at))
        return false;
    c->at += n;
    return true;
}

/** protobuf-c unpacks by recursion without a bound: messages are walked once before, with
 * one. Source: protobuf.dev/programming-guides/encoding. */
static int check_nesting(const ProtobufCMessageDescriptor *type, struct cursor c,
                         int depth, struct err *err)
{
    if (depth > NESTING_MAX)
        return err_set(err, ERR_LIMIT, "messages nested more than %d deep", NESTING_MAX);
    while (c.at < c.end) {
        uint64_t tag, n = 0;
        bool good = read_varint(&c, &tag);
        const unsigned wire = tag & 7;
        if (good && wire == 0)
            good = read_varint(&c, &n);
        else if (good && wire == 1)
            good = skip(&c, 8);
        else if (good && wire == 5)
            good = skip(&c, 4);
        else if (good && wire == 2)
            good = read_varint(&c, &n) && n <= (uint64_t)(c.end - c.at);
        else
            good = false;
        if (!good)
            return err_set(err, ERR_FORMAT, "not a protocol buffer, or cut short");
        if (wire != 2)
            continue;
        const ProtobufCFieldDescriptor *field =
            protobuf_c_message_descriptor_get_field(type, (unsigned)(tag >> 3));
        if (field && field->type == PROTOBUF_C_TYPE_MESSAGE) {
            const int e = check_nesting(field->descriptor,
                                        (struct cursor){c.at, c.at + n}, depth + 1, err);
            if (e != 0)
                return e;
        }
        c.at += n;
    }
    return 0;
}

static void *wire_alloc(void *data, size_t size)
{
    struct onnx_wire *wire = data;
    if (size > wire->max - wire->used)
        return NULL;
    wire->used += size;
    return malloc(size);
}

static void wire_free(void *data, void *p)
{
    (void)data;
    free(p);
}

int onnx_wire_unpack(struct onnx_wire *wire, const ProtobufCMessageDescriptor *type,
                     const void *data, size_t size, size_t max_bytes, struct err *err)
{
    *wire = (struct onnx_wire){.max = max_bytes};
    wire->allocator = (ProtobufCAllocator){wire_alloc, wire_free, wire};

    const uint8_t *bytes = data;
    const int e = check_nesting(type, (struct cursor){bytes, bytes + size}, 0, err);
    if (e != 0)
        return e;
    wire->message = protobuf_c_message_unpack(type, &wire->allocator, size, bytes);
    if (wire->message)
        return 0;
    if (wire->max - wire->used < size / 8 + 4096)
        return err_set(err, ERR_LIMIT, "needs more than %zu bytes of memory", max_bytes);
    return err_set(err, ERR_FORMAT, "malformed");
}

void onnx_wire_finish(struct onnx_wire *wire)
{
    if (wire->message)
        protobuf_c_message_free_unpacked(wire->message, &wire->allocator);
    wire->message = NULL;
}
