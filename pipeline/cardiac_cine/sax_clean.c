#include "pipeline/cardiac_cine/sax_clean.h"

#include "base/err.h"
#include "kernels/morph.h"
#include "pipeline/lib/parallel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double SCORE_MM = 25.0;      // how fast a part loses weight with distance
static const double SCORE_AXIS_MM = 15.0; // the same, once the axis is known
static const double AREA_LO = 0.45, AREA_HI = 1.9; // of the neighbours': else made up

/* One image's part of the ventricle. */
struct cleaning {
    const struct sax_answer *answer;
    const struct sax_clean_options *options;
    struct sax_outlines *outlines;
    bool has_axis;
    uint32_t *labels; // [threads][size][size]
    uint8_t *masks;   // [threads][size][size]
    float *levels;    // [threads][size][size]
};

static struct sax_plane plane_of(const struct sax_answer *a)
{
    return (struct sax_plane){a->size, a->size, {a->spacing_mm, a->spacing_mm}};
}

/** Where the axis meets slice z, in mm of the crop. */
static void axis_at(const struct cleaning *c, size_t z, double ret_mm[2])
{
    const double middle = 0.5 * (double)(c->answer->size - 1) * c->answer->spacing_mm;
    for (int k = 0; k < 2; k++)
        ret_mm[k] = c->has_axis ? c->outlines->axis_mm[k][0]
                                      + c->outlines->axis_mm[k][1] * (double)z
                                      - c->answer->first_mm[k]
                                : middle;
}

/** The label of the part that is large and near about_mm, or 0. */
static uint32_t choose_part(const struct cleaning *c, const uint32_t *labels,
                            const size_t *sizes, size_t count, const double about_mm[2])
{
    const size_t n = c->answer->size;
    const double mm = c->answer->spacing_mm;
    double(*sum)[2] = calloc(count + 1, sizeof(*sum));
    if (!sum)
        return 0;
    for (size_t i = 0; i < n * n; i++) {
        sum[labels[i]][0] += (double)(i % n) * mm;
        sum[labels[i]][1] += (double)(i / n) * mm;
    }
    uint32_t best = 0;
    double most = 0.0;
    for (uint32_t k = 1; k <= count; k++) {
        const double away = hypot(sum[k][0] / (double)sizes[k] - about_mm[0],
                                  sum[k][1] / (double)sizes[k] - about_mm[1]);
        const double wide = c->has_axis ? SCORE_AXIS_MM : SCORE_MM;
        const double score = (double)sizes[k] * exp(-(away / wide) * (away / wide));
        if (away < c->options->near_mm && score > most) {
            best = k;
            most = score;
        }
    }
    free(sum);
    return best;
}

static int find_piece(void *ctx, size_t i, size_t worker, struct err *err)
{
    struct cleaning *c = ctx;
    const struct sax_answer *a = c->answer;
    const struct sax_plane plane = plane_of(a);
    const size_t n = a->size * a->size;
    const float *probability = a->probability + i * n;
    uint32_t *labels = c->labels + worker * n;
    uint8_t *mask = c->masks + worker * n;
    float *level = c->levels + worker * n;
    for (size_t k = 0; k < n; k++)
        mask[k] = probability[k] > 0.5f;
    size_t *sizes = NULL, count = 0;
    const int r =
        morph_components(mask, a->size, a->size, 1, labels, &sizes, &count, err);
    if (r < 0)
        return r;
    double about_mm[2];
    axis_at(c, i / a->nt, about_mm);
    const uint32_t part = choose_part(c, labels, sizes, count, about_mm);
    free(sizes);
    for (size_t k = 0; k < n; k++) {
        mask[k] = part > 0 && labels[k] == part;
        level[k] =
            mask[k] ? fmaxf(probability[k], 0.501f) : fminf(probability[k], 0.499f);
    }
    struct sax_outline outline = sax_outline_trace(level, mask, &plane);
    for (size_t k = 0; k < SAX_ANGLES; k++)
        outline.r_mm[k] = fmaxf(outline.r_mm[k] - (float)c->options->edge_mm, 0.0f);
    if (sax_outline_area_mm2(&outline) < c->options->least_mm2)
        outline.is_there = false;
    outline.x_mm += a->first_mm[0];
    outline.y_mm += a->first_mm[1];
    c->outlines->items[i] = outline;
    return 0;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t n)
{
    qsort(values, n, sizeof(*values), by_value);
    return n ? 0.5 * (values[(n - 1) / 2] + values[n / 2]) : 0.0;
}

