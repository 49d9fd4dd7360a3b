#include "tests/unit/test.h"

#include "base/err.h"
#include "base/file.h"
#include "kernels/calibrate_range.h"
#include "kernels/calibration.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void fill(struct calibration *c)
{
    c->model = strdup("m.onnx");
    c->metric = strdup("dice");
    memset(c->digest, 'a', SHA256_HEX - 1);
    c->bound = 0.005;
    c->reached = 0.00123;
    c->samples = 12;
    c->judges = 4;
    assert_int_equal(calibration_add(c, "a \"b\" \\c", -1.5, 2.25, NULL), 0);
    assert_int_equal(calibration_add(c, "y", 0, 6, NULL), 0);
    c->values[1].method = RANGE_KL;
    assert_int_equal(calibration_keep(c, "first", NULL), 0);
    assert_int_equal(calibration_keep(c, "last", NULL), 0);
    calibration_keep_less(c);
}

/** The text of a file that was written. */
static char *written(size_t *ret_size)
{
    char path[] = "/tmp/hilum-calibration-XXXXXX", *text = NULL;
    auto_(calibration) struct calibration *c = NULL;
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(calibration_create(&c, NULL), 0);
    fill(c);
    assert_int_equal(calibration_write(c, path, NULL), 0);
    assert_int_equal(file_read(path, 1 << 20, &text, ret_size, NULL), 0);
    unlink(path);
    return text;
}

static void a_written_calibration_reads_the_same(void **state)
{
    (void)state;
    size_t size;
    char *text = written(&size);
    auto_(calibration) struct calibration *c = NULL;
    assert_int_equal(calibration_parse(text, size, "x", &c, NULL), 0);
    assert_string_equal(c->model, "m.onnx");
    assert_string_equal(c->metric, "dice");
    assert_int_equal(c->samples, 12);
    assert_int_equal(c->judges, 4);
    assert_int_equal(c->value_count, 2);
    const struct calibrated_value *v = calibration_find(c, "a \"b\" \\c");
    assert_non_null(v);
    assert_true(v->lo == -1.5 && v->hi == 2.25);
    assert_int_equal(calibration_find(c, "y")->method, RANGE_KL);
    assert_true(calibration_keeps(c, "first"));
    assert_false(calibration_keeps(c, "last"));
    assert_null(calibration_find(c, "z"));
    free(text);
}

static void any_changed_byte_is_refused(void **state)
{
    (void)state;
    size_t size;
    char *text = written(&size);
    for (size_t i = 0; i < size; i++) {
        auto_(calibration) struct calibration *c = NULL;
        struct err err = {0};
        text[i] ^= 1;
        assert_int_equal(calibration_parse(text, size, "x", &c, &err), ERR_FORMAT);
        text[i] ^= 1;
    }
    auto_(calibration) struct calibration *c = NULL;
    assert_int_equal(calibration_parse(text, size - 1, "x", &c, NULL), ERR_FORMAT);
    assert_int_equal(calibration_parse("", 0, "x", &c, NULL), ERR_FORMAT);
    free(text);
}

/** Numbers that nearly all lie in -1 .. 1, few of them at 8. */
static void count_outliers(struct range_counts *c)
{
    *c = (struct range_counts){.lo = -1, .hi = 8};
    for (int i = 0; i < 40000; i++) {
        const float x = (float)i / 20000 - 1;
        range_count(c, &x, 1);
    }
    const float far = 8;
    range_count(c, &far, 1);
}

static void methods_choose_ranges(void **state)
{
    (void)state;
    static struct range_counts c;
    double lo, hi;
    count_outliers(&c);
    range_choose(&c, RANGE_MINMAX, &lo, &hi);
    assert_true(lo <= -1 && lo >= -1 && hi >= 8 && hi <= 8);
    range_choose(&c, RANGE_PERCENTILE, &lo, &hi); // the one at 8 is the outermost
    assert_true(fabs(hi - 1) < 0.02);
    assert_true(fabs(lo + 1) < 0.02);
    static const enum range_method PARTS[] = {RANGE_KL, RANGE_MSE};
    for (size_t i = 0; i < ARRAY_LEN(PARTS); i++) { // both ends by one part
        range_choose(&c, PARTS[i], &lo, &hi);
        assert_true(fabs(hi + 8 * lo) < 1e-9);
        assert_true(lo >= -1 && lo <= -0.25);
    }
}

static void ranges_hold_zero(void **state)
{
    (void)state;
    static struct range_counts c;
    static const struct {
        double lo, hi;
    } cases[] = {{2, 3}, {-3, -2}, {0, 0}, {5, 5}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        c = (struct range_counts){.lo = cases[i].lo, .hi = cases[i].hi};
        const float x = (float)cases[i].lo;
        range_count(&c, &x, 1);
        for (enum range_method m = RANGE_MINMAX; m < RANGE_METHODS; m++) {
            double lo, hi;
            range_choose(&c, m, &lo, &hi);
            assert_true(lo <= 0 && hi >= 0 && lo <= hi);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_written_calibration_reads_the_same),
        cmocka_unit_test(any_changed_byte_is_refused),
        cmocka_unit_test(methods_choose_ranges),
        cmocka_unit_test(ranges_hold_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
