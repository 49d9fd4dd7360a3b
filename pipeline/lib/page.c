#include "pipeline/lib/page.h"

#include "base/err.h"
#include "base/list.h"
#include "base/result.h"

#include <cairo.h>
#include <fontconfig/fontconfig.h>
#include <pango/pangocairo.h>

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FONT_FAMILY "DejaVu Sans"
#define SHRINK_MIN  0.7

LIST_DEFINE(said_list, struct page_said)

struct page {
    const char *name, *label;
    size_t width, height;
    cairo_surface_t *surface;
    cairo_t *cairo;
    PangoLayout *layout;
    struct said_list said;
    bool is_short; // memory ran out while drawing
};

/* Whether fontconfig answers with the font we ask for, and not with another in its place. */
static bool font_is_there(int weight)
{
    FcPattern *wanted = FcPatternBuild(NULL, FC_FAMILY, FcTypeString, FONT_FAMILY,
                                       FC_WEIGHT, FcTypeInteger, weight, FC_SLANT,
                                       FcTypeInteger, FC_SLANT_ROMAN, (char *)NULL);
    if (!wanted)
        return false;
    FcConfigSubstitute(NULL, wanted, FcMatchPattern);
    FcDefaultSubstitute(wanted);

    FcResult result = FcResultNoMatch;
    FcPattern *found = FcFontMatch(NULL, wanted, &result);
    FcChar8 *family = NULL;
    int found_weight = 0;
    bool is_there =
        found && FcPatternGetString(found, FC_FAMILY, 0, &family) == FcResultMatch
        && strcmp((const char *)family, FONT_FAMILY) == 0
        && FcPatternGetInteger(found, FC_WEIGHT, 0, &found_weight) == FcResultMatch
        && found_weight == weight;
    if (found)
        FcPatternDestroy(found);
    FcPatternDestroy(wanted);
    return is_there;
}

/* The same letters on every machine: no hinting by the user's desktop, grey antialiasing. */
static bool page_set_up_text(struct page *page)
{
    PangoContext *context = pango_cairo_create_context(page->cairo);
    cairo_font_options_t *options = cairo_font_options_create();
    cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY);
    cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_SLIGHT);
    cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_ON);
    pango_cairo_context_set_font_options(context, options);
    cairo_font_options_destroy(options);

    page->layout = pango_layout_new(context);
    g_object_unref(context);
    return page->layout != NULL;
}

int page_create(const char *name, const char *label, size_t width, size_t height,
                uint32_t background, struct page **ret, struct err *err)
{
    if (!font_is_there(FC_WEIGHT_REGULAR) || !font_is_there(FC_WEIGHT_BOLD))
        return err_set(err, ERR_NOTFOUND,
                       "the font " FONT_FAMILY
                       ", regular and bold, is not installed (fonts-dejavu-core)");

    auto_(page) struct page *page = calloc(1, sizeof(*page));
    if (!page)
        return err_set(err, ERR_NOMEM, "a page");
    page->name = name;
    page->label = label;
    page->width = width;
    page->height = height;
    page->surface =
        cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)width, (int)height);
    page->cairo = cairo_create(page->surface);
    if (cairo_status(page->cairo) != CAIRO_STATUS_SUCCESS || !page_set_up_text(page))
        return err_set(err, ERR_NOMEM, "a page of %zu x %zu", width, height);

    page_fill(page, (struct page_rect){0, 0, (double)width, (double)height}, 0,
              background, 1);
    *ret = take(page);
    return 0;
}

void page_destroy(struct page *page)
{
    if (!page)
        return;
    if (page->layout)
        g_object_unref(page->layout);
    cairo_destroy(page->cairo);
    cairo_surface_destroy(page->surface);
    for (size_t i = 0; i < page->said.count; i++)
        free((void *)page->said.items[i].text);
    said_list_finish(&page->said);
    free(page);
}

/* A pixel of cairo's RGB24 is a native uint32_t 0x..RRGGBB. */
static void unpack_rows(const uint8_t *src, size_t stride, size_t width, size_t height,
                        uint8_t *dst)
{
    for (size_t y = 0; y < height; y++) {
        const uint32_t *row = (const uint32_t *)(const void *)(src + y * stride);
        for (size_t x = 0; x < width; x++, dst += 3) {
            dst[0] = (uint8_t)(row[x] >> 16);
            dst[1] = (uint8_t)(row[x] >> 8);
            dst[2] = (uint8_t)row[x];
        }
    }
}

