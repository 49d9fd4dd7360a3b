/*
 * diffusion: the apparent diffusion coefficient of a study that has diffusion images beside its
 * perfusion, on a grid of its own.
 *
 * An ADC map of the scanner is taken as it is; without one it is made of images of two b-values:
 *
 *     ADC = ln(S_low / S_high) / (b_high - b_low)
 *
 * Scanners store ADC in units of 1e-6, 1e-3 or 1 mm2/s and do not say which: brain's is near 800e-6.
 */
#ifndef PIPELINE_MR_PERFUSION_DIFFUSION_H
#define PIPELINE_MR_PERFUSION_DIFFUSION_H

#include "base/auto.h"
#include "base/grid.h"
#include "base/series.h"

#include <stdbool.h>
#include <stdint.h>

struct err;

struct diffusion {
    struct grid *grid;
    float *adc;   // [grid nz][ny][nx] 1e-6 mm2/s; 0: not measured
    bool is_made; // of two b-values, not the scanner's
};

/**
 * Read the diffusion images of series. None, or too few to make a volume, is no error: *ret is
 * NULL then.
 *
 * Errors: those of series_read_frame(); ERR_NOMEM
 */
int diffusion_read(const struct series *series, struct diffusion **ret, struct err *err);
/** Free diffusion; NULL is allowed. */
void diffusion_destroy(struct diffusion *d);

/**
 * Mark where ADC is low, in pieces of at least least_ml.
 *
 * brain  uint8 [to nz][ny][nx] on grid to: where is looked
 * core   uint8, the same: 1 where most of the diffusion images' voxels have a median of 3 x 3 ADC below
 *        bound, and above what only noise has
 * *ret_covered  share of brain that the diffusion images cover
 *
 * Errors: ERR_NOMEM
 */
int diffusion_core(const struct diffusion *d, const struct grid *to, const uint8_t *brain,
                   double bound, double least_ml, int threads, uint8_t *core,
                   double *ret_covered, struct err *err);

AUTO_DEFINE(diffusion)

#endif
