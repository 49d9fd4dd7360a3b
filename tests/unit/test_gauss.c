#include "tests/unit/test.h"

#include "kernels/gauss.h"

#include <math.h>

enum { NX = 23, NY = 17, STRIDE = 31 };

static float value_at(int x, int y)
{
    return (float)((x * 7 + y * 13) % 11) - 3.0f;
}

/** The double sum, zero outside the plane. */
static double plain(const struct gauss *g, int x, int y, float (*value)(int, int))
{
    double sum = 0.0;
    for (int v = -g->radius[1]; v <= g->radius[1]; v++) {
        for (int u = -g->radius[0]; u <= g->radius[0]; u++) {
            if (x + u < 0 || x + u >= NX || y + v < 0 || y + v >= NY)
                continue;
            sum += (double)g->taps[0][u + g->radius[0]]
                   * (double)g->taps[1][v + g->radius[1]] * (double)value(x + u, y + v);
        }
    }
    return sum;
}

static void blurs_like_the_double_sum_at_any_stride(void **state)
{
    (void)state;
    struct gauss g;
    gauss_init(&g, 1.4, 0.8);
    float plane[NY * STRIDE] = {0}, scratch[2000];
    assert_true(gauss_scratch(&g, NX, NY) <= 2000);
    for (int y = 0; y < NY; y++) {
        for (int x = 0; x < NX; x++)
            plane[y * STRIDE + x] = value_at(x, y);
    }
    gauss_blur(&g, plane, NX, NY, STRIDE, scratch, plane);
    for (int y = 0; y < NY; y++) {
        for (int x = 0; x < NX; x++)
            assert_float_equal(plane[y * STRIDE + x], plain(&g, x, y, value_at), 1e-5);
    }
}

static void does_not_let_the_outside_of_the_mask_leak_in(void **state)
{
    (void)state;
    struct gauss g;
    gauss_init(&g, 2.0, 2.0);
    float mask[NX * NY], values[NX * NY], weights[NX * NY], scratch[2000];
    for (int i = 0; i < NX * NY; i++) {
        mask[i] = (i % NX + i / NX) % 3 != 0;
        values[i] = 42.0f * mask[i];
    }
    gauss_weights(&g, mask, NX, NY, scratch, weights);
    gauss_masked(&g, weights, values, NX, NY, NX, scratch, values);
    for (int i = 0; i < NX * NY; i++)
        assert_float_equal(values[i], 42.0f * mask[i], 1e-3);
}

static void a_width_of_zero_changes_nothing(void **state)
{
    (void)state;
    struct gauss g;
    gauss_init(&g, 0.0, 0.0);
    float row[5] = {1, -2, 3, 0, 9}, scratch[64];
    gauss_blur(&g, row, 5, 1, 5, scratch, row);
    assert_float_equal(row[1], -2.0f, 0.0);
    assert_float_equal(row[4], 9.0f, 0.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blurs_like_the_double_sum_at_any_stride),
        cmocka_unit_test(does_not_let_the_outside_of_the_mask_leak_in),
        cmocka_unit_test(a_width_of_zero_changes_nothing),
    };
    return cmocka_run_group_tests_name("gauss", tests, NULL, NULL);
}
