/* perfusion_page_summary: what a physician reads in five seconds. */
#include "base/err.h"
#include "pipeline/lib/page_chart.h"
#include "pipeline/perfusion/perfusion_sheet.h"

#include <math.h>
#include <stdio.h>

#define PANEL_MIN 500.0 // width
#define PANEL_MAX 680.0
#define GAP       14.0
#define WARNS_MAX 3 // that are written out

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
                        (struct page_pen){SHEET_DISCORDANT_RGB, 1.6, 1, 4});
    sheet_draw_labels(sheet, page, rect, i);
}

/* Returns the right edge of the pictures. */
static double draw_slices(const struct sheet *sheet, struct page *page)
{
    size_t n = sheet->view->grid->nz;
    struct page_rect area = {SHEET_MARGIN, SHEET_TOP,
                             PERFUSION_PAGE_WIDTH - 2 * SHEET_MARGIN - GAP - PANEL_MIN,
                             SHEET_BOTTOM - SHEET_TOP};
    struct sheet_tiles tiles = sheet_tiles_fit(area, n, sheet->aspect);
    double wide = (tiles.w + tiles.gap) * (double)tiles.columns - tiles.gap;
    double spare = area.w - wide;
    tiles.x = area.x + fmax(0, spare - (PANEL_MAX - PANEL_MIN)) / 2;
    for (size_t i = 0; i < n; i++)
        draw_slice(sheet, page, sheet_tile_rect(&tiles, i), i);
    return area.x + area.w - fmin(spare, PANEL_MAX - PANEL_MIN);
}

struct number {
    const char *label, *unit;
    char text[32];
    uint32_t rgb;
};

#define NUMBER_H   142.0
#define NUMBER_PX  72.0
#define UNIT_W     48.0
#define NUMBER_PAD 16.0

/* One size for all numbers, at which the longest still fits in w. */
static double number_size(struct page *page, const struct number *numbers, size_t n,
                          double w)
{
    double size = NUMBER_PX;
    for (size_t i = 0; i < n; i++) {
        double wide = page_text_width(page, page_style_bold(NUMBER_PX, 0, PAGE_LEFT),
                                      numbers[i].text);
        double room = w - 2 * NUMBER_PAD - (numbers[i].unit[0] ? UNIT_W : 0);
        size = fmin(size, floor(NUMBER_PX * room / wide));
    }
    return size;
}

static void draw_number(struct page *page, struct page_rect rect, double size,
                        const struct number *number)
{
    double x = rect.x + NUMBER_PAD;
    double w = rect.w - 2 * NUMBER_PAD;
    page_fill(page, rect, 10, SHEET_PANEL_RGB, 1);
    page_text(page, (struct page_rect){x, rect.y + 10, w, 32},
              page_style_plain(23, SHEET_DIM_RGB, PAGE_LEFT), number->label);
    double used = page_text(page, (struct page_rect){x, rect.y + 44, w, 88},
                            page_style_bold(size, number->rgb, PAGE_LEFT), number->text);
    page_text(page, (struct page_rect){x + used + 8, rect.y + 86, UNIT_W - 8, 38},
              page_style_plain(26, number->rgb, PAGE_LEFT), number->unit);
}

static void format_ratio(const struct perfusion_view *view, char ret[32])
{
    if (isfinite(view->mismatch_ratio))
        sheet_format(view->mismatch_ratio, ret);
    else if (view->hypo_ml > 0 && view->core_ml <= 0)
        snprintf(ret, 32, "no core");
    else
        sheet_format((double)NAN, ret);
}

static double draw_numbers(const struct perfusion_view *view, struct page *page,
                           struct page_rect rect)
{
    if (!isfinite(view->core_ml) && !isfinite(view->hypo_ml))
        return rect.y;
    char core[64], hypo[64];
    snprintf(core, sizeof(core), "Core: rCBF < %g %%", view->core_rcbf_percent);
    snprintf(hypo, sizeof(hypo), "Tmax > %g s", view->hypo_tmax_s);
    struct number numbers[4] = {
        {.label = view->core_rule ? view->core_rule : core, "ml", .rgb = SHEET_CORE_RGB},
        {.label = hypo, "ml", .rgb = SHEET_HYPO_RGB},
        {.label = "Mismatch volume", "ml", .rgb = SHEET_TEXT_RGB},
        {.label = "Mismatch ratio", "", .rgb = SHEET_TEXT_RGB},
    };
    const double values[3] = {view->core_ml, view->hypo_ml, view->mismatch_ml};
    for (int i = 0; i < 3; i++)
        sheet_format(values[i], numbers[i].text);
    format_ratio(view, numbers[3].text);

