#include "kernels/rigid.h"

#include "base/err.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DOF = 6, POINTS_MIN = 100, BINS = 24 };

struct point {
    float p_mm[3], value;
    float jacobian[DOF]; // d value / d (shift, turn)
};

struct rigid {
    struct rigid_shape shape;
    struct rigid_options options;
    double middle[3]; // voxels
    struct point *points;
    size_t count;
    double inverse[DOF][DOF];       // of the Hessian
    double reach_mm;                // of a turn: the farthest point
    float value_lo, bins_per_value; // of the points, for a mapping
};

const struct rigid_pose RIGID_STILL = {.r = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};

static float clip(float v, const struct rigid_options *o)
{
    return v < (float)o->lo ? (float)o->lo : v > (float)o->hi ? (float)o->hi : v;
}

/** Central difference of clipped values along one axis, per mm. */
static float slope(const struct rigid *rigid, const float *v, size_t at, size_t n,
                   size_t step, double spacing_mm)
{
    const float *before = at > 0 ? v - step : v;
    const float *after = at + 1 < n ? v + step : v;
    const int spans = (at > 0) + (at + 1 < n);
    if (spans == 0)
        return 0.0f;
    return (clip(*after, &rigid->options) - clip(*before, &rigid->options))
           / (float)(spans * spacing_mm);
}

static void point_fill(struct rigid *rigid, struct point *pt, const size_t at[3],
                       const float g[3], float value)
{
    for (int a = 0; a < 3; a++) {
        pt->p_mm[a] =
            (float)(((double)at[a] - rigid->middle[a]) * rigid->shape.spacing_mm[a]);
        pt->jacobian[a] = g[a];
    }
    pt->value = value;
    // d/dw g . (w x p) = p x g
    const float *p = pt->p_mm;
    pt->jacobian[3] = p[1] * g[2] - p[2] * g[1];
    pt->jacobian[4] = p[2] * g[0] - p[0] * g[2];
    pt->jacobian[5] = p[0] * g[1] - p[1] * g[0];
    if (rigid->options.is_planar)
        pt->jacobian[2] = pt->jacobian[3] = pt->jacobian[4] = 0.0f;
    const double far = hypot((double)p[0], (double)p[1]);
    if (far > rigid->reach_mm)
        rigid->reach_mm = far;
}

/** Take up the voxels of row (y, z) that have a gradient. */
static void row_points(struct rigid *rigid, const float *voxels, const uint8_t *mask,
                       size_t y, size_t z)
{
    const struct rigid_shape *s = &rigid->shape;
    const size_t row = (z * s->ny + y) * s->nx;
    for (size_t x = 0; x < s->nx; x++) {
        if (!mask[row + x])
            continue;
        const float *v = voxels + row + x;
        const float g[3] = {slope(rigid, v, x, s->nx, 1, s->spacing_mm[0]),
                            slope(rigid, v, y, s->ny, s->nx, s->spacing_mm[1]),
                            slope(rigid, v, z, s->nz, s->nx * s->ny, s->spacing_mm[2])};
        if (hypotf(g[0], g[1]) < (float)rigid->options.gradient_min)
            continue;
        point_fill(rigid, &rigid->points[rigid->count++], (size_t[]){x, y, z}, g,
                   clip(*v, &rigid->options));
    }
}

/** Gauss-Jordan with pivots; false when a is singular. */
static bool invert(double a[DOF][DOF], double ret[DOF][DOF])
{
    for (int i = 0; i < DOF; i++) {
        for (int j = 0; j < DOF; j++)
            ret[i][j] = i == j;
    }
    for (int c = 0; c < DOF; c++) {
        int pivot = c;
        for (int i = c + 1; i < DOF; i++)
            pivot = fabs(a[i][c]) > fabs(a[pivot][c]) ? i : pivot;
        if (fabs(a[pivot][c]) < 1e-12)
            return false;
        for (int j = 0; j < DOF; j++) {
            const double u = a[c][j], v = ret[c][j];
            a[c][j] = a[pivot][j];
            ret[c][j] = ret[pivot][j];
            a[pivot][j] = u;
            ret[pivot][j] = v;
        }
        const double scale = 1.0 / a[c][c];
        for (int j = 0; j < DOF; j++) {
            a[c][j] *= scale;
            ret[c][j] *= scale;
        }
        for (int i = 0; i < DOF; i++) {
            const double f = i == c ? 0.0 : a[i][c];
            for (int j = 0; j < DOF; j++) {
                a[i][j] -= f * a[c][j];
                ret[i][j] -= f * ret[c][j];
            }
        }
    }
    return true;
}

