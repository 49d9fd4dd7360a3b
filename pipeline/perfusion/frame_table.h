/*
 * frame_table: which frame of a series shows which slice at which time.
 *
 * Trusts geometry and clock, not order, numbers or descriptions: slices are told apart by
 * their position along the normal, times within a slice by the first clock of the object that
 * ticks (acquisition, content, trigger). Slices keep times of their own, as a scanner that moves
 * its table to and fro needs it. Frames taken twice are dropped, frames that one slice lacks and
 * others have are marked as missing.
 */
#ifndef PIPELINE_PERFUSION_FRAME_TABLE_H
#define PIPELINE_PERFUSION_FRAME_TABLE_H

#include "base/auto.h"
#include "base/grid.h"
#include "base/series.h"

#include <stddef.h>

struct err;

#define FRAME_MISSING ((size_t)-1)

struct frame_table {
    struct grid *grid; // of the slices, along the normal
    size_t nt;         // times of every slice
    size_t *frames;    // [grid nz][nt] index into series.frames, or FRAME_MISSING
    double *time_s;    // [grid nz][nt] rising; 0 is the first frame of all
    size_t doubled;    // frames dropped because another shows the same
    size_t left_out; // frames of another orientation, without a time, of another scan, or
                     // of a slice that was seen far less often than the others
    size_t missing;  // entries of FRAME_MISSING
    double start_s; // clock of the first frame: of the day, or since 1970; NAN if trigger
};

/**
 * Sort the frames of series.
 *
 * Errors: ERR_UNSUPPORTED no slice was seen at least times_min times, or no clock ticks: the
 *         text says so to people. ERR_NOMEM.
 */
int frame_table_create(const struct series *series, size_t times_min,
                       struct frame_table **ret, struct err *err);
/** Free table; NULL is allowed. */
void frame_table_destroy(struct frame_table *table);

/** Seconds between the frames of the first slice: the median. */
double frame_table_interval_s(const struct frame_table *table);

AUTO_DEFINE(frame_table)

#endif
