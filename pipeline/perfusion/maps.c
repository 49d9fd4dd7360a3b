#include "pipeline/perfusion/maps.h"

#include "base/err.h"
#include "kernels/gauss.h"
#include "kernels/osvd.h"
#include "kernels/tips.h"
#include "pipeline/lib/parallel.h"
#include "pipeline/perfusion/flow_bias.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const double GUIDE_S = 4.0;  // frames averaged for the guide of the smoothing
static const double GUIDE_MM = 1.0; // sigma of its blur

/** The part of a plane that holds a slice's mask. */
struct box {
    size_t x, y, nx, ny;
};

/** A thread's memory: sheets are [ny][nt][nx], so that the curves of a row lie together. */
struct scratch {
    float *enhancement, *guide, *smooth; // sheets
    float *mask, *weights, *work;        // planes; work for the kernels
    uint32_t *voxels;                    // of the box, in the mask
    float *osvd;
};

struct computing {
    const struct cine *cine;
    const struct enhancement *e;
    const uint8_t *mask;
    const struct time_axis *axis;
    const struct maps_options *options;
    struct osvd *osvd;
    struct flow_bias bias;
    double aif_sum;
    struct gauss guide, gauss;
    struct box *boxes;       // [nz]
    struct scratch *scratch; // [threads]
    struct maps *maps;
};

static struct box box_of(const uint8_t *mask, size_t nx, size_t ny)
{
    size_t x0 = nx, x1 = 0, y0 = ny, y1 = 0;
    for (size_t y = 0; y < ny; y++) {
        for (size_t x = 0; x < nx; x++) {
            if (!mask[y * nx + x])
                continue;
            x0 = x < x0 ? x : x0;
            x1 = x + 1 > x1 ? x + 1 : x1;
            y0 = y < y0 ? y : y0;
            y1 = y + 1;
        }
    }
    return x1 > x0 ? (struct box){x0, y0, x1 - x0, y1 - y0} : (struct box){0, 0, 0, 0};
}

/** Bring a slice's curves within the box to the axis, baseline off, 0 off the mask. */
static void load(const struct computing *c, size_t z, const struct box *b,
                 struct scratch *s)
{
    const struct cine *cine = c->cine;
    const size_t plane = cine_plane(cine), nt = c->axis->nt;
    struct time_step steps[TIME_AXIS_MAX];
    time_axis_steps(c->axis, cine, z, steps);
    for (size_t y = 0; y < b->ny; y++) {
        const size_t row = (b->y + y) * cine->nx + b->x;
        const float *base = c->e->baseline + z * plane + row;
        float *m = s->mask + y * b->nx;
        for (size_t x = 0; x < b->nx; x++)
            m[x] = c->mask[z * plane + row + x];
        for (size_t t = 0; t < nt; t++) {
            const float *from = cine_frame(cine, z, steps[t].at) + row;
            const float *next = steps[t].part > 0.0f ? from + plane : from;
            float *to = s->enhancement + (y * nt + t) * b->nx;
            for (size_t x = 0; x < b->nx; x++)
                to[x] = m[x] * (from[x] + steps[t].part * (next[x] - from[x]) - base[x]);
        }
    }
}

static void blur_sheet(const struct gauss *gauss, const struct box *b, size_t nt,
                       struct scratch *s, const float *src, float *dst)
{
    gauss_weights(gauss, s->mask, b->nx, b->ny, s->work, s->weights);
    for (size_t t = 0; t < nt; t++)
        gauss_masked(gauss, s->weights, src + t * b->nx, b->nx, b->ny, nt * b->nx,
                     s->work, dst + t * b->nx);
}

/** Mean of each bin frames of the enhancement: ret [ny][returned][nx]. */
static size_t bin_frames(const struct box *b, size_t nt, size_t bin,
                         const struct scratch *s, float *ret)
{
    const size_t bins = (nt + bin - 1) / bin;
    for (size_t y = 0; y < b->ny; y++) {
        for (size_t k = 0; k < bins; k++) {
            float *to = ret + (y * bins + k) * b->nx;
            const size_t last = (k + 1) * bin < nt ? (k + 1) * bin : nt;
            const float scale = 1.0f / (float)(last - k * bin);
            memset(to, 0, b->nx * sizeof(*to));
            for (size_t t = k * bin; t < last; t++) {
                const float *from = s->enhancement + (y * nt + t) * b->nx;
                for (size_t x = 0; x < b->nx; x++)
                    to[x] += scale * from[x];
            }
        }
    }
    return bins;
}

