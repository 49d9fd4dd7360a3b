/*
 * osvd: deconvolution of tissue curves by the arterial curve, block-circulant, with the truncation
 * that keeps the residue function from oscillating.
 *
 *     c = dt G k,  G circulant of a, padded with zeros to N = 2 T
 *
 * A circulant matrix is diagonal under the DFT, so truncating its SVD at P times the largest
 * singular value is leaving out the frequencies with |A(f)| < P max |A|; no SVD is made:
 *
 *     k = IDFT([|A| >= P max |A|] C / A) / dt
 *
 * P rises from 0.05 in steps of 0.05 to 0.95; each voxel takes the first P whose
 *
 *     OI = 1/N 1/max k sum_i |k_i - 2 k_(i-1) + k_(i-2)|   is below oi_max,  else the last.
 *
 * With soft > 0 nothing is cut and every frequency damped instead (Tikhonov, l = soft max |A|):
 *
 *     k = IDFT(conj(A) C / (|A|^2 + l^2)) / dt
 *
 * k is insensitive to delay: what comes before the artery wraps to the end of k.
 * Source: Wu et al., Magn Reson Med 50:164-174 (2003).
 */
#ifndef KERNELS_OSVD_H
#define KERNELS_OSVD_H

#include "base/auto.h"

#include <stddef.h>

struct err;
struct osvd; // opaque: an artery, ready to deconvolve by; read-only after creation

#define OSVD_LANES  16 // curves deconvolved together
#define OSVD_LEVELS 19 // P = 0.05, 0.10 ... 0.95

struct osvd_options {
    double dt_s;
    double oi_max;  // 0.035; 0.095 truncates less
    double p_first; // 0.05; the level itself for cSVD, with oi_max infinite
    double
        soft; // 0; l over max |A| for Tikhonov: all frequencies, times |A|^2 / (|A|^2 + l^2)
    double early_s; // how far before the artery the peak of k is looked for, 5
    double late_s;  // and how far after it, 20: unbounded, noise gives 100 s
};

/** What is read off the residue functions of OSVD_LANES voxels. */
struct osvd_peak {
    float k_max[OSVD_LANES];  // 1/s times the unit ratio of curve and artery; >= 0
    int level[OSVD_LANES];    // that the voxel took, from 0
    float tmax_s[OSVD_LANES]; // of the peak, parabola through three samples; >= 0
};

/**
 * Prepare the artery aif, [nt] samples dt_s apart, baseline 0.
 *
 * Errors: ERR_FORMAT  it has no area, or nt < 3
 *         ERR_NOMEM
 */
int osvd_create(const float *aif, size_t nt, const struct osvd_options *options,
                struct osvd **ret, struct err *err);
/** Free osvd; NULL is allowed. */
void osvd_destroy(struct osvd *osvd);

/** P of a level: p_first and steps of 0.05 from there, at most 0.95. */
double osvd_level(const struct osvd_options *options, int level);

/** Length N of the residue functions. */
size_t osvd_length(const struct osvd *osvd);
/** Floats of scratch for osvd_peaks(). */
size_t osvd_scratch(const struct osvd *osvd);

/**
 * Deconvolve OSVD_LANES curves.
 *
 * curves   float [nt][OSVD_LANES], in the artery's unit
 * scratch  float [osvd_scratch()]
 * residue  float [N][OSVD_LANES], 1/s, at the level that each voxel took; or NULL
 *
 * Pure, any thread. Cost: 4 B T + 2 B N + L N flops a curve, B about 20 frequencies, L levels tried.
 * Tested: tests/unit/test_osvd.c against a plain SVD-free reference and the OSIPI curves.
 */
void osvd_peaks(const struct osvd *osvd, const float *restrict curves,
                float *restrict scratch, struct osvd_peak *ret, float *residue);

AUTO_DEFINE(osvd)

#endif
