/* sax_images: the pixels of a short-axis stack, slice by slice and phase by phase. */
#ifndef PIPELINE_CARDIAC_CINE_SAX_IMAGES_H
#define PIPELINE_CARDIAC_CINE_SAX_IMAGES_H

#include "base/auto.h"
#include "pipeline/cardiac_cine/sax_stack.h"
#include "pipeline/pipeline.h"

#include <stddef.h>

struct err;

struct sax_images {
    size_t nx, ny, nz, nt;
    double spacing_mm[2]; // x (between columns), y (between rows)
    float *voxels;        // [nz][nt][ny][nx], units of the scanner
};

/** Bytes that the images of stack take. */
size_t sax_images_bytes(const struct sax_stack *stack);
/**
 * Read all images of stack, on in->threads threads.
 *
 * Errors: those of series_read_frame(); ERR_NOMEM; ERR_CANCELLED.
 */
int sax_images_read(const struct pipeline_input *in, const struct sax_stack *stack,
                    struct sax_images **ret, struct err *err);
/** Free images; NULL is allowed. */
void sax_images_destroy(struct sax_images *images);

/** The image [ny][nx] of slice z in phase t. */
const float *sax_images_at(const struct sax_images *images, size_t z, size_t t);
/** Value at (x, y) between pixel centres, linear; 0 outside. image: [ny][nx]. */
float sax_images_sample(const float *image, size_t nx, size_t ny, double x, double y);

AUTO_DEFINE(sax_images)

#endif
