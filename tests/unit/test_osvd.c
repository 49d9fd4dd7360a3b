#include "tests/unit/test.h"

#include "kernels/osvd.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NT = 50, N = 2 * NT, W = OSVD_LANES };

static const struct osvd_options OPTIONS = {
    .dt_s = 1.0, .oi_max = 0.035, .p_first = 0.05, .early_s = 5.0, .late_s = 20.0};

static double bolus(double t)
{
    const double u = t > 6.0 ? (t - 6.0) / 5.0 : 0.0;
    return 300.0 * pow(u, 3.0) * exp(3.0 * (1.0 - u));
}

static double tissue_at(double t, double flow, double mtt)
{
    double sum = 0.0;
    for (double s = 0.0; s < 40.0; s += 0.05)
        sum += bolus(t - s) * exp(-s / mtt) * 0.05;
    return flow * sum;
}

/** Tissue of lane i: flow, transit and delay of its own, and a little deterministic noise. */
static double tissue(int i, int t)
{
    return tissue_at(t - 0.4 * i, 0.002 + 0.0006 * i, 3.0 + 0.6 * i)
           + 0.05 * sin(1.7 * t * (i + 1));
}

static void fill(float *aif, float *curves)
{
    for (int t = 0; t < NT; t++) {
        aif[t] = (float)bolus(t);
        for (int i = 0; i < W; i++)
            curves[t * W + i] = (float)tissue(i, t);
    }
}

/* ---- the plain reference: a DFT of everything at every level, in double ---- */

static void spectrum(const double *v, double *re, double *im)
{
    for (int f = 0; f < N; f++) {
        re[f] = im[f] = 0.0;
        for (int t = 0; t < NT; t++) {
            re[f] += v[t] * cos(2.0 * M_PI * f * t / N);
            im[f] -= v[t] * sin(2.0 * M_PI * f * t / N);
        }
    }
}

static double oscillation(const double *k)
{
    double sum = 0.0, top = k[0];
    for (int t = 0; t < N; t++)
        top = fmax(top, k[t]);
    for (int t = 2; t < N; t++)
        sum += fabs(k[t] - 2.0 * k[t - 1] + k[t - 2]);
    return top > 0.0 ? sum / N / top : (double)INFINITY;
}

static void plain(const double *aif, const double *c, double *k)
{
    double ar[N], ai[N], cr[N], ci[N], most = 0.0;
    spectrum(aif, ar, ai);
    spectrum(c, cr, ci);
    for (int f = 0; f < N; f++)
        most = fmax(most, hypot(ar[f], ai[f]));
    for (int l = 0; l < 19; l++) {
        memset(k, 0, N * sizeof(*k));
        for (int f = 0; f < N; f++) {
            const double power = ar[f] * ar[f] + ai[f] * ai[f];
            if (sqrt(power) < (0.05 + 0.05 * l) * most)
                continue;
            const double re = (cr[f] * ar[f] + ci[f] * ai[f]) / power;
            const double im = (ci[f] * ar[f] - cr[f] * ai[f]) / power;
            for (int t = 0; t < N; t++)
                k[t] +=
                    (re * cos(2.0 * M_PI * f * t / N) - im * sin(2.0 * M_PI * f * t / N))
                    / N;
        }
        if (oscillation(k) < OPTIONS.oi_max)
            return;
    }
}

static void agrees_with_the_plain_transform(void **state)
{
    (void)state;
    float aif[NT], curves[NT * W], residue[N * W];
    double a[NT], c[NT], k[N];
    fill(aif, curves);
    auto_(osvd) struct osvd *osvd = NULL;
    assert_int_equal(osvd_create(aif, NT, &OPTIONS, &osvd, NULL), 0);
    assert_int_equal(osvd_length(osvd), N);
    float *scratch = malloc(osvd_scratch(osvd) * sizeof(*scratch));
    struct osvd_peak peak;
    osvd_peaks(osvd, curves, scratch, &peak, residue);
    free(scratch);
    for (int i = 0; i < W; i++) {
        for (int t = 0; t < NT; t++) {
            a[t] = (double)aif[t];
            c[t] = (double)curves[t * W + i];
        }
        plain(a, c, k);
        double top = 0.0;
        for (int t = 0; t < N; t++) {
            assert_float_equal(residue[t * W + i], k[t], 1e-6);
            top = fmax(top, k[t]);
        }
        assert_float_equal(peak.k_max[i], top, 1e-6);
    }
}

static void tmax_follows_the_delay_and_flow_does_not(void **state)
{
    (void)state;
    float aif[NT], curves[NT * W];
    fill(aif, curves);
    for (int t = 0; t < NT; t++) {
        for (int i = 0; i < W; i++) // the same tissue, 0 to 7 s late, and early by 3 s
            curves[t * W + i] =
                (float)tissue_at(t + (i == 15 ? 3.0 : -0.5 * i), 0.01, 6.0);
    }
    auto_(osvd) struct osvd *osvd = NULL;
    assert_int_equal(osvd_create(aif, NT, &OPTIONS, &osvd, NULL), 0);
    float *scratch = malloc(osvd_scratch(osvd) * sizeof(*scratch));
    struct osvd_peak peak;
    osvd_peaks(osvd, curves, scratch, &peak, NULL);
    free(scratch);
    for (int i = 0; i < 15; i++) {
        assert_float_equal(peak.tmax_s[i] - peak.tmax_s[0], (0.5 * i), 0.2);
        assert_float_equal(peak.k_max[i], peak.k_max[0], 0.05f * peak.k_max[0]);
    }
    assert_float_equal(peak.tmax_s[15], 0.0, 0.0); // before the artery: wrapped, not 98 s
}

