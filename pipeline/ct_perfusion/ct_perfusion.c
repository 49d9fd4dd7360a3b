/*
 * ct_perfusion: core and hypoperfusion of a stroke, from CT over time.
 *
 * Here is the order of the stages; what they do is in pipeline/perfusion. A scan that cannot be
 * trusted ends early with a refused result.
 */
#include "base/err.h"
#include "pipeline/ct_perfusion/ct_options.h"
#include "pipeline/ct_perfusion/ct_wants.h"
#include "pipeline/perfusion/motion_anatomy.h"
#include "pipeline/perfusion/perfusion_job.h"

#include <stdlib.h>
#include <string.h>

static const size_t REFERENCE_FRAMES = 3; // motion is measured against their mean

static const struct code HEAD_CT_PERFUSION = {"39142-5", "LN",
                                              "CT perfusion head with contrast IV"};
static const struct code HEAD = {"69536005", "SCT", "Head"};
static const struct code BRAIN = {"12738006", "SCT", "Brain"};
static const struct code SVD = {"126311", "DCM",
                                "Singular Value Decomposition (SVD) deconvolution"};

/* ---- stages: 0 to go on, also after refusing; negative: an error ---- */

static int stage_motion(struct perfusion_job *job, struct err *err)
{
    struct cine *cine = job->cine;
    float *reference = malloc(cine_volume(cine) * sizeof(*reference));
    if (!reference)
        return err_set(err, ERR_NOMEM, "a reference volume");
    cine_mean(cine, 0, cine->nt < REFERENCE_FRAMES ? cine->nt : REFERENCE_FRAMES,
              reference);
    int r = head_find(cine, reference, &job->head, err);
    if (r == 0 && job->head->brain_ml < job->options.brain_min_ml) {
        result_add_check(job->result, "anatomy", VERDICT_FAIL, err, "%.0f ml of brain",
                         job->head->brain_ml);
        result_refuse(job->result, "no brain within a skull was found");
    }
    if (r == 0 && job->result->status == RESULT_OK)
        r = motion_estimate(cine, job->head, reference, &MOTION_CT, job->in->threads,
                            &job->motion, err);
    free(reference);
    if (r < 0 || job->result->status != RESULT_OK)
        return r;
    r = motion_correct(job->motion, cine, job->options.motion_worth_mm, job->in->threads,
                       err);
    if (r == 0)
        r = motion_anatomy_subtract(job->motion, cine, job->in->threads, err);
    return r < 0
               ? r
               : quality_of_motion(job->result, job->motion, &job->options.quality, err);
}

/** Peak as measured and area as scaled: of the same frames as every voxel's. */
static struct tissue_artery vessel_measure(const struct perfusion_job *job)
{
    const struct artery_vessel *aif = &job->artery.aif;
    double area = 0.0;
    for (size_t i = 0; i < aif->site_count; i++) {
        const struct artery_site *s = &aif->sites[i];
        area += (double)job->enhancement
                    ->area[(s->z * job->cine->ny + s->y) * job->cine->nx + s->x]
                / (double)aif->site_count;
    }
    return (struct tissue_artery){(double)aif->shape.peak, area * job->artery.scale};
}

static int stage_maps(struct perfusion_job *job, struct err *err)
{
    const size_t n = cine_volume(job->cine);
    job->parenchyma = malloc(n);
    job->vessels = malloc(n);
    if (!job->parenchyma || !job->vessels)
        return err_set(err, ERR_NOMEM, "masks of %zu voxels", n);
    const struct tissue_artery vessel = vessel_measure(job);
    int r = tissue_mark(job->cine, job->head, job->enhancement, &vessel,
                        &job->options.tissue, job->parenchyma, job->vessels, err);
    if (r < 0)
        return r;
    perfusion_mark_vessels(job);
    r = perfusion_stage_maps(job, err);
    if (r == 0)
        tissue_drop_vessels(job->cine, &job->options.tissue, job->maps, job->parenchyma,
                            job->vessels);
    return r;
}

static const struct perfusion_stage STAGES[] = {
    {"sort", 0.02, perfusion_stage_sort}, {"read", 0.30, perfusion_stage_read},
    {"motion", 0.50, stage_motion},       {"artery", 0.60, perfusion_stage_artery},
    {"maps", 0.90, stage_maps},           {"lesions", 0.92, perfusion_stage_lesions},
};

const struct pipeline_def ct_perfusion_pipeline;

static int run(const struct pipeline_input *in, struct result **ret, struct err *err)
{
    struct perfusion_job *job = calloc(1, sizeof(*job));
    if (!job)
        return err_set(err, ERR_NOMEM, "a job");
    job->def = &ct_perfusion_pipeline;
    job->in = in;
    job->options = ct_options_of(job->def, in);
    int r = result_create(job->def->name, job->def->version, job->def->title,
                          &job->result, err);
    if (r == 0) {
        job->result->procedure = HEAD_CT_PERFUSION;
        job->result->target_region = HEAD;
        job->result->finding_site = BRAIN;
        job->result->method = SVD;
        r = perfusion_run(job, STAGES, sizeof(STAGES) / sizeof(*STAGES), err);
    }
    if (r == 0)
        *ret = take(job->result);
    result_destroy(job->result);
    perfusion_job_finish(job);
    free(job);
    return r;
}

const struct pipeline_def ct_perfusion_pipeline = {
    .name = "ct_perfusion",
    .version = "1.0.0",
    .title = "CT perfusion",
    .summary =
        "core, hypoperfusion and mismatch of a stroke, from CT of the head over time",
    .options = CT_OPTIONS,
    .wants = ct_wants,
    .run = run,
};
