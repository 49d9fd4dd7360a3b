#include "pipeline/perfusion/motion.h"

#include "base/err.h"
#include "kernels/clones.h"
#include "kernels/median.h"
#include "kernels/morph.h"
#include "pipeline/lib/parallel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double GRID_MM = 2.0;  // of the fine level
static const double ACROSS = 0.3;   // of a slice: less is left alone
static const double LEAST_MM = 0.1; // a frame that moved less is left alone
static const double MISFIT = 2.0;   // times the residuals before and after
static const size_t SLICES_MIN = 4; // with fewer, motion across them is not estimated

const struct motion_options MOTION_CT = {.lo = -200.0,
                                         .hi = 400.0,
                                         .gradient_min = 15.0,
                                         .near_mm = 14.0,
                                         .rim_mm = 0.5,
                                         .residual_least = 8.0};

enum { LEVELS = 2, NEIGHBOURS = 5 };

struct estimating {
    const struct cine *cine;
    struct motion *motion;
    const struct motion_options *options;
    struct rigid *levels[LEVELS]; // coarse, fine; NULL: too few edges
    struct rigid_shape shapes[LEVELS];
    size_t blocks[LEVELS];
    float *work; // [threads][fine volume and two planes]
};

/** Mean of the clipped values of a block of rows, block of each row. */
KERNEL_CLONES static void shrink_row(const float *restrict src, size_t src_nx,
                                     size_t block, size_t nx, float lo, float hi,
                                     float *restrict dst)
{
    const float scale = 1.0f / (float)(block * block);
    memset(dst, 0, nx * sizeof(*dst));
    for (size_t v = 0; v < block; v++, src += src_nx) {
        for (size_t u = 0; u < block; u++) {
            for (size_t x = 0; x < nx; x++) {
                const float value = src[x * block + u];
                dst[x] += value < lo ? lo : value > hi ? hi : value;
            }
        }
    }
    for (size_t x = 0; x < nx; x++)
        dst[x] *= scale;
}

/** ret = (a + 2 b + c) / 4 */
KERNEL_CLONES static void blend(const float *a, const float *b, const float *c, size_t n,
                                float *ret)
{
    for (size_t x = 0; x < n; x++)
        ret[x] = 0.25f * (a[x] + c[x]) + 0.5f * b[x];
}

/**
 * Blur in place by 1 2 1 along one axis: n runs of size floats, step apart; the end ones stay. was: float [2][size].
 */
static void blur_along(float *v, size_t n, size_t step, size_t size, float *was)
{
    float *before = was, *here = was + size; // as they were before the blur
    if (n < 3)
        return;
    memcpy(before, v, size * sizeof(*v));
    for (size_t i = 1; i + 1 < n; i++) {
        float *at = v + i * step;
        memcpy(here, at, size * sizeof(*v));
        blend(before, here, at + step, size, at);
        float *next = before;
        before = here;
        here = next;
    }
}

/**
 * A frame as it is aligned: clipped, shrunk by block x block of each plane, and blurred by 1 2 1 along all axes, so
 * that interpolation between its voxels, which blurs as well, changes it little. Planes of src lie src_step
 * apart. was: float [2][to plane].
 */
static void shrink(const struct motion_options *o, const float *src, size_t src_nx,
                   size_t src_step, size_t block, const struct rigid_shape *to,
                   float *was, float *dst)
{
    const size_t nx = to->nx, ny = to->ny;
    for (size_t z = 0; z < to->nz; z++) {
        float *plane = dst + z * nx * ny;
        for (size_t y = 0; y < ny; y++) {
            shrink_row(src + z * src_step + y * block * src_nx, src_nx, block, nx,
                       (float)o->lo, (float)o->hi, was);
            memcpy(plane + y * nx, was, nx * sizeof(*was));
            if (nx > 2)
                blend(was, was + 1, was + 2, nx - 2, plane + y * nx + 1);
        }
        blur_along(plane, ny, nx, nx, was);
    }
    blur_along(dst, to->nz, nx * ny, nx * ny, was);
}

static struct rigid_shape shape_of(const struct cine *cine, size_t block)
{
    return (struct rigid_shape){
        .nx = cine->nx / block,
        .ny = cine->ny / block,
        .nz = cine->nz,
        .spacing_mm = {cine->spacing_mm[0] * (double)block,
                       cine->spacing_mm[1] * (double)block, cine->spacing_mm[2]},
    };
}

