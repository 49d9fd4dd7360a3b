/* sax_page: header, footer and checks of a page. */
#include "pipeline/cardiac_cine/sax_page.h"

#include "base/err.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define ROW_H 40.0

/** "2024-03-05 09:41" of the first image, or "". */
static void acquired(const struct sax_job *job, char ret[40])
{
    ret[0] = '\0';
    if (!job->stack || !(job->stack->acquired_s[0] > 86400.0 * 366))
        return;
    const time_t at = (time_t)job->stack->acquired_s[0];
    struct tm tm;
    if (gmtime_r(&at, &tm))
        strftime(ret, 40, "%Y-%m-%d %H:%M", &tm);
}

int sax_page_begin(const struct sax_job *job, struct page **ret, struct err *err)
{
    int r = page_create("summary", "Summary", SAX_PAGE_WIDTH, SAX_PAGE_HEIGHT,
                        SAX_BACK_RGB, ret, err);
    if (r < 0)
        return r;
    struct page *page = *ret;
    const double w = SAX_PAGE_WIDTH - 2 * SAX_MARGIN;
    page_text(page, (struct page_rect){SAX_MARGIN, 18, w * 0.6, 46},
              page_style_bold(38, SAX_TEXT_RGB, PAGE_LEFT),
              "Cardiac cine: left ventricular function");
    char when[40], line[200] = "";
    acquired(job, when);
    if (job->stack)
        snprintf(line, sizeof(line),
                 "%s%s%zu short-axis slices every %.1f mm, %zu phases", when,
                 when[0] ? "   " : "", job->stack->grid->nz,
                 job->stack->grid->thickness_mm, job->stack->nt);
    page_text(page, (struct page_rect){SAX_MARGIN, 62, w * 0.6, 30},
              page_style_plain(21, SAX_DIM_RGB, PAGE_LEFT), line);
    page_textf(page, (struct page_rect){SAX_MARGIN + w * 0.6, 22, w * 0.4, 34},
               page_style_plain(20, SAX_DIM_RGB, PAGE_RIGHT), "Hilum %s, %s %s",
               HILUM_VERSION, job->def->name, job->def->version);
    if (job->result->model[0])
        page_textf(page, (struct page_rect){SAX_MARGIN + w * 0.6, 56, w * 0.4, 30},
                   page_style_plain(20, SAX_DIM_RGB, PAGE_RIGHT), "%s, %s",
                   job->result->model, job->result->precision);
    page_text(page, (struct page_rect){SAX_MARGIN, SAX_BOTTOM + 8, w, 30},
              page_style_bold(20, mark_verdict_rgb(VERDICT_WARN), PAGE_CENTRE),
              "Automatic result - not for primary diagnosis unless verified");
    return 0;
}

/* ---- checks ---- */

/** "ejection_fraction" as people write it. */
static void name_check(const char *check, char ret[64])
{
    snprintf(ret, 64, "%s", check);
    ret[0] = (char)toupper((unsigned char)ret[0]);
    for (char *c = ret; *c; c++)
        *c = *c == '_' ? ' ' : *c;
}

static void draw_check(struct page *page, struct page_rect row,
                       const struct result_check *check)
{
    char name[64];
    name_check(check->check, name);
    const bool is_ok = check->verdict == VERDICT_OK;
    page_fill(page, row, 4, SAX_PANEL_RGB, 1);
    mark_verdict(page, (struct page_point){row.x + 20, row.y + row.h / 2}, 19,
                 check->verdict);
    page_text(page, (struct page_rect){row.x + 40, row.y, 132, row.h},
              page_style_bold(17, SAX_TEXT_RGB, PAGE_LEFT), name);
    const struct page_style style = page_style_plain(
        16, is_ok ? SAX_DIM_RGB : mark_verdict_rgb(check->verdict), PAGE_LEFT);
    const struct page_rect rect = {row.x + 178, row.y, row.w - 186, row.h};
    if (page_text_width(page, style, check->text) <= rect.w)
        page_text(page, rect, style, check->text);
    else
        page_paragraph(page, (struct page_rect){rect.x, row.y + 1, rect.w, row.h - 1},
                       page_style_plain(15, style.rgb, PAGE_LEFT), check->text);
}

void sax_page_checks(const struct sax_job *job, struct page *page, struct page_rect rect)
{
    const struct check_list *checks = &job->result->checks;
    const double h =
        checks->count > 0 ? fmin(ROW_H, floor(rect.h / (double)checks->count)) : ROW_H;
    double y = rect.y;
    for (int verdict = VERDICT_FAIL; verdict >= VERDICT_OK; verdict--) {
        for (size_t i = 0; i < checks->count; i++) {
            if ((int)checks->items[i].verdict != verdict || y + h > rect.y + rect.h + 1)
                continue;
            draw_check(page, (struct page_rect){rect.x, y, rect.w, h - 3},
                       &checks->items[i]);
            y += h;
        }
    }
}
