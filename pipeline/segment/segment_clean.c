/* segment_clean: the stage "clean": labels to masks, without specks, measured and checked. */
#include "base/err.h"
#include "kernels/morph.h"
#include "pipeline/segment/segment_job.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct code VOLUME = {"118565006", "SCT", "Volume"};
static const struct code ML = {"ml", "UCUM", "ml"};

/** The box that holds what is set: first and end of x, y, z. */
struct box {
    size_t first[3], end[3];
};

static bool find_box(const struct grid *g, const uint8_t *mask, struct box *ret)
{
    *ret = (struct box){{g->nx, g->ny, g->nz}, {0, 0, 0}};
    for (size_t z = 0; z < g->nz; z++) {
        for (size_t y = 0; y < g->ny; y++) {
            const uint8_t *row = mask + (z * g->ny + y) * g->nx;
            const uint8_t *at = memchr(row, 1, g->nx);
            if (!at)
                continue;
            const uint8_t *last = memrchr(row, 1, g->nx);
            const size_t place[3] = {(size_t)(at - row), y, z};
            const size_t end[3] = {(size_t)(last - row) + 1, y + 1, z + 1};
            for (int i = 0; i < 3; i++) {
                ret->first[i] = place[i] < ret->first[i] ? place[i] : ret->first[i];
                ret->end[i] = end[i] > ret->end[i] ? end[i] : ret->end[i];
            }
        }
    }
    return ret->end[0] > 0;
}

/** Copy the box out of mask, or back. */
static void copy_box(const struct grid *g, const struct box *b, uint8_t *mask,
                     uint8_t *part, bool is_back)
{
    const size_t nx = b->end[0] - b->first[0];
    for (size_t z = b->first[2]; z < b->end[2]; z++) {
        for (size_t y = b->first[1]; y < b->end[1]; y++, part += nx) {
            uint8_t *row = mask + (z * g->ny + y) * g->nx + b->first[0];
            memcpy(is_back ? row : part, is_back ? part : row, nx);
        }
    }
}

/** Drop small parts, or all but the largest, within the box. */
static int drop_parts(const struct segment_job *job, const struct card_label *label,
                      const struct box *b, uint8_t *mask, struct err *err)
{
    const struct grid *g = job->stack->grid;
    const size_t nx = b->end[0] - b->first[0], ny = b->end[1] - b->first[1];
    const size_t nz = b->end[2] - b->first[2];
    const double voxels_min = label->part_min_ml / grid_voxel_ml(g);
    if (!label->largest_only && voxels_min <= 1.0)
        return 0;
    uint8_t *part = malloc(nx * ny * nz);
    if (!part)
        return err_set(err, ERR_NOMEM, "a mask of %zu voxels", nx * ny * nz);
    copy_box(g, b, mask, part, false);
    int r = 0;
    if (label->largest_only)
        r = morph_keep_largest(part, nx, ny, nz, err);
    if (r == 0 && voxels_min > 1.0)
        r = morph_keep_large(part, nx, ny, nz, (size_t)ceil(voxels_min), err);
    if (r == 0)
        copy_box(g, b, mask, part, true);
    free(part);
    return r;
}

static size_t cut_mask(const uint8_t *labels, size_t n, uint8_t label, uint8_t *mask)
{
    size_t voxels = 0;
    for (size_t i = 0; i < n; i++) {
        mask[i] = labels[i] == label;
        voxels += mask[i];
    }
    return voxels;
}

/* ---- checks ---- */

static int check_border(struct segment_job *job, const struct card_label *label,
                        const struct box *b, struct err *err)
{
    const struct grid *g = job->stack->grid;
    if (label->may_touch_border || job->card->input.axes == CARD_PLANE)
        return 0;
    const bool is_end = b->first[2] == 0 || b->end[2] == g->nz;
    const bool is_side =
        b->first[0] == 0 || b->first[1] == 0 || b->end[0] == g->nx || b->end[1] == g->ny;
    if (!is_end && !is_side)
        return 0;
    return result_add_check(job->result, "border", VERDICT_WARN, err,
                            "%s reaches the %s: it may not be there whole", label->label,
                            is_end ? "first or last slice" : "edge of the images");
}