/** Skull and scalp about the brain, on a level's grid: what contrast does not change. */
static int near_brain(const struct cine *cine, const struct head *head,
                      const struct motion_options *options, const struct rigid_shape *s,
                      size_t block, uint8_t **ret, struct err *err)
{
    const size_t plane = s->nx * s->ny;
    uint8_t *mask = calloc(plane * s->nz, 1), *small = calloc(2 * plane, 1);
    if (!mask || !small) {
        free(mask);
        free(small);
        return err_set(err, ERR_NOMEM, "a mask");
    }
    const double radius[2] = {options->near_mm / s->spacing_mm[0],
                              options->near_mm / s->spacing_mm[1]};
    const double rim[2] = {options->rim_mm / s->spacing_mm[0],
                           options->rim_mm / s->spacing_mm[1]};
    for (size_t z = 0; z < s->nz; z++) {
        const uint8_t *from = head->inside + z * cine_plane(cine);
        for (size_t i = 0; i < plane; i++)
            small[i] = from[i / s->nx * block * cine->nx + i % s->nx * block];
        uint8_t *near = mask + z * plane;
        morph_dilate(small, s->nx, s->ny, radius, near);
        morph_erode(small, s->nx, s->ny, rim, small + plane);
        for (size_t i = 0; i < plane; i++)
            near[i] &= options->rim_mm <= 0.0 || !small[plane + i];
    }
    free(small);
    *ret = mask;
    return 0;
}

static int make_level(struct estimating *e, int level, const struct head *head,
                      const float *reference, struct err *err)
{
    const struct rigid_shape *s = &e->shapes[level];
    const struct rigid_options options = {
        .lo = e->options->lo,
        .hi = e->options->hi,
        .gradient_min = e->options->gradient_min,
        .is_mapped = e->options->is_mapped,
        .is_planar = s->nz < SLICES_MIN,
        .steps_max = 8,
        .stop_mm = level + 1 == LEVELS ? 0.02 : 0.1,
    };
    uint8_t *mask = NULL;
    int r = near_brain(e->cine, head, e->options, s, e->blocks[level], &mask, err);
    if (r < 0)
        return r;
    shrink(e->options, reference, e->cine->nx, cine_plane(e->cine), e->blocks[level], s,
           e->work + s->nx * s->ny * s->nz, e->work);
    r = rigid_create(s, e->work, mask, &options, &e->levels[level], err);
    free(mask);
    return r == ERR_NOTFOUND ? 0 : r;
}

static int align_frame(void *ctx, size_t t, size_t worker, struct err *err)
{
    (void)err;
    const struct estimating *e = ctx;
    const struct rigid_shape *fine = &e->shapes[LEVELS - 1];
    const size_t volume = fine->nx * fine->ny * fine->nz;
    float *work = e->work + worker * (volume + 2 * fine->nx * fine->ny);
    struct motion *m = e->motion;
    m->poses[t] = RIGID_STILL;
    for (int l = 0; l < LEVELS; l++) {
        if (!e->levels[l])
            continue;
        shrink(e->options, cine_frame(e->cine, 0, t), e->cine->nx,
               cine_plane(e->cine) * e->cine->nt, e->blocks[l], &e->shapes[l],
               work + volume, work);
        m->residual[t] = (float)rigid_align(e->levels[l], work, &m->poses[t]);
    }
    const double *shift = m->poses[t].t_mm;
    m->translation_mm[t] =
        (float)sqrt(shift[0] * shift[0] + shift[1] * shift[1] + shift[2] * shift[2]);
    m->rotation_deg[t] = (float)rigid_turn_deg(&m->poses[t]);
    return 0;
}

/** Median residual of frames from..to-1; 0 of none. */
static float usual(const struct motion *m, size_t from, size_t to)
{
    float work[NEIGHBOURS];
    if (from >= to)
        return 0.0f;
    memcpy(work, m->residual + from, (to - from) * sizeof(*work));
    return median_kth(work, to - from, (to - from) / 2);
}

/**
 * A frame during which the head moved fits worse than those before and those after it. What is
 * left after a move that lasts (edges seen at other places of the voxels) is common to all that follow.
 */
