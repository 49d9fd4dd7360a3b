/*
 * scan: reads a DICOM Part 10 file's structure in own code, before anything else parses it.
 *
 * The first eyes on bytes from outside: a single forward pass with fixed memory, no
 * recursion and no allocation that the file can steer. It bounds nesting depth, element
 * count and lengths, checks UIDs, and gathers instance_facts. What passes here may be
 * given to DCMTK; 20,000 nested sequences, which end storescp and Orthanc, do not pass.
 * Pixel data is stepped over, not read. Of an Enhanced object (told by its SOP class, never by
 * a stray functional group) the groups of frames_max frames are kept. Deflated data sets are inflated piecewise within
 * max_inflated_bytes.
 */
#ifndef SCP_SCAN_H
#define SCP_SCAN_H

#include "base/facts.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct err;

struct scan_limits {
    int depth_max;              // nested sequences, 16
    uint32_t elements_max;      // of the whole data set, 2,000,000
    int64_t bytes_max;          // of the file
    int64_t inflated_bytes_max; // of a deflated data set
    size_t frames_max;          // of an Enhanced object
};

extern const struct scan_limits SCAN_LIMITS; // sane defaults

/**
 * Scan the Part 10 file at path and fill *ret.
 *
 * Errors: ERR_IO      it cannot be opened or read
 *         ERR_FORMAT  not DICOM, or malformed: the text names the tag and the byte offset
 *         ERR_LIMIT   deeper, longer or larger than limits allow
 *         ERR_NOMEM
 * On failure *ret is untouched.
 */
int scan_file(const char *path, const struct scan_limits *limits,
              struct instance_facts *ret, struct err *err);

/** A frame of an Enhanced object. */
struct frame_facts {
    struct plane_facts plane;
    struct time_facts time;
    double slope, intercept; // of its modality LUT
    double echo_time_ms;
};

/** The same, and the frames of an Enhanced object with functional groups for each of them:
 * *ret_frames [*ret_count] is to be freed; other files have none. */
int scan_frames(const char *path, const struct scan_limits *limits,
                struct instance_facts *ret, struct frame_facts **ret_frames,
                size_t *ret_count, struct err *err);

/** scan_file() over size bytes at data (a whole Part 10 file); for tests and fuzzing. */
int scan_memory(const void *data, size_t size, const struct scan_limits *limits,
                struct instance_facts *ret, struct err *err);

/** Whether the Part 10 file at path is sound within limits, whatever it holds. Errors as
 * scan_file(). */
int scan_structure(const char *path, const struct scan_limits *limits, struct err *err);

/** Whether text is a UID that DICOM allows: 1-64 characters, digits and dots, no empty
 * component. (A leading zero of a component is tolerated: real scanners send it.) */
int scan_is_uid(const char *text);

/** Whether objects of that SOP class are Enhanced CT, MR or PET, legacy converted ones too:
 * their frames have functional groups. Others may have them and they mean nothing. */
bool scan_is_enhanced(const char *sop_class);

#ifdef __cplusplus
}
#endif
#endif
