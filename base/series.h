/*
 * series: the frames of one or several DICOM series with geometry and time, pixels on demand.
 *
 * Knows where a frame lies and when it was taken, not what a file looks like: scp/ makes
 * a series, pipeline/ sorts and reads it. Frames are in no promised order. Pixels are not
 * held: series_read_frame() fetches one, so that a 4-D study never lies in memory whole.
 */
#ifndef BASE_SERIES_H
#define BASE_SERIES_H

#include "base/auto.h"
#include "base/facts.h"

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct err;

/** What a frame is, beside an image. */
enum frame_kind {
    FRAME_PLAIN,
    FRAME_DIFFUSION, // diffusion weighted MR; b_value says how much
    FRAME_ADC,       // a map of the apparent diffusion coefficient, in the scanner's unit
};

struct series_frame {
    struct plane_facts plane; // LPS mm
    struct time_facts time;
    int series;              // which of series_uids it came from
    char sop_uid[FACTS_UID]; // of the instance that holds it
    char sop_class[FACTS_UID];
    size_t nx, ny; // columns, rows of its own
    enum frame_kind kind;
    double echo_time_ms, b_value; // ms, s/mm2; NAN when absent
    int frame_number; // from 1 in a multi-frame instance, 0 in a single-frame one
};

struct series {
    char study_uid[FACTS_UID], frame_of_reference_uid[FACTS_UID];
    char modality[FACTS_CODE], body_part[FACTS_CODE];
    char (*series_uids)[FACTS_UID]; // [series_count]
    size_t series_count;
    size_t nx, ny;                // columns, rows: the same for all frames
    double echo_time_ms;          // NAN when absent
    char patient_sex[FACTS_CODE]; // "M", "F", "O" or ""
    double height_m, weight_kg;   // NAN when absent
    struct series_frame *frames;  // [frame_count]
    size_t frame_count;
    /* Diffusion images beside others follow them, of any matrix: frames[frame_count .. all_count). */
    size_t all_count; // at least frame_count

    /* Set by the maker: how pixels are fetched, and how it is taken down. */
    int (*read)(const struct series *series, size_t frame, float *dst, struct err *err);
    void (*finish)(struct series *series);
    void *source;
};

/**
 * Fetch frame's pixels in modality units (HU for CT): stored * slope + intercept.
 *
 * frame  below all_count
 * dst    float [ny][nx] of that frame
 *
 * Any thread, several at a time. Errors: ERR_IO, ERR_FORMAT (pixel data short or undecodable),
 * ERR_NOMEM, ERR_UNSUPPORTED (transfer syntax).
 */
int series_read_frame(const struct series *series, size_t frame, float *dst,
                      struct err *err);

/** Free series and what its maker holds; NULL is allowed. */
void series_destroy(struct series *series);

AUTO_DEFINE(series)

#ifdef __cplusplus
}
#endif
#endif
