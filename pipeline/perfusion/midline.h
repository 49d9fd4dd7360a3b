/*
 * midline: the plane that parts the hemispheres, by the symmetry of the brain's mask.
 */
#ifndef PIPELINE_PERFUSION_MIDLINE_H
#define PIPELINE_PERFUSION_MIDLINE_H

#include "pipeline/perfusion/cine.h"

#include <stdint.h>

/** cos x + sin y = offset, in mm from voxel (0, 0) of a slice; the same in every slice. */
struct midline {
    double cosine, sine, offset_mm;
    double symmetry; // 0..1: share of the mask whose mirror image lies in it
};

/**
 * The upright line, within 20 degrees of the columns, about which mask, uint8 [nz][ny][nx], is most
 * symmetric: coarse search over angle and offset, then finer. An empty mask gives its middle.
 */
struct midline midline_find(const struct cine *cine, const uint8_t *mask);

/** Signed distance of voxel (x, y), mm: negative towards column 0. */
double midline_side_mm(const struct midline *m, const struct cine *cine, size_t x,
                       size_t y);

#endif