int page_finish(struct page *page, struct result_page *ret, struct err *err)
{
    cairo_status_t status = cairo_status(page->cairo);
    if (page->is_short || status != CAIRO_STATUS_SUCCESS)
        return err_set(err, ERR_NOMEM, "page %s: %s", page->name,
                       page->is_short ? "no memory" : cairo_status_to_string(status));

    uint8_t *rgb = malloc(page->width * page->height * 3);
    if (!rgb)
        return err_set(err, ERR_NOMEM, "page %s", page->name);
    cairo_surface_flush(page->surface);
    unpack_rows(cairo_image_surface_get_data(page->surface),
                (size_t)cairo_image_surface_get_stride(page->surface), page->width,
                page->height, rgb);

    *ret = (struct result_page){.name = page->name,
                                .label = page->label,
                                .width = page->width,
                                .height = page->height,
                                .rgb = rgb};
    return 0;
}

void page_fail(struct page *page)
{
    page->is_short = true;
}

int page_write_png(const struct result_page *page, const char *path, struct err *err)
{
    cairo_surface_t *surface = cairo_image_surface_create(
        CAIRO_FORMAT_RGB24, (int)page->width, (int)page->height);
    uint8_t *dst = cairo_image_surface_get_data(surface);
    if (!dst) {
        cairo_surface_destroy(surface);
        return err_set(err, ERR_NOMEM, "page %s as PNG", page->name);
    }

    size_t stride = (size_t)cairo_image_surface_get_stride(surface);
    const uint8_t *src = page->rgb;
    for (size_t y = 0; y < page->height; y++) {
        uint32_t *row = (uint32_t *)(void *)(dst + y * stride);
        for (size_t x = 0; x < page->width; x++, src += 3)
            row[x] = (uint32_t)src[0] << 16 | (uint32_t)src[1] << 8 | src[2];
    }
    cairo_surface_mark_dirty(surface);
    cairo_status_t status = cairo_surface_write_to_png(surface, path);
    cairo_surface_destroy(surface);
    if (status == CAIRO_STATUS_NO_MEMORY)
        return err_set(err, ERR_NOMEM, "page %s as PNG", page->name);
    if (status != CAIRO_STATUS_SUCCESS)
        return err_set(err, ERR_IO, "%s: %s", path, cairo_status_to_string(status));
    return 0;
}

static void set_colour(struct page *page, uint32_t rgb, double alpha)
{
    cairo_set_source_rgba(page->cairo, (rgb >> 16 & 255) / 255.0,
                          (rgb >> 8 & 255) / 255.0, (rgb & 255) / 255.0, alpha);
}

static void set_pen(struct page *page, struct page_pen pen)
{
    set_colour(page, pen.rgb, pen.alpha);
    cairo_set_line_width(page->cairo, pen.width_px);
    cairo_set_line_join(page->cairo, CAIRO_LINE_JOIN_ROUND);
    cairo_set_line_cap(page->cairo,
                       pen.dash_px > 0 ? CAIRO_LINE_CAP_BUTT : CAIRO_LINE_CAP_ROUND);
    cairo_set_dash(page->cairo, &pen.dash_px, pen.dash_px > 0 ? 1 : 0, 0);
}

static void trace_rect(struct page *page, struct page_rect r, double radius)
{
    cairo_new_path(page->cairo);
    if (radius <= 0) {
        cairo_rectangle(page->cairo, r.x, r.y, r.w, r.h);
        return;
    }
    cairo_arc(page->cairo, r.x + r.w - radius, r.y + radius, radius, -M_PI / 2, 0);
    cairo_arc(page->cairo, r.x + r.w - radius, r.y + r.h - radius, radius, 0, M_PI / 2);
    cairo_arc(page->cairo, r.x + radius, r.y + r.h - radius, radius, M_PI / 2, M_PI);
    cairo_arc(page->cairo, r.x + radius, r.y + radius, radius, M_PI, 3 * M_PI / 2);
    cairo_close_path(page->cairo);
}

static void trace_points(struct page *page, const struct page_point *points, size_t n)
{
    cairo_new_path(page->cairo);
    for (size_t i = 0; i < n; i++)
        cairo_line_to(page->cairo, points[i].x, points[i].y);
}

void page_fill(struct page *page, struct page_rect rect, double radius_px, uint32_t rgb,
               double alpha)
{
    trace_rect(page, rect, radius_px);
    set_colour(page, rgb, alpha);
    cairo_fill(page->cairo);
}

void page_frame(struct page *page, struct page_rect rect, double radius_px,
                struct page_pen pen)
{
    double half = pen.width_px / 2;
    struct page_rect inner = {rect.x + half, rect.y + half, rect.w - pen.width_px,
                              rect.h - pen.width_px};
    trace_rect(page, inner, radius_px);
    set_pen(page, pen);
    cairo_stroke(page->cairo);
}

