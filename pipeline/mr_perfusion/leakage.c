#include "pipeline/mr_perfusion/leakage.h"

#include "base/err.h"
#include "pipeline/lib/parallel.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const double LATE_SDS = 2.0; // of the noise: nearer to the baseline does not leak

enum { REFERENCE_MIN = 50, LATE_PART = 4 };

struct correcting {
    struct cine *cine;
    const struct enhancement *e;
    const struct time_axis *axis;
    const uint8_t *mask;
    double *mean, *area; // [axis nt] R and its integral
    float *k2;
    double *work; // [threads][3 planes]
};

/** Whether voxel i of slice z is back at its baseline at the end. */
static bool is_back(const struct correcting *c, size_t z, size_t i)
{
    const size_t nt = c->cine->nt, late = nt / LATE_PART;
    double sum = 0.0;
    for (size_t t = nt - late; t < nt; t++)
        sum += (double)cine_frame(c->cine, z, t)[i];
    const double base = (double)c->e->baseline[z * cine_plane(c->cine) + i];
    return late && fabs(sum / (double)late - base) < LATE_SDS * c->e->noise;
}

/** R and its integral; how many voxels it is the mean of. */
static size_t find_reference(struct correcting *c)
{
    const size_t plane = cine_plane(c->cine), nt = c->axis->nt;
    struct time_step steps[TIME_AXIS_MAX];
    float curve[TIME_AXIS_MAX];
    size_t count = 0;
    for (size_t z = 0; z < c->cine->nz; z++) {
        time_axis_steps(c->axis, c->cine, z, steps);
        for (size_t i = 0; i < plane; i++) {
            const size_t at = z * plane + i;
            if (!c->mask[at] || !is_back(c, z, i))
                continue;
            time_axis_curve(c->axis, steps, c->cine, z, i, c->e->baseline[at], curve);
            for (size_t k = 0; k < nt; k++)
                c->mean[k] += (double)curve[k];
            count++;
        }
    }
    for (size_t k = 0; k < nt && count; k++)
        c->mean[k] /= (double)count;
    for (size_t k = 1; k < nt; k++)
        c->area[k] = c->area[k - 1] + 0.5 * c->axis->dt_s * (c->mean[k - 1] + c->mean[k]);
    return count;
}

/** v, [axis nt], at a time. */
static double at_time(const struct time_axis *axis, const double *v, double time_s)
{
    const double at =
        fmin(fmax((time_s - axis->start_s) / axis->dt_s, 0.0), (double)(axis->nt - 1));
    const size_t k = at < (double)(axis->nt - 1) ? (size_t)at : axis->nt - 2;
    return v[k] + (at - (double)k) * (v[k + 1] - v[k]);
}

/** Products of the curves of slice z with R and with its integral, plane by plane: cr, ci. */
static void multiply(const struct correcting *c, size_t z, double *cr, double *ci,
                     double ret_sums[3])
{
    const struct cine *cine = c->cine;
    const size_t plane = cine_plane(cine);
    const float *base = c->e->baseline + z * plane;
    for (size_t t = 0; t < cine->nt; t++) {
        const float *frame = cine_frame(cine, z, t);
        const double time_s = cine->time_s[z * cine->nt + t];
        const double r = at_time(c->axis, c->mean, time_s);
        const double area = at_time(c->axis, c->area, time_s);
        ret_sums[0] += r * r;
        ret_sums[1] += r * area;
        ret_sums[2] += area * area;
        for (size_t i = 0; i < plane; i++) {
            const double v = (double)(frame[i] - base[i]);
            cr[i] += v * r;
            ci[i] += v * area;
        }
    }
}

static int correct_slice(void *ctx, size_t z, size_t worker, struct err *err)
{
    (void)err;
    const struct correcting *c = ctx;
    const size_t plane = cine_plane(c->cine);
    double *cr = c->work + worker * 2 * plane, *ci = cr + plane, sums[3] = {0};
    float *k2 = c->k2 + z * plane;
    memset(cr, 0, 2 * plane * sizeof(*cr));
    multiply(c, z, cr, ci, sums);
    const double below = sums[0] * sums[2] - sums[1] * sums[1];
    for (size_t i = 0; i < plane && below > 0.0; i++) {
        if (c->mask[z * plane + i])
            k2[i] = (float)((sums[1] * cr[i] - sums[0] * ci[i]) / below);
    }
    for (size_t t = 0; t < c->cine->nt; t++) {
        float *frame = cine_frame(c->cine, z, t);
        const float area =
            (float)at_time(c->axis, c->area, c->cine->time_s[z * c->cine->nt + t]);
        for (size_t i = 0; i < plane; i++)
            frame[i] += k2[i] * area;
    }
    return 0;
}

int leakage_correct(struct cine *cine, const struct enhancement *e,
                    const struct time_axis *axis, const uint8_t *mask, int threads,
                    float *k2, size_t *ret_reference, struct err *err)
{
    const size_t workers = threads < 1 ? 1 : (size_t)threads;
    double mean[TIME_AXIS_MAX] = {0}, area[TIME_AXIS_MAX] = {0};
    struct correcting c = {cine, e, axis, mask, mean, area, k2, NULL};
    memset(k2, 0, cine_volume(cine) * sizeof(*k2));
    const size_t reference = axis->nt > 1 ? find_reference(&c) : 0;
    *ret_reference = reference < REFERENCE_MIN ? 0 : reference;
    if (*ret_reference == 0)
        return 0;
    c.work = malloc(workers * 2 * cine_plane(cine) * sizeof(*c.work));
    if (!c.work)
        return err_set(err, ERR_NOMEM, "planes of products");
    const int r = parallel_for(threads, cine->nz, correct_slice, &c, err);
    free(c.work);
    return r;
}