    double w = floor((rect.w - GAP) / 2);
    double size = number_size(page, numbers, 4, w);
    for (int i = 0; i < 4; i++) {
        struct page_rect place = {rect.x + (w + GAP) * (i % 2),
                                  rect.y + (NUMBER_H + GAP) * (i / 2), w, NUMBER_H};
        draw_number(page, place, size, &numbers[i]);
    }
    return rect.y + 2 * (NUMBER_H + GAP);
}

/* In one line, or in two where it is long. Returns the height taken. */
static double draw_warning(struct page *page, struct page_rect row,
                           const struct result_check *check)
{
    char name[64], text[300];
    sheet_name_check(check->check, name);
    snprintf(text, sizeof(text), "%s: %s", name, check->text);
    struct page_style style =
        page_style_plain(18, mark_verdict_rgb(check->verdict), PAGE_LEFT);
    double w = row.w - 56;
    bool is_long = page_text_width(page, style, text) > w;
    row.h = is_long ? 54 : 36;
    page_fill(page, row, 6, SHEET_WARN_PANEL_RGB, 1);
    mark_verdict(page, (struct page_point){row.x + 22, row.y + row.h / 2}, 22,
                 check->verdict);
    if (is_long)
        page_paragraph(page, (struct page_rect){row.x + 46, row.y + 4, w, row.h - 4},
                       style, text);
    else
        page_text(page, (struct page_rect){row.x + 46, row.y, w, row.h}, style, text);
    return row.h;
}

/* The gravest first; those without room are counted. */
static double draw_warnings(const struct perfusion_view *view, struct page *page,
                            struct page_rect rect)
{
    double y = rect.y;
    size_t drawn = 0, left = 0;
    for (int verdict = VERDICT_FAIL; verdict > VERDICT_OK; verdict--) {
        for (size_t i = 0; i < view->check_count; i++) {
            if ((int)view->checks[i].verdict != verdict)
                continue;
            if (drawn == WARNS_MAX) {
                left++;
                continue;
            }
            y += 4
                 + draw_warning(page, (struct page_rect){rect.x, y, rect.w, 0},
                                &view->checks[i]);
            drawn++;
        }
    }
    if (left > 0) {
        page_textf(page, (struct page_rect){rect.x + 44, y, rect.w - 54, 26},
                   page_style_plain(18, mark_verdict_rgb(VERDICT_WARN), PAGE_LEFT),
                   "and %zu more on the page \u201cQuality\u201d", left);
        y += 28;
    }
    return drawn > 0 ? y + GAP - 4 : y;
}

static bool has_levels(const struct perfusion_levels *levels)
{
    for (int k = 0; k < PERFUSION_LEVELS; k++) {
        if (isfinite(levels->volume_ml[k]))
            return true;
    }
    return false;
}

#define ROW_H 31.0

static void draw_row(struct page *page, struct page_rect row, const char *label,
                     const char *value, const char *unit)
{
    page_text(page, (struct page_rect){row.x, row.y, row.w - 120, row.h},
              page_style_plain(21, SHEET_TEXT_RGB, PAGE_LEFT), label);
    page_text(page, (struct page_rect){row.x + row.w - 116, row.y, 80, row.h},
              page_style_bold(22, SHEET_TEXT_RGB, PAGE_RIGHT), value);
    page_text(page, (struct page_rect){row.x + row.w - 28, row.y, 28, row.h},
              page_style_plain(18, SHEET_DIM_RGB, PAGE_LEFT), unit);
}

