#include "pipeline/perfusion/flow_bias.h"

#include "base/err.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// Transit times of the models: no tissue has shorter ones; a core hardly has longer ones.
static const double SHORTEST_S = 2.0, LONGEST_S = 24.0;
static const double DELAY_STEP_S = 1.5;
static const double SEEN_WIDTH =
    0.15; // of the logarithm of a transit time, as noise reads it
static const double TMAX_WIDTH_S = 1.0;
static const double UNLIKELY = 1e-30; // keeps the sum of weights above 0

enum {
    SHAPES = 3,
    FINE = 8, // steps of a sample in which models are convolved
    TRANSITS = OSVD_LANES,
    DELAYS = 10,
    MODELS = SHAPES * DELAYS * TRANSITS,
};

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

static double transit_of(size_t i)
{
    return SHORTEST_S * pow(LONGEST_S / SHORTEST_S, (double)i / (TRANSITS - 1));
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

/** What a model looks like at one level. */
struct seen {
    double ln_seen, tmax_s, ln_gain, ln_fill, delay_s, ln_transit;
};

struct making {
    const float *aif;
    size_t nt;
    struct osvd_options options;
    double aif_area;        // s
    size_t late_step;       // between delays, in fine steps
    float *fine_aif, *work; // [nt FINE]
    float *curves;          // [SHAPES * DELAYS][nt][OSVD_LANES], a transit time a lane
    double area[MODELS];    // of the curves, up to the end of the scan
    struct seen seen[MODELS];
    double near_seen[FLOW_BIAS_SEEN][MODELS],
        near_tmax[FLOW_BIAS_TMAX][MODELS]; // likelihoods
};

/** Tissue of flow 1 per s: integral of artery times residue in steps of dt / FINE, late steps later. */
static void model_curve(struct making *m, int shape, size_t late, size_t lane, float *ret)
{
    const double step_s = m->options.dt_s / FINE, transit_s = transit_of(lane);
    for (size_t j = 0; j < m->nt * FINE; j++) // the middle of each step
        m->work[j] = (float)residue(shape, ((double)j + 0.5) * step_s, transit_s);
    for (size_t t = 0; t < m->nt; t++) {
        float sum = 0.0f;
        for (size_t j = 0; j + late < t * FINE; j++)
            sum += m->work[j] * m->fine_aif[t * FINE - 1 - late - j];
        ret[t * OSVD_LANES + lane] = (float)((double)sum * step_s);
    }
}

static void make_models(struct making *m)
{
    m->late_step = (size_t)fmax(1.0, DELAY_STEP_S / m->options.dt_s * FINE);
    for (size_t j = 0; j < m->nt * FINE; j++)
        m->fine_aif[j] = (float)artery_at(m->aif, m->nt, ((double)j + 0.5) / FINE);
    for (size_t k = 0; k < SHAPES * DELAYS; k++) {
        float *curves = m->curves + k * m->nt * OSVD_LANES;
        for (size_t i = 0; i < TRANSITS; i++) {
            model_curve(m, (int)(k / DELAYS), k % DELAYS * m->late_step, i, curves);
            double area = 0.0;
            for (size_t t = 0; t < m->nt; t++)
                area += (double)curves[t * OSVD_LANES + i] * m->options.dt_s;
            // A bolus that never came within the scan has next to no area.
            m->area[k * TRANSITS + i] = fmax(area / m->aif_area, 1e-6);
        }
    }
}

/** Deconvolve the models at one level. */
static int see_models(struct making *m, int level, struct err *err)
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
    for (size_t k = 0; k < SHAPES * DELAYS; k++) {
        struct osvd_peak peak;
        osvd_peaks(osvd, m->curves + k * m->nt * OSVD_LANES, scratch, &peak, NULL);
        for (size_t i = 0; i < TRANSITS; i++) {
            const double area = m->area[k * TRANSITS + i];
            const double height = fmax((double)peak.k_max[i], 1e-6);
            m->seen[k * TRANSITS + i] = (struct seen){
                .ln_seen = log(area / height),
                .tmax_s = (double)peak.tmax_s[i],
                .ln_gain = -log(height),
                .ln_fill = log(transit_of(i) / area),
                .delay_s = m->options.dt_s * (double)(k % DELAYS * m->late_step) / FINE,
                .ln_transit = log(transit_of(i)),
            };
        }
    }
    free(scratch);
    return 0;
}

static double likelihood(double difference, double width)
{
    const double u = difference / width;
    return fmax(exp(-0.5 * u * u), UNLIKELY);
}

