/* sax_page_sectors: thickening in three rings, the base outside. */
#include "pipeline/cardiac_cine/sax_page.h"

#include <math.h>
#include <stdio.h>

enum { RINGS = 3, STEPS = 12 };

/** Where ring r begins and ends, parts of the radius. */
static const double EDGES[RINGS + 1] = {1.0, 0.70, 0.40, 0.08};

/** The colour of a thickening: from none, violet, to that of a healthy wall, green. */
static uint32_t colour_of(double percent)
{
    static const uint32_t STOPS[4] = {0x7a3b8f, 0xb5553a, 0xc9a227, 0x2f9e5a};
    const int k = percent < 10.0 ? 0 : percent < 25.0 ? 1 : percent < 40.0 ? 2 : 3;
    return STOPS[k];
}

static struct page_point at(struct page_point centre, double radius, double angle)
{
    return (struct page_point){centre.x + radius * cos(angle),
                               centre.y + radius * sin(angle)};
}

/** Sector from..to (angles on the page) of a ring. */
static void draw_sector(struct page *page, struct page_point centre, double inner,
                        double outer, double from, double to,
                        const struct sax_sector *sector)
{
    struct page_point points[2 * (STEPS + 1) + 1];
    for (int i = 0; i <= STEPS; i++) {
        const double angle = from + (to - from) * i / STEPS;
        points[i] = at(centre, outer, angle);
        points[2 * STEPS + 1 - i] = at(centre, inner, angle);
    }
    points[2 * (STEPS + 1)] = points[0];
    const bool is_there = isfinite(sector->thickening_percent);
    page_polygon(page, points, 2 * (STEPS + 1),
                 is_there ? colour_of(sector->thickening_percent) : SAX_PANEL_RGB, 0.85);
    page_line(page, points, 2 * (STEPS + 1) + 1,
              (struct page_pen){SAX_BACK_RGB, 2, 1, 0});
    if (!is_there)
        return;
    const struct page_point middle = at(centre, 0.5 * (inner + outer), 0.5 * (from + to));
    page_textf(page, (struct page_rect){middle.x - 24, middle.y - 16, 48, 18},
               page_style_bold(15, SAX_TEXT_RGB, PAGE_CENTRE), "%.0f",
               sector->thickening_percent);
    page_textf(page, (struct page_rect){middle.x - 24, middle.y + 1, 48, 15},
               page_style_plain(12, SAX_TEXT_RGB, PAGE_CENTRE), "%.1f", sector->ed_mm);
}

void sax_page_sectors(const struct sax_job *job, struct page *page, struct page_rect rect)
{
    const double radius = 0.5 * fmin(rect.w, rect.h - 52.0);
    const struct page_point centre = {rect.x + rect.w / 2, rect.y + 30 + radius};
    page_text(page, (struct page_rect){rect.x, rect.y, rect.w, 26},
              page_style_plain(19, SAX_DIM_RGB, PAGE_CENTRE),
              "Thickening, %; wall at ED, mm");
    for (int ring = 0; ring < RINGS; ring++) {
        const size_t first = ring == 0   ? 0
                             : ring == 1 ? SAX_SECTORS_BASAL
                                         : SAX_SECTORS_MID;
        const int count = ring == 2 ? 4 : 6;
        for (int k = 0; k < count; k++) {
            const double width = 2.0 * M_PI / count;
            // The clock goes round from the top; the AHA's first segment lies about the top,
            // the next to its left.
            const double from =
                job->start.is_aha ? -M_PI / 2 - width * (k + 0.5) : -M_PI / 2 + width * k;
            draw_sector(page, centre, EDGES[ring + 1] * radius, EDGES[ring] * radius,
                        from, from + width, &job->sectors[first + (size_t)k]);
        }
    }
    page_text(page, (struct page_rect){rect.x, rect.y + rect.h - 20, rect.w, 20},
              page_style_plain(14, SAX_DIM_RGB, PAGE_CENTRE),
              job->start.is_aha ? "AHA segments; base outside"
                                : "sectors of the clock, 12 at the top; base outside");
}
