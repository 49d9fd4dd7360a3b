/*
 * ingest: reads the frames of a table into a cine, fine pixels and thin slices averaged.
 *
 * Perfusion has no detail below a millimetre and much noise: pixels below 0.7 mm are averaged
 * 2 x 2, slices below 3 mm in groups of about 5 mm. Results go back to the source's own grid
 * through struct ingest_map.
 */
#ifndef PIPELINE_PERFUSION_INGEST_H
#define PIPELINE_PERFUSION_INGEST_H

#include "pipeline/perfusion/cine.h"
#include "pipeline/perfusion/frame_table.h"
#include "pipeline/pipeline.h"

#include <stddef.h>

struct err;

/** Source voxel (x, y, z) lies in cine voxel (x / block, y / block, z / group). */
struct ingest_map {
    size_t block, group;
};

/** How the source is averaged. */
struct ingest_map ingest_map_of(const struct grid *source);

/** Bytes that the cine of such a table takes. */
size_t ingest_bytes(const struct frame_table *table);

/**
 * Read all frames, on in->threads threads. Values below -1024 (padding) are set to it. Missing
 * frames are made up from their neighbours in time.
 *
 * Errors: those of series_read_frame(); ERR_NOMEM; ERR_CANCELLED.
 */
int ingest_read(const struct pipeline_input *in, const struct frame_table *table,
                struct cine **ret, struct err *err);

/** The grid of the cine, in patient space. Errors: ERR_NOMEM. */
int ingest_grid(const struct grid *source, struct grid **ret, struct err *err);

#endif
