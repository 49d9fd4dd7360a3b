#include "tests/unit/test.h"

#include "base/err.h"
#include "pipeline/lib/tile.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A volume of numbers in no order, a network that answers (v, 2 v + 1), and what came out. */
struct bench {
    struct tile_plan plan;
    size_t next_read, next_write, steps, runs;
    float *out; // [channels][nz][ny][nx]
    int stop_at;
};

static float value_at(size_t i)
{
    return (float)((i * 2654435761U >> 8) % 4001) / 1000.0f - 2.0f;
}

static int read_plane(void *ctx, size_t z, float *plane, struct err *err)
{
    struct bench *b = ctx;
    (void)err;
    assert_int_equal(z, b->next_read++);
    const size_t n = b->plan.size[1] * b->plan.size[2];
    for (size_t i = 0; i < n; i++)
        plane[i] = value_at(z * n + i);
    return 0;
}

static int run_identity(void *ctx, const float *patch, float *answer, struct err *err)
{
    struct bench *b = ctx;
    const struct tile_plan *p = &b->plan;
    const size_t n = p->patch[0] * p->patch[1] * p->patch[2];
    if (b->stop_at > 0 && (int)++b->runs == b->stop_at)
        return err_set(err, ERR_CANCELLED, "stopped");
    for (size_t i = 0; i < n; i++) {
        answer[i] = patch[i];
        answer[n + i] = 2 * patch[i] + 1;
    }
    return 0;
}

static int write_plane(void *ctx, size_t z, float *planes, struct err *err)
{
    struct bench *b = ctx;
    (void)err;
    assert_int_equal(z, b->next_write++);
    const size_t n = b->plan.size[1] * b->plan.size[2];
    for (size_t c = 0; c < b->plan.channels; c++)
        memcpy(b->out + (c * b->plan.size[0] + z) * n, planes + c * n, n * sizeof(float));
    return 0;
}

static int step(void *ctx, size_t done, size_t all, struct err *err)
{
    struct bench *b = ctx;
    (void)err;
    assert_true(done <= all);
    b->steps++;
    return 0;
}

static int run(struct bench *b, struct err *err)
{
    const struct tile_calls calls = {read_plane, run_identity, write_plane, step, b};
    const size_t n = b->plan.size[0] * b->plan.size[1] * b->plan.size[2];
    b->next_read = b->next_write = b->steps = b->runs = 0;
    free(b->out);
    b->out = calloc(b->plan.channels * n, sizeof(*b->out));
    assert_non_null(b->out);
    return tile_run(&b->plan, &calls, err);
}

static void is_the_identity_for_the_identity_network(void **state)
{
    (void)state;
    static const struct {
        size_t size[3], patch[3];
        double overlap;
        bool flips[3];
    } cases[] = {
        {{17, 23, 31}, {8, 8, 8}, 0.5, {0}},
        {{17, 23, 31}, {8, 16, 32}, 0.5, {0}}, // wider than the volume
        {{5, 7, 3}, {16, 16, 16}, 0.5, {0}},   // larger in every direction
        {{16, 16, 16}, {16, 16, 16}, 0.5, {0}},
        {{9, 33, 20}, {1, 16, 16}, 0.25, {0}}, // images
        {{13, 14, 15}, {4, 5, 7}, 0.9, {0}},
        {{13, 14, 15}, {4, 5, 7}, 0.0, {0}},
        {{13, 14, 15}, {4, 6, 8}, 0.5, {1, 1, 1}},
        {{1, 1, 1}, {1, 1, 1}, 0.5, {0}},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bench b = {
            .plan = {
                .channels = 2, .overlap = cases[i].overlap, .padding = 77, .threads = 2}};
        memcpy(b.plan.size, cases[i].size, sizeof(b.plan.size));
        memcpy(b.plan.patch, cases[i].patch, sizeof(b.plan.patch));
        memcpy(b.plan.flips, cases[i].flips, sizeof(b.plan.flips));
        assert_int_equal(run(&b, NULL), 0);
        const size_t n = b.plan.size[0] * b.plan.size[1] * b.plan.size[2];
        assert_int_equal(b.next_read, b.plan.size[0]);
        assert_int_equal(b.next_write, b.plan.size[0]);
        for (size_t k = 0; k < n; k++) {
            assert_float_equal(b.out[k], value_at(k), 2e-5f);
            assert_float_equal(b.out[n + k], 2 * value_at(k) + 1, 4e-5f);
        }
        free(b.out);
    }
}

static void gives_the_same_bits_over_threads(void **state)
{
    (void)state;
    struct bench one = {.plan = {.size = {19, 21, 23},
                                 .patch = {8, 8, 8},
                                 .channels = 2,
                                 .overlap = 0.5,
                                 .threads = 1}};
    struct bench four = one;
    four.plan.threads = 4;
    assert_int_equal(run(&one, NULL), 0);
    assert_int_equal(run(&four, NULL), 0);
    assert_memory_equal(one.out, four.out, (size_t)2 * 19 * 21 * 23 * sizeof(float));
    free(one.out);
    free(four.out);
}

static void covers_an_axis_with_even_steps(void **state)
{
    (void)state;
    static const struct {
        size_t n, patch;
        double overlap;
        size_t count;
    } cases[] = {{512, 128, 0.5, 7}, {128, 128, 0.5, 1}, {129, 128, 0.5, 2},
                 {100, 128, 0.5, 1}, {10, 1, 0.5, 10},   {256, 128, 0.0, 2}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const size_t n = cases[i].n, patch = cases[i].patch;
        assert_int_equal(tile_count(n, patch, cases[i].overlap), cases[i].count);
        long before = tile_start(n, patch, cases[i].overlap, 0);
        assert_true(n < patch ? before <= 0 : before == 0);
        for (size_t k = 1; k < cases[i].count; k++) {
            const long at = tile_start(n, patch, cases[i].overlap, k);
            assert_true(at > before && at - before <= (long)patch);
            before = at;
        }
        assert_true(before + (long)patch >= (long)n);
    }
}

static void holds_a_bounded_number_of_bytes_whatever_the_length(void **state)
{
    (void)state;
    struct tile_plan plan = {
        .size = {1000, 512, 512}, .patch = {64, 128, 128}, .channels = 2};
    const size_t bytes = tile_bytes(&plan);
    assert_true(bytes < (size_t)230 << 20); // the volume alone is 1000 MiB of floats
    plan.size[0] = 10000;
    assert_int_equal(tile_bytes(&plan), bytes);
}

static void ends_where_a_call_fails(void **state)
{
    (void)state;
    struct bench b = {.plan = {.size = {19, 21, 23},
                               .patch = {8, 8, 8},
                               .channels = 2,
                               .overlap = 0.5,
                               .threads = 1},
                      .stop_at = 5};
    struct err err = {0};
    assert_int_equal(run(&b, &err), ERR_CANCELLED);
    assert_string_equal(err.text, "stopped");
    assert_int_equal(b.steps, 4);
    free(b.out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_the_identity_for_the_identity_network),
        cmocka_unit_test(gives_the_same_bits_over_threads),
        cmocka_unit_test(covers_an_axis_with_even_steps),
        cmocka_unit_test(holds_a_bounded_number_of_bytes_whatever_the_length),
        cmocka_unit_test(ends_where_a_call_fails),
    };
    return cmocka_run_group_tests_name("tile", tests, NULL, NULL);
}
