#include "kernels/median.h"

#include <string.h>

float median_kth(float *v, size_t n, size_t k)
{
    size_t lo = 0, hi = n - 1;
    while (lo < hi) {
        const float pivot = v[lo + (hi - lo) / 2];
        size_t i = lo, j = hi;
        for (;;) {
            while (v[i] < pivot)
                i++;
            while (v[j] > pivot)
                j--;
            if (i >= j)
                break;
            const float swap = v[i];
            v[i++] = v[j];
            v[j--] = swap;
        }
        if (k <= j)
            hi = j;
        else
            lo = j + 1;
    }
    return v[k];
}

/** The middle of the values of the 3 x 3 neighbourhood that the mask holds. */
static float median_at(const float *src, const uint8_t *mask, size_t nx, size_t ny,
                       size_t x, size_t y)
{
    float near[9];
    size_t n = 0;
    for (size_t v = y ? y - 1 : 0; v <= y + 1 && v < ny; v++) {
        for (size_t u = x ? x - 1 : 0; u <= x + 1 && u < nx; u++) {
            if (!mask[v * nx + u])
                continue;
            const float value = src[v * nx + u];
            size_t at = n++;
            for (; at > 0 && near[at - 1] > value; at--)
                near[at] = near[at - 1];
            near[at] = value;
        }
    }
    return n % 2 ? near[n / 2] : 0.5f * (near[n / 2 - 1] + near[n / 2]);
}

void median_plane(const float *restrict src, const uint8_t *restrict mask, size_t nx,
                  size_t ny, float *restrict dst)
{
    for (size_t y = 0; y < ny; y++) {
        for (size_t x = 0; x < nx; x++) {
            const size_t i = y * nx + x;
            dst[i] = mask[i] ? median_at(src, mask, nx, ny, x, y) : src[i];
        }
    }
}
