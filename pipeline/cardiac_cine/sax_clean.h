/*
 * sax_clean: from what the network says of each image alone to outlines that agree.
 *
 * Of every image the part is taken that is large and near the ventricle's axis, which is a line
 * through the slices. In a slice an outline that differs much from those of its neighbours in time
 * is made up from them; then each distance is smoothed over time. The slices that are left are
 * neighbours. Papillary muscles and trabeculae lie within the outline.
 */
#ifndef PIPELINE_CARDIAC_CINE_SAX_CLEAN_H
#define PIPELINE_CARDIAC_CINE_SAX_CLEAN_H

#include "base/auto.h"
#include "pipeline/cardiac_cine/sax_outline.h"

#include <stddef.h>

struct err;

struct sax_clean_options {
    double near_mm;   // parts farther from the axis are not the ventricle
    double edge_mm;   // how far the network's edge lies outside the contour
    double least_mm2; // smaller outlines are none
};

/** Probabilities of one class in crops of one place of every image. */
struct sax_answer {
    size_t size;       // columns and rows of a crop
    double spacing_mm; // of its pixels
    double
        first_mm[2]; // x, y of the middle of its first pixel, in the plane of the slices
    size_t nz, nt;
    const float *probability; // [nz][nt][size][size]
};

struct sax_outlines {
    size_t nz, nt;
    struct sax_outline *items; // [nz][nt]
    size_t made_up;            // of them, made up from their neighbours in time
    double axis_mm[2][2];      // x and y of the axis: at slice 0, and per slice
};

/**
 * Clean the answer up on up to threads threads.
 *
 * Errors: ERR_NOTFOUND no ventricle in any slice; ERR_NOMEM. Results do not hang on threads.
 */
int sax_clean(const struct sax_answer *answer, const struct sax_clean_options *options,
              int threads, struct sax_outlines **ret, struct err *err);
/** Free outlines; NULL is allowed. */
void sax_outlines_destroy(struct sax_outlines *outlines);
/** Outline of slice z in phase t. */
struct sax_outline *sax_outlines_at(const struct sax_outlines *outlines, size_t z,
                                    size_t t);

/**
 * Smooth n values of a cycle, each with its neighbours as the parabola through five fits them
 * (Savitzky and Golay, Anal Chem 36:1627, 1964): the extremes keep their height. With fewer than
 * 20 phases a systole is too short for that: less is smoothed, with 10 and fewer nothing.
 * is_there: [n] values that are not there are not touched and not looked at. work: [n].
 */
void sax_clean_smooth(float *values, const bool *is_there, size_t n, float *work);

AUTO_DEFINE(sax_outlines)

#endif
