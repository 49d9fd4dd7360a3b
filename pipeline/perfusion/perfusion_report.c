#include "base/err.h"
#include "pipeline/perfusion/perfusion_job.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct code ABNORMAL = {"49755003", "SCT",
                                     "Morphologically Abnormal Structure"};
static const struct code ANATOMY = {"91723000", "SCT", "Anatomical Structure"};
static const struct code CORE = {"ischemic-core", "99HILUM", "Ischemic core"};
static const struct code PENUMBRA = {"ischemic-penumbra", "99HILUM", "Ischemic penumbra"};
static const struct code ARTERY = {"51114001", "SCT", "Artery"};
static const struct code VEIN = {"29092000", "SCT", "Vein"};
static const struct code BRAIN = {"12738006", "SCT", "Brain"};
static const struct code VOLUME = {"118565006", "SCT", "Volume"};
static const struct code ML = {"ml", "UCUM", "ml"};
static const struct code NO_UNITS = {"1", "UCUM", "no units"};

/* ---- from the cine's grid to the source's ---- */

/** Whether a voxel of the cine counts; ctx is the caller's. */
typedef bool voxel_test(const void *ctx, size_t at);

static bool is_in_mask(const void *ctx, size_t at)
{
    return ((const uint8_t *)ctx)[at] != 0;
}

struct part {
    const uint8_t *whole, *without;
};

static bool is_in_part(const void *ctx, size_t at)
{
    const struct part *p = ctx;
    return p->whole[at] && !p->without[at];
}

struct passed {
    const uint8_t *levels;
    int least;
};

static bool is_passed(const void *ctx, size_t at)
{
    const struct passed *p = ctx;
    return p->levels[at] >= p->least;
}

/** Paint ret, [source], with the cine's voxels that pass; returns how many were painted. */
static size_t paint(const struct perfusion_job *job, voxel_test *test, const void *ctx,
                    uint8_t *ret)
{
    const struct grid *to = job->table->grid;
    const struct ingest_map map = ingest_map_of(to);
    const struct cine *cine = job->cine;
    size_t voxels = 0;
    for (size_t z = 0; z < to->nz; z++) {
        for (size_t y = 0; y < to->ny; y++) {
            for (size_t x = 0; x < to->nx; x++) {
                const size_t u = x / map.block, v = y / map.block;
                const bool is_set =
                    u < cine->nx && v < cine->ny
                    && test(ctx, (z / map.group * cine->ny + v) * cine->nx + u);
                voxels += is_set;
                if (ret)
                    ret[(z * to->ny + y) * to->nx + x] = is_set;
            }
        }
    }
    return voxels;
}

static double volume_ml(const struct perfusion_job *job, voxel_test *test,
                        const void *ctx)
{
    return (double)paint(job, test, ctx, NULL) * grid_voxel_ml(job->table->grid);
}

/* ---- segments ---- */

static int add_segment(struct perfusion_job *job, struct result_segment model,
                       voxel_test *test, const void *ctx, struct err *err)
{
    struct result_segment *segment = segment_list_add(&job->result->segments);
    if (!segment)
        return err_set(err, ERR_NOMEM, "a segment");
    *segment = model;
    segment->anatomy = BRAIN;
    segment->mask = malloc(grid_voxels(job->table->grid));
    if (!segment->mask)
        return err_set(err, ERR_NOMEM, "a segment");
    segment->voxels = paint(job, test, ctx, segment->mask);
    return 0;
}

static int add_sites(struct perfusion_job *job, struct result_segment model,
                     const struct artery_vessel *vessel, struct err *err)
{
    if (!vessel->is_found)
        return 0;
    uint8_t *mask = calloc(cine_volume(job->cine), 1);
    if (!mask)
        return err_set(err, ERR_NOMEM, "a segment");
    for (size_t i = 0; i < vessel->site_count; i++) {
        const struct artery_site *s = &vessel->sites[i];
        mask[(s->z * job->cine->ny + s->y) * job->cine->nx + s->x] = 1;
    }
    const int r = add_segment(job, model, is_in_mask, mask, err);
    free(mask);
    return r;
}