/** How likely each model is for each entry of the tables. */
static void weigh_models(struct making *m, int level, struct flow_bias *ret)
{
    double lo = HUGE_VAL, hi = -HUGE_VAL;
    for (size_t i = 0; i < MODELS; i++) {
        lo = fmin(lo, m->seen[i].ln_seen);
        hi = fmax(hi, m->seen[i].ln_seen);
    }
    const double step = fmax((hi - lo) / (FLOW_BIAS_SEEN - 1), 1e-3);
    for (size_t s = 0; s < FLOW_BIAS_SEEN; s++) {
        for (size_t i = 0; i < MODELS; i++)
            m->near_seen[s][i] =
                likelihood(lo + step * (double)s - m->seen[i].ln_seen, SEEN_WIDTH);
    }
    for (size_t t = 0; t < FLOW_BIAS_TMAX; t++) {
        for (size_t i = 0; i < MODELS; i++)
            m->near_tmax[t][i] = likelihood((double)t - m->seen[i].tmax_s, TMAX_WIDTH_S);
    }
    ret->seen_lo[level] = (float)lo;
    ret->seen_step[level] = (float)step;
}

/** Means over the models, each as likely as it is. */
static void fill_tables(const struct making *m, int level, struct flow_bias *ret)
{
    for (size_t t = 0; t < FLOW_BIAS_TMAX; t++) {
        for (size_t s = 0; s < FLOW_BIAS_SEEN; s++) {
            double weights = 0.0, gain = 0.0, fill = 0.0, delay = 0.0, transit = 0.0;
            for (size_t i = 0; i < MODELS; i++) {
                const double w = m->near_seen[s][i] * m->near_tmax[t][i];
                weights += w;
                gain += w * m->seen[i].ln_gain;
                fill += w * m->seen[i].ln_fill;
                delay += w * m->seen[i].delay_s;
                transit += w * m->seen[i].ln_transit;
            }
            ret->gain[level][t][s] = (float)(gain / weights);
            ret->fill[level][t][s] = (float)(fill / weights);
            ret->delay[level][t][s] = (float)(delay / weights);
            ret->transit[level][t][s] = (float)(transit / weights);
        }
    }
}

static int make(struct making *m, struct flow_bias *ret, struct err *err)
{
    for (size_t t = 0; t < m->nt; t++)
        m->aif_area += (double)m->aif[t] * m->options.dt_s;
    if (m->aif_area <= 0.0)
        return err_set(err, ERR_FORMAT, "an artery without area");
    make_models(m);
    int r = 0;
    for (int l = 0; l < OSVD_LEVELS && r == 0; l++) {
        r = see_models(m, l, err);
        if (r < 0)
            return r;
        weigh_models(m, l, ret);
        fill_tables(m, l, ret);
    }
    return r;
}

int flow_bias_make(const float *aif, size_t nt, const struct osvd_options *options,
                   struct flow_bias *ret, struct err *err)
{
    struct making *m = calloc(1, sizeof(*m));
    if (!m)
        return err_set(err, ERR_NOMEM, "models of %zu frames", nt);
    m->aif = aif;
    m->nt = nt;
    m->options = *options;
    m->fine_aif = malloc(nt * FINE * sizeof(float));
    m->work = malloc(nt * FINE * sizeof(float));
    m->curves = malloc(SHAPES * DELAYS * nt * OSVD_LANES * sizeof(float));
    const int r = m->fine_aif && m->work && m->curves
                      ? make(m, ret, err)
                      : err_set(err, ERR_NOMEM, "models of %zu frames", nt);
    free(m->fine_aif);
    free(m->work);
    free(m->curves);
    free(m);
    return r;
}

/** Entry and part of a table of n entries; the ends beyond. */
static size_t place(float at, size_t n, float *ret_part)
{
    const float last = (float)(n - 1);
    at = at < 0.0f ? 0.0f : at > last ? last : at;
    const size_t i = at < last ? (size_t)at : n - 2;
    *ret_part = at - (float)i;
    return i;
}

static float between(const float table[FLOW_BIAS_TMAX][FLOW_BIAS_SEEN], size_t t, float u,
                     size_t s, float v)
{
    const float a = table[t][s] + v * (table[t][s + 1] - table[t][s]);
    const float b = table[t + 1][s] + v * (table[t + 1][s + 1] - table[t + 1][s]);
    return a + u * (b - a);
}

struct flow_gain flow_bias_gain(const struct flow_bias *bias, int level, float seen_s,
                                float tmax_s)
{
    float u, v;
    const size_t t = place(tmax_s, FLOW_BIAS_TMAX, &u);
    const size_t s = place((logf(seen_s) - bias->seen_lo[level]) / bias->seen_step[level],
                           FLOW_BIAS_SEEN, &v);
    return (struct flow_gain){
        .flow = expf(between(bias->gain[level], t, u, s, v)),
        .volume = expf(between(bias->fill[level], t, u, s, v)),
        .delay_s = between(bias->delay[level], t, u, s, v),
        .transit_s = expf(between(bias->transit[level], t, u, s, v)),
    };
}
