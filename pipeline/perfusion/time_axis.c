#include "pipeline/perfusion/time_axis.h"

#include <math.h>
#include <stdlib.h>

static const double SAME = 0.02; // of an interval: no need to interpolate

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct time_axis time_axis_of(const struct cine *cine)
{
    struct time_axis axis = {.start_s = HUGE_VAL, .dt_s = 1.0, .nt = 1};
    double end_s = -HUGE_VAL, steps[TIME_AXIS_MAX];
    for (size_t z = 0; z < cine->nz; z++) {
        axis.start_s = fmin(axis.start_s, cine->time_s[z * cine->nt]);
        end_s = fmax(end_s, cine->time_s[(z + 1) * cine->nt - 1]);
    }
    size_t n = 0;
    for (; n + 1 < cine->nt && n < TIME_AXIS_MAX; n++)
        steps[n] = cine->time_s[n + 1] - cine->time_s[n];
    if (n > 0) {
        qsort(steps, n, sizeof(*steps), by_size);
        axis.dt_s = fmin(1.0, steps[n / 2]);
    }
    const double least_s = (end_s - axis.start_s) / (TIME_AXIS_MAX - 1);
    axis.dt_s = fmax(axis.dt_s, fmax(least_s, 0.1));
    axis.nt = (size_t)floor((end_s - axis.start_s) / axis.dt_s + 1e-6 + SAME) + 1;
    return axis;
}

void time_axis_steps(const struct time_axis *axis, const struct cine *cine, size_t z,
                     struct time_step *ret)
{
    const double *time_s = cine->time_s + z * cine->nt;
    size_t at = 0;
    for (size_t k = 0; k < axis->nt; k++) {
        const double t = axis->start_s + axis->dt_s * (double)k;
        while (at + 1 < cine->nt && time_s[at + 1] <= t)
            at++;
        ret[k] = (struct time_step){.at = at};
        if (at + 1 >= cine->nt || t <= time_s[at])
            continue;
        const double part = (t - time_s[at]) / (time_s[at + 1] - time_s[at]);
        if (part > 1.0 - SAME)
            ret[k].at = at + 1;
        else if (part > SAME)
            ret[k].part = (float)part;
    }
}

void time_axis_curve(const struct time_axis *axis, const struct time_step *steps,
                     const struct cine *cine, size_t z, size_t i, float baseline,
                     float *ret)
{
    const size_t plane = cine_plane(cine);
    const float *voxel = cine_frame(cine, z, 0) + i;
    for (size_t k = 0; k < axis->nt; k++) {
        const float a = voxel[steps[k].at * plane];
        const float b = steps[k].part > 0.0f ? voxel[(steps[k].at + 1) * plane] : a;
        ret[k] = a + steps[k].part * (b - a) - baseline;
    }
}
