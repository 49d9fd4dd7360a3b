#include "pipeline/mr_perfusion/mr_tissue.h"

#include "base/err.h"
#include "kernels/median.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

/** Median of v where mask is set; 0 of none. */
static int masked_median(const float *v, const uint8_t *mask, size_t n, float *ret,
                         struct err *err)
{
    float *work = malloc((n + 1) * sizeof(*work));
    if (!work)
        return err_set(err, ERR_NOMEM, "a median of %zu voxels", n);
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        if (mask[i])
            work[count++] = v[i];
    }
    *ret = count ? median_kth(work, count, count / 2) : 0.0f;
    free(work);
    return 0;
}

int mr_tissue_mark(const struct cine *cine, const struct head *head, const float *s0,
                   const uint8_t *saturated, const struct enhancement *e,
                   const struct mr_tissue_options *options, uint8_t *parenchyma,
                   uint8_t *vessels, struct err *err)
{
    const size_t n = cine_volume(cine);
    float signal = 0.0f, area = 0.0f;
    int r = masked_median(s0, head->brain, n, &signal, err);
    for (size_t i = 0; i < n; i++) {
        vessels[i] = head->brain[i] && saturated[i];
        parenchyma[i] =
            head->brain[i] && !vessels[i] && s0[i] < (float)options->csf_signal * signal;
    }
    if (r == 0)
        r = masked_median(e->area, parenchyma, n, &area, err);
    for (size_t i = 0; i < n && r == 0; i++) {
        if (parenchyma[i] && e->area[i] > (float)options->vessel_area * area) {
            parenchyma[i] = 0;
            vessels[i] = 1;
        }
    }
    return r;
}

int mr_tissue_drop_vessels(const struct cine *cine,
                           const struct mr_tissue_options *options, struct maps *maps,
                           uint8_t *parenchyma, uint8_t *vessels, struct err *err)
{
    const size_t n = cine_volume(cine);
    float volume = 0.0f;
    const int r = masked_median(maps->cbv, parenchyma, n, &volume, err);
    for (size_t i = 0; i < n && r == 0; i++) {
        if (!parenchyma[i] || maps->cbv[i] <= (float)options->vessel_area * volume)
            continue;
        parenchyma[i] = 0;
        vessels[i] = 1;
        maps->cbf[i] = maps->cbv[i] = maps->mtt[i] = maps->tmax[i] = 0.0f;
    }
    return r;
}

static void scale(float *v, size_t n, float factor)
{
    for (size_t i = 0; i < n; i++)
        v[i] *= factor;
}

int mr_tissue_normalise(const struct cine *cine, const uint8_t *parenchyma,
                        double normal_tmax_s, struct maps *maps, struct err *err)
{
    const size_t n = cine_volume(cine);
    uint8_t *normal = calloc(n, 1);
    if (!normal)
        return err_set(err, ERR_NOMEM, "a mask of %zu voxels", n);
    for (size_t i = 0; i < n; i++)
        normal[i] = parenchyma[i] && (double)maps->tmax[i] <= normal_tmax_s;
    float half = 0.0f;
    int r = masked_median(maps->cbv, normal, n, &half, err);
    for (size_t i = 0; i < n; i++)
        normal[i] = normal[i] && maps->cbv[i] <= half;
    float flow = 0.0f, volume = 0.0f;
    if (r == 0)
        r = masked_median(maps->cbf, normal, n, &flow, err);
    if (r == 0)
        r = masked_median(maps->cbv, normal, n, &volume, err);
    free(normal);
    if (r < 0)
        return r;
    scale(maps->cbf, n, flow > 0.0f ? 1.0f / flow : 0.0f);
    scale(maps->cbv, n, volume > 0.0f ? 1.0f / volume : 0.0f);
    return 0;
}
