/* sax_segments: outlines as segments, each on the images of its phase. */
#include "base/err.h"
#include "pipeline/cardiac_cine/sax_job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEFT                                \
    {                                       \
        "87878005", "SCT", "Left Ventricle" \
    }
#define WALL                                           \
    {                                                  \
        "49848007", "SCT", "Left Ventricle Myocardium" \
    }
#define RIGHT                                \
    {                                        \
        "53085002", "SCT", "Right ventricle" \
    }

static const struct code ANATOMY = {"91723000", "SCT", "Anatomical Structure"};
static const struct code HEART = {"80891009", "SCT", "Heart"};

/* By time. */
static const struct result_segment CAVITIES[SAX_TIMES] = {
    {.name = "lv_cavity_ed",
     .label = "LV cavity, end diastole",
     .type = LEFT,
     .rgb = {220, 20, 60}},
    {.name = "lv_cavity_es",
     .label = "LV cavity, end systole",
     .type = LEFT,
     .rgb = {255, 140, 0}},
};
static const struct result_segment WALLS[SAX_TIMES] = {
    {.name = "lv_myocardium_ed",
     .label = "LV myocardium, end diastole",
     .type = WALL,
     .rgb = {60, 179, 113}},
    {.name = "lv_myocardium_es",
     .label = "LV myocardium, end systole",
     .type = WALL,
     .rgb = {70, 130, 180}},
};
static const struct result_segment RIGHTS[SAX_TIMES] = {
    {.name = "rv_cavity_ed",
     .label = "RV cavity, end diastole",
     .type = RIGHT,
     .rgb = {65, 105, 225}},
    {.name = "rv_cavity_es",
     .label = "RV cavity, end systole",
     .type = RIGHT,
     .rgb = {135, 206, 235}},
};

static int add_segment(struct sax_job *job, const struct result_segment *model, size_t t,
                       struct result_segment **ret, struct err *err)
{
    const struct grid *grid = job->stack->grid;
    struct result_segment *s = segment_list_add(&job->result->segments);
    if (!s)
        return err_set(err, ERR_NOMEM, "a segment");
    *s = *model;
    s->category = ANATOMY;
    s->anatomy = HEART;
    s->mask = calloc(grid_voxels(grid), 1);
    s->source_frames = calloc(grid->nz, sizeof(*s->source_frames));
    if (!s->mask || !s->source_frames)
        return err_set(err, ERR_NOMEM, "a segment");
    for (size_t z = 0; z < grid->nz; z++)
        s->source_frames[z] = job->stack->frames[z * job->stack->nt + t];
    *ret = s;
    return 0;
}

static void count_ones(struct result_segment *s, const struct grid *grid)
{
    s->voxels = 0;
    for (size_t i = 0; i < grid_voxels(grid); i++)
        s->voxels += s->mask[i];
}

/* ---- end diastole and end systole ---- */

static int add_cavity(struct sax_job *job, int time, struct err *err)
{
    const struct sax_plane plane = sax_job_plane(job);
    struct result_segment *s = NULL;
    const size_t t = sax_job_phase(job, time), area = plane.nx * plane.ny;
    const int r = add_segment(job, &CAVITIES[time], t, &s, err);
    for (size_t z = 0; r == 0 && z < job->range->nz; z++) {
        if (sax_job_counts(job, time, z))
            s->voxels += sax_outline_fill(sax_outlines_at(job->endo, z, t), &plane, 1,
                                          s->mask + z * area);
    }
    return r;
}

/** Fill mask [ny][nx] with what lies between the outlines. */
static void fill_wall(const struct sax_plane *plane, const struct sax_outline *endo,
                      const struct sax_outline *epi, uint8_t *mask)
{
    if (!epi->is_there)
        return;
    sax_outline_fill(epi, plane, 1, mask);
    sax_outline_fill(endo, plane, 0, mask);
}

static int add_wall(struct sax_job *job, int time, struct err *err)
{
    const struct sax_plane plane = sax_job_plane(job);
    struct result_segment *s = NULL;
    const size_t t = sax_job_phase(job, time), area = plane.nx * plane.ny;
    const int r = add_segment(job, &WALLS[time], t, &s, err);
    for (size_t z = 0; r == 0 && z < job->range->nz; z++)
        fill_wall(&plane, sax_outlines_at(job->endo, z, t),
                  &job->epi[(size_t)time * job->range->nz + z], s->mask + z * area);
    if (r == 0)
        count_ones(s, job->stack->grid);
    return r;
}

/** The right ventricle; what a segment of the left one holds is not its. */
static int add_right(struct sax_job *job, int time, struct err *err)
{
    struct result_segment *s = NULL;
    const int r = add_segment(job, &RIGHTS[time], sax_job_phase(job, time), &s, err);
    const size_t n = grid_voxels(job->stack->grid);
    if (r == 0) {
        memcpy(s->mask, job->right + (size_t)time * n, n);
        count_ones(s, job->stack->grid);
    }
    return r;
}

/* ---- every phase ---- */

