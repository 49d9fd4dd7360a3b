/* sax_rates: how fast a volume curve falls and rises. */
#ifndef PIPELINE_CARDIAC_CINE_SAX_RATES_H
#define PIPELINE_CARDIAC_CINE_SAX_RATES_H

#include <stddef.h>

/** Rates of one cycle; NAN where the curve has too few phases or no time. */
struct sax_rates {
    double ejection_ml_s, ejection_ms; // the steepest fall, and when after end diastole
    double filling_ml_s, filling_ms;   // the steepest rise, and when after end systole
};

enum { SAX_RATES_PHASES = 12 }; // fewer tell no rates

/**
 * Rates of volume_ml [nt], phases cycle_ms / nt apart and closed to a circle: the slope of the
 * parabola through five phases (Savitzky and Golay, Anal Chem 36:1627, 1964). Ejection is looked
 * for from ed to es, filling from es to ed. Pure.
 */
struct sax_rates sax_rates_of(const double *volume_ml, size_t nt, double cycle_ms,
                              size_t ed, size_t es);

#endif
