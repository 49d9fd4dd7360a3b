/*
 * mr_perfusion: core and hypoperfusion of a stroke, from gradient-echo MR over a bolus (DSC).
 *
 * The stages are those of CT perfusion, between signals made concentrations. Flow and volume have
 * no absolute unit: they are told relative to normal white matter.
 */
#include "base/err.h"
#include "pipeline/mr_perfusion/concentration.h"
#include "pipeline/mr_perfusion/diffusion.h"
#include "pipeline/mr_perfusion/leakage.h"
#include "pipeline/mr_perfusion/mr_brain.h"
#include "pipeline/mr_perfusion/mr_options.h"
#include "pipeline/mr_perfusion/mr_tissue.h"
#include "pipeline/mr_perfusion/mr_wants.h"
#include "pipeline/perfusion/perfusion_job.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const size_t REFERENCE_FRAMES = 3; // motion is measured against their mean
static const double MOVED_BLUR_MM = 1.2;  // sigma, once frames were moved back
static const float VEIN_LATER_S = 2.0f;   // an artery that arrives later is none
static const float AIR_PART = 0.2f;       // of the brain's median signal: less is air

// Of CID 100; it has no code for MR perfusion.
static const struct code MULTIPARAMETRIC = {"126020", "DCM", "Multiparametric MRI"};
static const struct code HEAD = {"69536005", "SCT", "Head"};
static const struct code BRAIN = {"12738006", "SCT", "Brain"};
static const struct code SVD = {"126311", "DCM",
                                "Singular Value Decomposition (SVD) deconvolution"};

/** A run: what is shared comes first, so that a stage finds the rest. */
struct mr_job {
    struct perfusion_job shared;
    struct mr_options options;
    struct concentration *concentration;
    struct diffusion *diffusion; // NULL: the study has none
    char core_rule[40];
    float signal; // median of the brain
};

static struct mr_job *mr_of(struct perfusion_job *job)
{
    return (struct mr_job *)job;
}

/* ---- stages: 0 to go on, also after refusing; negative: an error ---- */

/** Of the perfusion images: the series may begin with others. */
static double echo_time_ms(const struct perfusion_job *job)
{
    const struct series *s = job->in->series;
    return s->frame_count ? s->frames[0].echo_time_ms : (double)NAN;
}

/** Without an echo time there is no concentration; with a short one hardly any T2* weighting. */
static int stage_echo(struct perfusion_job *job, struct err *err)
{
    const double echo_ms = echo_time_ms(job), least_ms = mr_of(job)->options.echo_min_ms;
    const bool is_known = isfinite(echo_ms) && echo_ms > 0.0;
    const bool is_long = is_known && echo_ms >= least_ms;
    int r = is_known
                ? result_add_check(job->result, "echo_time",
                                   is_long ? VERDICT_OK : VERDICT_FAIL, err,
                                   "echo time %.1f ms, %.0f ms needed", echo_ms, least_ms)
                : result_add_check(job->result, "echo_time", VERDICT_FAIL, err,
                                   "the images have no echo time");
    if (!is_known)
        result_refuse(job->result, "echo_time: the images have no echo time");
    else if (!is_long)
        result_refuse(job->result, "echo_time: %.1f ms is no T2* weighting", echo_ms);
    snprintf(job->technique, sizeof(job->technique), "gradient echo, TE %.3g ms",
             echo_ms);
    return r;
}

static int stage_sort(struct perfusion_job *job, struct err *err)
{
    const int r = stage_echo(job, err);
    return r < 0 || job->result->status != RESULT_OK ? r : perfusion_stage_sort(job, err);
}

static int find_brain(struct perfusion_job *job, const float *reference, struct err *err)
{
    const int r =
        mr_brain_find(job->cine, reference, &job->head, &mr_of(job)->signal, err);
    if (r < 0 || job->head->brain_ml >= job->options.brain_min_ml)
        return r;
    result_refuse(job->result, "no brain was found");
    return result_add_check(job->result, "anatomy", VERDICT_FAIL, err, "%.0f ml of brain",
                            job->head->brain_ml);
}

/**
 * Motion is measured against the first frames, as they are what the scan is planned on; that
 * they are brighter than those that follow does not matter here.
 */
static int correct_motion(struct perfusion_job *job, const float *reference,
                          struct err *err)
{
    const double signal = (double)mr_of(job)->signal;
    const struct motion_options options = {
        .lo = -HUGE_VAL,
        .hi = HUGE_VAL,
        .gradient_min = 0.02 * signal,
        .near_mm = 6.0,
        .residual_least = 0.05 * signal,
        .is_mapped = true,
    };
    int r = motion_estimate(job->cine, job->head, reference, &options, job->in->threads,
                            &job->motion, err);
    if (r == 0)
        r = motion_correct(job->motion, job->cine, job->options.motion_worth_mm,
                           job->in->threads, err);
    return r < 0
               ? r
               : quality_of_motion(job->result, job->motion, &job->options.quality, err);
}

