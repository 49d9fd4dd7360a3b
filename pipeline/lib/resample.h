/*
 * resample: the voxels of one grid brought to another, wherever the two lie in the patient.
 *
 * Works plane by plane of the grid that is made, from only those slices of the source that
 * the plane meets, so that a long volume need not lie in memory. Slices of both grids rise
 * along their normals; they may be unevenly spaced or sheared, and the grids may be oblique
 * to each other.
 *
 * A point is inside a grid when it lies within half a voxel of its outermost centres; there
 * values are clamped to the edge, else they are `outside`.
 *
 *     linear   between the two slices that enclose the point, bilinear in each
 *     nearest  the voxel whose centre is next
 *     smooth   where voxels of `to` are larger: mean of linear samples on a lattice as fine as
 *              `from` within the voxel, at most 8 along an axis
 *
 * Sources: linear interpolation and box-filter antialiasing of any text book. Tested:
 * tests/unit/test_resample.c on oblique, sheared and anisotropic grids.
 */
#ifndef PIPELINE_LIB_RESAMPLE_H
#define PIPELINE_LIB_RESAMPLE_H

#include "base/grid.h"
#include "pipeline/lib/card.h"

#include <stddef.h>

/**
 * The grid with other voxels that covers what `from` covers, edge to edge, and lies like it.
 *
 * spacing_mm  z, y, x; 0 keeps from's. Voxels along an axis: the extent over the spacing,
 *             rounded, at least 1; their size is then the extent over their number (nnU-Net).
 *
 * Errors: ERR_LIMIT more than 2^31 voxels; ERR_NOMEM
 */
int resample_grid(const struct grid *from, const double spacing_mm[3], struct grid **ret,
                  struct err *err);

/** The slices first..last of `from` that plane z of `to` meets; false: none. Pure. */
bool resample_needs(const struct grid *from, const struct grid *to, size_t z,
                    size_t *ret_first, size_t *ret_last);

/**
 * Make plane z of `to`.
 *
 * planes  [from nz]: float [ny][nx] of each slice that resample_needs() names; others unused
 * dst     float [to ny][to nx]
 *
 * Pure, any thread. Cost: two bilinear samples a voxel, smooth up to 512 times that.
 */
void resample_plane(const struct grid *from, const float *const *planes,
                    const struct grid *to, size_t z,
                    enum card_interpolation interpolation, float outside,
                    float *restrict dst);

/**
 * Make all of `to` from src [nz][ny][nx] on `from`, over threads.
 *
 * dst  float [to nz][ny][nx]. The same for any number of threads. Errors: ERR_NOMEM.
 */
int resample_volume(const struct grid *from, const float *src, const struct grid *to,
                    enum card_interpolation interpolation, float outside, int threads,
                    float *restrict dst, struct err *err);

#endif
