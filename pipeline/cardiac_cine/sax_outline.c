#include "pipeline/cardiac_cine/sax_outline.h"

#include <math.h>

static const double STEP_MM = 0.25; // along a ray, before the crossing is interpolated

void sax_outline_ray(size_t i, double ret[2])
{
    const double angle = 2.0 * M_PI * (double)i / SAX_ANGLES;
    ret[0] = cos(angle);
    ret[1] = sin(angle);
}

double sax_outline_radius_mm(const struct sax_outline *outline, double angle)
{
    const double at = angle / (2.0 * M_PI) * SAX_ANGLES;
    const double below = floor(at), part = at - below;
    const size_t n = SAX_ANGLES;
    const size_t i = (size_t)(fmod(fmod(below, (double)n) + (double)n, (double)n));
    const double a = (double)outline->r_mm[i % n];
    const double b = (double)outline->r_mm[(i + 1) % n];
    return a + part * (b - a);
}

double sax_outline_area_mm2(const struct sax_outline *outline)
{
    if (!outline->is_there)
        return 0.0;
    double sum = 0.0;
    for (size_t i = 0; i < SAX_ANGLES; i++)
        sum += (double)outline->r_mm[i] * (double)outline->r_mm[(i + 1) % SAX_ANGLES];
    return 0.5 * sum * sin(2.0 * M_PI / SAX_ANGLES);
}

/** Vertex i. */
static void vertex(const struct sax_outline *outline, size_t i, double ret_mm[2])
{
    double ray[2];
    sax_outline_ray(i % SAX_ANGLES, ray);
    const double r = (double)outline->r_mm[i % SAX_ANGLES];
    ret_mm[0] = outline->x_mm + r * ray[0];
    ret_mm[1] = outline->y_mm + r * ray[1];
}

void sax_outline_centre(const struct sax_outline *outline, double ret_mm[2])
{
    double area = 0.0, x = 0.0, y = 0.0;
    for (size_t i = 0; i < SAX_ANGLES; i++) {
        double a[2], b[2];
        vertex(outline, i, a);
        vertex(outline, i + 1, b);
        const double c = (a[0] - outline->x_mm) * (b[1] - outline->y_mm)
                         - (b[0] - outline->x_mm) * (a[1] - outline->y_mm);
        area += c;
        x += c * (a[0] + b[0] - 2.0 * outline->x_mm) / 3.0;
        y += c * (a[1] + b[1] - 2.0 * outline->y_mm) / 3.0;
    }
    ret_mm[0] = outline->x_mm + (area > 0.0 ? x / area : 0.0);
    ret_mm[1] = outline->y_mm + (area > 0.0 ? y / area : 0.0);
}

static bool is_within(const struct sax_outline *outline, double x_mm, double y_mm)
{
    const double dx = x_mm - outline->x_mm, dy = y_mm - outline->y_mm;
    return hypot(dx, dy) < sax_outline_radius_mm(outline, atan2(dy, dx));
}

/** From (x, y) along ray to where the outline is left: bisection. */
static double distance_to(const struct sax_outline *outline, double x_mm, double y_mm,
                          const double ray[2])
{
    double lo = 0.0, hi = 0.0;
    for (size_t i = 0; i < SAX_ANGLES; i++)
        hi = fmax(hi, (double)outline->r_mm[i]);
    hi = 2.0 * hi + 1.0;
    for (int k = 0; k < 24; k++) {
        const double middle = 0.5 * (lo + hi);
        if (is_within(outline, x_mm + middle * ray[0], y_mm + middle * ray[1]))
            lo = middle;
        else
            hi = middle;
    }
    return 0.5 * (lo + hi);
}

void sax_outline_move(struct sax_outline *outline, double x_mm, double y_mm)
{
    if (!outline->is_there || !is_within(outline, x_mm, y_mm))
        return;
    struct sax_outline moved = {.is_there = true, .x_mm = x_mm, .y_mm = y_mm};
    for (size_t i = 0; i < SAX_ANGLES; i++) {
        double ray[2];
        sax_outline_ray(i, ray);
        moved.r_mm[i] = (float)distance_to(outline, x_mm, y_mm, ray);
    }
    *outline = moved;
}

