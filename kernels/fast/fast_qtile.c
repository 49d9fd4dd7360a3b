#include "kernels/fast/qtile.h"

#include "kernels/clones.h"

#include <string.h>

/** 16 sums of one pixel; step is from one chunk's weights to the next one's. */
KERNEL_CLONES static void sum_lanes(const struct qtile *t, int64_t pixel,
                                    const int8_t *weights, int32_t *restrict sum)
{
    const int64_t step = (int64_t)t->vectors * QTILE_LANES * 4;
    for (int64_t s = 0; s < t->segments; s++) {
        const uint8_t *x = t->in[s * t->stride + pixel];
        for (int64_t k = 0; k < t->chunks; k++, x += 4, weights += step) {
            const int32_t a = x[0], b = x[1], c = x[2], d = x[3];
            for (int o = 0; o < QTILE_LANES; o++) {
                const int8_t *w = weights + 4 * o;
                sum[o] += a * w[0] + b * w[1] + c * w[2] + d * w[3];
            }
        }
    }
}

void qtile_put(const struct qtile *t, int64_t pixel, int first, int count,
               const int32_t *sum)
{
    const uint8_t *r =
        t->residual ? t->residual[pixel] + t->residual_shift + first : NULL;
    char *out = t->out[pixel] + t->shift;
    for (int o = 0; o < count; o++) {
        const int c = first + o;
        const float v = requant_value(t->q, sum[o], t->scale[c], t->bias[c], r ? r[o] : 0,
                                      t->slope ? t->slope[c] : 1);
        if (t->q->to_float)
            ((float *)(void *)out)[c] = v;
        else
            ((uint8_t *)out)[c] = requant_round(t->q, v);
    }
}

void qtile_plain(const struct qtile *t)
{
    for (int64_t pixel = 0; pixel < t->pixels; pixel++) {
        for (int v = 0; v < t->vectors; v++) {
            int32_t sum[QTILE_LANES] = {0};
            const int first = v * QTILE_LANES, left = t->channels - first;
            if (left <= 0)
                break;
            sum_lanes(t, pixel, t->weights + (int64_t)4 * first, sum);
            qtile_put(t, pixel, first, left < QTILE_LANES ? left : QTILE_LANES, sum);
        }
    }
}
