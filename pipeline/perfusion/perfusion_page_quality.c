/* perfusion_page_quality: whether to believe the other pages. */
#include "base/err.h"
#include "pipeline/perfusion/perfusion_sheet.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>

#define GAP      24.0
#define CHARTS_H 560.0 // the upper part
#define CHECK_H  38.0

/* The slice that holds most of the curve's sites. */
static size_t site_slice(const struct perfusion_curve *curve)
{
    size_t best = curve->sites[0].z, most = 0;
    for (size_t i = 0; i < curve->site_count; i++) {
        size_t n = 0;
        for (size_t k = 0; k < curve->site_count; k++)
            n += curve->sites[k].z == curve->sites[i].z;
        if (n > most) {
            most = n;
            best = curve->sites[i].z;
        }
    }
    return best;
}

static size_t shown_number(const struct sheet *sheet, size_t z)
{
    assert(z < sheet->view->grid->nz);
    size_t i = 0;
    while (sheet->order[i] != z)
        i++;
    return i;
}

static void draw_ring(struct page *page, struct page_point centre, double radius,
                      uint32_t rgb)
{
    struct page_point ring[33];
    for (int i = 0; i <= 32; i++)
        ring[i] = (struct page_point){centre.x + radius * cos(i * M_PI / 16),
                                      centre.y + radius * sin(i * M_PI / 16)};
    page_line(page, ring, 33, (struct page_pen){0x000000, 5, 0.6, 0});
    page_line(page, ring, 33, (struct page_pen){rgb, 2.5, 1, 0});
}

static void draw_sites(struct page *page, const struct page_place *place,
                       const struct perfusion_curve *curve, size_t z, uint32_t rgb)
{
    double size = fmax(1.5, place->dst.w / place->crop.w / 2);
    struct page_point sum = {0, 0};
    double radius = 12;
    size_t n = 0;
    for (size_t i = 0; i < curve->site_count; i++) {
        const struct perfusion_site *site = &curve->sites[i];
        if (site->z != z)
            continue;
        struct page_point at = page_place_point(place, (double)site->x, (double)site->y);
        page_fill(page, (struct page_rect){at.x - size, at.y - size, 2 * size, 2 * size},
                  0, rgb, 0.9);
        sum.x += at.x;
        sum.y += at.y;
        n++;
    }
    struct page_point centre = {sum.x / (double)n, sum.y / (double)n};
    for (size_t i = 0; i < curve->site_count; i++) {
        const struct perfusion_site *site = &curve->sites[i];
        struct page_point at = page_place_point(place, (double)site->x, (double)site->y);
        if (site->z == z)
            radius = fmax(radius, hypot(at.x - centre.x, at.y - centre.y) + 8);
    }
    draw_ring(page, centre, radius, rgb);
}

static void draw_site(const struct sheet *sheet, struct page *page, struct page_rect rect,
                      const char *name, const struct perfusion_curve *curve, uint32_t rgb)
{
    if (curve->site_count == 0)
        return;
    size_t z = site_slice(curve);
    size_t i = shown_number(sheet, z);
    page_textf(page, (struct page_rect){rect.x, rect.y, rect.w, 30},
               page_style_bold(21, rgb, PAGE_LEFT), "%s", name);
    page_textf(page, (struct page_rect){rect.x + 60, rect.y, rect.w - 60, 30},
               page_style_plain(19, SHEET_DIM_RGB, PAGE_RIGHT), "slice %zu, %zu voxels",
               i + 1, curve->site_count);
    struct page_rect area = {rect.x, rect.y + 34, rect.w, rect.h - 34};
    struct sheet_tiles tile = sheet_tiles_fit(area, 1, sheet->aspect);
    struct page_rect picture = sheet_tile_rect(&tile, 0);
    struct page_place place = sheet_place(sheet, picture);
    sheet_draw_anatomy(sheet, page, &place, z);
    sheet_draw_labels(sheet, page, picture, i);
    draw_sites(page, &place, curve, z, rgb);
}

static void draw_upper(const struct sheet *sheet, struct page *page,
                       struct page_rect rect)
{
    const struct perfusion_view *view = sheet->view;
    double site_w = floor(rect.h * 0.72);
    double chart_w = rect.w - 2 * (site_w + GAP);
    struct page_rect chart = {rect.x, rect.y, chart_w, floor(rect.h * 0.56)};
    if (view->aif.count > 0)
        sheet_draw_bolus(view, page, chart);
    chart.y += chart.h + 16;
    chart.h = rect.y + rect.h - chart.y;
    if (view->motion.count > 0)
        sheet_draw_motion(view, page, chart);

    struct page_rect site = {rect.x + chart_w + GAP, rect.y, site_w, rect.h};
    draw_site(sheet, page, site, "AIF", &view->aif, SHEET_AIF_RGB);
    site.x += site_w + GAP;
    draw_site(sheet, page, site, "VOF", &view->vof, SHEET_VOF_RGB);
}

int perfusion_draw_quality(const struct sheet *sheet, struct page **ret, struct err *err)
{
    auto_(page) struct page *page = NULL;
    int r = sheet_begin(sheet, "quality", "Quality", &page, err);
    if (r < 0)
        return r;

    double checks_h = fmin(CHECK_H * (double)sheet->view->check_count,
                           SHEET_BOTTOM - SHEET_TOP - CHARTS_H);
    struct page_rect rect = {SHEET_MARGIN, SHEET_TOP,
                             PERFUSION_PAGE_WIDTH - 2 * SHEET_MARGIN,
                             SHEET_BOTTOM - SHEET_TOP - checks_h - GAP};
    rect.h = fmin(rect.h, 660);
    draw_upper(sheet, page, rect);
    rect.y += rect.h + GAP;
    rect.h = SHEET_BOTTOM - rect.y;
    perfusion_draw_checks(sheet->view, page, rect);
    *ret = take(page);
    return 0;
}
