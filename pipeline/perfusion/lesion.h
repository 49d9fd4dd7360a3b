/*
 * lesion: core and hypoperfusion, and what is measured of them.
 *
 * hypo = Tmax > 6 s; core = hypo with CBF below 30 % of the mean of normal tissue (Tmax <= 4 s), the
 * rule of the DEFUSE 3 and EXTEND-IA trials. Small islands are noise and are dropped.
 */
#ifndef PIPELINE_PERFUSION_LESION_H
#define PIPELINE_PERFUSION_LESION_H

#include "base/auto.h"
#include "pipeline/perfusion/cine.h"
#include "pipeline/perfusion/maps.h"

#include <stddef.h>
#include <stdint.h>

struct err;

#define LESION_LEVELS 4

struct lesion_options {
    double hypo_tmax_s;              // 6
    double core_rcbf_percent;        // 30
    double normal_tmax_s;            // 4: tissue at or below is normal
    double hypo_min_ml, core_min_ml; // smaller islands are dropped
};

struct lesion {
    uint8_t *core, *hypo; // [nz][ny][nx]; core lies within hypo
    uint8_t
        *tmax_passed; // [nz][ny][nx] how many of 4, 6, 8, 10 s Tmax is beyond, in order
    uint8_t *
        rcbf_passed; // within hypo: how many of 38, 34, 30, 20 % CBF is below, cleaned as core is
    double normal_cbf, normal_cbv; // means of normal tissue
    size_t normal_voxels;
    double hypo_cbv; // mean of hypo; NAN without one
};

extern const double LESION_TMAX_S[LESION_LEVELS];       // 4, 6, 8, 10
extern const double LESION_RCBF_PERCENT[LESION_LEVELS]; // 38, 34, 30, 20

/**
 * Find lesions of maps within parenchyma, uint8 [nz][ny][nx] on the grid of cine.
 *
 * Errors: ERR_NOMEM
 */
int lesion_find(const struct cine *cine, const struct maps *maps,
                const uint8_t *parenchyma, const struct lesion_options *options,
                struct lesion **ret, struct err *err);
/** Free lesion; NULL is allowed. */
void lesion_destroy(struct lesion *lesion);

AUTO_DEFINE(lesion)

#endif