static double width2(const struct box *b, size_t bins, double likeness,
                     const struct scratch *s)
{
    const struct tips_shape shape = {b->nx, b->ny, bins};
    return fmax(likeness * tips_median_ssd(&shape, bins, s->guide, s->mask, s->work),
                1e-6);
}

/**
 * The filter's guide into s->guide: curves binned in time and blurred, then filtered by
 * themselves, so that hardly any noise is left to decide who is alike.
 */
static void make_guide(const struct computing *c, const struct box *b,
                       struct tips_params *params, struct scratch *s)
{
    const size_t bin = (size_t)fmax(1.0, floor(GUIDE_S / c->axis->dt_s + 0.5));
    const size_t bins = bin_frames(b, c->axis->nt, bin, s, s->guide);
    const size_t sheet = b->nx * bins * b->ny;
    // The sheet of results is not needed yet; bins are at most half its frames, or there is one.
    float *raw = s->smooth;
    memcpy(raw, s->guide, sheet * sizeof(*raw));
    blur_sheet(&c->guide, b, bins, s, s->guide, s->guide);
    params->guide_nt = bins;
    params->h2 = width2(b, bins, c->options->likeness, s);
    if (2 * bins > c->axis->nt)
        return;
    const struct tips_shape shape = {b->nx, b->ny, bins};
    tips_filter(&shape, params, raw, s->guide, s->mask, s->work, raw + sheet);
    memcpy(s->guide, raw + sheet, sheet * sizeof(*raw));
    params->h2 = width2(b, bins, c->options->likeness_refined, s);
}

static void smooth(const struct computing *c, const struct box *b, struct scratch *s)
{
    const struct maps_options *o = c->options;
    const double *mm = c->cine->spacing_mm;
    const struct tips_shape shape = {b->nx, b->ny, c->axis->nt};
    if (o->likeness <= 0.0) {
        blur_sheet(&c->gauss, b, shape.nt, s, s->enhancement, s->smooth);
        return;
    }
    struct tips_params params = {
        .radius_px = {o->radius_mm / mm[0], o->radius_mm / mm[1]},
        .sigma_px = {o->sigma_mm / mm[0], o->sigma_mm / mm[1]},
    };
    make_guide(c, b, &params, s);
    tips_filter(&shape, &params, s->enhancement, s->guide, s->mask, s->work, s->smooth);
}

/** What is read off a slice, planes of the box; they lie in sheets that smoothing no longer needs. */
struct reading_off {
    float *area, *peak, *tmax_s; // of each voxel: no unit, 1/s, s
    float *level, *gain, *fill;  // of its truncation; what that asks for of peak and area
    float *delay, *transit;      // s, fitted
};

static struct reading_off reading_off(const struct box *b, const struct scratch *s)
{
    const size_t plane = b->nx * b->ny; // a sheet holds five and more
    return (struct reading_off){
        .area = s->enhancement,
        .peak = s->enhancement + plane,
        .tmax_s = s->enhancement + 2 * plane,
        .level = s->enhancement + 3 * plane,
        .gain = s->guide,
        .fill = s->guide + plane,
        .delay = s->guide + 2 * plane,
        .transit = s->guide + 3 * plane,
    };
}

/** Write voxel v of the box to place at of the maps. */
static void write_voxel(const struct computing *c, size_t at, const struct reading_off *r,
                        size_t v)
{
    const struct maps *maps = c->maps;
    const float cbf = (float)(c->options->kappa * 6000.0) * r->peak[v];
    const float cbv = fmaxf((float)(c->options->kappa * 100.0) * r->area[v], 0.0f);
    maps->cbf[at] = cbf;
    maps->cbv[at] = cbv;
    maps->mtt[at] = cbf > 0.0f ? fminf(60.0f * cbv / cbf, 99.0f) : 0.0f;
    maps->tmax[at] = r->tmax_s[v];
    maps->delay[at] = r->delay[v];
    maps->mtt_fit[at] = r->transit[v];
    maps->cbf_fit[at] = r->transit[v] > 0.0f ? 60.0f * cbv / r->transit[v] : 0.0f;
}

/** Deconvolve the n voxels of the box that voxels lists, n <= OSVD_LANES. */
static void deconvolve(const struct computing *c, const struct box *b, struct scratch *s,
                       const uint32_t *voxels, size_t n, const struct reading_off *ret)
{
    const size_t nt = c->axis->nt;
    float curves[TIME_AXIS_MAX * OSVD_LANES];
    double sums[OSVD_LANES] = {0};
    for (size_t i = 0; i < OSVD_LANES; i++) {
        const uint32_t v =
            voxels[i < n ? i : n - 1]; // the last stands in for those missing
        const float *from = s->smooth + v / b->nx * nt * b->nx + v % b->nx;
        for (size_t t = 0; t < nt; t++) {
            curves[t * OSVD_LANES + i] = from[t * b->nx];
            sums[i] += (double)from[t * b->nx];
        }
    }
    struct osvd_peak peak;
    osvd_peaks(c->osvd, curves, s->osvd, &peak, NULL);
    for (size_t i = 0; i < n; i++) {
        ret->area[voxels[i]] = (float)(sums[i] / c->aif_sum);
        ret->peak[voxels[i]] = peak.k_max[i];
        ret->tmax_s[voxels[i]] = peak.tmax_s[i];
        ret->level[voxels[i]] = (float)peak.level[i];
    }
}

