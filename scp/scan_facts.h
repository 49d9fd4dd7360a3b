/*
 * scan_facts: from the raw values that a scan passes to instance_facts. Private to scan.
 */
#ifndef SCP_SCAN_FACTS_H
#define SCP_SCAN_FACTS_H

#include "base/facts.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

enum scan_syntax { SYNTAX_EXPLICIT, SYNTAX_IMPLICIT, SYNTAX_BIG, SYNTAX_DEFLATED };

enum { SCAN_WANTED_MAX = 64 };

/** Where the values of the wanted top-level elements lie; they are borrowed. */
struct scan_raw {
    struct {
        const uint8_t *value; // NULL: not met
        uint32_t length;
    } values[SCAN_WANTED_MAX];
    int64_t pixel_offset, pixel_length;
    int64_t fragments; // offset of the first item of encapsulated pixel data
    bool is_encapsulated, has_pixels, is_big;
    bool has_lut;     // a Modality LUT Sequence
    bool is_native;   // by the transfer syntax pixels are not compressed
    uint32_t doubled; // tag of an identifier that was met twice and differs; 0: none
    enum scan_syntax syntax;
};

/** Note the value of tag if it is wanted; the last of equal tags counts, but identifiers that
 * differ are an error of scan_raw_facts(). */
void scan_raw_keep(struct scan_raw *raw, uint32_t tag, const uint8_t *value,
                   uint32_t length, size_t offset);
/** Set syntax from TransferSyntaxUID. Errors: ERR_FORMAT (none). */
int scan_raw_transfer_syntax(struct scan_raw *raw, struct err *err);
/** Whether the SOP class says that frames have functional groups. */
bool scan_raw_is_enhanced(const struct scan_raw *raw);
/** Acquisition Duration in seconds, or NAN. */
double scan_raw_duration_s(const struct scan_raw *raw);
/** Whether a heart can have that R-R interval. */
bool scan_beat_is_sane(double rr_ms);
/** Whether position, orientation and spacing make sense. */
bool scan_plane_is_sane(const struct plane_facts *plane);
/** All but the stack. Errors: ERR_FORMAT, naming the tag. */
int scan_raw_facts(const struct scan_raw *raw, struct instance_facts *ret,
                   struct err *err);

#endif
