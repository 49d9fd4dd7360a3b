/*
 * The inner loop of 8-bit convolutions on AVX-512 VNNI: as many pixels and channels at once as
 * there are registers (6 x 64 or 8 x 32), one product of four bytes a lane and cycle.
 */
#include "kernels/fast/qtile.h"

#ifdef __x86_64__
#include <immintrin.h>
#include <string.h>

#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")))
#define INLINE TARGET static inline __attribute__((always_inline))

enum { PIXELS_MAX = 8 };

INLINE __m512i broadcast4(const uint8_t *x)
{
    int32_t four;
    memcpy(&four, x, sizeof(four));
    return _mm512_set1_epi32(four);
}

/** What the formula of requant.h takes for 16 channels, in registers: stores through out might
 * change whatever lies in memory, so it would be read again for each pixel. */
struct lanes {
    __m512 scale, bias, slope, low, high, residual_scale;
    __m512i zero;
    __mmask16 mask;
    bool bent, add, to_float;
};

INLINE struct lanes lanes_of(const struct qtile *t, int v)
{
    const int at = v * QTILE_LANES, left = t->channels - at;
    const unsigned all = left <= 0 ? 0 : 0xffff;
    return (struct lanes){
        .scale = _mm512_loadu_ps(t->scale + at),
        .bias = _mm512_loadu_ps(t->bias + at),
        .slope = t->slope ? _mm512_loadu_ps(t->slope + at) : _mm512_set1_ps(1),
        .low = _mm512_set1_ps(t->q->low),
        .high = _mm512_set1_ps(t->q->high),
        .residual_scale = _mm512_set1_ps(t->q->residual_scale),
        .zero = _mm512_set1_epi32(t->q->zero),
        .mask =
            (__mmask16)(left >= QTILE_LANES || left <= 0 ? all
                                                         : (1u << (unsigned)left) - 1),
        .bent = t->slope,
        .add = t->residual,
        .to_float = t->q->to_float,
    };
}

/** One pixel's 16 channels; at is where they begin in out and residual. */
INLINE void put(const struct lanes *l, __m512i sum, int at, char *out,
                const uint8_t *residual)
{
    __m512 x = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), l->scale, l->bias);
    if (l->add) {
        const __m128i r = _mm_maskz_loadu_epi8(l->mask, residual + at);
        x = _mm512_fmadd_ps(_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(r)),
                            l->residual_scale, x);
    }
    if (l->bent) {
        const __mmask16 below = _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_LT_OQ);
        x = _mm512_mask_mul_ps(x, below, x, l->slope);
    }
    x = _mm512_min_ps(_mm512_max_ps(x, l->low), l->high);
    if (l->to_float) {
        _mm512_mask_storeu_ps((float *)(void *)out + at, l->mask, x);
        return;
    }
    const __m512i y = _mm512_add_epi32(_mm512_cvtps_epi32(x), l->zero);
    const __m128i bytes = _mm512_cvtepi32_epi8(y);
    if (l->mask == 0xffff)
        _mm_storeu_si128((__m128i *)(void *)(out + at), bytes);
    else
        _mm_mask_storeu_epi8(out + at, l->mask, bytes);
}

/** PIXELS pixels from first on, all channels; both counts are constants where it is used. */
INLINE void block(const struct qtile *t, int64_t first, const int PIXELS,
                  const int VECTORS)
{
    __m512i sum[PIXELS_MAX][QTILE_VECTORS_MAX];
    const int8_t *w = t->weights;
#pragma GCC unroll 8
    for (int i = 0; i < PIXELS; i++) {
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; v++)
            sum[i][v] = _mm512_setzero_si512();
    }
    for (int64_t s = 0; s < t->segments; s++) {
        const uint8_t *x[PIXELS_MAX];
#pragma GCC unroll 8
        for (int i = 0; i < PIXELS; i++)
            x[i] = t->in[s * t->stride + first + i];
        for (int64_t k = 0; k < 4 * t->chunks; k += 4) {
            __m512i wv[QTILE_VECTORS_MAX];
#pragma GCC unroll 4
            for (int v = 0; v < VECTORS; v++)
                wv[v] = _mm512_loadu_si512(w + 64 * v);
            w += 64 * VECTORS;
#pragma GCC unroll 8
            for (int i = 0; i < PIXELS; i++) {
                const __m512i a = broadcast4(x[i] + k);
#pragma GCC unroll 4
                for (int v = 0; v < VECTORS; v++)
                    sum[i][v] = _mm512_dpbusd_epi32(sum[i][v], a, wv[v]);
            }
        }
    }
    char *const *const out = t->out + first;
    const uint8_t *const *const residual = t->residual ? t->residual + first : NULL;
    const int64_t left = t->pixels - first, shift = t->shift,
                  residual_shift = t->residual_shift;
#pragma GCC unroll 4
    for (int v = 0; v < VECTORS; v++) {
        const struct lanes lanes = lanes_of(t, v);
#pragma GCC unroll 8
        for (int i = 0; i < PIXELS; i++) {
            if (i < left)
                put(&lanes, sum[i][v], v * QTILE_LANES, out[i] + shift,
                    residual ? residual[i] + residual_shift : NULL);
        }
    }
}

TARGET static void tile4(const struct qtile *t)
{
    for (int64_t p = 0; p < t->pixels; p += 6)
        block(t, p, 6, 4);
}

TARGET static void tile2(const struct qtile *t)
{
    for (int64_t p = 0; p < t->pixels; p += 8)
        block(t, p, 8, 2);
}

TARGET static void tile1(const struct qtile *t)
{
    for (int64_t p = 0; p < t->pixels; p += 8)
        block(t, p, 8, 1);
}

void qtile_vnni(const struct qtile *t)
{
    if (t->vectors == 4)
        tile4(t);
    else if (t->vectors == 2)
        tile2(t);
    else
        tile1(t);
}
#else
void qtile_vnni(const struct qtile *t)
{
    qtile_plain(t);
}
#endif
