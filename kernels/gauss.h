/*
 * gauss: blur in the plane that does not let what lies outside a mask leak in.
 *
 * Normalised convolution (Knutsson & Westin, CVPR 1993):
 *
 *     dst = (G * (m src)) / (G * m)   where m > 0, else 0
 *
 * The denominator is the same for all frames of a slice: gauss_weights() makes it once.
 */
#ifndef KERNELS_GAUSS_H
#define KERNELS_GAUSS_H

#include <stddef.h>

#define GAUSS_RADIUS_MAX 32

/** A sampled Gaussian in both directions of the plane, cut at 3 sigma; taps sum to 1. */
struct gauss {
    int radius[2];                           // x, y
    float taps[2][2 * GAUSS_RADIUS_MAX + 1]; // [x, y][2 radius + 1]
};

/**
 * sigma_px of x and y, in voxels; 0 leaves a direction alone. Wider than the largest radius is cut.
 */
void gauss_init(struct gauss *gauss, double sigma_x_px, double sigma_y_px);

/** Floats of scratch that a blur of nx x ny needs. */
size_t gauss_scratch(const struct gauss *gauss, size_t nx, size_t ny);

/**
 * Blur a plane; outside it all is 0.
 *
 * src      float [ny] rows of nx, stride floats apart
 * dst      the same layout; may be src
 * scratch  float [gauss_scratch()]
 *
 * Pure, any thread. Cost: 2 (radius_x + radius_y + 1) multiply-adds a voxel.
 * Tested: tests/unit/test_gauss.c, to 1e-5 of the double sum.
 */
void gauss_blur(const struct gauss *gauss, const float *src, size_t nx, size_t ny,
                size_t stride, float *restrict scratch, float *dst);

/**
 * What gauss_masked() multiplies with: 1 / (G * mask) where mask > 0, else 0.
 *
 * mask, ret  float [ny][nx]
 */
void gauss_weights(const struct gauss *gauss, const float *mask, size_t nx, size_t ny,
                   float *restrict scratch, float *restrict ret);

/**
 * Masked blur: src must be 0 where the mask is; weights are of gauss_weights() [ny][nx].
 * src and dst as in gauss_blur().
 */
void gauss_masked(const struct gauss *gauss, const float *weights, const float *src,
                  size_t nx, size_t ny, size_t stride, float *restrict scratch,
                  float *dst);

#endif
