/*
 * ct_perfusion: core and hypoperfusion of a stroke, from CT over time.
 *
 * Here is the order of the stages; each is a file of pipeline/perfusion. A scan that cannot be
 * trusted ends early with a refused result.
 */
#include "base/clock.h"
#include "base/err.h"
#include "pipeline/ct_perfusion/ct_job.h"
#include "pipeline/ct_perfusion/ct_wants.h"

#include <stdlib.h>
#include <string.h>

static const size_t REFERENCE_FRAMES = 3; // motion is measured against their mean
static const size_t TIMES_MIN = 5;        // with fewer there is nothing to look at

static const struct code HEAD_CT_PERFUSION = {"39142-5", "LN",
                                              "CT perfusion head with contrast IV"};
static const struct code HEAD = {"69536005", "SCT", "Head"};
static const struct code BRAIN = {"12738006", "SCT", "Brain"};
static const struct code SVD = {"126311", "DCM",
                                "Singular Value Decomposition (SVD) deconvolution"};

/* ---- stages: 0 to go on, also after refusing; negative: an error ---- */

static int stage_sort(struct ct_job *job, struct err *err)
{
    struct err why = {0};
    const int r = frame_table_create(job->in->series, TIMES_MIN, &job->table, &why);
    if (r == ERR_UNSUPPORTED) {
        result_refuse(job->result, "%s", why.text);
        return 0;
    }
    if (r < 0)
        return err_set(err, (enum err_code)r, "%s", why.text);
    return quality_of_scan(job->result, job->table, &job->options.quality, err);
}

static int stage_read(struct ct_job *job, struct err *err)
{
    // The cine, masks and maps beside it, and three slices over time a thread.
    const size_t bytes = ingest_bytes(job->table);
    const size_t threads = job->in->threads < 1 ? 1 : (size_t)job->in->threads;
    const size_t slices = 3 * threads * (bytes / ingest_map_of(job->table->grid).group);
    const size_t need = bytes + bytes / 2 + slices / job->table->grid->nz;
    if (job->in->memory_max_bytes && need > job->in->memory_max_bytes)
        return err_set(err, ERR_LIMIT, "%zu MiB are needed, %zu MiB allowed", need >> 20,
                       job->in->memory_max_bytes >> 20);
    int r = ingest_read(job->in, job->table, &job->cine, err);
    return r < 0 ? r : ingest_grid(job->table->grid, &job->grid, err);
}

static int stage_motion(struct ct_job *job, struct err *err)
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
        r = motion_estimate(cine, job->head, reference, job->in->threads, &job->motion,
                            err);
    free(reference);
    if (r < 0 || job->result->status != RESULT_OK)
        return r;
    r = motion_correct(job->motion, cine, job->options.motion_worth_mm, job->in->threads,
                       err);
    return r < 0
               ? r
               : quality_of_motion(job->result, job->motion, &job->options.quality, err);
}

static int stage_artery(struct ct_job *job, struct err *err)
{
    int r = enhancement_measure(job->cine, job->head->brain, job->in->threads,
                                &job->enhancement, err);
    if (r < 0)
        return r;
    job->axis = time_axis_of(job->cine);
    r = artery_find(job->cine, job->head->inside, job->enhancement, &job->axis,
                    &job->options.artery, &job->artery, err);
    if (r == 0)
        r = quality_of_bolus(job->result, job->cine, job->enhancement, &job->artery,
                             &job->options.quality, err);
    if (r == 0 && job->artery.aif.is_found)
        r = quality_of_artery(job->result, &job->artery, &job->axis,
                              &job->options.quality, err);
    for (size_t t = 0; t < job->axis.nt; t++)
        job->aif[t] = (float)job->artery.scale * job->artery.aif.curve[t];
    return r;
}

/** The voxels of artery and vein are vessels, whatever their height. */
static void mark_sites(struct ct_job *job, const struct artery_vessel *vessel)
{
    for (size_t i = 0; i < vessel->site_count; i++) {
        const struct artery_site *s = &vessel->sites[i];
        const size_t at = (s->z * job->cine->ny + s->y) * job->cine->nx + s->x;
        job->vessels[at] = 1;
        job->parenchyma[at] = 0;
    }
}

/** Peak as measured and area as scaled: of the same frames as every voxel's. */
static struct tissue_artery vessel_measure(const struct ct_job *job)
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

static int stage_maps(struct ct_job *job, struct err *err)
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
    mark_sites(job, &job->artery.aif);
    mark_sites(job, &job->artery.vof);
    r = maps_compute(job->cine, job->enhancement, job->parenchyma, &job->axis, job->aif,
                     &job->options.maps, job->in->threads, &job->maps, err);
    if (r == 0)
        tissue_drop_vessels(job->cine, &job->options.tissue, job->maps, job->parenchyma,
                            job->vessels);
    return r;
}

static int check_sides(struct ct_job *job, struct err *err)
{
    const struct cine *cine = job->cine;
    size_t sides[2] = {0, 0};
    for (size_t i = 0; i < cine_volume(cine); i++) {
        if (job->lesion->hypo[i])
            sides[midline_side_mm(&job->midline, cine, i % cine->nx,
                                  i / cine->nx % cine->ny)
                  > 0.0]++;
    }
    return quality_of_sides(job->result, sides[0], sides[1], &job->options.quality, err);
}

static int stage_lesions(struct ct_job *job, struct err *err)
{
    job->midline = midline_find(job->cine, job->head->inside);
    int r = lesion_find(job->cine, job->maps, job->parenchyma, &job->options.lesion,
                        &job->lesion, err);
    if (r == 0 && job->lesion->normal_cbf <= 0.0)
        result_refuse(job->result, "no tissue of normal perfusion was found");
    if (r == 0)
        r = check_sides(job, err);
    if (r == 0 && job->result->status == RESULT_OK)
        r = ct_report(job, err);
    return r;
}

static const struct {
    const char *name;
    double until; // of the whole job's time
    int (*run)(struct ct_job *job, struct err *err);
} STAGES[] = {
    {"sort", 0.02, stage_sort},     {"read", 0.30, stage_read},
    {"motion", 0.50, stage_motion}, {"artery", 0.60, stage_artery},
    {"maps", 0.90, stage_maps},     {"lesions", 0.92, stage_lesions},
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

static int run_stages(struct ct_job *job, struct err *err)
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
        watch->progress(watch->ctx, "pages", 0.92);
    const double began = clock_s();
    const int r = ct_view_draw(job, err);
    return r < 0 ? r : note_stage(job->result, "pages", began, err);
}

static void job_finish(struct ct_job *job)
{
    frame_table_destroy(job->table);
    cine_destroy(job->cine);
    grid_destroy(job->grid);
    head_destroy(job->head);
    motion_destroy(job->motion);
    enhancement_destroy(job->enhancement);
    free(job->parenchyma);
    free(job->vessels);
    maps_destroy(job->maps);
    lesion_destroy(job->lesion);
    result_destroy(job->result);
    free(job);
}

const struct pipeline_def ct_perfusion_pipeline;

static int run(const struct pipeline_input *in, struct result **ret, struct err *err)
{
    struct ct_job *job = calloc(1, sizeof(*job));
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
        r = run_stages(job, err);
    }
    if (r == 0)
        *ret = take(job->result);
    job_finish(job);
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
