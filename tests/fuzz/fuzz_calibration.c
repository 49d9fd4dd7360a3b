/* A calibration file, with its checksum put right, so that what is behind it is reached too. */
#include "base/err.h"
#include "base/sha256.h"
#include "kernels/calibration.h"
#include "tests/fuzz/fuzz.h"

static void check(const struct calibration *c)
{
    PROMISE(*c->model && !strchr(c->model, '/') && c->model[0] != '.');
    PROMISE(strlen(c->digest) == SHA256_HEX - 1);
    for (size_t i = 0; i < c->value_count; i++) {
        PROMISE(c->values[i].lo <= c->values[i].hi);
        PROMISE(c->values[i].method < RANGE_METHODS);
        PROMISE(calibration_find(c, c->values[i].name));
    }
    for (size_t i = 0; i < c->kept_count; i++)
        PROMISE(calibration_keeps(c, c->kept[i]));
}

static void parse(const char *text, size_t size)
{
    auto_(calibration) struct calibration *c = NULL;
    struct err err = {0};
    const int r = calibration_parse(text, size, "fuzz.int8", &c, &err);
    PROMISE(r == 0 || ((r == ERR_FORMAT || r == ERR_CONFIG) && *err.text));
    if (r == 0)
        check(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char sum[SHA256_HEX];
    const size_t room = size + SHA256_HEX + 16;
    char *text = calloc(1, room + 1);
    if (!text)
        abort();
    memcpy(text, data, size);
    parse(text, size);
    sha256_hex(data, size, sum);
    const int more = snprintf(text + size, room - size, "# sha256 %s\n", sum);
    parse(text, size + (size_t)more);
    free(text);
    return 0;
}
