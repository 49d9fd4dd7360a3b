/* median: order statistics of values and of neighbourhoods. */
#ifndef KERNELS_MEDIAN_H
#define KERNELS_MEDIAN_H

#include <stddef.h>
#include <stdint.h>

/** The k-th smallest (from 0) of n > 0 finite values, which are reordered (Hoare's selection). */
float median_kth(float *v, size_t n, size_t k);

/**
 * Median of the 3 x 3 neighbours that lie in mask, for each voxel of mask; others are copied.
 *
 * src, dst  float [ny][nx], not overlapping
 * mask      uint8 [ny][nx], 0 or 1
 *
 * Pure, any thread. Tested: tests/unit/test_median.c.
 */
void median_plane(const float *restrict src, const uint8_t *restrict mask, size_t nx,
                  size_t ny, float *restrict dst);

#endif
