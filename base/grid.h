/*
 * grid: parallel slices of voxels in patient space (LPS, mm), each slice with its own place.
 *
 * Slices may be unevenly spaced or sheared (a tilted gantry): position_mm of each is the
 * truth. Voxels of an array on a grid are laid [nz][ny][nx], x fastest.
 */
#ifndef BASE_GRID_H
#define BASE_GRID_H

#include "base/auto.h"

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct err;

struct grid {
    size_t nx, ny, nz;    // columns, rows, slices; all > 0
    double spacing_mm[2]; // x (between columns), y (between rows)
    double
        thickness_mm; // of a slice, for its volume: median distance, or slice thickness
    double orientation[6];    // unit cosines: along x, along y
    double (*position_mm)[3]; // [nz] centre of voxel (0, 0) of each slice; owned
};

/**
 * Make a grid of nx x ny x nz with all else zero; the caller fills it in.
 *
 * Errors: ERR_FORMAT a count is 0; ERR_NOMEM.
 */
int grid_create(size_t nx, size_t ny, size_t nz, struct grid **ret, struct err *err);
/** Copy src. Errors: ERR_NOMEM. */
int grid_clone(const struct grid *src, struct grid **ret, struct err *err);
/** Free grid; NULL is allowed. */
void grid_destroy(struct grid *grid);

/** Voxels of the grid. */
size_t grid_voxels(const struct grid *grid);
/** Volume of one voxel, ml. */
double grid_voxel_ml(const struct grid *grid);
/** Unit normal of the slices: x cross y. */
void grid_normal(const struct grid *grid, double ret[3]);
/** Patient position (LPS mm) of voxel (x, y) of slice z. */
void grid_to_patient(const struct grid *grid, double x, double y, size_t z,
                     double ret[3]);

AUTO_DEFINE(grid)

#ifdef __cplusplus
}
#endif
#endif
