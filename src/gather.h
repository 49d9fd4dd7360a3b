/*
 * gather: DICOM files of a folder put together as studies, as the index would have them.
 *
 * For `hilum run`: scans files, groups them by study and series, and gives the study_facts by
 * which analyses decide. Blocks.
 */
#ifndef SRC_GATHER_H
#define SRC_GATHER_H

#include "base/auto.h"
#include "base/facts.h"

#include <stddef.h>
#include <stdint.h>

struct err;
struct gather;

struct gather_hooks {
    /** A file was looked at; count of all so far. May be NULL. */
    void (*looked)(void *ctx, size_t count);
    /** A file was left out; reason names what is wrong with it. May be NULL. */
    void (*left_out)(void *ctx, const char *path, const char *reason);
    void *ctx;
};

/** A study with its files; all of it lives as long as the gather. */
struct gather_study {
    struct study_facts facts; // ids: 0 for the study, place + 1 for series
    const char **paths;       // [count], by series, then as found
    int64_t *series_ids;      // [count]: id of the series of each
    size_t count;
};

/**
 * Scan the files at roots (files or folders, walked, links followed) and group them. What is no
 * DICOM instance (a DICOMDIR, a text) is left out; repeated instances count once.
 *
 * Errors: ERR_NOTFOUND a root is not there; ERR_IO; ERR_NOMEM.
 */
int gather_create(const char *const *roots, size_t count,
                  const struct gather_hooks *hooks, struct gather **ret, struct err *err);
void gather_destroy(struct gather *gather);

size_t gather_count(const struct gather *gather);
/** Study i < gather_count(), in the order of their UIDs. */
const struct gather_study *gather_study(const struct gather *gather, size_t i);

AUTO_DEFINE(gather)

#endif