static int add_segments(struct perfusion_job *job, struct err *err)
{
    const struct lesion *l = job->lesion;
    const struct part penumbra = {l->hypo, l->core};
    int r =
        add_segment(job,
                    (struct result_segment){
                        .name = "core",
                        .label = job->core_label ? job->core_label : "Core (rCBF < 30 %)",
                        .category = ABNORMAL,
                        .type = CORE,
                        .rgb = {220, 40, 120}},
                    is_in_mask, l->core, err);
    if (r == 0)
        r = add_segment(job,
                        (struct result_segment){.name = "penumbra",
                                                .label = "Penumbra (Tmax > 6 s)",
                                                .category = ABNORMAL,
                                                .type = PENUMBRA,
                                                .rgb = {60, 170, 60}},
                        is_in_part, &penumbra, err);
    if (r == 0)
        r = add_sites(job,
                      (struct result_segment){.name = "aif",
                                              .label = "Arterial input",
                                              .category = ANATOMY,
                                              .type = ARTERY,
                                              .rgb = {230, 60, 40}},
                      &job->artery.aif, err);
    if (r == 0)
        r = add_sites(job,
                      (struct result_segment){.name = "vof",
                                              .label = "Venous output",
                                              .category = ANATOMY,
                                              .type = VEIN,
                                              .rgb = {60, 100, 230}},
                      &job->artery.vof, err);
    return r;
}

/* ---- findings: where artery and vein were taken ---- */

/** The middle of a vessel's voxels, in patient space. */
static void middle_of(const struct perfusion_job *job, const struct artery_vessel *vessel,
                      double ret_mm[3])
{
    for (size_t i = 0; i < vessel->site_count; i++) {
        const struct artery_site *s = &vessel->sites[i];
        double at_mm[3];
        grid_to_patient(job->grid, (double)s->x, (double)s->y, s->z, at_mm);
        for (int a = 0; a < 3; a++)
            ret_mm[a] += at_mm[a] / (double)vessel->site_count;
    }
}

/** The segment of that name, or -1. */
static int segment_of(const struct result *result, const char *name)
{
    for (size_t i = 0; i < result->segments.count; i++) {
        if (strcmp(result->segments.items[i].name, name) == 0)
            return (int)i;
    }
    return -1;
}

static int add_finding(struct perfusion_job *job, const char *name, const char *label,
                       struct code code, const struct artery_vessel *vessel,
                       struct err *err)
{
    if (!vessel->is_found)
        return 0;
    struct result_finding *finding = finding_list_add(&job->result->findings);
    if (!finding)
        return err_set(err, ERR_NOMEM, "a finding");
    *finding = (struct result_finding){.code = code, .site = BRAIN, .is_landmark = true};
    snprintf(finding->name, sizeof(finding->name), "%s", name);
    snprintf(finding->label, sizeof(finding->label), "%s", label);
    middle_of(job, vessel, finding->center_mm);
    finding->segment = segment_of(job->result, name);
    return 0;
}

static int add_findings(struct perfusion_job *job, struct err *err)
{
    const int r =
        add_finding(job, "aif", "Arterial input function", ARTERY, &job->artery.aif, err);
    return r < 0 ? r
                 : add_finding(job, "vof", "Venous output function", VEIN,
                               &job->artery.vof, err);
}

/* ---- maps ---- */

static int add_maps(struct perfusion_job *job, struct err *err)
{
    static const struct code CBF_UNIT = {"ml/[100]g/min", "UCUM",
                                         "milliliter per 100 gram per minute"};
    static const struct code CBV_UNIT = {"ml/[100]g", "UCUM", "milliliter per 100 gram"};
    static const struct code SECONDS = {"s", "UCUM", "second"};
    const struct result_map RELATIVE[] = {
        {.name = "cbf",
         .label = "Relative Cerebral Blood Flow",
         .quantity = {"126397", "DCM", "Relative Regional Blood Flow"},
         .unit = NO_UNITS,
         .window_hi = 4.0f},
        {.name = "cbv",
         .label = "Relative Cerebral Blood Volume",
         .quantity = {"126398", "DCM", "Relative Regional Blood Volume"},
         .unit = NO_UNITS,
         .window_hi = 4.0f},
    };
    const struct {
        struct result_map map;
        float **voxels;
    } all[] = {
        {{.name = "cbf",
          .label = "Cerebral Blood Flow",
          .quantity = {"113055", "DCM", "Regional Cerebral Blood Flow"},
          .unit = CBF_UNIT,
          .window_hi = 80.0f},
         &job->maps->cbf},
        {{.name = "cbv",
          .label = "Cerebral Blood Volume",
          .quantity = {"113056", "DCM", "Regional Cerebral Blood Volume"},
          .unit = CBV_UNIT,
          .window_hi = 6.0f},
         &job->maps->cbv},
        {{.name = "mtt",
          .label = "Mean Transit Time",
          .quantity = {"113052", "DCM", "Mean Transit Time"},
          .unit = SECONDS,
          .window_hi = 16.0f},
         &job->maps->mtt},
        {{.name = "tmax",
          .label = "Tmax",
          .quantity = {"113084", "DCM", "Tmax"},
          .unit = SECONDS,
          .window_hi = 12.0f},
         &job->maps->tmax},
        {{.name = "delay",
          .label = "Delay, fitted",
          .quantity = {"delay", "99HILUM", "Delay of the tissue behind the artery"},
          .unit = SECONDS,
          .window_hi = 10.0f},
         &job->maps->delay},
        {{.name = "mtt_fit",
          .label = "Transit Time, fitted",
          .quantity = {"113052", "DCM", "Mean Transit Time"},
          .unit = SECONDS,
          .window_hi = 16.0f},
         &job->maps->mtt_fit},
        {{.name = "cbf_fit",
          .label = "Flow, fitted",
          .quantity = {"113055", "DCM", "Regional Cerebral Blood Flow"},
          .unit = CBF_UNIT,
          .window_hi = 80.0f},
         &job->maps->cbf_fit},
    };
    // The relative flow of MR is given once: fitted, it would be on another scale.
    const size_t count = sizeof(all) / sizeof(*all) - job->is_relative;
    for (size_t i = 0; i < count; i++) {
        struct result_map *map = map_list_add(&job->result->maps);
        if (!map)
            return err_set(err, ERR_NOMEM, "a map");
        *map = job->is_relative && i < 2 ? RELATIVE[i] : all[i].map;
        map->method = job->result->method;
        map->voxels = malloc(cine_volume(job->cine) * sizeof(float));
        if (!map->voxels)
            return err_set(err, ERR_NOMEM, "a map");
        memcpy(map->voxels, *all[i].voxels, cine_volume(job->cine) * sizeof(float));
    }
    return 0;
}

