#include "pipeline/perfusion/perfusion_pages.h"

#include "base/err.h"
#include "pipeline/perfusion/perfusion_sheet.h"

#include <math.h>
#include <stdlib.h>

void perfusion_view_init(struct perfusion_view *view)
{
    *view = (struct perfusion_view){
        .core_ml = NAN,
        .hypo_ml = NAN,
        .mismatch_ml = NAN,
        .mismatch_ratio = NAN,
        .hypoperfusion_index = NAN,
        .cbv_index = NAN,
        .core_rcbf_percent = 30,
        .hypo_tmax_s = 6,
        .tmax_levels = {.bound = {4, 6, 8, 10}, .volume_ml = {NAN, NAN, NAN, NAN}},
        .rcbf_levels = {.bound = {38, 34, 30, 20}, .volume_ml = {NAN, NAN, NAN, NAN}},
        .motion = {.limit_mm = NAN, .limit_deg = NAN},
    };
}

/* Finish a page that was drawn and take it into the list. */
static int keep(struct page *page, struct page_list *pages, struct err *err)
{
    struct result_page finished = {0};
    int r = page_finish(page, &finished, err);
    if (r < 0)
        return r;
    struct result_page *item = page_list_add(pages);
    if (!item) {
        free(finished.rgb);
        return err_set(err, ERR_NOMEM, "a list of pages");
    }
    *item = finished;
    return 0;
}

static int draw_refusal(const struct perfusion_view *view, struct page_list *pages,
                        struct err *err)
{
    auto_(page) struct page *page = NULL;
    int r = perfusion_draw_refusal(view, &page, err);
    return r < 0 ? r : keep(page, pages, err);
}

static int draw_pages(const struct sheet *sheet, struct page_list *pages, struct err *err)
{
    auto_(page) struct page *page = NULL;
    int r = perfusion_draw_summary(sheet, &page, err);
    return r < 0 ? r : keep(page, pages, err);
}

static int draw_all(const struct perfusion_view *view, struct page_list *pages,
                    struct err *err)
{
    if (view->refusal)
        return draw_refusal(view, pages, err);

    auto_(sheet) struct sheet *sheet = NULL;
    int r = sheet_create(view, view->grid->nz, 1, &sheet, err);
    return r < 0 ? r : draw_pages(sheet, pages, err);
}

int perfusion_pages_draw(const struct perfusion_view *view, struct page_list *pages,
                         struct err *err)
{
    size_t before = pages->count;
    int r = draw_all(view, pages, err);
    if (r < 0) {
        while (pages->count > before)
            free(pages->items[--pages->count].rgb);
        return err_add(err, "pages");
    }
    return 0;
}
