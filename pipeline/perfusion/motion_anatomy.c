#include "pipeline/perfusion/motion_anatomy.h"

#include "base/err.h"
#include "kernels/clones.h"
#include "pipeline/lib/parallel.h"

#include <math.h>
#include <stdlib.h>

static const size_t FIRST_FRAMES = 3; // at rest: motion is measured against them
static const double LEAST = 0.02;     // of a slice: less is left alone

struct subtracting {
    const struct motion *motion;
    struct cine *cine;
    const float *anatomy; // [nz][ny][nx]
};

/** v -= |s| (beside - here), s rising along the row; above lies beside where s < 0, below where s > 0. */
KERNEL_CLONES static void subtract_shift(float *restrict v, const float *restrict below,
                                         const float *restrict here,
                                         const float *restrict above, float s,
                                         float s_step, size_t nx)
{
    for (size_t x = 0; x < nx; x++) {
        float part = s + s_step * (float)x;
        const float beside = part > 0.0f ? below[x] : above[x];
        part = fabsf(part);
        v[x] -= (part < 1.0f ? part : 1.0f) * (beside - here[x]);
    }
}

/** v -= f (1 - f) second difference. */
KERNEL_CLONES static void subtract_bend(float *restrict v, const float *restrict below,
                                        const float *restrict here,
                                        const float *restrict above, float s,
                                        float s_step, size_t nx)
{
    for (size_t x = 0; x < nx; x++) {
        const float part = s + s_step * (float)x;
        const float f = part - floorf(part);
        v[x] -= f * (1.0f - f) * (below[x] - 2.0f * here[x] + above[x]);
    }
}

static int subtract_frame(void *ctx, size_t t, size_t worker, struct err *err)
{
    (void)worker;
    (void)err;
    const struct subtracting *s = ctx;
    struct cine *cine = s->cine;
    const struct rigid_pose *pose = &s->motion->poses[t];
    const double *mm = cine->spacing_mm;
    const size_t plane = cine_plane(cine);
    if (s->motion->is_rejected[t])
        return 0;
    for (size_t z = 0; z < cine->nz; z++) {
        const float *here = s->anatomy + z * plane;
        const float *below = z > 0 ? here - plane : here;
        const float *above = z + 1 < cine->nz ? here + plane : here;
        for (size_t y = 0; y < cine->ny; y++) {
            const double p[3] = {-0.5 * (double)(cine->nx - 1) * mm[0],
                                 ((double)y - 0.5 * (double)(cine->ny - 1)) * mm[1],
                                 ((double)z - 0.5 * (double)(cine->nz - 1)) * mm[2]};
            double first[3];
            rigid_shift_at(pose, p, first);
            const float shift = (float)(first[2] / mm[2]);
            const float step = (float)(pose->r[2][0] * mm[0] / mm[2]);
            const size_t row = y * cine->nx;
            (s->motion->is_across[t] ? subtract_bend : subtract_shift)(
                cine_frame(cine, z, t) + row, below + row, here + row, above + row, shift,
                step, cine->nx);
        }
    }
    return 0;
}

/** Whether any frame moved across slices at all. */
static bool is_worth_it(const struct motion *m, const struct cine *cine)
{
    for (size_t t = 0; t < m->nt; t++) {
        if (!m->is_rejected[t] && fabs(m->poses[t].t_mm[2]) > LEAST * cine->spacing_mm[2])
            return true;
    }
    return false;
}

int motion_anatomy_subtract(const struct motion *motion, struct cine *cine, int threads,
                            struct err *err)
{
    if (!motion->is_corrected || cine->nz < 2 || !is_worth_it(motion, cine))
        return 0;
    float *anatomy = malloc(cine_volume(cine) * sizeof(*anatomy));
    if (!anatomy)
        return err_set(err, ERR_NOMEM, "a volume of anatomy");
    cine_mean(cine, 0, cine->nt < FIRST_FRAMES ? cine->nt : FIRST_FRAMES, anatomy);
    struct subtracting s = {motion, cine, anatomy};
    const int r = parallel_for(threads, cine->nt, subtract_frame, &s, err);
    free(anatomy);
    return r;
}
