#include "pipeline/lib/scale.h"

#include <math.h>

void scale_look(struct scale_stats *stats, const struct card *card, const float *values,
                size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const double v = (double)values[i];
        if (!isfinite(v)) {
            stats->off++;
            continue;
        }
        if (stats->n == 0)
            stats->first = stats->lo = stats->hi = v;
        stats->n++;
        stats->off += v < card->series.value_lo || v > card->series.value_hi;
        stats->lo = fmin(stats->lo, v);
        stats->hi = fmax(stats->hi, v);
        stats->sum += v - stats->first;
        stats->sum_squares += (v - stats->first) * (v - stats->first);
    }
}

bool scale_wants_bins(const struct card *card)
{
    return card->input.scale == CARD_PERCENTILE;
}

static double width_of(const struct scale_stats *stats)
{
    const double span = stats->hi - stats->lo;
    return span < SCALE_BINS && stats->lo == nearbyint(stats->lo) && span >= 255.0
               ? 1.0
               : fmax(span, 1e-30) / (SCALE_BINS - 1);
}

void scale_count(struct scale_stats *stats, const float *values, size_t n)
{
    stats->width = width_of(stats);
    for (size_t i = 0; i < n; i++) {
        const double v = (double)values[i];
        if (isfinite(v))
            stats->bins[(size_t)((v - stats->lo) / stats->width + 0.5)]++;
    }
}

static double percentile(const struct scale_stats *stats, double percent)
{
    const double rank = nearbyint(percent * (double)(stats->n - 1) / 100.0);
    double seen = 0.0;
    for (size_t i = 0; i < SCALE_BINS; i++) {
        seen += stats->bins[i];
        if (seen > rank)
            return stats->lo + (double)i * stats->width;
    }
    return stats->hi;
}

void scale_conclude(struct scale_stats *stats, const struct card *card)
{
    if (stats->n == 0)
        return;
    const double n = (double)stats->n, mean = stats->sum / n;
    stats->mean = stats->first + mean;
    stats->sd = sqrt(fmax(stats->sum_squares / n - mean * mean, 0.0));
    if (scale_wants_bins(card)) {
        stats->percentile_lo = percentile(stats, card->input.lo_percentile);
        stats->percentile_hi = percentile(stats, card->input.hi_percentile);
    }
}

struct scale scale_of(const struct card *card, const struct scale_stats *stats)
{
    const struct card_input *in = &card->input;
    struct scale s = {-HUGE_VAL, HUGE_VAL, 0.0, 1.0, -HUGE_VAL, HUGE_VAL};
    switch (in->scale) {
    case CARD_WINDOW:
        s.lo = in->clip_lo;
        s.hi = in->clip_hi;
        s.sub = in->clip_lo;
        s.mul = 1.0 / (in->clip_hi - in->clip_lo);
        break;
    case CARD_CT:
        s.lo = in->clip_lo;
        s.hi = in->clip_hi;
        s.sub = in->mean;
        s.mul = 1.0 / in->sd;
        break;
    case CARD_ZSCORE:
        s.sub = stats->mean;
        s.mul = 1.0 / fmax(stats->sd, 1e-8);
        break;
    case CARD_PERCENTILE:
        s.sub = stats->percentile_lo;
        s.mul = 1.0 / fmax(stats->percentile_hi - stats->percentile_lo, 1e-8);
        s.out_lo = in->clip_lo;
        s.out_hi = in->clip_hi;
        break;
    case CARD_NONE:
    default:
        break;
    }
    return s;
}

void scale_apply(const struct scale *scale, float *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const double v = fmin(fmax((double)values[i], scale->lo), scale->hi);
        const double scaled = (v - scale->sub) * scale->mul;
        values[i] = (float)fmin(fmax(scaled, scale->out_lo), scale->out_hi);
    }
}
