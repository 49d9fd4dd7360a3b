#include "pipeline/mr_perfusion/diffusion.h"

#include "base/err.h"
#include "kernels/median.h"
#include "kernels/morph.h"
#include "pipeline/lib/resample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double SAME_PLACE_MM = 0.2, SAME_TURN = 2e-3;
static const double B_LOW_MAX = 60.0, B_HIGH_MIN = 700.0, B_HIGH_MAX = 1600.0; // s/mm2
static const float BRAIN_LO = 200.0f, BRAIN_HI = 20000.0f; // 1e-6 mm2/s, of the median
static const float NOISE_ADC = 100.0f;                     // less is no tissue
static const float AIR_PART = 0.15f; // of the brightest b 0 signal: less has no ADC

enum { SLICES_MIN = 4 };

/** The frames of one stack, by place; [count]. */
struct stack {
    const struct series *series;
    size_t *frames;
    double *place_mm;
    size_t count;
};

static double place_of(const struct plane_facts *plane, const struct plane_facts *model)
{
    const double *x = model->orientation, *y = x + 3, *p = plane->position_mm;
    return p[0] * (x[1] * y[2] - x[2] * y[1]) + p[1] * (x[2] * y[0] - x[0] * y[2])
           + p[2] * (x[0] * y[1] - x[1] * y[0]);
}

static bool is_alike(const struct series_frame *a, const struct series_frame *b)
{
    for (int i = 0; i < 6; i++) {
        if (fabs(a->plane.orientation[i] - b->plane.orientation[i]) > SAME_TURN)
            return false;
    }
    return a->nx == b->nx && a->ny == b->ny && a->series == b->series
           && fabs(a->plane.spacing_mm[0] - b->plane.spacing_mm[0]) < 1e-3;
}

static bool is_wanted(const struct series_frame *f, enum frame_kind kind, double b_lo,
                      double b_hi)
{
    return f->kind == kind && f->plane.is_valid
           && (kind == FRAME_ADC || (f->b_value >= b_lo && f->b_value <= b_hi));
}

static void stack_finish(struct stack *s)
{
    free(s->frames);
    free(s->place_mm);
    *s = (struct stack){0};
}

/** Put a frame in its place; one of the same place as another is left out, the first UID stays. */
static void insert(struct stack *s, size_t frame, double place_mm)
{
    size_t at = s->count;
    while (at > 0 && s->place_mm[at - 1] > place_mm - SAME_PLACE_MM) {
        if (fabs(s->place_mm[at - 1] - place_mm) <= SAME_PLACE_MM) {
            const struct series_frame *all = s->series->frames;
            if (strcmp(all[frame].sop_uid, all[s->frames[at - 1]].sop_uid) < 0)
                s->frames[at - 1] = frame;
            return;
        }
        at--;
    }
    memmove(s->frames + at + 1, s->frames + at, (s->count - at) * sizeof(*s->frames));
    memmove(s->place_mm + at + 1, s->place_mm + at, (s->count - at) * sizeof(double));
    s->frames[at] = frame;
    s->place_mm[at] = place_mm;
    s->count++;
}

/** The frames of that kind and b-value that lie like model, or like the first UID if NULL. */
static int gather(const struct series *series, enum frame_kind kind, double b_lo,
                  double b_hi, const struct series_frame *model, struct stack *ret,
                  struct err *err)
{
    struct stack s = {.series = series};
    s.frames = calloc(series->all_count + 1, sizeof(*s.frames));
    s.place_mm = calloc(series->all_count + 1, sizeof(*s.place_mm));
    if (!s.frames || !s.place_mm) {
        stack_finish(&s);
        return err_set(err, ERR_NOMEM, "%zu frames", series->all_count);
    }
    const struct series_frame *first = model;
    for (size_t i = 0; i < series->all_count && !model; i++) {
        const struct series_frame *f = &series->frames[i];
        if (is_wanted(f, kind, b_lo, b_hi)
            && (!first || strcmp(f->sop_uid, first->sop_uid) < 0))
            first = f; // of all, whatever the order of the files
    }
    model = first;
    for (size_t i = 0; i < series->all_count && model; i++) {
        const struct series_frame *f = &series->frames[i];
        if (is_wanted(f, kind, b_lo, b_hi) && is_alike(f, model))
            insert(&s, i, place_of(&f->plane, &model->plane));
    }
    *ret = s;
    return 0;
}