void page_line(struct page *page, const struct page_point *points, size_t n,
               struct page_pen pen)
{
    trace_points(page, points, n);
    set_pen(page, pen);
    cairo_stroke(page->cairo);
}

void page_polygon(struct page *page, const struct page_point *points, size_t n,
                  uint32_t rgb, double alpha)
{
    trace_points(page, points, n);
    cairo_close_path(page->cairo);
    set_colour(page, rgb, alpha);
    cairo_fill(page->cairo);
}

void page_disc(struct page *page, struct page_point centre, double radius_px,
               uint32_t rgb, double alpha)
{
    cairo_new_path(page->cairo);
    cairo_arc(page->cairo, centre.x, centre.y, radius_px, 0, 2 * M_PI);
    set_colour(page, rgb, alpha);
    cairo_fill(page->cairo);
}

static void set_font(struct page *page, struct page_style style, double size_px)
{
    PangoFontDescription *font = pango_font_description_new();
    pango_font_description_set_family_static(font, FONT_FAMILY);
    pango_font_description_set_weight(font, style.is_bold ? PANGO_WEIGHT_BOLD
                                                          : PANGO_WEIGHT_NORMAL);
    pango_font_description_set_absolute_size(font, size_px * PANGO_SCALE);
    pango_layout_set_font_description(page->layout, font);
    pango_font_description_free(font);
}

static int layout_width(struct page *page)
{
    PangoRectangle logical;
    pango_layout_get_pixel_extents(page->layout, NULL, &logical);
    return logical.width;
}

static void set_text(struct page *page, struct page_style style, const char *text)
{
    static const PangoAlignment ALIGN[] = {PANGO_ALIGN_LEFT, PANGO_ALIGN_CENTER,
                                           PANGO_ALIGN_RIGHT};
    pango_layout_set_width(page->layout, -1);
    pango_layout_set_height(page->layout, -1);
    pango_layout_set_ellipsize(page->layout, PANGO_ELLIPSIZE_NONE);
    pango_layout_set_alignment(page->layout, ALIGN[style.align]);
    pango_layout_set_text(page->layout, text, -1);
    set_font(page, style, style.size_px);
}

/* Make the one line of the layout at most width wide: smaller first, then with an ellipsis. */
static void fit_text(struct page *page, struct page_style style, double width)
{
    int wide = layout_width(page);
    if (wide <= width)
        return;
    double least = style.shrink_min > 0 ? style.shrink_min : SHRINK_MIN;
    double shrink = fmax(width / wide, least);
    set_font(page, style, floor(style.size_px * shrink * 2) / 2);
    if (layout_width(page) <= width)
        return;
    pango_layout_set_width(page->layout, (int)(width * PANGO_SCALE));
    pango_layout_set_ellipsize(page->layout, PANGO_ELLIPSIZE_END);
}

static void note_said(struct page *page, const char *text, double x, double y)
{
    PangoRectangle ink;
    pango_layout_get_pixel_extents(page->layout, &ink, NULL);
    struct page_said *said = said_list_add(&page->said);
    char *copy = strdup(text);
    if (!said || !copy) {
        page->is_short = true;
        free(copy);
        return;
    }
    said->text = copy;
    said->rect = (struct page_rect){x + ink.x, y + ink.y, ink.width, ink.height};
    said->is_cut = pango_layout_is_ellipsized(page->layout);
}

static void show_layout(struct page *page, struct page_style style, const char *text,
                        double x, double y)
{
    if (style.has_halo) {
        cairo_new_path(page->cairo);
        cairo_move_to(page->cairo, x, y);
        pango_cairo_layout_path(page->cairo, page->layout);
        set_pen(page, (struct page_pen){0x000000, style.size_px * 0.22, 0.8, 0});
        cairo_stroke(page->cairo);
    }
    cairo_move_to(page->cairo, x, y);
    set_colour(page, style.rgb, 1);
    pango_cairo_show_layout(page->cairo, page->layout);
    note_said(page, text, x, y);
}

double page_text(struct page *page, struct page_rect rect, struct page_style style,
                 const char *text)
{
    set_text(page, style, text);
    fit_text(page, style, rect.w);

    PangoRectangle logical;
    pango_layout_get_pixel_extents(page->layout, NULL, &logical);
    /* An ellipsised layout has the full width and aligns within it by itself. */
    double spare = pango_layout_get_width(page->layout) < 0 ? rect.w - logical.width : 0;
    double x = rect.x;
    if (style.align == PAGE_CENTRE)
        x += spare / 2;
    else if (style.align == PAGE_RIGHT)
        x += spare;
    show_layout(page, style, text, round(x),
                round(rect.y + (rect.h - logical.height) / 2));
    return logical.width;
}

