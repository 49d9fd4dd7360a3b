/* perfusion_frame: header and footer of every page. */
#include "base/err.h"
#include "pipeline/perfusion/perfusion_sheet.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define WIDTH ((double)PERFUSION_PAGE_WIDTH)

static const char NOTICE[] =
    "Automatic result \u2013 not for primary diagnosis unless verified";

__attribute__((format(printf, 3, 4))) static void append(char *text, size_t size,
                                                         const char *fmt, ...)
{
    size_t used = strlen(text);
    if (used > 0 && used + 6 < size) {
        memcpy(text + used, "  \u00b7  ", sizeof("  \u00b7  "));
        used = strlen(text);
    }
    va_list args;
    va_start(args, fmt);
    vsnprintf(text + used, size - used, fmt, args);
    va_end(args);
}

static bool is_axial(const struct grid *grid)
{
    double normal[3];
    grid_normal(grid, normal);
    return fabs(normal[2]) > fabs(normal[0]) && fabs(normal[2]) > fabs(normal[1]);
}

static void append_slices(const struct perfusion_view *view, size_t slices, size_t group,
                          char *text, size_t size)
{
    double thin = view->grid->thickness_mm / (double)group;
    append(text, size, "%zu slice%s of %.3g mm%s", slices, slices > 1 ? "s" : "", thin,
           view->refusal || slices < 2 || !is_axial(view->grid) ? "" : ", foot to head");
    if (group > 1)
        append(text, size, "each picture is %zu slices, %.3g mm", group,
               view->grid->thickness_mm);
}

static void describe_scan(const struct perfusion_view *view, size_t slices, size_t group,
                          char *text, size_t size)
{
    if (view->acquired)
        append(text, size, "Scan %s", view->acquired);
    if (view->technique)
        append(text, size, "%s", view->technique);
    if (view->grid)
        append_slices(view, slices, group, text, size);
    if (view->frames > 0 && view->interval_s > 0 && view->duration_s > 0)
        append(text, size, "%zu time points every %.2g s over %.0f s", view->frames,
               view->interval_s, view->duration_s);
    else if (view->frames > 0)
        append(text, size, "%zu time points", view->frames);
    if (view->processing_s > 0)
        append(text, size, "processed in %.1f s", view->processing_s);
}

static size_t count_verdicts(const struct perfusion_view *view, enum verdict verdict)
{
    size_t n = 0;
    for (size_t i = 0; i < view->check_count; i++)
        n += view->checks[i].verdict == verdict;
    return n;
}

static double draw_badge(const struct perfusion_view *view, struct page *page)
{
    size_t fails = count_verdicts(view, VERDICT_FAIL);
    size_t warns = count_verdicts(view, VERDICT_WARN);
    enum verdict worst = fails ? VERDICT_FAIL : warns ? VERDICT_WARN : VERDICT_OK;
    char text[64];
    if (worst == VERDICT_OK)
        snprintf(text, sizeof(text), "All %zu checks passed", view->check_count);
    else if (fails)
        snprintf(text, sizeof(text), "%zu of %zu checks failed", fails,
                 view->check_count);
    else
        snprintf(text, sizeof(text), "%zu of %zu checks warn", warns, view->check_count);

    struct page_style style = page_style_bold(26, mark_verdict_rgb(worst), PAGE_RIGHT);
    double width = page_text_width(page, style, text) + 1;
    double x = WIDTH - SHEET_MARGIN - width;
    page_text(page, (struct page_rect){x, 20, width, 44}, style, text);
    mark_verdict(page, (struct page_point){x - 26, 42}, 32, worst);
    return x - 60;
}

void perfusion_draw_frame(const struct perfusion_view *view, const char *label,
                          size_t slices, size_t group, struct page *page)
{
    double right = view->check_count > 0 && !view->refusal ? draw_badge(view, page)
                                                           : WIDTH - SHEET_MARGIN;
    struct page_style title = page_style_bold(36, SHEET_TEXT_RGB, PAGE_LEFT);
    double used =
        page_text(page, (struct page_rect){SHEET_MARGIN, 18, right - SHEET_MARGIN, 48},
                  title, view->title);
    title.is_bold = false;
    title.rgb = SHEET_DIM_RGB;
    double x = SHEET_MARGIN + used + 24;
    page_text(page, (struct page_rect){x, 18, right - x, 48}, title, label);

    char facts[256] = "";
    describe_scan(view, slices, group, facts, sizeof(facts));
    struct page_style small = page_style_plain(19, SHEET_DIM_RGB, PAGE_LEFT);
    page_text(page, (struct page_rect){SHEET_MARGIN, 68, WIDTH - 2 * SHEET_MARGIN, 28},
              small, facts);

    struct page_rect foot = {SHEET_MARGIN, SHEET_BOTTOM + 12, 900, 28};
    page_text(page, foot, page_style_bold(19, SHEET_TEXT_RGB, PAGE_LEFT), NOTICE);
    foot = (struct page_rect){950, SHEET_BOTTOM + 12, WIDTH - SHEET_MARGIN - 950, 28};
    small.align = PAGE_RIGHT;
    page_text(page, foot, small, view->product);
}

int sheet_begin(const struct sheet *sheet, const char *name, const char *label,
                struct page **ret, struct err *err)
{
    int r = page_create(name, label, PERFUSION_PAGE_WIDTH, PERFUSION_PAGE_HEIGHT,
                        SHEET_BACKGROUND_RGB, ret, err);
    if (r == 0)
        perfusion_draw_frame(sheet->view, label, sheet->source_slices, sheet->group,
                             *ret);
    return r;
}
