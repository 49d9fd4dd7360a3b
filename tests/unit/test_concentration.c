#include "tests/unit/test.h"

#include "pipeline/mr_perfusion/concentration.h"

#include <math.h>
#include <string.h>

enum { NX = 8, NY = 6, NZ = 2, NT = 30, N = NX * NY * NZ, BOLUS = 12 };

static const double ECHO_S = 0.03;
static const struct concentration_options OPTIONS = {ECHO_S, 0.12, 50.0f};

/** R2* that contrast adds, 1/s. */
static double rise(size_t t, double peak)
{
    return t < BOLUS ? 0.0 : peak * exp(-0.1 * ((double)t - 16.0) * ((double)t - 16.0));
}

/** Signals of 300, in bright frames 1 + excess; voxel 0 an artery of high peak, voxel 1 air. */
static struct cine *make(double peak, const double *excess, size_t bright)
{
    struct cine *cine = NULL;
    assert_int_equal(cine_create(NX, NY, NZ, NT, &cine, NULL), 0);
    cine->spacing_mm[0] = cine->spacing_mm[1] = 2.0;
    cine->spacing_mm[2] = 5.0;
    for (size_t i = 0; i < N * NT; i++) {
        const size_t t = i / (NX * NY) % NT, at = i % (NX * NY);
        const double s0 = at == 1 ? 10.0 : 300.0;
        const double c = rise(t, at == 0 ? 200.0 : peak);
        cine->voxels[i] =
            (float)(s0 * exp(-ECHO_S * c) * (t < bright ? 1.0 + excess[t] : 1.0));
        cine->time_s[i / (NX * NY)] = 1.5 * (double)t;
    }
    return cine;
}

static void brain_of(uint8_t *ret)
{
    memset(ret, 1, N);
    for (size_t z = 0; z < NZ; z++)
        ret[z * NX * NY] = ret[z * NX * NY + 1] = 0;
}

static void gives_back_the_rise_of_r2_star(void **state)
{
    (void)state;
    uint8_t brain[N];
    brain_of(brain);
    auto_(cine) struct cine *cine = make(10.0, NULL, 0);
    auto_(concentration) struct concentration *c = NULL;
    assert_int_equal(concentration_make(cine, brain, &OPTIONS, 2, &c, NULL), 0);
    assert_true(c->baseline_frames >= BOLUS - 2 && c->baseline_frames <= BOLUS);
    assert_float_equal(c->noise, 0.0, 1e-3);
    for (size_t t = 0; t < NT; t++) {
        assert_float_equal(cine_frame(cine, 1, t)[9], rise(t, 10.0), 1e-2);
        assert_float_equal(cine_frame(cine, 1, t)[1], 0.0, 0.0); // air
    }
    assert_float_equal(c->s0[9], 300.0, 1e-2);
}

static void marks_what_falls_to_the_noise_and_nothing_else(void **state)
{
    (void)state;
    uint8_t brain[N];
    brain_of(brain);
    auto_(cine) struct cine *cine = make(10.0, NULL, 0);
    auto_(concentration) struct concentration *c = NULL;
    assert_int_equal(concentration_make(cine, brain, &OPTIONS, 1, &c, NULL), 0);
    for (size_t i = 0; i < N; i++)
        assert_int_equal(c->saturated[i], i % (NX * NY) == 0);
}

static void counts_the_frames_before_the_steady_state(void **state)
{
    (void)state;
    static const struct {
        double peak, excess[8];
        size_t bright, expect;
    } cases[] = {
        {10.0, {0}, 0, 0},
        {10.0, {0.4, 0.08}, 2, 2},
        {10.0, {0.4, 0.001}, 2, 1}, // as good as steady
        {10.0,
         {0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2},
         8,
         0}, // falls on: no steady state
    };
    uint8_t brain[N];
    brain_of(brain);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        auto_(cine) struct cine *cine =
            make(cases[i].peak, cases[i].excess, cases[i].bright);
        assert_int_equal(concentration_unsteady(cine, brain), cases[i].expect);
    }
}

static void blur_leaves_even_tissue_as_it_is(void **state)
{
    (void)state;
    uint8_t brain[N];
    brain_of(brain);
    auto_(cine) struct cine *cine = make(10.0, NULL, 0);
    for (size_t i = 0; i < N * NT; i++) // no artery, no air
        cine->voxels[i] = cine->voxels[i / (NX * NY) * NX * NY + 9];
    auto_(concentration) struct concentration *c = NULL;
    assert_int_equal(concentration_make(cine, brain, &OPTIONS, 1, &c, NULL), 0);
    assert_int_equal(concentration_blur(cine, c, ECHO_S, 1.2, 2, NULL), 0);
    for (size_t t = 0; t < NT; t++) {
        for (size_t i = 0; i < NX * NY; i++)
            assert_float_equal(cine_frame(cine, 0, t)[i], rise(t, 10.0), 1e-2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_back_the_rise_of_r2_star),
        cmocka_unit_test(marks_what_falls_to_the_noise_and_nothing_else),
        cmocka_unit_test(counts_the_frames_before_the_steady_state),
        cmocka_unit_test(blur_leaves_even_tissue_as_it_is),
    };
    return cmocka_run_group_tests_name("concentration", tests, NULL, NULL);
}
