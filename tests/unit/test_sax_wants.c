#include "tests/unit/test.h"

#include "pipeline/cardiac_cine/sax_wants.h"

#include <stdio.h>
#include <string.h>

enum { MOST = 40 };

static struct series_facts series[MOST];

/* Rows and columns of a usual short axis, of a four-chamber view, and of the body's axes. */
static const double SHORT[6] = {0.71, 0.70, -0.03, -0.31, 0.27, -0.91};
static const double LONG[6] = {0.70, -0.50, -0.51, 0.58, 0.81, 0.0};
static const double AXIAL[6] = {1, 0, 0, 0, 1, 0};

static void set(size_t i, const double *plane, int frames, int positions, double first_mm)
{
    struct series_facts *s = &series[i];
    memset(s, 0, sizeof(*s));
    strcpy(s->modality, "MR");
    strcpy(s->frame_of_reference_uid, "1.2.3");
    s->rows = s->columns = 256;
    s->frames = frames;
    s->positions = positions;
    s->first_mm = first_mm;
    s->last_mm = first_mm + 8.0 * (positions - 1);
    memcpy(s->orientation, plane, sizeof(s->orientation));
}

static bool wants(size_t count, struct pipeline_want *ret)
{
    const struct study_facts study = {.series = series, .series_count = count};
    return sax_wants(&study, ret);
}

static void takes_the_stack_and_leaves_long_axes_and_localizers(void **state)
{
    (void)state;
    struct pipeline_want want;
    set(0, AXIAL, 3, 3, 0);
    set(1, LONG, 25, 1, 0);
    set(2, SHORT, 250, 10, -40);
    set(3, SHORT, 12, 12, -50); // late enhancement: the same plane, once
    assert_true(wants(4, &want));
    assert_int_equal(want.series_count, 1);
    assert_int_equal(want.series[0], 2);
    assert_string_equal(want.reason, "10 short-axis slices x 25 phases");
}

static void takes_a_series_a_slice(void **state)
{
    (void)state;
    struct pipeline_want want;
    for (size_t i = 0; i < 11; i++)
        set(i, SHORT, 25, 1, 8.0 * (double)i);
    set(11, LONG, 25, 1, 0);
    set(12, SHORT, 25, 1, 24.0); // a slice that was repeated
    assert_true(wants(13, &want));
    assert_int_equal(want.series_count, 12);
    assert_string_equal(want.reason, "11 short-axis slices x 25 phases");

    strcpy(series[4].frame_of_reference_uid, "1.2.4"); // of another table position
    assert_true(wants(11, &want));
    assert_int_equal(want.series_count, 10);
}

static void wants_one_phase_only_of_a_heart(void **state)
{
    (void)state;
    struct pipeline_want want;
    set(0, SHORT, 10, 10, 0);
    assert_false(wants(1, &want));
    assert_string_equal(want.reason,
                        "10 slices taken at most 1 times; a cine needs 8 phases");
    strcpy(series[0].body_part, "HEART");
    assert_true(wants(1, &want));
    assert_int_equal(want.series_count, 1);
}

static void says_why_it_wants_nothing(void **state)
{
    (void)state;
    struct pipeline_want want;
    static const struct {
        const double *plane;
        const char *modality, *body_part, *reason;
    } cases[] = {
        {SHORT, "CT", "", "no MR"},
        {LONG, "MR", "", "MR over time, but no stack of slices across the heart"},
        {AXIAL, "MR", "", "MR over time, but no stack of slices across the heart"},
        {SHORT, "MR", "KNEE", "MR over time, but no stack of slices across the heart"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        set(0, cases[i].plane, 250, 10, 0);
        strcpy(series[0].modality, cases[i].modality);
        strcpy(series[0].body_part, cases[i].body_part);
        assert_false(wants(1, &want));
        assert_string_equal(want.reason, cases[i].reason);
    }
    set(0, SHORT, 25, 1, 0); // a single slice
    assert_false(wants(1, &want));
    assert_false(wants(0, &want));
    assert_string_equal(want.reason, "no MR");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_the_stack_and_leaves_long_axes_and_localizers),
        cmocka_unit_test(takes_a_series_a_slice),
        cmocka_unit_test(wants_one_phase_only_of_a_heart),
        cmocka_unit_test(says_why_it_wants_nothing),
    };
    return cmocka_run_group_tests_name("sax_wants", tests, NULL, NULL);
}
