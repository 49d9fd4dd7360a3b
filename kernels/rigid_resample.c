#include "kernels/clones.h"
#include "kernels/rigid.h"

#include <math.h>
#include <string.h>

/** Weights of the four samples about a shift of f, 0 <= f < 1 (Keys 1981, a = -0.5). */
static void cubic(float f, float w[4])
{
    const float g = 1.0f - f;
    w[0] = -0.5f * f * g * g;
    w[1] = 1.0f + f * f * (1.5f * f - 2.5f);
    w[2] = 1.0f + g * g * (1.5f * g - 2.5f);
    w[3] = -0.5f * g * f * f;
}

static size_t clamped(ptrdiff_t i, size_t n)
{
    return i < 0 ? 0 : i >= (ptrdiff_t)n ? n - 1 : (size_t)i;
}

KERNEL_CLONES static void blend(float *restrict dst, const float *restrict a,
                                const float *restrict b, const float *restrict c,
                                const float *restrict d, const float w[4], size_t n)
{
    for (size_t x = 0; x < n; x++)
        dst[x] = w[0] * a[x] + w[1] * b[x] + w[2] * c[x] + w[3] * d[x];
}

/** dst[x] = src at x + shift, for a row. */
static void shift_row(const float *restrict src, size_t nx, double shift,
                      float *restrict dst)
{
    const double whole = floor(shift);
    const ptrdiff_t by = (ptrdiff_t)whole;
    float w[4];
    cubic((float)(shift - whole), w);
    // Inside, all four samples lie within the row.
    const ptrdiff_t n = (ptrdiff_t)nx;
    ptrdiff_t from = by < 1 ? 1 - by : 0, to = by > -2 ? n - 2 - by : n;
    from = from > n ? n : from;
    to = to > n ? n : to < from ? from : to;
    if (to > from) {
        const float *s = src + from + by;
        blend(dst + from, s - 1, s, s + 1, s + 2, w, (size_t)(to - from));
    }
    for (ptrdiff_t x = 0; x < n; x++) {
        if (x == from)
            x = to;
        if (x >= n)
            break;
        dst[x] = 0.0f;
        for (ptrdiff_t j = 0; j < 4; j++)
            dst[x] += w[j] * src[clamped(x + by + j - 1, nx)];
    }
}

static void shear_rows(const struct rigid_shape *s, const float *src, double per_mm,
                       double shift_mm, float *restrict dst)
{
    for (size_t y = 0; y < s->ny; y++) {
        const double y_mm = ((double)y - 0.5 * (double)(s->ny - 1)) * s->spacing_mm[1];
        shift_row(src + y * s->nx, s->nx, (per_mm * y_mm + shift_mm) / s->spacing_mm[0],
                  dst + y * s->nx);
    }
}

KERNEL_CLONES static void blend_columns(float *restrict dst, const float *restrict a,
                                        const float *restrict b, const float *restrict c,
                                        const float *restrict d, const float *restrict w,
                                        size_t stride, size_t n)
{
    for (size_t x = 0; x < n; x++)
        dst[x] = w[x] * a[x] + w[stride + x] * b[x] + w[2 * stride + x] * c[x]
                 + w[3 * stride + x] * d[x];
}

enum { RUN_MAX = 64 }; // columns of one whole shift handled together

/** dst(x, y) = src(x, y + shift of x): runs of columns whose whole shift is the same. */
static void shear_columns(const struct rigid_shape *s, const float *src, double per_mm,
                          double shift_mm, float *restrict dst)
{
    const size_t nx = s->nx;
    for (size_t x = 0; x < nx;) {
        float w[4 * RUN_MAX];
        ptrdiff_t by = 0;
        size_t n = 0;
        for (; x + n < nx && n < RUN_MAX; n++) {
            const double x_mm =
                ((double)(x + n) - 0.5 * (double)(nx - 1)) * s->spacing_mm[0];
            const double shift = (per_mm * x_mm + shift_mm) / s->spacing_mm[1];
            const double whole = floor(shift);
            if (n > 0 && (ptrdiff_t)whole != by)
                break;
            by = (ptrdiff_t)whole;
            float one[4];
            cubic((float)(shift - whole), one);
            for (size_t j = 0; j < 4; j++)
                w[j * RUN_MAX + n] = one[j];
        }
        for (size_t y = 0; y < s->ny; y++) {
            const float *row[4];
            for (ptrdiff_t j = 0; j < 4; j++)
                row[j] = src + clamped((ptrdiff_t)y + by + j - 1, s->ny) * nx + x;
            blend_columns(dst + y * nx + x, row[0], row[1], row[2], row[3], w, RUN_MAX,
                          n);
        }
        x += n;
    }
}

void rigid_resample_plane(const struct rigid_shape *shape, const struct rigid_pose *pose,
                          const float *src, float *restrict scratch, float *dst)
{
    // R(a) = X(-tan a/2) Y(sin a) X(-tan a/2) (Paeth 1986); the shift is spread so that
    // X moves along x alone and Y along y alone.
    const double angle = atan2(pose->r[1][0], pose->r[0][0]);
    const double tangent = tan(0.5 * angle);
    const double *t = pose->t_mm;
    if (src != dst)
        memcpy(dst, src, shape->nx * shape->ny * sizeof(*dst));
    shear_rows(shape, dst, -tangent, t[0] + tangent * t[1], scratch);
    shear_columns(shape, scratch, sin(angle), t[1], dst);
    shear_rows(shape, dst, -tangent, 0.0, scratch);
    memcpy(dst, scratch, shape->nx * shape->ny * sizeof(*dst));
}

void rigid_resample_across(const struct rigid_shape *shape, const struct rigid_pose *pose,
                           const float *restrict src, float *restrict dst)
{
    const size_t nx = shape->nx, ny = shape->ny, nz = shape->nz, plane = nx * ny;
    for (size_t i = 0; i < plane * nz; i++) {
        const size_t at[3] = {i % nx, i / nx % ny, i / plane};
        const size_t n[3] = {nx, ny, nz};
        double p[3], shift[3];
        for (int a = 0; a < 3; a++)
            p[a] = ((double)at[a] - 0.5 * (double)(n[a] - 1)) * shape->spacing_mm[a];
        rigid_shift_at(pose, p, shift);
        const double z = (double)at[2] + shift[2] / shape->spacing_mm[2];
        const double whole = floor(z);
        const size_t lo = clamped((ptrdiff_t)whole, nz);
        const size_t hi = clamped((ptrdiff_t)whole + 1, nz);
        const float f = (float)(z - whole);
        const float *v = src + at[1] * nx + at[0];
        dst[i] = v[lo * plane] + f * (v[hi * plane] - v[lo * plane]);
    }
}
