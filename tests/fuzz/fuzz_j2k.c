/*
 * A JPEG 2000 codestream, in an image that is what the codestream says, if small.
 *
 * High-Throughput code blocks are left to tests/unit/test_j2k.c: OpenJPEG 2.5.0 ends
 * the process by assertion where they are broken (ht_dec.c, mel_init). That is why pixels are
 * decoded in a worker.
 */
#include "base/err.h"
#include "scp/dcm_j2k.h"
#include "tests/fuzz/fuzz.h"

enum { SIDE_MAX = 256, SIZ_END = 45 };

static long u32(const uint8_t *p)
{
    return (long)p[0] << 24 | (long)p[1] << 16 | (long)p[2] << 8 | (long)p[3];
}

/* Whether a coding style (COD or COC, ISO 15444-1 A.6.1) asks for such blocks. */
static bool has_fast_blocks(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i + 12 < size; i++) {
        if (data[i] == 0xff
            && ((data[i + 1] == 0x52 && data[i + 12] & 0x40)
                || (data[i + 1] == 0x53 && data[i + 9] & 0x40)))
            return true;
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint16_t stored[SIDE_MAX * SIDE_MAX];
    struct pixel_facts pixels = {.rows = 48,
                                 .columns = 64,
                                 .frames = 1,
                                 .samples = 1,
                                 .bits_allocated = 16,
                                 .bits_stored = 16,
                                 .high_bit = 15};
    if (size >= SIZ_END && data[0] == 0xff) {
        const long columns = u32(data + 8) - u32(data + 16);
        const long rows = u32(data + 12) - u32(data + 20);
        if (columns > 0 && columns <= SIDE_MAX && rows > 0 && rows <= SIDE_MAX) {
            pixels.rows = (int)rows;
            pixels.columns = (int)columns;
        }
        pixels.is_signed = data[42] >> 7;
    }
    if (has_fast_blocks(data, size))
        return 0;
    struct err err = {0};
    const int r = dcm_j2k_decode(data, size, &pixels, stored, &err);
    PROMISE(r == 0 || r == ERR_FORMAT || r == ERR_LIMIT);
    PROMISE(r == 0 || (err.code == r && err.text[0]));
    return 0;
}
