#include "pipeline/lib/contour.h"

#include "base/err.h"

#include <stdbool.h>
#include <stdlib.h>

/* Directions along voxel edges: right, down, left, up. */
static const int STEP_X[4] = {1, 0, -1, 0};
static const int STEP_Y[4] = {0, 1, 0, -1};

struct tracer {
    const uint8_t *mask;
    long nx, ny;
    uint8_t
        *seen; // [(ny + 1)][nx + 1] one bit a direction, of the edge that leaves a corner
};

static bool is_in(const struct tracer *t, long x, long y)
{
    return x >= 0 && y >= 0 && x < t->nx && y < t->ny && t->mask[y * t->nx + x] != 0;
}

/* Whether the edge that leaves corner (x, y) in direction d has mask on its right hand and
 * none on its left. The corner (x, y) is the top left one of voxel (x, y). */
static bool is_edge(const struct tracer *t, long x, long y, int d)
{
    static const int RIGHT_X[4] = {0, -1, -1, 0}, RIGHT_Y[4] = {0, 0, -1, -1};
    static const int LEFT_X[4] = {0, 0, -1, -1}, LEFT_Y[4] = {-1, 0, 0, -1};
    return is_in(t, x + RIGHT_X[d], y + RIGHT_Y[d])
           && !is_in(t, x + LEFT_X[d], y + LEFT_Y[d]);
}

/* Walk once round the outline that holds the edge leaving (x, y) in direction d. Turning
 * right first keeps voxels that touch by a corner apart. */
static int walk(struct tracer *t, long x, long y, int d, struct contour *ret)
{
    for (;;) {
        uint8_t *seen = &t->seen[y * (t->nx + 1) + x];
        if (*seen & 1 << d)
            break;
        *seen |= (uint8_t)(1 << d);

        struct contour_point *point = contour_point_list_add(&ret->points);
        if (!point)
            return ERR_NOMEM;
        point->x = (float)x + (float)STEP_X[d] / 2 - 0.5f;
        point->y = (float)y + (float)STEP_Y[d] / 2 - 0.5f;

        x += STEP_X[d];
        y += STEP_Y[d];
        d = (d + 1) % 4;
        while (!is_edge(t, x, y, d))
            d = (d + 3) % 4;
    }
    size_t *end = contour_end_list_add(&ret->ends);
    if (!end)
        return ERR_NOMEM;
    *end = ret->points.count;
    return 0;
}

/* Every outline has an edge that runs right, above a voxel of the mask. */
static int trace_all(struct tracer *t, struct contour *ret)
{
    for (long y = 0; y < t->ny; y++) {
        for (long x = 0; x < t->nx; x++) {
            if (!is_edge(t, x, y, 0) || t->seen[y * (t->nx + 1) + x] & 1)
                continue;
            if (walk(t, x, y, 0, ret) < 0)
                return ERR_NOMEM;
        }
    }
    return 0;
}

int contour_trace(const uint8_t *mask, size_t nx, size_t ny, struct contour *ret,
                  struct err *err)
{
    struct tracer tracer = {.mask = mask,
                            .nx = (long)nx,
                            .ny = (long)ny,
                            .seen = calloc((nx + 1) * (ny + 1), 1)};
    int r = tracer.seen ? trace_all(&tracer, ret) : ERR_NOMEM;
    free(tracer.seen);
    return r < 0 ? err_set(err, ERR_NOMEM, "outlines of a mask of %zu x %zu", nx, ny) : 0;
}

void contour_finish(struct contour *contour)
{
    contour_point_list_finish(&contour->points);
    contour_end_list_finish(&contour->ends);
}
