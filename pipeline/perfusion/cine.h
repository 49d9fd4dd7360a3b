/*
 * cine: a stack of slices over time, on the grid that perfusion is computed on.
 *
 * Each slice has times of its own. Knows voxels and times, not what they mean.
 */
#ifndef PIPELINE_PERFUSION_CINE_H
#define PIPELINE_PERFUSION_CINE_H

#include "base/auto.h"

#include <stddef.h>
#include <stdint.h>

struct err;

struct cine {
    size_t nx, ny, nz, nt;
    double spacing_mm[3]; // x, y, between slices
    float *voxels;        // [nz][nt][ny][nx]: HU, or signal
    double *time_s;       // [nz][nt]
    uint8_t *is_missing;  // [nz][nt] 1: made up from the frames before and after
};

/** Frames of zeros. Errors: ERR_NOMEM. */
int cine_create(size_t nx, size_t ny, size_t nz, size_t nt, struct cine **ret,
                struct err *err);
/** Free cine; NULL is allowed. */
void cine_destroy(struct cine *cine);

/** Voxels of a slice. */
size_t cine_plane(const struct cine *cine);
/** Voxels of a volume. */
size_t cine_volume(const struct cine *cine);
/** Frame t of slice z, [ny][nx]. */
float *cine_frame(const struct cine *cine, size_t z, size_t t);
/** ml of a voxel. */
double cine_voxel_ml(const struct cine *cine);

/** Take the first n frames off, n < nt. */
void cine_drop_first(struct cine *cine, size_t n);

/** Make up the frames marked missing: linear in time, the nearest at the ends. */
void cine_fill_missing(struct cine *cine);

/**
 * Mean over frames from..to-1.
 *
 * ret  float [nz][ny][nx]
 */
void cine_mean(const struct cine *cine, size_t from, size_t to, float *ret);

/** Mean of each frame within mask, uint8 [nz][ny][nx]: ret [nt]; 0 for an empty mask. */
void cine_mask_mean(const struct cine *cine, const uint8_t *mask, double *ret);

AUTO_DEFINE(cine)

#endif
