/* sax_page_slices: the outlines on the images, to be checked by eye. */
#include "pipeline/cardiac_cine/sax_page.h"
#include "pipeline/lib/page_picture.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { COLUMNS = 3 };

#define GAP     10.0
#define LABEL_H 30.0

static const double BESIDE_MM = 22.0; // shown beyond the widest outline

/** The most basal, the middle and the most apical of the slices that count at end systole; of
 * few slices some are the same. Returns how many differ. */
static size_t choose_slices(const struct sax_job *job, size_t ret[COLUMNS])
{
    size_t first = 0, last = 0, n = 0;
    for (size_t z = 0; z < job->range->nz; z++) {
        if (!job->range->slices[z].at_ed)
            continue;
        first = n == 0 ? z : first;
        last = z;
        n++;
    }
    // One slice in from each end, where there are enough: those are the doubtful ones, but they
    // are half atrium or nearly empty; the page shows them in their own row of numbers.
    if (last - first >= 6) {
        first++;
        last--;
    }
    ret[0] = first;
    ret[1] = (first + last) / 2;
    ret[2] = last;
    if (last - first >= 2)
        return 3;
    return last > first ? 2 : 1;
}

/** Half the side of all pictures, mm. */
static double reach_mm(const struct sax_job *job)
{
    double most = 20.0;
    for (size_t i = 0; i < SAX_TIMES * job->range->nz; i++) {
        const struct sax_outline *o = &job->epi[i];
        for (size_t a = 0; o->is_there && a < SAX_ANGLES; a++)
            most = fmax(most, (double)o->r_mm[a]);
    }
    return most + BESIDE_MM;
}

static void draw_outline(const struct sax_job *job, struct page *page,
                         const struct page_place *place, const struct sax_outline *o,
                         struct page_pen pen)
{
    struct page_point points[SAX_ANGLES + 1];
    if (!o->is_there)
        return;
    for (size_t a = 0; a <= SAX_ANGLES; a++) {
        double ray[2];
        sax_outline_ray(a % SAX_ANGLES, ray);
        const double r = (double)o->r_mm[a % SAX_ANGLES];
        points[a] =
            page_place_point(place, (o->x_mm + r * ray[0]) / job->images->spacing_mm[0],
                             (o->y_mm + r * ray[1]) / job->images->spacing_mm[1]);
    }
    page_line(page, points, SAX_ANGLES + 1, pen);
}

/** Where a direction points: "A", "LP", its largest parts first. */
static void name_direction(const double d[3], double sign, char ret[4])
{
    static const char LETTERS[3][2] = {{'R', 'L'}, {'A', 'P'}, {'F', 'H'}};
    size_t n = 0;
    bool done[3] = {false, false, false};
    for (int k = 0; k < 2; k++) {
        int best = -1;
        for (int i = 0; i < 3; i++) {
            if (!done[i] && (best < 0 || fabs(d[i]) > fabs(d[best])))
                best = i;
        }
        done[best] = true;
        if (fabs(d[best]) > 0.35)
            ret[n++] = LETTERS[best][sign * d[best] > 0.0];
    }
    ret[n] = '\0';
}

static void draw_directions(const struct sax_job *job, struct page *page,
                            struct page_rect rect)
{
    const double *o = job->stack->grid->orientation;
    char text[4];
    struct page_style style = page_style_bold(18, SAX_TEXT_RGB, PAGE_CENTRE);
    style.has_halo = true;
    name_direction(o, -1.0, text);
    page_text(page, (struct page_rect){rect.x + 2, rect.y + rect.h / 2 - 12, 36, 24},
              style, text);
    name_direction(o, 1.0, text);
    page_text(page,
              (struct page_rect){rect.x + rect.w - 38, rect.y + rect.h / 2 - 12, 36, 24},
              style, text);
    name_direction(o + 3, -1.0, text);
    page_text(page, (struct page_rect){rect.x + rect.w / 2 - 20, rect.y + 2, 40, 24},
              style, text);
}

