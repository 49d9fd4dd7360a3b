/* sax_page_numbers: the numbers of the ventricle, large ones and a table with normal values. */
#include "pipeline/cardiac_cine/sax_normal.h"
#include "pipeline/cardiac_cine/sax_page.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define CARD_H 104.0
#define GAP    10.0
#define ROW_H  30.0

static double measured(const struct sax_job *job, const char *name)
{
    const struct result_measurement *m = result_measurement(job->result, name);
    return m ? m->value : (double)NAN;
}

/* ---- large ones ---- */

static void draw_card(const struct sax_job *job, struct page *page, struct page_rect rect,
                      const char *label, const char *name, const char *unit)
{
    const double value = measured(job, name);
    page_fill(page, rect, 8, SAX_PANEL_RGB, 1);
    page_text(page, (struct page_rect){rect.x + 14, rect.y + 6, rect.w - 20, 28},
              page_style_plain(19, SAX_DIM_RGB, PAGE_LEFT), label);
    char text[32] = "-";
    if (isfinite(value))
        snprintf(text, sizeof(text), "%.0f", value);
    const double used =
        page_text(page, (struct page_rect){rect.x + 14, rect.y + 32, rect.w - 20, 66},
                  page_style_bold(34, SAX_TEXT_RGB, PAGE_LEFT), text);
    page_text(page, (struct page_rect){rect.x + 14 + used + 6, rect.y + 58, 44, 30},
              page_style_plain(20, SAX_DIM_RGB, PAGE_LEFT), unit);
}

/* ---- the table ---- */

enum { COLUMNS = 5 };

/** Right edges of the columns: value, per m2, normal, normal per m2. */
static const double EDGES[COLUMNS] = {0.30, 0.47, 0.60, 0.82, 1.0};

static void cell(struct page *page, struct page_rect row, int column, uint32_t rgb,
                 bool is_bold, const char *text)
{
    const double from = column == 0 ? 0.0 : EDGES[column - 1] * row.w;
    const struct page_rect rect = {row.x + from + 6, row.y,
                                   EDGES[column] * row.w - from - 8, row.h};
    const enum page_align align = column == 0 ? PAGE_LEFT : PAGE_RIGHT;
    page_text(page, rect,
              is_bold ? page_style_bold(18, rgb, align)
                      : page_style_plain(18, rgb, align),
              text);
}

static const char *format(double value, int digits, char ret[32])
{
    if (isfinite(value))
        snprintf(ret, 32, "%.*f", digits, value);
    else
        snprintf(ret, 32, "-");
    return ret;
}

/** "103-229" of that sex, or "". */
static void format_normal(const char *name, bool is_woman, char ret[48])
{
    const struct sax_normal *normal = name ? sax_normal_of(name) : NULL;
    double range[2];
    ret[0] = '\0';
    if (!normal)
        return;
    sax_normal_range(normal, is_woman, range);
    snprintf(ret, 48, "%.0f-%.0f", range[0], range[1]);
}

/** 'M', 'F', or 0 where it is not known. */
static char sex_of(const struct sax_job *job)
{
    const char sex = job->in->series->patient_sex[0];
    return sex == 'M' || sex == 'F' ? sex : '\0';
}

/** Whether value lies outside what is normal for the patient's sex. */
static bool is_abnormal(const struct sax_job *job, const char *name, double value)
{
    const struct sax_normal *normal = name ? sax_normal_of(name) : NULL;
    const char sex = sex_of(job);
    if (!normal || !isfinite(value) || !sex)
        return false;
    double range[2];
    sax_normal_range(normal, sex == 'F', range);
    return value < range[0] || value > range[1];
}

struct row {
    const char *label, *name, *index_name;
    int digits;
};

