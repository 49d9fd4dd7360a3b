/* sax_view: the pages of a run: the summary, or why there is none. */
#include "base/err.h"
#include "pipeline/cardiac_cine/sax_page.h"
#include "pipeline/lib/page_chart.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define LEFT_W  972.0
#define GAP     22.0
#define CHART_H 330.0
#define RINGS_W 306.0

/* ---- the curve ---- */

static int draw_curve(const struct sax_job *job, struct page *page, struct page_rect rect,
                      struct err *err)
{
    const size_t nt = job->range->nt;
    double *time_ms = calloc(nt, sizeof(*time_ms));
    float *ml = calloc(nt, sizeof(*ml));
    uint8_t *marked = calloc(nt, 1);
    if (time_ms && ml && marked) {
        for (size_t t = 0; t < nt; t++) {
            time_ms[t] = sax_stack_time_ms(job->stack, t);
            ml[t] = (float)job->range->volume_ml[t];
        }
        marked[job->range->ed] = marked[job->range->es] = 1;
        const bool has_time = isfinite(time_ms[0]) && isfinite(time_ms[nt - 1]);
        for (size_t t = 0; t < nt && !has_time; t++)
            time_ms[t] = (double)t;
        char title[120];
        snprintf(title, sizeof(title),
                 "LV volume over the cycle   (ED: phase %zu, ES: phase %zu)",
                 job->range->ed + 1, job->range->es + 1);
        const struct chart chart = {
            .title = title,
            .x_unit = has_time ? "ms" : "",
            .y_unit = "ml",
            .lines = {{"LV volume", time_ms, ml, nt, SAX_CURVE_RGB}},
            .limit = (double)NAN,
            .marked = marked,
            .marked_label = "ED, ES",
        };
        chart_draw(page, rect, &chart);
    }
    const bool is_done = time_ms && ml && marked;
    free(time_ms);
    free(ml);
    free(marked);
    return is_done ? 0 : err_set(err, ERR_NOMEM, "a curve");
}

/* ---- pages ---- */

static int draw_summary(const struct sax_job *job, struct page *page, struct err *err)
{
    const double chart_y = SAX_BOTTOM - CHART_H;
    sax_page_slices(
        job, page,
        (struct page_rect){SAX_MARGIN, SAX_TOP, LEFT_W, chart_y - SAX_TOP - GAP});
    const double x = SAX_MARGIN + LEFT_W + GAP;
    const struct page_rect panel = {x, SAX_TOP, SAX_PAGE_WIDTH - SAX_MARGIN - x, 0};
    const double y = sax_page_numbers(job, page, panel);
    sax_page_checks(job, page, (struct page_rect){x, y, panel.w, SAX_BOTTOM - y});
    sax_page_sectors(
        job, page,
        (struct page_rect){SAX_MARGIN + LEFT_W - RINGS_W, chart_y, RINGS_W, CHART_H});
    return draw_curve(
        job, page,
        (struct page_rect){SAX_MARGIN, chart_y, LEFT_W - RINGS_W - GAP, CHART_H}, err);
}

static void draw_refusal(const struct sax_job *job, struct page *page)
{
    const double width = SAX_PAGE_WIDTH - 2 * SAX_MARGIN - 120;
    mark_verdict(page, (struct page_point){SAX_MARGIN + 46, 220}, 84, VERDICT_FAIL);
    page_text(page, (struct page_rect){SAX_MARGIN + 120, 170, width, 100},
              page_style_bold(76, SAX_TEXT_RGB, PAGE_LEFT), "Not analysed");
    char reason[252];
    snprintf(reason, sizeof(reason), "%s", job->result->reason);
    reason[0] = (char)toupper((unsigned char)reason[0]);
    page_paragraph(page, (struct page_rect){SAX_MARGIN + 120, 284, width, 190},
                   page_style_plain(36, SAX_TEXT_RGB, PAGE_LEFT), reason);
    sax_page_checks(job, page,
                    (struct page_rect){SAX_MARGIN, 500, SAX_PAGE_WIDTH - 2 * SAX_MARGIN,
                                       SAX_BOTTOM - 510});
}

int sax_view_draw(struct sax_job *job, struct err *err)
{
    auto_(page) struct page *page = NULL;
    int r = sax_page_begin(job, &page, err);
    if (r == 0 && job->result->status == RESULT_OK)
        r = draw_summary(job, page, err);
    else if (r == 0)
        draw_refusal(job, page);
    struct result_page *item = r == 0 ? page_list_add(&job->result->pages) : NULL;
    if (r == 0 && !item)
        r = err_set(err, ERR_NOMEM, "a list of pages");
    if (r < 0)
        return r;
    r = page_finish(page, item, err);
    if (r < 0)
        job->result->pages.count--;
    return r;
}