static int stage_motion(struct perfusion_job *job, struct err *err)
{
    struct cine *cine = job->cine;
    float *reference = malloc(cine_volume(cine) * sizeof(*reference));
    if (!reference)
        return err_set(err, ERR_NOMEM, "a reference volume");
    cine_mean(cine, 0, REFERENCE_FRAMES, reference);
    int r = find_brain(job, reference, err);
    if (r == 0 && job->result->status == RESULT_OK)
        r = correct_motion(job, reference, err);
    free(reference);
    return r;
}

/** Frames at the start that are not steady are dropped: their signal is no baseline. */
static void drop_unsteady(struct perfusion_job *job)
{
    const size_t n = concentration_unsteady(job->cine, job->head->brain);
    cine_drop_first(job->cine, n);
    motion_drop_first(job->motion, n);
}

static int stage_concentration(struct perfusion_job *job, struct err *err)
{
    struct mr_job *mr = mr_of(job);
    drop_unsteady(job);
    const struct concentration_options options = {
        .echo_s = echo_time_ms(job) / 1000.0,
        .saturated_part = mr->options.saturated_part,
        .signal_least = AIR_PART * mr->signal,
    };
    const int r = concentration_make(job->cine, job->head->brain, &options,
                                     job->in->threads, &mr->concentration, err);
    if (r == 0)
        job->anatomy = mr->concentration->s0;
    return r;
}

/**
 * Take saturated voxels out of head->inside, and with is_wide those beside them in the slice,
 * whose curves are partly theirs. Returns how many saturated ones; ret: what was inside.
 */
static size_t cut_saturated(struct perfusion_job *job, bool is_wide, uint8_t *was)
{
    const struct cine *cine = job->cine;
    const uint8_t *saturated = mr_of(job)->concentration->saturated;
    uint8_t *inside = job->head->inside;
    size_t count = 0;
    memcpy(was, inside, cine_volume(cine));
    for (size_t i = 0; i < cine_volume(cine); i++) {
        if (!was[i] || !saturated[i])
            continue;
        count++;
        inside[i] = 0;
        const size_t x = i % cine->nx, y = i / cine->nx % cine->ny;
        for (size_t v = y ? y - 1 : 0; is_wide && v <= y + 1 && v < cine->ny; v++) {
            for (size_t u = x ? x - 1 : 0; u <= x + 1 && u < cine->nx; u++)
                inside[i - y * cine->nx - x + v * cine->nx + u] = 0;
        }
    }
    return count;
}

/** Look for the artery among what is not cut off; what is beside that only if there is no other. */
static int find_uncut(struct perfusion_job *job, size_t *ret_cut, struct err *err)
{
    uint8_t *inside = job->head->inside, *was = malloc(cine_volume(job->cine));
    if (!was)
        return err_set(err, ERR_NOMEM, "a mask");
    int r = 0;
    for (int is_wide = 1; is_wide >= 0 && r == 0 && !job->artery.aif.is_found;
         is_wide--) {
        *ret_cut = cut_saturated(job, is_wide, was);
        r = perfusion_find_artery(job, err);
        memcpy(inside, was, cine_volume(job->cine));
    }
    free(was);
    return r;
}

/**
 * An artery whose signal falls to the noise has its peak cut off: it is taken only where there
 * is no other, or where the other comes so much later that it is a vein, and told.
 */
static int stage_artery(struct perfusion_job *job, struct err *err)
{
    size_t cut = 0;
    bool is_cut = false;
    int r = find_uncut(job, &cut, err);
    if (r == 0 && cut > 0) {
        struct artery uncut = job->artery;
        r = perfusion_find_artery(job, err);
        const struct artery_vessel *all = &job->artery.aif;
        is_cut = all->is_found
                 && (!uncut.aif.is_found
                     || uncut.aif.shape.arrival_s - all->shape.arrival_s > VEIN_LATER_S);
        if (!is_cut)
            job->artery = uncut;
    }
    if (r == 0)
        r = result_add_check(job->result, "saturation",
                             is_cut ? VERDICT_WARN : VERDICT_OK, err,
                             is_cut ? "%zu voxels fall to the noise, the artery with "
                                      "them: its peak is cut off"
                                    : "%zu voxels fall to the noise; the artery does not",
                             cut);
    return r < 0 ? r : perfusion_check_artery(job, err);
}

/** Off but where it is asked for: a stroke's late curves look like a leak to it. */
static int correct_leakage(struct perfusion_job *job, struct err *err)
{
    if (!mr_of(job)->options.is_leakage_corrected)
        return 0;
    size_t reference = 0;
    float *k2 = malloc(cine_volume(job->cine) * sizeof(*k2));
    if (!k2)
        return err_set(err, ERR_NOMEM, "a map of leakage");
    const int r = leakage_correct(job->cine, job->enhancement, &job->axis,
                                  job->parenchyma, job->in->threads, k2, &reference, err);
    free(k2);
    if (r < 0)
        return r;
    return reference > 0
               ? result_add_check(job->result, "leakage", VERDICT_OK, err,
                                  "corrected by %zu voxels that do not leak", reference)
               : result_add_check(job->result, "leakage", VERDICT_WARN, err,
                                  "not corrected: no tissue is seen that does not leak");
}

