#include "kernels/morph.h"

#include "base/err.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/** Set dst where a voxel of the given value lies within the ellipse. */
static void spread(const uint8_t *restrict mask, size_t nx, size_t ny,
                   const double radius_px[2], uint8_t value, uint8_t *restrict dst)
{
    const ptrdiff_t ry = (ptrdiff_t)radius_px[1];
    for (ptrdiff_t dy = -ry; dy <= ry; dy++) {
        const double v = radius_px[1] > 0.0 ? (double)dy / radius_px[1] : 0.0;
        const ptrdiff_t rx = (ptrdiff_t)(radius_px[0] * sqrt(1.0 - v * v) + 1e-9);
        for (ptrdiff_t y = 0; y < (ptrdiff_t)ny; y++) {
            if (y + dy < 0 || y + dy >= (ptrdiff_t)ny)
                continue;
            const uint8_t *from = mask + (size_t)(y + dy) * nx;
            uint8_t *to = dst + (size_t)y * nx;
            ptrdiff_t reach = -1; // last column that a set voxel to the left reaches
            for (ptrdiff_t x = 0; x < (ptrdiff_t)nx; x++) {
                reach = from[x] == value ? x + rx : reach;
                to[x] = x <= reach ? value : to[x];
            }
            reach = (ptrdiff_t)nx;
            for (ptrdiff_t x = (ptrdiff_t)nx - 1; x >= 0; x--) {
                reach = from[x] == value ? x - rx : reach;
                to[x] = x >= reach ? value : to[x];
            }
        }
    }
}

void morph_dilate(const uint8_t *restrict mask, size_t nx, size_t ny,
                  const double radius_px[2], uint8_t *restrict dst)
{
    memcpy(dst, mask, nx * ny);
    spread(mask, nx, ny, radius_px, 1, dst);
}

void morph_erode(const uint8_t *restrict mask, size_t nx, size_t ny,
                 const double radius_px[2], uint8_t *restrict dst)
{
    memcpy(dst, mask, nx * ny);
    spread(mask, nx, ny, radius_px, 0, dst);
}

static size_t reach(uint8_t *open, uint32_t i, uint32_t *stack, size_t depth)
{
    if (!open[i])
        return depth;
    open[i] = 0;
    stack[depth] = i;
    return depth + 1;
}

void morph_enclosed(const uint8_t *restrict wall, size_t nx, size_t ny,
                    uint32_t *restrict stack, uint8_t *restrict dst)
{
    for (size_t i = 0; i < nx * ny; i++)
        dst[i] = !wall[i];
    size_t depth = 0;
    for (size_t x = 0; x < nx; x++) {
        depth = reach(dst, (uint32_t)x, stack, depth);
        depth = reach(dst, (uint32_t)((ny - 1) * nx + x), stack, depth);
    }
    for (size_t y = 0; y < ny; y++) {
        depth = reach(dst, (uint32_t)(y * nx), stack, depth);
        depth = reach(dst, (uint32_t)(y * nx + nx - 1), stack, depth);
    }
    while (depth > 0) {
        const size_t i = stack[--depth], x = i % nx;
        if (x > 0)
            depth = reach(dst, (uint32_t)(i - 1), stack, depth);
        if (x + 1 < nx)
            depth = reach(dst, (uint32_t)(i + 1), stack, depth);
        if (i >= nx)
            depth = reach(dst, (uint32_t)(i - nx), stack, depth);
        if (i + nx < nx * ny)
            depth = reach(dst, (uint32_t)(i + nx), stack, depth);
    }
}

static uint32_t find_root(uint32_t *parent, uint32_t i)
{
    while (parent[i] != i) {
        parent[i] = parent[parent[i]]; // halves the path
        i = parent[i];
    }
    return i;
}

/** The earlier voxel is the root, so that parts are numbered in the order of memory. */
static void join(uint32_t *parent, uint32_t a, uint32_t b)
{
    a = find_root(parent, a);
    b = find_root(parent, b);
    const uint32_t root = a < b ? a : b, other = a < b ? b : a;
    parent[other] = root;
}

static void join_neighbours(const uint8_t *mask, size_t nx, size_t ny, size_t n,
                            uint32_t *parent)
{
    const size_t plane = nx * ny;
    for (size_t i = 0; i < n; i++) {
        parent[i] = (uint32_t)i;
        if (!mask[i])
            continue;
        if (i % nx > 0 && mask[i - 1])
            join(parent, (uint32_t)i, (uint32_t)(i - 1));
        if (i % plane >= nx && mask[i - nx])
            join(parent, (uint32_t)i, (uint32_t)(i - nx));
        if (i >= plane && mask[i - plane])
            join(parent, (uint32_t)i, (uint32_t)(i - plane));
        parent[i] = find_root(parent, (uint32_t)i);
    }
}

int morph_components(const uint8_t *mask, size_t nx, size_t ny, size_t nz,
                     uint32_t *labels, size_t **ret_sizes, size_t *ret_count,
                     struct err *err)
{
    const size_t n = nx * ny * nz;
    if (n >= UINT32_MAX)
        return err_set(err, ERR_NOMEM, "components of %zu voxels", n);
    uint32_t *parent = malloc(n * sizeof(*parent));
    if (!parent)
        return err_set(err, ERR_NOMEM, "components of %zu voxels", n);
    join_neighbours(mask, nx, ny, n, parent);

    uint32_t count = 0;
    for (size_t i = 0; i < n; i++) {
        labels[i] = 0;
        if (mask[i]) { // the root lies before the others and has its number already
            const uint32_t root = find_root(parent, (uint32_t)i);
            labels[i] = root == i ? ++count : labels[root];
        }
    }
    free(parent);

    size_t *sizes = calloc((size_t)count + 1, sizeof(*sizes));
    if (!sizes)
        return err_set(err, ERR_NOMEM, "%u components", count);
    for (size_t i = 0; i < n; i++)
        sizes[labels[i]]++;
    *ret_sizes = sizes;
    *ret_count = count;
    return 0;
}

/** Keep parts of size_min and more; of 0, the largest alone. */
static int keep(uint8_t *mask, size_t nx, size_t ny, size_t nz, size_t size_min,
                struct err *err)
{
    const size_t n = nx * ny * nz;
    size_t *sizes = NULL, count = 0, largest = 0;
    uint32_t *labels = malloc(n * sizeof(*labels));
    if (!labels)
        return err_set(err, ERR_NOMEM, "components of %zu voxels", n);
    const int r = morph_components(mask, nx, ny, nz, labels, &sizes, &count, err);
    if (r == 0) {
        for (size_t l = 1; l <= count; l++)
            largest = largest == 0 || sizes[l] > sizes[largest] ? l : largest;
        for (size_t i = 0; i < n; i++)
            mask[i] = labels[i]
                      && (size_min ? sizes[labels[i]] >= size_min : labels[i] == largest);
    }
    free(sizes);
    free(labels);
    return r;
}

int morph_keep_large(uint8_t *mask, size_t nx, size_t ny, size_t nz, size_t size_min,
                     struct err *err)
{
    return keep(mask, nx, ny, nz, size_min ? size_min : 1, err);
}

int morph_keep_largest(uint8_t *mask, size_t nx, size_t ny, size_t nz, struct err *err)
{
    return keep(mask, nx, ny, nz, 0, err);
}
