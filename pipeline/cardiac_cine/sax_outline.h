/*
 * sax_outline: a closed line about a middle, as distances in equal angles. Knows no anatomy.
 *
 * In the plane of a slice, mm from the centre of its first voxel, x along rows. Angle i is
 * 2 pi i / SAX_ANGLES from +x to +y. Such a line meets every ray once: the cavity of a left
 * ventricle on a short-axis slice does, papillary muscles counted in.
 */
#ifndef PIPELINE_CARDIAC_CINE_SAX_OUTLINE_H
#define PIPELINE_CARDIAC_CINE_SAX_OUTLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SAX_ANGLES 96

struct sax_outline {
    bool is_there;
    double x_mm, y_mm; // the middle
    float r_mm[SAX_ANGLES];
};

/** Where a plane's pixels lie. */
struct sax_plane {
    size_t nx, ny;
    double spacing_mm[2]; // x, y
};

/** Unit vector of angle i. */
void sax_outline_ray(size_t i, double ret[2]);
/** Distance at any angle, radians, linear between those held. */
double sax_outline_radius_mm(const struct sax_outline *outline, double angle);
/** Area of the polygon; 0 when it is not there. */
double sax_outline_area_mm2(const struct sax_outline *outline);
/** The same line about another middle, which must lie within it (left as it is otherwise). */
void sax_outline_move(struct sax_outline *outline, double x_mm, double y_mm);
/** Centre of gravity of the polygon. */
void sax_outline_centre(const struct sax_outline *outline, double ret_mm[2]);

/**
 * Set dst [ny][nx] to value where a pixel's centre lies within the outline; returns how many did.
 * What is not there fills nothing. The rest of dst is left as it is.
 */
size_t sax_outline_fill(const struct sax_outline *outline, const struct sax_plane *plane,
                        uint8_t value, uint8_t *dst);

/**
 * The outline of mask [ny][nx] about its centre of gravity: on each ray the farthest place where
 * level (values at least 0.5 within, less without, linear between pixels) crosses 0.5. Not there
 * when the mask is empty.
 *
 * level  float [ny][nx], at least 0.5 exactly where mask is 1
 */
struct sax_outline sax_outline_trace(const float *level, const uint8_t *mask,
                                     const struct sax_plane *plane);

#endif
