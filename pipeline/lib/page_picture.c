#include "pipeline/lib/page_picture.h"

#include "pipeline/lib/contour.h"

#include <math.h>
#include <stdlib.h>

#define SHADES 1024 // steps of a colour map: finer than 8 bits a channel can show

static void fill_shades(enum colour_map map, uint32_t shades[SHADES])
{
    for (int i = 0; i < SHADES; i++)
        shades[i] = 0xff000000 | colour_map_at(map, i / (SHADES - 1.0));
}

void picture_values(struct page *page, const struct page_place *place,
                    const float *values, const uint8_t *mask, struct picture_scale scale)
{
    size_t n = place->nx * place->ny;
    uint32_t *argb = malloc(n * sizeof(*argb));
    if (!argb) {
        page_fail(page);
        return;
    }
    uint32_t shades[SHADES];
    fill_shades(scale.map, shades);
    float lo = (float)scale.lo;
    float step = (float)((SHADES - 1) / (scale.hi - scale.lo));
    for (size_t i = 0; i < n; i++) {
        float shade = (values[i] - lo) * step;
        shade = shade > 0 ? shade : 0; // NAN too
        shade = shade < SHADES - 1 ? shade : SHADES - 1;
        argb[i] = mask && !mask[i] ? 0 : shades[(int)(shade + 0.5f)];
    }
    page_image(page, place, argb, true);
    free(argb);
}

void picture_mask(struct page *page, const struct page_place *place, const uint8_t *mask,
                  uint8_t least, uint32_t rgb, double alpha)
{
    size_t n = place->nx * place->ny;
    uint32_t *argb = malloc(n * sizeof(*argb));
    if (!argb) {
        page_fail(page);
        return;
    }
    uint32_t colour = (uint32_t)lround(alpha * 255) << 24 | rgb;
    for (size_t i = 0; i < n; i++)
        argb[i] = mask[i] >= least ? colour : 0;
    page_image(page, place, argb, true);
    free(argb);
}

void picture_levels(struct page *page, const struct page_place *place,
                    const uint8_t *levels, const uint32_t *rgb, uint8_t count,
                    double alpha)
{
    size_t n = place->nx * place->ny;
    uint32_t *argb = malloc(n * sizeof(*argb));
    if (!argb) {
        page_fail(page);
        return;
    }
    uint32_t opacity = (uint32_t)lround(alpha * 255) << 24;
    for (size_t i = 0; i < n; i++) {
        uint8_t level = levels[i] > count ? count : levels[i];
        argb[i] = level ? opacity | rgb[level - 1] : 0;
    }
    page_image(page, place, argb, true);
    free(argb);
}

static void draw_polygon(struct page *page, const struct page_place *place,
                         const struct contour_point *points, size_t n,
                         struct page_pen pen)
{
    struct page_point *line = malloc((n + 1) * sizeof(*line));
    if (!line) {
        page_fail(page);
        return;
    }
    for (size_t i = 0; i <= n; i++)
        line[i] =
            page_place_point(place, (double)points[i % n].x, (double)points[i % n].y);
    page_line(page, line, n + 1, pen);
    free(line);
}

/* Twice the area within; negative round a hole. */
static double turn_area(const struct contour_point *p, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        const struct contour_point *q = &p[(i + 1) % n];
        sum += (double)p[i].x * (double)q->y - (double)q->x * (double)p[i].y;
    }
    return sum;
}

static void draw_contour(struct page *page, const struct page_place *place,
                         const struct contour *contour, struct page_pen pen)
{
    size_t from = 0;
    page_clip(page, place->dst);
    for (size_t i = 0; i < contour->ends.count; i++) {
        size_t to = contour->ends.items[i];
        if (turn_area(contour->points.items + from, to - from) > 0)
            draw_polygon(page, place, contour->points.items + from, to - from, pen);
        from = to;
    }
    page_unclip(page);
}

void picture_outline(struct page *page, const struct page_place *place,
                     const uint8_t *mask, uint8_t least, struct page_pen pen)
{
    size_t n = place->nx * place->ny;
    uint8_t *in = malloc(n);
    struct contour contour = {0};
    for (size_t i = 0; in && i < n; i++)
        in[i] = mask[i] >= least;
    if (!in || contour_trace(in, place->nx, place->ny, &contour, NULL) < 0)
        page_fail(page);
    else
        draw_contour(page, place, &contour, pen);
    contour_finish(&contour);
    free(in);
}
