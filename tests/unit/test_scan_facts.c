#include "tests/unit/test.h"

#include "base/err.h"
#include "scp/scan.h"
#include "tests/unit/part10.h"

#include <math.h>
#include <stdio.h>

static struct instance_facts facts;
static struct err why;

/* Scan an instance with one more element. */
static int scan_with(uint32_t tag, const char *vr, const char *value)
{
    struct part10 p;
    p10_begin(&p, EXPLICIT_LE);
    p10_identity(&p);
    if (tag)
        p10_text(&p, tag, vr, value);
    why = (struct err){0};
    const int r = scan_memory(p.data, p.size, &SCAN_LIMITS, &facts, &why);
    p10_finish(&p);
    return r;
}

static bool is_near(double a, double b)
{
    return (isnan(a) && isnan(b)) || fabs(a - b) < 1e-6;
}

static void reads_dates_and_times(void **state)
{
    (void)state;
    static const struct {
        const char *datetime, *date, *time;
        double expect;
    } cases[] = {
        {"", "19700102", "000001", 86401.0},
        {"", "1970.01.02", "00:00:01.5", 86401.5}, // as old files have them
        {"", "", "0102", 3720.0},                  // of the day
        {"", "19700102", "", (double)NAN},
        {"", "20120000", "01", 3600.0}, // no such day
        {"", "19700102", "250000", (double)NAN},
        {"", "19700102", "006000", (double)NAN},
        {"", "19700102", "000000e9", 86400.0},
        {"19700102000001.25", "", "", 86401.25},
        {"197001020000+0100", "", "", 82800.0}, // with a zone: in UTC
        {"1970010200-0030", "", "", 88200.0},
        {"1970", "19700102", "00", 86400.0}, // too short to tell
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct part10 p;
        p10_begin(&p, EXPLICIT_LE);
        p10_identity(&p);
        p10_text(&p, 0x00080022, "DA", cases[i].date);
        p10_text(&p, 0x0008002a, "DT", cases[i].datetime);
        p10_text(&p, 0x00080032, "TM", cases[i].time);
        assert_int_equal(scan_memory(p.data, p.size, &SCAN_LIMITS, &facts, &why), 0);
        if (!is_near(facts.time.acquisition_s, cases[i].expect))
            fail_msg("case %zu: %f", i, facts.time.acquisition_s);
        p10_finish(&p);
    }
}

static void reads_decimal_strings(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double expect;
    } cases[] = {
        {"30", 30.0},           {" 3.5e1 ", 35.0},    {"-1", -1.0},
        {"", (double)NAN},      {"abc", (double)NAN}, {"nan", (double)NAN},
        {"inf", (double)NAN},   {"1\\2", 1.0},        {"+.5", 0.5},
        {"1e999", (double)NAN},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(scan_with(0x00180081, "DS", cases[i].text), 0);
        if (!is_near(facts.echo_time_ms, cases[i].expect))
            fail_msg("%s: %f", cases[i].text, facts.echo_time_ms);
    }
}

static void reads_integers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int expect;
    } cases[] = {
        {"7", 7},          {"-7 ", -7}, {"", FACTS_NONE}, {"99999999999", FACTS_NONE},
        {"x", FACTS_NONE},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(scan_with(0x00200013, "IS", cases[i].text), 0);
        assert_int_equal(facts.time.instance_number, cases[i].expect);
    }
}

