/* perfusion_page_summary: what a physician reads in five seconds. */
#include "base/err.h"
#include "pipeline/lib/page_chart.h"
#include "pipeline/perfusion/perfusion_sheet.h"

#include <math.h>
#include <stdio.h>

#define GRID_RIGHT 1080.0
#define PANEL_X    1100.0
#define PANEL_W    (PERFUSION_PAGE_WIDTH - SHEET_MARGIN - PANEL_X)

static void draw_slice(const struct sheet *sheet, struct page *page,
                       struct page_rect rect, size_t i)
{
    const struct perfusion_view *view = sheet->view;
    size_t z = sheet->order[i];
    struct page_place place = sheet_place(sheet, rect);
    sheet_draw_anatomy(sheet, page, &place, z);
    sheet_draw_midline(sheet, page, &place, z);
    if (view->hypo) {
        const uint8_t *hypo = sheet_mask(sheet, view->hypo, z);
        picture_mask(page, &place, hypo, 1, SHEET_HYPO_RGB, 0.40);
        picture_outline(page, &place, hypo, 1,
                        (struct page_pen){SHEET_HYPO_RGB, 1.6, 1, 0});
    }
    if (view->core)
        picture_mask(page, &place, sheet_mask(sheet, view->core, z), 1, SHEET_CORE_RGB,
                     0.9);
    if (view->discordant)
        picture_outline(page, &place, sheet_mask(sheet, view->discordant, z), 1,
                        (struct page_pen){0xffd54a, 1.4, 1, 4});
    sheet_draw_labels(sheet, page, rect, i);
}

static void draw_slices(const struct sheet *sheet, struct page *page)
{
    size_t n = sheet->view->grid->nz;
    struct page_rect area = {SHEET_MARGIN, SHEET_TOP, GRID_RIGHT - SHEET_MARGIN,
                             SHEET_BOTTOM - SHEET_TOP};
    struct sheet_tiles tiles = sheet_tiles_fit(area, n, sheet->aspect);
    for (size_t i = 0; i < n; i++)
        draw_slice(sheet, page, sheet_tile_rect(&tiles, i), i);
}

struct number {
    const char *label, *unit;
    double value;
    uint32_t rgb;
};

static void draw_number(struct page *page, struct page_rect rect,
                        const struct number *number)
{
    char text[32];
    sheet_format(number->value, text);
    page_fill(page, rect, 10, SHEET_PANEL_RGB, 1);
    page_text(page, (struct page_rect){rect.x + 16, rect.y + 10, rect.w - 32, 28},
              (struct page_style){20, SHEET_DIM_RGB, false, PAGE_LEFT}, number->label);
    double used =
        page_text(page, (struct page_rect){rect.x + 16, rect.y + 40, rect.w - 76, 76},
                  (struct page_style){62, number->rgb, true, PAGE_LEFT}, text);
    page_text(page, (struct page_rect){rect.x + 24 + used, rect.y + 72, 52, 36},
              (struct page_style){26, number->rgb, false, PAGE_LEFT}, number->unit);
}

static void draw_numbers(const struct perfusion_view *view, struct page *page)
{
    char core[64], hypo[64];
    snprintf(core, sizeof(core), "Core  rCBF < %g %%", view->core_rcbf_percent);
    snprintf(hypo, sizeof(hypo), "Tmax > %g s", view->hypo_tmax_s);
    struct number numbers[4] = {
        {view->core_rule ? view->core_rule : core, "ml", view->core_ml, SHEET_CORE_RGB},
        {hypo, "ml", view->hypo_ml, SHEET_HYPO_RGB},
        {"Mismatch volume", "ml", view->mismatch_ml, SHEET_TEXT_RGB},
        {"Mismatch ratio", "", view->mismatch_ratio, SHEET_TEXT_RGB},
    };
    double w = (PANEL_W - 12) / 2;
    for (int i = 0; i < 4; i++) {
        struct page_rect rect = {PANEL_X + (w + 12) * (i % 2),
                                 SHEET_TOP + 136.0 * (i / 2), w, 124};
        draw_number(page, rect, &numbers[i]);
    }
}

int perfusion_draw_summary(const struct sheet *sheet, struct page **ret, struct err *err)
{
    auto_(page) struct page *page = NULL;
    int r = sheet_begin(sheet, "summary", "Summary", &page, err);
    if (r < 0)
        return r;
    draw_slices(sheet, page);
    draw_numbers(sheet->view, page);
    *ret = take(page);
    return 0;
}
