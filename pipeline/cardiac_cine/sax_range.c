#include "pipeline/cardiac_cine/sax_range.h"

#include "base/err.h"
#include "pipeline/lib/parallel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double EMPTIES =
    0.985; // area at end systole over that at end diastole, at most
static const double NARROWS =
    0.45; // of the next slice's area: a slice beyond is another thing

static const double DOUBT = 0.10; // a share so near its bound might fall on either side

/* What a piece of work needs. */
struct ranging {
    const struct sax_images *images;
    const struct sax_outlines *endo;
    const struct sax_levels *levels;
    const double *step_mm;
    const struct sax_range_options *options;
    struct sax_range *range;
    double *share; // [nz][nt]
};

static int measure_piece(void *ctx, size_t i, size_t worker, struct err *err)
{
    (void)worker;
    const struct ranging *r = ctx;
    const struct sax_images *images = r->images;
    const size_t z = i / images->nt, t = i % images->nt;
    const struct sax_plane plane = {
        images->nx, images->ny, {images->spacing_mm[0], images->spacing_mm[1]}};
    uint8_t *mask = malloc(plane.nx * plane.ny);
    if (!mask)
        return err_set(err, ERR_NOMEM, "a mask");
    r->range->pixels[i] =
        sax_outline_fill(sax_outlines_at(r->endo, z, t), &plane, 1, mask);
    free(mask);
    struct sax_level level;
    const int code = sax_wall_level(images, r->endo, z, t, &level, err);
    if (code == 0)
        r->share[i] = sax_wall_share(images, r->endo, r->levels, level.blood, z, t);
    return code;
}

static bool is_there(const struct ranging *r, size_t z, size_t t)
{
    return sax_outlines_at(r->endo, z, t)->is_there;
}

/** ml of slice z in phase t. */
static double slice_ml(const struct ranging *r, size_t z, size_t t)
{
    return (double)r->range->pixels[z * r->range->nt + t] * r->images->spacing_mm[0]
           * r->images->spacing_mm[1] * r->step_mm[z] / 1000.0;
}

/** Mean of the share over phase t and its neighbours. */
static double mean_share(const struct ranging *r, size_t z, size_t t)
{
    const size_t nt = r->range->nt;
    const double *share = r->share + z * nt;
    return (share[(t + nt - 1) % nt] + share[t] + share[(t + 1) % nt]) / 3.0;
}

/* ---- phases ---- */

/** Phases of largest and smallest volume. */
static void find_extremes(struct sax_range *range)
{
    range->ed = range->es = 0;
    for (size_t t = 1; t < range->nt; t++) {
        if (range->volume_ml[t] > range->volume_ml[range->ed])
            range->ed = t;
        if (range->volume_ml[t] < range->volume_ml[range->es])
            range->es = t;
    }
}

/** The curve of slices that are the ventricle's in all phases, for a first look: those with
 * enough myocardium in the median phase. */
static void first_curve(const struct ranging *r)
{
    struct sax_range *range = r->range;
    memset(range->volume_ml, 0, range->nt * sizeof(*range->volume_ml));
    for (size_t z = 0; z < range->nz; z++) {
        size_t good = 0;
        for (size_t t = 0; t < range->nt; t++)
            good +=
                is_there(r, z, t) && r->share[z * range->nt + t] >= r->options->share_ed;
        for (size_t t = 0; t < range->nt && 2 * good >= range->nt; t++)
            range->volume_ml[t] += slice_ml(r, z, t);
    }
    find_extremes(range);
}

/** The curve by the rule: slices of end diastole alone fade with what the others hold. */
static void make_curve(const struct ranging *r, double *steady)
{
    struct sax_range *range = r->range;
    double lo = HUGE_VAL, hi = 0.0;
    for (size_t t = 0; t < range->nt; t++) {
        steady[t] = 0.0;
        for (size_t z = 0; z < range->nz; z++) {
            const struct sax_use *use = &range->slices[z];
            if (use->at_es || (use->at_ed && !use->is_basal))
                steady[t] += slice_ml(r, z, t);
        }
        lo = fmin(lo, steady[t]);
        hi = fmax(hi, steady[t]);
    }
    for (size_t t = 0; t < range->nt; t++) {
        const double part = hi > lo ? (steady[t] - lo) / (hi - lo) : 1.0;
        range->volume_ml[t] = steady[t];
        for (size_t z = 0; z < range->nz; z++) {
            const struct sax_use *use = &range->slices[z];
            if (use->at_ed && !use->at_es && use->is_basal)
                range->volume_ml[t] += part * slice_ml(r, z, t);
        }
    }
    find_extremes(range);
}

/* ---- slices ---- */

