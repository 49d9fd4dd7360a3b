#include "tests/unit/test.h"

#include "kernels/rigid.h"

#include <math.h>
#include <string.h>

enum { NX = 80, NY = 90, NZ = 12 };

static const struct rigid_shape SHAPE = {NX, NY, NZ, {2.0, 2.0, 5.0}};
static const struct rigid_options OPTIONS = {
    .lo = -200, .hi = 400, .gradient_min = 15, .steps_max = 20, .stop_mm = 0.005};

/** A smooth shell with a hole and a cone, so that every direction shows. */
static float head_at(double x, double y, double z)
{
    const double r = sqrt(x * x / 3600 + y * y / 5000 + z * z / 6000);
    const double shell = 900.0 * exp(-pow((r - 0.95) / 0.09, 2.0));
    const double blob =
        300.0 * exp(-(pow(x - 20, 2) + pow(y + 15, 2) + pow(z - 5, 2)) / 150);
    return (float)(r < 1.25 ? 40.0 + shell + blob - 300.0 * exp(-pow((r - 1.2) / 0.05, 2))
                            : -300.0);
}

static struct rigid_pose make_pose(double degrees, double tilt, double x, double y,
                                   double z)
{
    const double a = degrees * M_PI / 180.0, b = tilt * M_PI / 180.0;
    return (struct rigid_pose){
        .r = {{cos(a), -sin(a), 0},
              {cos(b) * sin(a), cos(b) * cos(a), -sin(b)},
              {sin(b) * sin(a), sin(b) * cos(a), cos(b)}},
        .t_mm = {x, y, z},
    };
}

/** The volume in which the tissue of p lies at pose(p): value(q) = head(R^-1 (q - t)). */
static void draw(const struct rigid_pose *pose, float *ret)
{
    for (int i = 0; i < NX * NY * NZ; i++) {
        const double q[3] = {(i % NX - 0.5 * (NX - 1)) * 2.0 - pose->t_mm[0],
                             (i / NX % NY - 0.5 * (NY - 1)) * 2.0 - pose->t_mm[1],
                             (i / NX / NY - 0.5 * (NZ - 1)) * 5.0 - pose->t_mm[2]};
        double p[3];
        for (int a = 0; a < 3; a++)
            p[a] = pose->r[0][a] * q[0] + pose->r[1][a] * q[1] + pose->r[2][a] * q[2];
        ret[i] = head_at(p[0], p[1], p[2]);
    }
}

static void finds_shift_and_turn_of_a_head(void **state)
{
    (void)state;
    static float reference[NX * NY * NZ], moved[NX * NY * NZ];
    static uint8_t mask[NX * NY * NZ];
    static const double cases[][5] = {
        {0, 0, 0, 0, 0}, {2, 0, 1.5, -2.5, 0}, {-3, 0, 3, 3, 1.5}, {1, 1.5, -2, 1, -1}};
    memset(mask, 1, sizeof(mask));
    draw(&RIGID_STILL, reference);
    auto_(rigid) struct rigid *rigid = NULL;
    assert_int_equal(rigid_create(&SHAPE, reference, mask, &OPTIONS, &rigid, NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const double *c = cases[i];
        const struct rigid_pose true_pose = make_pose(c[0], c[1], c[2], c[3], c[4]);
        struct rigid_pose pose = RIGID_STILL;
        draw(&true_pose, moved);
        rigid_align(rigid, moved, &pose);
        for (int a = 0; a < 3; a++)
            assert_float_equal(pose.t_mm[a], true_pose.t_mm[a], a < 2 ? 0.1 : 0.4);
        const double far = c[1] == 0.0 ? 0.15 : 0.6; // a tilt shows across 5 mm slices
        assert_float_equal(rigid_turn_deg(&pose), rigid_turn_deg(&true_pose), far);
    }
}

static void brings_a_plane_back(void **state)
{
    (void)state;
    static float reference[NX * NY * NZ], moved[NX * NY * NZ], scratch[NX * NY];
    const struct rigid_pose pose = make_pose(2.5, 0, 3.3, -1.7, 0);
    draw(&RIGID_STILL, reference);
    draw(&pose, moved);
    float *plane = moved + 6 * NX * NY, *expect = reference + 6 * NX * NY;
    rigid_resample_plane(&SHAPE, &pose, plane, scratch, plane);
    for (int y = 15; y < NY - 15; y++) {
        for (int x = 15; x < NX - 15; x++) {
            // Bright edges are undersampled; elsewhere cubic interpolation is good to 1 %.
            assert_float_equal(plane[y * NX + x], expect[y * NX + x], 25.0);
        }
    }
}

static void leaves_a_plane_alone_that_did_not_move(void **state)
{
    (void)state;
    static float plane[NX * NY], before[NX * NY], scratch[NX * NY];
    for (int i = 0; i < NX * NY; i++)
        before[i] = plane[i] = (float)(i * 7919 % 251);
    rigid_resample_plane(&SHAPE, &RIGID_STILL, plane, scratch, plane);
    assert_memory_equal(plane, before, sizeof(plane));
}

static void brings_a_volume_back_across_slices(void **state)
{
    (void)state;
    static float ramp[NX * NY * NZ], back[NX * NY * NZ];
    const struct rigid_pose pose = make_pose(0, 0, 0, 0, 2.0);
    for (int i = 0; i < NX * NY * NZ; i++)
        ramp[i] = 5.0f * (float)(i / NX / NY); // value is z in mm
    rigid_resample_across(&SHAPE, &pose, ramp, back);
    assert_float_equal(back[3 * NX * NY + 17], 17.0f, 1e-4);
    assert_float_equal(back[11 * NX * NY], 55.0f,
                       1e-4); // beyond the last slice: repeated
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_shift_and_turn_of_a_head),
        cmocka_unit_test(brings_a_plane_back),
        cmocka_unit_test(leaves_a_plane_alone_that_did_not_move),
        cmocka_unit_test(brings_a_volume_back_across_slices),
    };
    return cmocka_run_group_tests_name("rigid", tests, NULL, NULL);
}