static void draw_scale(struct page *page, struct page_rect rect, double mm_per_px)
{
    const double w = 20.0 / mm_per_px;
    const struct page_point line[2] = {{rect.x + rect.w - 12 - w, rect.y + rect.h - 14},
                                       {rect.x + rect.w - 12, rect.y + rect.h - 14}};
    page_line(page, line, 2, (struct page_pen){SAX_TEXT_RGB, 3, 0.9, 0});
    struct page_style style = page_style_plain(15, SAX_TEXT_RGB, PAGE_RIGHT);
    style.has_halo = true;
    page_text(page,
              (struct page_rect){rect.x + rect.w - 92, rect.y + rect.h - 38, 80, 20},
              style, "2 cm");
}

static void draw_picture(const struct sax_job *job, struct page *page,
                         struct page_rect rect, int time, size_t z, double half_mm)
{
    const struct sax_images *images = job->images;
    const size_t t = sax_job_phase(job, time);
    const double *mm = images->spacing_mm;
    double centre[2];
    for (int k = 0; k < 2; k++)
        centre[k] = job->endo->axis_mm[k][0] + job->endo->axis_mm[k][1] * (double)z;
    const struct page_place place = {
        .dst = rect,
        .nx = images->nx,
        .ny = images->ny,
        .crop = {(centre[0] - half_mm) / mm[0] + 0.5, (centre[1] - half_mm) / mm[1] + 0.5,
                 2 * half_mm / mm[0], 2 * half_mm / mm[1]},
    };
    struct sax_level level = {(double)NAN, (double)NAN};
    sax_wall_level(images, job->endo, z, t, &level, NULL);
    const struct picture_scale scale = {COLOUR_MAP_GREY, 0.0,
                                        level.blood > 0.0 ? 1.25 * level.blood : 1.0};
    page_clip(page, rect);
    picture_values(page, &place, sax_images_at(images, z, t), NULL, scale);
    draw_outline(job, page, &place, &job->epi[(size_t)time * job->range->nz + z],
                 (struct page_pen){SAX_EPI_RGB, 2.2, 0.95, 0});
    if (sax_job_counts(job, time, z))
        draw_outline(job, page, &place, sax_outlines_at(job->endo, z, t),
                     (struct page_pen){SAX_ENDO_RGB, 2.2, 0.95, 0});
    page_unclip(page);
    page_frame(page, rect, 0, (struct page_pen){0x39424c, 1, 1, 0});
    draw_directions(job, page, rect);
    draw_scale(page, rect, 2 * half_mm / rect.w);
    struct page_style style = page_style_bold(18, SAX_TEXT_RGB, PAGE_LEFT);
    style.has_halo = true;
    page_textf(page, (struct page_rect){rect.x + 8, rect.y + rect.h - 32, 220, 26}, style,
               "%s, slice %zu%s", time == SAX_ED ? "ED" : "ES", z + 1,
               sax_job_counts(job, time, z) ? "" : ": not counted");
}

void sax_page_slices(const struct sax_job *job, struct page *page, struct page_rect rect)
{
    static const char *const NAMES[COLUMNS] = {"Basal", "Mid-ventricular", "Apical"};
    size_t slices[COLUMNS];
    const size_t n = choose_slices(job, slices);
    const double w =
        fmin((rect.w - (COLUMNS - 1) * GAP) / COLUMNS, (rect.h - LABEL_H - GAP) / 2);
    const double half_mm = reach_mm(job);
    for (size_t c = 0; c < n; c++) {
        const double x = rect.x + (double)c * (w + GAP);
        page_text(page, (struct page_rect){x, rect.y, w, LABEL_H},
                  page_style_bold(20, SAX_DIM_RGB, PAGE_LEFT), NAMES[c]);
        for (int time = 0; time < SAX_TIMES; time++)
            draw_picture(job, page,
                         (struct page_rect){x, rect.y + LABEL_H + time * (w + GAP), w, w},
                         time, slices[c], half_mm);
    }
}
