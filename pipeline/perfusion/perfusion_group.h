/*
 * perfusion_group: a view of many thin slices made one of fewer thick ones, for the pages.
 *
 * Neighbours are taken together until a picture stands for about 5 mm, and until there are
 * at most PERFUSION_GROUP_SLICES: pictures smaller than that cannot be read. Numbers of the
 * view are left as they are.
 */
#ifndef PIPELINE_PERFUSION_PERFUSION_GROUP_H
#define PIPELINE_PERFUSION_PERFUSION_GROUP_H

#include "pipeline/perfusion/perfusion_pages.h"

#define PERFUSION_GROUP_SLICES 40

struct perfusion_group; // opaque: owns the voxels of the thick view

/** How many slices of that thickness are shown as one; 1 for up to 24 slices. Pure. */
size_t perfusion_group_size(size_t slices, double thickness_mm);

/**
 * Group the slices of view by size, in the order of the grid; the last group may be smaller.
 *
 * Anatomy is the mean of the group, maps are the mean of its voxels within brain; a voxel is
 * in brain or a mask where at least half of the group's are, its levels are the mean,
 * rounded down. A group lies at the mean position of its slices. What else view holds is borrowed: the
 * group lives no longer than view.
 *
 * Errors: ERR_NOMEM.
 */
int perfusion_group_create(const struct perfusion_view *view, size_t size,
                           struct perfusion_group **ret, struct err *err);
/** Free group; NULL is allowed. */
void perfusion_group_destroy(struct perfusion_group *group);
/** The thick view, owned by group. */
const struct perfusion_view *perfusion_group_view(const struct perfusion_group *group);

AUTO_DEFINE(perfusion_group)

#endif
