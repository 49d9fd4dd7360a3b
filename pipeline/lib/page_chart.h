/*
 * page_chart: curves with axes on a page. Draws through page; knows no analysis.
 */
#ifndef PIPELINE_LIB_PAGE_CHART_H
#define PIPELINE_LIB_PAGE_CHART_H

#include "pipeline/lib/page.h"

#include <stddef.h>
#include <stdint.h>

#define CHART_LINES 4

/** From lo to hi in steps that people count in: 1, 2, 2.5 or 5 times a power of ten. */
struct chart_axis {
    double lo, hi, step; // lo and hi are whole steps
};

struct chart_line {
    const char *label; // in the legend
    const double *x;   // [count]
    const float *y;    // [count]; NAN leaves a gap
    size_t count;      // 0: not drawn, not in the legend
    uint32_t rgb;
};

struct chart {
    const char *title;           // above it, left
    const char *x_unit, *y_unit; // behind the last number of each axis
    struct chart_line lines[CHART_LINES];
    double y_top_min;      // the y axis reaches at least so far; 0: as far as the curves
    double limit;          // a dashed line across at this y; NAN: none
    const uint8_t *marked; // [lines[0].count] 1: a tick on the x axis there; or NULL
    const char *marked_label; // what a tick means, in the legend when there is one
};

/**
 * The axis with the fewest whole steps that holds lo..hi, with at most steps_max steps.
 * lo == hi is taken as a range a little above lo. Pure. lo <= hi, both finite, is asserted.
 */
struct chart_axis chart_axis_fit(double lo, double hi, int steps_max);
/** Where value lies between from (lo) and to (hi). Pure. */
double chart_axis_at(const struct chart_axis *axis, double value, double from, double to);

/** Draw chart in rect. Charts without a finite point show their axes only. */
void chart_draw(struct page *page, struct page_rect rect, const struct chart *chart);

#endif
