#include "pipeline/cardiac_cine/sax_rates.h"

#include <math.h>

/** Slope at phase t, ml a phase. */
static double slope(const double *v, size_t nt, size_t t)
{
    return (2.0 * (v[(t + 2) % nt] - v[(t + nt - 2) % nt]) + v[(t + 1) % nt]
            - v[(t + nt - 1) % nt])
           / 10.0;
}

struct sax_rates sax_rates_of(const double *volume_ml, size_t nt, double cycle_ms,
                              size_t ed, size_t es)
{
    const double none = (double)NAN;
    struct sax_rates rates = {none, none, none, none};
    if (nt < SAX_RATES_PHASES || !(cycle_ms > 0.0) || ed == es)
        return rates;
    const double step_ms = cycle_ms / (double)nt;
    double fall = 0.0, rise = 0.0;
    for (size_t k = 0; (ed + k) % nt != es; k++) {
        const double s = -slope(volume_ml, nt, (ed + k) % nt);
        if (s > fall) {
            fall = s;
            rates.ejection_ms = (double)k * step_ms;
        }
    }
    for (size_t k = 0; (es + k) % nt != ed; k++) {
        const double s = slope(volume_ml, nt, (es + k) % nt);
        if (s > rise) {
            rise = s;
            rates.filling_ms = (double)k * step_ms;
        }
    }
    rates.ejection_ml_s = fall > 0.0 ? 1000.0 * fall / step_ms : none;
    rates.filling_ml_s = rise > 0.0 ? 1000.0 * rise / step_ms : none;
    return rates;
}