/* What a SEG of every phase calls its segments. */
enum { NAMED = 64 };
static const char *const CAVITY_NAMES[NAMED] = {
    "lv_cavity_01", "lv_cavity_02", "lv_cavity_03", "lv_cavity_04", "lv_cavity_05",
    "lv_cavity_06", "lv_cavity_07", "lv_cavity_08", "lv_cavity_09", "lv_cavity_10",
    "lv_cavity_11", "lv_cavity_12", "lv_cavity_13", "lv_cavity_14", "lv_cavity_15",
    "lv_cavity_16", "lv_cavity_17", "lv_cavity_18", "lv_cavity_19", "lv_cavity_20",
    "lv_cavity_21", "lv_cavity_22", "lv_cavity_23", "lv_cavity_24", "lv_cavity_25",
    "lv_cavity_26", "lv_cavity_27", "lv_cavity_28", "lv_cavity_29", "lv_cavity_30",
    "lv_cavity_31", "lv_cavity_32", "lv_cavity_33", "lv_cavity_34", "lv_cavity_35",
    "lv_cavity_36", "lv_cavity_37", "lv_cavity_38", "lv_cavity_39", "lv_cavity_40",
    "lv_cavity_41", "lv_cavity_42", "lv_cavity_43", "lv_cavity_44", "lv_cavity_45",
    "lv_cavity_46", "lv_cavity_47", "lv_cavity_48", "lv_cavity_49", "lv_cavity_50",
    "lv_cavity_51", "lv_cavity_52", "lv_cavity_53", "lv_cavity_54", "lv_cavity_55",
    "lv_cavity_56", "lv_cavity_57", "lv_cavity_58", "lv_cavity_59", "lv_cavity_60",
    "lv_cavity_61", "lv_cavity_62", "lv_cavity_63", "lv_cavity_64"};
static const char *const WALL_NAMES[NAMED] = {
    "lv_myocardium_01", "lv_myocardium_02", "lv_myocardium_03", "lv_myocardium_04",
    "lv_myocardium_05", "lv_myocardium_06", "lv_myocardium_07", "lv_myocardium_08",
    "lv_myocardium_09", "lv_myocardium_10", "lv_myocardium_11", "lv_myocardium_12",
    "lv_myocardium_13", "lv_myocardium_14", "lv_myocardium_15", "lv_myocardium_16",
    "lv_myocardium_17", "lv_myocardium_18", "lv_myocardium_19", "lv_myocardium_20",
    "lv_myocardium_21", "lv_myocardium_22", "lv_myocardium_23", "lv_myocardium_24",
    "lv_myocardium_25", "lv_myocardium_26", "lv_myocardium_27", "lv_myocardium_28",
    "lv_myocardium_29", "lv_myocardium_30", "lv_myocardium_31", "lv_myocardium_32",
    "lv_myocardium_33", "lv_myocardium_34", "lv_myocardium_35", "lv_myocardium_36",
    "lv_myocardium_37", "lv_myocardium_38", "lv_myocardium_39", "lv_myocardium_40",
    "lv_myocardium_41", "lv_myocardium_42", "lv_myocardium_43", "lv_myocardium_44",
    "lv_myocardium_45", "lv_myocardium_46", "lv_myocardium_47", "lv_myocardium_48",
    "lv_myocardium_49", "lv_myocardium_50", "lv_myocardium_51", "lv_myocardium_52",
    "lv_myocardium_53", "lv_myocardium_54", "lv_myocardium_55", "lv_myocardium_56",
    "lv_myocardium_57", "lv_myocardium_58", "lv_myocardium_59", "lv_myocardium_60",
    "lv_myocardium_61", "lv_myocardium_62", "lv_myocardium_63", "lv_myocardium_64"};

static int add_phase(struct sax_job *job, size_t t, struct err *err)
{
    const struct sax_plane plane = sax_job_plane(job);
    const size_t area = plane.nx * plane.ny;
    struct result_segment cavity = CAVITIES[SAX_ED], wall = WALLS[SAX_ED], *s = NULL;
    cavity.name = cavity.label = CAVITY_NAMES[t];
    wall.name = wall.label = WALL_NAMES[t];
    int r = add_segment(job, &cavity, t, &s, err);
    for (size_t z = 0; r == 0 && z < job->range->nz; z++) {
        if (sax_job_counts_in(job, t, z))
            s->voxels += sax_outline_fill(sax_outlines_at(job->endo, z, t), &plane, 1,
                                          s->mask + z * area);
    }
    if (r == 0)
        r = add_segment(job, &wall, t, &s, err);
    for (size_t z = 0; r == 0 && z < job->range->nz; z++) {
        struct sax_outline epi = {0};
        if (!sax_job_counts_in(job, t, z))
            continue;
        r = sax_measure_epi(job, job->numbers.wall_ed_mm, z, t, &epi, err);
        fill_wall(&plane, sax_outlines_at(job->endo, z, t), &epi, s->mask + z * area);
    }
    if (r == 0)
        count_ones(s, job->stack->grid);
    return r;
}

int sax_segments_add(struct sax_job *job, struct err *err)
{
    int r = 0;
    for (int time = 0; r == 0 && time < SAX_TIMES; time++)
        r = add_cavity(job, time, err);
    for (int time = 0; r == 0 && time < SAX_TIMES; time++)
        r = add_wall(job, time, err);
    for (int time = 0; r == 0 && job->right && time < SAX_TIMES; time++)
        r = add_right(job, time, err);
    for (size_t t = 0;
         r == 0 && job->options.all_phases && t < job->stack->nt && t < NAMED; t++)
        r = add_phase(job, t, err);
    return r;
}