static int check_volume(struct segment_job *job, const struct card_label *label,
                        double ml, struct err *err)
{
    const double hi = label->volume_max_ml > 0 ? label->volume_max_ml : HUGE_VAL;
    if (ml >= label->volume_min_ml && ml <= hi)
        return 0;
    if (isfinite(hi))
        result_refuse(job->result, "%s of %.3g ml; %.3g to %.3g ml are plausible",
                      label->label, ml, label->volume_min_ml, hi);
    else
        result_refuse(job->result, "%s of %.3g ml; %.3g ml or more are plausible",
                      label->label, ml, label->volume_min_ml);
    return result_add_check(job->result, "volume", VERDICT_FAIL, err,
                            "%s: %.3g ml is implausible", label->label, ml);
}

static int measure(struct segment_job *job, const struct card_label *label, int segment,
                   double ml, struct err *err)
{
    struct result_measurement *m = measurement_list_add(&job->result->measurements);
    if (!m)
        return err_set(err, ERR_NOMEM, "a measurement");
    *m = (struct result_measurement){.name = label->volume_name,
                                     .label = label->volume_label,
                                     .value = ml,
                                     .unit = "ml",
                                     .concept = VOLUME,
                                     .ucum = ML,
                                     .segment = segment};
    return 0;
}

static int add_segment(struct segment_job *job, size_t i, struct err *err)
{
    const struct card_label *label = &job->card->labels[i];
    const struct grid *g = job->stack->grid;
    const size_t n = grid_voxels(g);
    struct result_segment *s = segment_list_add(&job->result->segments);
    if (!s)
        return err_set(err, ERR_NOMEM, "a segment");
    *s = (struct result_segment){.name = label->name,
                                 .label = label->label,
                                 .category = label->category,
                                 .type = label->type,
                                 .anatomy = label->anatomy,
                                 .laterality = label->laterality,
                                 .rgb = {label->rgb[0], label->rgb[1], label->rgb[2]},
                                 .mask = malloc(n)};
    if (!s->mask)
        return err_set(err, ERR_NOMEM, "a mask of %zu voxels", n);
    struct box box;
    int r = 0;
    s->voxels = cut_mask(job->labels, n, (uint8_t)(i + 1), s->mask);
    if (find_box(g, s->mask, &box)) {
        r = drop_parts(job, label, &box, s->mask, err);
        s->voxels = 0;
        for (size_t k = 0; k < n; k++)
            s->voxels += s->mask[k];
        if (r == 0 && find_box(g, s->mask, &box))
            r = check_border(job, label, &box, err);
    }
    const double ml = (double)s->voxels * grid_voxel_ml(g);
    if (r == 0)
        r = check_volume(job, label, ml, err);
    return r == 0 ? measure(job, label, (int)job->result->segments.count - 1, ml, err)
                  : r;
}

static int check_found(struct segment_job *job, struct err *err)
{
    size_t found = 0;
    for (size_t i = 0; i < job->result->segments.count; i++)
        found += job->result->segments.items[i].voxels > 0;
    const bool is_bad = found == 0 && job->card->output.is_empty_refused;
    if (is_bad)
        result_refuse(job->result, "nothing was found of what the model looks for");
    return result_add_check(job->result, "found", is_bad ? VERDICT_FAIL : VERDICT_OK, err,
                            "%zu of %zu labels have voxels", found,
                            job->result->segments.count);
}

int segment_stage_clean(struct segment_job *job, struct err *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < job->card->label_count; i++) {
        if (!job->card->labels[i].is_background)
            r = add_segment(job, i, err);
    }
    return r == 0 ? check_found(job, err) : r;
}
