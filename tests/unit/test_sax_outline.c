#include "tests/unit/test.h"

#include "pipeline/cardiac_cine/sax_outline.h"

#include <math.h>
#include <string.h>

static struct sax_outline circle(double x_mm, double y_mm, double r_mm)
{
    struct sax_outline o = {.is_there = true, .x_mm = x_mm, .y_mm = y_mm};
    for (size_t i = 0; i < SAX_ANGLES; i++)
        o.r_mm[i] = (float)r_mm;
    return o;
}

static void a_circle_has_its_area_and_fills_it(void **state)
{
    (void)state;
    static const struct sax_plane PLANES[] = {
        {100, 100, {1.0, 1.0}}, {200, 80, {0.5, 1.25}}, {61, 70, {1.7, 1.5}}};
    const struct sax_outline o = circle(48.3, 50.9, 20.0);
    assert_true(fabs(sax_outline_area_mm2(&o) / (M_PI * 400.0) - 1.0) < 1e-3);
    for (size_t i = 0; i < ARRAY_LEN(PLANES); i++) {
        uint8_t mask[200 * 80];
        memset(mask, 0, sizeof(mask));
        const size_t n = sax_outline_fill(&o, &PLANES[i], 3, mask);
        const double mm2 = (double)n * PLANES[i].spacing_mm[0] * PLANES[i].spacing_mm[1];
        assert_true(fabs(mm2 / (M_PI * 400.0) - 1.0) < 0.015);
        size_t threes = 0;
        for (size_t k = 0; k < PLANES[i].nx * PLANES[i].ny; k++)
            threes += mask[k] == 3;
        assert_int_equal(threes, n);
    }
}

static void what_is_not_there_fills_nothing(void **state)
{
    (void)state;
    const struct sax_plane plane = {10, 10, {1, 1}};
    struct sax_outline o = circle(5, 5, 3);
    o.is_there = false;
    uint8_t mask[100] = {0};
    assert_int_equal(sax_outline_fill(&o, &plane, 1, mask), 0);
    assert_true(sax_outline_area_mm2(&o) == 0.0);
}

static void a_moved_middle_leaves_the_line_where_it_is(void **state)
{
    (void)state;
    struct sax_outline o = circle(50, 40, 20);
    sax_outline_move(&o, 56, 33);
    assert_true(fabs(sax_outline_area_mm2(&o) / (M_PI * 400.0) - 1.0) < 2e-3);
    for (size_t i = 0; i < SAX_ANGLES; i++) {
        double ray[2];
        sax_outline_ray(i, ray);
        const double x = 56 + (double)o.r_mm[i] * ray[0],
                     y = 33 + (double)o.r_mm[i] * ray[1];
        assert_true(fabs(hypot(x - 50, y - 40) - 20) < 0.05);
    }
    double centre[2];
    sax_outline_centre(&o, centre);
    assert_true(hypot(centre[0] - 50, centre[1] - 40) < 0.05);
    const struct sax_outline before = o;
    sax_outline_move(&o, 90, 90); // not within: left as it is
    assert_memory_equal(&o, &before, sizeof(o));
}

static void traces_a_soft_disc_where_it_is_half(void **state)
{
    (void)state;
    enum { N = 64 };
    const struct sax_plane plane = {N, N, {1.4, 1.4}};
    static float level[N * N];
    static uint8_t mask[N * N];
    for (size_t i = 0; i < N * N; i++) {
        const double d =
            hypot((double)(i % N) * 1.4 - 45.0, (double)(i / N) * 1.4 - 41.0);
        level[i] = (float)fmin(fmax(0.5 + (18.0 - d) / 2.8, 0.0), 1.0);
        mask[i] = level[i] >= 0.5f;
    }
    level[30 * N + 33] = 0.0f; // a papillary muscle
    mask[30 * N + 33] = 0;
    const struct sax_outline o = sax_outline_trace(level, mask, &plane);
    assert_true(o.is_there);
    for (size_t i = 0; i < SAX_ANGLES; i++) {
        double ray[2];
        sax_outline_ray(i, ray);
        const double x = o.x_mm + (double)o.r_mm[i] * ray[0] - 45.0;
        const double y = o.y_mm + (double)o.r_mm[i] * ray[1] - 41.0;
        assert_true(fabs(hypot(x, y) - 18.0) < 0.15);
    }
    memset(mask, 0, sizeof(mask));
    assert_false(sax_outline_trace(level, mask, &plane).is_there);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_circle_has_its_area_and_fills_it),
        cmocka_unit_test(what_is_not_there_fills_nothing),
        cmocka_unit_test(a_moved_middle_leaves_the_line_where_it_is),
        cmocka_unit_test(traces_a_soft_disc_where_it_is_half),
    };
    return cmocka_run_group_tests_name("sax_outline", tests, NULL, NULL);
}
