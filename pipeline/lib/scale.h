/*
 * scale: raw values brought to what a network was trained on, as its card says.
 *
 * Every kind of enum card_scale is one line:
 *
 *     dst = clamp((clamp(v, lo, hi) - sub) * mul, out_lo, out_hi)
 *
 * Statistics are gathered plane by plane in two passes; percentiles are exact for whole
 * numbers that span less than 65536, else good to 1 / 65535 of the span. Percentile q is the
 * value of rank round(q (n - 1) / 100).
 */
#ifndef PIPELINE_LIB_SCALE_H
#define PIPELINE_LIB_SCALE_H

#include "pipeline/lib/card.h"

#include <stddef.h>
#include <stdint.h>

#define SCALE_BINS 65536

struct scale_stats {
    size_t n, off; // values; values outside what the card thinks possible
    double lo, hi, mean, sd;
    double percentile_lo, percentile_hi; // those that the card names
    double sum, sum_squares;             // of the first pass, shifted by first
    double first;
    double width;              // of a bin
    uint32_t bins[SCALE_BINS]; // of the second
};

struct scale {
    double lo, hi, sub, mul, out_lo, out_hi;
};

/** First pass: stats zeroed before the first call. Values not finite are taken as off. */
void scale_look(struct scale_stats *stats, const struct card *card, const float *values,
                size_t n);
/** Whether the second pass is needed. */
bool scale_wants_bins(const struct card *card);
/** Second pass, over the same values. */
void scale_count(struct scale_stats *stats, const float *values, size_t n);
/** What follows from the passes. */
void scale_conclude(struct scale_stats *stats, const struct card *card);

/** The scale that card asks for; stats may be NULL where it needs none (none, window, ct). */
struct scale scale_of(const struct card *card, const struct scale_stats *stats);
/** Bring n values to scale, in place. Pure. */
void scale_apply(const struct scale *scale, float *values, size_t n);

#endif
