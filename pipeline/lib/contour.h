/*
 * contour: the outlines of a mask in one plane, as closed polygons. Knows no page.
 *
 * A polygon runs through the middles of the voxel edges that part mask from rest, so that
 * corners are cut at 45 degrees, with the mask on its right hand as seen on a picture with y
 * down. Voxels that touch only by a corner are outlined apart. Points are in voxels, centre
 * of the first at (0, 0).
 */
#ifndef PIPELINE_LIB_CONTOUR_H
#define PIPELINE_LIB_CONTOUR_H

#include "base/list.h"

#include <stddef.h>
#include <stdint.h>

struct err;

struct contour_point {
    float x, y;
};

LIST_DEFINE(contour_point_list, struct contour_point)
LIST_DEFINE(contour_end_list, size_t)

/** Polygons one after the other: the i-th is points[ends[i - 1] .. ends[i]), from 0. */
struct contour {
    struct contour_point_list points;
    struct contour_end_list ends;
};

/**
 * Trace the outlines of all voxels of mask [ny][nx] that are not 0; holes too.
 *
 * Appends to ret, which the caller zeroed. Cost: one pass and the length of the outlines.
 * Pure, any thread. Errors: ERR_NOMEM (ret is then to be finished all the same).
 */
int contour_trace(const uint8_t *mask, size_t nx, size_t ny, struct contour *ret,
                  struct err *err);
/** Free what contour holds. */
void contour_finish(struct contour *contour);

#endif
