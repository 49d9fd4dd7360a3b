/* segment_page: one page: slices with the masks on them, volumes, checks, or why not. */
#include "base/err.h"
#include "pipeline/lib/page.h"
#include "pipeline/lib/page_mark.h"
#include "pipeline/lib/page_picture.h"
#include "pipeline/segment/segment_job.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 1600, HEIGHT = 1000, MARGIN = 32, COLUMNS = 4, ROWS = 3, PANEL = 440 };
#define TOP       110.0
#define BOTTOM    940.0
#define BACK_RGB  0x101418
#define TEXT_RGB  0xf0f2f4
#define DIM_RGB   0x9aa4ae
#define LINES_MAX 12

static const char NOTICE[] =
    "Automatic result \u2013 not for primary diagnosis unless verified";

/* ---- slices ---- */

/** Slices that any mask touches, else all: first and end. */
static void find_range(const struct segment_job *job, size_t *ret_first, size_t *ret_end)
{
    const struct grid *g = job->stack->grid;
    const size_t plane = g->nx * g->ny;
    *ret_first = g->nz;
    *ret_end = 0;
    for (size_t s = 0; s < job->result->segments.count; s++) {
        const uint8_t *mask = job->result->segments.items[s].mask;
        for (size_t z = 0; z < g->nz; z++) {
            if (!memchr(mask + z * plane, 1, plane))
                continue;
            *ret_first = z < *ret_first ? z : *ret_first;
            *ret_end = z + 1;
        }
    }
    if (*ret_end == 0) {
        *ret_first = 0;
        *ret_end = g->nz;
    }
}

/** What is black and what is white: the network's own window, else the middle of the values. */
static void choose_window(const struct segment_job *job, double *ret_lo, double *ret_hi)
{
    const struct card_input *in = &job->card->input;
    const struct scale_stats *s = job->stats;
    *ret_lo = s ? fmax(s->lo, s->mean - 2 * s->sd) : 0.0;
    *ret_hi = s ? fmin(s->hi, s->mean + 3 * s->sd) : 1.0;
    if (in->scale == CARD_WINDOW || in->scale == CARD_CT) {
        *ret_lo = fmax(in->clip_lo, s ? s->lo : in->clip_lo);
        *ret_hi = fmin(in->clip_hi, s ? s->hi : in->clip_hi);
    }
    if (!(*ret_hi > *ret_lo))
        *ret_hi = *ret_lo + 1.0;
}

static const char *letter_of(const double v[3], bool is_back)
{
    static const char *const PLUS[3] = {"L", "P", "S"}, *const MINUS[3] = {"R", "A", "I"};
    int axis = 0;
    for (int i = 1; i < 3; i++) {
        if (fabs(v[i]) > fabs(v[axis]))
            axis = i;
    }
    return (v[axis] > 0) != is_back ? PLUS[axis] : MINUS[axis];
}

static void draw_marks(const struct segment_job *job, struct page *page,
                       struct page_rect cell, size_t z)
{
    const double *o = job->stack->grid->orientation;
    struct page_style style = page_style_plain(17, TEXT_RGB, PAGE_LEFT);
    style.has_halo = true;
    page_text(page, (struct page_rect){cell.x + 5, cell.y + cell.h / 2 - 12, 24, 24},
              style, letter_of(o, true));
    page_textf(page, (struct page_rect){cell.x + 5, cell.y + 3, 140, 22}, style, "%zu",
               z + 1);
    style.align = PAGE_RIGHT;
    page_text(page,
              (struct page_rect){cell.x + cell.w - 29, cell.y + cell.h / 2 - 12, 24, 24},
              style, letter_of(o, false));
    style.align = PAGE_CENTRE;
    page_text(page, (struct page_rect){cell.x + cell.w / 2 - 12, cell.y + 3, 24, 22},
              style, letter_of(o + 3, true));
}

static uint32_t rgb_of(const struct result_segment *s)
{
    return (uint32_t)s->rgb[0] << 16 | (uint32_t)s->rgb[1] << 8 | s->rgb[2];
}

static int draw_slice(const struct segment_job *job, struct page *page,
                      struct page_rect cell, size_t z, float *plane, struct err *err)
{
    const struct grid *g = job->stack->grid;
    const double wide = (double)g->nx * g->spacing_mm[0];
    const double high = (double)g->ny * g->spacing_mm[1];
    const double zoom = fmin(cell.w / wide, cell.h / high);
    const struct page_rect dst = {cell.x + (cell.w - wide * zoom) / 2,
                                  cell.y + (cell.h - high * zoom) / 2, wide * zoom,
                                  high * zoom};
    const struct page_place place = {
        dst, g->nx, g->ny, {0, 0, (double)g->nx, (double)g->ny}, false, false};
    struct picture_scale scale = {.map = COLOUR_MAP_GREY};
    choose_window(job, &scale.lo, &scale.hi);
    const int r = series_read_frame(job->in->series, job->stack->frames[z], plane, err);
    if (r < 0)
        return r;
    page_clip(page, cell);
    picture_values(page, &place, plane, NULL, scale);
    for (size_t s = 0; s < job->result->segments.count; s++) {
        const struct result_segment *segment = &job->result->segments.items[s];
        const uint8_t *mask = segment->mask + z * g->nx * g->ny;
        picture_mask(page, &place, mask, 1, rgb_of(segment), 0.3);
        picture_outline(page, &place, mask, 1,
                        (struct page_pen){rgb_of(segment), 1.5, 1, 0});
    }
    page_unclip(page);
    draw_marks(job, page, cell, z);
    return 0;
}