/** Whether basal slice z looks like the ventricle's at end diastole, with myocardium around share
 * of it. */
static bool counts_at_ed(const struct ranging *r, size_t z, double share)
{
    const struct sax_range *range = r->range;
    if (!is_there(r, z, range->ed) || range->slices[z].share_ed < share)
        return false;
    const double ed = (double)range->pixels[z * range->nt + range->ed];
    const double es = (double)range->pixels[z * range->nt + range->es];
    const double next = (double)range->pixels[(z + 1) * range->nt + range->ed];
    return es <= EMPTIES * ed && ed >= NARROWS * next;
}

/** Whether a slightly other bound would choose another base, where top counts as the first. */
static bool is_doubtful(const struct ranging *r, size_t top)
{
    const double share = r->options->share_ed;
    const bool may_go =
        r->range->slices[top].is_basal && r->range->slices[top].share_ed < share + DOUBT;
    return may_go || (top > 0 && counts_at_ed(r, top - 1, share - DOUBT));
}

/** The slice in the middle of those that have an outline at end diastole. */
static size_t middle_slice(const struct ranging *r)
{
    size_t first = r->range->nz, last = 0;
    for (size_t z = 0; z < r->range->nz; z++) {
        if (is_there(r, z, r->range->ed)) {
            first = z < first ? z : first;
            last = z;
        }
    }
    return first < r->range->nz ? (first + last + 1) / 2 : 0;
}

static void choose_slices(const struct ranging *r)
{
    struct sax_range *range = r->range;
    const size_t middle = middle_slice(r);
    for (size_t z = 0; z < range->nz; z++) {
        struct sax_use *use = &range->slices[z];
        *use = (struct sax_use){.is_basal = z < middle,
                                .share_ed = mean_share(r, z, range->ed),
                                .share_es = mean_share(r, z, range->es)};
        if (!use->is_basal) {
            use->at_ed = is_there(r, z, range->ed);
            use->at_es = use->at_ed && is_there(r, z, range->es);
        }
    }
    // The most basal slice that passes; one between that fails (fat, a bright septum) counts too.
    size_t top_ed = middle, top_es = middle;
    for (size_t z = middle; z-- > 0 && is_there(r, z, range->ed);) {
        if (counts_at_ed(r, z, r->options->share_ed))
            top_ed = z;
    }
    for (size_t z = middle; z-- > top_ed && is_there(r, z, range->es);) {
        if (range->slices[z].share_es >= r->options->share_es)
            top_es = z;
    }
    for (size_t z = 0; z < middle; z++) {
        range->slices[z].at_ed = z >= top_ed;
        range->slices[z].at_es = z >= top_es;
    }
    range->is_base_doubtful = is_doubtful(r, top_ed);
    range->used_ed = range->used_es = 0;
    for (size_t z = 0; z < range->nz; z++) {
        range->used_ed += range->slices[z].at_ed;
        range->used_es += range->slices[z].at_es;
    }
}

static int find_all(struct ranging *r, int threads, double *steady, struct err *err)
{
    const int code =
        parallel_for(threads, r->range->nz * r->range->nt, measure_piece, r, err);
    if (code < 0)
        return code;
    first_curve(r);
    for (int round = 0; round < 3; round++) {
        const size_t ed = r->range->ed, es = r->range->es;
        choose_slices(r);
        make_curve(r, steady);
        if (r->range->ed == ed && r->range->es == es)
            break;
    }
    return 0;
}

int sax_range_find(const struct sax_images *images, const struct sax_outlines *endo,
                   const struct sax_levels *levels, const double *step_mm,
                   const struct sax_range_options *options, int threads,
                   struct sax_range **ret, struct err *err)
{
    auto_(sax_range) struct sax_range *range = calloc(1, sizeof(*range));
    if (!range)
        return err_set(err, ERR_NOMEM, "a range of slices");
    range->nz = images->nz;
    range->nt = images->nt;
    const size_t n = range->nz * range->nt;
    range->slices = calloc(range->nz, sizeof(*range->slices));
    range->pixels = calloc(n, sizeof(*range->pixels));
    range->volume_ml = calloc(range->nt, sizeof(*range->volume_ml));
    double *share = calloc(n + range->nt, sizeof(*share));
    struct ranging r = {images, endo, levels, step_mm, options, range, share};
    const int code = range->slices && range->pixels && range->volume_ml && share
                         ? find_all(&r, threads, share + n, err)
                         : err_set(err, ERR_NOMEM, "a range of slices");
    free(share);
    if (code == 0)
        *ret = take(range);
    return code;
}

void sax_range_destroy(struct sax_range *range)
{
    if (!range)
        return;
    free(range->slices);
    free(range->pixels);
    free(range->volume_ml);
    free(range);
}
