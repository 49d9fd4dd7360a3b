#include "pipeline/lib/page_mark.h"

#include "pipeline/lib/page_chart.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define INK_RGB  0x0b0d10
#define TEXT_RGB 0xd5dbe1
#define BAR_PX   22.0 // of the numbers of a colour bar

uint32_t mark_verdict_rgb(enum verdict verdict)
{
    static const uint32_t RGB[] = {
        [VERDICT_OK] = 0x46c46a, [VERDICT_WARN] = 0xffb020, [VERDICT_FAIL] = 0xff5348};
    return RGB[verdict];
}

static void mark_ok(struct page *page, struct page_point c, double r)
{
    page_disc(page, c, r, mark_verdict_rgb(VERDICT_OK), 1);
    struct page_point tick[3] = {{c.x - 0.48 * r, c.y + 0.02 * r},
                                 {c.x - 0.12 * r, c.y + 0.40 * r},
                                 {c.x + 0.50 * r, c.y - 0.38 * r}};
    page_line(page, tick, 3, (struct page_pen){INK_RGB, 0.28 * r, 1, 0});
}

static void mark_warn(struct page *page, struct page_point c, double r)
{
    struct page_point triangle[3] = {{c.x, c.y - 1.05 * r},
                                     {c.x + 1.1 * r, c.y + 0.9 * r},
                                     {c.x - 1.1 * r, c.y + 0.9 * r}};
    page_polygon(page, triangle, 3, mark_verdict_rgb(VERDICT_WARN), 1);
    struct page_point stroke[2] = {{c.x, c.y - 0.38 * r}, {c.x, c.y + 0.25 * r}};
    page_line(page, stroke, 2, (struct page_pen){INK_RGB, 0.26 * r, 1, 0});
    page_disc(page, (struct page_point){c.x, c.y + 0.62 * r}, 0.15 * r, INK_RGB, 1);
}

static void mark_fail(struct page *page, struct page_point c, double r)
{
    struct page_point octagon[8];
    for (int i = 0; i < 8; i++) {
        double turn = (i + 0.5) * M_PI / 4;
        octagon[i] =
            (struct page_point){c.x + 1.08 * r * cos(turn), c.y + 1.08 * r * sin(turn)};
    }
    page_polygon(page, octagon, 8, mark_verdict_rgb(VERDICT_FAIL), 1);
    double a = 0.4 * r;
    struct page_pen pen = {INK_RGB, 0.28 * r, 1, 0};
    page_line(page, (struct page_point[2]){{c.x - a, c.y - a}, {c.x + a, c.y + a}}, 2,
              pen);
    page_line(page, (struct page_point[2]){{c.x - a, c.y + a}, {c.x + a, c.y - a}}, 2,
              pen);
}

void mark_verdict(struct page *page, struct page_point centre, double size_px,
                  enum verdict verdict)
{
    static void (*const MARKS[])(struct page *, struct page_point, double) = {
        [VERDICT_OK] = mark_ok, [VERDICT_WARN] = mark_warn, [VERDICT_FAIL] = mark_fail};
    MARKS[verdict](page, centre, size_px / 2);
}

static void draw_colours(struct page *page, struct page_rect rect, enum colour_map map)
{
    bool is_upright = rect.h > rect.w;
    size_t n = (size_t)(is_upright ? rect.h : rect.w);
    uint32_t *argb = malloc(n * sizeof(*argb));
    if (!argb) {
        page_fail(page);
        return;
    }
    for (size_t i = 0; i < n; i++)
        argb[i] = 0xff000000 | colour_map_at(map, (double)i / (double)(n - 1));
    struct page_place place = {
        .dst = rect, .nx = is_upright ? 1 : n, .ny = is_upright ? n : 1, .flip_y = true};
    place.crop = (struct page_rect){0, 0, (double)place.nx, (double)place.ny};
    page_image(page, &place, argb, false);
    free(argb);
}

/* Numbers that end at the top of the scale, if any steps do. */
static struct chart_axis bar_axis(struct picture_scale scale)
{
    for (int steps = 10; steps > 2; steps--) {
        struct chart_axis axis = chart_axis_fit(scale.lo, scale.hi, steps);
        if (fabs(axis.hi - scale.hi) < 1e-6 * axis.step)
            return axis;
    }
    return chart_axis_fit(scale.lo, scale.hi, 10);
}

static void draw_bar_number(struct page *page, struct page_rect rect, double share,
                            double value)
{
    struct page_style style = page_style_plain(BAR_PX, TEXT_RGB, PAGE_LEFT);
    struct page_pen pen = {TEXT_RGB, 1.5, 1, 0};
    if (rect.h > rect.w) {
        double x = rect.x + rect.w;
        double y = rect.y + rect.h * (1 - share);
        page_line(page, (struct page_point[2]){{x, y}, {x + 6, y}}, 2, pen);
        page_textf(page, (struct page_rect){x + 12, y - 14, 80, 28}, style, "%g", value);
        return;
    }
    double x = rect.x + rect.w * share;
    double y = rect.y + rect.h;
    style.align = PAGE_CENTRE;
    page_line(page, (struct page_point[2]){{x, y}, {x, y + 6}}, 2, pen);
    page_textf(page, (struct page_rect){x - 50, y + 6, 100, 28}, style, "%g", value);
}

void mark_colour_bar(struct page *page, struct page_rect rect, struct picture_scale scale,
                     const char *unit)
{
    draw_colours(page, rect, scale.map);
    page_frame(page, rect, 0, (struct page_pen){0x6b7580, 1, 1, 0});

    struct chart_axis axis = bar_axis(scale);
    int steps = (int)floor((scale.hi - axis.lo) / axis.step + 1e-6);
    for (int i = 0; i <= steps; i++) {
        double value = axis.lo + i * axis.step;
        draw_bar_number(page, rect, (value - scale.lo) / (scale.hi - scale.lo), value);
    }
    struct page_style style = page_style_plain(BAR_PX, TEXT_RGB, PAGE_LEFT);
    struct page_rect behind = {rect.x + rect.w + 20, rect.y + rect.h / 2 - 14, 160, 28};
    struct page_rect above = {rect.x - 60, rect.y - 44, rect.w + 120, 28};
    if (rect.h > rect.w)
        style.align = PAGE_CENTRE;
    page_text(page, rect.h > rect.w ? above : behind, style, unit);
}
