#include "pipeline/perfusion/discordance.h"

#include "base/err.h"
#include "kernels/morph.h"
#include "pipeline/perfusion/curve.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double RISE_LEAST = 5.0; // times the noise of the mean: less is no curve

/** Mean enhancement of each label's voxels: sums [labels][axis nt], in even times. */
static void add_curves(const struct cine *cine, const struct enhancement *e,
                       const struct time_axis *axis, const uint32_t *labels, double *sums)
{
    const size_t plane = cine_plane(cine);
    struct time_step steps[TIME_AXIS_MAX];
    float curve[TIME_AXIS_MAX];
    for (size_t z = 0; z < cine->nz; z++) {
        time_axis_steps(axis, cine, z, steps);
        for (size_t i = 0; i < plane; i++) {
            const size_t at = z * plane + i;
            if (labels[at] == 0)
                continue;
            time_axis_curve(axis, steps, cine, z, i, e->baseline[at], curve);
            for (size_t t = 0; t < axis->nt; t++)
                sums[labels[at] * axis->nt + t] += (double)curve[t];
        }
    }
}

/** Shape of the mean of size curves. */
static struct curve shape_of(const double *sums, size_t size,
                             const struct time_axis *axis, size_t before)
{
    float mean[TIME_AXIS_MAX];
    struct curve shape;
    for (size_t t = 0; t < axis->nt; t++)
        mean[t] = (float)(sums[t] / (double)size);
    curve_measure(mean, axis->nt, axis->dt_s, before, &shape);
    return shape;
}

struct judging {
    const struct enhancement *e;
    const struct time_axis *axis;
    uint32_t *labels; // of hypo; normal tissue has the last
    size_t *sizes, count;
    double *sums;
};

/** Which labels are discordant: ret [count + 1]. */
static size_t judge(const struct judging *j, size_t normal, size_t normal_size,
                    double lag_s, uint8_t *ret)
{
    const size_t nt = j->axis->nt, before = j->e->baseline_frames;
    const struct curve usual =
        shape_of(j->sums + normal * nt, normal_size, j->axis, before);
    size_t islands = 0;
    for (size_t k = 1; k <= j->count; k++) {
        const struct curve own = shape_of(j->sums + k * nt, j->sizes[k], j->axis, before);
        const double noise = j->e->noise / sqrt((double)j->sizes[k]);
        ret[k] = (double)own.peak > RISE_LEAST * noise
                 && (double)(own.ttp_s - usual.ttp_s) < lag_s;
        islands += ret[k];
    }
    return islands;
}

static int find(struct judging *j, const struct cine *cine, const uint8_t *normal,
                double lag_s, uint8_t *ret, size_t *ret_islands, struct err *err)
{
    const size_t n = cine_volume(cine), last = j->count + 1;
    size_t normal_size = 0;
    for (size_t i = 0; i < n; i++) {
        if (normal[i] && j->labels[i] == 0) {
            j->labels[i] = (uint32_t)last;
            normal_size++;
        }
    }
    if (normal_size == 0)
        return 0;
    j->sums = calloc((last + 1) * j->axis->nt, sizeof(*j->sums));
    uint8_t *verdicts = calloc(last + 1, 1);
    if (!j->sums || !verdicts) {
        free(verdicts);
        return err_set(err, ERR_NOMEM, "curves of %zu islands", j->count);
    }
    add_curves(cine, j->e, j->axis, j->labels, j->sums);
    *ret_islands = judge(j, last, normal_size, lag_s, verdicts);
    for (size_t i = 0; i < n; i++)
        ret[i] = verdicts[j->labels[i]];
    free(verdicts);
    return 0;
}

int discordance_find(const struct cine *cine, const struct enhancement *e,
                     const struct time_axis *axis, const uint8_t *hypo,
                     const uint8_t *normal, double lag_s, uint8_t *ret,
                     size_t *ret_islands, struct err *err)
{
    const size_t n = cine_volume(cine);
    struct judging j = {.e = e, .axis = axis};
    memset(ret, 0, n);
    *ret_islands = 0;
    if (lag_s <= 0.0)
        return 0;
    j.labels = malloc(n * sizeof(*j.labels));
    if (!j.labels)
        return err_set(err, ERR_NOMEM, "labels of %zu voxels", n);
    int r = morph_components(hypo, cine->nx, cine->ny, cine->nz, j.labels, &j.sizes,
                             &j.count, err);
    if (r == 0 && j.count > 0)
        r = find(&j, cine, normal, lag_s, ret, ret_islands, err);
    free(j.labels);
    free(j.sizes);
    free(j.sums);
    return r;
}