static int make_grid(const struct stack *s, struct grid **ret, struct err *err)
{
    const struct series_frame *first = &s->series->frames[s->frames[0]];
    struct grid *grid = NULL;
    const int r = grid_create(first->nx, first->ny, s->count, &grid, err);
    if (r < 0)
        return r;
    grid->spacing_mm[0] = first->plane.spacing_mm[1];
    grid->spacing_mm[1] = first->plane.spacing_mm[0];
    grid->thickness_mm =
        (s->place_mm[s->count - 1] - s->place_mm[0]) / (double)(s->count - 1);
    memcpy(grid->orientation, first->plane.orientation, sizeof(grid->orientation));
    for (size_t z = 0; z < s->count; z++)
        memcpy(grid->position_mm[z], s->series->frames[s->frames[z]].plane.position_mm,
               sizeof(grid->position_mm[z]));
    *ret = grid;
    return 0;
}

static int read_stack(const struct stack *s, float *ret, struct err *err)
{
    const struct series_frame *first = &s->series->frames[s->frames[0]];
    int r = 0;
    for (size_t z = 0; z < s->count && r == 0; z++)
        r = series_read_frame(s->series, s->frames[z], ret + z * first->nx * first->ny,
                              err);
    return r;
}

/** Bring a map to 1e-6 mm2/s by the median of what it holds. */
static int scale_adc(float *adc, size_t n, struct err *err)
{
    float *work = malloc((n + 1) * sizeof(*work));
    if (!work)
        return err_set(err, ERR_NOMEM, "%zu voxels", n);
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        adc[i] = adc[i] > 0.0f ? adc[i] : 0.0f;
        if (adc[i] > 0.0f)
            work[count++] = adc[i];
    }
    float median = count ? median_kth(work, count, count / 2) : 0.0f, scale = 1.0f;
    free(work);
    for (; median > 0.0f && median < BRAIN_LO; median *= 1000.0f)
        scale *= 1000.0f;
    for (; median > BRAIN_HI; median /= 1000.0f)
        scale /= 1000.0f;
    for (size_t i = 0; i < n; i++)
        adc[i] *= scale;
    return 0;
}

/** low becomes the ADC of low and high. */
static void fit_adc(float *low, const float *high, size_t n, double b_step)
{
    float top = 0.0f;
    for (size_t i = 0; i < n; i++)
        top = fmaxf(top, low[i]);
    for (size_t i = 0; i < n; i++) {
        const bool is_air = low[i] < AIR_PART * top || high[i] < 1.0f;
        low[i] = is_air ? 0.0f : (float)(1e6 / b_step) * logf(low[i] / high[i]);
        low[i] = low[i] > 0.0f ? low[i] : 0.0f;
    }
}

/** ADC of a stack of low b-value by the images of high b-value at the same places. */
static int make_adc(const struct series *series, const struct stack *low, float *adc,
                    size_t n, bool *ret_is_made, struct err *err)
{
    struct stack high = {0};
    const struct series_frame *model = &series->frames[low->frames[0]];
    int r = gather(series, FRAME_DIFFUSION, B_HIGH_MIN, B_HIGH_MAX, model, &high, err);
    if (r < 0)
        return r;
    bool is_same = high.count == low->count;
    for (size_t z = 0; z < high.count && is_same; z++)
        is_same = fabs(high.place_mm[z] - low->place_mm[z]) < SAME_PLACE_MM;
    float *signal = is_same ? malloc(n * sizeof(*signal)) : NULL;
    if (is_same && !signal)
        r = err_set(err, ERR_NOMEM, "%zu voxels", n);
    if (r == 0 && is_same)
        r = read_stack(&high, signal, err);
    if (r == 0 && is_same)
        fit_adc(adc, signal, n, series->frames[high.frames[0]].b_value - model->b_value);
    *ret_is_made = is_same;
    free(signal);
    stack_finish(&high);
    return r;
}

