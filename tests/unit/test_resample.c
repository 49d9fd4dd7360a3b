#include "tests/unit/test.h"

#include "base/err.h"
#include "pipeline/lib/resample.h"
#include "pipeline/lib/stack.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A linear field in patient space: linear interpolation gives it back exactly. */
static double field(const double p[3])
{
    return 3.0 + 0.5 * p[0] - 0.25 * p[1] + 0.125 * p[2];
}

struct shape {
    size_t n[3];          // x, y, z
    double spacing_mm[3]; // x, y, z
    double turn[3];       // rad about x, y, z
    double shear;         // mm along y a slice: a tilted gantry
    double uneven;        // share by which every other gap is larger
};

static void turn(double v[3], const double by[3])
{
    for (int axis = 0; axis < 3; axis++) {
        const int a = (axis + 1) % 3, b = (axis + 2) % 3;
        const double c = cos(by[axis]), s = sin(by[axis]), p = v[a], q = v[b];
        v[a] = c * p - s * q;
        v[b] = s * p + c * q;
    }
}

/** A grid of that shape whose middle lies at (5, -7, 11) mm. */
static struct grid *make(const struct shape *s)
{
    struct grid *g = NULL;
    double x[3] = {1, 0, 0}, y[3] = {0, 1, 0}, n[3] = {0, 0, 1};
    assert_int_equal(grid_create(s->n[0], s->n[1], s->n[2], &g, NULL), 0);
    turn(x, s->turn);
    turn(y, s->turn);
    turn(n, s->turn);
    memcpy(g->orientation, x, sizeof(x));
    memcpy(g->orientation + 3, y, sizeof(y));
    g->spacing_mm[0] = s->spacing_mm[0];
    g->spacing_mm[1] = s->spacing_mm[1];
    g->thickness_mm = s->spacing_mm[2];
    double at = -0.5 * s->spacing_mm[2] * (double)(s->n[2] - 1);
    for (size_t z = 0; z < s->n[2]; z++) {
        const double dx = -0.5 * s->spacing_mm[0] * (double)(s->n[0] - 1);
        const double dy = -0.5 * s->spacing_mm[1] * (double)(s->n[1] - 1)
                          + s->shear * ((double)z - 0.5 * (double)(s->n[2] - 1));
        for (int i = 0; i < 3; i++)
            g->position_mm[z][i] =
                (double[]){5, -7, 11}[i] + dx * x[i] + dy * y[i] + at * n[i];
        at += s->spacing_mm[2] * (z % 2 ? 1.0 : 1.0 + s->uneven);
    }
    return g;
}

static float *fill(const struct grid *g)
{
    float *v = calloc(grid_voxels(g), sizeof(*v));
    assert_non_null(v);
    for (size_t i = 0; i < grid_voxels(g); i++) {
        double p[3];
        grid_to_patient(g, (double)(i % g->nx), (double)(i / g->nx % g->ny),
                        i / g->nx / g->ny, p);
        v[i] = (float)field(p);
    }
    return v;
}

static const struct shape SOURCES[] = {
    {{20, 20, 20}, {1, 1, 1}, {0}, 0, 0},
    {{40, 30, 12}, {0.7, 0.9, 3}, {0}, 0, 0},            // anisotropic
    {{24, 26, 22}, {1, 1, 1.2}, {0.3, -0.2, 0.7}, 0, 0}, // oblique
    {{24, 26, 22}, {1, 1, 1.2}, {1.57, 0, 3.14}, 0, 0},  // coronal, turned
    {{24, 30, 16}, {1, 1, 2}, {0.1, 0, 0}, 0.6, 0},      // sheared
    {{24, 26, 14}, {1, 1, 2}, {0, 0.2, 0}, 0, 0.5},      // uneven gaps
};

