#include "tests/unit/test.h"

#include "base/err.h"
#include "pipeline/perfusion/time_axis.h"

enum { NT = 6 };

/** Two slices of one voxel, the second half an interval later; values are the time itself. */
static void make(const double *time_s, double lag_s, struct cine **ret)
{
    struct err err = {0};
    assert_int_equal(cine_create(1, 1, 2, NT, ret, &err), 0);
    for (size_t z = 0; z < 2; z++) {
        for (size_t t = 0; t < NT; t++) {
            const double at_s = time_s[t] + (z == 1 ? lag_s : 0.0);
            (*ret)->time_s[z * NT + t] = at_s;
            cine_frame(*ret, z, t)[0] = (float)(10.0 + 2.0 * at_s);
        }
    }
}

static void the_interval_is_the_median_and_at_most_a_second(void **state)
{
    (void)state;
    static const struct {
        double time_s[NT], dt_s;
        size_t nt;
    } cases[] = {
        {{0, 1, 2, 3, 4, 5}, 1.0, 6},
        {{0, 0.5, 1, 1.5, 2, 2.5}, 0.5, 6},
        {{0, 2, 4, 6, 8, 10}, 1.0, 11},
        {{0, 1, 2, 3, 6, 9}, 1.0, 10},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        auto_(cine) struct cine *cine = NULL;
        make(cases[i].time_s, 0.0, &cine);
        const struct time_axis axis = time_axis_of(cine);
        assert_float_equal(axis.dt_s, cases[i].dt_s, 1e-9);
        assert_int_equal(axis.nt, cases[i].nt);
    }
}

/* A line in time stays the line, whatever the times of its slice: the ends repeat. */
static void each_slice_is_read_at_its_own_times(void **state)
{
    (void)state;
    static const double TIME_S[NT] = {0, 1.5, 3, 4.5, 6, 9};
    auto_(cine) struct cine *cine = NULL;
    make(TIME_S, 0.75, &cine);
    const struct time_axis axis = time_axis_of(cine);
    for (size_t z = 0; z < 2; z++) {
        struct time_step steps[TIME_AXIS_MAX];
        float curve[TIME_AXIS_MAX];
        time_axis_steps(&axis, cine, z, steps);
        time_axis_curve(&axis, steps, cine, z, 0, 10.0f, curve);
        const double first_s = cine->time_s[z * NT];
        const double last_s = cine->time_s[z * NT + NT - 1];
        for (size_t k = 0; k < axis.nt; k++) {
            double at_s = axis.start_s + axis.dt_s * (double)k;
            at_s = at_s < first_s ? first_s : at_s > last_s ? last_s : at_s;
            assert_float_equal(curve[k], (float)(2.0 * at_s), 0.07f);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_interval_is_the_median_and_at_most_a_second),
        cmocka_unit_test(each_slice_is_read_at_its_own_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
