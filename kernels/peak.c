#include "kernels/peak.h"

#include "base/clock.h"
#include "kernels/clones.h"

#include <stddef.h>

enum { CHAINS = 16, WIDTH = 16, STEPS = 20000, ROUNDS = 5 };

typedef float wide __attribute__((vector_size(WIDTH * sizeof(float))));

/** Independent chains of multiply-adds, as many as it takes to hide their latency. */
KERNEL_CLONES static float spin_f32(float a, float b)
{
    wide chain[CHAINS];
    for (int k = 0; k < CHAINS; k++)
        chain[k] = (wide){0} + (float)k;
    for (int i = 0; i < STEPS; i++) {
#pragma GCC unroll 16
        for (int k = 0; k < CHAINS; k++)
            chain[k] = chain[k] * a + b;
    }
    float sum = 0;
    for (int k = 0; k < CHAINS; k++)
        sum += chain[k][k];
    return sum;
}

#ifdef __x86_64__
#include <immintrin.h>

__attribute__((target("avx512f,avx512bf16"))) static float spin_bf16(float a, float b)
{
    __m512 chain[CHAINS];
    const __m512 xs = _mm512_set1_ps(a), ys = _mm512_set1_ps(b);
    const __m512bh x = _mm512_cvtne2ps_pbh(xs, ys), y = _mm512_cvtne2ps_pbh(ys, xs);
    for (int k = 0; k < CHAINS; k++)
        chain[k] = _mm512_set1_ps((float)k);
    for (int i = 0; i < STEPS; i++) {
#pragma GCC unroll 16
        for (int k = 0; k < CHAINS; k++)
            chain[k] = _mm512_dpbf16_ps(chain[k], x, y);
    }
    for (int k = 1; k < CHAINS; k++)
        chain[0] = _mm512_add_ps(chain[0], chain[k]);
    return _mm512_reduce_add_ps(chain[0]);
}

__attribute__((target("avx512f,avx512vnni"))) static float spin_int8(float a, float b)
{
    __m512i chain[CHAINS];
    const __m512i x = _mm512_set1_epi32((int)(2 * a)), y = _mm512_set1_epi32((int)b);
    for (int k = 0; k < CHAINS; k++)
        chain[k] = _mm512_set1_epi32(k);
    for (int i = 0; i < STEPS; i++) {
#pragma GCC unroll 16
        for (int k = 0; k < CHAINS; k++)
            chain[k] = _mm512_dpbusd_epi32(chain[k], x, y);
    }
    for (int k = 1; k < CHAINS; k++)
        chain[0] = _mm512_add_epi32(chain[0], chain[k]);
    return (float)_mm512_reduce_add_epi32(chain[0]);
}
#endif

typedef float spin_fn(float a, float b);

static spin_fn *find_spin(enum peak_kind kind)
{
#ifdef __x86_64__
    if (kind == PEAK_BF16)
        return __builtin_cpu_supports("avx512bf16") ? spin_bf16 : NULL;
    if (kind == PEAK_INT8)
        return __builtin_cpu_supports("avx512vnni") ? spin_int8 : NULL;
#endif
    return kind == PEAK_F32 ? spin_f32 : NULL;
}

double peak_ops(enum peak_kind kind)
{
    // Multiply-adds that fit one of a vector's float32 lanes.
    static const double PER_LANE[] = {[PEAK_F32] = 1, [PEAK_BF16] = 2, [PEAK_INT8] = 4};
    spin_fn *spin = find_spin(kind);
    double best = 0;
    volatile float a = 0.5f, b = 1;
    for (int round = 0; spin && round < ROUNDS; round++) {
        const double began = clock_s();
        volatile float keep = spin(a, b);
        (void)keep;
        const double seconds = clock_s() - began;
        const double ops = 2.0 * PER_LANE[kind] * CHAINS * WIDTH * STEPS / seconds;
        best = ops > best ? ops : best;
    }
    return best;
}
