#include "tests/unit/test.h"

#include "pipeline/perfusion/lesion.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NX = 60, NY = 60, NZ = 4, N = NX * NY * NZ }; // 0.005 ml a voxel

static const struct lesion_options OPTIONS = {.hypo_tmax_s = 6.0,
                                              .core_rcbf_percent = 30.0,
                                              .normal_tmax_s = 4.0,
                                              .hypo_min_ml = 3.0,
                                              .core_min_ml = 1.0};

static float cbf[N], cbv[N], mtt[N], tmax[N];
static uint8_t parenchyma[N];
static struct maps maps = {.cbf = cbf, .cbv = cbv, .mtt = mtt, .tmax = tmax};

/** Normal brain: flow 50, volume 4, Tmax 2. */
static void draw_normal(void)
{
    for (int i = 0; i < N; i++) {
        cbf[i] = 50.0f;
        cbv[i] = 4.0f;
        tmax[i] = 2.0f;
        parenchyma[i] = 1;
    }
}

/** A block in all slices, x and y from..to-1. */
static void draw(int from, int to, float flow, float volume, float tmax_s)
{
    for (int i = 0; i < N; i++) {
        const int x = i % NX, y = i / NX % NY;
        if (x < from || x >= to || y < from || y >= to)
            continue;
        cbf[i] = flow;
        cbv[i] = volume;
        tmax[i] = tmax_s;
    }
}

static struct lesion *find(void)
{
    const struct cine cine = {
        .nx = NX, .ny = NY, .nz = NZ, .nt = 1, .spacing_mm = {1, 1, 5}};
    struct lesion *lesion = NULL;
    assert_int_equal(lesion_find(&cine, &maps, parenchyma, &OPTIONS, &lesion, NULL), 0);
    return lesion;
}

static size_t count(const uint8_t *mask, int least)
{
    size_t n = 0;
    for (int i = 0; i < N; i++)
        n += mask[i] >= least;
    return n;
}

static void tells_core_from_penumbra(void **state)
{
    (void)state;
    draw_normal();
    draw(10, 40, 30.0f, 3.0f, 8.5f);  // 18 ml of penumbra
    draw(20, 30, 10.0f, 1.0f, 11.0f); // with 2 ml of core: 20 % of normal
    auto_(lesion) struct lesion *l = find();
    // A median of 3 x 3 rounds the four corners of a block.
    assert_int_equal(count(l->hypo, 1), 4 * (30 * 30 - 4));
    assert_int_equal(count(l->core, 1), 4 * (10 * 10 - 4));
    assert_true(fabs(l->normal_cbf - 50.0) < 0.1);
    assert_true(l->hypo_cbv < 3.0 && l->hypo_cbv > 2.5);
    for (int i = 0; i < N; i++)
        assert_true(l->core[i] <= l->hypo[i]);
}

static void levels_are_nested_and_agree_with_the_masks(void **state)
{
    (void)state;
    draw_normal();
    draw(10, 40, 18.0f, 3.0f, 8.5f); // 36 %: below 38 alone
    draw(20, 32, 9.0f, 1.0f, 11.0f); // 18 %
    auto_(lesion) struct lesion *l = find();
    assert_int_equal(count(l->tmax_passed, 2), count(l->hypo, 1));
    assert_int_equal(count(l->tmax_passed, 3), count(l->hypo, 1)); // 8.5 s is beyond 8
    assert_int_equal(count(l->rcbf_passed, 3), count(l->core, 1));
    assert_true(count(l->tmax_passed, 4) < count(l->tmax_passed, 3));
    assert_int_equal(count(l->rcbf_passed, 1), count(l->hypo, 1));
    assert_int_equal(count(l->rcbf_passed, 2), count(l->rcbf_passed, 4));
}

static void a_healthy_brain_and_small_islands_give_nothing(void **state)
{
    (void)state;
    draw_normal();
    draw(10, 20, 10.0f, 1.0f, 9.0f); // 2 ml
    tmax[5 * NX + 50] = 15.0f;       // noise
    auto_(lesion) struct lesion *l = find();
    assert_int_equal(count(l->hypo, 1), 0);
    assert_int_equal(count(l->core, 1), 0);
    assert_true(isnan(l->hypo_cbv));
}

static void low_flow_without_delay_is_no_core(void **state)
{
    (void)state;
    draw_normal();
    draw(10, 40, 5.0f, 1.0f, 3.0f); // an old scar
    auto_(lesion) struct lesion *l = find();
    assert_int_equal(count(l->core, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_core_from_penumbra),
        cmocka_unit_test(levels_are_nested_and_agree_with_the_masks),
        cmocka_unit_test(a_healthy_brain_and_small_islands_give_nothing),
        cmocka_unit_test(low_flow_without_delay_is_no_core),
    };
    return cmocka_run_group_tests_name("lesion", tests, NULL, NULL);
}
