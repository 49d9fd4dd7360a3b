/* perfusion_charts: the curves of the bolus and of the motion. */
#include "pipeline/lib/page_chart.h"
#include "pipeline/perfusion/perfusion_sheet.h"

#include <math.h>

void sheet_draw_bolus(const struct perfusion_view *view, struct page *page,
                      struct page_rect rect)
{
    struct chart chart = {
        .title = "Artery and vein",
        .x_unit = "s",
        .y_unit = view->is_relative ? "1/s" : "HU",
        .lines = {{"AIF", view->aif.time_s, view->aif.value, view->aif.count,
                   SHEET_AIF_RGB},
                  {"VOF", view->vof.time_s, view->vof.value, view->vof.count,
                   SHEET_VOF_RGB}},
        .limit = (double)NAN,
    };
    chart_draw(page, rect, &chart);
}

void sheet_draw_motion(const struct perfusion_view *view, struct page *page,
                       struct page_rect rect)
{
    const struct perfusion_motion *motion = &view->motion;
    struct chart chart = {
        .title = "Motion",
        .x_unit = "s",
        .lines = {{"shift, mm", motion->time_s, motion->translation_mm, motion->count,
                   0xe0b46a},
                  {"turn, \u00b0", motion->time_s, motion->rotation_deg,
                   motion->rotation_deg ? motion->count : 0, 0x9fc5c9}},
        .y_top_min = isfinite(motion->limit_mm) ? motion->limit_mm * 1.25 : 1,
        .limit = motion->limit_mm,
        .marked = motion->is_rejected,
        .marked_label = "left out",
    };
    chart_draw(page, rect, &chart);
}