/* ---- the axis ---- */

/** Median over phases of a middle's coordinate in slice z; NAN when seldom there. */
static double slice_middle(const struct sax_outlines *o, size_t z, int axis, double *work)
{
    size_t n = 0;
    for (size_t t = 0; t < o->nt; t++) {
        const struct sax_outline *outline = sax_outlines_at(o, z, t);
        if (outline->is_there)
            work[n++] = axis == 0 ? outline->x_mm : outline->y_mm;
    }
    return 3 * n >= o->nt ? median(work, n) : (double)NAN;
}

/** The line through the slices' middles: the median of all slopes, the median of what is left
 * (Theil and Sen). work: [nz + nz nz + nt]. Returns how many slices it goes by. */
static size_t fit_axis(struct sax_outlines *o, double *work)
{
    double *middle = work, *slopes = work + o->nz, *scratch = slopes + o->nz * o->nz;
    size_t seen = 0;
    for (int axis = 0; axis < 2; axis++) {
        size_t n = 0;
        seen = 0;
        for (size_t z = 0; z < o->nz; z++) {
            middle[z] = slice_middle(o, z, axis, scratch);
            seen += isfinite(middle[z]);
        }
        for (size_t a = 0; a < o->nz; a++) {
            for (size_t b = a + 1; b < o->nz; b++) {
                if (isfinite(middle[a]) && isfinite(middle[b]))
                    slopes[n++] = (middle[b] - middle[a]) / (double)(b - a);
            }
        }
        const double slope = median(slopes, n);
        n = 0;
        for (size_t z = 0; z < o->nz; z++) {
            if (isfinite(middle[z]))
                slopes[n++] = middle[z] - slope * (double)z;
        }
        o->axis_mm[axis][0] = median(slopes, n);
        o->axis_mm[axis][1] = slope;
    }
    return seen;
}

/* ---- over time ---- */

/** The outline halfway between two of its neighbours in time. */
static struct sax_outline between(const struct sax_outline *a,
                                  const struct sax_outline *b, double part)
{
    struct sax_outline ret = {.is_there = true};
    ret.x_mm = a->x_mm + part * (b->x_mm - a->x_mm);
    ret.y_mm = a->y_mm + part * (b->y_mm - a->y_mm);
    for (size_t i = 0; i < SAX_ANGLES; i++)
        ret.r_mm[i] = a->r_mm[i] + (float)part * (b->r_mm[i] - a->r_mm[i]);
    return ret;
}

/** Whether an outline fits its slice: area against the median of five phases about it. */
static bool is_odd(const struct sax_outlines *o, size_t z, size_t t)
{
    double areas[5];
    size_t n = 0;
    for (int d = -2; d <= 2; d++) {
        const struct sax_outline *outline =
            sax_outlines_at(o, z, (t + o->nt + (size_t)(d + (int)o->nt)) % o->nt);
        if (outline->is_there)
            areas[n++] = sax_outline_area_mm2(outline);
    }
    const struct sax_outline *own = sax_outlines_at(o, z, t);
    if (!own->is_there)
        return n >= 3;
    if (n < 3)
        return o->nt >= 5;
    const double area = sax_outline_area_mm2(own), usual = median(areas, n);
    return area < AREA_LO * usual || area > AREA_HI * usual;
}

/** Replace odd outlines of slice z by what lies between the good ones about them, at most two
 * phases away; without good ones on both sides there is none. odd: [nt] work. */
