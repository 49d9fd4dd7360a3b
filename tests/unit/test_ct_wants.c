#include "tests/unit/test.h"

#include "pipeline/ct_perfusion/ct_wants.h"

#include <stdio.h>
#include <string.h>

enum { MOST = 80 };

static struct series_facts series[MOST];

/** A head CT: frames over positions, 5 mm apart from first_mm. */
static void set(size_t i, int frames, int positions, double first_mm)
{
    struct series_facts *s = &series[i];
    memset(s, 0, sizeof(*s));
    strcpy(s->modality, "CT");
    strcpy(s->frame_of_reference_uid, "1.2.3");
    s->rows = s->columns = 512;
    s->frames = frames;
    s->positions = positions;
    s->first_mm = first_mm;
    s->last_mm = first_mm + 5.0 * (positions - 1);
    s->orientation[0] = s->orientation[4] = 1.0;
}

static bool wants(size_t count, struct pipeline_want *ret)
{
    const struct study_facts study = {.series = series, .series_count = count};
    return ct_wants(&study, ret);
}

static void takes_one_series_of_many_times_and_leaves_the_rest(void **state)
{
    (void)state;
    struct pipeline_want want;
    set(0, 40, 40, -20); // without contrast
    set(1, 960, 16, -18);
    set(2, 2, 1, 0); // localizer
    assert_true(wants(3, &want));
    assert_int_equal(want.series_count, 1);
    assert_int_equal(want.series[0], 1);
    assert_string_equal(want.reason, "16 positions x 60 times");
}

static void takes_a_series_a_time_and_a_series_a_slice(void **state)
{
    (void)state;
    struct pipeline_want want;
    for (size_t i = 0; i < 60; i++)
        set(i, 16, 16, -18);
    set(60, 30, 30, -18);
    assert_true(wants(61, &want));
    assert_int_equal(want.series_count, 60);
    assert_string_equal(want.reason, "16 positions x 60 times");

    for (size_t i = 0; i < 16; i++)
        set(i, 60, 1, -18 + 5.0 * (double)i);
    assert_true(wants(16, &want));
    assert_int_equal(want.series_count, 16);
    assert_string_equal(want.reason, "16 positions x 60 times");
}

static void wants_no_other_body_modality_or_plane(void **state)
{
    (void)state;
    struct pipeline_want want;
    set(0, 960, 16, 0);
    strcpy(series[0].body_part, "CHEST");
    assert_false(wants(1, &want));
    assert_string_equal(want.reason, "taken many times, but not of a head");

    set(0, 960, 16, 0);
    strcpy(series[0].modality, "MR");
    assert_false(wants(1, &want));
    assert_string_equal(want.reason, "no axial CT");

    set(0, 960, 16, 0);
    series[0].orientation[4] = 0.0;
    series[0].orientation[5] = -1.0; // coronal
    assert_false(wants(1, &want));
}

static void says_how_often_a_plain_scan_was_taken(void **state)
{
    (void)state;
    struct pipeline_want want;
    set(0, 300, 300, -400);
    assert_false(wants(1, &want));
    assert_string_equal(want.reason,
                        "CT taken at most 1 time at a position; perfusion needs 19");
    assert_false(wants(0, &want));
    assert_string_equal(want.reason, "no axial CT");
}

static void wants_a_scan_too_short_but_not_phases_or_reconstructions(void **state)
{
    (void)state;
    struct pipeline_want want;
    set(0, 80, 16, -18);
    assert_true(wants(1, &want)); // the analysis refuses it, and says why
    assert_string_equal(want.reason, "16 positions x 5 times");

    for (int phases = 2; phases <= 4; phases++) {
        set(0, phases * 300, 300, -18);
        assert_false(wants(1, &want));
    }
    assert_string_equal(want.reason,
                        "CT taken at most 4 times at a position; perfusion needs 19");

    for (size_t i = 0; i < 8; i++) // soft, bone, thin, thick of one scan
        set(i, 32, 32, -18);
    assert_false(wants(8, &want));
    assert_string_equal(want.reason,
                        "CT taken at most 1 time at a position; perfusion needs 19");
    for (size_t i = 8; i < 12; i++)
        set(i, 32, 32, -18);
    assert_true(wants(12, &want));
}

static void leaves_bolus_tracking_alone(void **state)
{
    (void)state;
    struct pipeline_want want;
    set(0, 300, 300, -18); // the angiography
    set(1, 14, 1, 40);
    assert_false(wants(2, &want));
    assert_int_equal(want.series_count, 0);
    assert_string_equal(
        want.reason,
        "a single slice taken 14 times is bolus tracking; perfusion needs 19");

    set(2, 960, 16, -18);
    assert_true(wants(3, &want));
    assert_int_equal(want.series_count, 1);
    assert_int_equal(want.series[0], 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_one_series_of_many_times_and_leaves_the_rest),
        cmocka_unit_test(takes_a_series_a_time_and_a_series_a_slice),
        cmocka_unit_test(wants_no_other_body_modality_or_plane),
        cmocka_unit_test(says_how_often_a_plain_scan_was_taken),
        cmocka_unit_test(wants_a_scan_too_short_but_not_phases_or_reconstructions),
        cmocka_unit_test(leaves_bolus_tracking_alone),
    };
    return cmocka_run_group_tests_name("ct_wants", tests, NULL, NULL);
}
