/*
 * fuzz: what a fuzz target is. libFuzzer calls fuzz_one's other name; the driver replay.c
 * runs the corpus through it as an ordinary test.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** Give the code under test those bytes; ends the process when it breaks a promise. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PROMISE(kept)                                                          \
    do {                                                                       \
        if (!(kept)) {                                                         \
            fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #kept); \
            abort();                                                           \
        }                                                                      \
    } while (0)

/** Whether text is UTF-8 without control characters (also those above 0x7f). */
static inline bool fuzz_is_clean_utf8(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    while (*p) {
        const int more = *p < 0x80 ? 0 : *p >= 0xf0 ? 3 : *p >= 0xe0 ? 2 : 1;
        if (*p < 0x20 || *p == 0x7f || (*p >= 0x80 && *p < 0xc2) || *p > 0xf4)
            return false;
        if (*p == 0xc2 && p[1] < 0xa0)
            return false;
        for (int i = 1; i <= more; i++) {
            if ((p[i] & 0xc0) != 0x80)
                return false;
        }
        p += more + 1;
    }
    return true;
}

#endif
