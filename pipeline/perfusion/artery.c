#include "pipeline/perfusion/artery.h"

#include "base/err.h"
#include "kernels/median.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double TOP_PART = 0.03; // of the voxels within the skull are candidates
static const float AIF_WIDTH_MAX_S = 35.0f, AIF_UNREST_MAX = 0.12f;
static const float VEIN_LATER_S = 1.5f, VEIN_LATEST_S = 20.0f; // after the artery
static const float ROUGH_LEAST = 2.5f; // a sharp bolus without noise has up to 2
static const float VEIN_WIDTH_MAX_S = 45.0f;
static const float LAST_MAX = 0.6f;  // of its peak, what a vessel may hold at the end
static const float WASHED_S = 15.0f; // after the peak, when that is asked
static const float BLOOD_LO_HU = -10.0f, BLOOD_HI_HU = 100.0f; // baseline of a vessel
static const float BONE_HU = 150.0f; // baseline of what no vessel touches

enum { AIF_HALF = 2, AIF_VOXELS = 6, AIF_VOXELS_MIN = 3, VOF_HALF = 4, VOF_VOXELS = 12 };

struct candidate {
    uint32_t voxel; // of the volume
    float score;    // as an artery, or as a vein; 0: none
    struct curve shape;
};

struct search {
    const struct cine *cine;
    const struct enhancement *e;
    const struct time_axis *axis;
    const struct artery_options *options;
    struct candidate *found; // [count], by voxel
    size_t count;
    int32_t *at; // [volume] index into found, or -1
    struct time_step steps[TIME_AXIS_MAX];
    size_t steps_slice; // that steps are for
    size_t n0;          // samples of the axis before the bolus
};

/** The peak that the best TOP_PART of the voxels inside reach. */
static int peak_bound(const struct search *s, const uint8_t *inside, float *ret,
                      struct err *err)
{
    const size_t n = cine_volume(s->cine);
    float *peaks = malloc(n * sizeof(*peaks));
    if (!peaks)
        return err_set(err, ERR_NOMEM, "%zu peaks", n);
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        if (inside[i])
            peaks[count++] = s->e->peak[i];
    }
    float bound = INFINITY;
    if (count > 0)
        bound =
            median_kth(peaks, count, (size_t)((1.0 - TOP_PART) * (double)(count - 1)));
    free(peaks);
    const float least = (float)s->options->peak_min;
    *ret = bound > least ? bound : least;
    return 0;
}

static void curve_of(struct search *s, uint32_t voxel, float *ret)
{
    const size_t plane = cine_plane(s->cine), z = voxel / plane;
    if (s->steps_slice != z) {
        time_axis_steps(s->axis, s->cine, z, s->steps);
        s->steps_slice = z;
    }
    time_axis_curve(s->axis, s->steps, s->cine, z, voxel % plane, s->e->baseline[voxel],
                    ret);
}

/** Whether voxel i of the volume or one beside it in its slice is bone: its edge moves. */
static bool is_at_bone(const struct search *s, size_t i)
{
    const size_t nx = s->cine->nx, ny = s->cine->ny, x = i % nx, y = i / nx % ny;
    const float *slice = s->e->baseline + i - i % (nx * ny);
    for (size_t v = y ? y - 1 : 0; v <= y + 1 && v < ny; v++) {
        for (size_t u = x ? x - 1 : 0; u <= x + 1 && u < nx; u++) {
            if (slice[v * nx + u] >= BONE_HU)
                return true;
        }
    }
    return false;
}

static bool is_candidate(const struct search *s, size_t i, float bound)
{
    const size_t plane = cine_plane(s->cine), z = i / plane;
    const bool is_edge = s->cine->nz > 4 && (z == 0 || z + 1 == s->cine->nz);
    return s->e->peak[i] >= bound && (double)s->e->peak[i] <= s->options->peak_max
           && s->e->baseline[i] > BLOOD_LO_HU && s->e->baseline[i] < BLOOD_HI_HU
           && !is_edge && !is_at_bone(s, i);
}

/** Contrast washes out again; an edge of bone that moved stays. */
static bool is_washed_out(const struct search *s, const struct curve *c)
{
    const float left_s = (float)(s->axis->dt_s * (double)(s->axis->nt - 1)) - c->ttp_s;
    return left_s < WASHED_S || c->last < LAST_MAX * c->peak;
}

