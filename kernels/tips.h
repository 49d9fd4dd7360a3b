/*
 * tips: time-intensity profile similarity filter, an average over neighbours of like curves.
 *
 *     w(i, j) = exp(-|i - j|^2 / 2 sigma^2) exp(-SSD(g_i, g_j) / 2 h^2)    |i - j| <= r, both in mask
 *     dst_i   = sum_j w(i, j) src_j / sum_j w(i, j)
 *
 * g is a guide: the same curves, lightly smoothed, so that noise does not decide who is alike.
 * It smooths along tissue and not across the edge of a lesion.
 * Source: Mendrik et al., Phys Med Biol 56:3857-3872 (2011); with a guide after He et al.
 */
#ifndef KERNELS_TIPS_H
#define KERNELS_TIPS_H

#include <stddef.h>

/** A slice over time in rows: float [ny][nt][nx], so that a row's curves lie together. */
struct tips_shape {
    size_t nx, ny, nt;
};

struct tips_params {
    double radius_px[2], sigma_px[2]; // x, y
    double h2;                        // square of the SSD's width, in (unit of g)^2
    size_t guide_nt;                  // frames of the guide, which may be binned in time
};

/** Floats of scratch that tips_filter() needs. */
size_t tips_scratch(const struct tips_shape *shape);

/**
 * Filter src into dst.
 *
 * src, dst  float [ny][nt][nx], not overlapping; 0 outside mask
 * guide     float [ny][guide_nt][nx]
 * mask      float [ny][nx], 0 or 1
 * scratch   float [tips_scratch()]
 *
 * Pure, any thread. Cost: (3 guide_nt + 4 nt) flops a voxel and neighbour, half the neighbours.
 * Tested: tests/unit/test_tips.c, to 1e-4 of the formula.
 */
void tips_filter(const struct tips_shape *shape, const struct tips_params *params,
                 const float *restrict src, const float *restrict guide,
                 const float *restrict mask, float *restrict scratch,
                 float *restrict dst);

/**
 * Median over all neighbours in x, both in mask, of the SSD of their guide curves; 0 if there are
 * none. work: float [ny * nx].
 */
double tips_median_ssd(const struct tips_shape *shape, size_t guide_nt,
                       const float *restrict guide, const float *restrict mask,
                       float *restrict work);

#endif
