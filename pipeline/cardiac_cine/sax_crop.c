#include "pipeline/cardiac_cine/sax_crop.h"

#include "kernels/median.h"
#include "pipeline/cardiac_cine/sax_images.h"

#include <math.h>
#include <string.h>

void sax_crop_first_mm(const struct sax_crop *crop, double ret_mm[2])
{
    const double half_mm = 0.5 * (double)(crop->size - 1) * crop->spacing_mm;
    ret_mm[0] = crop->centre_mm[0] - half_mm;
    ret_mm[1] = crop->centre_mm[1] - half_mm;
}

void sax_crop_cut(const struct sax_crop *crop, const struct sax_plane *plane,
                  const float *image, float *dst)
{
    double first_mm[2];
    sax_crop_first_mm(crop, first_mm);
    for (size_t v = 0; v < crop->size; v++) {
        const double y =
            (first_mm[1] + (double)v * crop->spacing_mm) / plane->spacing_mm[1];
        for (size_t u = 0; u < crop->size; u++) {
            const double x =
                (first_mm[0] + (double)u * crop->spacing_mm) / plane->spacing_mm[0];
            dst[v * crop->size + u] =
                sax_images_sample(image, plane->nx, plane->ny, x, y);
        }
    }
}

void sax_crop_normalise(float *values, size_t n, double lo_percentile,
                        double hi_percentile, float *work)
{
    memcpy(work, values, n * sizeof(*values));
    const double last = (double)(n - 1) / 100.0;
    const float lo = median_kth(work, n, (size_t)(lo_percentile * last + 0.5));
    const float hi = median_kth(work, n, (size_t)(hi_percentile * last + 0.5));
    const float scale = 1.0f / fmaxf(hi - lo, 1e-6f);
    for (size_t i = 0; i < n; i++)
        values[i] = fminf(fmaxf((values[i] - lo) * scale, 0.0f), 1.0f);
}
