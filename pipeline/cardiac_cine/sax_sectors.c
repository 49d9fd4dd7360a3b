#include "pipeline/cardiac_cine/sax_sectors.h"

#include <math.h>

/** a within 0..2 pi. */
static double wrap(double a)
{
    const double turn = 2.0 * M_PI, within = fmod(a, turn);
    return within < 0.0 ? within + turn : within;
}

size_t sax_sectors_index(const struct sax_sectors_start *start, int third, double angle)
{
    // Numbers of the AHA by how far a ray lies from the middle of the septum to the front.
    static const unsigned char RING[6] = {1, 0, 5, 4, 3, 2}, APEX[4] = {1, 0, 3, 2};
    const size_t first = third == 0   ? 0
                         : third == 1 ? SAX_SECTORS_BASAL
                                      : SAX_SECTORS_MID;
    const size_t count = third == 2 ? 4 : 6;
    const double sign = start->is_reverse ? -1.0 : 1.0;
    // The apical septum is one sector about its middle.
    const double shift = start->is_aha && third == 2 ? M_PI / 4.0 : 0.0;
    const double part = wrap(sign * (angle - start->angle) + shift) / (2.0 * M_PI);
    const size_t k = (size_t)(part * (double)count) % count;
    if (!start->is_aha)
        return first + k;
    return first + (third == 2 ? APEX[k] : RING[k]);
}

int sax_sectors_third(size_t i, size_t n)
{
    return (int)(3 * i / (n > 0 ? n : 1));
}

void sax_sectors_measure(const struct sax_sectors_slice *slices, size_t n,
                         const struct sax_sectors_start *start,
                         struct sax_sector ret[SAX_SECTORS])
{
    double sum[SAX_SECTORS][2] = {{0.0}}, count[SAX_SECTORS] = {0.0};
    for (size_t i = 0; i < n; i++) {
        const struct sax_sectors_slice *s = &slices[i];
        for (size_t a = 0; a < SAX_ANGLES; a++) {
            const double angle = 2.0 * M_PI * (double)a / SAX_ANGLES;
            const size_t k = sax_sectors_index(start, sax_sectors_third(i, n), angle);
            for (int t = 0; t < 2; t++)
                sum[k][t] += (double)(s->epi[t]->r_mm[a] - s->endo[t]->r_mm[a]);
            count[k] += 1.0;
        }
    }
    for (size_t k = 0; k < SAX_SECTORS; k++) {
        const double none = (double)NAN;
        ret[k].ed_mm = count[k] > 0.0 ? sum[k][0] / count[k] : none;
        ret[k].es_mm = count[k] > 0.0 ? sum[k][1] / count[k] : none;
        ret[k].thickening_percent = 100.0 * (ret[k].es_mm / ret[k].ed_mm - 1.0);
    }
}
