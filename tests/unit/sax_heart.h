/* sax_heart: a made-up ventricle for tests: bright discs in dark rings, in slices and phases. */
#ifndef TESTS_UNIT_SAX_HEART_H
#define TESTS_UNIT_SAX_HEART_H

#include "pipeline/cardiac_cine/sax_clean.h"
#include "pipeline/cardiac_cine/sax_images.h"

#include <math.h>
#include <stdlib.h>

enum { HEART_N = 96, HEART_NZ = 8, HEART_NT = 20 };

static const double HEART_MM = 1.5, HEART_BLOOD = 600.0, HEART_MUSCLE = 200.0;

/** Radius of the cavity: smaller to the apex, least at phase 8; 0 from slice 7 on. */
static inline double heart_radius_mm(size_t z, size_t t)
{
    const double beat = 0.5 - 0.5 * cos(2.0 * M_PI * ((double)t - 8.0) / HEART_NT);
    return z >= 7 ? 0.0 : (14.0 + 8.0 * beat) * sqrt(1.0 - (double)z / 8.0);
}

static inline double heart_centre_mm(size_t z)
{
    return 70.0 + 0.5 * (double)z;
}

/** Whether the slice is the atrium's: bright blood without a wall, that does not empty. */
static inline int heart_is_atrium(size_t z)
{
    return z == 0;
}

/** Images with walls of wall_mm about the cavity, lung outside; to be freed by the caller. */
static inline struct sax_images *heart_images(double wall_mm)
{
    struct sax_images *images = calloc(1, sizeof(*images));
    *images = (struct sax_images){
        HEART_N, HEART_N, HEART_NZ, HEART_NT, {HEART_MM, HEART_MM}, NULL};
    images->voxels =
        calloc((size_t)HEART_N * HEART_N * HEART_NZ * HEART_NT, sizeof(float));
    for (size_t i = 0; i < (size_t)HEART_N * HEART_N * HEART_NZ * HEART_NT; i++) {
        const size_t z = i / ((size_t)HEART_N * HEART_N * HEART_NT);
        const size_t t = i / ((size_t)HEART_N * HEART_N) % HEART_NT;
        const double c = heart_centre_mm(z);
        const double d = hypot((double)(i % HEART_N) * HEART_MM - c,
                               (double)(i / HEART_N % HEART_N) * HEART_MM - c);
        const double r = heart_is_atrium(z) ? 20.0 : heart_radius_mm(z, t);
        const double wall = heart_is_atrium(z) ? 0.0 : wall_mm;
        const double value = d < r ? HEART_BLOOD : d < r + wall ? HEART_MUSCLE : 30.0;
        images->voxels[i] = (float)(r > 0.0 ? value : 30.0);
    }
    return images;
}

/** The true outlines; owned by the caller. */
static inline struct sax_outlines *heart_outlines(void)
{
    struct sax_outlines *o = calloc(1, sizeof(*o));
    o->nz = HEART_NZ;
    o->nt = HEART_NT;
    o->items = calloc((size_t)HEART_NZ * HEART_NT, sizeof(*o->items));
    for (size_t i = 0; i < (size_t)HEART_NZ * HEART_NT; i++) {
        const size_t z = i / HEART_NT, t = i % HEART_NT;
        const double r = heart_is_atrium(z) ? 20.0 : heart_radius_mm(z, t);
        o->items[i].is_there = r > 0.0;
        o->items[i].x_mm = o->items[i].y_mm = heart_centre_mm(z);
        for (size_t a = 0; a < SAX_ANGLES; a++)
            o->items[i].r_mm[a] = (float)r;
    }
    return o;
}

#endif
