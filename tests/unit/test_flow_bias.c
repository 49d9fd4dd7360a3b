#include "tests/unit/test.h"

#include "pipeline/perfusion/flow_bias.h"

#include <math.h>
#include <stdlib.h>

enum { NT = 60, W = OSVD_LANES };

static const struct osvd_options OPTIONS = {
    .dt_s = 1.0, .oi_max = 0.035, .p_first = 0.05, .early_s = 5.0, .late_s = 20.0};

static double bolus(double t)
{
    const double u = t > 8.0 ? (t - 8.0) / 5.7 : 0.0;
    return 350.0 * pow(u, 3.0) * exp(3.0 * (1.0 - u));
}

/** Residue functions whose area is mtt: box, gamma of shape 4, exponential. */
static double residue(int shape, double t, double mtt)
{
    const double u = t / mtt, v = 4.0 * u;
    if (shape == 0)
        return u < 1.0;
    return shape == 1 ? exp(-v) * (1 + v + v * v / 2 + v * v * v / 6) : exp(-u);
}

static void fill(int shape, const double *mtt, float *aif, float *curves)
{
    for (int t = 0; t < NT; t++) {
        aif[t] = (float)bolus(t);
        for (int i = 0; i < W; i++) {
            double sum = 0.0;
            for (double s = 0.025; s < t; s += 0.05)
                sum += bolus(t - s) * residue(shape, s, mtt[i]) * 0.05;
            curves[t * W + i] = (float)(0.01 * sum); // flow 0.01 per s
        }
    }
}

static void brings_flow_nearer_to_the_truth(void **state)
{
    (void)state;
    static float aif[NT], curves[NT * W];
    static struct flow_bias bias;
    double mtt[W], raw[W] = {0}, fixed[W] = {0};
    for (int i = 0; i < W; i++)
        mtt[i] = 3.0 + 0.8 * i;
    fill(0, mtt, aif, curves);
    assert_int_equal(flow_bias_make(aif, NT, &OPTIONS, &bias, NULL), 0);
    auto_(osvd) struct osvd *osvd = NULL;
    assert_int_equal(osvd_create(aif, NT, &OPTIONS, &osvd, NULL), 0);
    float *scratch = malloc(osvd_scratch(osvd) * sizeof(*scratch));
    for (int shape = 0; shape < 3; shape++) {
        struct osvd_peak peak;
        fill(shape, mtt, aif, curves);
        osvd_peaks(osvd, curves, scratch, &peak, NULL);
        for (int i = 0; i < W; i++) {
            const float area = (float)(0.01 * mtt[i]);
            const float gain = flow_bias_gain(&bias, peak.level[i], area / peak.k_max[i]);
            raw[i] += (double)peak.k_max[i] / 3.0;
            fixed[i] += (double)(gain * peak.k_max[i]) / 3.0;
        }
    }
    free(scratch);
    assert_true(raw[0] < 0.0075); // of 3 s a quarter and more is lost
    for (int i = 0; i < W; i++) {
        // Shapes differ most at short transit times; from 6 s on their mean comes out.
        assert_true(fabs(fixed[i] - 0.01) < fabs(raw[i] - 0.01) + 0.0005);
        assert_true(fabs(fixed[i] - 0.01) < (mtt[i] < 6.0 ? 0.0025 : 0.0007));
    }
}

static void never_takes_away_and_gives_less_the_longer_the_transit(void **state)
{
    (void)state;
    static float aif[NT];
    static struct flow_bias bias;
    for (int t = 0; t < NT; t++)
        aif[t] = (float)bolus(t);
    assert_int_equal(flow_bias_make(aif, NT, &OPTIONS, &bias, NULL), 0);
    for (int l = 0; l < OSVD_LEVELS; l++) {
        float before = FLOW_BIAS_MAX;
        for (float seen_s = 0.0f; seen_s < 60.0f; seen_s += 0.5f) {
            const float gain = flow_bias_gain(&bias, l, seen_s);
            assert_true(gain >= 1.0f && gain <= FLOW_BIAS_MAX);
            assert_true(gain <= before * 1.05f);
            before = gain;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(brings_flow_nearer_to_the_truth),
        cmocka_unit_test(never_takes_away_and_gives_less_the_longer_the_transit),
    };
    return cmocka_run_group_tests_name("flow_bias", tests, NULL, NULL);
}