static int stage_maps(struct perfusion_job *job, struct err *err)
{
    struct mr_job *mr = mr_of(job);
    const size_t n = cine_volume(job->cine);
    job->parenchyma = malloc(n);
    job->vessels = malloc(n);
    if (!job->parenchyma || !job->vessels)
        return err_set(err, ERR_NOMEM, "masks of %zu voxels", n);
    int r = mr_tissue_mark(job->cine, job->head, mr->concentration->s0,
                           mr->concentration->saturated, job->enhancement,
                           &mr->options.tissue, job->parenchyma, job->vessels, err);
    if (r < 0)
        return r;
    perfusion_mark_vessels(job);
    if (job->motion->is_corrected)
        r = concentration_blur(job->cine, mr->concentration, echo_time_ms(job) / 1000.0,
                               MOVED_BLUR_MM, job->in->threads, err);
    if (r == 0)
        r = correct_leakage(job, err);
    if (r == 0)
        r = perfusion_stage_maps(job, err);
    if (r == 0)
        r = mr_tissue_drop_vessels(job->cine, &mr->options.tissue, job->maps,
                                   job->parenchyma, job->vessels, err);
    if (r == 0)
        r = mr_tissue_normalise(job->cine, job->parenchyma,
                                job->options.lesion.normal_tmax_s, job->maps, err);
    return r;
}

/** The core is where diffusion is low, when the study has it; else where flow is. */
static int stage_lesions(struct perfusion_job *job, struct err *err)
{
    struct mr_job *mr = mr_of(job);
    double covered = 0.0;
    int r = perfusion_find_lesions(job, err);
    if (r == 0 && mr->options.core_adc > 0.0)
        r = diffusion_read(job->in->series, &mr->diffusion, err);
    if (r < 0 || job->result->status != RESULT_OK)
        return r;
    if (!mr->diffusion)
        r = result_add_check(job->result, "diffusion", VERDICT_OK, err,
                             "no diffusion images: the core is told by blood flow");
    if (r == 0 && mr->diffusion)
        r = diffusion_core(mr->diffusion, job->grid, job->head->brain,
                           mr->options.core_adc, job->options.lesion.core_min_ml,
                           job->in->threads, job->lesion->core, &covered, err);
    if (r == 0 && mr->diffusion) {
        snprintf(mr->core_rule, sizeof(mr->core_rule), "ADC < %.0f",
                 mr->options.core_adc);
        // Outlives the job: the bound is told on the pages.
        job->core_label =
            mr->options.core_adc == 620.0 ? "Core (ADC < 620)" : "Core (low ADC)";
        job->core_rule = mr->core_rule;
        r = result_add_check(
            job->result, "diffusion",
            100.0 * covered < mr->options.cover_warn_percent ? VERDICT_WARN : VERDICT_OK,
            err, "core by ADC%s in %zu slices, %.0f %% of the brain",
            mr->diffusion->is_made ? " of two b-values" : "", mr->diffusion->grid->nz,
            100.0 * covered);
    }
    return r < 0 ? r : perfusion_report(job, err);
}

static const struct perfusion_stage STAGES[] = {
    {"sort", 0.02, stage_sort},       {"read", 0.25, perfusion_stage_read},
    {"motion", 0.50, stage_motion},   {"concentration", 0.55, stage_concentration},
    {"artery", 0.60, stage_artery},   {"maps", 0.90, stage_maps},
    {"lesions", 0.92, stage_lesions},
};

const struct pipeline_def mr_perfusion_pipeline;

static int run(const struct pipeline_input *in, struct result **ret, struct err *err)
{
    struct mr_job *mr = calloc(1, sizeof(*mr));
    if (!mr)
        return err_set(err, ERR_NOMEM, "a job");
    struct perfusion_job *job = &mr->shared;
    job->def = &mr_perfusion_pipeline;
    job->in = in;
    job->is_relative = true;
    job->options = mr_options_of(job->def, in, &mr->options);
    int r = result_create(job->def->name, job->def->version, job->def->title,
                          &job->result, err);
    if (r == 0) {
        job->result->procedure = MULTIPARAMETRIC;
        job->result->target_region = HEAD;
        job->result->finding_site = BRAIN;
        job->result->method = SVD;
        r = perfusion_run(job, STAGES, sizeof(STAGES) / sizeof(*STAGES), err);
    }
    if (r == 0)
        *ret = take(job->result);
    result_destroy(job->result);
    perfusion_job_finish(job);
    concentration_destroy(mr->concentration);
    diffusion_destroy(mr->diffusion);
    free(mr);
    return r;
}

const struct pipeline_def mr_perfusion_pipeline = {
    .name = "mr_perfusion",
    .version = "1.0.0",
    .title = "MR perfusion",
    .summary = "core, hypoperfusion and mismatch of a stroke, from MR of the head over a "
               "contrast bolus (DSC)",
    .options = MR_OPTIONS,
    .wants = mr_wants,
    .run = run,
};
