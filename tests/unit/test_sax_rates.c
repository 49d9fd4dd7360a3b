#include "tests/unit/test.h"

#include "pipeline/cardiac_cine/sax_rates.h"

#include <math.h>

static void a_cosine_has_its_steepest_slopes_in_the_middle(void **state)
{
    (void)state;
    enum { NT = 40 };
    double ml[NT];
    for (int t = 0; t < NT; t++)
        ml[t] = 100.0 + 40.0 * cos(2.0 * M_PI * t / NT);
    const struct sax_rates r = sax_rates_of(ml, NT, 1000.0, 0, NT / 2);
    const double steepest = 40.0 * 2.0 * M_PI; // ml/s of a cycle of 1 s
    assert_true(fabs(r.ejection_ml_s / steepest - 1.0) < 0.03);
    assert_true(fabs(r.filling_ml_s / steepest - 1.0) < 0.03);
    assert_true(fabs(r.ejection_ms - 250.0) < 26.0);
    assert_true(fabs(r.filling_ms - 250.0) < 26.0);
}

static void end_diastole_need_not_be_first(void **state)
{
    (void)state;
    enum { NT = 20 };
    double ml[NT];
    for (int t = 0; t < NT; t++)
        ml[t] = 100.0 + 40.0 * cos(2.0 * M_PI * (t - 15) / NT);
    const struct sax_rates r = sax_rates_of(ml, NT, 800.0, 15, 5);
    assert_true(fabs(r.ejection_ms - 200.0) < 41.0);
    assert_true(r.ejection_ml_s > 250.0 && r.ejection_ml_s < 320.0);
}

static void few_phases_no_time_and_a_still_heart_tell_no_rate(void **state)
{
    (void)state;
    double ml[20];
    for (int t = 0; t < 20; t++)
        ml[t] = t < 10 ? 100 - t : 80 + t;
    assert_true(isnan(sax_rates_of(ml, 8, 800.0, 0, 4).ejection_ml_s));
    assert_true(isnan(sax_rates_of(ml, 20, (double)NAN, 0, 10).filling_ml_s));
    assert_true(isnan(sax_rates_of(ml, 20, 800.0, 3, 3).filling_ml_s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cosine_has_its_steepest_slopes_in_the_middle),
        cmocka_unit_test(end_diastole_need_not_be_first),
        cmocka_unit_test(few_phases_no_time_and_a_still_heart_tell_no_rate),
    };
    return cmocka_run_group_tests_name("sax_rates", tests, NULL, NULL);
}
