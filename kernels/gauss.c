#include "kernels/gauss.h"

#include "kernels/clones.h"

#include <math.h>
#include <string.h>

static int taps_init(float *taps, double sigma_px)
{
    int radius = (int)ceil(3.0 * sigma_px);
    if (radius > GAUSS_RADIUS_MAX)
        radius = GAUSS_RADIUS_MAX;
    double sum = 0.0;
    for (int i = -radius; i <= radius; i++)
        sum += radius ? exp(-0.5 * i * i / (sigma_px * sigma_px)) : 1.0;
    for (int i = -radius; i <= radius; i++)
        taps[i + radius] =
            (float)((radius ? exp(-0.5 * i * i / (sigma_px * sigma_px)) : 1.0) / sum);
    return radius;
}

void gauss_init(struct gauss *gauss, double sigma_x_px, double sigma_y_px)
{
    gauss->radius[0] = taps_init(gauss->taps[0], sigma_x_px);
    gauss->radius[1] = taps_init(gauss->taps[1], sigma_y_px);
}

size_t gauss_scratch(const struct gauss *gauss, size_t nx, size_t ny)
{
    return nx * ny + nx + 2 * (size_t)gauss->radius[0];
}

KERNEL_CLONES static void add_scaled(float *restrict dst, const float *restrict src,
                                     float factor, size_t n)
{
    for (size_t x = 0; x < n; x++)
        dst[x] += factor * src[x];
}

/** One row of src into one of dst, along x; padded has room for nx + 2 radius. */
static void blur_row(const struct gauss *gauss, const float *src, size_t nx,
                     float *restrict padded, float *restrict dst)
{
    const size_t radius = (size_t)gauss->radius[0];
    memset(padded, 0, radius * sizeof(*padded));
    memcpy(padded + radius, src, nx * sizeof(*padded));
    memset(padded + radius + nx, 0, radius * sizeof(*padded));
    memset(dst, 0, nx * sizeof(*dst));
    for (size_t j = 0; j <= 2 * radius; j++)
        add_scaled(dst, padded + j, gauss->taps[0][j], nx);
}

void gauss_blur(const struct gauss *gauss, const float *src, size_t nx, size_t ny,
                size_t stride, float *restrict scratch, float *dst)
{
    float *padded = scratch + nx * ny;
    for (size_t y = 0; y < ny; y++)
        blur_row(gauss, src + y * stride, nx, padded, scratch + y * nx);

    const ptrdiff_t radius = gauss->radius[1];
    for (ptrdiff_t y = 0; y < (ptrdiff_t)ny; y++) {
        float *row = dst + (size_t)y * stride;
        memset(row, 0, nx * sizeof(*row));
        for (ptrdiff_t j = -radius; j <= radius; j++) {
            if (y + j >= 0 && y + j < (ptrdiff_t)ny)
                add_scaled(row, scratch + (size_t)(y + j) * nx,
                           gauss->taps[1][j + radius], nx);
        }
    }
}

void gauss_weights(const struct gauss *gauss, const float *mask, size_t nx, size_t ny,
                   float *restrict scratch, float *restrict ret)
{
    gauss_blur(gauss, mask, nx, ny, nx, scratch, ret);
    for (size_t i = 0; i < nx * ny; i++)
        ret[i] = mask[i] > 0.0f ? 1.0f / ret[i] : 0.0f;
}

void gauss_masked(const struct gauss *gauss, const float *weights, const float *src,
                  size_t nx, size_t ny, size_t stride, float *restrict scratch,
                  float *dst)
{
    gauss_blur(gauss, src, nx, ny, stride, scratch, dst);
    for (size_t y = 0; y < ny; y++) {
        for (size_t x = 0; x < nx; x++)
            dst[y * stride + x] *= weights[y * nx + x];
    }
}
