/*
 * analyse: from DICOM files to a folder of results: what a worker and `hilum run` share.
 *
 * The folder comes about whole or not at all: everything is written beside it, synced, and
 * then gets its name. It holds the objects (seg.dcm, sr.dcm, map-<name>.dcm, page-<name>.dcm),
 * summary.png and report.json. Blocks; any thread, one at a time a process (DCMTK).
 */
#ifndef SRC_ANALYSE_H
#define SRC_ANALYSE_H

#include "base/facts.h"
#include "base/result.h"
#include "pipeline/pipeline.h"

#include <stddef.h>
#include <stdint.h>

struct err;

enum { ANALYSE_OBJECTS_MAX = 128 };

struct analyse_order {
    const struct pipeline_def *def;
    const char *const *paths; // [count]: instances of the wanted series
    size_t count;
    const char *folder;          // to be made; one that is there is replaced
    const char *uid_seed;        // root of the UIDs of the results
    const char *supersedes_seed; // of the results that these replace, or NULL
    int64_t created_s;           // date of the results, seconds since 1970
    const char *device_serial;
    const struct pipeline_option *options; // [option_count]
    size_t option_count;
    int threads;
    size_t memory_max_bytes;
    const char *const *model_folders; // [model_folder_count]
    size_t model_folder_count;
    struct pipeline_watch watch;
};

struct analyse_object {
    char name[64]; // "map-cbf": its file in the folder is map-cbf.dcm
    char sop_uid[FACTS_UID], sop_class[FACTS_UID];
};

struct analyse_outcome {
    enum result_status status;
    char reason[252]; // of a refusal
    struct analyse_object objects[ANALYSE_OBJECTS_MAX];
    size_t count;
    size_t left_out; // files that the analysis could not use
};

/**
 * Analyse and write. An analysis that refuses is no error: outcome says so.
 *
 * Errors: those of pipeline_def.run, dcm_read_series() and dcm_write.h. On failure no
 * folder is there, nor part of one.
 */
int analyse(const struct analyse_order *order, struct analyse_outcome *ret,
            struct err *err);

#endif
