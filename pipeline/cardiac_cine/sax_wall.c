#include "pipeline/cardiac_cine/sax_wall.h"

#include "base/err.h"
#include "kernels/median.h"

#include <math.h>
#include <stdlib.h>

/* Rays are looked at every STEP_MM from the endocardium outwards. */
static const double STEP_MM = 0.5;
enum { STEPS = 48, FIRST = 5, MOST_JUMP = 3 }; // 2.5 to 24 mm; per angle of 3.75 degrees

static const double RING_MM[2] = {1.0, 4.0};
static const double CORE =
    0.7; // of the radius: blood without wall and most of the papillaries

/* What a line costs, in parts of the blood's value. */
static const double UNLIKE = 0.22;  // so far from myocardium counts in full
static const double WORTH = 0.40;   // of a step that is as unlike
static const double EDGE = 2.2;     // for an edge of the height of the blood, per step
static const double BEND = 0.12;    // for each step squared between neighbouring rays
static const double EXPECT = 0.012; // for each step squared from what is expected

static double sample(const struct sax_images *images, const float *image,
                     const struct sax_outline *o, size_t angle, double r_mm)
{
    double ray[2];
    sax_outline_ray(angle, ray);
    return (double)sax_images_sample(image, images->nx, images->ny,
                                     (o->x_mm + r_mm * ray[0]) / images->spacing_mm[0],
                                     (o->y_mm + r_mm * ray[1]) / images->spacing_mm[1]);
}

/* ---- levels ---- */

int sax_wall_level(const struct sax_images *images, const struct sax_outlines *endo,
                   size_t z, size_t t, struct sax_level *ret, struct err *err)
{
    const struct sax_outline *o = sax_outlines_at(endo, z, t);
    *ret = (struct sax_level){(double)NAN, (double)NAN};
    if (!o->is_there)
        return 0;
    enum { EACH = 8 };
    float *values = malloc(2 * SAX_ANGLES * EACH * sizeof(*values));
    if (!values)
        return err_set(err, ERR_NOMEM, "grey values");
    float *ring = values + SAX_ANGLES * EACH;
    const float *image = sax_images_at(images, z, t);
    for (size_t a = 0; a < SAX_ANGLES; a++) {
        const double r_mm = (double)o->r_mm[a];
        for (size_t k = 0; k < EACH; k++) {
            const double part = ((double)k + 0.5) / EACH;
            // Even over the area: the root of the part.
            values[a * EACH + k] =
                (float)sample(images, image, o, a, CORE * r_mm * sqrt(part));
            ring[a * EACH + k] =
                (float)sample(images, image, o, a,
                              r_mm + RING_MM[0] + part * (RING_MM[1] - RING_MM[0]));
        }
    }
    const size_t n = SAX_ANGLES * EACH;
    ret->blood = (double)median_kth(values, n, n / 2);
    ret->ring = (double)median_kth(ring, n, n / 2);
    free(values);
    return 0;
}

static double median(float *values, size_t n)
{
    return n ? (double)median_kth(values, n, n / 2) : (double)NAN;
}

/** Noise of slice z: median difference of what is in the core between neighbouring pixels. */
static double roughness(const struct sax_images *images, const struct sax_outline *o,
                        const float *image, float *work)
{
    for (size_t a = 0; a < SAX_ANGLES; a++) {
        const double r_mm = 0.5 * CORE * (double)o->r_mm[a];
        work[a] =
            fabsf((float)(sample(images, image, o, a, r_mm)
                          - sample(images, image, o, a, r_mm + images->spacing_mm[0])));
    }
    return 1.05 * median(work, SAX_ANGLES); // of a difference of two, to one deviation
}

int sax_wall_levels(const struct sax_images *images, const struct sax_outlines *endo,
                    struct sax_levels *ret, struct err *err)
{
    const size_t most = images->nz * (images->nt / 3 + 1);
    float *ratios = malloc((2 * most + SAX_ANGLES) * sizeof(*ratios));
    if (!ratios)
        return err_set(err, ERR_NOMEM, "grey values");
    float *contrasts = ratios + most, *work = contrasts + most;
    size_t n = 0;
    int r = 0;
    for (size_t z = 0; r == 0 && z < images->nz; z++) {
        for (size_t t = 0; r == 0 && t < images->nt; t += 3) {
            struct sax_level level;
            r = sax_wall_level(images, endo, z, t, &level, err);
            if (!(level.blood > 0.0))
                continue;
            const double noise = roughness(images, sax_outlines_at(endo, z, t),
                                           sax_images_at(images, z, t), work);
            ratios[n] = (float)(level.ring / level.blood);
            contrasts[n++] = (float)((level.blood - level.ring) / fmax(noise, 1e-6));
        }
    }
    ret->ratio = median(ratios, n);
    ret->contrast = median(contrasts, n);
    free(ratios);
    return r;
}

