/*
 * The inner loop of 8-bit convolutions on AVX2: both numbers are widened to 16 bits, whose
 * products' pairs are added exactly. A vector has sums of four channels, two a channel, which are
 * added in the end; three pixels and 16 channels at once.
 */
#include "kernels/fast/qtile.h"

#ifdef __x86_64__
#include <immintrin.h>
#include <string.h>

#define TARGET __attribute__((target("avx2")))

enum { PIXELS = 3, PARTS = 4 }; // parts: vectors of four channels

/** Four bytes of x as 16-bit numbers, again and again. */
TARGET static inline __m256i widen4(const uint8_t *x)
{
    int32_t four;
    memcpy(&four, x, sizeof(four));
    return _mm256_broadcastq_epi64(_mm_cvtepu8_epi16(_mm_cvtsi32_si128(four)));
}

/** 16 sums for each of PIXELS pixels from first on; step is from chunk to chunk of weights. */
TARGET static void add_products(const struct qtile *t, int64_t first, const int8_t *w,
                                int32_t ret[PIXELS][QTILE_LANES])
{
    const int64_t step = (int64_t)t->vectors * QTILE_LANES * 4;
    __m256i sum[PIXELS][PARTS];
    for (int i = 0; i < PIXELS; i++) {
        for (int v = 0; v < PARTS; v++)
            sum[i][v] = _mm256_setzero_si256();
    }
    for (int64_t s = 0; s < t->segments; s++) {
        const uint8_t *const *x = t->in + s * t->stride + first;
        for (int64_t k = 0; k < 4 * t->chunks; k += 4, w += step) {
            const __m256i a[PIXELS] = {widen4(x[0] + k), widen4(x[1] + k),
                                       widen4(x[2] + k)};
#pragma GCC unroll 4
            for (int v = 0; v < PARTS; v++) {
                const __m256i wide = _mm256_cvtepi8_epi16(
                    _mm_loadu_si128((const __m128i *)(const void *)(w + 16 * v)));
#pragma GCC unroll 3
                for (int i = 0; i < PIXELS; i++)
                    sum[i][v] =
                        _mm256_add_epi32(sum[i][v], _mm256_madd_epi16(a[i], wide));
            }
        }
    }
    for (int i = 0; i < PIXELS; i++) {
        for (int v = 0; v < PARTS;
             v += 2) { // neighbours: halves of two vectors alternate
            const __m256i both = _mm256_permute4x64_epi64(
                _mm256_hadd_epi32(sum[i][v], sum[i][v + 1]), 0xd8);
            _mm256_storeu_si256((__m256i *)(void *)&ret[i][4 * v], both);
        }
    }
}

void qtile_avx2(const struct qtile *t)
{
    int32_t sum[PIXELS][QTILE_LANES];
    for (int64_t p = 0; p < t->pixels; p += PIXELS) {
        const int64_t left = t->pixels - p < PIXELS ? t->pixels - p : PIXELS;
        for (int first = 0; first < t->channels; first += QTILE_LANES) {
            const int rest = t->channels - first;
            add_products(t, p, t->weights + (int64_t)4 * first, sum);
            for (int64_t i = 0; i < left; i++)
                qtile_put(t, p + i, first, rest < QTILE_LANES ? rest : QTILE_LANES,
                          sum[i]);
        }
    }
}
#else
void qtile_avx2(const struct qtile *t)
{
    qtile_plain(t);
}
#endif
