#include "tests/unit/sax_heart.h"
#include "tests/unit/test.h"

#include "base/err.h"

#include <string.h>

enum { SIZE = 96 };

static float answer_of[(size_t)HEART_NZ * HEART_NT * SIZE * SIZE];
static const struct sax_clean_options OPTIONS = {40.0, 0.0, 40.0};

static float *crop_at(size_t z, size_t t)
{
    return answer_of + (z * HEART_NT + t) * SIZE * SIZE;
}

static void paint_disc(size_t z, size_t t, double x_mm, double y_mm, double r_mm,
                       float value)
{
    for (size_t i = 0; i < (size_t)SIZE * SIZE; i++) {
        const double d =
            hypot((double)(i % SIZE) * 1.33 - x_mm, (double)(i / SIZE) * 1.33 - y_mm);
        const double p = fmin(fmax(0.5 + (r_mm - d) / 2.66, 0.0), 1.0);
        if (p > 0.0)
            crop_at(z, t)[i] = (float)p * value;
    }
}

/** Discs as a network would answer: the middle at 64 mm, no atrium. */
static struct sax_answer paint(void)
{
    memset(answer_of, 0, sizeof(answer_of));
    for (size_t z = 0; z < HEART_NZ; z++) {
        for (size_t t = 0; t < HEART_NT; t++) {
            if (!heart_is_atrium(z) && heart_radius_mm(z, t) > 0.0)
                paint_disc(z, t, 64.0, 64.0, heart_radius_mm(z, t), 1.0f);
        }
    }
    return (struct sax_answer){SIZE, 1.33, {10.0, 20.0}, HEART_NZ, HEART_NT, answer_of};
}

static void assert_is_disc(const struct sax_outlines *o, size_t z, size_t t)
{
    const struct sax_outline *outline = sax_outlines_at(o, z, t);
    assert_true(outline->is_there);
    assert_true(hypot(outline->x_mm - 74.0, outline->y_mm - 84.0) < 0.5);
    const double r = sqrt(sax_outline_area_mm2(outline) / M_PI);
    assert_true(fabs(r - heart_radius_mm(z, t)) < 0.35);
}

static void outlines_lie_where_the_network_says(void **state)
{
    (void)state;
    const struct sax_answer answer = paint();
    auto_(sax_outlines) struct sax_outlines *o = NULL;
    assert_int_equal(sax_clean(&answer, &OPTIONS, 2, &o, NULL), 0);
    for (size_t z = 1; z < 7; z++) {
        for (size_t t = 0; t < HEART_NT; t++)
            assert_is_disc(o, z, t);
    }
    for (size_t t = 0; t < HEART_NT; t++) {
        assert_false(sax_outlines_at(o, 0, t)->is_there);
        assert_false(sax_outlines_at(o, 7, t)->is_there);
    }
    assert_int_equal(o->made_up, 0);
}

static void other_parts_holes_and_single_failures_change_nothing(void **state)
{
    (void)state;
    const struct sax_answer answer = paint();
    for (size_t t = 0; t < HEART_NT; t++)
        paint_disc(3, t, 112.0, 110.0, 10.0, 1.0f); // a stomach
    for (size_t i = 0; i < 12; i++)
        crop_at(2, 4)[48 * SIZE + 44 + i] = 0.1f;          // a papillary muscle
    memset(crop_at(4, 6), 0, SIZE * SIZE * sizeof(float)); // not seen once
    paint_disc(5, 11, 64.0, 64.0, 30.0, 1.0f);             // and once much too large
    auto_(sax_outlines) struct sax_outlines *o = NULL;
    assert_int_equal(sax_clean(&answer, &OPTIONS, 1, &o, NULL), 0);
    for (size_t z = 1; z < 7; z++) {
        for (size_t t = 0; t < HEART_NT; t++)
            assert_is_disc(o, z, t);
    }
    assert_int_equal(o->made_up, 2);
}

static void nothing_is_told_as_nothing(void **state)
{
    (void)state;
    const struct sax_answer answer = paint();
    memset(answer_of, 0, sizeof(answer_of));
    struct err why = {0};
    struct sax_outlines *o = NULL;
    assert_int_equal(sax_clean(&answer, &OPTIONS, 1, &o, &why), ERR_NOTFOUND);
    assert_null(o);
    assert_non_null(strstr(why.text, "no left ventricle"));
}

static void threads_change_no_bit(void **state)
{
    (void)state;
    const struct sax_answer answer = paint();
    auto_(sax_outlines) struct sax_outlines *a = NULL;
    auto_(sax_outlines) struct sax_outlines *b = NULL;
    assert_int_equal(sax_clean(&answer, &OPTIONS, 1, &a, NULL), 0);
    assert_int_equal(sax_clean(&answer, &OPTIONS, 3, &b, NULL), 0);
    for (size_t i = 0; i < (size_t)HEART_NZ * HEART_NT; i++)
        assert_memory_equal(a->items[i].r_mm, b->items[i].r_mm, sizeof(a->items[i].r_mm));
}

static void smoothing_keeps_a_parabola_and_a_short_cycle(void **state)
{
    (void)state;
    float values[24], work[24];
    bool there[24];
    for (int t = 0; t < 24; t++) {
        values[t] = (float)((t - 12) * (t - 12));
        there[t] = true;
    }
    sax_clean_smooth(values, there, 24, work);
    for (int t = 2; t < 22; t++)
        assert_true(fabs((double)values[t] - (t - 12) * (t - 12)) < 1e-3);
    float few[8] = {1, 9, 1, 9, 1, 9, 1, 9};
    sax_clean_smooth(few, there, 8, work);
    assert_true(few[0] == 1.0f && few[1] == 9.0f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outlines_lie_where_the_network_says),
        cmocka_unit_test(other_parts_holes_and_single_failures_change_nothing),
        cmocka_unit_test(nothing_is_told_as_nothing),
        cmocka_unit_test(threads_change_no_bit),
        cmocka_unit_test(smoothing_keeps_a_parabola_and_a_short_cycle),
    };
    return cmocka_run_group_tests_name("sax_clean", tests, NULL, NULL);
}
