#include "pipeline/cardiac_cine/sax_right.h"

#include "base/err.h"
#include "kernels/morph.h"

#include <assert.h>
#include <string.h>

int sax_right_mark(const struct sax_probabilities *p, const struct sax_plane *plane,
                   size_t z, size_t t, uint8_t *mask, size_t *ret_pixels, struct err *err)
{
    assert(p->of[SAX_RIGHT]);
    const size_t size = p->crop.size, area = plane->nx * plane->ny;
    const float *crop = p->of[SAX_RIGHT] + (z * p->nt + t) * size * size;
    double first_mm[2];
    sax_crop_first_mm(&p->crop, first_mm);
    memset(mask, 0, area);
    for (size_t i = 0; i < area; i++) {
        const double x = (double)(i % plane->nx) * plane->spacing_mm[0] - first_mm[0];
        const double y = (double)(i / plane->nx) * plane->spacing_mm[1] - first_mm[1];
        mask[i] = sax_images_sample(crop, size, size, x / p->crop.spacing_mm,
                                    y / p->crop.spacing_mm)
                  > 0.5f;
    }
    const int r = morph_keep_largest(mask, plane->nx, plane->ny, 1, err);
    *ret_pixels = 0;
    for (size_t i = 0; i < area; i++)
        *ret_pixels += mask[i];
    return r;
}