static void draw_levels(struct page *page, struct page_rect rect, const char *title,
                        const char *sign, const struct perfusion_levels *levels,
                        const uint32_t *rgb)
{
    page_text(page, (struct page_rect){rect.x, rect.y, rect.w, ROW_H},
              page_style_plain(20, SHEET_DIM_RGB, PAGE_LEFT), title);
    for (int k = 0; k < PERFUSION_LEVELS; k++) {
        char label[32], value[32];
        snprintf(label, sizeof(label), "%c %g %s", sign[0], levels->bound[k], sign + 1);
        sheet_format(levels->volume_ml[k], value);
        double y = rect.y + ROW_H * (k + 1);
        page_fill(page, (struct page_rect){rect.x, y + ROW_H / 2 - 9, 18, 18}, 3, rgb[k],
                  1);
        draw_row(page, (struct page_rect){rect.x + 30, y, rect.w - 30, ROW_H}, label,
                 value, "ml");
    }
}

static void draw_index(struct page *page, struct page_rect row, const char *label,
                       double value)
{
    char text[32];
    if (!isfinite(value))
        return;
    snprintf(text, sizeof(text), "%.2f", value);
    draw_row(page, row, label, text, "");
}

static bool is_anywhere(const struct perfusion_view *view, const uint8_t *mask)
{
    size_t n = mask ? grid_voxels(view->grid) : 0;
    for (size_t i = 0; i < n; i++) {
        if (mask[i])
            return true;
    }
    return false;
}

static double draw_discordant_key(const struct perfusion_view *view, struct page *page,
                                  struct page_rect rect)
{
    if (!is_anywhere(view, view->discordant))
        return rect.y;
    struct page_point line[2] = {{rect.x, rect.y + 14}, {rect.x + 34, rect.y + 14}};
    page_line(page, line, 2, (struct page_pen){SHEET_DISCORDANT_RGB, 2.5, 1, 5});
    page_text(page, (struct page_rect){rect.x + 44, rect.y, rect.w - 44, 28},
              page_style_plain(19, SHEET_DIM_RGB, PAGE_LEFT),
              "delayed, but not part of the lesion: not counted");
    return rect.y + 28 + GAP;
}

static double draw_thresholds(const struct perfusion_view *view, struct page *page,
                              struct page_rect rect)
{
    if (!has_levels(&view->tmax_levels) && !has_levels(&view->rcbf_levels))
        return rect.y;
    double w = (rect.w - 3 * GAP) / 2;
    struct page_rect left = {rect.x, rect.y, w, ROW_H},
                     right = {rect.x + w + 3 * GAP, rect.y, w, ROW_H};
    draw_levels(page, left, "rCBF", "<%", &view->rcbf_levels, SHEET_RCBF_RGB);
    draw_levels(page, right, "Tmax", ">s", &view->tmax_levels, SHEET_TMAX_RGB);

    left.y = right.y = rect.y + ROW_H * (PERFUSION_LEVELS + 1);
    draw_index(page, left, "CBV index", view->cbv_index);
    draw_index(page, right, "HIR", view->hypoperfusion_index);
    bool has_index = isfinite(view->cbv_index) || isfinite(view->hypoperfusion_index);
    return left.y + (has_index ? ROW_H : 0) + GAP;
}

static void draw_curves(const struct perfusion_view *view, struct page *page,
                        struct page_rect rect)
{
    bool has_motion = view->motion.count > 0;
    if (view->aif.count > 0) {
        struct page_rect place = rect;
        place.h = has_motion ? floor(rect.h * 0.58) : rect.h;
        sheet_draw_bolus(view, page, place);
        rect.y += place.h + GAP;
        rect.h -= place.h + GAP;
    }
    if (has_motion)
        sheet_draw_motion(view, page, rect);
}

int perfusion_draw_summary(const struct sheet *sheet, struct page **ret, struct err *err)
{
    auto_(page) struct page *page = NULL;
    int r = sheet_begin(sheet, "summary", "Summary", &page, err);
    if (r < 0)
        return r;
    double x = draw_slices(sheet, page) + GAP;
    struct page_rect panel = {x, SHEET_TOP, PERFUSION_PAGE_WIDTH - SHEET_MARGIN - x, 0};
    panel.y = draw_numbers(sheet->view, page, panel);
    panel.y = draw_warnings(sheet->view, page, panel);
    panel.y = draw_thresholds(sheet->view, page, panel);
    panel.y = draw_discordant_key(sheet->view, page, panel);
    panel.h = SHEET_BOTTOM - panel.y;
    draw_curves(sheet->view, page, panel);
    *ret = take(page);
    return 0;
}