static void gives_a_linear_field_back_on_any_grid(void **state)
{
    (void)state;
    static const struct shape TARGETS[] = {
        {{9, 9, 9}, {0.9, 0.8, 0.7}, {0}, 0, 0},
        {{7, 8, 9}, {1.1, 0.6, 0.8}, {-0.4, 0.9, 0.2}, 0, 0},
        {{5, 5, 3}, {1.5, 1.5, 2.5}, {0.3, 0, -1}, 0.3, 0.2},
    };
    for (size_t i = 0; i < ARRAY_LEN(SOURCES); i++) {
        for (size_t k = 0; k < ARRAY_LEN(TARGETS); k++) {
            for (int mode = CARD_LINEAR; mode <= CARD_SMOOTH; mode++) {
                auto_(grid) struct grid *from = make(&SOURCES[i]);
                auto_(grid) struct grid *to = make(&TARGETS[k]);
                float *src = fill(from), *expect = fill(to);
                float *dst = calloc(grid_voxels(to), sizeof(*dst));
                assert_non_null(dst);
                assert_int_equal(resample_volume(from, src, to,
                                                 (enum card_interpolation)mode, -99, 2,
                                                 dst, NULL),
                                 0);
                for (size_t v = 0; v < grid_voxels(to); v++)
                    assert_float_equal(dst[v], expect[v], 1e-4f);
                free(src);
                free(expect);
                free(dst);
            }
        }
    }
}

static void gives_it_back_on_a_grid_that_lies_alike(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(SOURCES); i++) {
        auto_(grid) struct grid *from = make(&SOURCES[i]), *to = NULL;
        assert_int_equal(resample_grid(from, (double[]){1.7, 0.6, 1.3}, &to, NULL), 0);
        float *src = fill(from), *expect = fill(to);
        float *dst = calloc(grid_voxels(to), sizeof(*dst));
        assert_non_null(dst);
        assert_int_equal(resample_volume(from, src, to, CARD_LINEAR, -99, 1, dst, NULL),
                         0);
        size_t compared = 0;
        for (size_t v = 0; v < grid_voxels(to); v++) {
            // Within half a voxel of the edge it is clamped; a shear reaches farther.
            const size_t x = v % to->nx, y = v / to->nx % to->ny, z = v / to->nx / to->ny;
            if (x < 1 || x + 1 >= to->nx || y < 4 || y + 4 >= to->ny || z < 2
                || z + 2 >= to->nz)
                continue;
            compared++;
            assert_float_equal(dst[v], expect[v], 2e-4f);
        }
        assert_true(compared > 500);
        free(src);
        free(expect);
        free(dst);
    }
}

static void covers_edge_to_edge_and_comes_back(void **state)
{
    (void)state;
    static const double SPACING[][3] = {
        {1.5, 1.5, 1.5}, {0, 0.5, 0.5}, {0.8, 0, 0}, {4, 3, 2}};
    for (size_t i = 0; i < ARRAY_LEN(SOURCES); i++) {
        for (size_t k = 0; k < ARRAY_LEN(SPACING); k++) {
            auto_(grid) struct grid *from = make(&SOURCES[i]), *to = NULL;
            assert_int_equal(resample_grid(from, SPACING[k], &to, NULL), 0);
            const double want = (double)from->nx * from->spacing_mm[0];
            assert_true(fabs((double)to->nx * to->spacing_mm[0] - want) < 1e-9);
            // The outer edge of the first voxel is where that of the source is.
            double a[3], b[3];
            grid_to_patient(from, -0.5, -0.5, 0, a);
            grid_to_patient(to, -0.5, -0.5, 0, b);
            double n[3], along = 0;
            grid_normal(from, n);
            for (int x = 0; x < 3; x++)
                along += n[x] * (b[x] - a[x]);
            const double half =
                SPACING[k][0] > 0 ? (to->thickness_mm - from->thickness_mm) / 2 : 0.0;
            assert_true(fabs(along - half) < 1e-9);
        }
    }
}