static int draw_slices(const struct segment_job *job, struct page *page, struct err *err)
{
    const struct grid *g = job->stack->grid;
    const double w = (WIDTH - PANEL - 3.0 * MARGIN) / COLUMNS, h = (BOTTOM - TOP) / ROWS;
    size_t first, end;
    find_range(job, &first, &end);
    float *plane = malloc(g->nx * g->ny * sizeof(*plane));
    if (!plane)
        return err_set(err, ERR_NOMEM, "a plane");
    const size_t count = end - first, cells = COLUMNS * ROWS;
    int r = 0;
    for (size_t i = 0; r == 0 && i < cells && i < count; i++) {
        const size_t z =
            count <= cells ? first + i : first + (2 * i + 1) * count / (2 * cells);
        const struct page_rect cell = {MARGIN + w * (double)(i % COLUMNS),
                                       TOP + h * (double)(i / COLUMNS), w - 6, h - 6};
        r = draw_slice(job, page, cell, z, plane, err);
    }
    free(plane);
    return r;
}

/* ---- words ---- */

static double draw_labels(const struct segment_job *job, struct page *page, double x,
                          double y)
{
    const struct result *result = job->result;
    const size_t count = result->segments.count;
    for (size_t s = 0; s < count && s < LINES_MAX; s++, y += 34) {
        const struct result_segment *segment = &result->segments.items[s];
        const double ml = (double)segment->voxels * grid_voxel_ml(result->grid);
        page_fill(page, (struct page_rect){x, y + 8, 18, 18}, 3, rgb_of(segment), 1);
        page_text(page, (struct page_rect){x + 30, y, PANEL - 180, 34},
                  page_style_plain(21, TEXT_RGB, PAGE_LEFT), segment->label);
        page_textf(page, (struct page_rect){x + PANEL - 150, y, 150, 34},
                   page_style_bold(22, TEXT_RGB, PAGE_RIGHT),
                   ml < 10 ? "%.2f ml" : "%.0f ml", ml);
    }
    if (count > LINES_MAX) {
        page_textf(page, (struct page_rect){x + 30, y, PANEL - 30, 30},
                   page_style_plain(18, DIM_RGB, PAGE_LEFT), "and %zu more",
                   count - LINES_MAX);
        y += 32;
    }
    return y;
}

static double draw_checks(const struct segment_job *job, struct page *page, double x,
                          double y)
{
    const struct check_list *checks = &job->result->checks;
    for (size_t i = 0; i < checks->count && y < BOTTOM - 120; i++) {
        const struct result_check *check = &checks->items[i];
        char text[260];
        snprintf(text, sizeof(text), "%s: %s", check->check, check->text);
        mark_verdict(page, (struct page_point){x + 11, y + 16}, 22, check->verdict);
        y += fmax(34, 8
                          + page_paragraph(
                              page, (struct page_rect){x + 32, y + 4, PANEL - 32, 80},
                              page_style_plain(18, TEXT_RGB, PAGE_LEFT), text));
    }
    return y;
}

static void draw_frame(const struct segment_job *job, struct page *page)
{
    const struct card *card = job->card;
    page_text(page, (struct page_rect){MARGIN, 18, WIDTH - 2 * MARGIN, 46},
              page_style_bold(34, TEXT_RGB, PAGE_LEFT), card->title);
    page_textf(page, (struct page_rect){MARGIN, 64, WIDTH - 2 * MARGIN, 28},
               page_style_plain(19, DIM_RGB, PAGE_LEFT),
               "Model %s %s, computed in %s; %s", card->name, card->version,
               job->result->precision, card->summary);
    page_text(page, (struct page_rect){MARGIN, BOTTOM + 16, 900, 28},
              page_style_bold(19, TEXT_RGB, PAGE_LEFT), NOTICE);
    page_textf(page, (struct page_rect){950, BOTTOM + 16, WIDTH - MARGIN - 950, 28},
               page_style_plain(19, DIM_RGB, PAGE_RIGHT), "Hilum %s, %s %s",
               HILUM_VERSION, card->name, card->version);
}

static void draw_panel(const struct segment_job *job, struct page *page)
{
    const double x = WIDTH - PANEL - MARGIN;
    double y = TOP;
    if (job->result->status == RESULT_REFUSED) {
        page_text(page, (struct page_rect){x, y, PANEL, 40},
                  page_style_bold(26, mark_verdict_rgb(VERDICT_FAIL), PAGE_LEFT),
                  "Could not be analysed");
        y += 52
             + page_paragraph(page, (struct page_rect){x, y + 44, PANEL, 160},
                              page_style_plain(21, TEXT_RGB, PAGE_LEFT),
                              job->result->reason);
    }
    y = draw_labels(job, page, x, y) + 16;
    y = draw_checks(job, page, x, y) + 10;
    page_paragraph(page, (struct page_rect){x, y, PANEL, fmax(BOTTOM - y, 30)},
                   page_style_plain(16, DIM_RGB, PAGE_LEFT), job->card->intended_use);
}

int segment_draw_page(struct segment_job *job, struct err *err)
{
    auto_(page) struct page *page = NULL;
    int r = page_create("summary", "Summary", WIDTH, HEIGHT, BACK_RGB, &page, err);
    if (r < 0)
        return r;
    draw_frame(job, page);
    draw_panel(job, page);
    if (job->stack)
        r = draw_slices(job, page, err);
    struct result_page *to = r == 0 ? page_list_add(&job->result->pages) : NULL;
    if (r == 0 && !to)
        r = err_set(err, ERR_NOMEM, "a page");
    return r == 0 ? page_finish(page, to, err) : r;
}
