/*
 * sax_sectors: wall thickness and thickening around and along the ventricle, in 16 sectors.
 *
 * Basal, mid-ventricular and apical third, in six, six and four sectors. Where the right ventricle
 * is known they are the AHA's segments 1 to 16 (Cerqueira, Circulation 105:539, 2002), counted from
 * the middle of the septum; otherwise sectors of the clock on the images, from 12 o'clock.
 */
#ifndef PIPELINE_CARDIAC_CINE_SAX_SECTORS_H
#define PIPELINE_CARDIAC_CINE_SAX_SECTORS_H

#include "pipeline/cardiac_cine/sax_outline.h"

#include <stdbool.h>
#include <stddef.h>

enum { SAX_SECTORS = 16, SAX_SECTORS_BASAL = 6, SAX_SECTORS_MID = 12 };

/** One sector; NAN where no slice shows it. */
struct sax_sector {
    double ed_mm, es_mm;       // mean thickness
    double thickening_percent; // of that at ED
};

/** Where sectors are counted from. */
struct sax_sectors_start {
    bool is_aha;     // angle is of the septum's middle; else of 12 o'clock
    double angle;    // radians, from +x to +y
    bool is_reverse; // AHA: the anterior wall lies against the direction +x to +y
};

/**
 * The sector, from 0, of a ray in one of the thirds (0 basal .. 2 apical). Pure.
 */
size_t sax_sectors_index(const struct sax_sectors_start *start, int third, double angle);

/** The third of the i-th of n slices from the base. */
int sax_sectors_third(size_t i, size_t n);

/** Inner and outer line of a slice at ED and ES. */
struct sax_sectors_slice {
    const struct sax_outline *endo[2], *epi[2];
};

/** Measure n slices, base first, all of them there at both times. */
void sax_sectors_measure(const struct sax_sectors_slice *slices, size_t n,
                         const struct sax_sectors_start *start,
                         struct sax_sector ret[SAX_SECTORS]);

#endif
