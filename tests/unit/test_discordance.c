#include "tests/unit/test.h"

#include "pipeline/perfusion/discordance.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NX = 60, NY = 20, NZ = 2, NT = 40, N = NX * NY * NZ };

static float bolus(double t, double peak_s)
{
    return 20.0f * expf((float)(-(t - peak_s) * (t - peak_s) / 18.0));
}

struct scene {
    struct cine *cine;
    struct enhancement *e;
    struct time_axis axis;
    uint8_t hypo[N], normal[N], ret[N];
};

/** Normal tissue left, an island in the middle and one on the right; they peak late_s later. */
static void make(struct scene *s, const double late_s[2], const float height[2])
{
    memset(s, 0, sizeof(*s));
    assert_int_equal(cine_create(NX, NY, NZ, NT, &s->cine, NULL), 0);
    s->cine->spacing_mm[0] = s->cine->spacing_mm[1] = s->cine->spacing_mm[2] = 1.0;
    uint8_t all[N];
    memset(all, 1, sizeof(all));
    uint32_t random = 1;
    for (size_t z = 0; z < NZ; z++) {
        for (size_t t = 0; t < NT; t++) {
            s->cine->time_s[z * NT + t] = (double)t;
            for (size_t i = 0; i < NX * NY; i++) {
                const size_t at = z * NX * NY + i;
                const int part = i % NX < 20 ? 0 : i % NX < 40 ? 1 : 2;
                s->normal[at] = part == 0;
                s->hypo[at] = part > 0 && i % NX != 20 && i % NX != 40;
                random = random * 1664525u + 1013904223u;
                const float noise = (float)(random >> 8) / 16777216.0f * 10.0f - 5.0f;
                const float rise =
                    part == 0
                        ? bolus((double)t, 16.0)
                        : height[part - 1] * bolus((double)t, 16.0 + late_s[part - 1]);
                cine_frame(s->cine, z, t)[i] = 35.0f + noise + rise;
            }
        }
    }
    assert_int_equal(enhancement_measure(s->cine, all, 1, &s->e, NULL), 0);
    s->axis = time_axis_of(s->cine);
}

static size_t run(struct scene *s, double lag_s)
{
    size_t islands = 99;
    assert_int_equal(discordance_find(s->cine, s->e, &s->axis, s->hypo, s->normal, lag_s,
                                      s->ret, &islands, NULL),
                     0);
    return islands;
}

static void finish(struct scene *s)
{
    cine_destroy(s->cine);
    enhancement_destroy(s->e);
}

static void keeps_out_an_island_that_peaks_with_normal_tissue_and_no_other(void **state)
{
    (void)state;
    struct scene s;
    make(&s, (const double[]){0.3, 6.0}, (const float[]){0.5f, 0.5f});
    assert_int_equal(run(&s, 2.0), 1);
    for (size_t i = 0; i < N; i++)
        assert_int_equal(s.ret[i], s.hypo[i] && i % NX < 40);
    assert_int_equal(run(&s, 0.0), 0); // switched off
    finish(&s);
}

static void late_islands_and_a_core_without_flow_are_concordant(void **state)
{
    (void)state;
    struct scene s;
    make(&s, (const double[]){4.5, 0.0}, (const float[]){0.5f, 0.0f});
    assert_int_equal(run(&s, 2.0), 0);
    for (size_t i = 0; i < N; i++)
        assert_int_equal(s.ret[i], 0);
    memset(s.normal, 0, sizeof(s.normal)); // nothing to compare with
    assert_int_equal(run(&s, 2.0), 0);
    finish(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_out_an_island_that_peaks_with_normal_tissue_and_no_other),
        cmocka_unit_test(late_islands_and_a_core_without_flow_are_concordant),
    };
    return cmocka_run_group_tests_name("discordance", tests, NULL, NULL);
}