static bool is_misfit(const struct motion *m, size_t t, double least)
{
    const size_t first = t > NEIGHBOURS ? t - NEIGHBOURS : 0;
    const size_t end = t + 1 + NEIGHBOURS < m->nt ? t + 1 + NEIGHBOURS : m->nt;
    const float before = usual(m, first, t), after = usual(m, t + 1, end);
    const float bound = (float)MISFIT * fmaxf(before, after);
    return m->residual[t] > fmaxf(bound, (float)least);
}

static void sum_up(struct motion *m, double residual_least)
{
    for (size_t t = 0; t < m->nt; t++) {
        m->is_rejected[t] = is_misfit(m, t, residual_least);
        m->rejected += m->is_rejected[t];
        if (m->is_rejected[t])
            continue; // its pose means nothing
        m->max_mm = fmax(m->max_mm, (double)m->translation_mm[t]);
        m->max_deg = fmax(m->max_deg, (double)m->rotation_deg[t]);
    }
}

static int motion_create(size_t nt, struct motion **ret, struct err *err)
{
    auto_(motion) struct motion *m = calloc(1, sizeof(*m));
    if (!m)
        return err_set(err, ERR_NOMEM, "motion");
    m->nt = nt;
    m->poses = calloc(nt, sizeof(*m->poses));
    m->translation_mm = calloc(nt, sizeof(float));
    m->rotation_deg = calloc(nt, sizeof(float));
    m->residual = calloc(nt, sizeof(float));
    m->is_rejected = calloc(nt, 1);
    m->is_across = calloc(nt, 1);
    if (!m->poses || !m->translation_mm || !m->rotation_deg || !m->residual
        || !m->is_rejected || !m->is_across)
        return err_set(err, ERR_NOMEM, "motion of %zu frames", nt);
    *ret = take(m);
    return 0;
}

static int estimate(struct estimating *e, const struct head *head, const float *reference,
                    int threads, struct err *err)
{
    int r = 0;
    for (int l = 0; l < LEVELS && r == 0; l++)
        r = make_level(e, l, head, reference, err);
    if (r == 0)
        r = parallel_for(threads, e->cine->nt, align_frame, e, err);
    for (int l = 0; l < LEVELS; l++)
        rigid_destroy(e->levels[l]);
    return r;
}

int motion_estimate(const struct cine *cine, const struct head *head,
                    const float *reference, const struct motion_options *options,
                    int threads, struct motion **ret, struct err *err)
{
    auto_(motion) struct motion *m = NULL;
    int r = motion_create(cine->nt, &m, err);
    if (r < 0)
        return r;
    struct estimating e = {.cine = cine, .motion = m, .options = options};
    size_t block = (size_t)floor(GRID_MM / cine->spacing_mm[0] + 0.5);
    block = block < 1 ? 1 : block;
    for (int l = 0; l < LEVELS; l++) {
        e.blocks[l] = l + 1 == LEVELS ? block : 2 * block;
        e.shapes[l] = shape_of(cine, e.blocks[l]);
    }
    const size_t workers = threads < 1 ? 1 : (size_t)threads;
    const size_t plane = cine->nx / block * (cine->ny / block);
    e.work = malloc(workers * plane * (cine->nz + 2) * sizeof(*e.work));
    if (!e.work)
        return err_set(err, ERR_NOMEM, "volumes for motion");
    r = estimate(&e, head, reference, threads, err);
    if (r == 0) {
        sum_up(m, options->residual_least);
        *ret = take(m);
    }
    free(e.work);
    return r;
}

struct correcting {
    struct motion *motion;
    struct cine *cine;
    struct rigid_shape shape;
    float *work; // [threads][2 volumes]
};

/** Largest shift of the pose over the corners of a head-sized box, in the plane and across. */
static void farthest(const struct rigid_shape *s, const struct rigid_pose *pose,
                     double *ret_plane_mm, double *ret_across_mm)
{
    static const double REACH_MM = 70.0;
    const double half_z = 0.5 * (double)(s->nz - 1) * s->spacing_mm[2];
    *ret_plane_mm = *ret_across_mm = 0.0;
    for (int corner = 0; corner < 8; corner++) {
        const double p[3] = {corner & 1 ? REACH_MM : -REACH_MM,
                             corner & 2 ? REACH_MM : -REACH_MM,
                             corner & 4 ? half_z : -half_z};
        double shift[3];
        rigid_shift_at(pose, p, shift);
        *ret_plane_mm = fmax(*ret_plane_mm, hypot(shift[0], shift[1]));
        *ret_across_mm = fmax(*ret_across_mm, fabs(shift[2]));
    }
}

