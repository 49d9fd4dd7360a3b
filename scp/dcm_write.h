/*
 * dcm_write: writes a struct result as DICOM objects.
 *
 * Patient and study attributes are copied from the source instance; everything that names
 * the objects (UIDs, numbers, dates) comes from the caller, so that a job that is run twice
 * writes the same instances. Files are written and synced; a file that is half-written is
 * removed.
 */
#ifndef SCP_DCM_WRITE_H
#define SCP_DCM_WRITE_H

#include "base/auto.h"
#include "base/result.h"
#include "base/series.h"

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct err;
struct dcm_writer;

/** Who made the objects and from what; strings are borrowed until the writer is destroyed. */
struct dcm_write_context {
    const struct result *result;
    const struct series *series; // the frames that result.source_frames index
    const char *source_path;     // an instance of the source, for patient and study
    const char *uid_seed;        // drawn when the job was made: the root of all UIDs
    const char *software_version, *device_serial; // "0.1.0"; of the installation; not ""
    const char *model, *precision;                // of a network; NULL: none
    const char *supersedes; // SOP Instance UID of the SR that this one replaces, or NULL
    int64_t created_s;      // seconds since 1970 UTC: dates and times of the objects
    int series_number;      // first of the block, 9001
};

/** Errors: ERR_FORMAT (source_path unreadable or of no study, no serial number), ERR_NOMEM.
 * Text of the source is converted to UTF-8; what it lacks stays empty. */
int dcm_writer_create(const struct dcm_write_context *context, struct dcm_writer **ret,
                      struct err *err);
void dcm_writer_destroy(struct dcm_writer *writer);

/* Each writes one object to path. Errors: ERR_IO (disk), ERR_FORMAT (what the source holds
 * cannot be said in the object: the text names the attribute), ERR_NOMEM. */

/** Segmentation: all segments of the result; frames only where a segment is. With no voxel
 * in any segment there is nothing to write: ERR_NOTFOUND, path is not made. */
int dcm_write_seg(struct dcm_writer *writer, const char *path, struct err *err);
/** Parametric map i of the result: floats, a real world value mapping that says what they
 * are, a window. */
int dcm_write_map(struct dcm_writer *writer, size_t i, const char *path, struct err *err);
/** Page i of the result, as RGB Secondary Capture. */
int dcm_write_page(struct dcm_writer *writer, size_t i, const char *path,
                   struct err *err);
/** SR TID 1500 (Comprehensive 3D SR): measurements, findings, checks, or why it was refused.
 * Refers to the SEG when has_seg: pass whether dcm_write_seg() wrote one. Groups are then of
 * TID 1411, else of TID 1501. */
int dcm_write_sr(struct dcm_writer *writer, bool has_seg, const char *path,
                 struct err *err);

/* Each object is a series of its own, whose UID follows from its SOP Instance UID. Numbers
 * of the block: report 0, segmentation 1, then pages, then maps. */

/** SOP Instance UID that the object of this name ("seg", "sr", "map-cbf", "page-summary")
 * bears, into ret [FACTS_UID]. */
void dcm_write_uid(const char *uid_seed, const char *object, char *ret);

AUTO_DEFINE(dcm_writer)

#ifdef __cplusplus
}
#endif
#endif
