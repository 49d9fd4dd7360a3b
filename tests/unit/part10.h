/* part10: builds DICOM files in memory for tests, right and wrong ones. */
#ifndef TESTS_UNIT_PART10_H
#define TESTS_UNIT_PART10_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define EXPLICIT_LE "1.2.840.10008.1.2.1"
#define IMPLICIT_LE "1.2.840.10008.1.2"
#define EXPLICIT_BE "1.2.840.10008.1.2.2"
#define DEFLATED    "1.2.840.10008.1.2.1.99"
#define JPEG        "1.2.840.10008.1.2.4.50"
#define UNDEFINED   0xffffffffu

struct part10 {
    uint8_t *data;
    size_t size, room;
    bool is_implicit, is_big;
};

static inline void p10_bytes(struct part10 *p, const void *data, size_t size)
{
    if (p->size + size > p->room) {
        p->room = (p->size + size) * 2;
        p->data = realloc(p->data, p->room);
        if (!p->data)
            abort();
    }
    if (size > 0)
        memcpy(p->data + p->size, data, size);
    p->size += size;
}

static inline void p10_u16(struct part10 *p, unsigned value)
{
    const uint8_t low = (uint8_t)value, high = (uint8_t)(value >> 8);
    p10_bytes(p, p->is_big ? &high : &low, 1);
    p10_bytes(p, p->is_big ? &low : &high, 1);
}

static inline void p10_u32(struct part10 *p, uint32_t value)
{
    p10_u16(p, p->is_big ? value >> 16 : value & 0xffff);
    p10_u16(p, p->is_big ? value & 0xffff : value >> 16);
}

/* Head of an element; a VR of long length ends in '+': "OB+". NULL: an item or delimiter. */
static inline void p10_head(struct part10 *p, uint32_t tag, const char *vr,
                            uint32_t length)
{
    p10_u16(p, tag >> 16);
    p10_u16(p, tag & 0xffff);
    if (p->is_implicit || !vr) {
        p10_u32(p, length);
        return;
    }
    p10_bytes(p, vr, 2);
    if (vr[2] != '+') {
        p10_u16(p, length);
        return;
    }
    p10_u16(p, 0);
    p10_u32(p, length);
}

static inline void p10_value(struct part10 *p, uint32_t tag, const char *vr,
                             const void *value, size_t size)
{
    p10_head(p, tag, vr, (uint32_t)(size + size % 2));
    p10_bytes(p, value, size);
    if (size % 2)
        p10_bytes(p, strncmp(vr, "UI", 2) == 0 ? "" : " ", 1);
}

static inline void p10_text(struct part10 *p, uint32_t tag, const char *vr,
                            const char *text)
{
    p10_value(p, tag, vr, text, strlen(text));
}

static inline void p10_us(struct part10 *p, uint32_t tag, unsigned value)
{
    p10_head(p, tag, "US", 2);
    p10_u16(p, value);
}

/* Preamble and meta group; the data set follows in its encoding. */
static inline void p10_begin(struct part10 *p, const char *syntax)
{
    *p = (struct part10){0};
    const uint8_t preamble[128] = {0};
    p10_bytes(p, preamble, sizeof(preamble));
    p10_bytes(p, "DICM", 4);
    if (syntax)
        p10_text(p, 0x00020010, "UI", syntax);
    p->is_implicit = syntax && strcmp(syntax, IMPLICIT_LE) == 0;
    p->is_big = syntax && strcmp(syntax, EXPLICIT_BE) == 0;
}

/* What an instance cannot do without. */
static inline void p10_identity(struct part10 *p)
{
    p10_text(p, 0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.2");
    p10_text(p, 0x00080018, "UI", "1.2.3.4");
    p10_text(p, 0x0020000d, "UI", "1.2.3");
    p10_text(p, 0x0020000e, "UI", "1.2.3.1");
}

/* Two by three 16-bit pixels. */
static inline void p10_image(struct part10 *p)
{
    static const uint8_t pixels[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    p10_us(p, 0x00280010, 2);
    p10_us(p, 0x00280011, 3);
    p10_us(p, 0x00280100, 16);
    p10_us(p, 0x00280101, 12);
    p10_us(p, 0x00280102, 11);
    p10_us(p, 0x00280103, 1);
    p10_value(p, 0x7fe00010, "OW+", pixels, sizeof(pixels));
}

static inline void p10_finish(struct part10 *p)
{
    free(p->data);
    *p = (struct part10){0};
}

#endif
