#include "pipeline/perfusion/perfusion_group.h"

#include "base/err.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ALWAYS_SINGLE 24  // slices that are never grouped
#define PICTURE_MM    5.0 // thickness that a picture stands for
#define FLOATS        5   // arrays of a view
#define BYTES         7
#define CURVES        2

struct perfusion_group {
    struct perfusion_view view;
    struct grid *grid;
    float *floats[FLOATS];
    uint8_t *bytes[BYTES];
    struct perfusion_site *sites[CURVES];
};

size_t perfusion_group_size(size_t slices, double thickness_mm)
{
    if (slices <= ALWAYS_SINGLE)
        return 1;
    double by_thickness = floor(PICTURE_MM / fmax(thickness_mm, 0.01) + 0.5);
    size_t by_count = (slices + PERFUSION_GROUP_SLICES - 1) / PERFUSION_GROUP_SLICES;
    size_t size = (size_t)fmin(fmax(by_thickness, 1), (double)slices);
    return size > by_count ? size : by_count;
}

/* Slices of source that make thick slice z: from z * size on, so many. */
static size_t slices_of(const struct grid *source, size_t size, size_t z)
{
    size_t left = source->nz - z * size;
    return left < size ? left : size;
}

static int group_grid(struct perfusion_group *group, const struct grid *source,
                      size_t size, struct err *err)
{
    int r = grid_create(source->nx, source->ny, (source->nz + size - 1) / size,
                        &group->grid, err);
    if (r < 0)
        return r;
    struct grid *grid = group->grid;
    memcpy(grid->spacing_mm, source->spacing_mm, sizeof(grid->spacing_mm));
    memcpy(grid->orientation, source->orientation, sizeof(grid->orientation));
    grid->thickness_mm = source->thickness_mm * (double)size;
    for (size_t z = 0; z < grid->nz; z++) {
        size_t n = slices_of(source, size, z);
        for (size_t k = 0; k < n; k++) {
            for (int i = 0; i < 3; i++)
                grid->position_mm[z][i] +=
                    source->position_mm[z * size + k][i] / (double)n;
        }
    }
    group->view.grid = grid;
    return 0;
}

/* Mean over the slices of each group, of the voxels where brain is set (NULL: of all). */
static int group_floats(const struct grid *source, const struct grid *thick, size_t size,
                        const float *src, const uint8_t *brain, float **owner,
                        const float **ret, struct err *err)
{
    if (!src)
        return 0;
    size_t plane = source->nx * source->ny;
    float *dst = calloc(grid_voxels(thick), sizeof(*dst));
    if (!dst)
        return err_set(err, ERR_NOMEM, "pages of %zu slices", thick->nz);

    for (size_t i = 0; i < grid_voxels(thick); i++) {
        size_t z = i / plane;
        size_t first = z * size * plane + i % plane;
        float sum = 0, weight = 0;
        for (size_t k = 0; k < slices_of(source, size, z); k++) {
            if (brain && !brain[first + k * plane])
                continue;
            sum += src[first + k * plane];
            weight += 1;
        }
        dst[i] = weight > 0 ? sum / weight : 0;
    }
    *owner = dst;
    *ret = dst;
    return 0;
}

/* Masks: 1 where half of the group is; levels: the mean, rounded down. For 0 and 1 both are
 * "sum and bias, divided". */
static int group_bytes(const struct grid *source, const struct grid *thick, size_t size,
                       const uint8_t *src, bool is_mask, uint8_t **owner,
                       const uint8_t **ret, struct err *err)
{
    if (!src)
        return 0;
    size_t plane = source->nx * source->ny;
    uint8_t *dst = calloc(grid_voxels(thick), 1);
    if (!dst)
        return err_set(err, ERR_NOMEM, "pages of %zu slices", thick->nz);

    for (size_t i = 0; i < grid_voxels(thick); i++) {
        size_t z = i / plane;
        size_t n = slices_of(source, size, z);
        size_t sum = is_mask ? n / 2 : 0;
        for (size_t k = 0; k < n; k++)
            sum += src[z * size * plane + i % plane + k * plane];
        dst[i] = (uint8_t)(sum / n);
    }
    *owner = dst;
    *ret = dst;
    return 0;
}

static int group_sites(struct perfusion_group *group, int which,
                       struct perfusion_curve *curve, size_t size, struct err *err)
{
    if (curve->site_count == 0)
        return 0;
    struct perfusion_site *sites = calloc(curve->site_count, sizeof(*sites));
    if (!sites)
        return err_set(err, ERR_NOMEM, "the sites of a curve");
    for (size_t i = 0; i < curve->site_count; i++) {
        sites[i] = curve->sites[i];
        sites[i].z /= size;
    }
    curve->sites = group->sites[which] = sites;
    return 0;
}

static int group_voxels(struct perfusion_group *group, const struct perfusion_view *from,
                        size_t size, struct err *err)
{
    struct perfusion_view *to = &group->view;
    const struct {
        const float *src, **ret;
        bool is_map;
    } floats[FLOATS] = {{from->anatomy, &to->anatomy, false},
                        {from->cbf, &to->cbf, true},
                        {from->cbv, &to->cbv, true},
                        {from->mtt, &to->mtt, true},
                        {from->tmax, &to->tmax, true}};
    const struct {
        const uint8_t *src, **ret;
        bool is_mask;
    } bytes[BYTES] = {{from->brain, &to->brain, true},
                      {from->core, &to->core, true},
                      {from->hypo, &to->hypo, true},
                      {from->discordant, &to->discordant, true},
                      {from->vessels, &to->vessels, true},
                      {from->tmax_levels.passed, &to->tmax_levels.passed, false},
                      {from->rcbf_levels.passed, &to->rcbf_levels.passed, false}};
    int r = 0;
    for (size_t i = 0; r == 0 && i < FLOATS; i++)
        r = group_floats(from->grid, group->grid, size, floats[i].src,
                         floats[i].is_map ? from->brain : NULL, &group->floats[i],
                         floats[i].ret, err);
    for (size_t i = 0; r == 0 && i < BYTES; i++)
        r = group_bytes(from->grid, group->grid, size, bytes[i].src, bytes[i].is_mask,
                        &group->bytes[i], bytes[i].ret, err);
    return r;
}

int perfusion_group_create(const struct perfusion_view *view, size_t size,
                           struct perfusion_group **ret, struct err *err)
{
    auto_(perfusion_group) struct perfusion_group *group = calloc(1, sizeof(*group));
    if (!group)
        return err_set(err, ERR_NOMEM, "pages");
    group->view = *view;
    int r = group_grid(group, view->grid, size, err);
    if (r == 0)
        r = group_voxels(group, view, size, err);
    if (r == 0)
        r = group_sites(group, 0, &group->view.aif, size, err);
    if (r == 0)
        r = group_sites(group, 1, &group->view.vof, size, err);
    if (r < 0)
        return r;
    *ret = take(group);
    return 0;
}

void perfusion_group_destroy(struct perfusion_group *group)
{
    if (!group)
        return;
    grid_destroy(group->grid);
    for (size_t i = 0; i < FLOATS; i++)
        free(group->floats[i]);
    for (size_t i = 0; i < BYTES; i++)
        free(group->bytes[i]);
    for (size_t i = 0; i < CURVES; i++)
        free(group->sites[i]);
    free(group);
}

const struct perfusion_view *perfusion_group_view(const struct perfusion_group *group)
{
    return &group->view;
}
