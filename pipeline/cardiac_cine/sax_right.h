/*
 * sax_right: the cavity of the right ventricle, where a model knows it.
 *
 * On each slice the largest part of what the network calls so, at the phase that is asked for.
 */
#ifndef PIPELINE_CARDIAC_CINE_SAX_RIGHT_H
#define PIPELINE_CARDIAC_CINE_SAX_RIGHT_H

#include "pipeline/cardiac_cine/sax_net.h"
#include "pipeline/cardiac_cine/sax_outline.h"

#include <stddef.h>
#include <stdint.h>

struct err;

/**
 * Mark the right ventricle of slice z in phase t in mask [ny][nx], which is zeroed first: pixels
 * whose probability, linear between the crop's pixels, is more than 0.5; of them the largest part.
 * *ret_pixels: how many. p->of[SAX_RIGHT] is asserted.
 *
 * Errors: ERR_NOMEM
 */
int sax_right_mark(const struct sax_probabilities *p, const struct sax_plane *plane,
                   size_t z, size_t t, uint8_t *mask, size_t *ret_pixels,
                   struct err *err);

#endif