double page_textf(struct page *page, struct page_rect rect, struct page_style style,
                  const char *fmt, ...)
{
    char text[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return page_text(page, rect, style, text);
}

double page_paragraph(struct page *page, struct page_rect rect, struct page_style style,
                      const char *text)
{
    set_text(page, style, text);
    pango_layout_set_width(page->layout, (int)(rect.w * PANGO_SCALE));
    pango_layout_set_wrap(page->layout, PANGO_WRAP_WORD_CHAR);
    pango_layout_set_height(page->layout, (int)(rect.h * PANGO_SCALE));
    pango_layout_set_ellipsize(page->layout, PANGO_ELLIPSIZE_END);

    PangoRectangle logical;
    pango_layout_get_pixel_extents(page->layout, NULL, &logical);
    show_layout(page, style, text, round(rect.x), round(rect.y));
    return logical.height;
}

double page_text_width(struct page *page, struct page_style style, const char *text)
{
    set_text(page, style, text);
    return layout_width(page);
}

static uint32_t multiply_alpha(uint32_t argb)
{
    uint32_t a = argb >> 24;
    if (a == 255)
        return argb;
    uint32_t r = ((argb >> 16 & 255) * a + 127) / 255;
    uint32_t g = ((argb >> 8 & 255) * a + 127) / 255;
    uint32_t b = ((argb & 255) * a + 127) / 255;
    return a << 24 | r << 16 | g << 8 | b;
}

static cairo_surface_t *image_surface(const uint32_t *argb, size_t nx, size_t ny)
{
    cairo_surface_t *image =
        cairo_image_surface_create(CAIRO_FORMAT_ARGB32, (int)nx, (int)ny);
    uint8_t *dst = cairo_image_surface_get_data(image);
    if (!dst)
        return image;
    size_t stride = (size_t)cairo_image_surface_get_stride(image);
    for (size_t y = 0; y < ny; y++) {
        uint32_t *row = (uint32_t *)(void *)(dst + y * stride);
        for (size_t x = 0; x < nx; x++)
            row[x] = multiply_alpha(argb[y * nx + x]);
    }
    cairo_surface_mark_dirty(image);
    return image;
}

/* From the page to the array, as cairo wants a pattern's matrix. */
static cairo_matrix_t place_matrix(const struct page_place *place)
{
    double sx = place->crop.w / place->dst.w;
    double sy = place->crop.h / place->dst.h;
    cairo_matrix_t m = {.xx = sx,
                        .yy = sy,
                        .x0 = place->crop.x - place->dst.x * sx,
                        .y0 = place->crop.y - place->dst.y * sy};
    if (place->flip_x) {
        m.xx = -sx;
        m.x0 = place->crop.x + (place->dst.x + place->dst.w) * sx;
    }
    if (place->flip_y) {
        m.yy = -sy;
        m.y0 = place->crop.y + (place->dst.y + place->dst.h) * sy;
    }
    return m;
}

void page_image(struct page *page, const struct page_place *place, const uint32_t *argb,
                bool is_smooth)
{
    assert(place->dst.w > 0 && place->dst.h > 0 && place->crop.w > 0
           && place->crop.h > 0);
    cairo_surface_t *image = image_surface(argb, place->nx, place->ny);
    cairo_matrix_t matrix = place_matrix(place);

    cairo_save(page->cairo);
    cairo_rectangle(page->cairo, place->dst.x, place->dst.y, place->dst.w, place->dst.h);
    cairo_clip(page->cairo);
    cairo_set_source_surface(page->cairo, image, 0, 0);
    cairo_pattern_set_matrix(cairo_get_source(page->cairo), &matrix);
    cairo_pattern_set_filter(cairo_get_source(page->cairo),
                             is_smooth ? CAIRO_FILTER_GOOD : CAIRO_FILTER_NEAREST);
    cairo_paint(page->cairo);
    cairo_restore(page->cairo);
    cairo_surface_destroy(image);
}

struct page_point page_place_point(const struct page_place *place, double x, double y)
{
    double u = (x + 0.5 - place->crop.x) / place->crop.w;
    double v = (y + 0.5 - place->crop.y) / place->crop.h;
    u = place->flip_x ? 1 - u : u;
    v = place->flip_y ? 1 - v : v;
    return (struct page_point){place->dst.x + u * place->dst.w,
                               place->dst.y + v * place->dst.h};
}

void page_clip(struct page *page, struct page_rect rect)
{
    trace_rect(page, rect, 0);
    cairo_save(page->cairo);
    cairo_clip(page->cairo);
}

void page_unclip(struct page *page)
{
    cairo_restore(page->cairo);
}

const struct page_said *page_said(const struct page *page, size_t *ret_count)
{
    *ret_count = page->said.count;
    return page->said.items;
}
