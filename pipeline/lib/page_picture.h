/*
 * page_picture: slices, maps and masks on a page. Draws through page; knows no analysis.
 *
 * Every array is one plane [ny][nx] of the place it is drawn at. Layers are drawn in the
 * order of the calls. What fails is remembered by the page.
 */
#ifndef PIPELINE_LIB_PAGE_PICTURE_H
#define PIPELINE_LIB_PAGE_PICTURE_H

#include "pipeline/lib/colour_map.h"
#include "pipeline/lib/page.h"

#include <stdint.h>

/** Which values get which colours: lo is black, hi the last colour of map. */
struct picture_scale {
    enum colour_map map;
    double lo, hi;
};

/** Show values in colours; where mask is 0 nothing is drawn (NULL: everywhere is). */
void picture_values(struct page *page, const struct page_place *place,
                    const float *values, const uint8_t *mask, struct picture_scale scale);
/** Cover the voxels where mask is at least least with a colour. */
void picture_mask(struct page *page, const struct page_place *place, const uint8_t *mask,
                  uint8_t least, uint32_t rgb, double alpha);
/** Cover each voxel where levels is 1 .. count with the colour rgb[level - 1]; more than count
 * is taken as count. */
void picture_levels(struct page *page, const struct page_place *place,
                    const uint8_t *levels, const uint32_t *rgb, uint8_t count,
                    double alpha);
/** Draw the outer outline of the voxels where mask is at least least; holes have none: the
 * sulci in a lesion would fill it with lines. */
void picture_outline(struct page *page, const struct page_place *place,
                     const uint8_t *mask, uint8_t least, struct page_pen pen);

#endif
