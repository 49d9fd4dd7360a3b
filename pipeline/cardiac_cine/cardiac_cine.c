/*
 * cardiac_cine: volumes, ejection fraction and mass of the left ventricle, from a short-axis cine.
 *
 * Here is the order of the stages; each is a file of this folder. A study that cannot be trusted
 * ends early with a refused result.
 */
#include "base/clock.h"
#include "base/err.h"
#include "pipeline/cardiac_cine/sax_job.h"
#include "pipeline/cardiac_cine/sax_wants.h"

#include <math.h>
#include <stdlib.h>

#define MODEL "cardiac_sax"

// CID 100 has none of the heart; the target region says it.
static const struct code MRI = {"25056-3", "LN", "MRI unspecified body region"};
static const struct code HEART = {"80891009", "SCT", "Heart"};
static const struct code LEFT_VENTRICLE = {"87878005", "SCT", "Left Ventricle"};

/* ---- stages: 0 to go on, also after refusing; negative: an error ---- */

static int stage_sort(struct sax_job *job, struct err *err)
{
    struct err why = {0};
    const int r = sax_stack_create(job->in->series, &job->stack, &why);
    if (r == ERR_UNSUPPORTED) {
        result_refuse(job->result, "%s", why.text);
        return 0;
    }
    return r < 0 ? err_set(err, (enum err_code)r, "%s", why.text)
                 : sax_check_stack(job, err);
}

static int stage_read(struct sax_job *job, struct err *err)
{
    // The images and beside them crops, masks and probabilities, which are smaller.
    const size_t need = 2 * sax_images_bytes(job->stack);
    if (job->in->memory_max_bytes && need > job->in->memory_max_bytes)
        return err_set(err, ERR_LIMIT, "%zu MiB are needed, %zu MiB allowed", need >> 20,
                       job->in->memory_max_bytes >> 20);
    return sax_images_read(job->in, job->stack, &job->images, err);
}

static int stage_find(struct sax_job *job, struct err *err)
{
    size_t votes = 0;
    int r = sax_net_open(job->in, MODEL, &job->net, err);
    if (r == 0) {
        sax_net_tell(job->net, job->result);
        job->options.clean.edge_mm = sax_net_edge_mm(job->net, job->options.edge_px);
        r = sax_net_find(job->net, job->images, &job->in->watch, job->centre_mm, &votes,
                         err);
    }
    return r < 0 ? r : sax_check_heart(job, votes, 2 * job->images->nz, err);
}

static int stage_network(struct sax_job *job, struct err *err)
{
    return sax_net_ask(job->net, job->images, job->centre_mm, &job->in->watch,
                       &job->probabilities, err);
}

static int stage_outlines(struct sax_job *job, struct err *err)
{
    const struct sax_probabilities *p = job->probabilities;
    struct sax_answer answer = {.size = p->crop.size,
                                .spacing_mm = p->crop.spacing_mm,
                                .nz = p->nz,
                                .nt = p->nt,
                                .probability = p->of[SAX_CAVITY]};
    sax_crop_first_mm(&p->crop, answer.first_mm);
    struct err why = {0};
    int r = sax_clean(&answer, &job->options.clean, job->in->threads, &job->endo, &why);
    if (r == ERR_NOTFOUND) {
        result_refuse(job->result, "heart: %s", why.text);
        return result_add_check(job->result, "outlines", VERDICT_FAIL, err, "%s",
                                why.text);
    }
    if (r < 0)
        return err_set(err, (enum err_code)r, "%s", why.text);
    r = sax_wall_levels(job->images, job->endo, &job->levels, err);
    return r < 0 ? r : sax_check_outlines(job, err);
}

static int stage_measure(struct sax_job *job, struct err *err)
{
    int r = sax_range_find(job->images, job->endo, &job->levels, job->stack->step_mm,
                           &job->options.range, job->in->threads, &job->range, err);
    if (r == 0)
        r = sax_check_slices(job, err);
    if (r == 0 && job->result->status == RESULT_OK)
        r = sax_measure(job, err);
    if (r == 0 && job->result->status == RESULT_OK)
        r = sax_check_numbers(job, err);
    if (r == 0 && job->result->status == RESULT_OK)
        r = sax_report(job, err);
    return r;
}

static const struct {
    const char *name;
    double until; // of the whole job's time
    int (*run)(struct sax_job *job, struct err *err);
} STAGES[] = {
    {"sort", 0.02, stage_sort},         {"read", 0.12, stage_read},
    {"find", 0.30, stage_find},         {"network", 0.88, stage_network},
    {"outlines", 0.92, stage_outlines}, {"measure", 0.95, stage_measure},
};

/** Note how long a stage took. */
static int note_stage(struct result *result, const char *name, double began,
                      struct err *err)
{
    struct result_stage *stage = stage_list_add(&result->stages);
    if (!stage)
        return err_set(err, ERR_NOMEM, "a stage");
    stage->name = name;
    stage->seconds = clock_s() - began;
    return 0;
}

static int run_stages(struct sax_job *job, struct err *err)
{
    const struct pipeline_watch *watch = &job->in->watch;
    double fraction = 0.0;
    for (size_t i = 0; i < sizeof(STAGES) / sizeof(*STAGES); i++) {
        if (watch->is_cancelled && watch->is_cancelled(watch->ctx))
            return err_set(err, ERR_CANCELLED, "cancelled before %s", STAGES[i].name);
        if (watch->progress)
            watch->progress(watch->ctx, STAGES[i].name, fraction);
        const double began = clock_s();
        int r = STAGES[i].run(job, err);
        if (r == 0)
            r = note_stage(job->result, STAGES[i].name, began, err);
        if (r < 0)
            return r;
        if (job->result->status != RESULT_OK)
            break;
        fraction = STAGES[i].until;
    }
    if (watch->progress)
        watch->progress(watch->ctx, "pages", 0.95);
    const double began = clock_s();
    const int r = sax_view_draw(job, err);
    return r < 0 ? r : note_stage(job->result, "pages", began, err);
}

static void job_finish(struct sax_job *job)
{
    sax_stack_destroy(job->stack);
    sax_images_destroy(job->images);
    sax_net_close(job->net);
    sax_probabilities_destroy(job->probabilities);
    sax_outlines_destroy(job->endo);
    sax_range_destroy(job->range);
    free(job->epi);
    free(job->right);
    result_destroy(job->result);
    free(job);
}

const struct pipeline_def cardiac_cine_pipeline;

static int run(const struct pipeline_input *in, struct result **ret, struct err *err)
{
    struct sax_job *job = calloc(1, sizeof(*job));
    if (!job)
        return err_set(err, ERR_NOMEM, "a job");
    job->def = &cardiac_cine_pipeline;
    job->in = in;
    job->options = sax_options_of(job->def, in);
    int r = result_create(job->def->name, job->def->version, job->def->title,
                          &job->result, err);
    if (r == 0) {
        job->result->procedure = MRI;
        job->result->target_region = HEART;
        job->result->finding_site = LEFT_VENTRICLE;
        r = run_stages(job, err);
    }
    if (r == 0)
        *ret = take(job->result);
    job_finish(job);
    return r;
}

const struct pipeline_def cardiac_cine_pipeline = {
    .name = "cardiac_cine",
    .version = "1.0.0",
    .title = "Cardiac cine",
    .summary = "volumes, ejection fraction and mass of the left ventricle, from a "
               "short-axis cine MR stack",
    .options = SAX_OPTIONS,
    .wants = sax_wants,
    .run = run,
};
