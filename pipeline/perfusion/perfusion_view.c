#include "pipeline/perfusion/perfusion_job.h"
#include "pipeline/perfusion/perfusion_pages.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/** What the view points to and nobody else holds. */
struct borrowed {
    char product[80], acquired[40];
    double axis_s[TIME_AXIS_MAX];
    struct perfusion_site aif[ARTERY_SITES], vof[ARTERY_SITES];
    struct perfusion_plane midline;
};

static double measured(const struct perfusion_job *job, const char *name)
{
    const struct result_measurement *m = result_measurement(job->result, name);
    return m ? m->value : (double)NAN;
}

static void set_scan(const struct perfusion_job *job, struct borrowed *b,
                     struct perfusion_view *view)
{
    snprintf(b->product, sizeof(b->product), "Hilum %s, %s %s", HILUM_VERSION,
             job->def->name, job->def->version);
    view->title = job->def->title;
    view->is_relative = job->is_relative;
    view->technique = job->technique[0] ? job->technique : NULL;
    view->product = b->product;
    view->checks = job->result->checks.items;
    view->check_count = job->result->checks.count;
    if (job->result->status == RESULT_REFUSED)
        view->refusal = job->result->reason;
    if (!job->table)
        return;
    view->frames = job->table->nt;
    view->interval_s = frame_table_interval_s(job->table);
    view->duration_s = job->table->time_s[job->table->nt - 1] - job->table->time_s[0];
    const time_t start = (time_t)job->table->start_s;
    struct tm tm;
    if (job->table->start_s > 86400.0 * 366 && gmtime_r(&start, &tm)
        && strftime(b->acquired, sizeof(b->acquired), "%Y-%m-%d %H:%M:%S", &tm) > 0)
        view->acquired = b->acquired;
}

static void set_curve(const struct perfusion_job *job, const struct borrowed *b,
                      const struct artery_vessel *vessel, struct perfusion_site *sites,
                      struct perfusion_curve *ret)
{
    if (!vessel->is_found)
        return;
    for (size_t i = 0; i < vessel->site_count; i++)
        sites[i] = (struct perfusion_site){vessel->sites[i].x, vessel->sites[i].y,
                                           vessel->sites[i].z};
    *ret = (struct perfusion_curve){b->axis_s, vessel->curve, job->axis.nt, sites,
                                    vessel->site_count};
}

static void set_trust(const struct perfusion_job *job, struct borrowed *b,
                      struct perfusion_view *view)
{
    for (size_t t = 0; t < job->axis.nt; t++)
        b->axis_s[t] = job->axis.start_s + job->axis.dt_s * (double)t;
    set_curve(job, b, &job->artery.aif, b->aif, &view->aif);
    set_curve(job, b, &job->artery.vof, b->vof, &view->vof);
    view->motion.time_s = job->cine->time_s; // of the first slice
    view->motion.translation_mm = job->motion->translation_mm;
    view->motion.rotation_deg = job->motion->rotation_deg;
    view->motion.is_rejected = job->motion->is_rejected;
    view->motion.count = job->motion->nt;
    view->motion.limit_mm = job->options.quality.motion_warn_mm;
    view->motion.limit_deg = job->options.quality.motion_warn_deg;
}

/** The plane in patient space of a line in the slices. */
static void set_midline(const struct perfusion_job *job, struct borrowed *b,
                        struct perfusion_view *view)
{
    const struct grid *g = job->grid;
    const double *first = g->position_mm[g->nz / 2];
    b->midline.offset_mm = job->midline.offset_mm;
    for (int i = 0; i < 3; i++) {
        b->midline.normal[i] = job->midline.cosine * g->orientation[i]
                               + job->midline.sine * g->orientation[i + 3];
        b->midline.offset_mm += b->midline.normal[i] * first[i];
    }
    view->midline = &b->midline;
}

static void set_levels(const struct perfusion_job *job, struct perfusion_view *view)
{
    const struct lesion *l = job->lesion;
    static const char *const TMAX[LESION_LEVELS] = {"tmax4_volume", "tmax6_volume",
                                                    "tmax8_volume", "tmax10_volume"};
    static const char *const RCBF[LESION_LEVELS] = {"rcbf38_volume", "rcbf34_volume",
                                                    "rcbf30_volume", "rcbf20_volume"};
    for (int k = 0; k < LESION_LEVELS; k++) {
        view->tmax_levels.bound[k] = LESION_TMAX_S[k];
        view->tmax_levels.volume_ml[k] = measured(job, TMAX[k]);
        view->rcbf_levels.bound[k] = LESION_RCBF_PERCENT[k];
        view->rcbf_levels.volume_ml[k] = measured(job, RCBF[k]);
    }
    view->tmax_levels.passed = l->tmax_passed;
    view->rcbf_levels.passed = l->rcbf_passed;
}

static void set_voxels(const struct perfusion_job *job, struct perfusion_view *view)
{
    view->grid = job->grid;
    view->anatomy = job->anatomy ? job->anatomy : job->enhancement->baseline;
    view->window_lo = 0.0f;
    view->window_hi = job->anatomy ? 0.0f : 80.0f; // both 0: the image's own range
    view->cbf = job->maps->cbf;
    view->cbv = job->maps->cbv;
    view->mtt = job->maps->mtt;
    view->tmax = job->maps->tmax;
    view->brain = job->head->brain;
    view->core = job->lesion->core;
    view->hypo = job->lesion->hypo;
    view->discordant = job->discordant;
    view->vessels = job->vessels;
}

static void set_numbers(const struct perfusion_job *job, struct perfusion_view *view)
{
    view->core_ml = measured(job, "core_volume");
    view->hypo_ml = measured(job, "tmax6_volume");
    view->mismatch_ml = measured(job, "mismatch_volume");
    view->mismatch_ratio = measured(job, "mismatch_ratio");
    view->hypoperfusion_index = measured(job, "hypoperfusion_index");
    view->cbv_index = measured(job, "cbv_index");
    view->core_rule = job->core_rule;
    view->core_rcbf_percent = job->options.lesion.core_rcbf_percent;
    view->hypo_tmax_s = job->options.lesion.hypo_tmax_s;
}

int perfusion_view_draw(struct perfusion_job *job, struct err *err)
{
    struct borrowed b = {0};
    struct perfusion_view view;
    perfusion_view_init(&view);
    set_scan(job, &b, &view);
    if (job->result->status == RESULT_OK) {
        set_trust(job, &b, &view);
        set_midline(job, &b, &view);
        set_voxels(job, &view);
        set_numbers(job, &view);
        set_levels(job, &view);
    }
    return perfusion_pages_draw(&view, &job->result->pages, err);
}
