#include "kernels/calibrate_range.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { STEPS = 256, PARTS = 61 }; // t = 0.25 .. 1 in steps of 1/80

static const double OUTERMOST = 1e-4;

void range_count(struct range_counts *c, const float *x, int64_t n)
{
    const double width = c->hi - c->lo;
    const double factor = width > 0 ? RANGE_BINS / width : 0;
    for (int64_t i = 0; i < n; i++) {
        const double at = ((double)x[i] - c->lo) * factor;
        const int bin = at > 0 ? (at < RANGE_BINS ? (int)at : RANGE_BINS - 1) : 0;
        c->bins[bin]++;
    }
}

static double bin_middle(const struct range_counts *c, int bin)
{
    return c->lo + (c->hi - c->lo) * (bin + 0.5) / RANGE_BINS;
}

static double clamp(double x, double lo, double hi)
{
    return x < lo ? lo : x > hi ? hi : x;
}

/** Mean squared error with steps over lo .. hi: of rounding inside, of cutting outside. */
static double squared_error(const struct range_counts *c, double lo, double hi)
{
    const double step = (hi - lo) / (STEPS - 1);
    double sum = 0, n = 0;
    for (int i = 0; i < RANGE_BINS; i++) {
        if (c->bins[i] == 0)
            continue;
        const double x = bin_middle(c, i), cut = clamp(x, lo, hi) - x;
        sum += (double)c->bins[i] * (cut * cut + step * step / 12);
        n += (double)c->bins[i];
    }
    return n > 0 ? sum / n : 0;
}

/** Step in which a number falls. */
static int step_of(double x, double lo, double hi)
{
    return (int)(clamp((x - lo) / (hi - lo), 0, 1) * (STEPS - 1) + 0.5);
}

/** Divergence of the counts, cut to lo .. hi, and of what they are when each step spreads its
 * numbers over those of its bins that have any. */
static double divergence(const struct range_counts *c, double lo, double hi)
{
    double p[RANGE_BINS] = {0}, total[STEPS] = {0}, sum = 0, kl = 0;
    int used[STEPS] = {0};
    const double scale = RANGE_BINS / (c->hi - c->lo);
    for (int i = 0; i < RANGE_BINS; i++) {
        const double x = bin_middle(c, i);
        const double to = clamp((clamp(x, lo, hi) - c->lo) * scale, 0, RANGE_BINS - 1);
        p[(int)to] += (double)c->bins[i]; // what is cut piles up at the ends
        sum += (double)c->bins[i];
    }
    for (int i = 0; i < RANGE_BINS; i++) {
        const double x = bin_middle(c, i);
        if (x < lo || x > hi || c->bins[i] == 0)
            continue;
        total[step_of(x, lo, hi)] += (double)c->bins[i];
        used[step_of(x, lo, hi)]++;
    }
    for (int i = 0; i < RANGE_BINS; i++) {
        if (!(p[i] > 0))
            continue;
        const int s = step_of(bin_middle(c, i), lo, hi);
        const double q = used[s] > 0 ? total[s] / used[s] : 0;
        kl += p[i] / sum * log(p[i] / (q > 1e-3 ? q : 1e-3));
    }
    return kl;
}

static void choose_part(const struct range_counts *c, bool kl, double *lo, double *hi)
{
    const double all_lo = *lo, all_hi = *hi;
    double best = HUGE_VAL;
    for (int i = PARTS - 1; i >= 0; i--) {
        const double t = 0.25 + 0.0125 * i;
        const double cost = kl ? divergence(c, all_lo * t, all_hi * t)
                               : squared_error(c, all_lo * t, all_hi * t);
        if (cost < best) {
            best = cost;
            *lo = all_lo * t;
            *hi = all_hi * t;
        }
    }
}

static void choose_percentile(const struct range_counts *c, double *lo, double *hi)
{
    double n = 0, below = 0, above = 0;
    int first = 0, last = RANGE_BINS - 1;
    for (int i = 0; i < RANGE_BINS; i++)
        n += (double)c->bins[i];
    while (first < last && below + (double)c->bins[first] <= n * OUTERMOST)
        below += (double)c->bins[first++];
    while (last > first && above + (double)c->bins[last] <= n * OUTERMOST)
        above += (double)c->bins[last--];
    const double width = (c->hi - c->lo) / RANGE_BINS;
    *lo = *lo < 0 ? clamp(c->lo + width * first, *lo, 0) : *lo;
    *hi = *hi > 0 ? clamp(c->lo + width * (last + 1), 0, *hi) : *hi;
}

void range_choose(const struct range_counts *c, enum range_method method, double *ret_lo,
                  double *ret_hi)
{
    double lo = c->lo < 0 ? c->lo : 0, hi = c->hi > 0 ? c->hi : 0;
    if (hi > lo && c->hi > c->lo) {
        if (method == RANGE_PERCENTILE)
            choose_percentile(c, &lo, &hi);
        else if (method == RANGE_KL || method == RANGE_MSE)
            choose_part(c, method == RANGE_KL, &lo, &hi);
    }
    *ret_lo = lo;
    *ret_hi = hi;
}
