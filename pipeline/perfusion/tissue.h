/*
 * tissue: where perfusion may be measured: brain without CSF, vessels and what is too dense.
 */
#ifndef PIPELINE_PERFUSION_TISSUE_H
#define PIPELINE_PERFUSION_TISSUE_H

#include "pipeline/perfusion/cine.h"
#include "pipeline/perfusion/enhancement.h"
#include "pipeline/perfusion/head.h"
#include "pipeline/perfusion/maps.h"

#include <stddef.h>
#include <stdint.h>

struct err;

struct tissue_options {
    double csf_hu;      // baseline below: CSF
    double dense_hu;    // baseline above: calcification, blood
    double vessel_part; // peak above this part of the artery's: a vessel
    double vessel_area; // unsmoothed area above this part of the artery's: a vessel
    double vessel_cbv;  // ml/100 g, smoothed blood volume above: a vessel
};

/** What vessels are told by, in the unit of enhancement; already scaled for partial volume. */
struct tissue_artery {
    double peak, area;
};

/**
 * Mark parenchyma and vessels, uint8 [nz][ny][nx] each.
 *
 * Density is taken from a blur of baseline that the mask of the brain bounds, just wide enough
 * for the noise left in it. A vessel peaks high, or has an area that no tissue
 * has. An area as far below 0 is an edge that moved, and is left out as well.
 *
 * Errors: ERR_NOMEM
 */
int tissue_mark(const struct cine *cine, const struct head *head,
                const struct enhancement *e, const struct tissue_artery *artery,
                const struct tissue_options *options, uint8_t *parenchyma,
                uint8_t *vessels, struct err *err);

/** Take voxels whose blood volume is that of a vessel out of parenchyma and maps. */
void tissue_drop_vessels(const struct cine *cine, const struct tissue_options *options,
                         struct maps *maps, uint8_t *parenchyma, uint8_t *vessels);

#endif
