/*
 * tile: a network of fixed patch over a volume of any size, slice after slice.
 *
 * Patches lie at even steps (nnU-Net's), overlap, and are blended with a Gaussian: the mean at
 * a voxel is sum(w answer) / sum(w) with w = g(z) g(y) g(x), g = max(exp(-d^2 / 2 s^2), 0.01),
 * s an eighth of the patch. Where the volume is smaller than the patch, padding is put around
 * it. Knows neither network nor image: both are calls.
 *
 * The volume is read and written one plane at a time, in rising order, each once. What is held
 * is tile_bytes(): (1 + channels) patch[0] planes, and two patches; not the volume.
 *
 * Sums are made patch by patch in their order, so the result is the same for any number of
 * threads. Sources: Isensee et al., Nat Methods 18:203-211 (2021), sliding window inference.
 * Tested: tests/unit/test_tile.c.
 */
#ifndef PIPELINE_LIB_TILE_H
#define PIPELINE_LIB_TILE_H

#include <stdbool.h>
#include <stddef.h>

struct err;

/** All sizes are z, y, x and at least 1. */
struct tile_plan {
    size_t size[3], patch[3];
    size_t channels;
    double overlap; // of neighbouring patches, 0..0.9
    bool flips[3];  // average over patches mirrored along these axes
    float padding;
    int threads; // of the blending
};

struct tile_calls {
    /** Give plane z of the volume: float [ny][nx]. */
    int (*read)(void *ctx, size_t z, float *plane, struct err *err);
    /** Answer a patch [pz][py][px] into [channels][pz][py][px]. */
    int (*run)(void *ctx, const float *patch, float *answer, struct err *err);
    /** Take the means of plane z: float [channels][ny][nx], changed at will. */
    int (*write)(void *ctx, size_t z, float *planes, struct err *err);
    /** Patches done, of all; may end the run by ERR_CANCELLED. May be NULL. */
    int (*step)(void *ctx, size_t done, size_t all, struct err *err);
    void *ctx;
};

/** Bytes that tile_run() holds at once, without what the calls hold. */
size_t tile_bytes(const struct tile_plan *plan);
/** Patches along an axis of n voxels, and where the i-th begins (below 0 where n < patch). */
size_t tile_count(size_t n, size_t patch, double overlap);
long tile_start(size_t n, size_t patch, double overlap, size_t i);

/** Run. Errors: ERR_NOMEM; those of the calls. */
int tile_run(const struct tile_plan *plan, const struct tile_calls *calls,
             struct err *err);

#endif