static void takes_only_sane_geometry(void **state)
{
    (void)state;
    static const struct {
        const char *position, *orientation, *spacing;
        bool is_valid;
    } cases[] = {
        {"1\\2\\3", "1\\0\\0\\0\\1\\0", "0.5\\0.4", true},
        {"1\\2\\3", "1\\0\\0\\0\\1\\0", "0.5", false},
        {"1\\2", "1\\0\\0\\0\\1\\0", "1\\1", false},
        {"1\\2\\3", "1\\0\\0\\0\\1", "1\\1", false},
        {"1\\2\\3", "2\\0\\0\\0\\1\\0", "1\\1", false}, // no unit vector
        {"1\\2\\3", "1\\0\\0\\1\\0\\0", "1\\1", false}, // not orthogonal
        {"1\\2\\3", "0\\0\\0\\0\\0\\0", "1\\1", false},
        {"1\\2\\3", "1\\0\\0\\0\\1\\0", "0\\1", false},
        {"1\\2\\3", "1\\0\\0\\0\\1\\0", "-1\\1", false},
        {"1\\2\\3", "1\\0\\0\\0\\1\\0", "1e300\\1", false},
        {"1\\2\\1e300", "1\\0\\0\\0\\1\\0", "1\\1", false},
        {"1\\2\\nan", "1\\0\\0\\0\\1\\0", "1\\1", false},
        {"", "", "", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct part10 p;
        p10_begin(&p, EXPLICIT_LE);
        p10_identity(&p);
        p10_text(&p, 0x00200032, "DS", cases[i].position);
        p10_text(&p, 0x00200037, "DS", cases[i].orientation);
        p10_text(&p, 0x00280030, "DS", cases[i].spacing);
        assert_int_equal(scan_memory(p.data, p.size, &SCAN_LIMITS, &facts, &why), 0);
        if (facts.plane.is_valid != cases[i].is_valid)
            fail_msg("case %zu", i);
        p10_finish(&p);
    }
    assert_int_equal(scan_with(0, NULL, NULL), 0);
    assert_false(facts.plane.is_valid);
}

static void gives_rows_first_in_spacing(void **state)
{
    (void)state;
    struct part10 p;
    p10_begin(&p, EXPLICIT_LE);
    p10_identity(&p);
    p10_text(&p, 0x00200032, "DS", "-1.5\\2\\3");
    p10_text(&p, 0x00200037, "DS", "1\\0\\0\\0\\0\\-1");
    p10_text(&p, 0x00280030, "DS", "0.5\\0.4");
    assert_int_equal(scan_memory(p.data, p.size, &SCAN_LIMITS, &facts, &why), 0);
    assert_true(facts.plane.position_mm[0] == -1.5);
    assert_true(facts.plane.orientation[5] == -1.0);
    assert_true(facts.plane.spacing_mm[0] == 0.5 && facts.plane.spacing_mm[1] == 0.4);
    p10_finish(&p);
}

static void refuses_odd_uids(void **state)
{
    (void)state;
    static const char *const uids[] = {
        "../../../tmp/evil", "1.2..3", "1.2.3\\1.2.4", ".", "1.2.a", "1.2.3/4"};
    for (size_t i = 0; i < ARRAY_LEN(uids); i++) {
        struct part10 p;
        p10_begin(&p, EXPLICIT_LE);
        p10_text(&p, 0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.2");
        p10_text(&p, 0x00080018, "UI", uids[i]);
        p10_text(&p, 0x0020000d, "UI", "1.2.3");
        p10_text(&p, 0x0020000e, "UI", "1.2.3.1");
        assert_int_equal(scan_memory(p.data, p.size, &SCAN_LIMITS, &facts, &why),
                         ERR_FORMAT);
        assert_string_equal(why.text, "(0008,0018) is not a UID");
        p10_finish(&p);
    }
    char long_uid[80];
    snprintf(long_uid, sizeof(long_uid), "1.2.%061d", 7); // 65 characters
    assert_int_equal(scan_with(0x00200052, "UI", long_uid), 0);
    assert_string_equal(facts.frame_of_reference_uid,
                        ""); // optional: as if it were not there
}

static void refuses_two_different_names_for_an_object(void **state)
{
    (void)state;
    assert_int_equal(scan_with(0x00080018, "UI", "1.2.3.5"), ERR_FORMAT);
    assert_string_equal(why.text, "(0008,0018) is there twice and differs");
    assert_int_equal(scan_with(0x00080018, "UI", "1.2.3.4"), 0);
}

static void needs_each_uid(void **state)
{
    (void)state;
    static const uint32_t tags[] = {0x00080016, 0x00080018, 0x0020000d, 0x0020000e};
    for (size_t missing = 0; missing < ARRAY_LEN(tags); missing++) {
        char expect[40];
        struct part10 p;
        p10_begin(&p, EXPLICIT_LE);
        for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
            if (i != missing)
                p10_text(&p, tags[i], "UI", "1.2.3");
        }
        snprintf(expect, sizeof(expect), "(%04x,%04x) is missing", tags[missing] >> 16,
                 tags[missing] & 0xffff);
        assert_int_equal(scan_memory(p.data, p.size, &SCAN_LIMITS, &facts, &why),
                         ERR_FORMAT);
        assert_string_equal(why.text, expect);
        p10_finish(&p);
    }
}

static void holds_pixels_to_their_matrix(void **state)
{
    (void)state;
    static const struct {
        unsigned rows, columns, allocated, stored, high;
        const char *frames, *photometric, *expect; // "" for well
    } cases[] = {
        {2, 3, 16, 12, 11, "1", "MONOCHROME2", ""},
        {2, 3, 16, 16, 15, "", "MONOCHROME2", ""},
        {2, 3, 8, 8, 7, "2", "MONOCHROME2", ""},
        {6, 16, 1, 1, 0, "1", "MONOCHROME2", ""},
        {3, 3, 16, 12, 11, "1", "YBR_FULL_422", ""},
        {2, 3, 16, 12, 11, "2", "MONOCHROME2", "the image needs 24"},
        {65535, 65535, 16, 12, 11, "2000000000", "MONOCHROME2", "the image needs"},
        {0, 3, 16, 12, 11, "1", "MONOCHROME2", "without Rows"},
        {2, 0, 16, 12, 11, "1", "MONOCHROME2", "without Rows"},
        {2, 3, 16, 17, 16, "1", "MONOCHROME2", "17 bits stored of 16"},
        {2, 3, 16, 0, 0, "1", "MONOCHROME2", "0 bits stored"},
        {2, 3, 16, 12, 16, "1", "MONOCHROME2", "high bit 16"},
        {2, 3, 0, 0, 0, "1", "MONOCHROME2", "bits stored of 0"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct part10 p;
        p10_begin(&p, EXPLICIT_LE);
        p10_identity(&p);
        p10_text(&p, 0x00280004, "CS", cases[i].photometric);
        p10_text(&p, 0x00280008, "IS", cases[i].frames);
        p10_us(&p, 0x00280010, cases[i].rows);
        p10_us(&p, 0x00280011, cases[i].columns);
        p10_us(&p, 0x00280100, cases[i].allocated);
        p10_us(&p, 0x00280101, cases[i].stored);
        p10_us(&p, 0x00280102, cases[i].high);
        p10_value(&p, 0x7fe00010, "OW+", "\0\0\0\0\0\0\0\0\0\0\0", 12);
        why = (struct err){0};
        const int r = scan_memory(p.data, p.size, &SCAN_LIMITS, &facts, &why);
        if (r != (cases[i].expect[0] ? ERR_FORMAT : 0)
            || !strstr(why.text, cases[i].expect))
            fail_msg("case %zu: %s \"%s\"", i, err_name(r), why.text);
        p10_finish(&p);
    }
}

static void cuts_and_cleans_text(void **state)
{
    (void)state;
    char value[600];
    memset(value, 'x', sizeof(value));
    value[sizeof(value) - 1] = '\0';
    assert_int_equal(scan_with(0x00081030, "LO", value), 0);
    assert_int_equal(strlen(facts.study_description), FACTS_TEXT - 1);
    assert_int_equal(scan_with(0x00080060, "CS", value), 0);
    assert_int_equal(strlen(facts.modality), FACTS_CODE - 1);
    assert_int_equal(scan_with(0x00080060, "CS", " C\x1b[31mT\xff "), 0);
    assert_string_equal(facts.modality, "C?[31mT?");
    assert_int_equal(scan_with(0x00081030, "LO",
                               " a\x1b[31m\nb\x9b"
                               "c "),
                     0);
    assert_null(strpbrk(facts.study_description, "\x1b\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_dates_and_times),
        cmocka_unit_test(reads_decimal_strings),
        cmocka_unit_test(reads_integers),
        cmocka_unit_test(takes_only_sane_geometry),
        cmocka_unit_test(gives_rows_first_in_spacing),
        cmocka_unit_test(refuses_odd_uids),
        cmocka_unit_test(refuses_two_different_names_for_an_object),
        cmocka_unit_test(needs_each_uid),
        cmocka_unit_test(holds_pixels_to_their_matrix),
        cmocka_unit_test(cuts_and_cleans_text),
    };
    return cmocka_run_group_tests_name("scan_facts", tests, NULL, NULL);
}
