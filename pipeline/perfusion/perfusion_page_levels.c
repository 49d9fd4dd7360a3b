/* perfusion_page_levels: every threshold of rCBF on the left, of Tmax on the right. */
#include "base/err.h"
#include "pipeline/perfusion/perfusion_sheet.h"

#include <math.h>
#include <stdio.h>

#define GAP    32.0
#define CARD_H 112.0
#define LINE_H 38.0
#define NOTE_H 30.0

/* Of the trials, for comparison; the page decides nothing. Albers 2018 (DEFUSE 3), Campbell 2015
 * (EXTEND-IA). */
static const char CRITERIA[] = "Imaging criteria of trials, for comparison: DEFUSE 3 "
                               "core < 70 ml, mismatch \u2265 15 ml, "
                               "ratio \u2265 1.8 (6\u201316 h); EXTEND-IA core < 70 ml, "
                               "mismatch > 10 ml, ratio > 1.2";

struct half {
    const char *title, *sign, *unit; // of a bound: "<", "%"
    const struct perfusion_levels *levels;
    const uint32_t *rgb; // [PERFUSION_LEVELS]
    const char *index;   // a line below, or ""
};

static void draw_slice(const struct sheet *sheet, struct page *page,
                       struct page_rect rect, size_t i, const struct half *half)
{
    size_t z = sheet->order[i];
    struct page_place place = sheet_place(sheet, rect);
    sheet_draw_anatomy(sheet, page, &place, z);
    picture_levels(page, &place, sheet_mask(sheet, half->levels->passed, z), half->rgb,
                   PERFUSION_LEVELS, 0.85);
    sheet_draw_labels(sheet, page, rect, i);
}

static void draw_card(struct page *page, struct page_rect rect, const struct half *half,
                      int k)
{
    char text[32], label[32];
    sheet_format(half->levels->volume_ml[k], text);
    snprintf(label, sizeof(label), "%s %g %s", half->sign, half->levels->bound[k],
             half->unit);
    page_fill(page, rect, 8, SHEET_PANEL_RGB, 1);
    page_fill(page, (struct page_rect){rect.x, rect.y, rect.w, 10}, 4, half->rgb[k], 1);
    page_text(page, (struct page_rect){rect.x + 14, rect.y + 16, rect.w - 24, 32},
              page_style_plain(23, SHEET_TEXT_RGB, PAGE_LEFT), label);
    double used =
        page_text(page, (struct page_rect){rect.x + 14, rect.y + 50, rect.w - 62, 54},
                  page_style_bold(42, SHEET_TEXT_RGB, PAGE_LEFT), text);
    page_text(page, (struct page_rect){rect.x + 20 + used, rect.y + 66, 40, 34},
              page_style_plain(22, SHEET_DIM_RGB, PAGE_LEFT), "ml");
}

static void draw_half(const struct sheet *sheet, struct page *page, struct page_rect rect,
                      const struct half *half)
{
    page_text(page, (struct page_rect){rect.x, rect.y, rect.w, 34},
              page_style_bold(25, SHEET_TEXT_RGB, PAGE_LEFT), half->title);

    double cards_y = rect.y + rect.h - CARD_H - LINE_H;
    struct page_rect area = {rect.x, rect.y + 40, rect.w, cards_y - rect.y - 40 - 16};
    size_t n = sheet->view->grid->nz;
    struct sheet_tiles tiles = sheet_tiles_fit(area, n, sheet->aspect);
    for (size_t i = 0; i < n; i++)
        draw_slice(sheet, page, sheet_tile_rect(&tiles, i), i, half);

    double w = (rect.w - 3 * 12) / PERFUSION_LEVELS;
    for (int k = 0; k < PERFUSION_LEVELS; k++)
        draw_card(page, (struct page_rect){rect.x + (w + 12) * k, cards_y, w, CARD_H},
                  half, k);
    page_text(
        page,
        (struct page_rect){rect.x, rect.y + rect.h - LINE_H + 8, rect.w, LINE_H - 8},
        page_style_plain(20, SHEET_DIM_RGB, PAGE_LEFT), half->index);
}

int perfusion_draw_levels(const struct sheet *sheet, struct page **ret, struct err *err)
{
    const struct perfusion_view *view = sheet->view;
    auto_(page) struct page *page = NULL;
    int r = sheet_begin(sheet, "thresholds", "Thresholds", &page, err);
    if (r < 0)
        return r;

    char cbv[128] = "", hir[128] = "";
    if (isfinite(view->cbv_index))
        snprintf(cbv, sizeof(cbv),
                 "CBV index %.2f: mean CBV where Tmax > %g s / of normal tissue",
                 view->cbv_index, view->hypo_tmax_s);
    if (isfinite(view->hypoperfusion_index))
        snprintf(hir, sizeof(hir),
                 "Hypoperfusion index (HIR) %.2f: volume of Tmax > 10 s / of Tmax > 6 s",
                 view->hypoperfusion_index);
    struct half halves[2] = {
        {"rCBF: share of normal blood flow", "<", "%", &view->rcbf_levels, SHEET_RCBF_RGB,
         cbv},
        {"Tmax: delay of the tissue", ">", "s", &view->tmax_levels, SHEET_TMAX_RGB, hir},
    };
    double w = (PERFUSION_PAGE_WIDTH - 2 * SHEET_MARGIN - GAP) / 2;
    for (int i = 0; i < 2; i++) {
        if (!halves[i].levels->passed)
            continue;
        struct page_rect rect = {SHEET_MARGIN + (w + GAP) * i, SHEET_TOP, w,
                                 SHEET_BOTTOM - SHEET_TOP - NOTE_H};
        draw_half(sheet, page, rect, &halves[i]);
    }
    page_text(page,
              (struct page_rect){SHEET_MARGIN, SHEET_BOTTOM - NOTE_H,
                                 PERFUSION_PAGE_WIDTH - 2 * SHEET_MARGIN, NOTE_H},
              page_style_plain(19, SHEET_DIM_RGB, PAGE_LEFT), CRITERIA);
    *ret = take(page);
    return 0;
}
