/*
 * sax_normal: published normal values of the left ventricle, those alone that were read in their
 * source: a range from memory has no place in a patient's report.
 */
#ifndef PIPELINE_CARDIAC_CINE_SAX_NORMAL_H
#define PIPELINE_CARDIAC_CINE_SAX_NORMAL_H

#include <stdbool.h>

/** Mean and standard deviation of healthy men (0) and women (1). */
struct sax_normal {
    const char *name; // of the measurement: "lv_ef"
    double mean[2], sd[2];
};

/**
 * Of the measurement called name, or NULL where none is held.
 *
 * Source: Petersen et al., J Cardiovasc Magn Reson 19:18 (2017), abstract: 804 healthy Caucasians
 * of 45 to 74 years at 1.5 T. Papillary muscles lie within the volume as here (Kawel-Boehm et al.,
 * J Cardiovasc Magn Reson 22:87 (2020), table 1). Volumes stand in its tables, not in the abstract.
 */
const struct sax_normal *sax_normal_of(const char *name);

/** 1.96 standard deviations about the mean: 95 % of the healthy lie between. */
void sax_normal_range(const struct sax_normal *normal, bool is_woman, double ret[2]);

#define SAX_NORMAL_SOURCE                                                                \
    "Normal: 95 % of healthy adults of 45-74 years, Petersen et al., J Cardiovasc Magn " \
    "Reson 2017;19:18; papillary muscles within the volume, as here."

#endif
