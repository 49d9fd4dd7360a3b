#include "pipeline/mr_perfusion/concentration.h"

#include "base/err.h"
#include "kernels/gauss.h"
#include "pipeline/lib/parallel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double STEADY =
    0.05; // of the fall by contrast: what a steady frame is brighter at most
static const double STEADY_LEAST = 0.003, STEADY_MOST = 0.02; // of the signal
static const double BOLUS_PART = 0.08; // of the fall of the brain's mean
static const size_t BASELINE_MIN = 3;

enum { UNSTEADY_MAX = 6, LATER = 5 };

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

size_t concentration_unsteady(const struct cine *cine, const uint8_t *brain)
{
    double *mean = calloc(cine->nt, sizeof(*mean));
    if (!mean)
        return 0;
    cine_mask_mean(cine, brain, mean);
    double lowest = HUGE_VAL;
    for (size_t t = 0; t < cine->nt; t++)
        lowest = fmin(lowest, mean[t]);
    size_t n = 0;
    while (n < UNSTEADY_MAX && n + LATER < cine->nt) {
        double later[LATER];
        memcpy(later, mean + n + 1, sizeof(later));
        qsort(later, LATER, sizeof(*later), by_size);
        const double usual = later[LATER / 2];
        const double fall = usual > 0.0 ? STEADY * (usual - lowest) / usual : 0.0;
        if (mean[n] <= usual * (1.0 + fmin(fmax(fall, STEADY_LEAST), STEADY_MOST)))
            break;
        n++;
    }
    // A bolus that comes at once falls likewise; what does not stay is no steady state.
    const bool is_bolus = n == UNSTEADY_MAX;
    free(mean);
    return is_bolus ? 0 : n;
}

/** Mean of three frames about t. */
static double smoothed(const double *g, size_t nt, size_t t)
{
    const size_t a = t ? t - 1 : 0, b = t + 1 < nt ? t + 1 : nt - 1;
    return (g[a] + g[t] + g[b]) / 3.0;
}

/** Frames before the brain's mean falls; one more is left out. */
static size_t count_baseline(const double *g, size_t nt)
{
    size_t low = 0;
    for (size_t t = 0; t < nt; t++)
        low = smoothed(g, nt, t) < smoothed(g, nt, low) ? t : low;
    double start = 0.0;
    for (size_t t = 0; t <= low; t++)
        start = fmax(start, smoothed(g, nt, t));
    const double bound = start - BOLUS_PART * (start - smoothed(g, nt, low));
    size_t bolus = low;
    while (bolus > 0 && g[bolus - 1] < bound)
        bolus--;
    const size_t n = bolus > 0 ? bolus - 1 : 0;
    return n > BASELINE_MIN ? n : nt < BASELINE_MIN ? nt : BASELINE_MIN;
}

struct making {
    struct cine *cine;
    const uint8_t *brain;
    const struct concentration_options *options;
    struct concentration *c;
    double *squares; // [nz]
    size_t *counts;  // [nz]
};

static void note_noise(const struct making *m, size_t z)
{
    const size_t n = cine_plane(m->cine);
    for (size_t t = 1; t < m->c->baseline_frames; t++) {
        const float *a = cine_frame(m->cine, z, t - 1), *b = a + n;
        for (size_t i = 0; i < n; i++) {
            if (!m->brain[z * n + i])
                continue;
            m->squares[z] += (double)(b[i] - a[i]) * (double)(b[i] - a[i]);
            m->counts[z]++;
        }
    }
}

static int make_slice(void *ctx, size_t z, size_t worker, struct err *err)
{
    (void)worker;
    (void)err;
    const struct making *m = ctx;
    const size_t n = cine_plane(m->cine), nt = m->cine->nt, n0 = m->c->baseline_frames;
    float *s0 = m->c->s0 + z * n;
    uint8_t *saturated = m->c->saturated + z * n;
    const float part = (float)m->options->saturated_part;
    const float scale = (float)(-1.0 / m->options->echo_s);
    for (size_t t = 0; t < n0; t++) {
        const float *frame = cine_frame(m->cine, z, t);
        for (size_t i = 0; i < n; i++)
            s0[i] += frame[i] / (float)n0;
    }
    note_noise(m, z);
    for (size_t t = 0; t < nt; t++) {
        float *frame = cine_frame(m->cine, z, t);
        for (size_t i = 0; i < n; i++) {
            const bool is_air = s0[i] < m->options->signal_least;
            const float s = frame[i] > 1.0f ? frame[i] : 1.0f;
            saturated[i] |= !is_air && t >= n0 && s < part * s0[i];
            frame[i] = is_air ? 0.0f : scale * logf(s / s0[i]);
        }
    }
    return 0;
}