static void draw_row(const struct sax_job *job, struct page *page, struct page_rect rect,
                     const struct row *row)
{
    char text[48];
    const double value = measured(job, row->name);
    const double index = row->index_name ? measured(job, row->index_name) : (double)NAN;
    const uint32_t odd = mark_verdict_rgb(VERDICT_WARN);
    cell(page, rect, 0, SAX_DIM_RGB, false, row->label);
    cell(page, rect, 1, is_abnormal(job, row->name, value) ? odd : SAX_TEXT_RGB, true,
         format(value, row->digits, text));
    cell(page, rect, 2, is_abnormal(job, row->index_name, index) ? odd : SAX_TEXT_RGB,
         false, row->index_name ? format(index, 0, text) : "");
    // Of a known sex as it is and by square metre; else of men and of women.
    const char sex = sex_of(job);
    format_normal(row->name, sex == 'F', text);
    cell(page, rect, 3, SAX_DIM_RGB, false, text);
    format_normal(sex ? row->index_name : row->name, sex != 'M', text);
    cell(page, rect, 4, SAX_DIM_RGB, false, text);
}

static double draw_table(const struct sax_job *job, struct page *page,
                         struct page_rect rect)
{
    static const struct row ROWS[] = {
        {"EDV, ml", "lv_edv", "lv_edv_index", 0},
        {"ESV, ml", "lv_esv", "lv_esv_index", 0},
        {"Stroke volume, ml", "lv_sv", "lv_sv_index", 0},
        {"EF, %", "lv_ef", NULL, 0},
        {"Mass (ED), g", "lv_mass", "lv_mass_index", 0},
        {"Heart rate, /min", "heart_rate", NULL, 0},
        {"Output, l/min", "cardiac_output", NULL, 1},
        {"Peak ejection, ml/s", "lv_per", NULL, 0},
        {"Peak filling, ml/s", "lv_pfr", NULL, 0},
        {"Wall ED, mm", "lv_wall_ed", NULL, 1},
        {"Wall ES, mm", "lv_wall_es", NULL, 1},
    };
    const char sex = sex_of(job);
    struct page_rect row = {rect.x, rect.y, rect.w, ROW_H};
    cell(page, row, 2, SAX_DIM_RGB, false, "per m\u00b2");
    cell(page, row, 3, SAX_DIM_RGB, false, sex == 'F' ? "normal women" : "normal men");
    cell(page, row, 4, SAX_DIM_RGB, false, sex ? "per m\u00b2" : "women");
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(*ROWS); i++) {
        if (!isfinite(measured(job, ROWS[i].name)))
            continue;
        row.y += ROW_H;
        draw_row(job, page, row, &ROWS[i]);
    }
    return row.y + ROW_H;
}

double sax_page_numbers(const struct sax_job *job, struct page *page,
                        struct page_rect rect)
{
    static const char *const CARDS[4][3] = {{"Ejection fraction", "lv_ef", "%"},
                                            {"EDV", "lv_edv", "ml"},
                                            {"ESV", "lv_esv", "ml"},
                                            {"Mass", "lv_mass", "g"}};
    const double w = floor((rect.w - 3 * GAP) / 4);
    for (int i = 0; i < 4; i++)
        draw_card(job, page,
                  (struct page_rect){rect.x + i * (w + GAP), rect.y, w, CARD_H},
                  i == 0 ? "EF" : CARDS[i][0], CARDS[i][1], CARDS[i][2]);
    double y = draw_table(job, page,
                          (struct page_rect){rect.x, rect.y + CARD_H + GAP, rect.w, 0});
    char note[400];
    snprintf(note, sizeof(note), "%s%s",
             isfinite(job->numbers.bsa_m2)
                 ? ""
                 : "Not indexed: height and weight are not in the images. ",
             SAX_NORMAL_SOURCE);
    y += page_paragraph(page, (struct page_rect){rect.x + 6, y + 2, rect.w - 8, 62},
                        page_style_plain(15, SAX_DIM_RGB, PAGE_LEFT), note);
    return y + GAP;
}