/** The upper half of h from its lower; a direction that nothing depends on stays where it is. */
static void complete(double h[DOF][DOF])
{
    for (int a = 0; a < DOF; a++) {
        for (int b = 0; b < a; b++)
            h[b][a] = h[a][b];
        h[a][a] += h[a][a] > 0.0 ? 1e-6 * h[a][a] : 1.0;
    }
}

static bool make_hessian(struct rigid *rigid)
{
    double h[DOF][DOF] = {{0}};
    for (size_t k = 0; k < rigid->count; k++) {
        const float *j = rigid->points[k].jacobian;
        for (int a = 0; a < DOF; a++) {
            for (int b = 0; b <= a; b++)
                h[a][b] += (double)j[a] * (double)j[b];
        }
    }
    complete(h);
    return invert(h, rigid->inverse);
}

static void find_range(struct rigid *rigid)
{
    float lo = INFINITY, hi = -INFINITY;
    for (size_t k = 0; k < rigid->count; k++) {
        lo = fminf(lo, rigid->points[k].value);
        hi = fmaxf(hi, rigid->points[k].value);
    }
    rigid->value_lo = lo;
    rigid->bins_per_value = hi > lo ? (float)(BINS - 1) / (hi - lo) : 0.0f;
}

int rigid_create(const struct rigid_shape *shape, const float *voxels,
                 const uint8_t *mask, const struct rigid_options *options,
                 struct rigid **ret, struct err *err)
{
    const size_t n = shape->nx * shape->ny * shape->nz;
    size_t masked = 0;
    for (size_t i = 0; i < n; i++)
        masked += mask[i] != 0;

    auto_(rigid) struct rigid *rigid = calloc(1, sizeof(*rigid));
    if (rigid)
        rigid->points = malloc((masked + 1) * sizeof(*rigid->points));
    if (!rigid || !rigid->points)
        return err_set(err, ERR_NOMEM, "%zu points of a volume", masked);
    rigid->shape = *shape;
    rigid->options = *options;
    rigid->middle[0] = 0.5 * (double)(shape->nx - 1);
    rigid->middle[1] = 0.5 * (double)(shape->ny - 1);
    rigid->middle[2] = 0.5 * (double)(shape->nz - 1);
    for (size_t z = 0; z < shape->nz; z++) {
        for (size_t y = 0; y < shape->ny; y++)
            row_points(rigid, voxels, mask, y, z);
    }
    find_range(rigid);
    if (rigid->count < POINTS_MIN || !make_hessian(rigid))
        return err_set(err, ERR_NOTFOUND, "%zu voxels with a gradient are too few",
                       rigid->count);
    *ret = take(rigid);
    return 0;
}

void rigid_destroy(struct rigid *rigid)
{
    if (!rigid)
        return;
    free(rigid->points);
    free(rigid);
}

/** Trilinear value at voxel coordinates u; false outside. */
static inline bool sample(const struct rigid_shape *s, const float *v, const float u[3],
                          float *ret)
{
    if (!(u[0] >= 0.0f && u[1] >= 0.0f && u[2] >= -0.01f) || u[0] > (float)(s->nx - 1)
        || u[1] > (float)(s->ny - 1) || u[2] > (float)(s->nz - 1) + 0.01f)
        return false;
    const size_t x = (size_t)u[0], y = (size_t)u[1], z = u[2] > 0.0f ? (size_t)u[2] : 0;
    const size_t dx = x + 1 < s->nx, dy = y + 1 < s->ny ? s->nx : 0;
    const size_t dz = z + 1 < s->nz ? s->nx * s->ny : 0;
    const float fx = u[0] - (float)x, fy = u[1] - (float)y, fz = u[2] - (float)z;
    const float *p = v + (z * s->ny + y) * s->nx + x;
    const float *q = p + dz;
    const float a = p[0] + fx * (p[dx] - p[0]);
    const float b = p[dy] + fx * (p[dy + dx] - p[dy]);
    const float c = q[0] + fx * (q[dx] - q[0]);
    const float d = q[dy] + fx * (q[dy + dx] - q[dy]);
    const float lo = a + fy * (b - a), hi = c + fy * (d - c);
    *ret = lo + fz * (hi - lo);
    return true;
}

