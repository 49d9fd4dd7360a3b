#include "base/npy.h"

#include "base/err.h"
#include "base/file.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char MAGIC[] = "\x93NUMPY";
enum { MAGIC_BYTES = 6, HEADER_MAX = 1 << 16 };

/** The text behind "'key':" in a header, which is a Python dict; NULL if it is not there. */
static const char *find_key(const char *header, const char *key)
{
    char quoted[40];
    snprintf(quoted, sizeof(quoted), "'%s'", key);
    const char *at = strstr(header, quoted);
    if (!at)
        return NULL;
    at += strlen(quoted);
    at += strspn(at, " :");
    return at;
}

static int parse_type(const char *text, struct npy *npy, struct err *err)
{
    char order, kind;
    unsigned size;
    if (!text || sscanf(text, "'%c%c%u'", &order, &kind, &size) != 3)
        return err_set(err, ERR_FORMAT, "no type in the header");
    const bool known = (kind == 'f' && (size == 2 || size == 4 || size == 8))
                       || ((kind == 'i' || kind == 'u')
                           && (size == 1 || size == 2 || size == 4 || size == 8))
                       || (kind == 'b' && size == 1);
    if (!known || (order == '>' && size > 1))
        return err_set(err, ERR_UNSUPPORTED, "an array of type '%c%c%u'", order, kind,
                       size);
    npy->kind = kind;
    npy->size = size;
    return 0;
}

static int parse_shape(const char *text, struct npy *npy, struct err *err)
{
    if (!text || *text != '(')
        return err_set(err, ERR_FORMAT, "no shape in the header");
    size_t count = 1;
    for (text++; *text && *text != ')';) {
        char *end;
        const long long n = strtoll(text, &end, 10);
        if (end == text || n < 0 || npy->rank == NPY_RANK_MAX)
            return err_set(err, ERR_FORMAT, "a shape that is none, or has too many axes");
        npy->dim[npy->rank++] = n;
        if (__builtin_mul_overflow(count, (size_t)n, &count))
            return err_set(err, ERR_LIMIT, "a shape that is too large");
        text = end + strspn(end, "L, ");
    }
    if (__builtin_mul_overflow(count, npy->size, &npy->bytes))
        return err_set(err, ERR_LIMIT, "a shape that is too large");
    return 0;
}

static int parse_header(const char *header, struct npy *npy, struct err *err)
{
    const char *order = find_key(header, "fortran_order");
    int e = parse_type(find_key(header, "descr"), npy, err);
    if (e == 0)
        e = parse_shape(find_key(header, "shape"), npy, err);
    if (e == 0 && order && strncmp(order, "True", 4) == 0 && npy->rank > 1)
        e = err_set(err, ERR_UNSUPPORTED, "an array in Fortran order");
    return e;
}

/** Where the header's text is, and its length. */
static int find_header(const unsigned char *file, size_t size, size_t *start,
                       size_t *length, struct err *err)
{
    if (size < 12 || memcmp(file, MAGIC, MAGIC_BYTES) != 0 || file[6] < 1 || file[6] > 3)
        return err_set(err, ERR_FORMAT, "no .npy file");
    *start = file[6] == 1 ? 10 : 12;
    *length = file[8] | (size_t)file[9] << 8;
    if (file[6] > 1)
        *length |= (size_t)file[10] << 16 | (size_t)file[11] << 24;
    if (*length > HEADER_MAX || *length > size - *start)
        return err_set(err, ERR_FORMAT, "a header cut short");
    return 0;
}

static int parse(const char *file, size_t size, struct npy *ret, struct err *err)
{
    struct npy npy = {0};
    size_t start = 0, length = 0;
    int e = find_header((const unsigned char *)file, size, &start, &length, err);
    if (e != 0)
        return e;
    char *header = strndup(file + start, length);
    if (!header)
        return err_set(err, ERR_NOMEM, "a header");
    e = parse_header(header, &npy, err);
    free(header);
    if (e != 0)
        return e;
    if (size - start - length != npy.bytes)
        return err_set(err, ERR_FORMAT, "%zu bytes of numbers, the header says %zu",
                       size - start - length, npy.bytes);
    npy.data = malloc(npy.bytes + 1);
    if (!npy.data)
        return err_set(err, ERR_NOMEM, "an array");
    memcpy(npy.data, file + start + length, npy.bytes);
    *ret = npy;
    return 0;
}

int npy_read(const char *path, size_t max_bytes, struct npy *ret, struct err *err)
{
    char *file;
    size_t size;
    int e = file_read(path, max_bytes, &file, &size, err);
    if (e != 0)
        return e;
    e = parse(file, size, ret, err);
    free(file);
    return e == 0 ? 0 : err_add(err, "%s", path);
}

int npy_write(const char *path, const struct npy *npy, struct err *err)
{
    char shape[200] = "", head[400];
    size_t used = 0;
    for (int i = 0; i < npy->rank; i++)
        used += (size_t)snprintf(shape + used, sizeof(shape) - used, "%lld,%s",
                                 (long long)npy->dim[i], i + 1 < npy->rank ? " " : "");
    const int text =
        snprintf(head, sizeof(head),
                 "{'descr': '%c%c%zu', 'fortran_order': False, 'shape': (%s), }",
                 npy->size == 1 ? '|' : '<', npy->kind, npy->size, shape);
    // Magic, version and length are 10 bytes; numbers begin at a multiple of 64.
    const size_t start = (10 + (size_t)text + 1 + 63) / 64 * 64, length = start - 10;
    char *file = malloc(start + npy->bytes + 1);
    if (!file)
        return err_set(err, ERR_NOMEM, "an array");
    memset(file, ' ', start);
    memcpy(file, MAGIC, MAGIC_BYTES);
    file[6] = 1;
    file[7] = 0;
    file[8] = (char)(length & 255);
    file[9] = (char)(length >> 8);
    memcpy(file + 10, head, (size_t)text);
    file[start - 1] = '\n';
    if (npy->bytes > 0)
        memcpy(file + start, npy->data, npy->bytes);
    const int e = file_write(path, file, start + npy->bytes, err);
    free(file);
    return e;
}
