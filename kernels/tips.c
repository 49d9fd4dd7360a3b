#include "kernels/tips.h"

#include "kernels/clones.h"
#include "kernels/median.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

size_t tips_scratch(const struct tips_shape *shape)
{
    return shape->nx * shape->ny + shape->nx;
}

/** exp(-u), u >= 0, to 2e-5: 2^-n times a polynomial, so that it vectorises and repeats. */
static inline float exp_negative(float u)
{
    float v = u * 1.44269504f; // log2 e
    v = v > 120.0f ? 120.0f : v;
    const int32_t whole = (int32_t)v;
    const float f = (float)whole - v; // -1 < f <= 0
    // Taylor series of 2^f about 0 in f ln 2
    const float p =
        1.0f
        + f
              * (0.69314718f
                 + f
                       * (0.24022651f
                          + f * (0.05550411f + f * (0.00961813f + f * 0.00133336f))));
    union {
        int32_t i;
        float f;
    } scale = {.i = (127 - whole) << 23};
    return p * scale.f;
}

/** Sum over time of the squared difference of two runs of n curves. */
KERNEL_CLONES static void row_ssd(const float *restrict a, const float *restrict b,
                                  size_t nt, size_t nx, size_t n, float *restrict ret)
{
    memset(ret, 0, n * sizeof(*ret));
    for (size_t t = 0; t < nt; t++, a += nx, b += nx) {
        for (size_t x = 0; x < n; x++) {
            const float d = a[x] - b[x];
            ret[x] += d * d;
        }
    }
}

/** Turn SSDs into weights; 0 where either mask is. */
KERNEL_CLONES static void row_weight(float *restrict w, const float *restrict mask_a,
                                     const float *restrict mask_b, float spatial,
                                     float scale, size_t n)
{
    for (size_t x = 0; x < n; x++)
        w[x] = spatial * mask_a[x] * mask_b[x] * exp_negative(w[x] * scale);
}

/** dst += w src over all frames. */
KERNEL_CLONES static void row_add(float *restrict dst, const float *restrict src,
                                  const float *restrict w, size_t nt, size_t nx, size_t n)
{
    for (size_t t = 0; t < nt; t++, dst += nx, src += nx) {
        for (size_t x = 0; x < n; x++)
            dst[x] += w[x] * src[x];
    }
}

KERNEL_CLONES static void row_sum(float *restrict sum, const float *restrict w, size_t n)
{
    for (size_t x = 0; x < n; x++)
        sum[x] += w[x];
}

struct pair {
    const struct tips_shape *shape;
    const struct tips_params *params;
    const float *src, *guide, *mask;
    float *dst, *sum, *w;
};

/** What row y and row y + dy, dx further, give each other. */
static void exchange(const struct pair *p, size_t y, ptrdiff_t dx, size_t dy,
                     float spatial)
{
    const size_t nx = p->shape->nx, nt = p->shape->nt, guide_nt = p->params->guide_nt;
    const size_t ax = dx < 0 ? (size_t)-dx : 0; // first column of row y with a partner
    const size_t bx = dx > 0 ? (size_t)dx : 0;
    if (ax >= nx || bx >= nx)
        return;
    const size_t n = nx - ax - bx;
    const size_t a = y * nx, b = (y + dy) * nx;

    row_ssd(p->guide + a * guide_nt + ax, p->guide + b * guide_nt + bx, guide_nt, nx, n,
            p->w);
    row_weight(p->w, p->mask + a + ax, p->mask + b + bx, spatial,
               (float)(0.5 / p->params->h2), n);
    row_add(p->dst + a * nt + ax, p->src + b * nt + bx, p->w, nt, nx, n);
    row_add(p->dst + b * nt + bx, p->src + a * nt + ax, p->w, nt, nx, n);
    row_sum(p->sum + a + ax, p->w, n);
    row_sum(p->sum + b + bx, p->w, n);
}

static void exchange_row(const struct pair *p, size_t y)
{
    const double *r = p->params->radius_px, *sigma = p->params->sigma_px;
    const int rx = (int)r[0], ry = (int)r[1];
    for (int dy = 0; dy <= ry && y + (size_t)dy < p->shape->ny; dy++) {
        for (int dx = dy == 0 ? 1 : -rx; dx <= rx; dx++) {
            const double u = dx / r[0], v = dy / (r[1] > 0.0 ? r[1] : 1.0);
            if (u * u + v * v > 1.0)
                continue;
            const double gx = dx / sigma[0], gy = dy / sigma[1];
            exchange(p, y, dx, (size_t)dy, (float)exp(-0.5 * (gx * gx + gy * gy)));
        }
    }
}

void tips_filter(const struct tips_shape *shape, const struct tips_params *params,
                 const float *restrict src, const float *restrict guide,
                 const float *restrict mask, float *restrict scratch, float *restrict dst)
{
    const size_t nx = shape->nx, nt = shape->nt;
    struct pair p = {shape, params, src,     guide,
                     mask,  dst,    scratch, scratch + nx * shape->ny};
    memcpy(dst, src, nx * shape->ny * nt * sizeof(*dst)); // each with itself: weight 1
    memcpy(p.sum, mask, nx * shape->ny * sizeof(*mask));
    for (size_t y = 0; y < shape->ny; y++) {
        exchange_row(&p, y);
        // Row y has met all below it and, before, all above.
        for (size_t x = 0; x < nx; x++)
            p.w[x] = mask[y * nx + x] > 0.0f ? 1.0f / p.sum[y * nx + x] : 0.0f;
        float *row = dst + y * nt * nx;
        for (size_t t = 0; t < nt; t++, row += nx) {
            for (size_t x = 0; x < nx; x++)
                row[x] *= p.w[x];
        }
    }
}

double tips_median_ssd(const struct tips_shape *shape, size_t guide_nt,
                       const float *restrict guide, const float *restrict mask,
                       float *restrict work)
{
    const size_t nx = shape->nx;
    size_t n = 0;
    if (nx < 2)
        return 0.0;
    for (size_t y = 0; y < shape->ny; y++) {
        float *ssd = work + n; // compacted in place: never behind the read
        const float *row = guide + y * guide_nt * nx, *m = mask + y * nx;
        row_ssd(row, row + 1, guide_nt, nx, nx - 1, ssd);
        for (size_t x = 0; x + 1 < nx; x++) {
            if (m[x] > 0.0f && m[x + 1] > 0.0f)
                work[n++] = ssd[x];
        }
    }
    return n ? (double)median_kth(work, n, n / 2) : 0.0;
}