/** From mm of the reference to voxels of the moved volume: u = m p + t. */
struct affine {
    float m[3][3], t[3];
};

static struct affine affine_of(const struct rigid *rigid, const struct rigid_pose *pose)
{
    struct affine to;
    for (int a = 0; a < 3; a++) {
        const double scale = 1.0 / rigid->shape.spacing_mm[a];
        for (int c = 0; c < 3; c++)
            to.m[a][c] = (float)(pose->r[a][c] * scale);
        to.t[a] = (float)(pose->t_mm[a] * scale + rigid->middle[a]);
    }
    return to;
}

static inline bool sample_at(const struct rigid *rigid, const float *moved,
                             const struct affine *to, const float p[3], float *ret)
{
    float u[3];
    for (int a = 0; a < 3; a++)
        u[a] = to->m[a][0] * p[0] + to->m[a][1] * p[1] + to->m[a][2] * p[2] + to->t[a];
    if (!sample(&rigid->shape, moved, u, ret))
        return false;
    *ret = clip(*ret, &rigid->options);
    return true;
}

/** Sum of jacobian times difference, and the root mean square difference. */
static double plain_differences(const struct rigid *rigid, const float *moved,
                                const struct affine *to, double b[DOF])
{
    double sum2 = 0.0;
    size_t n = 0;
    for (size_t k = 0; k < rigid->count; k++) {
        const struct point *pt = &rigid->points[k];
        float value;
        if (!sample_at(rigid, moved, to, pt->p_mm, &value))
            continue;
        const float e = value - pt->value;
        for (int a = 0; a < DOF; a++)
            b[a] += (double)(pt->jacobian[a] * e);
        sum2 += (double)(e * e);
        n++;
    }
    return n ? sqrt(sum2 / (double)n) : HUGE_VAL;
}

/** Mean of the moved values at each value of the reference, linear between BINS of them. */
struct mapping {
    float at[BINS];
};

/** Where value lies among the bins: bin *ret_k and a part of the way to the next. */
static inline float bin_of(const struct rigid *rigid, float value, int *ret_k)
{
    const float at = (value - rigid->value_lo) * rigid->bins_per_value;
    const int k = at < (float)(BINS - 1) ? (int)at : BINS - 2;
    *ret_k = k;
    return at - (float)k;
}

static void fit_mapping(const struct rigid *rigid, const float *moved,
                        const struct affine *to, struct mapping *ret)
{
    double sum[BINS] = {0}, weight[BINS] = {0};
    for (size_t i = 0; i < rigid->count; i++) {
        const struct point *pt = &rigid->points[i];
        float value;
        if (!sample_at(rigid, moved, to, pt->p_mm, &value))
            continue;
        int k;
        const float part = bin_of(rigid, pt->value, &k);
        sum[k] += (double)((1.0f - part) * value);
        weight[k] += (double)(1.0f - part);
        sum[k + 1] += (double)(part * value);
        weight[k + 1] += (double)part;
    }
    float last = 0.0f;
    for (int k = 0; k < BINS; k++) // an empty bin is as the one before
        last = ret->at[k] = weight[k] > 0.5 ? (float)(sum[k] / weight[k]) : last;
}

/**
 * The step against the mapped reference. Its slopes change with the mapping, and so does the
 * Hessian: step := H^-1 sum of jacobian times difference.
 */
static double mapped_step(const struct rigid *rigid, const float *moved,
                          const struct affine *to, double step[DOF])
{
    struct mapping f;
    double h[DOF][DOF] = {{0}}, b[DOF] = {0}, inverse[DOF][DOF], sum2 = 0.0;
    size_t n = 0;
    fit_mapping(rigid, moved, to, &f);
    for (size_t i = 0; i < rigid->count; i++) {
        const struct point *pt = &rigid->points[i];
        float value;
        if (!sample_at(rigid, moved, to, pt->p_mm, &value))
            continue;
        int k;
        const float part = bin_of(rigid, pt->value, &k);
        const float rise = f.at[k + 1] - f.at[k], slope = rise * rigid->bins_per_value;
        const float e = value - (f.at[k] + part * rise);
        sum2 += (double)(e * e);
        n++;
        for (int a = 0; a < DOF; a++) {
            const float j = slope * pt->jacobian[a];
            b[a] += (double)(j * e);
            for (int c = 0; c <= a; c++)
                h[a][c] += (double)(j * slope * pt->jacobian[c]);
        }
    }
    complete(h);
    const bool is_regular = invert(h, inverse);
    for (int a = 0; a < DOF; a++) {
        step[a] = 0.0;
        for (int c = 0; c < DOF && is_regular; c++)
            step[a] += inverse[a][c] * b[c];
    }
    return n ? sqrt(sum2 / (double)n) : HUGE_VAL;
}

