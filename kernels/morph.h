/* morph: growing, shrinking, filling and counting the connected parts of masks. */
#ifndef KERNELS_MORPH_H
#define KERNELS_MORPH_H

#include <stddef.h>
#include <stdint.h>

struct err;

/**
 * dst = voxels within radius of mask, in the plane: an ellipse for unequal voxels.
 *
 * mask, dst  uint8 [ny][nx], 0 or 1, not overlapping;  radius_px  of x, y; 0 copies
 */
void morph_dilate(const uint8_t *restrict mask, size_t nx, size_t ny,
                  const double radius_px[2], uint8_t *restrict dst);
/** dst = voxels farther than radius from what is not mask; beyond the plane counts as mask. */
void morph_erode(const uint8_t *restrict mask, size_t nx, size_t ny,
                 const double radius_px[2], uint8_t *restrict dst);

/**
 * dst = 1 where wall is 0 and no path of 4-neighbours off the walls leads to the border.
 *
 * wall, dst  uint8 [ny][nx];  stack  uint32 [nx * ny]
 */
void morph_enclosed(const uint8_t *restrict wall, size_t nx, size_t ny,
                    uint32_t *restrict stack, uint8_t *restrict dst);

/**
 * Number the parts of mask that hang together by faces (6 neighbours), from 1, in the order in
 * which their first voxel lies in memory.
 *
 * mask     uint8 [nz][ny][nx]
 * labels   uint32 [nz][ny][nx]: 0 off the mask
 * *ret_sizes  [count + 1] voxels of each label, to be freed by the caller
 *
 * Errors: ERR_NOMEM. Tested: tests/unit/test_morph.c.
 */
int morph_components(const uint8_t *mask, size_t nx, size_t ny, size_t nz,
                     uint32_t *labels, size_t **ret_sizes, size_t *ret_count,
                     struct err *err);

/** Keep of mask the parts of at least size_min voxels. Errors: ERR_NOMEM. */
int morph_keep_large(uint8_t *mask, size_t nx, size_t ny, size_t nz, size_t size_min,
                     struct err *err);
/** Keep of mask its largest part (the first of equals). Errors: ERR_NOMEM. */
int morph_keep_largest(uint8_t *mask, size_t nx, size_t ny, size_t nz, struct err *err);

#endif
