/*
 * sax_wall: the myocardium about an endocardial outline, by its grey values alone.
 *
 * Along rays from the endocardium the wall is what is as dark as myocardium; it ends where that
 * ceases, most often with an edge: to brighter blood or fat, or to darker lung. The line through
 * all rays that costs least is found by dynamic programming over the closed circle.
 */
#ifndef PIPELINE_CARDIAC_CINE_SAX_WALL_H
#define PIPELINE_CARDIAC_CINE_SAX_WALL_H

#include "pipeline/cardiac_cine/sax_clean.h"
#include "pipeline/cardiac_cine/sax_images.h"

#include <stddef.h>

struct err;

/** Grey values of a study: what the rays are compared with. */
struct sax_levels {
    double ratio;    // of myocardium to the blood beside it, 0..1; NAN: not to be told
    double contrast; // of blood to myocardium over the noise between neighbouring pixels
};

/** Values of blood and of what lies about it, in one slice and phase. */
struct sax_level {
    double blood; // median well within the outline
    double ring;  // median 1 to 4 mm outside it
};

/** Measure one image; both NAN without an outline. Errors: ERR_NOMEM. */
int sax_wall_level(const struct sax_images *images, const struct sax_outlines *endo,
                   size_t z, size_t t, struct sax_level *ret, struct err *err);
/** The study's levels: medians over slices in every third phase. Errors: ERR_NOMEM. */
int sax_wall_levels(const struct sax_images *images, const struct sax_outlines *endo,
                    struct sax_levels *ret, struct err *err);

/**
 * Part of the circumference, 0..1, with myocardium outside endo in slice z and phase t: rays on
 * which the mean from 1 to 4 mm is neither as bright as blood nor as dark as lung. 0 without an
 * outline.
 */
double sax_wall_share(const struct sax_images *images, const struct sax_outlines *endo,
                      const struct sax_levels *levels, double blood, size_t z, size_t t);

/**
 * The epicardium about endo in slice z and phase t, with the middle of endo. *ret is not there
 * without an outline. usual_mm: thickness that is expected, within some millimetres.
 *
 * Errors: ERR_NOMEM. Tested: tests/unit/test_sax_wall.c
 */
int sax_wall_trace(const struct sax_images *images, const struct sax_outlines *endo,
                   const struct sax_levels *levels, double blood, double usual_mm,
                   size_t z, size_t t, struct sax_outline *ret, struct err *err);

/** Mean thickness between two outlines of the same middle, mm. */
double sax_wall_thickness_mm(const struct sax_outline *endo,
                             const struct sax_outline *epi);

#endif
