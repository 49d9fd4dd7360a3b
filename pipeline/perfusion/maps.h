/*
 * maps: blood flow, volume, transit time and Tmax of every voxel of parenchyma.
 *
 * Slice by slice: enhancement is brought to even times, smoothed without leaking from vessels or
 * CSF and without crossing edges of perfusion, deconvolved by the artery, and read off:
 *
 *     CBF = kappa 6000 max k     ml/100 g/min, what truncation took off given back (flow_bias.h)
 *     CBV = kappa 100 sum c / sum a    ml/100 g
 *     MTT = 60 CBV / CBF         s (central volume theorem)
 *     Tmax = argmax k            s
 *
 * and beside these, not used by the lesion's rules, what a fit of models makes of the same residue
 * function: delay, s, without the offset of Tmax; MTT; and CBF = 60 CBV / MTT.
 */
#ifndef PIPELINE_PERFUSION_MAPS_H
#define PIPELINE_PERFUSION_MAPS_H

#include "base/auto.h"
#include "pipeline/perfusion/cine.h"
#include "pipeline/perfusion/enhancement.h"
#include "pipeline/perfusion/time_axis.h"

#include <stdbool.h>
#include <stdint.h>

struct err;

struct maps {
    float *cbf, *cbv, *mtt, *tmax;    // [nz][ny][nx]; 0 off the mask
    float *delay, *mtt_fit, *cbf_fit; // of the models that fit (flow_bias.h)
};

struct maps_options {
    double kappa;  // ml/g: large- to small-vessel haematocrit over density, 0.705
    double oi_max; // of the deconvolution, oSVD
    enum maps_method {
        MAPS_OSVD,
        MAPS_CSVD,     // all voxels cut at level
        MAPS_TIKHONOV, // damped by level
    } method;
    double level;     // part of the strongest frequency; not for oSVD
    double sigma_mm;  // spatial width of the smoothing
    double radius_mm; // and how far it looks
    double
        likeness; // h^2 over the median SSD of neighbours, for the guide; 0: plain Gaussian
    double likeness_refined; // the same for the curves, by the filtered guide
    bool is_flow_unbiased;   // what truncation takes off CBF is given back (flow_bias.h)
    double early_s, late_s;  // where the peak of the residue function is looked for
};

/**
 * Compute maps of cine within mask, uint8 [nz][ny][nx], by the artery aif, [axis nt] over baseline.
 *
 * Memory: three slices over time a thread. Bit-identical for any number of threads.
 * Errors: ERR_NOMEM; ERR_FORMAT the artery has no area.
 */
int maps_compute(const struct cine *cine, const struct enhancement *e,
                 const uint8_t *mask, const struct time_axis *axis, const float *aif,
                 const struct maps_options *options, int threads, struct maps **ret,
                 struct err *err);
/** Free maps; NULL is allowed. */
void maps_destroy(struct maps *maps);

AUTO_DEFINE(maps)

#endif
