/*
 * qtile: sums of 8-bit products for some pixels and some channels, the inner loop of 8-bit
 * convolutions. Seen by kernels/fast alone.
 *
 *     sum[p, o] = sum over segment s, k of in[s][p][k] * weights[s, k / 4, o, k % 4]
 *
 * and what requant.h makes of it. in are pointers, so that stride, dilation, padding and the
 * pixels' order are the caller's; segments are 4 * chunks bytes long, and what of that lies
 * beyond the channels meets zero weights. Sums are exact: both codes give the same bits.
 */
#ifndef KERNELS_FAST_QTILE_H
#define KERNELS_FAST_QTILE_H

#include "kernels/requant.h"

#include <stdbool.h>
#include <stdint.h>

enum { QTILE_LANES = 16, QTILE_VECTORS_MAX = 4, QTILE_UNIT = 24 };

struct qtile {
    const struct requant *q;
    const uint8_t *const
        *in; // [segments][stride]; pixels are used, and up to a multiple of
             // QTILE_UNIT they can be read
    int64_t stride, pixels, segments, chunks;
    int vectors;                       // of 16 channels, 1, 2 or 4
    int channels;                      // of them that are there
    const int8_t *weights;             // [segments][chunks][vectors * 16][4]
    const float *scale, *bias, *slope; // [vectors * 16]; slope NULL: none
    char *const *out;                  // [pixels], of uint8 or float
    const uint8_t *const *residual;    // [pixels]; NULL: none
    int64_t shift, residual_shift;     // bytes added to each of out, of residual
};

typedef void qtile_fn(const struct qtile *tile);
/** Plain C, any CPU. */
void qtile_plain(const struct qtile *tile);
/** With the 16-bit products of AVX2; only where executor_has_avx2(). */
void qtile_avx2(const struct qtile *tile);
/** With the 8-bit products of AVX-512 (VNNI); only where executor_has_vnni(). */
void qtile_vnni(const struct qtile *tile);

/** What requant.h makes of count sums of a pixel, for its channels from first on. */
void qtile_put(const struct qtile *tile, int64_t pixel, int first, int count,
               const int32_t *sum);

#endif
