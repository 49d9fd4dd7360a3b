#include "base/clock.h"
#include "base/err.h"
#include "pipeline/perfusion/discordance.h"
#include "pipeline/perfusion/perfusion_job.h"

#include <stdlib.h>

static const size_t TIMES_MIN = 5; // with fewer there is nothing to look at

int perfusion_stage_sort(struct perfusion_job *job, struct err *err)
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

int perfusion_stage_read(struct perfusion_job *job, struct err *err)
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

int perfusion_find_artery(struct perfusion_job *job, struct err *err)
{
    int r = 0;
    if (!job->enhancement)
        r = enhancement_measure(job->cine, job->head->brain, job->in->threads,
                                &job->enhancement, err);
    if (r < 0)
        return r;
    job->axis = time_axis_of(job->cine);
    return artery_find(job->cine, job->head->inside, job->enhancement, &job->axis,
                       &job->options.artery, &job->artery, err);
}

int perfusion_check_artery(struct perfusion_job *job, struct err *err)
{
    int r = quality_of_bolus(job->result, job->cine, job->enhancement, &job->artery,
                             &job->options.quality, err);
    if (r == 0 && job->artery.aif.is_found)
        r = quality_of_artery(job->result, &job->artery, &job->axis,
                              &job->options.quality, err);
    for (size_t t = 0; t < job->axis.nt; t++)
        job->aif[t] = (float)job->artery.scale * job->artery.aif.curve[t];
    return r;
}

int perfusion_stage_artery(struct perfusion_job *job, struct err *err)
{
    const int r = perfusion_find_artery(job, err);
    return r < 0 ? r : perfusion_check_artery(job, err);
}

/** The voxels of artery and vein are vessels, whatever their height. */
static void mark_sites(struct perfusion_job *job, const struct artery_vessel *vessel)
{
    for (size_t i = 0; i < vessel->site_count; i++) {
        const struct artery_site *s = &vessel->sites[i];
        const size_t at = (s->z * job->cine->ny + s->y) * job->cine->nx + s->x;
        job->vessels[at] = 1;
        job->parenchyma[at] = 0;
    }
}

void perfusion_mark_vessels(struct perfusion_job *job)
{
    mark_sites(job, &job->artery.aif);
    mark_sites(job, &job->artery.vof);
}

int perfusion_stage_maps(struct perfusion_job *job, struct err *err)
{
    return maps_compute(job->cine, job->enhancement, job->parenchyma, &job->axis,
                        job->aif, &job->options.maps, job->in->threads, &job->maps, err);
}

static int check_sides(struct perfusion_job *job, struct err *err)
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

/** Find lesions anew in parenchyma without the islands that are discordant. */
static int leave_out(struct perfusion_job *job, size_t islands, struct err *err)
{
    const size_t n = cine_volume(job->cine);
    size_t voxels = 0;
    uint8_t *rest = malloc(n);
    if (!rest)
        return err_set(err, ERR_NOMEM, "a mask of %zu voxels", n);
    for (size_t i = 0; i < n; i++) {
        rest[i] = job->parenchyma[i] && !job->discordant[i];
        voxels += job->discordant[i];
    }
    lesion_destroy(take(job->lesion));
    int r =
        lesion_find(job->cine, job->maps, rest, &job->options.lesion, &job->lesion, err);
    free(rest);
    return r < 0 ? r
                 : quality_of_islands(job->result, islands,
                                      (double)voxels * cine_voxel_ml(job->cine), err);
}

/** Islands of long Tmax whose curves are not late are no lesion, and told apart. */
static int part_islands(struct perfusion_job *job, struct err *err)
{
    const size_t n = cine_volume(job->cine);
    size_t islands = 0;
    uint8_t *normal = malloc(n);
    job->discordant = malloc(n);
    if (!normal || !job->discordant) {
        free(normal);
        return err_set(err, ERR_NOMEM, "masks of %zu voxels", n);
    }
    for (size_t i = 0; i < n; i++)
        normal[i] = job->parenchyma[i]
                    && (double)job->maps->tmax[i] <= job->options.lesion.normal_tmax_s;
    int r = discordance_find(job->cine, job->enhancement, &job->axis, job->lesion->hypo,
                             normal, job->options.discordant_lag_s, job->discordant,
                             &islands, err);
    free(normal);
    if (r == 0 && islands > 0)
        return leave_out(job, islands, err);
    free(take(job->discordant));
    return r < 0 ? r : quality_of_islands(job->result, 0, 0.0, err);
}

int perfusion_find_lesions(struct perfusion_job *job, struct err *err)
{
    job->midline = midline_find(job->cine, job->head->inside);
    int r = lesion_find(job->cine, job->maps, job->parenchyma, &job->options.lesion,
                        &job->lesion, err);
    if (r == 0 && job->options.discordant_lag_s > 0.0)
        r = part_islands(job, err);
    if (r == 0 && job->lesion->normal_cbf <= 0.0)
        result_refuse(job->result, "no tissue of normal perfusion was found");
    if (r == 0)
        r = check_sides(job, err);
    return r;
}

int perfusion_stage_lesions(struct perfusion_job *job, struct err *err)
{
    const int r = perfusion_find_lesions(job, err);
    return r < 0 || job->result->status != RESULT_OK ? r : perfusion_report(job, err);
}

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

int perfusion_run(struct perfusion_job *job, const struct perfusion_stage *stages,
                  size_t count, struct err *err)
{
    const struct pipeline_watch *watch = &job->in->watch;
    double fraction = 0.0;
    for (size_t i = 0; i < count; i++) {
        if (watch->is_cancelled && watch->is_cancelled(watch->ctx))
            return err_set(err, ERR_CANCELLED, "cancelled before %s", stages[i].name);
        if (watch->progress)
            watch->progress(watch->ctx, stages[i].name, fraction);
        const double began = clock_s();
        int r = stages[i].run(job, err);
        if (r == 0)
            r = note_stage(job->result, stages[i].name, began, err);
        if (r < 0)
            return r;
        if (job->result->status != RESULT_OK)
            break;
        fraction = stages[i].until;
    }
    if (watch->progress)
        watch->progress(watch->ctx, "pages", 0.92);
    const double began = clock_s();
    const int r = perfusion_view_draw(job, err);
    return r < 0 ? r : note_stage(job->result, "pages", began, err);
}

void perfusion_job_finish(struct perfusion_job *job)
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
    free(job->discordant);
}
