/*
 * sax_range: which slices count at end diastole and at end systole, and the volume curve.
 *
 * Towards the base a slice counts while myocardium lies around most of the outline and while it
 * empties in systole, as the ventricle does and the atrium does not; towards the apex while there
 * is an outline. Volumes are Simpson's sum over slices. The base comes down to the apex in systole,
 * so that slices which count at end diastole may not at end systole: between the two such a slice
 * counts by the part of the stroke volume that the other slices still hold.
 */
#ifndef PIPELINE_CARDIAC_CINE_SAX_RANGE_H
#define PIPELINE_CARDIAC_CINE_SAX_RANGE_H

#include "base/auto.h"
#include "pipeline/cardiac_cine/sax_clean.h"
#include "pipeline/cardiac_cine/sax_images.h"
#include "pipeline/cardiac_cine/sax_wall.h"

#include <stdbool.h>
#include <stddef.h>

struct err;

struct sax_range_options {
    double share_ed,
        share_es; // of the circumference with myocardium that a basal slice needs
};

/** What is known of a slice. */
struct sax_use {
    bool at_ed, at_es;         // it counts
    bool is_basal;             // above the middle of the ventricle
    double share_ed, share_es; // of the circumference with myocardium, three phases' mean
};

struct sax_range {
    size_t nz, nt;
    struct sax_use *slices; // [nz]
    size_t *pixels;         // [nz][nt] within each outline
    double *volume_ml;      // [nt]
    size_t ed, es;          // phases of the largest and the smallest volume
    size_t used_ed, used_es;
    bool
        is_base_doubtful; // at ED a basal slice counts, or is left out, by a share near its bound
};

/**
 * Choose slices and phases. step_mm: [nz] what each slice stands for.
 *
 * Errors: ERR_NOMEM. Results do not hang on threads.
 */
int sax_range_find(const struct sax_images *images, const struct sax_outlines *endo,
                   const struct sax_levels *levels, const double *step_mm,
                   const struct sax_range_options *options, int threads,
                   struct sax_range **ret, struct err *err);
/** Free range; NULL is allowed. */
void sax_range_destroy(struct sax_range *range);

AUTO_DEFINE(sax_range)

#endif