static void damps_as_tikhonov_and_cuts_as_csvd(void **state)
{
    (void)state;
    static const double SOFT = 0.15;
    float aif[NT], curves[NT * W], residue[N * W];
    double a[NT], c[NT], ar[N], ai[N], cr[N], ci[N];
    fill(aif, curves);
    for (int is_soft = 0; is_soft < 2; is_soft++) {
        struct osvd_options options = OPTIONS;
        options.oi_max = HUGE_VAL;
        options.p_first = SOFT;
        options.soft = is_soft ? SOFT : 0.0;
        auto_(osvd) struct osvd *osvd = NULL;
        assert_int_equal(osvd_create(aif, NT, &options, &osvd, NULL), 0);
        float *scratch = malloc(osvd_scratch(osvd) * sizeof(*scratch));
        struct osvd_peak peak;
        osvd_peaks(osvd, curves, scratch, &peak, residue);
        free(scratch);
        double most = 0.0;
        for (int t = 0; t < NT; t++) {
            a[t] = (double)aif[t];
            c[t] = (double)curves[t * W + 3];
        }
        spectrum(a, ar, ai);
        spectrum(c, cr, ci);
        for (int f = 0; f < N; f++)
            most = fmax(most, hypot(ar[f], ai[f]));
        for (int t = 0; t < N; t++) {
            double k = 0.0;
            for (int f = 0; f < N; f++) {
                const double power = ar[f] * ar[f] + ai[f] * ai[f];
                if (!is_soft && sqrt(power) < SOFT * most)
                    continue;
                const double below = power + (is_soft ? SOFT * SOFT * most * most : 0.0);
                const double turn = 2.0 * M_PI * f * t / N;
                k += ((cr[f] * ar[f] + ci[f] * ai[f]) * cos(turn)
                      - (ci[f] * ar[f] - cr[f] * ai[f]) * sin(turn))
                     / below / N;
            }
            assert_float_equal(residue[t * W + 3], k, 2e-5);
        }
        assert_int_equal(peak.level[3], 0);
    }
}

static void refuses_an_artery_without_area(void **state)
{
    (void)state;
    const float nothing[NT] = {0};
    struct osvd *osvd = NULL;
    assert_true(osvd_create(nothing, NT, &OPTIONS, &osvd, NULL) < 0);
    assert_null(osvd);
}

/* ---- curves of others, with their truth and their tolerances ---- */

static FILE *open_osipi(void)
{
    const char *data = getenv("HILUM_DATA");
    char path[4096];
    snprintf(path, sizeof(path), "%s/perfusion/osipi_dsc/dsc_data.csv",
             data ? data : "../../shared/data");
    return fopen(path, "r");
}

/** The numbers of a field, separated by blanks; returns where it ends. */
static char *read_curve(char *from, float *ret, size_t most, size_t *ret_count)
{
    char *end = from;
    *ret_count = 0;
    while (*end != ',' && *end != '\0' && *ret_count < most) {
        ret[(*ret_count)++] = strtof(end, &end);
        while (*end == ' ')
            end++;
    }
    return end + 1;
}

static void check_osipi(char *line)
{
    enum { MOST = 300 };
    static float tissue_c[MOST], aif[MOST], curves[MOST * W];
    size_t n = 0, na = 0;
    char *at = read_curve(strchr(line, ',') + 1, tissue_c, MOST, &n);
    at = read_curve(at, aif, MOST, &na);
    const double cbv = strtod(at, &at), cbf = strtod(at + 1, &at),
                 dt_s = strtod(at + 1, &at);
    assert_int_equal(n, na);
    double sum = 0.0, aif_sum = 0.0;
    for (size_t t = 0; t < n; t++) {
        for (int i = 0; i < W; i++)
            curves[t * W + (size_t)i] = tissue_c[t];
        sum += (double)tissue_c[t];
        aif_sum += (double)aif[t];
    }
    struct osvd_options options = OPTIONS;
    options.dt_s = dt_s;
    auto_(osvd) struct osvd *osvd = NULL;
    assert_int_equal(osvd_create(aif, n, &options, &osvd, NULL), 0);
    float *scratch = malloc(osvd_scratch(osvd) * sizeof(*scratch));
    struct osvd_peak peak;
    osvd_peaks(osvd, curves, scratch, &peak, NULL);
    free(scratch);
    // Tolerances of OSIPI's test suite: 1 + 10 % for CBV, 15 + 10 % for CBF.
    assert_float_equal((100.0 * sum / aif_sum), cbv, (1.0 + 0.1 * cbv));
    assert_float_equal((6000.0 * (double)peak.k_max[0]), cbf, (15.0 + 0.1 * cbf));
}

static void all_osipi_curves_are_within_their_tolerance(void **state)
{
    (void)state;
    FILE *file = open_osipi();
    if (!file) {
        print_message("skipped: no data\n");
        skip();
        return;
    }
    static char line[32768];
    int curves = 0;
    assert_non_null(fgets(line, sizeof(line), file)); // the header
    while (fgets(line, sizeof(line), file)) {
        check_osipi(line);
        curves++;
    }
    fclose(file);
    assert_int_equal(curves, 14);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_plain_transform),
        cmocka_unit_test(tmax_follows_the_delay_and_flow_does_not),
        cmocka_unit_test(damps_as_tikhonov_and_cuts_as_csvd),
        cmocka_unit_test(refuses_an_artery_without_area),
        cmocka_unit_test(all_osipi_curves_are_within_their_tolerance),
    };
    return cmocka_run_group_tests_name("osvd", tests, NULL, NULL);
}
