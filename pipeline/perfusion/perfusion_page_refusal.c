/* perfusion_page_refusal: not analysed, and why. */
#include "base/err.h"
#include "pipeline/perfusion/perfusion_sheet.h"

#include <ctype.h>
#include <stdio.h>

int perfusion_draw_refusal(const struct perfusion_view *view, struct page **ret,
                           struct err *err)
{
    auto_(page) struct page *page = NULL;
    int r = page_create("summary", "Summary", PERFUSION_PAGE_WIDTH, PERFUSION_PAGE_HEIGHT,
                        SHEET_BACKGROUND_RGB, &page, err);
    if (r < 0)
        return r;
    perfusion_draw_frame(view, "", view->grid ? view->grid->nz : 0, 1, page);

    double width = PERFUSION_PAGE_WIDTH - 2 * SHEET_MARGIN - 120;
    mark_verdict(page, (struct page_point){SHEET_MARGIN + 46, 220}, 84, VERDICT_FAIL);
    page_text(page, (struct page_rect){SHEET_MARGIN + 120, 170, width, 100},
              page_style_bold(76, SHEET_TEXT_RGB, PAGE_LEFT), "Not analysed");
    char reason[252];
    snprintf(reason, sizeof(reason), "%s", view->refusal);
    reason[0] = (char)toupper((unsigned char)reason[0]);
    page_paragraph(page, (struct page_rect){SHEET_MARGIN + 120, 284, width, 190},
                   page_style_plain(36, SHEET_TEXT_RGB, PAGE_LEFT), reason);
    struct page_rect rect = {SHEET_MARGIN, 500, PERFUSION_PAGE_WIDTH - 2 * SHEET_MARGIN,
                             SHEET_BOTTOM - 510};
    perfusion_draw_checks(view, page, rect);
    *ret = take(page);
    return 0;
}