static void correct_across(const struct correcting *c, size_t t, float *work)
{
    const size_t plane = c->shape.nx * c->shape.ny, nz = c->shape.nz;
    float *moved = work, *back = work + plane * nz;
    for (size_t z = 0; z < nz; z++)
        memcpy(moved + z * plane, cine_frame(c->cine, z, t), plane * sizeof(*moved));
    rigid_resample_across(&c->shape, &c->motion->poses[t], moved, back);
    for (size_t z = 0; z < nz; z++)
        memcpy(cine_frame(c->cine, z, t), back + z * plane, plane * sizeof(*back));
}

static int correct_frame(void *ctx, size_t t, size_t worker, struct err *err)
{
    (void)err;
    const struct correcting *c = ctx;
    const size_t plane = c->shape.nx * c->shape.ny;
    float *work = c->work + worker * 2 * plane * c->shape.nz;
    double plane_mm, across_mm;
    farthest(&c->shape, &c->motion->poses[t], &plane_mm, &across_mm);
    c->motion->is_across[t] = across_mm > ACROSS * c->shape.spacing_mm[2];
    if (c->motion->is_across[t])
        correct_across(c, t, work);
    if (plane_mm < LEAST_MM)
        return 0;
    for (size_t z = 0; z < c->shape.nz; z++) {
        struct rigid_pose pose = c->motion->poses[t];
        const double z_mm =
            ((double)z - 0.5 * (double)(c->shape.nz - 1)) * c->shape.spacing_mm[2];
        for (int a = 0; a < 2; a++) // a tilt shifts slices against each other
            pose.t_mm[a] += pose.r[a][2] * z_mm;
        float *frame = cine_frame(c->cine, z, t);
        rigid_resample_plane(&c->shape, &pose, frame, work, frame);
    }
    return 0;
}

/** Make up the frames that do not fit from those beside them. */
static void replace_rejected(const struct motion *m, struct cine *cine)
{
    for (size_t z = 0; z < cine->nz; z++) {
        for (size_t t = 0; t < cine->nt; t++)
            cine->is_missing[z * cine->nt + t] |= m->is_rejected[t];
    }
    if (m->rejected > 0)
        cine_fill_missing(cine);
}

/** The farthest that any frame that is kept has moved. */
static double most_moved_mm(const struct motion *m, const struct rigid_shape *shape)
{
    double most_mm = 0.0;
    for (size_t t = 0; t < m->nt; t++) {
        double plane_mm, across_mm;
        farthest(shape, &m->poses[t], &plane_mm, &across_mm);
        if (!m->is_rejected[t])
            most_mm = fmax(most_mm, fmax(plane_mm, across_mm));
    }
    return most_mm;
}

int motion_correct(struct motion *motion, struct cine *cine, double worth_mm, int threads,
                   struct err *err)
{
    struct correcting c = {.motion = motion, .cine = cine, .shape = shape_of(cine, 1)};
    if (most_moved_mm(motion, &c.shape) >= worth_mm) {
        const size_t workers = threads < 1 ? 1 : (size_t)threads;
        c.work = malloc(workers * 2 * cine_volume(cine) * sizeof(*c.work));
        if (!c.work)
            return err_set(err, ERR_NOMEM, "volumes for motion");
        const int r = parallel_for(threads, cine->nt, correct_frame, &c, err);
        free(c.work);
        if (r < 0)
            return r;
        motion->is_corrected = true;
    }
    replace_rejected(motion, cine);
    return 0;
}

void motion_drop_first(struct motion *motion, size_t n)
{
    const size_t nt = motion->nt -= n;
    memmove(motion->poses, motion->poses + n, nt * sizeof(*motion->poses));
    memmove(motion->translation_mm, motion->translation_mm + n, nt * sizeof(float));
    memmove(motion->rotation_deg, motion->rotation_deg + n, nt * sizeof(float));
    memmove(motion->residual, motion->residual + n, nt * sizeof(float));
    memmove(motion->is_rejected, motion->is_rejected + n, nt);
}

void motion_destroy(struct motion *motion)
{
    if (!motion)
        return;
    free(motion->poses);
    free(motion->translation_mm);
    free(motion->rotation_deg);
    free(motion->residual);
    free(motion->is_rejected);
    free(motion->is_across);
    free(motion);
}
