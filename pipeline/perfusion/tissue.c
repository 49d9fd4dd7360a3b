#include "pipeline/perfusion/tissue.h"

#include "base/err.h"
#include "kernels/gauss.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const double NOISE_HU = 1.3; // of the blurred baseline, at most

/** Sigma in mm that brings the noise of the baseline down to NOISE_HU. */
static double blur_mm(const struct cine *cine, const struct enhancement *e)
{
    // White noise after a Gaussian of sigma voxels: / (2 sqrt(pi) sigma); below half a voxel none.
    const double noise = e->noise / sqrt((double)e->baseline_frames);
    const double px = noise / NOISE_HU / (2.0 * sqrt(M_PI));
    const double mm = px * 0.5 * (cine->spacing_mm[0] + cine->spacing_mm[1]);
    return noise <= NOISE_HU ? 0.0 : fmin(fmax(mm, 0.4 * cine->spacing_mm[0]), 2.0);
}

int tissue_mark(const struct cine *cine, const struct head *head,
                const struct enhancement *e, const struct tissue_artery *artery,
                const struct tissue_options *options, uint8_t *parenchyma,
                uint8_t *vessels, struct err *err)
{
    const size_t plane = cine_plane(cine);
    const double sigma_mm = blur_mm(cine, e);
    struct gauss gauss;
    gauss_init(&gauss, sigma_mm / cine->spacing_mm[0], sigma_mm / cine->spacing_mm[1]);
    float *work =
        malloc((3 * plane + gauss_scratch(&gauss, cine->nx, cine->ny)) * sizeof(*work));
    if (!work)
        return err_set(err, ERR_NOMEM, "a plane of tissue");
    float *mask = work, *weights = work + plane, *density = work + 2 * plane;
    float *scratch = work + 3 * plane;
    const float high = (float)(options->vessel_part * artery->peak);
    const float large = (float)(options->vessel_area * artery->area);
    for (size_t z = 0; z < cine->nz; z++) {
        const uint8_t *brain = head->brain + z * plane;
        const float *baseline = e->baseline + z * plane, *peak = e->peak + z * plane;
        const float *area = e->area + z * plane;
        for (size_t i = 0; i < plane; i++) {
            mask[i] = brain[i];
            density[i] = brain[i] ? baseline[i] : 0.0f;
        }
        gauss_weights(&gauss, mask, cine->nx, cine->ny, scratch, weights);
        gauss_masked(&gauss, weights, density, cine->nx, cine->ny, cine->nx, scratch,
                     density);
        for (size_t i = 0; i < plane; i++) {
            const bool is_vessel = brain[i] && (peak[i] > high || area[i] > large);
            vessels[z * plane + i] = is_vessel;
            parenchyma[z * plane + i] = brain[i] && !is_vessel && area[i] > -large
                                        && density[i] >= (float)options->csf_hu
                                        && density[i] <= (float)options->dense_hu;
        }
    }
    free(work);
    return 0;
}

void tissue_drop_vessels(const struct cine *cine, const struct tissue_options *options,
                         struct maps *maps, uint8_t *parenchyma, uint8_t *vessels)
{
    for (size_t i = 0; i < cine_volume(cine); i++) {
        if (!parenchyma[i] || (double)maps->cbv[i] <= options->vessel_cbv)
            continue;
        parenchyma[i] = 0;
        vessels[i] = 1;
        maps->cbf[i] = maps->cbv[i] = maps->mtt[i] = maps->tmax[i] = 0.0f;
        maps->delay[i] = maps->mtt_fit[i] = maps->cbf_fit[i] = 0.0f;
    }
}