/* ---- measurements ---- */

static int add_measurement(struct perfusion_job *job, struct result_measurement model,
                           struct err *err)
{
    if (!isfinite(model.value))
        return 0; // does not exist: left out
    struct result_measurement *m = measurement_list_add(&job->result->measurements);
    if (!m)
        return err_set(err, ERR_NOMEM, "a measurement");
    *m = model;
    return 0;
}

static int add_volume(struct perfusion_job *job, const char *name, const char *label,
                      double ml, struct code modifier, int segment, struct err *err)
{
    return add_measurement(job,
                           (struct result_measurement){.name = name,
                                                       .label = label,
                                                       .value = ml,
                                                       .unit = "ml",
                                                       .concept = VOLUME,
                                                       .ucum = ML,
                                                       .modifier = modifier,
                                                       .segment = segment},
                           err);
}

static int add_ratio(struct perfusion_job *job, const char *name, const char *label,
                     double value, struct code concept, struct err *err)
{
    return add_measurement(job,
                           (struct result_measurement){.name = name,
                                                       .label = label,
                                                       .value = value,
                                                       .unit = "",
                                                       .concept = concept,
                                                       .ucum = NO_UNITS,
                                                       .segment = -1},
                           err);
}

/** Tmax > 6 s is the hypoperfusion of the segments, so that the numbers agree with them. */
static int add_volumes(struct perfusion_job *job, double ret_tmax_ml[LESION_LEVELS],
                       struct err *err)
{
    static const struct {
        const char *name, *label;
        struct code modifier;
    } ALL[LESION_LEVELS] = {
        {"tmax4_volume",
         "Volume of Tmax > 4 s",
         {"tmax-over-4s", "99HILUM", "Tmax over 4 s"}},
        {"tmax6_volume",
         "Volume of Tmax > 6 s",
         {"tmax-over-6s", "99HILUM", "Tmax over 6 s"}},
        {"tmax8_volume",
         "Volume of Tmax > 8 s",
         {"tmax-over-8s", "99HILUM", "Tmax over 8 s"}},
        {"tmax10_volume",
         "Volume of Tmax > 10 s",
         {"tmax-over-10s", "99HILUM", "Tmax over 10 s"}},
    };
    const double voxel_ml = grid_voxel_ml(job->table->grid);
    const struct result_segment *segments = job->result->segments.items;
    int r = add_volume(job, "core_volume", "Core volume",
                       (double)segments[0].voxels * voxel_ml, (struct code){0}, 0, err);
    for (int k = 0; k < LESION_LEVELS && r == 0; k++) {
        const struct passed passed = {job->lesion->tmax_passed, k + 1};
        ret_tmax_ml[k] = volume_ml(job, is_passed, &passed);
        if (LESION_TMAX_S[k] == 6.0)
            ret_tmax_ml[k] = volume_ml(job, is_in_mask, job->lesion->hypo);
        r = add_volume(job, ALL[k].name, ALL[k].label, ret_tmax_ml[k], ALL[k].modifier,
                       -1, err);
    }
    return r;
}

