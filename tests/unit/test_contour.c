#include "tests/unit/test.h"

#include "pipeline/lib/contour.h"

#include <math.h>

/* Twice the area on the polygon's right hand (y down): negative for holes. */
static double area(const struct contour *c, size_t i)
{
    size_t from = i ? c->ends.items[i - 1] : 0;
    size_t n = c->ends.items[i] - from;
    double sum = 0;
    for (size_t k = 0; k < n; k++) {
        struct contour_point a = c->points.items[from + k];
        struct contour_point b = c->points.items[from + (k + 1) % n];
        sum += (double)a.x * (double)b.y - (double)b.x * (double)a.y;
    }
    return sum / 2;
}

static void outlines_masks_and_their_holes(void **state)
{
    (void)state;
    static const struct {
        const char *mask; // 5 x 5
        size_t count;
        double area[3];
    } cases[] = {
        {"....."
         "....."
         "....."
         "....."
         ".....",
         0,
         {0}},
        {"....."
         "....."
         "..#.."
         "....."
         ".....",
         1,
         {0.5}}, // a diamond
        {"#####"
         "#####"
         "#####"
         "#####"
         "#####",
         1,
         {24.5}}, // corners cut off
        {"....."
         ".###."
         ".#.#."
         ".###."
         ".....",
         2,
         {8.5, -0.5}}, // ring and hole
        {"....."
         ".#..."
         "..#.."
         "....."
         ".....",
         2,
         {0.5, 0.5}}, // touch by a corner
        {"#...."
         "....."
         "....."
         "....."
         "....#",
         2,
         {0.5, 0.5}}, // at the edge
        {"..#.."
         ".###."
         "#####"
         ".###."
         "..#..",
         1,
         {12.5 - 0.5 + 0.5}}, // a rhombus
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint8_t mask[25];
        for (size_t v = 0; v < 25; v++)
            mask[v] = cases[i].mask[v] == '#';
        struct contour contour = {0};
        assert_int_equal(contour_trace(mask, 5, 5, &contour, NULL), 0);
        assert_int_equal(contour.ends.count, cases[i].count);
        for (size_t k = 0; k < cases[i].count; k++)
            assert_float_equal(area(&contour, k), cases[i].area[k], 1e-6);
        contour_finish(&contour);
    }
}

static void closes_every_outline(void **state)
{
    (void)state;
    uint8_t mask[40 * 30];
    uint32_t seed = 1;
    for (size_t i = 0; i < sizeof(mask); i++) {
        seed = seed * 1664525u + 1013904223u;
        mask[i] = seed >> 31;
    }
    struct contour contour = {0};
    assert_int_equal(contour_trace(mask, 40, 30, &contour, NULL), 0);
    size_t from = 0;
    for (size_t i = 0; i < contour.ends.count; i++) {
        size_t n = contour.ends.items[i] - from;
        assert_true(n >= 4);
        for (size_t k = 0; k < n; k++) {
            struct contour_point a = contour.points.items[from + k];
            struct contour_point b = contour.points.items[from + (k + 1) % n];
            assert_true(hypotf(a.x - b.x, a.y - b.y) <= 1.0f);
        }
        from += n;
    }
    assert_int_equal(from, contour.points.count);
    contour_finish(&contour);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outlines_masks_and_their_holes),
        cmocka_unit_test(closes_every_outline),
    };
    return cmocka_run_group_tests_name("contour", tests, NULL, NULL);
}