static int collect(struct search *s, const uint8_t *inside, float bound, struct err *err)
{
    const size_t n = cine_volume(s->cine);
    size_t room = 0;
    for (size_t i = 0; i < n; i++) {
        s->at[i] = -1;
        room += inside[i] && is_candidate(s, i, bound);
    }
    s->found = calloc(room + 1, sizeof(*s->found));
    if (!s->found)
        return err_set(err, ERR_NOMEM, "%zu candidates", room);
    float c[TIME_AXIS_MAX];
    for (size_t i = 0; i < n; i++) {
        if (!inside[i] || !is_candidate(s, i, bound))
            continue;
        struct candidate *one = &s->found[s->count];
        one->voxel = (uint32_t)i;
        curve_of(s, one->voxel, c);
        curve_measure(c, s->axis->nt, s->axis->dt_s, s->n0, &one->shape);
        s->at[i] = (int32_t)s->count++;
    }
    return 0;
}

/** The share-quantile of a field of the candidates' shapes. */
static float quantile(const struct search *s, size_t offset, double share, float *work)
{
    if (s->count == 0)
        return 0.0f;
    for (size_t i = 0; i < s->count; i++)
        work[i] = *(const float *)((const char *)&s->found[i].shape + offset);
    return median_kth(work, s->count, (size_t)(share * (double)(s->count - 1)));
}

/**
 * High, brief and early; and of large area: an artery that left its slice when the head moved is brief too.
 */
static void score_arteries(struct search *s, float *work)
{
    const float least =
        s->options->rough_least > 0.0 ? (float)s->options->rough_least : ROUGH_LEAST;
    const float rough =
        fmaxf(quantile(s, offsetof(struct curve, roughness), 0.75, work), least);
    const float start_s = (float)(s->axis->dt_s * (double)s->n0) - 1.0f;
    for (size_t i = 0; i < s->count; i++) {
        const struct curve *c = &s->found[i].shape;
        const bool is_bad = c->width_s > AIF_WIDTH_MAX_S || c->width_s <= 0.0f
                            || c->unrest > AIF_UNREST_MAX || c->roughness > rough
                            || c->ttp_s <= start_s + 1.0f || !is_washed_out(s, c);
        const float area = s->options->is_area_blind ? 1.0f : fmaxf(c->area, 0.0f);
        s->found[i].score =
            is_bad ? 0.0f : c->peak * area / (c->width_s * (c->ttp_s - start_s));
    }
}

/** Later than the artery and high: what shares a voxel least with tissue. */
static void score_veins(struct search *s, const struct artery_vessel *aif)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct curve *c = &s->found[i].shape;
        const float later_s = c->ttp_s - aif->shape.ttp_s;
        const bool is_bad = later_s < VEIN_LATER_S || later_s > VEIN_LATEST_S
                            || c->width_s > VEIN_WIDTH_MAX_S || c->area <= 0.0f
                            || c->unrest > 2.0f * AIF_UNREST_MAX || !is_washed_out(s, c);
        s->found[i].score = is_bad ? 0.0f : c->peak;
    }
}

/** The best of the candidates within half voxels in the plane; returns their number. */
static size_t gather(const struct search *s, size_t centre, int half, size_t most,
                     size_t *best)
{
    const size_t nx = s->cine->nx, ny = s->cine->ny, voxel = s->found[centre].voxel;
    const ptrdiff_t x = (ptrdiff_t)(voxel % nx), y = (ptrdiff_t)(voxel / nx % ny);
    size_t n = 0;
    for (ptrdiff_t v = -half; v <= half; v++) {
        for (ptrdiff_t u = -half; u <= half; u++) {
            if (x + u < 0 || y + v < 0 || x + u >= (ptrdiff_t)nx
                || y + v >= (ptrdiff_t)ny)
                continue;
            const int32_t i = s->at[(ptrdiff_t)voxel + v * (ptrdiff_t)nx + u];
            if (i < 0 || s->found[i].score <= 0.0f)
                continue;
            size_t at = n < most ? n++ : most;
            for (; at > 0 && s->found[best[at - 1]].score < s->found[i].score; at--) {
                if (at < most)
                    best[at] = best[at - 1];
            }
            if (at < most)
                best[at] = (size_t)i;
        }
    }
    const float least = n ? (float)s->options->alike * s->found[best[0]].score : 0.0f;
    while (n > 1 && s->found[best[n - 1]].score < least)
        n--;
    return n;
}

