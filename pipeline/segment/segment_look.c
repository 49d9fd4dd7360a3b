/* segment_look: the first two stages: is this what the card vouches for? */
#include "base/err.h"
#include "pipeline/segment/segment_job.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double GAP_FREE = 0.1; // share of the median by which a distance may deviate
static const double OFF_MAX = 0.02; // share of the voxels that may be impossible

/** Add a check of geometry; the first failure refuses. */
__attribute__((format(printf, 4, 5))) static int
check(struct segment_job *job, bool is_good, struct err *err, const char *fmt, ...)
{
    char text[200];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (is_good)
        return 0;
    result_refuse(job->result, "%s", text);
    return result_add_check(job->result, "geometry", VERDICT_FAIL, err, "%s", text);
}

static int check_slices(struct segment_job *job, struct err *err)
{
    const struct stack *s = job->stack;
    const struct card_series *wanted = &job->card->series;
    const struct grid *grid = s->grid;
    const double extent_mm = (double)grid->nz * s->gap_mm;
    int r = check(job, s->repeated == 0, err, "%zu images lie at the place of another",
                  s->repeated);
    if (r == 0)
        r = check(job, s->gap_off_mm <= GAP_FREE * s->gap_mm, err,
                  "slices are missing: distances of %.3g mm deviate by %.3g mm",
                  s->gap_mm, s->gap_off_mm);
    if (r == 0)
        r = check(job, grid->nz >= wanted->slices_min, err,
                  "%zu slices, the model wants %zu", grid->nz, wanted->slices_min);
    if (r == 0)
        r = check(job, extent_mm >= wanted->extent_min_mm, err,
                  "%.0f mm are covered, the model wants %.0f mm", extent_mm,
                  wanted->extent_min_mm);
    if (r == 0 && wanted->slice_max_mm > 0)
        r = check(job, s->gap_mm <= wanted->slice_max_mm + 0.01, err,
                  "slices are %.3g mm apart, the model takes %.3g mm", s->gap_mm,
                  wanted->slice_max_mm);
    if (r == 0 && wanted->pixel_max_mm > 0)
        r = check(job,
                  fmax(grid->spacing_mm[0], grid->spacing_mm[1])
                      <= wanted->pixel_max_mm + 1e-3,
                  err, "pixels of %.3g mm, the model takes %.3g mm", grid->spacing_mm[0],
                  wanted->pixel_max_mm);
    return r;
}

/** Slice z comes from one frame. */
static int fill_sources(struct segment_job *job, struct err *err)
{
    const size_t nz = job->stack->grid->nz;
    struct result *result = job->result;
    int r = grid_clone(job->stack->grid, &result->grid, err);
    if (r < 0)
        return r;
    result->source_frames = calloc(nz, sizeof(*result->source_frames));
    result->source_first = calloc(nz + 1, sizeof(*result->source_first));
    if (!result->source_frames || !result->source_first)
        return err_set(err, ERR_NOMEM, "the frames of %zu slices", nz);
    for (size_t z = 0; z < nz; z++) {
        result->source_frames[z] = job->stack->frames[z];
        result->source_first[z + 1] = z + 1;
    }
    return 0;
}

int segment_stage_sort(struct segment_job *job, struct err *err)
{
    const struct series *series = job->in->series;
    struct err why = {0};
    if (strcmp(series->modality, job->card->input.modality) != 0)
        return check(job, false, err, "%s images, the model takes %s", series->modality,
                     job->card->input.modality);
    int r = stack_create(series, &job->stack, &why);
    if (r == ERR_FORMAT)
        return check(job, false, err, "%s", why.text);
    if (r < 0)
        return err_set(err, (enum err_code)r, "%s", why.text);
    r = fill_sources(job, err);
    if (r == 0)
        r = check_slices(job, err);
    if (r == 0 && job->result->status == RESULT_OK)
        r = result_add_check(
            job->result, "geometry", job->stack->left_out ? VERDICT_WARN : VERDICT_OK,
            err,
            "%zu slices, %.3g mm apart, %zu x %zu pixels of %.3g x %.3g "
            "mm%s",
            job->stack->grid->nz, job->stack->gap_mm, series->nx, series->ny,
            job->stack->grid->spacing_mm[0], job->stack->grid->spacing_mm[1],
            job->stack->left_out ? "; images that lie otherwise left out" : "");
    return r;
}

/* ---- values ---- */

static int pass(struct segment_job *job, float *plane, bool is_second, struct err *err)
{
    const struct series *series = job->in->series;
    const size_t n = series->nx * series->ny;
    int r = 0;
    for (size_t z = 0; r == 0 && z < job->stack->grid->nz; z++) {
        r = segment_is_cancelled(job, err);
        if (r == 0)
            r = series_read_frame(series, job->stack->frames[z], plane, err);
        if (r == 0 && is_second)
            scale_count(job->stats, plane, n);
        else if (r == 0)
            scale_look(job->stats, job->card, plane, n);
    }
    return r;
}

static int check_values(struct segment_job *job, struct err *err)
{
    const struct scale_stats *s = job->stats;
    const double all = (double)job->stack->grid->nz
                       * (double)(job->in->series->nx * job->in->series->ny);
    const double off = (double)s->off / all;
    if (s->n == 0 || s->lo == s->hi) {
        result_refuse(job->result, "the images are empty: every value is the same");
        return result_add_check(job->result, "values", VERDICT_FAIL, err,
                                "every value is %.6g", s->lo);
    }
    if (off > OFF_MAX) {
        result_refuse(job->result, "%.0f %% of the values are not of such images",
                      100 * off);
        return result_add_check(job->result, "values", VERDICT_FAIL, err,
                                "%.1f %% outside %.6g to %.6g, in all %.6g to %.6g",
                                100 * off, job->card->series.value_lo,
                                job->card->series.value_hi, s->lo, s->hi);
    }
    return result_add_check(job->result, "values", VERDICT_OK, err,
                            "%.6g to %.6g, mean %.4g", s->lo, s->hi, s->mean);
}

int segment_stage_look(struct segment_job *job, struct err *err)
{
    const struct series *series = job->in->series;
    job->stats = calloc(1, sizeof(*job->stats));
    float *plane = malloc(series->nx * series->ny * sizeof(*plane));
    int r = job->stats && plane ? 0 : err_set(err, ERR_NOMEM, "a plane");
    if (r == 0)
        r = pass(job, plane, false, err);
    if (r == 0 && job->stats->n > 0 && scale_wants_bins(job->card))
        r = pass(job, plane, true, err);
    free(plane);
    if (r < 0)
        return r;
    scale_conclude(job->stats, job->card);
    return check_values(job, err);
}
