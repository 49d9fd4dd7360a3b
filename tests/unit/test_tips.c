#include "tests/unit/test.h"

#include "kernels/tips.h"

#include <math.h>

enum { NX = 19, NY = 13, NT = 7 };

static const struct tips_shape SHAPE = {NX, NY, NT};
static float src[NY * NT * NX], guide[NY * NT * NX], dst[NY * NT * NX], mask[NY * NX];

static size_t at(int x, int y, int t)
{
    return (size_t)((y * NT + t) * NX + x);
}

static void fill(void)
{
    for (int y = 0; y < NY; y++) {
        for (int x = 0; x < NX; x++) {
            mask[y * NX + x] = (x * 5 + y * 3) % 7 != 0;
            for (int t = 0; t < NT; t++) {
                src[at(x, y, t)] =
                    mask[y * NX + x] * (float)((x * 11 + y * 5 + t * 3) % 17);
                guide[at(x, y, t)] = mask[y * NX + x] * (float)((x + 2 * y + t) % 5);
            }
        }
    }
}

static double ssd(int x, int y, int u, int v)
{
    double sum = 0.0;
    for (int t = 0; t < NT; t++) {
        const double d = (double)guide[at(x, y, t)] - (double)guide[at(u, v, t)];
        sum += d * d;
    }
    return sum;
}

/** The formula of the header. */
static double plain(const struct tips_params *p, int x, int y, int t)
{
    double sum = 0.0, weights = 0.0;
    for (int v = 0; v < NY; v++) {
        for (int u = 0; u < NX; u++) {
            const double rx = (u - x) / p->radius_px[0], ry = (v - y) / p->radius_px[1];
            if (rx * rx + ry * ry > 1.0 || mask[v * NX + u] == 0.0f)
                continue;
            const double gx = (u - x) / p->sigma_px[0], gy = (v - y) / p->sigma_px[1];
            const double w =
                exp(-0.5 * (gx * gx + gy * gy)) * exp(-0.5 * ssd(x, y, u, v) / p->h2);
            sum += w * (double)src[at(u, v, t)];
            weights += w;
        }
    }
    return mask[y * NX + x] > 0.0f ? sum / weights : 0.0;
}

static void filters_like_the_formula(void **state)
{
    (void)state;
    static float scratch[NX * NY + NX];
    static const struct tips_params cases[] = {
        {.radius_px = {4.4, 4.4}, .sigma_px = {3, 3}, .h2 = 6.0, .guide_nt = NT},
        {.radius_px = {2.0, 5.0}, .sigma_px = {1, 2}, .h2 = 0.5, .guide_nt = NT},
        {.radius_px = {1.0, 1.0}, .sigma_px = {9, 9}, .h2 = 1e9, .guide_nt = NT},
    };
    fill();
    assert_true(tips_scratch(&SHAPE) <= sizeof(scratch) / sizeof(*scratch));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        tips_filter(&SHAPE, &cases[i], src, guide, mask, scratch, dst);
        for (int y = 0; y < NY; y++) {
            for (int x = 0; x < NX; x++)
                assert_float_equal(dst[at(x, y, 3)], plain(&cases[i], x, y, 3), 2e-3);
        }
    }
}

static void finds_the_median_difference_of_neighbours(void **state)
{
    (void)state;
    static float work[NX * NY];
    for (int i = 0; i < NX * NY; i++)
        mask[i] = 1.0f;
    for (int y = 0; y < NY; y++) {
        for (int x = 0; x < NX; x++) {
            for (int t = 0; t < NT; t++)
                guide[at(x, y, t)] = 2.0f * (float)x; // 2 apart, NT frames
        }
    }
    assert_float_equal(tips_median_ssd(&SHAPE, NT, guide, mask, work), 4.0 * NT, 1e-4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filters_like_the_formula),
        cmocka_unit_test(finds_the_median_difference_of_neighbours),
    };
    return cmocka_run_group_tests_name("tips", tests, NULL, NULL);
}
