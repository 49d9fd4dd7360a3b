#include "base/grid.h"

#include "base/err.h"

#include <stdlib.h>
#include <string.h>

int grid_create(size_t nx, size_t ny, size_t nz, struct grid **ret, struct err *err)
{
    if (nx == 0 || ny == 0 || nz == 0)
        return err_set(err, ERR_FORMAT, "empty grid %zux%zux%zu", nx, ny, nz);

    auto_(grid) struct grid *grid = calloc(1, sizeof(*grid));
    if (!grid)
        return err_set(err, ERR_NOMEM, "a grid");

    grid->position_mm = calloc(nz, sizeof(*grid->position_mm));
    if (!grid->position_mm)
        return err_set(err, ERR_NOMEM, "a grid of %zu slices", nz);

    grid->nx = nx;
    grid->ny = ny;
    grid->nz = nz;
    *ret = take(grid);
    return 0;
}

int grid_clone(const struct grid *src, struct grid **ret, struct err *err)
{
    struct grid *copy = NULL;
    int r = grid_create(src->nx, src->ny, src->nz, &copy, err);
    if (r < 0)
        return r;

    double(*position_mm)[3] = copy->position_mm;
    *copy = *src;
    copy->position_mm = position_mm;
    memcpy(position_mm, src->position_mm, src->nz * sizeof(*position_mm));
    *ret = copy;
    return 0;
}

void grid_destroy(struct grid *grid)
{
    if (!grid)
        return;
    free(grid->position_mm);
    free(grid);
}

size_t grid_voxels(const struct grid *grid)
{
    return grid->nx * grid->ny * grid->nz;
}

double grid_voxel_ml(const struct grid *grid)
{
    return grid->spacing_mm[0] * grid->spacing_mm[1] * grid->thickness_mm / 1000.0;
}

void grid_normal(const struct grid *grid, double ret[3])
{
    const double *x = grid->orientation;
    const double *y = grid->orientation + 3;
    ret[0] = x[1] * y[2] - x[2] * y[1];
    ret[1] = x[2] * y[0] - x[0] * y[2];
    ret[2] = x[0] * y[1] - x[1] * y[0];
}

void grid_to_patient(const struct grid *grid, double x, double y, size_t z, double ret[3])
{
    for (int i = 0; i < 3; i++)
        ret[i] = grid->position_mm[z][i] + grid->orientation[i] * x * grid->spacing_mm[0]
                 + grid->orientation[i + 3] * y * grid->spacing_mm[1];
}