static void mend_slice(struct sax_outlines *o, size_t z, bool *odd)
{
    const size_t nt = o->nt;
    if (nt < 3)
        return;
    for (size_t t = 0; t < nt; t++)
        odd[t] = is_odd(o, z, t);
    for (size_t t = 0; t < nt; t++) {
        if (!odd[t])
            continue;
        size_t before = 1, after = 1;
        while (before < 3
               && (odd[(t + nt - before) % nt]
                   || !sax_outlines_at(o, z, (t + nt - before) % nt)->is_there))
            before++;
        while (after < 3
               && (odd[(t + after) % nt]
                   || !sax_outlines_at(o, z, (t + after) % nt)->is_there))
            after++;
        struct sax_outline *own = sax_outlines_at(o, z, t);
        if (before < 3 && after < 3) {
            *own = between(sax_outlines_at(o, z, (t + nt - before) % nt),
                           sax_outlines_at(o, z, (t + after) % nt),
                           (double)before / (double)(before + after));
            o->made_up++;
        } else {
            own->is_there = false;
        }
    }
}

void sax_clean_smooth(float *values, const bool *is_there, size_t n, float *work)
{
    static const float WEIGHTS[5] = {-3.0f / 35, 12.0f / 35, 17.0f / 35, 12.0f / 35,
                                     -3.0f / 35};
    const float part = fminf(fmaxf(((float)n - 10.0f) / 10.0f, 0.0f), 1.0f);
    memcpy(work, values, n * sizeof(*values));
    for (size_t t = 0; t < n && part > 0.0f; t++) {
        float sum = 0.0f;
        bool is_whole = true;
        for (size_t k = 0; k < 5; k++) {
            const size_t at = (t + n + k - 2) % n;
            is_whole &= is_there[at];
            sum += WEIGHTS[k] * work[at];
        }
        if (is_whole)
            values[t] += part * (sum - values[t]);
    }
}

/** Smooth the middles and then, about those, every distance of slice z over time. */
static void smooth_slice(struct sax_outlines *o, size_t z, float *values, float *work,
                         bool *is_there)
{
    const size_t nt = o->nt;
    for (size_t t = 0; t < nt; t++)
        is_there[t] = sax_outlines_at(o, z, t)->is_there;
    float *y = values + nt;
    for (size_t t = 0; t < nt; t++) {
        double centre[2] = {0.0, 0.0};
        if (is_there[t])
            sax_outline_centre(sax_outlines_at(o, z, t), centre);
        values[t] = (float)centre[0];
        y[t] = (float)centre[1];
    }
    sax_clean_smooth(values, is_there, nt, work);
    sax_clean_smooth(y, is_there, nt, work);
    for (size_t t = 0; t < nt; t++)
        sax_outline_move(sax_outlines_at(o, z, t), (double)values[t], (double)y[t]);
    for (size_t i = 0; i < SAX_ANGLES; i++) {
        for (size_t t = 0; t < nt; t++)
            values[t] = sax_outlines_at(o, z, t)->r_mm[i];
        sax_clean_smooth(values, is_there, nt, work);
        for (size_t t = 0; t < nt; t++)
            sax_outlines_at(o, z, t)->r_mm[i] = fmaxf(values[t], 0.0f);
    }
}

/** Round the corners that single pixels make: each distance with its neighbours, 1 2 1. */
static void smooth_angles(struct sax_outline *outline)
{
    float r[SAX_ANGLES];
    memcpy(r, outline->r_mm, sizeof(r));
    for (size_t i = 0; i < SAX_ANGLES; i++)
        outline->r_mm[i] = 0.25f * r[(i + SAX_ANGLES - 1) % SAX_ANGLES] + 0.5f * r[i]
                           + 0.25f * r[(i + 1) % SAX_ANGLES];
}

/* ---- over slices ---- */

static size_t times_there(const struct sax_outlines *o, size_t z)
{
    size_t n = 0;
    for (size_t t = 0; t < o->nt; t++)
        n += sax_outlines_at(o, z, t)->is_there;
    return n;
}

static double largest_mm2(const struct sax_outlines *o, size_t z)
{
    double most = 0.0;
    for (size_t t = 0; t < o->nt; t++)
        most = fmax(most, sax_outline_area_mm2(sax_outlines_at(o, z, t)));
    return most;
}

static void drop_slice(struct sax_outlines *o, size_t z)
{
    for (size_t t = 0; t < o->nt; t++)
        sax_outlines_at(o, z, t)->is_there = false;
}

