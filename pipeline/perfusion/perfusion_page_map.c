/* perfusion_page_map: one parameter in colours, all slices, with its bar. */
#include "base/err.h"
#include "pipeline/perfusion/perfusion_sheet.h"

#include <math.h>

#define BAR_PX     36.0  // across
#define BAR_AREA   160.0 // upright, with numbers and unit
#define BAR_AREA_H 92.0  // lying

/* Where the slices go and where the bar: beside or below them, whichever leaves them larger. */
struct layout {
    struct sheet_tiles tiles;
    struct page_rect bar;
};

static struct layout lay_out(size_t n, double aspect)
{
    struct page_rect all = {SHEET_MARGIN, SHEET_TOP,
                            PERFUSION_PAGE_WIDTH - 2 * SHEET_MARGIN,
                            SHEET_BOTTOM - SHEET_TOP};
    struct page_rect beside = {all.x, all.y, all.w - BAR_AREA, all.h};
    struct page_rect above = {all.x, all.y, all.w, all.h - BAR_AREA_H};
    struct layout upright = {
        sheet_tiles_fit(beside, n, aspect),
        {all.x + all.w - BAR_AREA + 52, all.y + 70, BAR_PX, all.h - 90}};
    struct layout lying = {
        sheet_tiles_fit(above, n, aspect),
        {all.x + all.w * 0.15, all.y + all.h - BAR_AREA_H + 22, all.w * 0.7, BAR_PX}};
    return lying.tiles.w > upright.tiles.w ? lying : upright;
}

static void draw_slice(const struct sheet *sheet, const struct perfusion_map *map,
                       struct picture_scale scale, struct page *page,
                       struct page_rect rect, size_t i)
{
    size_t z = sheet->order[i];
    const uint8_t *brain = sheet->view->brain;
    struct page_place place = sheet_place(sheet, rect);
    page_fill(page, rect, 0, 0x000000, 1);
    picture_values(page, &place, sheet_values(sheet, map->voxels, z),
                   brain ? sheet_mask(sheet, brain, z) : NULL, scale);
    sheet_draw_labels(sheet, page, rect, i);
}

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
    struct layout layout = lay_out(view->grid->nz, sheet->aspect);
    for (size_t i = 0; i < view->grid->nz; i++)
        draw_slice(sheet, map, scale, page, sheet_tile_rect(&layout.tiles, i), i);
    mark_colour_bar(page, layout.bar, scale, map->unit);
    *ret = take(page);
    return 0;
}
