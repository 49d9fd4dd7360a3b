/* sax_crop: squares of fixed size in millimetres about a place, as a network was trained on. */
#ifndef PIPELINE_CARDIAC_CINE_SAX_CROP_H
#define PIPELINE_CARDIAC_CINE_SAX_CROP_H

#include "pipeline/cardiac_cine/sax_outline.h"

#include <stddef.h>

struct sax_crop {
    size_t size;         // columns and rows
    double spacing_mm;   // of its pixels
    double centre_mm[2]; // x, y of its middle, in the plane of the slices
};

/** x, y of the middle of the crop's first pixel. */
void sax_crop_first_mm(const struct sax_crop *crop, double ret_mm[2]);

/**
 * Cut crop out of image: linear between pixels, 0 outside.
 *
 * image  float [ny][nx], dst float [size][size]. Pure, any thread.
 */
void sax_crop_cut(const struct sax_crop *crop, const struct sax_plane *plane,
                  const float *image, float *dst);

/**
 * Bring values [n] to 0..1 between two of their percentiles, clipped: percentile q is the value
 * of rank round(q (n - 1) / 100). work: float [n].
 */
void sax_crop_normalise(float *values, size_t n, double lo_percentile,
                        double hi_percentile, float *work);

#endif
