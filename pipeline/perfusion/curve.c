#include "pipeline/perfusion/curve.h"

#include <math.h>

static float smooth(const float *c, size_t nt, size_t t)
{
    const size_t a = t ? t - 1 : 0, b = t + 1 < nt ? t + 1 : nt - 1;
    return (c[a] + c[t] + c[b]) / 3.0f;
}

/** Where between samples t and t + step the smoothed curve crosses level, in samples. */
static float crossing(const float *c, size_t nt, size_t t, int step, float level)
{
    const float here = smooth(c, nt, t), next = smooth(c, nt, t + (size_t)step);
    const float part = here != next ? (here - level) / (here - next) : 0.0f;
    return (float)t + (float)step * part;
}

/** From the peak outwards: the first sample at or below level, interpolated. */
static float walk(const float *c, size_t nt, size_t top, int step, float level)
{
    size_t t = top;
    while ((step < 0 ? t > 0 : t + 1 < nt) && smooth(c, nt, t + (size_t)step) > level)
        t += (size_t)step;
    if (step < 0 ? t == 0 : t + 1 == nt)
        return (float)t;
    return crossing(c, nt, t, step, level);
}

static float summit(const float *c, size_t nt, size_t top)
{
    if (top == 0 || top + 1 == nt)
        return (float)top;
    const float a = smooth(c, nt, top - 1), b = smooth(c, nt, top);
    const float d = smooth(c, nt, top + 1), bend = a - 2.0f * b + d;
    return (float)top + (bend < 0.0f ? 0.5f * (a - d) / bend : 0.0f);
}

void curve_measure(const float *c, size_t nt, double dt_s, size_t n0, struct curve *ret)
{
    size_t top = 0;
    float area = 0.0f, rough = 0.0f, square = 0.0f, mean = 0.0f;
    for (size_t t = 0; t < nt; t++) {
        top = smooth(c, nt, t) > smooth(c, nt, top) ? t : top;
        area += c[t];
        rough += t > 0 && t + 1 < nt ? fabsf(c[t - 1] - 2.0f * c[t] + c[t + 1]) : 0.0f;
        mean += t < n0 ? c[t] / (float)n0 : 0.0f;
    }
    for (size_t t = 0; t < n0; t++)
        square += (c[t] - mean) * (c[t] - mean);
    const float dt = (float)dt_s, peak = smooth(c, nt, top);
    const float scale = peak > 0.0f ? 1.0f / peak : 0.0f;
    *ret = (struct curve){
        .peak = peak,
        .ttp_s = dt * summit(c, nt, top),
        .arrival_s = dt * walk(c, nt, top, -1, 0.2f * peak),
        .width_s =
            dt * (walk(c, nt, top, 1, 0.5f * peak) - walk(c, nt, top, -1, 0.5f * peak)),
        .area = dt * area,
        .last = smooth(c, nt, nt - 2),
        .roughness = rough * scale,
        .unrest = n0 > 1 ? scale * sqrtf(square / (float)(n0 - 1)) : 0.0f,
    };
}
