#include "kernels/osvd.h"

#include "base/err.h"
#include "kernels/clones.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { W = OSVD_LANES, LEVELS = OSVD_LEVELS };

struct osvd {
    size_t nt, n;        // T, N
    size_t bins;         // frequencies kept at the first level
    size_t kept[LEVELS]; // of them at each level: the strongest come first
    int levels;
    size_t late, early; // samples of the window: [0, late] and [n - early, n)
    double dt_s, oi_max;
    float *forward; // [bins][nt][2]: cos, -sin of C(f), already divided by A(f)
    float *inverse; // [bins][n][2]: cos, -sin, with the weight of f
};

/** A frequency of the artery. */
struct bin {
    size_t f;
    double re, im, power;
    double damping; // added to the power: l^2
};

static int by_power(const void *a, const void *b)
{
    const struct bin *x = a, *y = b;
    if (x->power != y->power)
        return x->power > y->power ? -1 : 1;
    return x->f < y->f ? -1 : 1;
}

static void bin_measure(struct bin *bin, const float *aif, size_t nt, size_t n)
{
    bin->re = bin->im = 0.0;
    for (size_t t = 0; t < nt; t++) {
        const double turn = 2.0 * M_PI * (double)(bin->f * t % n) / (double)n;
        bin->re += (double)aif[t] * cos(turn);
        bin->im -= (double)aif[t] * sin(turn);
    }
    bin->power = bin->re * bin->re + bin->im * bin->im;
}

/** The rows that take a curve to C/A at this frequency, and that back to time. */
static void bin_rows(const struct bin *bin, const struct osvd *osvd, float *forward,
                     float *inverse)
{
    const double n = (double)osvd->n, power = bin->power + bin->damping;
    for (size_t t = 0; t < osvd->nt; t++) {
        const double turn = 2.0 * M_PI * (double)(bin->f * t % osvd->n) / n;
        const double re = cos(turn), im = -sin(turn);
        // (re + i im) / A = (re + i im) conj(A) / |A|^2
        forward[2 * t] = (float)((re * bin->re + im * bin->im) / power);
        forward[2 * t + 1] = (float)((im * bin->re - re * bin->im) / power);
    }
    const double weight =
        (bin->f == 0 || 2 * bin->f == osvd->n ? 1.0 : 2.0) / (n * osvd->dt_s);
    for (size_t t = 0; t < osvd->n; t++) {
        const double turn = 2.0 * M_PI * (double)(bin->f * t % osvd->n) / n;
        inverse[2 * t] = (float)(weight * cos(turn));
        inverse[2 * t + 1] = (float)(-weight * sin(turn));
    }
}

/** How many bins, strongest first, each level keeps. */
static void count_kept(struct osvd *osvd, const struct bin *bins, size_t count,
                       double first)
{
    osvd->levels = 0;
    for (int l = 0; l < LEVELS; l++) {
        const double p = first + 0.05 * l;
        if (p > 0.951)
            break;
        size_t kept = 0;
        while (kept < count && bins[kept].power >= p * p * bins[0].power)
            kept++;
        osvd->kept[osvd->levels++] = kept;
    }
    osvd->bins = osvd->kept[0];
}

/** One level of all bins that are not next to nothing after damping. */
static void count_damped(struct osvd *osvd, const struct bin *bins, size_t count,
                         double least)
{
    size_t kept = 0;
    while (kept < count && bins[kept].power >= least * least * bins[0].power)
        kept++;
    osvd->levels = 1;
    osvd->kept[0] = osvd->bins = kept;
}

static int make_rows(struct osvd *osvd, const struct bin *bins, struct err *err)
{
    osvd->forward = malloc(osvd->bins * osvd->nt * 2 * sizeof(float));
    osvd->inverse = malloc(osvd->bins * osvd->n * 2 * sizeof(float));
    if (!osvd->forward || !osvd->inverse)
        return err_set(err, ERR_NOMEM, "a deconvolution of %zu frames", osvd->nt);
    for (size_t b = 0; b < osvd->bins; b++)
        bin_rows(&bins[b], osvd, osvd->forward + b * osvd->nt * 2,
                 osvd->inverse + b * osvd->n * 2);
    return 0;
}

static size_t samples(double seconds, double dt_s, size_t most)
{
    const double n = floor(seconds / dt_s + 0.5);
    return n > (double)most ? most : (size_t)n;
}