/** CBF below 38, 34, 30 and 20 % of normal: what other thresholds would call core. */
static int add_rcbf(struct perfusion_job *job, struct err *err)
{
    static const struct {
        const char *name, *label;
        struct code modifier;
    } ALL[LESION_LEVELS] = {
        {"rcbf38_volume",
         "Volume of rCBF < 38 %",
         {"rcbf-under-38", "99HILUM", "rCBF under 38 %"}},
        {"rcbf34_volume",
         "Volume of rCBF < 34 %",
         {"rcbf-under-34", "99HILUM", "rCBF under 34 %"}},
        {"rcbf30_volume",
         "Volume of rCBF < 30 %",
         {"rcbf-under-30", "99HILUM", "rCBF under 30 %"}},
        {"rcbf20_volume",
         "Volume of rCBF < 20 %",
         {"rcbf-under-20", "99HILUM", "rCBF under 20 %"}},
    };
    int r = 0;
    for (int k = 0; k < LESION_LEVELS && r == 0; k++) {
        const struct passed passed = {job->lesion->rcbf_passed, k + 1};
        r = add_volume(job, ALL[k].name, ALL[k].label, volume_ml(job, is_passed, &passed),
                       ALL[k].modifier, -1, err);
    }
    return r;
}

static int add_measurements(struct perfusion_job *job, struct err *err)
{
    double tmax_ml[LESION_LEVELS];
    int r = add_volumes(job, tmax_ml, err);
    if (r == 0)
        r = add_rcbf(job, err);
    if (r < 0)
        return r;
    const double core_ml = result_measurement(job->result, "core_volume")->value;
    const double hypo_ml = tmax_ml[1];
    r = add_volume(job, "mismatch_volume", "Mismatch volume", hypo_ml - core_ml,
                   (struct code){"mismatch", "99HILUM", "Mismatch"}, 1, err);
    if (r == 0)
        r = add_ratio(job, "mismatch_ratio", "Mismatch ratio",
                      core_ml > 0.0 ? hypo_ml / core_ml : (double)NAN,
                      (struct code){"mismatch-ratio", "99HILUM", "Mismatch Ratio"}, err);
    if (r == 0)
        r = add_ratio(job, "hypoperfusion_index", "Hypoperfusion intensity ratio",
                      hypo_ml > 0.0 ? tmax_ml[3] / hypo_ml : (double)NAN,
                      (struct code){"hypoperfusion-index", "99HILUM",
                                    "Hypoperfusion Intensity Ratio"},
                      err);
    if (r == 0)
        r = add_ratio(job, "cbv_index", "CBV index",
                      job->lesion->hypo_cbv / job->lesion->normal_cbv,
                      (struct code){"cbv-index", "99HILUM", "CBV Index"}, err);
    if (r == 0 && job->discordant)
        r = add_volume(job, "discordant_volume", "Discordant Tmax, left out",
                       volume_ml(job, is_in_mask, job->discordant),
                       (struct code){"tmax-discordant", "99HILUM", "Discordant Tmax"}, -1,
                       err);
    return r;
}

/* ---- grids ---- */

static int set_source_frames(struct perfusion_job *job, struct err *err)
{
    const struct frame_table *table = job->table;
    const size_t nz = table->grid->nz, nt = table->nt;
    struct result *result = job->result;
    result->source_first = calloc(nz + 1, sizeof(*result->source_first));
    result->source_frames = calloc(nz * nt, sizeof(*result->source_frames));
    if (!result->source_first || !result->source_frames)
        return err_set(err, ERR_NOMEM, "%zu source frames", nz * nt);
    size_t n = 0;
    for (size_t z = 0; z < nz; z++) {
        for (size_t t = 0; t < nt; t++) {
            if (table->frames[z * nt + t] != FRAME_MISSING)
                result->source_frames[n++] = table->frames[z * nt + t];
        }
        result->source_first[z + 1] = n;
    }
    return 0;
}

int perfusion_report(struct perfusion_job *job, struct err *err)
{
    int r = grid_clone(job->table->grid, &job->result->grid, err);
    if (r == 0)
        r = grid_clone(job->grid, &job->result->map_grid, err);
    if (r == 0)
        r = set_source_frames(job, err);
    if (r == 0)
        r = add_segments(job, err);
    if (r == 0)
        r = add_findings(job, err);
    if (r == 0)
        r = add_maps(job, err);
    if (r == 0)
        r = add_measurements(job, err);
    return r;
}