/** Keep the slices about the one with the largest area, as far as they hang together: of those
 * with an outline in a quarter of the phases, towards the apex none much larger than the last. */
static int keep_neighbours(struct sax_outlines *o, struct err *err)
{
    size_t middle = 0;
    double most = 0.0;
    for (size_t z = 0; z < o->nz; z++) {
        const double area = 4 * times_there(o, z) >= o->nt ? largest_mm2(o, z) : 0.0;
        // Slices of the atrium may be large; the middle of the ventricle is one of several.
        if (area > most) {
            most = area;
            middle = z;
        }
    }
    if (most <= 0.0)
        return err_set(err, ERR_NOTFOUND, "no left ventricle was found in any slice");
    bool is_over = false;
    double last = most;
    for (size_t z = middle + 1; z < o->nz; z++) {
        const double area = largest_mm2(o, z);
        is_over |= 4 * times_there(o, z) < o->nt || area > 1.4 * last;
        if (is_over)
            drop_slice(o, z);
        last = area;
    }
    is_over = false;
    for (size_t z = middle; z-- > 0;) {
        is_over |= 4 * times_there(o, z) < o->nt;
        if (is_over)
            drop_slice(o, z);
    }
    return 0;
}

/* ---- all ---- */

static int clean_all(struct cleaning *c, int threads, struct err *err)
{
    struct sax_outlines *o = c->outlines;
    const size_t images = o->nz * o->nt;
    double *work = calloc(o->nz + o->nz * o->nz + o->nt, sizeof(*work));
    float *values = calloc(3 * o->nt, sizeof(*values));
    bool *flags = calloc(o->nt, sizeof(*flags));
    int r = work && values && flags ? parallel_for(threads, images, find_piece, c, err)
                                    : err_set(err, ERR_NOMEM, "work of the clean-up");
    if (r == 0 && fit_axis(o, work) >= 3) {
        c->has_axis = true;
        r = parallel_for(threads, images, find_piece, c, err);
        fit_axis(o, work);
    }
    for (size_t z = 0; r == 0 && z < o->nz; z++)
        mend_slice(o, z, flags);
    if (r == 0)
        r = keep_neighbours(o, err);
    for (size_t z = 0; r == 0 && z < o->nz; z++) {
        smooth_slice(o, z, values, values + 2 * o->nt, flags);
        for (size_t t = 0; t < o->nt; t++)
            smooth_angles(sax_outlines_at(o, z, t));
    }
    free(work);
    free(values);
    free(flags);
    return r;
}

int sax_clean(const struct sax_answer *answer, const struct sax_clean_options *options,
              int threads, struct sax_outlines **ret, struct err *err)
{
    auto_(sax_outlines) struct sax_outlines *outlines = calloc(1, sizeof(*outlines));
    if (!outlines)
        return err_set(err, ERR_NOMEM, "outlines");
    const size_t workers = threads < 1 ? 1 : (size_t)threads;
    const size_t n = answer->size * answer->size;
    outlines->nz = answer->nz;
    outlines->nt = answer->nt;
    outlines->items = calloc(answer->nz * answer->nt, sizeof(*outlines->items));
    struct cleaning c = {.answer = answer, .options = options, .outlines = outlines};
    c.labels = calloc(workers * n, sizeof(*c.labels));
    c.masks = calloc(workers * n, sizeof(*c.masks));
    c.levels = calloc(workers * n, sizeof(*c.levels));
    const int r = outlines->items && c.labels && c.masks && c.levels
                      ? clean_all(&c, threads, err)
                      : err_set(err, ERR_NOMEM, "outlines");
    free(c.labels);
    free(c.masks);
    free(c.levels);
    if (r == 0)
        *ret = take(outlines);
    return r;
}

void sax_outlines_destroy(struct sax_outlines *outlines)
{
    if (!outlines)
        return;
    free(outlines->items);
    free(outlines);
}

struct sax_outline *sax_outlines_at(const struct sax_outlines *outlines, size_t z,
                                    size_t t)
{
    return &outlines->items[z * outlines->nt + t];
}