int osvd_create(const float *aif, size_t nt, const struct osvd_options *options,
                struct osvd **ret, struct err *err)
{
    assert(options->p_first > 0.0 && options->p_first <= 0.95 && options->dt_s > 0.0);
    if (nt < 3)
        return err_set(err, ERR_FORMAT, "an artery of %zu samples", nt);
    auto_(osvd) struct osvd *osvd = calloc(1, sizeof(*osvd));
    struct bin *bins = calloc(nt + 1, sizeof(*bins));
    if (!osvd || !bins) {
        free(bins);
        return err_set(err, ERR_NOMEM, "a deconvolution of %zu frames", nt);
    }
    osvd->nt = nt;
    osvd->n = 2 * nt;
    osvd->dt_s = options->dt_s;
    osvd->oi_max = options->oi_max;
    osvd->late = samples(options->late_s, options->dt_s, nt - 1);
    osvd->early = samples(options->early_s, options->dt_s, nt / 2);
    for (size_t f = 0; f <= nt; f++) {
        bins[f].f = f;
        bin_measure(&bins[f], aif, nt, osvd->n);
    }
    qsort(bins, nt + 1, sizeof(*bins), by_power);
    int r = bins[0].power > 0.0 ? 0 : err_set(err, ERR_FORMAT, "an artery without area");
    if (r == 0) {
        for (size_t f = 0; f <= nt; f++)
            bins[f].damping = options->soft * options->soft * bins[0].power;
        // Damped, a frequency far below l is as good as cut.
        if (options->soft > 0.0)
            count_damped(osvd, bins, nt + 1, 0.01 * options->soft);
        else
            count_kept(osvd, bins, nt + 1, options->p_first);
        r = make_rows(osvd, bins, err);
    }
    free(bins);
    if (r == 0)
        *ret = take(osvd);
    return r;
}

void osvd_destroy(struct osvd *osvd)
{
    if (!osvd)
        return;
    free(osvd->forward);
    free(osvd->inverse);
    free(osvd);
}

double osvd_level(const struct osvd_options *options, int level)
{
    const double p = options->p_first + 0.05 * level;
    return p < 0.95 ? p : 0.95;
}

size_t osvd_length(const struct osvd *osvd)
{
    return osvd->n;
}

size_t osvd_scratch(const struct osvd *osvd)
{
    return (osvd->n + 2 * osvd->bins) * W;
}

/** C/A of one frequency for all lanes: ret [2][W]. */
KERNEL_INLINE void spectrum(const float *restrict rows, const float *restrict curves,
                            size_t nt, float *restrict ret)
{
    float re[W] = {0}, im[W] = {0};
    for (size_t t = 0; t < nt; t++) {
        for (int i = 0; i < W; i++) {
            re[i] += rows[2 * t] * curves[t * W + (size_t)i];
            im[i] += rows[2 * t + 1] * curves[t * W + (size_t)i];
        }
    }
    memcpy(ret, re, sizeof(re));
    memcpy(ret + W, im, sizeof(im));
}

/** k += sign times what one frequency gives. */
KERNEL_INLINE void add_bin(const float *restrict rows, const float *restrict s,
                           float sign, size_t n, float *restrict k)
{
    float re[W], im[W];
    for (int i = 0; i < W; i++) {
        re[i] = sign * s[i];
        im[i] = sign * s[W + i];
    }
    for (size_t t = 0; t < n; t++) {
        for (int i = 0; i < W; i++)
            k[t * W + (size_t)i] += rows[2 * t] * re[i] + rows[2 * t + 1] * im[i];
    }
}

/** Oscillation index of each lane. */
KERNEL_INLINE void oscillation(const float *restrict k, size_t n, float *restrict ret)
{
    float top[W], sum[W] = {0};
    for (int i = 0; i < W; i++)
        top[i] = k[i] > k[W + i] ? k[i] : k[W + i];
    for (size_t t = 2; t < n; t++) {
        for (int i = 0; i < W; i++) {
            const float a = k[t * W + (size_t)i];
            sum[i] +=
                fabsf(a - 2.0f * k[(t - 1) * W + (size_t)i] + k[(t - 2) * W + (size_t)i]);
            top[i] = a > top[i] ? a : top[i];
        }
    }
    for (int i = 0; i < W; i++)
        ret[i] = top[i] > 0.0f ? sum[i] / (top[i] * (float)n) : INFINITY;
}

