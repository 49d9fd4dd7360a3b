/* perfusion_page_map: one parameter in colours, all slices, with its bar. */
#include "base/err.h"
#include "pipeline/perfusion/perfusion_sheet.h"

#include <math.h>

#define BAR_W    36.0
#define BAR_AREA 160.0 // with its numbers

int perfusion_draw_map(const struct sheet *sheet, const struct perfusion_map *map,
                       struct page **ret, struct err *err)
{
    const struct perfusion_view *view = sheet->view;
    auto_(page) struct page *page = NULL;
    int r = sheet_begin(sheet, map->name, map->label, &page, err);
    if (r < 0)
        return r;

    struct picture_scale scale = {view->colours == PERFUSION_PERCEPTUAL
                                      ? COLOUR_MAP_PERCEPTUAL
                                      : COLOUR_MAP_RAINBOW,
                                  0, map->hi};
    struct page_rect area = {SHEET_MARGIN, SHEET_TOP,
                             PERFUSION_PAGE_WIDTH - 2 * SHEET_MARGIN - BAR_AREA,
                             SHEET_BOTTOM - SHEET_TOP};
    struct sheet_tiles tiles = sheet_tiles_fit(area, view->grid->nz, sheet->aspect);
    for (size_t i = 0; i < view->grid->nz; i++) {
        size_t z = sheet->order[i];
        struct page_rect rect = sheet_tile_rect(&tiles, i);
        struct page_place place = sheet_place(sheet, rect);
        page_fill(page, rect, 0, 0x000000, 1);
        picture_values(page, &place, sheet_values(sheet, map->voxels, z),
                       view->brain ? sheet_mask(sheet, view->brain, z) : NULL, scale);
        sheet_draw_labels(sheet, page, rect, i);
    }
    struct page_rect bar = {PERFUSION_PAGE_WIDTH - SHEET_MARGIN - BAR_AREA + 52,
                            SHEET_TOP + 70, BAR_W, SHEET_BOTTOM - SHEET_TOP - 90};
    mark_colour_bar(page, bar, scale, map->unit);
    *ret = take(page);
    return 0;
}
