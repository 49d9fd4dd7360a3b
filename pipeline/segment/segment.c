#include "pipeline/segment/segment.h"

#include "base/clock.h"
#include "base/err.h"
#include "pipeline/segment/segment_job.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct code CT = {"25045-6", "LN", "CT unspecified body region"};
static const struct code MR = {"25056-3", "LN", "MRI unspecified body region"};
static const struct code PT = {"44136-0", "LN", "PET unspecified body region"};

int segment_is_cancelled(const struct segment_job *job, struct err *err)
{
    const struct pipeline_watch *watch = &job->in->watch;
    return watch->is_cancelled && watch->is_cancelled(watch->ctx)
               ? err_set(err, ERR_CANCELLED, "cancelled")
               : 0;
}

static const struct {
    const char *name;
    double begins; // share of the whole
    int (*run)(struct segment_job *job, struct err *err);
} STAGES[] = {
    {"sort", 0.0, segment_stage_sort},
    {"look", 0.01, segment_stage_look},
    {"network", 0.10, segment_stage_network},
    {"clean", 0.92, segment_stage_clean},
};

static int run_stages(struct segment_job *job, struct err *err)
{
    const struct pipeline_watch *watch = &job->in->watch;
    int r = 0;
    for (size_t i = 0; r == 0 && job->result->status == RESULT_OK
                       && i < sizeof(STAGES) / sizeof(*STAGES);
         i++) {
        const double began_s = clock_s();
        if (watch->progress)
            watch->progress(watch->ctx, STAGES[i].name, STAGES[i].begins);
        r = segment_is_cancelled(job, err);
        if (r == 0)
            r = STAGES[i].run(job, err);
        struct result_stage *stage = r == 0 ? stage_list_add(&job->result->stages) : NULL;
        if (r == 0 && !stage)
            r = err_set(err, ERR_NOMEM, "a stage");
        if (stage)
            *stage = (struct result_stage){STAGES[i].name, clock_s() - began_s};
    }
    return r;
}

static int begin(struct segment_job *job, struct err *err)
{
    const struct card *card = job->card;
    const struct pipeline_def *def = job->def;
    int r = result_create(def->name, def->version, def->title, &job->result, err);
    if (r < 0)
        return r;
    struct result *result = job->result;
    const char *modality = card->input.modality;
    result->procedure = card->procedure.value         ? card->procedure
                        : strcmp(modality, "CT") == 0 ? CT
                        : strcmp(modality, "MR") == 0 ? MR
                        : strcmp(modality, "PT") == 0 ? PT
                                                      : card->procedure;
    result->target_region = card->region;
    result->finding_site = card->site;
    snprintf(result->model, sizeof(result->model), "%s %s", card->name, card->version);
    snprintf(result->precision, sizeof(result->precision), "%s", card->precision);
    return 0;
}

/** What is refused has no segments: nobody shall take them for a finding. */
static void drop_findings(struct result *result)
{
    if (result->status != RESULT_REFUSED)
        return;
    for (size_t i = 0; i < result->segments.count; i++)
        free(result->segments.items[i].mask);
    segment_list_finish(&result->segments);
    measurement_list_finish(&result->measurements);
}

static void finish(struct segment_job *job)
{
    stack_destroy(job->stack);
    segment_net_destroy(job->net);
    grid_destroy(job->grid);
    free(job->stats);
    free(job->labels);
    result_destroy(job->result);
}

static int run(const struct pipeline_def *def, const struct pipeline_input *in,
               struct result **ret, struct err *err)
{
    struct segment_job job = {.def = def, .card = def->card, .in = in};
    int r = begin(&job, err);
    if (r == 0)
        r = run_stages(&job, err);
    if (r == 0)
        drop_findings(job.result);
    if (r == 0)
        r = segment_draw_page(&job, err);
    if (r == 0)
        *ret = take(job.result);
    finish(&job);
    return r;
}

struct pipeline_def segment_pipeline(const struct card *card)
{
    return (struct pipeline_def){
        .name = card->name,
        .version = card->version,
        .title = card->title,
        .summary = card->summary[0] ? card->summary : "segments with a model of its own",
        .card = card,
        .card_wants = segment_wants,
        .card_run = run,
    };
}
