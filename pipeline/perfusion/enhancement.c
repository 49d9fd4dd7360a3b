#include "pipeline/perfusion/enhancement.h"

#include "base/err.h"
#include "kernels/clones.h"
#include "pipeline/lib/parallel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double BOLUS_PART = 0.08; // of the range of the brain's mean
static const size_t BASELINE_MIN = 3;

/** Mean of three frames about t. */
static double smoothed(const double *g, size_t nt, size_t t)
{
    const size_t a = t ? t - 1 : 0, b = t + 1 < nt ? t + 1 : nt - 1;
    return (g[a] + g[t] + g[b]) / 3.0;
}

static void find_baseline(struct enhancement *e, size_t nt)
{
    const double *g = e->brain;
    size_t top = 0;
    for (size_t t = 0; t < nt; t++)
        top = smoothed(g, nt, t) > smoothed(g, nt, top) ? t : top;
    double start = HUGE_VAL; // the lowest mean of three frames before the peak
    for (size_t t = 0; t <= top; t++)
        start = fmin(start, smoothed(g, nt, t));
    const double bound = start + BOLUS_PART * (smoothed(g, nt, top) - start);
    size_t bolus = top;
    while (bolus > 0 && g[bolus - 1] > bound)
        bolus--;
    e->before_bolus = bolus > 0 ? bolus - 1 : 0;
    e->baseline_frames = e->before_bolus > BASELINE_MIN ? e->before_bolus : BASELINE_MIN;
    double sum = 0.0;
    for (size_t t = 0; t < e->baseline_frames; t++)
        sum += g[t];
    e->rise = smoothed(g, nt, top) - sum / (double)e->baseline_frames;
}

struct measuring {
    const struct cine *cine;
    const uint8_t *brain;
    struct enhancement *e;
    double *squares; // [nz] sums of squared differences of baseline frames
    size_t *counts;  // [nz]
};

KERNEL_CLONES static void add(float *restrict sum, const float *restrict v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sum[i] += v[i];
}

KERNEL_CLONES static void keep_peak(float *restrict peak, const float *restrict a,
                                    const float *restrict b, const float *restrict c,
                                    size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const float v = a[i] + b[i] + c[i];
        peak[i] = v > peak[i] ? v : peak[i];
    }
}

KERNEL_CLONES static void finish(float *restrict baseline, float *restrict peak,
                                 float *restrict area, float frames, float after,
                                 size_t n)
{
    for (size_t i = 0; i < n; i++) {
        baseline[i] /= frames;
        peak[i] = peak[i] / 3.0f - baseline[i];
        area[i] = area[i] / after - baseline[i];
    }
}

static double noise_squares(const float *a, const float *b, const uint8_t *mask, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        const float d = mask[i] ? a[i] - b[i] : 0.0f;
        sum += (double)(d * d);
    }
    return sum;
}

static int measure_slice(void *ctx, size_t z, size_t worker, struct err *err)
{
    (void)worker;
    (void)err;
    const struct measuring *m = ctx;
    const struct cine *cine = m->cine;
    const size_t n = cine_plane(cine), nt = cine->nt, n0 = m->e->baseline_frames;
    float *baseline = m->e->baseline + z * n, *peak = m->e->peak + z * n;
    float *area = m->e->area + z * n;
    const uint8_t *brain = m->brain + z * n;
    size_t inside = 0;
    for (size_t i = 0; i < n; i++) {
        peak[i] = -INFINITY;
        baseline[i] = area[i] = 0.0f;
        inside += brain[i];
    }
    for (size_t t = 0; t < nt; t++) {
        const float *frame = cine_frame(cine, z, t);
        add(t < n0 ? baseline : area, frame, n);
        if (t > 0 && t + 1 < nt)
            keep_peak(peak, frame - n, frame, frame + n, n);
        if (t > 0 && t < n0) {
            m->squares[z] += noise_squares(frame - n, frame, brain, n);
            m->counts[z] += inside;
        }
    }
    finish(baseline, peak, area, (float)n0, (float)(nt - n0), n);
    return 0;
}

static int measure(struct measuring *m, int threads, struct err *err)
{
    const size_t nz = m->cine->nz;
    m->squares = calloc(nz, sizeof(*m->squares));
    m->counts = calloc(nz, sizeof(*m->counts));
    int r = m->squares && m->counts ? parallel_for(threads, nz, measure_slice, m, err)
                                    : err_set(err, ERR_NOMEM, "%zu slices", nz);
    double squares = 0.0;
    size_t count = 0;
    for (size_t z = 0; z < nz && r == 0; z++) {
        squares += m->squares[z];
        count += m->counts[z];
    }
    m->e->noise = count ? sqrt(0.5 * squares / (double)count) : 0.0;
    free(m->squares);
    free(m->counts);
    return r;
}

int enhancement_measure(const struct cine *cine, const uint8_t *brain, int threads,
                        struct enhancement **ret, struct err *err)
{
    const size_t n = cine_volume(cine);
    auto_(enhancement) struct enhancement *e = calloc(1, sizeof(*e));
    if (e) {
        e->brain = calloc(cine->nt, sizeof(*e->brain));
        e->baseline = malloc(n * sizeof(float));
        e->peak = malloc(n * sizeof(float));
        e->area = malloc(n * sizeof(float));
    }
    if (!e || !e->brain || !e->baseline || !e->peak || !e->area)
        return err_set(err, ERR_NOMEM, "enhancement of %zu voxels", n);
    cine_mask_mean(cine, brain, e->brain);
    find_baseline(e, cine->nt);
    struct measuring m = {.cine = cine, .brain = brain, .e = e};
    const int r = measure(&m, threads, err);
    if (r == 0)
        *ret = take(e);
    return r;
}

void enhancement_destroy(struct enhancement *e)
{
    if (!e)
        return;
    free(e->brain);
    free(e->baseline);
    free(e->peak);
    free(e->area);
    free(e);
}
