/*
 * perfusion_job: all that a run of a perfusion analysis makes on its way, and the stages that
 * CT and MR share. An analysis is a table of stages; what differs between modalities is a
 * function of its own in it, or a field of the job.
 */
#ifndef PIPELINE_PERFUSION_PERFUSION_JOB_H
#define PIPELINE_PERFUSION_PERFUSION_JOB_H

#include "pipeline/perfusion/artery.h"
#include "pipeline/perfusion/head.h"
#include "pipeline/perfusion/ingest.h"
#include "pipeline/perfusion/lesion.h"
#include "pipeline/perfusion/maps.h"
#include "pipeline/perfusion/midline.h"
#include "pipeline/perfusion/motion.h"
#include "pipeline/perfusion/quality.h"
#include "pipeline/perfusion/tissue.h"
#include "pipeline/pipeline.h"

/** What can be set of both. */
struct perfusion_options {
    double motion_worth_mm; // less is not corrected
    double brain_min_ml;    // less brain than that is none
    struct artery_options artery;
    struct tissue_options tissue;
    struct maps_options maps;
    struct lesion_options lesion;
    double discordant_lag_s; // islands that peak less late are kept out; 0: none is
    struct quality_bounds quality;
};

struct perfusion_job {
    const struct pipeline_def *def;
    const struct pipeline_input *in;
    struct perfusion_options options;
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
    uint8_t *discordant; // [cine] islands of long Tmax kept out of lesion; NULL: none
    struct midline midline;

    /* What an analysis sets when it is not CT's. */
    const float *anatomy;   // [cine] for the pages; NULL: the baseline, in HU
    bool is_relative;       // flow and volume have no absolute unit
    const char *core_label; // of the segment; NULL: "Core (rCBF < 30 %)"
    const char *core_rule;  // on the pages; NULL: made of the options
    char technique[80];     // on the pages; "" leaves it out
};

/** A stage: 0 to go on, also after refusing; negative: an error. */
struct perfusion_stage {
    const char *name;
    double until; // of the whole job's time
    int (*run)(struct perfusion_job *job, struct err *err);
};

/**
 * Run the stages, [count], up to one that refuses, and draw the pages; job holds def, in and
 * result. Errors: those of the stages; ERR_CANCELLED.
 */
int perfusion_run(struct perfusion_job *job, const struct perfusion_stage *stages,
                  size_t count, struct err *err);
/** Free what job holds, not job itself. */
void perfusion_job_finish(struct perfusion_job *job);

/* The shared stages, in their order. */

/** series to table; duration, missing frames, coverage. */
int perfusion_stage_sort(struct perfusion_job *job, struct err *err);
/** table to cine and grid. */
int perfusion_stage_read(struct perfusion_job *job, struct err *err);
/** cine to enhancement, artery and aif; head was found. */
int perfusion_stage_artery(struct perfusion_job *job, struct err *err);
/** Its two halves; the first may be done again after head->inside was changed. */
int perfusion_find_artery(struct perfusion_job *job, struct err *err);
int perfusion_check_artery(struct perfusion_job *job, struct err *err);
/** Parenchyma and vessels, marked before, to maps. */
int perfusion_stage_maps(struct perfusion_job *job, struct err *err);
/** maps to lesion, and the result's contents. */
int perfusion_stage_lesions(struct perfusion_job *job, struct err *err);

/** Its first half: no contents yet. */
int perfusion_find_lesions(struct perfusion_job *job, struct err *err);

/** The voxels of artery and vein are vessels, whatever their height. */
void perfusion_mark_vessels(struct perfusion_job *job);

/** Fill the result's grids, segments, maps and measurements. Errors: ERR_NOMEM. */
int perfusion_report(struct perfusion_job *job, struct err *err);
/** Draw the pages of the result, refused or not. Errors: ERR_NOMEM, ERR_NOTFOUND (no font). */
int perfusion_view_draw(struct perfusion_job *job, struct err *err);

#endif