static int read_adc(const struct series *series, const struct stack *s, bool is_map,
                    struct diffusion **ret, struct err *err)
{
    auto_(diffusion) struct diffusion *d = calloc(1, sizeof(*d));
    if (!d)
        return err_set(err, ERR_NOMEM, "diffusion");
    int r = make_grid(s, &d->grid, err);
    if (r < 0)
        return r;
    const size_t n = grid_voxels(d->grid);
    d->adc = malloc(n * sizeof(*d->adc));
    r = d->adc ? read_stack(s, d->adc, err) : err_set(err, ERR_NOMEM, "%zu voxels", n);
    if (r == 0 && is_map)
        r = scale_adc(d->adc, n, err);
    else if (r == 0)
        r = make_adc(series, s, d->adc, n, &d->is_made, err);
    if (r == 0 && (is_map || d->is_made))
        *ret = take(d);
    return r;
}

int diffusion_read(const struct series *series, struct diffusion **ret, struct err *err)
{
    struct stack s = {0};
    struct diffusion *found = NULL;
    int r = gather(series, FRAME_ADC, 0.0, 0.0, NULL, &s, err);
    if (r == 0 && s.count >= SLICES_MIN)
        r = read_adc(series, &s, true, &found, err);
    stack_finish(&s);
    if (r == 0 && !found)
        r = gather(series, FRAME_DIFFUSION, 0.0, B_LOW_MAX, NULL, &s, err);
    if (r == 0 && !found && s.count >= SLICES_MIN)
        r = read_adc(series, &s, false, &found, err);
    stack_finish(&s);
    if (r == 0)
        *ret = found;
    return r;
}

void diffusion_destroy(struct diffusion *d)
{
    if (!d)
        return;
    grid_destroy(d->grid);
    free(d->adc);
    free(d);
}

/** 1 where the median of 3 x 3 ADC of a plane is below bound: on its own grid, before CSF mixes in. */
static void mark_plane(const struct grid *g, const float *adc, double bound, float *calm,
                       uint8_t *seen, float *low)
{
    const size_t n = g->nx * g->ny;
    for (size_t i = 0; i < n; i++)
        seen[i] = adc[i] > NOISE_ADC;
    median_plane(adc, seen, g->nx, g->ny, calm);
    for (size_t i = 0; i < n; i++)
        low[i] = seen[i] && (double)calm[i] < bound ? 1.0f : 0.0f;
}

static int mark_low(const struct diffusion *d, double bound, float *low, struct err *err)
{
    const size_t n = d->grid->nx * d->grid->ny;
    float *calm = malloc(n * sizeof(*calm));
    uint8_t *seen = malloc(n);
    const int r = calm && seen ? 0 : err_set(err, ERR_NOMEM, "a plane of diffusion");
    for (size_t z = 0; z < d->grid->nz && r == 0; z++)
        mark_plane(d->grid, d->adc + z * n, bound, calm, seen, low + z * n);
    free(calm);
    free(seen);
    return r;
}

int diffusion_core(const struct diffusion *d, const struct grid *to, const uint8_t *brain,
                   double bound, double least_ml, int threads, uint8_t *core,
                   double *ret_covered, struct err *err)
{
    const size_t n = grid_voxels(to);
    float *low = malloc(grid_voxels(d->grid) * sizeof(*low));
    float *adc = malloc(n * sizeof(*adc)), *part = malloc(n * sizeof(*part));
    int r = low && adc && part ? mark_low(d, bound, low, err)
                               : err_set(err, ERR_NOMEM, "%zu voxels", n);
    if (r == 0)
        r = resample_volume(d->grid, d->adc, to, CARD_LINEAR, 0.0f, threads, adc, err);
    if (r == 0)
        r = resample_volume(d->grid, low, to, CARD_LINEAR, 0.0f, threads, part, err);
    size_t all = 0, covered = 0;
    for (size_t i = 0; i < n && r == 0; i++) {
        const bool is_seen = brain[i] && adc[i] > NOISE_ADC;
        all += brain[i];
        covered += is_seen;
        core[i] = is_seen && part[i] >= 0.5f;
    }
    if (r == 0)
        r = morph_keep_large(core, to->nx, to->ny, to->nz,
                             (size_t)ceil(least_ml / grid_voxel_ml(to)), err);
    *ret_covered = all ? (double)covered / (double)all : 0.0;
    free(low);
    free(adc);
    free(part);
    return r;
}