/** Height and sample of the largest k within [from, to), where it beats what was there. */
KERNEL_INLINE void seek(const float *restrict k, size_t from, size_t to,
                        float *restrict best, float *restrict at)
{
    for (size_t t = from; t < to; t++) {
        for (int i = 0; i < W; i++) {
            const float v = k[t * W + (size_t)i];
            at[i] = v > best[i] ? (float)t : at[i];
            best[i] = v > best[i] ? v : best[i];
        }
    }
}

/** Read off the peaks of the lanes in take. */
KERNEL_INLINE void read_peaks(const struct osvd *osvd, const float *k, const float *best,
                              const float *at, const int *take_lane, int level,
                              struct osvd_peak *ret)
{
    for (int i = 0; i < W; i++) {
        if (!take_lane[i])
            continue;
        const size_t n = osvd->n, t = (size_t)at[i];
        const float mid = best[i];
        ret->level[i] = level;
        ret->k_max[i] = mid > 0.0f ? mid : 0.0f;
        ret->tmax_s[i] = 0.0f;
        if (mid <= 0.0f || t > osvd->late)
            continue;
        const float before = k[((t + n - 1) % n) * W + (size_t)i];
        const float after = k[((t + 1) % n) * W + (size_t)i];
        const float bend = before - 2.0f * mid + after;
        float shift = bend < 0.0f ? 0.5f * (before - after) / bend : 0.0f;
        shift = shift > 0.5f    ? 0.5f
                : shift < -0.5f ? -0.5f
                                : shift; // at the window's end
        const float s = ((float)t + shift) * (float)osvd->dt_s;
        ret->tmax_s[i] = s > 0.0f ? s : 0.0f;
    }
}

KERNEL_INLINE void keep_residue(const float *k, size_t n, const int *take_lane,
                                float *residue)
{
    for (size_t t = 0; t < n; t++) {
        for (int i = 0; i < W; i++) {
            if (take_lane[i])
                residue[t * W + (size_t)i] = k[t * W + (size_t)i];
        }
    }
}

/** Which lanes take this level: those whose OI is low enough, all at the last. */
KERNEL_INLINE int choose(const struct osvd *osvd, const float *k, int is_last,
                         int *is_done, int *take_lane)
{
    float oi[W];
    int left = 0;
    oscillation(k, osvd->n, oi);
    for (int i = 0; i < W; i++) {
        take_lane[i] = !is_done[i] && (is_last || (double)oi[i] < osvd->oi_max);
        is_done[i] |= take_lane[i];
        left += !is_done[i];
    }
    return left;
}

KERNEL_CLONES void osvd_peaks(const struct osvd *osvd, const float *restrict curves,
                              float *restrict scratch, struct osvd_peak *ret,
                              float *residue)
{
    const size_t n = osvd->n;
    float *k = scratch, *s = scratch + n * W;
    memset(k, 0, n * W * sizeof(*k));
    for (size_t b = 0; b < osvd->bins; b++) {
        spectrum(osvd->forward + b * osvd->nt * 2, curves, osvd->nt, s + b * 2 * W);
        add_bin(osvd->inverse + b * n * 2, s + b * 2 * W, 1.0f, n, k);
    }

    int is_done[W] = {0};
    size_t bins = osvd->bins;
    for (int l = 0; l < osvd->levels; l++) {
        const int is_last = l + 1 == osvd->levels;
        if (!is_last && l > 0 && osvd->kept[l] == bins)
            continue; // the same frequencies as before
        while (bins > osvd->kept[l]) {
            bins--;
            add_bin(osvd->inverse + bins * n * 2, s + bins * 2 * W, -1.0f, n, k);
        }
        int take_lane[W];
        const int left = choose(osvd, k, is_last, is_done, take_lane);
        float best[W], at[W] = {0};
        for (int i = 0; i < W; i++)
            best[i] = -INFINITY;
        seek(k, 0, osvd->late + 1, best, at);
        seek(k, n - osvd->early, n, best, at);
        read_peaks(osvd, k, best, at, take_lane, l, ret);
        if (residue)
            keep_residue(k, n, take_lane, residue);
        if (left == 0)
            break;
    }
}