/** What the models say of each voxel: gains, delay and transit time. */
static void fit(const struct computing *c, const struct box *b, const uint32_t *voxels,
                size_t n, const struct reading_off *r)
{
    const size_t bytes = b->nx * b->ny * sizeof(float);
    memset(r->gain, 0, bytes);
    memset(r->fill, 0, bytes);
    for (size_t i = 0; i < n; i++) {
        const uint32_t v = voxels[i];
        struct flow_gain gain = {1.0f, 1.0f, 0.0f, 0.0f};
        if (r->area[v] > 0.0f && r->peak[v] > 0.0f)
            gain = flow_bias_gain(&c->bias, (int)r->level[v], r->area[v] / r->peak[v],
                                  r->tmax_s[v]);
        r->gain[v] = gain.flow;
        r->fill[v] = gain.volume;
        r->delay[v] = gain.delay_s;
        r->transit[v] = gain.transit_s;
    }
}

/**
 * Give back what truncation and the scan's end took. The gain of one voxel is noisy, as its level
 * and its peak are; that of its surroundings is not.
 */
static void undo_bias(const struct computing *c, const struct box *b, struct scratch *s,
                      const uint32_t *voxels, size_t n, const struct reading_off *r)
{
    gauss_weights(&c->gauss, s->mask, b->nx, b->ny, s->work, s->weights);
    gauss_masked(&c->gauss, s->weights, r->gain, b->nx, b->ny, b->nx, s->work, r->gain);
    gauss_masked(&c->gauss, s->weights, r->fill, b->nx, b->ny, b->nx, s->work, r->fill);
    for (size_t i = 0; i < n; i++) {
        r->peak[voxels[i]] *= r->gain[voxels[i]];
        r->area[voxels[i]] *= r->fill[voxels[i]];
    }
}

static int compute_slice(void *ctx, size_t z, size_t worker, struct err *err)
{
    (void)err;
    const struct computing *c = ctx;
    const struct box *b = &c->boxes[z];
    struct scratch *s = &c->scratch[worker];
    if (b->nx == 0)
        return 0;
    load(c, z, b, s);
    smooth(c, b, s);
    const struct reading_off r = reading_off(b, s);
    size_t n = 0;
    for (size_t i = 0; i < b->nx * b->ny; i++) {
        r.area[i] = r.peak[i] = 0.0f;
        if (s->mask[i] > 0.0f)
            s->voxels[n++] = (uint32_t)i;
    }
    for (size_t i = 0; i < n; i += OSVD_LANES)
        deconvolve(c, b, s, s->voxels + i, n - i < OSVD_LANES ? n - i : OSVD_LANES, &r);
    fit(c, b, s->voxels, n, &r);
    if (c->options->is_flow_unbiased)
        undo_bias(c, b, s, s->voxels, n, &r);
    for (size_t i = 0; i < n; i++) {
        const uint32_t v = s->voxels[i];
        const size_t x = b->x + v % b->nx, y = b->y + v / b->nx;
        write_voxel(c, (z * c->cine->ny + y) * c->cine->nx + x, &r, v);
    }
    return 0;
}

static void scratch_finish(struct scratch *s)
{
    free(s->enhancement);
    free(s->guide);
    free(s->smooth);
    free(s->mask);
    free(s->weights);
    free(s->work);
    free(s->voxels);
    free(s->osvd);
}

static bool scratch_init(struct scratch *s, const struct computing *c)
{
    size_t plane = 1, work = 1;
    for (size_t z = 0; z < c->cine->nz; z++) {
        const struct box *b = &c->boxes[z];
        const struct tips_shape shape = {b->nx, b->ny, c->axis->nt};
        const size_t needs[] = {gauss_scratch(&c->gauss, b->nx, b->ny),
                                gauss_scratch(&c->guide, b->nx, b->ny),
                                tips_scratch(&shape)};
        plane = b->nx * b->ny > plane ? b->nx * b->ny : plane;
        for (int i = 0; i < 3; i++)
            work = needs[i] > work ? needs[i] : work;
    }
    const size_t sheet = plane * c->axis->nt;
    s->enhancement = malloc(sheet * sizeof(float));
    s->guide = malloc(sheet * sizeof(float));
    s->smooth = malloc(sheet * sizeof(float));
    s->mask = malloc(plane * sizeof(float));
    s->weights = malloc(plane * sizeof(float));
    s->work = malloc(work * sizeof(float));
    s->voxels = malloc(plane * sizeof(uint32_t));
    s->osvd = malloc(osvd_scratch(c->osvd) * sizeof(float));
    return s->enhancement && s->guide && s->smooth && s->mask && s->weights && s->work
           && s->voxels && s->osvd;
}