static int make(struct making *m, int threads, struct err *err)
{
    const size_t nz = m->cine->nz;
    double squares = 0.0;
    size_t count = 0;
    m->squares = calloc(nz, sizeof(*m->squares));
    m->counts = calloc(nz, sizeof(*m->counts));
    const int r = m->squares && m->counts ? parallel_for(threads, nz, make_slice, m, err)
                                          : err_set(err, ERR_NOMEM, "%zu slices", nz);
    for (size_t z = 0; z < nz && r == 0; z++) {
        squares += m->squares[z];
        count += m->counts[z];
    }
    m->c->noise = count ? sqrt(0.5 * squares / (double)count) : 0.0;
    free(m->squares);
    free(m->counts);
    return r;
}

int concentration_make(struct cine *cine, const uint8_t *brain,
                       const struct concentration_options *options, int threads,
                       struct concentration **ret, struct err *err)
{
    const size_t n = cine_volume(cine);
    auto_(concentration) struct concentration *c = calloc(1, sizeof(*c));
    double *mean = calloc(cine->nt, sizeof(*mean));
    if (c) {
        c->s0 = calloc(n, sizeof(float));
        c->saturated = calloc(n, 1);
    }
    if (!c || !c->s0 || !c->saturated || !mean) {
        free(mean);
        return err_set(err, ERR_NOMEM, "concentrations of %zu voxels", n);
    }
    cine_mask_mean(cine, brain, mean);
    c->baseline_frames = count_baseline(mean, cine->nt);
    free(mean);
    struct making m = {.cine = cine, .brain = brain, .options = options, .c = c};
    const int r = make(&m, threads, err);
    if (r == 0)
        *ret = take(c);
    return r;
}

struct blurring {
    struct cine *cine;
    const struct concentration *c;
    double echo_s;
    struct gauss gauss;
    size_t stride; // floats a thread: two planes and scratch
    float *work;
};

static int blur_slice(void *ctx, size_t z, size_t worker, struct err *err)
{
    (void)err;
    const struct blurring *b = ctx;
    const struct cine *cine = b->cine;
    const size_t n = cine_plane(cine);
    const float *s0 = b->c->s0 + z * n, echo = (float)b->echo_s;
    float *wide = b->work + worker * b->stride, *signal = wide + n, *scratch = signal + n;
    gauss_blur(&b->gauss, s0, cine->nx, cine->ny, cine->nx, scratch, wide);
    for (size_t t = 0; t < cine->nt; t++) {
        float *frame = cine_frame(cine, z, t);
        for (size_t i = 0; i < n; i++)
            signal[i] = s0[i] * expf(-echo * frame[i]);
        gauss_blur(&b->gauss, signal, cine->nx, cine->ny, cine->nx, scratch, signal);
        for (size_t i = 0; i < n; i++)
            frame[i] = signal[i] > 0.0f ? logf(wide[i] / signal[i]) / echo : 0.0f;
    }
    return 0;
}

int concentration_blur(struct cine *cine, const struct concentration *c, double echo_s,
                       double sigma_mm, int threads, struct err *err)
{
    struct blurring b = {.cine = cine, .c = c, .echo_s = echo_s};
    gauss_init(&b.gauss, sigma_mm / cine->spacing_mm[0], sigma_mm / cine->spacing_mm[1]);
    b.stride = 2 * cine_plane(cine) + gauss_scratch(&b.gauss, cine->nx, cine->ny);
    b.work = malloc((threads < 1 ? 1 : (size_t)threads) * b.stride * sizeof(*b.work));
    if (!b.work)
        return err_set(err, ERR_NOMEM, "planes to blur");
    const int r = parallel_for(threads, cine->nz, blur_slice, &b, err);
    free(b.work);
    return r;
}

void concentration_destroy(struct concentration *c)
{
    if (!c)
        return;
    free(c->s0);
    free(c->saturated);
    free(c);
}
