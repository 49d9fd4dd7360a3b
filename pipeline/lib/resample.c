#include "pipeline/lib/resample.h"

#include "base/err.h"
#include "pipeline/lib/parallel.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { LATTICE_MAX = 8 };

static double dot(const double a[3], const double b[3])
{
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

/* ---- making a grid ---- */

/** Distance of slice z from the first along the normal. */
static double along(const struct grid *grid, const double normal[3], size_t z)
{
    double step[3];
    for (int i = 0; i < 3; i++)
        step[i] = grid->position_mm[z][i] - grid->position_mm[0][i];
    return dot(step, normal);
}

/** Voxels of that size in extent; size 0: n of them. */
static size_t count_voxels(size_t n, double extent_mm, double size_mm)
{
    if (size_mm <= 0)
        return n;
    const double count = floor(extent_mm / size_mm + 0.5);
    return count < 1.0 ? 1 : count > 1e9 ? (size_t)1e9 : (size_t)count;
}

/** Where the slice at distance s would lie in the stack: between its neighbours, or beyond
 * the last along the normal. */
static void place_slice(const struct grid *from, const double normal[3], double s,
                        double ret[3])
{
    size_t k = 0;
    while (k + 2 < from->nz && along(from, normal, k + 1) <= s)
        k++;
    const size_t next = from->nz > 1 ? k + 1 : k;
    const double a = along(from, normal, k), b = along(from, normal, next);
    for (int i = 0; i < 3; i++) {
        const double step =
            next > k ? (from->position_mm[next][i] - from->position_mm[k][i]) / (b - a)
                     : normal[i];
        ret[i] = from->position_mm[k][i] + (s - a) * step;
    }
}

int resample_grid(const struct grid *from, const double spacing_mm[3], struct grid **ret,
                  struct err *err)
{
    double normal[3];
    grid_normal(from, normal);
    const double x_mm = (double)from->nx * from->spacing_mm[0];
    const double y_mm = (double)from->ny * from->spacing_mm[1];
    const double z_mm = along(from, normal, from->nz - 1) + from->thickness_mm;
    const size_t nx = count_voxels(from->nx, x_mm, spacing_mm[2]);
    const size_t ny = count_voxels(from->ny, y_mm, spacing_mm[1]);
    const size_t nz = count_voxels(from->nz, z_mm, spacing_mm[0]);
    const double sx = x_mm / (double)nx, sy = y_mm / (double)ny;
    const double sz = spacing_mm[0] > 0 ? z_mm / (double)nz : from->thickness_mm;
    if ((double)nx * (double)ny * (double)nz > (double)INT32_MAX)
        return err_set(err, ERR_LIMIT, "%zux%zux%zu voxels for the network", nx, ny, nz);
    auto_(grid) struct grid *grid = NULL;
    int r = grid_create(nx, ny, nz, &grid, err);
    if (r < 0)
        return r;
    grid->spacing_mm[0] = sx;
    grid->spacing_mm[1] = sy;
    grid->thickness_mm = sz;
    memcpy(grid->orientation, from->orientation, sizeof(grid->orientation));
    const double dx = (sx - from->spacing_mm[0]) / 2, dy = (sy - from->spacing_mm[1]) / 2;
    for (size_t z = 0; z < nz; z++) {
        double *at = grid->position_mm[z];
        if (spacing_mm[0] > 0)
            place_slice(from, normal, (sz - from->thickness_mm) / 2 + sz * (double)z, at);
        else
            memcpy(at, from->position_mm[z], 3 * sizeof(*at));
        for (int i = 0; i < 3; i++)
            at[i] += dx * grid->orientation[i] + dy * grid->orientation[i + 3];
    }
    *ret = take(grid);
    return 0;
}

/* ---- sampling ---- */

/** What sampling needs to know of the source. */
struct source {
    const struct grid *grid;
    const float *const *planes;
    double normal[3];
    double first_mm, last_mm; // along the normal, with half a voxel on each end
    float outside;
};

static struct source source_of(const struct grid *grid, const float *const *planes,
                               float outside)
{
    struct source s = {.grid = grid, .planes = planes, .outside = outside};
    grid_normal(grid, s.normal);
    s.first_mm = -grid->thickness_mm / 2;
    s.last_mm = along(grid, s.normal, grid->nz - 1) + grid->thickness_mm / 2;
    return s;
}

/** The slice at or below distance s; starts looking at hint. */
static size_t slice_below(const struct source *src, double s, size_t hint)
{
    size_t k = hint;
    while (k > 0 && along(src->grid, src->normal, k) > s)
        k--;
    while (k + 1 < src->grid->nz && along(src->grid, src->normal, k + 1) <= s)
        k++;
    return k;
}

/** Columns and rows of the point in slice k; false: outside. */
static bool place_in(const struct source *src, const double p[3], size_t k, double *ret_x,
                     double *ret_y)
{
    const struct grid *g = src->grid;
    double step[3];
    for (int i = 0; i < 3; i++)
        step[i] = p[i] - g->position_mm[k][i];
    const double x = dot(step, g->orientation) / g->spacing_mm[0];
    const double y = dot(step, g->orientation + 3) / g->spacing_mm[1];
    const double last_x = (double)g->nx - 1, last_y = (double)g->ny - 1;
    if (!(x >= -0.5 && x <= last_x + 0.5 && y >= -0.5 && y <= last_y + 0.5))
        return false;
    *ret_x = fmin(fmax(x, 0.0), last_x);
    *ret_y = fmin(fmax(y, 0.0), last_y);
    return true;
}

static float bilinear(const struct source *src, const double p[3], size_t k)
{
    double x, y;
    if (!place_in(src, p, k, &x, &y))
        return src->outside;
    const size_t nx = src->grid->nx, x0 = (size_t)x, y0 = (size_t)y;
    const size_t x1 = x0 + 1 < nx ? x0 + 1 : x0;
    const size_t y1 = y0 + 1 < src->grid->ny ? y0 + 1 : y0;
    const float fx = (float)(x - (double)x0), fy = (float)(y - (double)y0);
    const float *a = src->planes[k] + y0 * nx, *b = src->planes[k] + y1 * nx;
    const float top = a[x0] + fx * (a[x1] - a[x0]), low = b[x0] + fx * (b[x1] - b[x0]);
    return top + fy * (low - top);
}

static float sample_linear(const struct source *src, const double p[3], double s,
                           size_t *hint)
{
    if (s < src->first_mm || s > src->last_mm)
        return src->outside;
    const size_t k = *hint = slice_below(src, s, *hint);
    const float a = bilinear(src, p, k);
    if (k + 1 >= src->grid->nz)
        return a;
    const double d = along(src->grid, src->normal, k);
    const double t = (s - d) / (along(src->grid, src->normal, k + 1) - d);
    return t <= 0.0 ? a : a + (float)t * (bilinear(src, p, k + 1) - a);
}

static float sample_nearest(const struct source *src, const double p[3], double s,
                            size_t *hint)
{
    double x, y;
    if (s < src->first_mm || s > src->last_mm)
        return src->outside;
    size_t k = *hint = slice_below(src, s, *hint);
    if (k + 1 < src->grid->nz
        && s - along(src->grid, src->normal, k)
               > along(src->grid, src->normal, k + 1) - s)
        k++;
    if (!place_in(src, p, k, &x, &y))
        return src->outside;
    return src->planes[k][(size_t)(y + 0.5) * src->grid->nx + (size_t)(x + 0.5)];
}

/** Samples along an axis of a voxel of size to_mm, so that they lie as close as from_mm. */
static int lattice(double to_mm, double from_mm)
{
    const double n = ceil(to_mm / from_mm - 1e-6);
    return n < 1 ? 1 : n > LATTICE_MAX ? LATTICE_MAX : (int)n;
}

/** Mean over the voxel of `to` about p. */
static float sample_smooth(const struct source *src, const struct grid *to,
                           const double to_normal[3], const double p[3], size_t *hint)
{
    const struct grid *from = src->grid;
    const int nx = lattice(to->spacing_mm[0], from->spacing_mm[0]);
    const int ny = lattice(to->spacing_mm[1], from->spacing_mm[1]);
    const int nz = lattice(to->thickness_mm, from->thickness_mm);
    double sum = 0.0;
    for (int i = 0; i < nx * ny * nz; i++) {
        const double dx = ((i % nx + 0.5) / nx - 0.5) * to->spacing_mm[0];
        const double dy = ((i / nx % ny + 0.5) / ny - 0.5) * to->spacing_mm[1];
        const double dz = ((i / nx / ny + 0.5) / nz - 0.5) * to->thickness_mm;
        double q[3], step[3];
        for (int k = 0; k < 3; k++) {
            q[k] = p[k] + dx * to->orientation[k] + dy * to->orientation[k + 3]
                   + dz * to_normal[k];
            step[k] = q[k] - from->position_mm[0][k];
        }
        sum += (double)sample_linear(src, q, dot(step, src->normal), hint);
    }
    return (float)(sum / (nx * ny * nz));
}

bool resample_needs(const struct grid *from, const struct grid *to, size_t z,
                    size_t *ret_first, size_t *ret_last)
{
    const struct source src = source_of(from, NULL, 0.0f);
    double to_normal[3], lo = HUGE_VAL, hi = -HUGE_VAL;
    grid_normal(to, to_normal);
    // Half a voxel around the corners: what smooth looks at.
    for (int corner = 0; corner < 8; corner++) {
        const double x = corner & 1 ? (double)to->nx - 0.5 : -0.5;
        const double y = corner & 2 ? (double)to->ny - 0.5 : -0.5;
        const double dz = (corner & 4 ? 0.5 : -0.5) * to->thickness_mm;
        double p[3];
        grid_to_patient(to, x, y, z, p);
        for (int i = 0; i < 3; i++)
            p[i] += dz * to_normal[i] - from->position_mm[0][i];
        lo = fmin(lo, dot(p, src.normal));
        hi = fmax(hi, dot(p, src.normal));
    }
    if (hi < src.first_mm || lo > src.last_mm)
        return false;
    *ret_first = slice_below(&src, lo, 0);
    const size_t last = slice_below(&src, hi, *ret_first);
    *ret_last = last + 1 < from->nz ? last + 1 : last;
    return true;
}

/* ---- grids that lie alike: columns hang on x alone, rows on y alone ---- */

static bool is_aligned(const struct grid *a, const struct grid *b)
{
    for (int i = 0; i < 6; i++) {
        if (fabs(a->orientation[i] - b->orientation[i]) > 1e-12)
            return false;
    }
    return true;
}

/** Which two of n voxels, and how far to the second; false: outside. */
static bool pair_of(double at, size_t n, size_t ret[2], float *ret_share)
{
    const double last = (double)n - 1;
    if (!(at >= -0.5 && at <= last + 0.5))
        return false;
    at = fmin(fmax(at, 0.0), last);
    ret[0] = (size_t)at;
    ret[1] = ret[0] + 1 < n ? ret[0] + 1 : ret[0];
    *ret_share = (float)(at - (double)ret[0]);
    return true;
}

/** dst = keep * dst + weight * slice k, bilinear; keep is 0 or 1. */
static void add_slice(const struct source *src, size_t k, const struct grid *to, size_t z,
                      float keep, float weight, float *restrict dst)
{
    const struct grid *from = src->grid;
    double step[3];
    for (int i = 0; i < 3; i++)
        step[i] = to->position_mm[z][i] - from->position_mm[k][i];
    const double x0 = dot(step, from->orientation) / from->spacing_mm[0];
    const double y0 = dot(step, from->orientation + 3) / from->spacing_mm[1];
    const double dx = to->spacing_mm[0] / from->spacing_mm[0];
    const double dy = to->spacing_mm[1] / from->spacing_mm[1];
    for (size_t y = 0; y < to->ny; y++) {
        size_t rows[2], columns[2];
        float fx, fy;
        float *row = dst + y * to->nx;
        const bool is_in = pair_of(y0 + dy * (double)y, from->ny, rows, &fy);
        const float *a = src->planes[k] + (is_in ? rows[0] * from->nx : 0);
        const float *b = src->planes[k] + (is_in ? rows[1] * from->nx : 0);
        for (size_t x = 0; x < to->nx; x++) {
            float value = src->outside;
            if (is_in && pair_of(x0 + dx * (double)x, from->nx, columns, &fx)) {
                const size_t l = columns[0], r = columns[1];
                const float top = a[l] + fx * (a[r] - a[l]);
                const float low = b[l] + fx * (b[r] - b[l]);
                value = top + fy * (low - top);
            }
            row[x] = (keep != 0.0f ? row[x] : 0.0f) + weight * value;
        }
    }
}

static void aligned_plane(const struct source *src, const struct grid *to, size_t z,
                          float *restrict dst)
{
    const struct grid *from = src->grid;
    double step[3];
    for (int i = 0; i < 3; i++)
        step[i] = to->position_mm[z][i] - from->position_mm[0][i];
    const double s = dot(step, src->normal);
    if (s < src->first_mm || s > src->last_mm) {
        for (size_t i = 0; i < to->nx * to->ny; i++)
            dst[i] = src->outside;
        return;
    }
    const size_t k = slice_below(src, s, 0);
    double t = 0.0;
    if (k + 1 < from->nz) {
        const double d = along(from, src->normal, k);
        t = fmax((s - d) / (along(from, src->normal, k + 1) - d), 0.0);
    }
    add_slice(src, k, to, z, 0.0f, (float)(1.0 - t), dst);
    if (t > 0.0)
        add_slice(src, k + 1, to, z, 1.0f, (float)t, dst);
}

void resample_plane(const struct grid *from, const float *const *planes,
                    const struct grid *to, size_t z,
                    enum card_interpolation interpolation, float outside,
                    float *restrict dst)
{
    const struct source src = source_of(from, planes, outside);
    double to_normal[3];
    grid_normal(to, to_normal);
    if (interpolation == CARD_LINEAR && is_aligned(from, to)) {
        aligned_plane(&src, to, z, dst);
        return;
    }
    size_t hint = 0;
    for (size_t y = 0; y < to->ny; y++) {
        for (size_t x = 0; x < to->nx; x++) {
            double p[3], step[3];
            grid_to_patient(to, (double)x, (double)y, z, p);
            for (int i = 0; i < 3; i++)
                step[i] = p[i] - from->position_mm[0][i];
            const double s = dot(step, src.normal);
            float *ret = &dst[y * to->nx + x];
            if (interpolation == CARD_NEAREST)
                *ret = sample_nearest(&src, p, s, &hint);
            else if (interpolation == CARD_LINEAR)
                *ret = sample_linear(&src, p, s, &hint);
            else
                *ret = sample_smooth(&src, to, to_normal, p, &hint);
        }
    }
}

struct whole {
    const struct grid *from, *to;
    const float *const *planes;
    enum card_interpolation interpolation;
    float outside, *dst;
};

static int one_plane(void *ctx, size_t z, size_t worker, struct err *err)
{
    const struct whole *w = ctx;
    (void)worker;
    (void)err;
    resample_plane(w->from, w->planes, w->to, z, w->interpolation, w->outside,
                   w->dst + z * w->to->nx * w->to->ny);
    return 0;
}

int resample_volume(const struct grid *from, const float *src, const struct grid *to,
                    enum card_interpolation interpolation, float outside, int threads,
                    float *restrict dst, struct err *err)
{
    const float **planes = calloc(from->nz, sizeof(*planes));
    if (!planes)
        return err_set(err, ERR_NOMEM, "%zu planes", from->nz);
    for (size_t z = 0; z < from->nz; z++)
        planes[z] = src + z * from->nx * from->ny;
    struct whole whole = {from, to, planes, interpolation, outside, dst};
    const int r = parallel_for(threads, to->nz, one_plane, &whole, err);
    free((void *)planes);
    return r;
}
