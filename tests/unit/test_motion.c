#include "tests/unit/test.h"

#include "base/err.h"
#include "pipeline/perfusion/motion.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NX = 100, NY = 110, NZ = 8, NT = 16 };

/** A skull of 8 mm around a brain, in HU; smooth, so that it can be drawn anywhere. */
static float head_at(double x, double y, double z)
{
    const double r = sqrt(x * x / 4900 + y * y / 7200 + z * z / 9000);
    const double skull = 900.0 * exp(-pow((r - 1.0) / 0.07, 2.0));
    const double nose = 300.0 * exp(-(pow(x - 12, 2) + pow(y + 92, 2)) / 150.0);
    return (float)(r < 1.2 ? 30.0 + skull : -1000.0 + 4.0 * nose);
}

/** Add a frame of the head, shifted and turned about the slices' normal, with weight. */
static void add_head(struct cine *cine, size_t t, const double shift_mm[3],
                     double degrees, float weight)
{
    const double c = cos(degrees * M_PI / 180.0), s = sin(degrees * M_PI / 180.0);
    for (size_t i = 0; i < cine_volume(cine); i++) {
        const double x = ((double)(i % NX) - 0.5 * (NX - 1)) * 2.0 - shift_mm[0];
        const double y = ((double)(i / NX % NY) - 0.5 * (NY - 1)) * 2.0 - shift_mm[1];
        const double z = ((double)(i / NX / NY) - 0.5 * (NZ - 1)) * 5.0 - shift_mm[2];
        cine_frame(cine, i / NX / NY, t)[i % (NX * NY)] +=
            weight * head_at(c * x + s * y, -s * x + c * y, z);
    }
}

/** A vessel within the skull lights up in frame t: contrast, not motion. */
static void add_contrast(struct cine *cine, size_t t, float hu)
{
    for (size_t i = 0; i < cine_volume(cine); i++) {
        const double x = ((double)(i % NX) - 0.5 * (NX - 1)) * 2.0;
        const double y = ((double)(i / NX % NY) - 0.5 * (NY - 1)) * 2.0;
        if (hypot(x, y - 60.0) < 8.0 || hypot(x - 25.0, y) < 5.0)
            cine_frame(cine, i / NX / NY, t)[i % (NX * NY)] += hu;
    }
}

struct fixture {
    struct cine *cine;
    struct head *head;
    struct motion *motion;
    float *reference;
};

static void make_empty(struct fixture *f)
{
    struct err err = {0};
    assert_int_equal(cine_create(NX, NY, NZ, NT, &f->cine, &err), 0);
    memset(f->cine->voxels, 0, NX * NY * NZ * NT * sizeof(float));
    for (size_t i = 0; i < NZ * NT; i++)
        f->cine->time_s[i] = (double)(i % NT);
    f->cine->spacing_mm[0] = f->cine->spacing_mm[1] = 2.0;
    f->cine->spacing_mm[2] = 5.0;
    f->reference = calloc(NX * NY * NZ, sizeof(float));
    assert_non_null(f->reference);
}

static void estimate(struct fixture *f, int threads)
{
    struct err err = {0};
    cine_mean(f->cine, 0, 3, f->reference);
    assert_int_equal(head_find(f->cine, f->reference, &f->head, &err), 0);
    assert_true(f->head->brain_ml > 100.0);
    assert_int_equal(motion_estimate(f->cine, f->head, f->reference, &MOTION_CT, threads,
                                     &f->motion, &err),
                     0);
}

static void finish(struct fixture *f)
{
    cine_destroy(f->cine);
    head_destroy(f->head);
    motion_destroy(f->motion);
    free(f->reference);
}

static void contrast_is_no_motion_and_no_frame_is_left_out(void **state)
{
    (void)state;
    struct fixture f = {0};
    make_empty(&f);
    for (size_t t = 0; t < NT; t++) {
        add_head(f.cine, t, (double[3]){0, 0, 0}, 0.0, 1.0f);
        add_contrast(f.cine, t, t >= 6 && t < 11 ? 300.0f : 0.0f);
    }
    estimate(&f, 2);
    assert_int_equal(f.motion->rejected, 0);
    assert_true(f.motion->max_mm < 0.1 && f.motion->max_deg < 0.1);
    struct err err = {0};
    assert_int_equal(motion_correct(f.motion, f.cine, 0.3, 1, &err), 0);
    assert_false(f.motion->is_corrected);
    finish(&f);
}

static void a_move_that_lasts_is_followed_and_kept(void **state)
{
    (void)state;
    static const double MOVED[3] = {2.5, -1.5, 0.0};
    struct fixture f = {0};
    make_empty(&f);
    for (size_t t = 0; t < NT; t++)
        add_head(f.cine, t, t < 12 ? (double[3]){0, 0, 0} : MOVED, t < 12 ? 0.0 : 2.0,
                 1.0f);
    estimate(&f, 1);
    assert_int_equal(f.motion->rejected, 0);
    for (size_t t = 12; t < NT; t++) {
        assert_float_equal(f.motion->poses[t].t_mm[0], 2.5, 0.2);
        assert_float_equal(f.motion->poses[t].t_mm[1], -1.5, 0.2);
        assert_float_equal(f.motion->rotation_deg[t], 2.0, 0.2);
    }
    struct err err = {0};
    const float *voxel =
        cine_frame(f.cine, 4, 0) + 55 * NX + 19; // the slope of the skull
    const float still = voxel[0], moved = voxel[(size_t)13 * NX * NY];
    assert_int_equal(motion_correct(f.motion, f.cine, 0.3, 2, &err), 0);
    assert_true(f.motion->is_corrected);
    assert_true(fabsf(voxel[(size_t)13 * NX * NY] - still) < 0.3f * fabsf(moved - still));
    finish(&f);
}

static void a_frame_during_which_the_head_moved_is_made_up(void **state)
{
    (void)state;
    struct fixture f = {0};
    make_empty(&f);
    for (size_t t = 0; t < NT; t++) {
        const float weight = t == 9 ? 0.5f : 1.0f;
        add_head(f.cine, t, (double[3]){0, 0, 0}, 0.0, weight);
        if (t == 9)
            add_head(f.cine, t, (double[3]){9.0, 0, 0}, 0.0, 0.5f);
    }
    estimate(&f, 1);
    assert_int_equal(f.motion->rejected, 1);
    assert_int_equal(f.motion->is_rejected[9], 1);
    struct err err = {0};
    assert_int_equal(motion_correct(f.motion, f.cine, 0.3, 1, &err), 0);
    assert_memory_equal(cine_frame(f.cine, 3, 9), cine_frame(f.cine, 3, 8),
                        NX * NY * sizeof(float));
    finish(&f);
}

static void threads_change_nothing(void **state)
{
    (void)state;
    struct rigid_pose poses[2][NT];
    for (int run = 0; run < 2; run++) {
        struct fixture f = {0};
        make_empty(&f);
        for (size_t t = 0; t < NT; t++)
            add_head(f.cine, t, (double[3]){0.2 * (double)t, -0.1 * (double)t, 0}, 0.0,
                     1.0f);
        estimate(&f, run == 0 ? 1 : 3);
        memcpy(poses[run], f.motion->poses, sizeof(poses[run]));
        finish(&f);
    }
    assert_memory_equal(poses[0], poses[1], sizeof(poses[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contrast_is_no_motion_and_no_frame_is_left_out),
        cmocka_unit_test(a_move_that_lasts_is_followed_and_kept),
        cmocka_unit_test(a_frame_during_which_the_head_moved_is_made_up),
        cmocka_unit_test(threads_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