double sax_wall_share(const struct sax_images *images, const struct sax_outlines *endo,
                      const struct sax_levels *levels, double blood, size_t z, size_t t)
{
    const struct sax_outline *o = sax_outlines_at(endo, z, t);
    const float *image = sax_images_at(images, z, t);
    if (!o->is_there || !(blood > 0.0))
        return 0.0;
    const double lo = 0.5 * levels->ratio,
                 hi = levels->ratio + 0.35 * (1.0 - levels->ratio);
    size_t n = 0;
    for (size_t a = 0; a < SAX_ANGLES; a++) {
        double sum = 0.0, count = 0.0;
        for (double d = RING_MM[0]; d <= RING_MM[1]; d += STEP_MM) {
            sum += sample(images, image, o, a, (double)o->r_mm[a] + d);
            count += 1.0;
        }
        const double value = sum / count / blood;
        n += value > lo && value < hi;
    }
    return (double)n / SAX_ANGLES;
}

/* ---- the line ---- */

/** What it costs to end the wall at each step of a ray: all that lies before is wall. */
static void price_ray(const double *value, double ratio, double usual_mm, double *ret)
{
    double inside = 0.0;
    for (size_t k = 0; k < STEPS; k++) {
        const double far = fmin(fabs(value[k] - ratio) / UNLIKE, 1.5);
        inside += k < FIRST ? 0.0 : far * far - WORTH;
        const double before = value[k > 0 ? k - 1 : 0], after = value[k + 1];
        const double away = (double)k - usual_mm / STEP_MM;
        ret[k] = inside * 0.35 - EDGE * fabs(after - before) * 0.5 + EXPECT * away * away;
    }
}

/* The cheapest way through cost [angles][STEPS], with what led there. */
struct path {
    double cost[2][STEPS];
    unsigned char from[2 * SAX_ANGLES][STEPS];
};

/** The closed line of least cost: once round to forget the beginning, then once more; of the
 * second round the middle half and the first are equal to what a longer walk gives. */
static void walk(double (*cost)[STEPS], struct path *path, unsigned char ret[SAX_ANGLES])
{
    for (size_t k = 0; k < STEPS; k++)
        path->cost[0][k] = k < FIRST ? HUGE_VAL : cost[0][k];
    for (size_t i = 1; i < 2 * SAX_ANGLES; i++) {
        const double *before = path->cost[(i - 1) % 2];
        double *now = path->cost[i % 2];
        for (size_t k = 0; k < STEPS; k++) {
            size_t best = k;
            double least = HUGE_VAL;
            for (size_t j = k > MOST_JUMP ? k - MOST_JUMP : 0;
                 j < STEPS && j <= k + MOST_JUMP; j++) {
                const double bend = (double)j - (double)k;
                const double sum = before[j] + BEND * bend * bend;
                if (sum < least) {
                    least = sum;
                    best = j;
                }
            }
            now[k] = k < FIRST ? HUGE_VAL : least + cost[i % SAX_ANGLES][k];
            path->from[i][k] = (unsigned char)best;
        }
    }
    const double *last = path->cost[(2 * SAX_ANGLES - 1) % 2];
    size_t at = FIRST;
    for (size_t k = FIRST; k < STEPS; k++)
        at = last[k] < last[at] ? k : at;
    // Back over one and a half rounds; the half in the middle is far from both ends.
    for (size_t i = 2 * SAX_ANGLES - 1; i >= SAX_ANGLES / 2; i--) {
        if (i < SAX_ANGLES / 2 + SAX_ANGLES)
            ret[i % SAX_ANGLES] = (unsigned char)at;
        at = path->from[i][at];
    }
}

int sax_wall_trace(const struct sax_images *images, const struct sax_outlines *endo,
                   const struct sax_levels *levels, double blood, double usual_mm,
                   size_t z, size_t t, struct sax_outline *ret, struct err *err)
{
    const struct sax_outline *o = sax_outlines_at(endo, z, t);
    *ret = (struct sax_outline){.x_mm = o->x_mm, .y_mm = o->y_mm};
    if (!o->is_there || !(blood > 0.0))
        return 0;
    double(*cost)[STEPS] = malloc(SAX_ANGLES * sizeof(*cost));
    struct path *path = malloc(sizeof(*path));
    unsigned char line[SAX_ANGLES];
    if (cost && path) {
        const float *image = sax_images_at(images, z, t);
        for (size_t a = 0; a < SAX_ANGLES; a++) {
            double value[STEPS + 1];
            for (size_t k = 0; k <= STEPS; k++)
                value[k] =
                    sample(images, image, o, a, (double)o->r_mm[a] + (double)k * STEP_MM)
                    / blood;
            price_ray(value, levels->ratio, usual_mm, cost[a]);
        }
        walk(cost, path, line);
        ret->is_there = true;
        for (size_t a = 0; a < SAX_ANGLES; a++)
            ret->r_mm[a] = o->r_mm[a] + (float)((double)line[a] * STEP_MM);
    }
    const bool is_done = cost && path;
    free(cost);
    free(path);
    return is_done ? 0 : err_set(err, ERR_NOMEM, "a wall");
}

double sax_wall_thickness_mm(const struct sax_outline *endo,
                             const struct sax_outline *epi)
{
    if (!endo->is_there || !epi->is_there)
        return (double)NAN;
    double sum = 0.0;
    for (size_t a = 0; a < SAX_ANGLES; a++)
        sum += (double)(epi->r_mm[a] - endo->r_mm[a]);
    return sum / SAX_ANGLES;
}