/** The step of Gauss and Newton at pose, and the root mean square difference there. */
static double step_at(const struct rigid *rigid, const float *moved,
                      const struct rigid_pose *pose, double step[DOF])
{
    const struct affine to = affine_of(rigid, pose);
    if (rigid->options.is_mapped)
        return mapped_step(rigid, moved, &to, step);
    double b[DOF] = {0};
    const double rms = plain_differences(rigid, moved, &to, b);
    for (int a = 0; a < DOF; a++) {
        step[a] = 0.0;
        for (int c = 0; c < DOF; c++)
            step[a] += rigid->inverse[a][c] * b[c];
    }
    return rms;
}

/** The matrix of a turn by the vector w (Rodrigues). */
static void turn_matrix(const double w[3], double r[3][3])
{
    const double angle = sqrt(w[0] * w[0] + w[1] * w[1] + w[2] * w[2]);
    const double s = angle > 1e-9 ? sin(angle) / angle : 1.0;
    const double c = angle > 1e-9 ? (1.0 - cos(angle)) / (angle * angle) : 0.5;
    const double k[3][3] = {{0, -w[2], w[1]}, {w[2], 0, -w[0]}, {-w[1], w[0], 0}};
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 3; j++) {
            double square = 0.0;
            for (int l = 0; l < 3; l++)
                square += k[i][l] * k[l][j];
            r[i][j] = (i == j) + s * k[i][j] + c * square;
        }
    }
}

/** pose := pose after the inverse of step. */
static void step_back(struct rigid_pose *pose, const double step[DOF])
{
    double back[3][3];
    const double w[3] = {-step[3], -step[4], -step[5]};
    turn_matrix(w, back);
    struct rigid_pose out = *pose;
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 3; j++) {
            out.r[i][j] = 0.0;
            for (int l = 0; l < 3; l++)
                out.r[i][j] += pose->r[i][l] * back[l][j];
        }
    }
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 3; j++)
            out.t_mm[i] -= out.r[i][j] * step[j];
    }
    *pose = out;
}

double rigid_align(const struct rigid *rigid, const float *moved, struct rigid_pose *pose)
{
    double step[DOF], following[DOF];
    double rms = step_at(rigid, moved, pose, step);
    for (int i = 0; i < rigid->options.steps_max; i++) {
        struct rigid_pose next = *pose;
        step_back(&next, step);
        const double rms_next = step_at(rigid, moved, &next, following);
        if (!(rms_next < rms))
            break; // no better: stay
        rms = rms_next;
        *pose = next;
        const double moved_mm =
            sqrt(step[0] * step[0] + step[1] * step[1] + step[2] * step[2]);
        const double turned =
            sqrt(step[3] * step[3] + step[4] * step[4] + step[5] * step[5]);
        if (moved_mm + turned * rigid->reach_mm < rigid->options.stop_mm)
            break;
        memcpy(step, following, sizeof(step));
    }
    return rms;
}

double rigid_turn_deg(const struct rigid_pose *pose)
{
    const double trace = pose->r[0][0] + pose->r[1][1] + pose->r[2][2];
    const double c = 0.5 * (trace - 1.0);
    return acos(c > 1.0 ? 1.0 : c < -1.0 ? -1.0 : c) * 180.0 / M_PI;
}

void rigid_shift_at(const struct rigid_pose *pose, const double p_mm[3], double ret[3])
{
    for (int a = 0; a < 3; a++)
        ret[a] = pose->r[a][0] * p_mm[0] + pose->r[a][1] * p_mm[1]
                 + pose->r[a][2] * p_mm[2] + pose->t_mm[a] - p_mm[a];
}
