/*
 * discordance: islands of long Tmax whose curves are not late.
 *
 * Streaks, motion and noise deceive the deconvolution; what the eye sees of an island, the time at which its
 * mean curve peaks, they deceive less. Tmax > 6 s goes with a peak more than 4 s late (rTTP; Siemens and
 * MIStar use it by itself); an island whose mean curve peaks hardly later than normal tissue's is kept out of
 * the lesion and reported apart.
 */
#ifndef PIPELINE_PERFUSION_DISCORDANCE_H
#define PIPELINE_PERFUSION_DISCORDANCE_H

#include "pipeline/perfusion/cine.h"
#include "pipeline/perfusion/enhancement.h"
#include "pipeline/perfusion/time_axis.h"

#include <stddef.h>
#include <stdint.h>

struct err;

/**
 * Mark in ret, uint8 [nz][ny][nx], the parts of hypo whose mean curve peaks less than lag_s after that of normal;
 * both masks as ret. A part whose curve does not rise above what noise leaves of its mean is no such island:
 * a core without any flow. *ret_islands counts them. A lag of 0, or no normal tissue, marks none.
 *
 * Errors: ERR_NOMEM
 */
int discordance_find(const struct cine *cine, const struct enhancement *e,
                     const struct time_axis *axis, const uint8_t *hypo,
                     const uint8_t *normal, double lag_s, uint8_t *ret,
                     size_t *ret_islands, struct err *err);

#endif
