/* perfusion_checks: the table of checks with their verdicts. */
#include "pipeline/perfusion/perfusion_sheet.h"

#include <math.h>

#define ROW_MAX 44.0

/* One line where it fits, else smaller letters, else two lines of them. */
static void draw_text(struct page *page, struct page_rect rect, struct page_style style,
                      const char *text)
{
    double two_px = fmin(style.size_px, floor(rect.h * 0.39));
    struct page_style smaller = style;
    smaller.size_px = two_px;
    if (page_text_width(page, smaller, text) <= rect.w) {
        page_text(page, rect, style, text);
        return;
    }
    page_paragraph(page, (struct page_rect){rect.x, rect.y + 1, rect.w, rect.h - 1},
                   smaller, text);
}

static void draw_check(struct page *page, struct page_rect row,
                       const struct result_check *check)
{
    double size = fmin(22, row.h * 0.55);
    struct page_style style = page_style_bold(size, SHEET_TEXT_RGB, PAGE_LEFT);
    style.shrink_min = 0.55;
    char name[64];
    sheet_name_check(check->check, name);
    mark_verdict(page, (struct page_point){row.x + 22, row.y + row.h / 2}, size * 1.1,
                 check->verdict);
    page_text(page, (struct page_rect){row.x + 46, row.y, 250, row.h}, style, name);
    style.is_bold = false;
    style.rgb =
        check->verdict == VERDICT_OK ? SHEET_DIM_RGB : mark_verdict_rgb(check->verdict);
    draw_text(page, (struct page_rect){row.x + 310, row.y, row.w - 322, row.h}, style,
              check->text);
}

void perfusion_draw_checks(const struct perfusion_view *view, struct page *page,
                           struct page_rect rect)
{
    if (view->check_count == 0)
        return;
    double h = fmin(ROW_MAX, rect.h / (double)view->check_count);
    for (size_t i = 0; i < view->check_count; i++) {
        struct page_rect row = {rect.x, rect.y + h * (double)i, rect.w, h - 2};
        page_fill(page, row, 4, SHEET_PANEL_RGB, 1);
        draw_check(page, row, &view->checks[i]);
    }
}
