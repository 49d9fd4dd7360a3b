/*
 * mr_tissue: where MR perfusion may be measured, and the unit that it is measured in.
 *
 * Signal has no unit, so that all bounds are relative to the brain's own median.
 */
#ifndef PIPELINE_MR_PERFUSION_MR_TISSUE_H
#define PIPELINE_MR_PERFUSION_MR_TISSUE_H

#include "pipeline/perfusion/cine.h"
#include "pipeline/perfusion/enhancement.h"
#include "pipeline/perfusion/head.h"
#include "pipeline/perfusion/maps.h"

#include <stdint.h>

struct err;

struct mr_tissue_options {
    double csf_signal;  // times the brain's median signal: CSF above
    double vessel_area; // times the brain's median area under the curve: vessels above
};

/**
 * Mark parenchyma and vessels, uint8 [nz][ny][nx] each, within head->brain.
 *
 * s0         float [nz][ny][nx] signal before contrast
 * saturated  uint8 [nz][ny][nx]: vessels, whatever their area
 *
 * Errors: ERR_NOMEM
 */
int mr_tissue_mark(const struct cine *cine, const struct head *head, const float *s0,
                   const uint8_t *saturated, const struct enhancement *e,
                   const struct mr_tissue_options *options, uint8_t *parenchyma,
                   uint8_t *vessels, struct err *err);

/** Take voxels whose blood volume is a vessel's out of parenchyma and maps. Errors: ERR_NOMEM. */
int mr_tissue_drop_vessels(const struct cine *cine,
                           const struct mr_tissue_options *options, struct maps *maps,
                           uint8_t *parenchyma, uint8_t *vessels, struct err *err);

/**
 * Divide flow and volume by those of normal white matter: the half of the parenchyma with Tmax up
 * to normal_tmax_s that has less blood volume. Errors: ERR_NOMEM.
 */
int mr_tissue_normalise(const struct cine *cine, const uint8_t *parenchyma,
                        double normal_tmax_s, struct maps *maps, struct err *err);

#endif
