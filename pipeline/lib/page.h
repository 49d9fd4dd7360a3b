/*
 * page: a picture of text, lines and images, in pixels; becomes a struct result_page.
 *
 * The door to cairo and pango. Knows no DICOM and no analysis. x runs right, y down, from
 * the top left corner. Colours are 0xRRGGBB. Text is UTF-8 in DejaVu Sans, one line unless
 * said otherwise; text too wide for its place is first set smaller, then ends in an ellipsis.
 * Drawing functions return nothing: what fails is remembered and told by page_finish().
 * The same calls give the same bytes. One thread a page.
 */
#ifndef PIPELINE_LIB_PAGE_H
#define PIPELINE_LIB_PAGE_H

#include "base/auto.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct result_page;
struct page; // opaque

struct page_rect {
    double x, y, w, h;
};

struct page_point {
    double x, y;
};

enum page_align { PAGE_LEFT, PAGE_CENTRE, PAGE_RIGHT };

struct page_style {
    double size_px; // height of the em
    uint32_t rgb;
    bool is_bold;
    enum page_align align;
    bool has_halo;     // a dark edge, to be read over a picture
    double shrink_min; // text is set no smaller than this share of its size; 0: 0.7
};

static inline struct page_style page_style_plain(double size_px, uint32_t rgb,
                                                 enum page_align align)
{
    return (struct page_style){.size_px = size_px, .rgb = rgb, .align = align};
}

static inline struct page_style page_style_bold(double size_px, uint32_t rgb,
                                                enum page_align align)
{
    return (struct page_style){
        .size_px = size_px, .rgb = rgb, .is_bold = true, .align = align};
}

struct page_pen {
    uint32_t rgb;
    double width_px;
    double alpha;   // 0 clear .. 1 solid
    double dash_px; // 0: an unbroken line
};

/** Where an array of voxels lands: crop fills dst. crop is in voxels, the first from 0 to 1,
 * and may reach outside the array, which is clear there. */
struct page_place {
    struct page_rect dst;
    size_t nx, ny; // of the array
    struct page_rect crop;
    bool flip_x, flip_y; // show the last column, the last row, first
};

/** One text as it was set; what a test looks at. */
struct page_said {
    const char *text;      // owned by the page
    struct page_rect rect; // that its letters take
    bool is_cut;           // it ends in an ellipsis
};

/**
 * A page filled with background. name and label are static strings (struct result_page).
 *
 * Errors: ERR_NOMEM; ERR_NOTFOUND the font is not installed.
 */
int page_create(const char *name, const char *label, size_t width, size_t height,
                uint32_t background, struct page **ret, struct err *err);
/** Free page; NULL is allowed. */
void page_destroy(struct page *page);

/**
 * Give the picture to ret, which then owns its rgb.
 *
 * Errors: ERR_NOMEM, also when any drawing call lacked memory.
 */
int page_finish(struct page *page, struct result_page *ret, struct err *err);

/** Remember that memory ran out while drawing: page_finish() then fails. */
void page_fail(struct page *page);

/** Write a finished page as a PNG file. Errors: ERR_IO, ERR_NOMEM. */
int page_write_png(const struct result_page *page, const char *path, struct err *err);

/** Fill rect; alpha 0 clear .. 1 solid. radius_px rounds its corners. */
void page_fill(struct page *page, struct page_rect rect, double radius_px, uint32_t rgb,
               double alpha);
/** Draw the edge of rect, inside it. */
void page_frame(struct page *page, struct page_rect rect, double radius_px,
                struct page_pen pen);
/** Draw a line through n points. */
void page_line(struct page *page, const struct page_point *points, size_t n,
               struct page_pen pen);
/** Fill the polygon of n points. */
void page_polygon(struct page *page, const struct page_point *points, size_t n,
                  uint32_t rgb, double alpha);
/** Fill a disc. */
void page_disc(struct page *page, struct page_point centre, double radius_px,
               uint32_t rgb, double alpha);

/** Set text in rect, in the middle of its height; returns the width that it takes. */
double page_text(struct page *page, struct page_rect rect, struct page_style style,
                 const char *text);
/** The same, formatted like printf and cut to 255 bytes. */
__attribute__((format(printf, 4, 5))) double page_textf(struct page *page,
                                                        struct page_rect rect,
                                                        struct page_style style,
                                                        const char *fmt, ...);
/** Set text in lines from the top of rect, broken at its width; the last that fits ends in
 * an ellipsis if there is more. Returns the height that it takes. */
double page_paragraph(struct page *page, struct page_rect rect, struct page_style style,
                      const char *text);
/** The width that text would take at style's size. */
double page_text_width(struct page *page, struct page_style style, const char *text);

/** Show pixels [ny][nx], 0xAARRGGBB with colours not multiplied by alpha, at place. They are
 * smoothed when is_smooth, else each stays a rectangle. */
void page_image(struct page *page, const struct page_place *place, const uint32_t *argb,
                bool is_smooth);

/** Where voxel (x, y) of the array lands on the page: the centre of the first is (0, 0). */
struct page_point page_place_point(const struct page_place *place, double x, double y);

/** Draw only inside rect until page_unclip(). Does not nest. */
void page_clip(struct page *page, struct page_rect rect);
void page_unclip(struct page *page);

/** The texts of the page in the order they were set. */
const struct page_said *page_said(const struct page *page, size_t *ret_count);

AUTO_DEFINE(page)

#endif
