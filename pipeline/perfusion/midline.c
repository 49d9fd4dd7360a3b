#include "pipeline/perfusion/midline.h"

#include <math.h>
#include <stdbool.h>

enum { STEP = 3 }; // voxels of a slice that are looked at

double midline_side_mm(const struct midline *m, const struct cine *cine, size_t x,
                       size_t y)
{
    return m->cosine * (double)x * cine->spacing_mm[0]
           + m->sine * (double)y * cine->spacing_mm[1] - m->offset_mm;
}

static bool is_mirrored(const struct cine *cine, const uint8_t *plane,
                        const struct midline *m, size_t x, size_t y)
{
    const double far_mm = 2.0 * midline_side_mm(m, cine, x, y);
    const double u = (double)x - far_mm * m->cosine / cine->spacing_mm[0];
    const double v = (double)y - far_mm * m->sine / cine->spacing_mm[1];
    if (u < 0.0 || v < 0.0 || u > (double)(cine->nx - 1) || v > (double)(cine->ny - 1))
        return false;
    return plane[(size_t)(v + 0.5) * cine->nx + (size_t)(u + 0.5)] != 0;
}

static double symmetry_of(const struct cine *cine, const uint8_t *mask,
                          const struct midline *m)
{
    size_t all = 0, mirrored = 0;
    for (size_t z = 0; z < cine->nz; z++) {
        const uint8_t *plane = mask + z * cine_plane(cine);
        for (size_t y = 0; y < cine->ny; y += STEP) {
            for (size_t x = 0; x < cine->nx; x += STEP) {
                if (!plane[y * cine->nx + x])
                    continue;
                all++;
                mirrored += is_mirrored(cine, plane, m, x, y);
            }
        }
    }
    return all ? (double)mirrored / (double)all : 0.0;
}

/** The line through (x, y) mm at that angle to the columns. */
static struct midline line_through(double x_mm, double y_mm, double degrees)
{
    struct midline m = {cos(degrees * M_PI / 180.0), sin(degrees * M_PI / 180.0), 0.0,
                        0.0};
    m.offset_mm = m.cosine * x_mm + m.sine * y_mm;
    return m;
}

/** Best of a grid of angles and shifts about best. */
static void refine(const struct cine *cine, const uint8_t *mask,
                   const double middle_mm[2], double angle_step, double shift_step,
                   double *angle, double *shift, struct midline *best)
{
    const double angle0 = *angle, shift0 = *shift;
    for (int a = -4; a <= 4; a++) {
        for (int s = -4; s <= 4; s++) {
            const double degrees = angle0 + angle_step * a;
            struct midline m = line_through(middle_mm[0], middle_mm[1], degrees);
            m.offset_mm += shift0 + shift_step * s;
            m.symmetry = symmetry_of(cine, mask, &m);
            if (m.symmetry > best->symmetry) {
                *best = m;
                *angle = degrees;
                *shift = shift0 + shift_step * s;
            }
        }
    }
}

struct midline midline_find(const struct cine *cine, const uint8_t *mask)
{
    double sum[2] = {0.0, 0.0};
    size_t n = 0;
    for (size_t i = 0; i < cine_volume(cine); i++) {
        if (!mask[i])
            continue;
        sum[0] += (double)(i % cine->nx) * cine->spacing_mm[0];
        sum[1] += (double)(i / cine->nx % cine->ny) * cine->spacing_mm[1];
        n++;
    }
    const double middle_mm[2] = {
        n ? sum[0] / (double)n : 0.5 * (double)cine->nx * cine->spacing_mm[0],
        n ? sum[1] / (double)n : 0.5 * (double)cine->ny * cine->spacing_mm[1]};
    struct midline best = line_through(middle_mm[0], middle_mm[1], 0.0);
    best.symmetry = symmetry_of(cine, mask, &best);
    double angle = 0.0, shift = 0.0;
    refine(cine, mask, middle_mm, 5.0, 3.0, &angle, &shift, &best);
    refine(cine, mask, middle_mm, 1.25, 0.75, &angle, &shift, &best);
    return best;
}
