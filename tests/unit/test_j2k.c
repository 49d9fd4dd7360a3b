#include "tests/unit/test.h"

#include "base/err.h"
#include "base/file.h"
#include "scp/dcm_j2k.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NX = 64, NY = 48, BYTES_MAX = 1 << 20 };

static const char *samples; // folder of codestreams, made of value_at() by other encoders

static int value_at(int x, int y, int bits, bool is_signed)
{
    const int full = 1 << bits, grain = (x * x * 7 + x * y * 13 + y * y * 3) % 251;
    const int top = bits > 8 ? full - 300 : full - 1; // leaves room for the grain
    const int v = (x + y) * top / (NX + NY - 2) + (bits > 8 ? grain : 0);
    return is_signed ? v - full / 2 : v;
}

static char *read_sample(const char *name, size_t *ret_size)
{
    char path[FILE_PATH], *data = NULL;
    assert_int_equal(file_join(samples, name, path, NULL), 0);
    assert_int_equal(file_read(path, BYTES_MAX, &data, ret_size, NULL), 0);
    return data;
}

static struct pixel_facts image(int bits, bool is_signed)
{
    return (struct pixel_facts){.rows = NY,
                                .columns = NX,
                                .frames = 1,
                                .samples = 1,
                                .bits_allocated = bits > 8 ? 16 : 8,
                                .bits_stored = bits,
                                .high_bit = bits - 1,
                                .is_signed = is_signed};
}

/* Greatest difference from value_at(). */
static int error_of(const void *stored, int bits, bool is_signed)
{
    int worst = 0;
    for (int i = 0; i < NX * NY; i++) {
        const int got = bits <= 8   ? ((const uint8_t *)stored)[i]
                        : is_signed ? ((const int16_t *)stored)[i]
                                    : ((const uint16_t *)stored)[i];
        const int off = abs(got - value_at(i % NX, i / NX, bits, is_signed));
        worst = off > worst ? off : worst;
    }
    return worst;
}

static void decodes_what_other_encoders_made(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int bits;
        bool is_signed;
        int off; // at most
    } cases[] = {
        {"ht-u8", 8, false, 0},         {"ht-u12", 12, false, 0},
        {"ht-s12", 12, true, 0},        {"ht-u16", 16, false, 0},
        {"ht-s16", 16, true, 0},        {"ht-u12-lrcp", 12, false, 0},
        {"ht-u12-lossy", 12, false, 8}, {"ht-s16-lossy", 16, true, 300},
        {"j2k-u8", 8, false, 0},        {"j2k-u16", 16, false, 0},
        {"jp2-u8", 8, false, 0},        {"j2k-u16-lossy", 16, false, 400},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint16_t stored[NX * NY];
        size_t size = 0;
        struct err err = {0};
        const struct pixel_facts pixels = image(cases[i].bits, cases[i].is_signed);
        char *data = read_sample(cases[i].name, &size);
        const int r = dcm_j2k_decode(data, size, &pixels, stored, &err);
        free(data);
        if (r < 0)
            fail_msg("%s: %s", cases[i].name, err.text);
        const int off = error_of(stored, cases[i].bits, cases[i].is_signed);
        if (off > cases[i].off)
            fail_msg("%s is off by %d", cases[i].name, off);
    }
}

static void takes_the_top_bit_for_the_sign_where_only_the_object_is_signed(void **state)
{
    (void)state;
    uint16_t stored[NX * NY];
    size_t size = 0;
    const struct pixel_facts pixels = image(12, true);
    char *data = read_sample("ht-u12", &size);
    assert_int_equal(dcm_j2k_decode(data, size, &pixels, stored, NULL), 0);
    free(data);
    for (int i = 0; i < NX * NY; i++) {
        const int v = value_at(i % NX, i / NX, 12, false);
        assert_int_equal((int16_t)stored[i], v >= 2048 ? v - 4096 : v);
    }
}

static void refuses_what_is_unlike_its_object(void **state)
{
    (void)state;
    uint16_t stored[NX * NY];
    size_t size = 0;
    struct err err = {0};
    char *data = read_sample("j2k-u16", &size);
    const struct pixel_facts good = image(16, false);
    struct pixel_facts wide = good, flat = good;
    wide.columns = NX + 1;
    flat.bits_allocated = 8;
    assert_int_equal(dcm_j2k_decode(data, size, &wide, stored, &err), ERR_FORMAT);
    assert_non_null(strstr(err.text, "64 x 48"));
    assert_int_equal(dcm_j2k_decode(data, size, &flat, stored, &err), ERR_FORMAT);
    assert_int_equal(dcm_j2k_decode(data, size / 2, &good, stored, &err), ERR_FORMAT);
    assert_int_equal(dcm_j2k_decode(data, 20, &good, stored, &err), ERR_FORMAT);
    assert_int_equal(dcm_j2k_decode(data, 0, &good, stored, &err), ERR_FORMAT);
    memcpy(data + 24, "\0\0\0\1\0\0\0\1", 8); // a tile a pixel: 3072 are within bounds
    data[27] = data[31] = 1;
    memcpy(data + 8, "\0\1\0\0\0\1\0\0", 8);
    struct pixel_facts large = good;
    large.rows = large.columns = 65536;
    assert_int_equal(dcm_j2k_decode(data, size, &large, NULL, &err), ERR_LIMIT);
    free(data);
}

static void knows_its_transfer_syntaxes(void **state)
{
    (void)state;
    assert_true(dcm_j2k_is_syntax("1.2.840.10008.1.2.4.90"));
    assert_true(dcm_j2k_is_syntax("1.2.840.10008.1.2.4.203"));
    assert_false(dcm_j2k_is_syntax("1.2.840.10008.1.2.4.80"));
    assert_false(dcm_j2k_is_syntax("1.2.840.10008.1.2.4.9"));
    assert_false(dcm_j2k_is_syntax("1.2.840.10008.1.2.5"));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_what_other_encoders_made),
        cmocka_unit_test(takes_the_top_bit_for_the_sign_where_only_the_object_is_signed),
        cmocka_unit_test(refuses_what_is_unlike_its_object),
        cmocka_unit_test(knows_its_transfer_syntaxes),
    };
    if (argc != 2) {
        fprintf(stderr, "usage: test_j2k FOLDER of samples\n");
        return 2;
    }
    samples = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