/** The cluster whose best voxels have the highest mean score. */
static size_t best_cluster(const struct search *s, int half, size_t most, size_t least,
                           size_t *ret)
{
    float best_score = 0.0f;
    size_t best_count = 0;
    for (size_t i = 0; i < s->count; i++) {
        if (s->found[i].score <= 0.0f)
            continue;
        size_t members[ARTERY_SITES];
        const size_t n = gather(s, i, half, most, members);
        float sum = 0.0f;
        for (size_t k = 0; k < n; k++)
            sum += s->found[members[k]].score;
        if (n >= least && sum / (float)most > best_score) {
            best_score = sum / (float)most;
            best_count = n;
            memcpy(ret, members, n * sizeof(*ret));
        }
    }
    return best_count;
}

static void make_vessel(struct search *s, const size_t *members, size_t n,
                        struct artery_vessel *ret)
{
    const size_t nx = s->cine->nx, ny = s->cine->ny;
    float c[TIME_AXIS_MAX];
    memset(ret, 0, sizeof(*ret));
    for (size_t k = 0; k < n; k++) {
        const uint32_t voxel = s->found[members[k]].voxel;
        ret->sites[k] =
            (struct artery_site){voxel % nx, voxel / nx % ny, voxel / (nx * ny)};
        curve_of(s, voxel, c);
        for (size_t t = 0; t < s->axis->nt; t++)
            ret->curve[t] += c[t] / (float)n;
    }
    ret->site_count = n;
    ret->is_found = true;
    curve_measure(ret->curve, s->axis->nt, s->axis->dt_s, s->n0, &ret->shape);
    ret->snr = s->e->noise > 0.0
                   ? (double)ret->shape.peak / (s->e->noise / sqrt((double)n))
                   : HUGE_VAL;
}

static int search(struct search *s, const uint8_t *inside, struct artery *ret,
                  struct err *err)
{
    float bound = 0.0f;
    int r = peak_bound(s, inside, &bound, err);
    if (r == 0)
        r = collect(s, inside, bound, err);
    if (r < 0)
        return r;
    ret->candidates = s->count;
    float *work = malloc((s->count + 1) * sizeof(*work));
    if (!work)
        return err_set(err, ERR_NOMEM, "%zu candidates", s->count);
    size_t members[ARTERY_SITES];
    score_arteries(s, work);
    free(work);
    size_t n = best_cluster(s, AIF_HALF, AIF_VOXELS, AIF_VOXELS_MIN, members);
    if (n == 0)
        return 0;
    make_vessel(s, members, n, &ret->aif);
    score_veins(s, &ret->aif);
    n = best_cluster(s, VOF_HALF, VOF_VOXELS, AIF_VOXELS_MIN, members);
    if (n == 0)
        return 0;
    make_vessel(s, members, n, &ret->vof);
    const double ratio = (double)(ret->vof.shape.area / ret->aif.shape.area);
    ret->scale = fmin(fmax(1.0, ratio), s->options->scale_max);
    return 0;
}

int artery_find(const struct cine *cine, const uint8_t *inside,
                const struct enhancement *e, const struct time_axis *axis,
                const struct artery_options *options, struct artery *ret, struct err *err)
{
    struct search s = {.cine = cine, .e = e, .axis = axis, .options = options};
    s.steps_slice = SIZE_MAX;
    const double before_s = cine->time_s[e->baseline_frames] - axis->start_s;
    s.n0 = (size_t)fmax(2.0, floor(before_s / axis->dt_s));
    s.n0 = s.n0 < axis->nt ? s.n0 : axis->nt - 1;
    s.at = malloc(cine_volume(cine) * sizeof(*s.at));
    if (!s.at)
        return err_set(err, ERR_NOMEM, "candidates of an artery");
    memset(ret, 0, sizeof(*ret));
    ret->scale = 1.0;
    const int r = search(&s, inside, ret, err);
    free(s.found);
    free(s.at);
    return r;
}
