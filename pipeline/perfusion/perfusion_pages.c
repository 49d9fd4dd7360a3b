#include "pipeline/perfusion/perfusion_pages.h"

#include "base/err.h"
#include "pipeline/lib/page_chart.h"
#include "pipeline/perfusion/perfusion_group.h"
#include "pipeline/perfusion/perfusion_sheet.h"

#include <math.h>
#include <stdlib.h>

void perfusion_view_init(struct perfusion_view *view)
{
    const double none = (double)NAN;
    *view = (struct perfusion_view){
        .core_ml = none,
        .hypo_ml = none,
        .mismatch_ml = none,
        .mismatch_ratio = none,
        .hypoperfusion_index = none,
        .cbv_index = none,
        .core_rcbf_percent = 30,
        .hypo_tmax_s = 6,
        .tmax_levels = {.bound = {4, 6, 8, 10}, .volume_ml = {none, none, none, none}},
        .rcbf_levels = {.bound = {38, 34, 30, 20}, .volume_ml = {none, none, none, none}},
        .motion = {.limit_mm = none, .limit_deg = none},
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

typedef int draw_fn(const struct sheet *sheet, struct page **ret, struct err *err);

static int draw_page(draw_fn *draw, const struct sheet *sheet, struct page_list *pages,
                     struct err *err)
{
    auto_(page) struct page *page = NULL;
    int r = draw(sheet, &page, err);
    return r < 0 ? r : keep(page, pages, err);
}

/* What nearly all voxels of a relative map lie under, in a round number. */
static double find_top(const struct perfusion_view *view, const float *voxels)
{
    size_t n = grid_voxels(view->grid), counted = 0;
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        if (view->brain && !view->brain[i])
            continue;
        sum += (double)voxels[i];
        squares += (double)voxels[i] * (double)voxels[i];
        counted++;
    }
    double mean = counted ? sum / (double)counted : 1;
    double sd = counted ? sqrt(fmax(0, squares / (double)counted - mean * mean)) : 0;
    double top = fmax(mean + 2 * sd, 1e-6);
    return chart_axis_fit(0, top, 5).hi;
}

static double map_top(const struct perfusion_view *view, const float *voxels,
                      double given, double usual, bool is_relative)
{
    if (given > 0)
        return given;
    return is_relative ? find_top(view, voxels) : usual;
}

static int draw_map(const struct sheet *sheet, const struct perfusion_map *map,
                    struct page_list *pages, struct err *err)
{
    if (!map->voxels)
        return 0;
    auto_(page) struct page *page = NULL;
    int r = perfusion_draw_map(sheet, map, &page, err);
    return r < 0 ? r : keep(page, pages, err);
}

static int draw_maps(const struct sheet *sheet, struct page_list *pages, struct err *err)
{
    const struct perfusion_view *v = sheet->view;
    bool rel = v->is_relative;
    struct perfusion_map maps[] = {
        {"cbf", rel ? "rCBF: relative cerebral blood flow" : "CBF: cerebral blood flow",
         rel ? "relative" : "ml/100 g/min", v->cbf, v->cbf_hi},
        {"cbv",
         rel ? "rCBV: relative cerebral blood volume" : "CBV: cerebral blood volume",
         rel ? "relative" : "ml/100 g", v->cbv, v->cbv_hi},
        {"mtt", "MTT: mean transit time", "s", v->mtt, v->mtt_hi},
        {"tmax", "Tmax: time to maximum", "s", v->tmax, v->tmax_hi},
    };
    static const double USUAL[] = {80, 6, 15, 12};
    int r = 0;
    for (size_t i = 0; r == 0 && i < 4; i++) {
        if (maps[i].voxels)
            maps[i].hi = map_top(v, maps[i].voxels, maps[i].hi, USUAL[i], rel && i < 2);
        r = draw_map(sheet, &maps[i], pages, err);
    }
    return r;
}

static int draw_pages(const struct sheet *sheet, struct page_list *pages, struct err *err)
{
    const struct perfusion_view *view = sheet->view;
    int r = draw_page(perfusion_draw_summary, sheet, pages, err);
    if (r == 0 && (view->tmax_levels.passed || view->rcbf_levels.passed))
        r = draw_page(perfusion_draw_levels, sheet, pages, err);
    if (r == 0)
        r = draw_maps(sheet, pages, err);
    if (r == 0 && (view->check_count > 0 || view->aif.count > 0))
        r = draw_page(perfusion_draw_quality, sheet, pages, err);
    return r;
}

static int draw_sheet(const struct perfusion_view *view, size_t slices, size_t size,
                      struct page_list *pages, struct err *err)
{
    auto_(sheet) struct sheet *sheet = NULL;
    int r = sheet_create(view, slices, size, &sheet, err);
    return r < 0 ? r : draw_pages(sheet, pages, err);
}

static int draw_all(const struct perfusion_view *view, struct page_list *pages,
                    struct err *err)
{
    if (view->refusal)
        return draw_refusal(view, pages, err);

    size_t slices = view->grid->nz;
    size_t size = perfusion_group_size(slices, view->grid->thickness_mm);
    if (size == 1)
        return draw_sheet(view, slices, 1, pages, err);
    auto_(perfusion_group) struct perfusion_group *group = NULL;
    int r = perfusion_group_create(view, size, &group, err);
    return r < 0 ? r : draw_sheet(perfusion_group_view(group), slices, size, pages, err);
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
