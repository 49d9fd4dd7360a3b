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

static void fill(int shape, const double *mtt, double delay, float *aif, float *curves)
{
    for (int t = 0; t < NT; t++) {
        aif[t] = (float)bolus(t);
        for (int i = 0; i < W; i++) {
            double sum = 0.0;
            for (double s = 0.025; s < t; s += 0.05)
                sum += bolus(t - s - delay) * residue(shape, s, mtt[i]) * 0.05;
            curves[t * W + i] = (float)(0.01 * sum); // flow 0.01 per s
        }
    }
}

/** One curve of flow 0.01 per s, deconvolved and corrected, of a scan of nt samples. */
static struct flow_gain corrected(int shape, double mtt_s, double delay_s, size_t nt,
                                  struct flow_gain *ret_raw)
{
    static float aif[NT], curves[NT * W];
    static struct flow_bias bias;
    double mtt[W], aif_area = 0.0, area = 0.0;
    for (int i = 0; i < W; i++)
        mtt[i] = mtt_s;
    fill(shape, mtt, delay_s, aif, curves);
    assert_int_equal(flow_bias_make(aif, nt, &OPTIONS, &bias, NULL), 0);
    auto_(osvd) struct osvd *osvd = NULL;
    assert_int_equal(osvd_create(aif, nt, &OPTIONS, &osvd, NULL), 0);
    float *scratch = malloc(osvd_scratch(osvd) * sizeof(*scratch));
    struct osvd_peak peak;
    osvd_peaks(osvd, curves, scratch, &peak, NULL);
    free(scratch);
    for (size_t t = 0; t < nt; t++) {
        aif_area += (double)aif[t];
        area += (double)curves[t * W];
    }
    *ret_raw = (struct flow_gain){peak.k_max[0], (float)(area / aif_area), 0.0f, 0.0f};
    const struct flow_gain gain = flow_bias_gain(
        &bias, peak.level[0], ret_raw->volume / peak.k_max[0], peak.tmax_s[0]);
    return (struct flow_gain){gain.flow * ret_raw->flow, gain.volume * ret_raw->volume,
                              gain.delay_s, gain.transit_s};
}

static void makes_the_loss_alike_for_all_transit_times(void **state)
{
    (void)state;
    double lo[2] = {HUGE_VAL, HUGE_VAL}, hi[2] = {-HUGE_VAL, -HUGE_VAL}; // raw, corrected
    for (double mtt = 4.0; mtt < 13.0; mtt += 1.0) {
        double ln[2] = {0.0, 0.0}; // of seen over true flow, mean over shapes
        for (int shape = 0; shape < 3; shape++) {
            struct flow_gain seen;
            const struct flow_gain got = corrected(shape, mtt, 0.5, NT, &seen);
            ln[0] += log((double)seen.flow / 0.01) / 3.0;
            ln[1] += log((double)got.flow / 0.01) / 3.0;
        }
        for (int k = 0; k < 2; k++) {
            lo[k] = fmin(lo[k], ln[k]);
            hi[k] = fmax(hi[k], ln[k]);
        }
        assert_true(fabs(ln[1]) < 0.2);
    }
    assert_true(hi[1] - lo[1] < 0.6 * (hi[0] - lo[0]));
}

static void fits_delay_and_transit_time_whatever_the_shape(void **state)
{
    (void)state;
    static const struct {
        double mtt_s, delay_s;
    } cases[] = {{4.0, 0.5}, {9.0, 4.8}, {11.0, 6.5}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        double delay_s = 0.0, ln_transit = 0.0;
        for (int shape = 0; shape < 3; shape++) {
            struct flow_gain seen;
            const struct flow_gain got =
                corrected(shape, cases[i].mtt_s, cases[i].delay_s, NT, &seen);
            delay_s += (double)got.delay_s / 3.0;
            ln_transit += log((double)got.transit_s) / 3.0;
        }
        assert_true(fabs(delay_s - cases[i].delay_s) < 1.5);
        assert_true(fabs(ln_transit - log(cases[i].mtt_s)) < 0.25);
    }
}

static void gives_back_what_the_end_of_the_scan_cuts_off(void **state)
{
    (void)state;
    // The artery peaks at 14 s; the scan ends at 28 s, amid late tissue.
    static const struct {
        double mtt_s, delay_s;
    } cases[] = {{9.0, 4.8}, {11.0, 6.5}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct flow_gain seen;
        const double volume = 0.01 * cases[i].mtt_s;
        const struct flow_gain got =
            corrected(1, cases[i].mtt_s, cases[i].delay_s, 28, &seen);
        assert_true((double)seen.volume < 0.7 * volume);
        assert_true(fabs((double)got.volume - volume) < 0.25 * volume);
    }
}

static void leaves_a_whole_scan_alone_and_gives_less_the_longer_the_transit(void **state)
{
    (void)state;
    static float aif[NT];
    static struct flow_bias bias;
    for (int t = 0; t < NT; t++)
        aif[t] = (float)bolus(t);
    assert_int_equal(flow_bias_make(aif, NT, &OPTIONS, &bias, NULL), 0);
    for (int l = 0; l < 6; l++) { // 0.05 to 0.3, what curves with little noise take
        float before = HUGE_VALF;
        for (float seen_s = 3.0f; seen_s < 25.0f; seen_s += 0.5f) {
            const struct flow_gain gain = flow_bias_gain(&bias, l, seen_s, 2.0f);
            if (seen_s < 10.0f) // an exponential longer than that is not over by the end
                assert_float_equal(gain.volume, 1.0f, 0.04f);
            assert_true(gain.flow <= before * 1.05f);
            before = gain.flow;
        }
    }
    // What no tissue shows still has a finite answer.
    for (int l = 0; l < OSVD_LEVELS; l++) {
        const struct flow_gain low = flow_bias_gain(&bias, l, 1e-3f, 0.0f);
        const struct flow_gain high = flow_bias_gain(&bias, l, 1e3f, 30.0f);
        assert_true(low.flow > 0.5f && low.flow < 100.0f);
        assert_true(high.flow > 0.5f && high.flow < 100.0f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_the_loss_alike_for_all_transit_times),
        cmocka_unit_test(fits_delay_and_transit_time_whatever_the_shape),
        cmocka_unit_test(gives_back_what_the_end_of_the_scan_cuts_off),
        cmocka_unit_test(leaves_a_whole_scan_alone_and_gives_less_the_longer_the_transit),
    };
    return cmocka_run_group_tests_name("flow_bias", tests, NULL, NULL);
}
