#include "tests/unit/test.h"

#include "pipeline/perfusion/enhancement.h"

#include <math.h>
#include <string.h>

enum { NX = 4, NY = 3, NZ = 2, NT = 12, PLANE = NX * NY, N = PLANE * NZ };

/** 40 HU; from frame bolus on 40 + rise for 4 frames, then 40 + rise / 2. */
static struct cine *make(size_t bolus, float rise)
{
    struct cine *cine = NULL;
    assert_int_equal(cine_create(NX, NY, NZ, NT, &cine, NULL), 0);
    for (size_t z = 0; z < NZ; z++) {
        for (size_t t = 0; t < NT; t++) {
            const float more = t < bolus ? 0.0f : t < bolus + 4 ? rise : 0.5f * rise;
            for (size_t i = 0; i < PLANE; i++)
                cine_frame(cine, z, t)[i] = 40.0f + more;
        }
    }
    return cine;
}

static void measures_baseline_peak_and_area(void **state)
{
    (void)state;
    uint8_t brain[N];
    memset(brain, 1, sizeof(brain));
    auto_(cine) struct cine *cine = make(6, 20.0f);
    auto_(enhancement) struct enhancement *e = NULL;
    assert_int_equal(enhancement_measure(cine, brain, 2, &e, NULL), 0);
    assert_int_equal(e->before_bolus, 5); // one frame more is left out
    assert_int_equal(e->baseline_frames, 5);
    assert_true(fabs(e->rise - 20.0) < 1e-3);
    assert_true(e->noise < 1e-6);
    for (size_t i = 0; i < N; i++) {
        assert_float_equal(e->baseline[i], 40.0f, 1e-3f);
        assert_float_equal(e->peak[i], 20.0f, 1e-3f);
        // Frames 5 to 11: one of 0, four of 20, two of 10.
        assert_float_equal(e->area[i], 100.0f / 7.0f, 1e-3f);
    }
}

static void an_early_bolus_is_told_apart_from_the_frames_taken(void **state)
{
    (void)state;
    uint8_t brain[N];
    memset(brain, 1, sizeof(brain));
    auto_(cine) struct cine *cine = make(2, 20.0f);
    auto_(enhancement) struct enhancement *e = NULL;
    assert_int_equal(enhancement_measure(cine, brain, 1, &e, NULL), 0);
    assert_int_equal(e->before_bolus, 1);
    assert_int_equal(e->baseline_frames, 3);
}

static void noise_is_that_of_the_brain_alone(void **state)
{
    (void)state;
    uint8_t brain[N] = {0};
    auto_(cine) struct cine *cine = make(6, 20.0f);
    for (size_t z = 0; z < NZ; z++) {
        brain[z * PLANE] = 1;
        for (size_t t = 0; t < 5; t++) {
            cine_frame(cine, z, t)[0] += t % 2 ? 0.2f : -0.2f;
            cine_frame(cine, z, t)[1] += t % 2 ? 9.0f : -9.0f; // off the brain
        }
    }
    auto_(enhancement) struct enhancement *e = NULL;
    assert_int_equal(enhancement_measure(cine, brain, 1, &e, NULL), 0);
    assert_int_equal(e->baseline_frames, 5);
    assert_true(fabs(e->noise - 0.4 / sqrt(2.0)) < 1e-3); // differences of 0.4
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(measures_baseline_peak_and_area),
        cmocka_unit_test(an_early_bolus_is_told_apart_from_the_frames_taken),
        cmocka_unit_test(noise_is_that_of_the_brain_alone),
    };
    return cmocka_run_group_tests_name("enhancement", tests, NULL, NULL);
}