size_t sax_outline_fill(const struct sax_outline *outline, const struct sax_plane *plane,
                        uint8_t value, uint8_t *dst)
{
    if (!outline->is_there)
        return 0;
    double reach = 0.0;
    for (size_t i = 0; i < SAX_ANGLES; i++)
        reach = fmax(reach, (double)outline->r_mm[i]);
    const double cx = outline->x_mm / plane->spacing_mm[0];
    const double cy = outline->y_mm / plane->spacing_mm[1];
    const double rx = reach / plane->spacing_mm[0], ry = reach / plane->spacing_mm[1];
    size_t filled = 0;
    for (size_t y = (size_t)fmax(0.0, ceil(cy - ry));
         y < plane->ny && (double)y <= cy + ry; y++) {
        for (size_t x = (size_t)fmax(0.0, ceil(cx - rx));
             x < plane->nx && (double)x <= cx + rx; x++) {
            if (!is_within(outline, (double)x * plane->spacing_mm[0],
                           (double)y * plane->spacing_mm[1]))
                continue;
            dst[y * plane->nx + x] = value;
            filled++;
        }
    }
    return filled;
}

/* ---- from a mask ---- */

/** level between pixels; 0 outside. */
static double level_at(const float *level, const struct sax_plane *plane, double x,
                       double y)
{
    const double u = floor(x), v = floor(y), fx = x - u, fy = y - v;
    double sum = 0.0;
    for (int k = 0; k < 4; k++) {
        const double px = u + (k & 1), py = v + (k >> 1);
        if (px < 0.0 || py < 0.0 || px >= (double)plane->nx || py >= (double)plane->ny)
            continue;
        const double weight = (k & 1 ? fx : 1.0 - fx) * (k >> 1 ? fy : 1.0 - fy);
        sum += weight * (double)level[(size_t)py * plane->nx + (size_t)px];
    }
    return sum;
}

static double crossing_mm(const float *level, const struct sax_plane *plane,
                          const struct sax_outline *about, double reach_mm,
                          const double ray[2])
{
    double beyond = 0.0; // the level one step farther out
    for (double r = reach_mm; r > 0.0; r -= STEP_MM) {
        const double here =
            level_at(level, plane, (about->x_mm + r * ray[0]) / plane->spacing_mm[0],
                     (about->y_mm + r * ray[1]) / plane->spacing_mm[1]);
        if (here >= 0.5)
            return r + STEP_MM * (here - 0.5) / fmax(here - beyond, 1e-9);
        beyond = here;
    }
    return 0.0;
}

struct sax_outline sax_outline_trace(const float *level, const uint8_t *mask,
                                     const struct sax_plane *plane)
{
    struct sax_outline outline = {0};
    double n = 0.0, x = 0.0, y = 0.0, reach_mm = 0.0;
    for (size_t i = 0; i < plane->nx * plane->ny; i++) {
        if (!mask[i])
            continue;
        n += 1.0;
        x += (double)(i % plane->nx);
        y += (double)(i / plane->nx);
    }
    if (n == 0.0)
        return outline;
    outline.is_there = true;
    outline.x_mm = x / n * plane->spacing_mm[0];
    outline.y_mm = y / n * plane->spacing_mm[1];
    for (size_t i = 0; i < plane->nx * plane->ny; i++) {
        if (mask[i])
            reach_mm = fmax(
                reach_mm,
                hypot((double)(i % plane->nx) * plane->spacing_mm[0] - outline.x_mm,
                      (double)(i / plane->nx) * plane->spacing_mm[1] - outline.y_mm));
    }
    reach_mm += 2.0 * fmax(plane->spacing_mm[0], plane->spacing_mm[1]);
    for (size_t i = 0; i < SAX_ANGLES; i++) {
        double ray[2];
        sax_outline_ray(i, ray);
        outline.r_mm[i] = (float)crossing_mm(level, plane, &outline, reach_mm, ray);
    }
    return outline;
}
