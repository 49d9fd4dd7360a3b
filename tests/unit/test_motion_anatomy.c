#include "tests/unit/test.h"

#include "pipeline/perfusion/motion_anatomy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NX = 20, NY = 8, NZ = 6, NT = 6, MOVED = 4 };

/** Sulci: no slice is like the next. */
static float anatomy(size_t x, size_t y, size_t z)
{
    return 25.0f + 15.0f * sinf(0.9f * (float)x + 2.1f * (float)z + 0.4f * (float)y);
}

/** Anatomy shift slices below z, between slices linear; the end slice repeats beyond. */
static float between(size_t x, size_t y, double z)
{
    z = z < 0.0 ? 0.0 : z > NZ - 1 ? NZ - 1 : z;
    const size_t lo = z < NZ - 1 ? (size_t)z : NZ - 2;
    const float f = (float)(z - (double)lo);
    return (1.0f - f) * anatomy(x, y, lo) + f * anatomy(x, y, lo + 1);
}

struct scene {
    struct cine *cine;
    struct motion motion;
    struct rigid_pose poses[NT];
    uint8_t is_rejected[NT], is_across[NT];
};

/** Frame MOVED shows tissue by shift slices displaced, with contrast; the others are at rest. */
static void make(struct scene *s, double shift, bool is_across)
{
    memset(s, 0, sizeof(*s));
    assert_int_equal(cine_create(NX, NY, NZ, NT, &s->cine, NULL), 0);
    s->cine->spacing_mm[0] = s->cine->spacing_mm[1] = 1.0;
    s->cine->spacing_mm[2] = 5.0;
    for (size_t t = 0; t < NT; t++)
        s->poses[t] = RIGID_STILL;
    s->poses[MOVED].t_mm[2] = 5.0 * shift;
    s->is_across[MOVED] = is_across;
    s->motion = (struct motion){.nt = NT,
                                .poses = s->poses,
                                .is_rejected = s->is_rejected,
                                .is_across = s->is_across,
                                .is_corrected = true};
    for (size_t i = 0; i < NX * NY * NZ * NT; i++) {
        const size_t x = i % NX, y = i / NX % NY, t = i / (NX * NY) % NT,
                     z = i / (NX * NY * NT);
        const double f = fabs(shift);
        float v = between(x, y, (double)z - (t == MOVED ? shift : 0.0));
        if (t == MOVED && is_across) { // resampled to where it came from
            const double beside = (double)z + (shift > 0.0 ? 1.0 : -1.0);
            v = (float)(1.0 - f) * v + (float)f * between(x, y, beside - shift);
        }
        s->cine->voxels[i] = v + (t == MOVED ? 7.0f : 0.0f);
    }
}

static double worst(const struct scene *s, float contrast)
{
    double most = 0.0;
    for (size_t z = 1; z + 1 < NZ; z++) {
        for (size_t i = 0; i < NX * NY; i++) {
            const float want = anatomy(i % NX, i / NX, z) + contrast;
            const float got = cine_frame(s->cine, z, MOVED)[i];
            most = fmax(most, fabs((double)(got - want)));
        }
    }
    return most;
}

static void takes_the_moved_anatomy_off_and_leaves_contrast(void **state)
{
    (void)state;
    static const struct {
        double shift;
        bool is_across;
    } cases[] = {{0.25, false}, {-0.2, false}, {0.4, true}, {-0.45, true}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct scene s;
        make(&s, cases[i].shift, cases[i].is_across);
        assert_true(worst(&s, 7.0f) > 1.0);
        assert_int_equal(motion_anatomy_subtract(&s.motion, s.cine, 2, NULL), 0);
        assert_true(worst(&s, 7.0f) < 0.01);
        cine_destroy(s.cine);
    }
}

static void a_head_at_rest_and_frames_left_out_are_not_touched(void **state)
{
    (void)state;
    for (int is_rejected = 0; is_rejected < 2; is_rejected++) {
        struct scene s;
        make(&s, is_rejected ? 0.25 : 0.0, false);
        s.is_rejected[MOVED] = (uint8_t)is_rejected;
        const size_t bytes = NX * NY * NZ * NT * sizeof(float);
        float *before = malloc(bytes);
        memcpy(before, s.cine->voxels, bytes);
        assert_int_equal(motion_anatomy_subtract(&s.motion, s.cine, 1, NULL), 0);
        assert_memory_equal(before, s.cine->voxels, bytes);
        free(before);
        cine_destroy(s.cine);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_the_moved_anatomy_off_and_leaves_contrast),
        cmocka_unit_test(a_head_at_rest_and_frames_left_out_are_not_touched),
    };
    return cmocka_run_group_tests_name("motion_anatomy", tests, NULL, NULL);
}
