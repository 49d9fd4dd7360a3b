/* ct_job: all that a run of CT perfusion makes on its way; private to the folder. */
#ifndef PIPELINE_CT_PERFUSION_CT_JOB_H
#define PIPELINE_CT_PERFUSION_CT_JOB_H

#include "pipeline/ct_perfusion/ct_options.h"
#include "pipeline/perfusion/head.h"
#include "pipeline/perfusion/ingest.h"
#include "pipeline/perfusion/midline.h"
#include "pipeline/perfusion/motion.h"

struct ct_job {
    const struct pipeline_def *def;
    const struct pipeline_input *in;
    struct ct_options options;
    struct result *result;

    struct frame_table *table;
    struct cine *cine;
    struct grid *grid; // of the cine
    struct head *head;
    struct motion *motion;
    struct enhancement *enhancement;
    struct time_axis axis;
    struct artery artery;
    float aif[TIME_AXIS_MAX];      // scaled
    uint8_t *parenchyma, *vessels; // [cine]
    struct maps *maps;
    struct lesion *lesion;
    struct midline midline;
};

/** Fill the result's grids, segments, maps and measurements. Errors: ERR_NOMEM. */
int ct_report(struct ct_job *job, struct err *err);
/** Draw the pages of the result, refused or not. Errors: ERR_NOMEM, ERR_NOTFOUND (no font). */
int ct_view_draw(struct ct_job *job, struct err *err);

#endif
