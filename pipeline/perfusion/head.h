/*
 * head: where skull, cranial cavity and brain lie in a CT of the head.
 */
#ifndef PIPELINE_PERFUSION_HEAD_H
#define PIPELINE_PERFUSION_HEAD_H

#include "base/auto.h"
#include "pipeline/perfusion/cine.h"

#include <stdint.h>

struct err;

struct head {
    uint8_t *bone;   // [nz][ny][nx] smoothed HU > 180
    uint8_t *inside; // all within the skull: brain, CSF, sinuses
    uint8_t *
        brain; // inside, of brain's or CSF's density, in one piece, without holes in a slice
    double brain_ml;
};

/**
 * Find the head in hu, float [nz][ny][nx], whose shape and spacing are those of cine.
 *
 * A slice whose skull has gaps (orbits, foramen magnum) is closed with the smallest of three widths
 * that keeps its inside from leaking. No brain is no error: brain_ml is 0 then.
 *
 * Errors: ERR_NOMEM
 */
int head_find(const struct cine *cine, const float *hu, struct head **ret,
              struct err *err);
/** Free head; NULL is allowed. */
void head_destroy(struct head *head);

AUTO_DEFINE(head)

#endif
