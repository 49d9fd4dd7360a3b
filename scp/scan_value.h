/* scan_value: numbers, texts and times out of raw element values. Private to scan. */
#ifndef SCP_SCAN_VALUE_H
#define SCP_SCAN_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The value of an element as it lies in the file; borrowed. */
struct scan_value {
    const uint8_t *data; // NULL: there is no such element
    uint32_t length;
    bool is_big; // its numbers are big endian
};

/** Its ASCII text without padding, cut to size; other characters become '?'. */
void scan_value_ascii(struct scan_value v, char *ret, size_t size);
/** Up to count decimal strings into ret; gives how many there were. */
int scan_value_decimals(struct scan_value v, double *ret, int count);
/** The first decimal string, else otherwise. */
double scan_value_decimal(struct scan_value v, double otherwise);
/** The same as a whole number, else FACTS_NONE. */
int scan_value_integer(struct scan_value v);
/** VR US, else otherwise. */
int scan_value_u16(struct scan_value v, int otherwise);
/** VR UL, else FACTS_NONE, as for those that no int holds. */
int scan_value_u32(struct scan_value v);
/** VR FD, else NAN, as for infinities. */
double scan_value_f64(struct scan_value v);
/** VR DT as seconds since 1970 (in UTC if it has a zone), else NAN. */
double scan_value_datetime_s(struct scan_value v);
/** VR DA and TM as seconds since 1970, of the day without a date; NAN without a time. */
double scan_value_moment_s(struct scan_value date, struct scan_value time);

#endif