static int compute(struct computing *c, int threads, struct err *err)
{
    const size_t nz = c->cine->nz, workers = threads < 1 ? 1 : (size_t)threads;
    c->boxes = calloc(nz, sizeof(*c->boxes));
    c->scratch = calloc(workers, sizeof(*c->scratch));
    bool is_ready = c->boxes && c->scratch;
    for (size_t z = 0; z < nz && is_ready; z++)
        c->boxes[z] = box_of(c->mask + z * cine_plane(c->cine), c->cine->nx, c->cine->ny);
    for (size_t i = 0; i < workers && is_ready; i++)
        is_ready = scratch_init(&c->scratch[i], c);
    int r = is_ready ? parallel_for(threads, nz, compute_slice, c, err)
                     : err_set(err, ERR_NOMEM, "slices over time");
    for (size_t i = 0; i < workers && c->scratch; i++)
        scratch_finish(&c->scratch[i]);
    free(c->scratch);
    free(c->boxes);
    return r;
}

/** The i-th of the maps, or NULL. */
static float **maps_each(struct maps *maps, size_t i)
{
    float **const all[] = {&maps->cbf,   &maps->cbv,     &maps->mtt,    &maps->tmax,
                           &maps->delay, &maps->mtt_fit, &maps->cbf_fit};
    return i < sizeof(all) / sizeof(*all) ? all[i] : NULL;
}

static int maps_create(size_t voxels, struct maps **ret, struct err *err)
{
    auto_(maps) struct maps *maps = calloc(1, sizeof(*maps));
    if (!maps)
        return err_set(err, ERR_NOMEM, "maps of %zu voxels", voxels);
    for (size_t i = 0; maps_each(maps, i); i++) {
        *maps_each(maps, i) = calloc(voxels, sizeof(float));
        if (!*maps_each(maps, i))
            return err_set(err, ERR_NOMEM, "maps of %zu voxels", voxels);
    }
    *ret = take(maps);
    return 0;
}

int maps_compute(const struct cine *cine, const struct enhancement *e,
                 const uint8_t *mask, const struct time_axis *axis, const float *aif,
                 const struct maps_options *options, int threads, struct maps **ret,
                 struct err *err)
{
    struct computing c = {
        .cine = cine, .e = e, .mask = mask, .axis = axis, .options = options};
    const double *mm = cine->spacing_mm;
    gauss_init(&c.guide, GUIDE_MM / mm[0], GUIDE_MM / mm[1]);
    gauss_init(&c.gauss, options->sigma_mm / mm[0], options->sigma_mm / mm[1]);
    for (size_t t = 0; t < axis->nt; t++)
        c.aif_sum += (double)aif[t];
    if (c.aif_sum <= 0.0)
        return err_set(err, ERR_FORMAT, "an artery without area");

    auto_(maps) struct maps *maps = NULL;
    auto_(osvd) struct osvd *osvd = NULL;
    const bool is_osvd = options->method == MAPS_OSVD;
    const struct osvd_options how = {
        .dt_s = axis->dt_s,
        .oi_max = is_osvd ? options->oi_max : HUGE_VAL,
        .p_first = options->method == MAPS_CSVD ? options->level : 0.05,
        .soft = options->method == MAPS_TIKHONOV ? options->level : 0.0,
        .early_s = options->early_s,
        .late_s = options->late_s,
    };
    int r = osvd_create(aif, axis->nt, &how, &osvd, err);
    if (r == 0)
        r = flow_bias_make(aif, axis->nt, &how, &c.bias, err);
    if (r == 0)
        r = maps_create(cine_volume(cine), &maps, err);
    if (r < 0)
        return r;
    c.osvd = osvd;
    c.maps = maps;
    r = compute(&c, threads, err);
    if (r == 0)
        *ret = take(maps);
    return r;
}

void maps_destroy(struct maps *maps)
{
    if (!maps)
        return;
    for (size_t i = 0; maps_each(maps, i); i++)
        free(*maps_each(maps, i));
    free(maps);
}
