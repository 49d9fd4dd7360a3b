/* segment_job: what the stages of one segmentation hand to each other. */
#ifndef PIPELINE_SEGMENT_SEGMENT_JOB_H
#define PIPELINE_SEGMENT_SEGMENT_JOB_H

#include "base/result.h"
#include "pipeline/lib/card.h"
#include "pipeline/lib/scale.h"
#include "pipeline/lib/stack.h"
#include "pipeline/pipeline.h"
#include "pipeline/segment/segment_net.h"

struct err;

struct segment_job {
    const struct pipeline_def *def;
    const struct card *card;
    const struct pipeline_input *in;
    struct result *result;
    struct stack *stack;
    struct scale_stats *stats; // of the series
    struct segment_net *net;
    struct grid *grid; // of the network's volume
    uint8_t *labels;   // [source nz][ny][nx]: 0 none, i + 1 label i of the card
};

/** Bytes that the job will hold at once. */
size_t segment_bytes(const struct segment_job *job);

/* Stages: 0 to go on, also after refusing; negative: an error. */
int segment_stage_sort(struct segment_job *job, struct err *err);
int segment_stage_look(struct segment_job *job, struct err *err);
int segment_stage_network(struct segment_job *job, struct err *err);
int segment_stage_clean(struct segment_job *job, struct err *err);

/** Draw the page "summary" of the result as it stands, refused or not. */
int segment_draw_page(struct segment_job *job, struct err *err);

/** ERR_CANCELLED when the job is to stop. */
int segment_is_cancelled(const struct segment_job *job, struct err *err);

#endif
