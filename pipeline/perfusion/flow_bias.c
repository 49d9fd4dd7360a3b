#include "pipeline/perfusion/flow_bias.h"

#include "base/err.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double SHORTEST_S = 1.5, LONGEST_S = 30.0; // transit times of the models

enum { SHAPES = 3, FINE = 8 }; // steps of a sample in which models are convolved

static double residue(int shape, double t_s, double transit_s)
{
    const double u = t_s / transit_s;
    if (shape == 0)
        return u < 1.0 ? 1.0 : 0.0;
    if (shape == 1) { // of gamma-distributed transit times, shape 4 (Erlang)
        const double v = 4.0 * u;
        return exp(-v) * (1.0 + v * (1.0 + v * (0.5 + v / 6.0)));
    }
    return exp(-u);
}

/** The artery between its samples, linear. */
static double artery_at(const float *aif, size_t nt, double t)
{
    if (t <= 0.0)
        return (double)aif[0];
    const size_t i = (size_t)t;
    if (i + 1 >= nt)
        return (double)aif[nt - 1];
    return (double)aif[i] + (t - (double)i) * ((double)aif[i + 1] - (double)aif[i]);
}

/** Tissue of flow 1 per s: integral of artery times residue, in steps of dt / FINE; lane of ret. */
static void model_curve(const float *fine_aif, size_t nt, double dt_s, int shape,
                        double transit_s, float *work, float *ret)
{
    const double step_s = dt_s / FINE;
    const size_t n = nt * FINE;
    double area = 0.0;
    for (size_t j = 0; j < n; j++) {
        // The middle of each step: no jump of a box is missed by more than half of one.
        const double r = residue(shape, ((double)j + 0.5) * step_s, transit_s);
        work[j] = (float)r;
        area += r * step_s;
    }
    for (size_t t = 0; t < nt; t++) {
        float sum = 0.0f;
        for (size_t j = 0; j < t * FINE; j++)
            sum += work[j] * fine_aif[t * FINE - 1 - j];
        // The scan may end before a long residue function does: then its area is that of the model.
        ret[t * OSVD_LANES] = (float)((double)sum * step_s * fmin(transit_s / area, 1.0));
    }
}

struct making {
    const float *aif;
    size_t nt;
    struct osvd_options options;
    float *fine_aif, *work; // [nt FINE]
    float *curves;          // [SHAPES][nt][OSVD_LANES]
};

static void make_models(struct making *m, const struct flow_bias *bias)
{
    for (size_t j = 0; j < m->nt * FINE; j++)
        m->fine_aif[j] = (float)artery_at(m->aif, m->nt, ((double)j + 0.5) / FINE);
    for (int s = 0; s < SHAPES; s++) {
        for (size_t i = 0; i < FLOW_BIAS_TRANSITS; i++)
            model_curve(m->fine_aif, m->nt, m->options.dt_s, s, (double)bias->true_s[i],
                        m->work, m->curves + (size_t)s * m->nt * OSVD_LANES + i);
    }
}

/** Deconvolve the models at one level: the mean peak over shapes gives the seen transit time. */
static int measure_level(const struct making *m, int level, struct flow_bias *bias,
                         struct err *err)
{
    struct osvd_options options = m->options;
    options.p_first = osvd_level(&m->options, level);
    options.oi_max = HUGE_VAL;
    auto_(osvd) struct osvd *osvd = NULL;
    int r = osvd_create(m->aif, m->nt, &options, &osvd, err);
    if (r < 0)
        return r;
    float *scratch = malloc(osvd_scratch(osvd) * sizeof(*scratch));
    if (!scratch)
        return err_set(err, ERR_NOMEM, "a deconvolution");
    float sum[FLOW_BIAS_TRANSITS] = {0};
    for (int s = 0; s < SHAPES; s++) {
        struct osvd_peak peak;
        osvd_peaks(osvd, m->curves + (size_t)s * m->nt * OSVD_LANES, scratch, &peak,
                   NULL);
        for (size_t i = 0; i < FLOW_BIAS_TRANSITS; i++)
            sum[i] += peak.k_max[i] / SHAPES;
    }
    free(scratch);
    float *seen = bias->seen_s[level];
    for (size_t i = 0; i < FLOW_BIAS_TRANSITS; i++) {
        seen[i] = sum[i] > 0.0f ? bias->true_s[i] / sum[i] : bias->true_s[i];
        if (i > 0 && seen[i] <= seen[i - 1])
            seen[i] = seen[i - 1] * 1.001f;
    }
    return 0;
}

int flow_bias_make(const float *aif, size_t nt, const struct osvd_options *options,
                   struct flow_bias *ret, struct err *err)
{
    struct making m = {.aif = aif, .nt = nt, .options = *options};
    for (size_t i = 0; i < FLOW_BIAS_TRANSITS; i++)
        ret->true_s[i] =
            (float)(SHORTEST_S
                    * pow(LONGEST_S / SHORTEST_S, (double)i / (FLOW_BIAS_TRANSITS - 1)));
    m.fine_aif = malloc(nt * FINE * sizeof(float));
    m.work = malloc(nt * FINE * sizeof(float));
    m.curves = malloc(SHAPES * nt * OSVD_LANES * sizeof(float));
    int r = m.fine_aif && m.work && m.curves
                ? 0
                : err_set(err, ERR_NOMEM, "models of %zu frames", nt);
    if (r == 0)
        make_models(&m, ret);
    for (int l = 0; l < OSVD_LEVELS && r == 0; l++)
        r = measure_level(&m, l, ret, err);
    free(m.fine_aif);
    free(m.work);
    free(m.curves);
    return r;
}

float flow_bias_gain(const struct flow_bias *bias, int level, float seen_s)
{
    const float *seen = bias->seen_s[level];
    const size_t last = FLOW_BIAS_TRANSITS - 1;
    float gain = 1.0f;
    if (seen_s <= seen[0]) {
        gain = seen[0] / bias->true_s[0];
    } else if (seen_s < seen[last]) {
        size_t i = 0;
        while (seen[i + 1] < seen_s)
            i++;
        const float part = (seen_s - seen[i]) / (seen[i + 1] - seen[i]);
        gain =
            seen_s / (bias->true_s[i] + part * (bias->true_s[i + 1] - bias->true_s[i]));
    }
    return gain < 1.0f ? 1.0f : gain > FLOW_BIAS_MAX ? FLOW_BIAS_MAX : gain;
}
