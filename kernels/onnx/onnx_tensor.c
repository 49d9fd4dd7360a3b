#include "kernels/onnx/onnx_wire.h"

#include "base/err.h"
#include "base/file.h"
#include "kernels/tensor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/** Where the bytes of an external tensor lie. */
struct external {
    const char *location;
    uint64_t offset, length;
    bool has_length;
};

static int parse_number(const char *text, uint64_t *ret, struct err *err)
{
    char *end;
    errno = 0;
    *ret = strtoull(text, &end, 10);
    if (errno != 0 || *end || *text < '0' || *text > '9')
        return err_set(err, ERR_FORMAT, "external data at no number '%.20s'", text);
    return 0;
}

static int parse_external(const Onnx__TensorProto *proto, struct external *ret,
                          struct err *err)
{
    int e = 0;
    for (size_t i = 0; e == 0 && i < proto->n_external_data; i++) {
        const char *key = proto->external_data[i]->key;
        const char *value = proto->external_data[i]->value;
        if (!key || !value)
            continue;
        if (strcmp(key, "location") == 0)
            ret->location = value;
        else if (strcmp(key, "offset") == 0)
            e = parse_number(value, &ret->offset, err);
        else if (strcmp(key, "length") == 0) {
            e = parse_number(value, &ret->length, err);
            ret->has_length = true;
        }
    }
    if (e == 0 && !ret->location)
        return err_set(err, ERR_FORMAT, "external data without location");
    return e;
}

/** Is the path one below the folder that it is relative to? */
static bool stays_inside(const char *path)
{
    if (*path == '/' || *path == '\0')
        return false;
    for (const char *part = path; part; part = strchr(part, '/')) {
        part += *part == '/';
        if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || part[2] == '\0'))
            return false;
    }
    return true;
}

static int read_at(int fd, uint64_t offset, char *to, size_t n, struct err *err)
{
    while (n > 0) {
        const ssize_t got = pread(fd, to, n, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return err_set(err, ERR_IO, "external data cannot be read");
        to += got;
        n -= (size_t)got;
        offset += (uint64_t)got;
    }
    return 0;
}

static int read_checked(int fd, const struct external *x, struct tensor *t,
                        struct err *err)
{
    struct stat st;
    const size_t bytes = tensor_bytes(t);
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return err_set(err, ERR_FORMAT, "external data is no file");
    if (x->has_length && x->length != bytes)
        return err_set(err, ERR_FORMAT, "external data of %llu bytes for a tensor of %zu",
                       (unsigned long long)x->length, bytes);
    if (x->offset > (uint64_t)st.st_size || bytes > (uint64_t)st.st_size - x->offset)
        return err_set(err, ERR_FORMAT, "external data beyond the end of its file");
    const int e = tensor_allocate(t, err);
    return e != 0 ? e : read_at(fd, x->offset, t->data, bytes, err);
}

static int read_external(const Onnx__TensorProto *proto, const char *folder,
                         struct tensor *t, struct err *err)
{
    struct external x = {0};
    int e = parse_external(proto, &x, err);
    if (e != 0)
        return e;
    if (!folder)
        return err_set(err, ERR_UNSUPPORTED, "external data beside no file");
    if (!stays_inside(x.location))
        return err_set(err, ERR_FORMAT, "external data outside the model's folder");

    char path[FILE_PATH];
    e = file_join(folder, x.location, path, err);
    if (e != 0)
        return e;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return err_set(err, errno == ENOENT ? ERR_NOTFOUND : ERR_IO,
                       "external data '%.100s': %s", x.location, strerror(errno));
    e = read_checked(fd, &x, t, err);
    close(fd);
    return e;
}

static int want_count(size_t have, const struct tensor *t, struct err *err)
{
    if (have != (size_t)tensor_count(t))
        return err_set(err, ERR_FORMAT, "%zu numbers for a tensor of %lld", have,
                       (long long)tensor_count(t));
    return 0;
}

#define COPY(T, field)                                          \
    {                                                           \
        int e = want_count(proto->n_##field, t, err);           \
        if (e == 0)                                             \
            e = tensor_allocate(t, err);                        \
        for (size_t i = 0; e == 0 && i < proto->n_##field; i++) \
            ((T *)t->data)[i] = (T)proto->field[i];             \
        return e;                                               \
    }

static int read_typed(const Onnx__TensorProto *proto, struct tensor *t, struct err *err)
{
    switch (t->type) {
    case TENSOR_F32:
        COPY(float, float_data)
    case TENSOR_F64:
        COPY(double, double_data)
    case TENSOR_I64:
        COPY(int64_t, int64_data)
    case TENSOR_U64:
        COPY(uint64_t, uint64_data)
    case TENSOR_U32:
        COPY(uint32_t, uint64_data)
    case TENSOR_I32:
        COPY(int32_t, int32_data)
    case TENSOR_I16:
        COPY(int16_t, int32_data)
    case TENSOR_U16:
    case TENSOR_F16:
    case TENSOR_BF16:
        COPY(uint16_t, int32_data)
    case TENSOR_I8:
        COPY(int8_t, int32_data)
    case TENSOR_U8:
    case TENSOR_BOOL:
        COPY(uint8_t, int32_data)
    case TENSOR_NONE:
        break;
    }
    return err_set(err, ERR_UNSUPPORTED, "tensor of type %d", (int)t->type);
}

static int read_raw(const Onnx__TensorProto *proto, struct tensor *t, struct err *err)
{
    const size_t bytes = tensor_bytes(t);
    if (proto->raw_data.len != bytes)
        return err_set(err, ERR_FORMAT, "%zu bytes for a tensor of %zu",
                       proto->raw_data.len, bytes);
    const int e = tensor_allocate(t, err);
    if (e == 0 && bytes > 0)
        memcpy(t->data, proto->raw_data.data, bytes);
    return e;
}

int onnx_tensor_from(const Onnx__TensorProto *proto, const char *folder,
                     const struct onnx_limits *limits, struct tensor **ret,
                     struct err *err)
{
    if (proto->segment)
        return err_set(err, ERR_UNSUPPORTED, "a tensor in segments");
    if (proto->n_dims > TENSOR_RANK_MAX)
        return err_set(err, ERR_UNSUPPORTED, "tensor of %zu axes", proto->n_dims);

    auto_(tensor) struct tensor *t = calloc(1, sizeof(*t));
    if (!t)
        return err_set(err, ERR_NOMEM, "a tensor");
    t->type = (enum tensor_type)proto->data_type;
    t->rank = (int)proto->n_dims;
    for (int i = 0; i < t->rank; i++)
        t->dim[i] = proto->dims[i];

    int e = tensor_check_bytes(t, limits->tensor_bytes, err);
    if (e != 0)
        return e;
    if (proto->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL)
        e = read_external(proto, folder, t, err);
    else if (proto->has_raw_data)
        e = read_raw(proto, t, err);
    else
        e = read_typed(proto, t, err);
    if (e != 0)
        return e;
    *ret = take(t);
    return 0;
}

int onnx_parse_tensor(const void *data, size_t size, const struct onnx_limits *limits,
                      struct tensor **ret, struct err *err)
{
    struct onnx_wire wire;
    int e = onnx_wire_unpack(&wire, &onnx__tensor_proto__descriptor, data, size,
                             limits->memory_bytes, err);
    if (e == 0)
        e = onnx_tensor_from((const Onnx__TensorProto *)wire.message, NULL, limits, ret,
                             err);
    onnx_wire_finish(&wire);
    return e;
}