static void keeps_masks_and_marks_what_lies_outside(void **state)
{
    (void)state;
    auto_(grid) struct grid *from = make(&SOURCES[1]), *same = make(&SOURCES[1]);
    const size_t n = grid_voxels(from);
    float *src = calloc(n, sizeof(*src)), *dst = calloc(n, sizeof(*dst));
    assert_true(src && dst);
    for (size_t i = 0; i < n; i++)
        src[i] = (float)(i * 2654435761U % 7);
    for (int mode = CARD_NEAREST; mode <= CARD_SMOOTH; mode++) {
        assert_int_equal(resample_volume(from, src, same, (enum card_interpolation)mode,
                                         -1, 1, dst, NULL),
                         0);
        for (size_t i = 0; i < n; i++)
            assert_float_equal(dst[i], src[i], 1e-5f);
    }
    for (size_t z = 0; z < same->nz; z++)
        same->position_mm[z][0] += 1000;
    size_t first, last;
    assert_int_equal(resample_volume(from, src, same, CARD_LINEAR, -1, 1, dst, NULL), 0);
    for (size_t i = 0; i < n; i++)
        assert_true(dst[i] == -1.0f);
    for (size_t z = 0; z < same->nz; z++)
        same->position_mm[z][2] += 1000;
    assert_false(resample_needs(from, same, 0, &first, &last));
    free(src);
    free(dst);
}

static void smooth_averages_where_voxels_grow(void **state)
{
    (void)state;
    // A chequerboard of single voxels: taken every fourth voxel it would be an alias.
    static const struct shape FINE = {{32, 32, 8}, {1, 1, 1}, {0}, 0, 0};
    auto_(grid) struct grid *from = make(&FINE), *to = NULL;
    assert_int_equal(resample_grid(from, (double[]){4, 4, 4}, &to, NULL), 0);
    float *src = calloc(grid_voxels(from), sizeof(*src));
    float *dst = calloc(grid_voxels(to), sizeof(*dst));
    assert_true(src && dst);
    for (size_t i = 0; i < grid_voxels(from); i++)
        src[i] = (float)((i % 32 + i / 32 % 32 + i / 1024) % 2);
    assert_int_equal(resample_volume(from, src, to, CARD_SMOOTH, 0, 1, dst, NULL), 0);
    for (size_t i = 0; i < grid_voxels(to); i++)
        assert_float_equal(dst[i], 0.5f, 1e-6f);
    free(src);
    free(dst);
}

static void sorts_frames_into_slices(void **state)
{
    (void)state;
    enum { N = 9 };
    struct series_frame frames[N] = {0};
    struct series series = {.nx = 4, .ny = 3, .frames = frames, .frame_count = N};
    for (size_t i = 0; i < N; i++) {
        struct plane_facts *p = &frames[i].plane;
        p->is_valid = true;
        p->orientation[0] = p->orientation[4] = 1;
        p->spacing_mm[0] = 0.5;
        p->spacing_mm[1] = 0.75;
        p->position_mm[2] = 2.5 * (double)(i * 5 % N);
    }
    frames[3].plane.orientation[0] = 0; // a localiser
    frames[3].plane.orientation[2] = 1;
    frames[5].plane.position_mm[2] = frames[4].plane.position_mm[2]; // taken twice
    auto_(stack) struct stack *stack = NULL;
    assert_int_equal(stack_create(&series, &stack, NULL), 0);
    assert_int_equal(stack->left_out, 1);
    assert_int_equal(stack->repeated, 1);
    assert_int_equal(stack->grid->nz, N - 2);
    assert_true(fabs(stack->gap_mm - 2.5) < 1e-9);
    assert_true(fabs(stack->gap_off_mm - 5.0) < 1e-9); // two places are empty
    assert_true(stack->grid->spacing_mm[0] == 0.75 && stack->grid->spacing_mm[1] == 0.5);
    for (size_t z = 1; z < stack->grid->nz; z++)
        assert_true(frames[stack->frames[z]].plane.position_mm[2]
                    > frames[stack->frames[z - 1]].plane.position_mm[2]);
    for (size_t i = 0; i < N; i++)
        frames[i].plane.is_valid = false;
    struct stack *none = NULL;
    assert_int_equal(stack_create(&series, &none, NULL), ERR_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_a_linear_field_back_on_any_grid),
        cmocka_unit_test(gives_it_back_on_a_grid_that_lies_alike),
        cmocka_unit_test(covers_edge_to_edge_and_comes_back),
        cmocka_unit_test(keeps_masks_and_marks_what_lies_outside),
        cmocka_unit_test(smooth_averages_where_voxels_grow),
        cmocka_unit_test(sorts_frames_into_slices),
    };
    return cmocka_run_group_tests_name("resample", tests, NULL, NULL);
}
