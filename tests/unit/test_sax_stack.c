#include "tests/unit/test.h"

#include "base/err.h"
#include "pipeline/cardiac_cine/sax_stack.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 400 };

static struct series_frame frames[MOST];
static char uids[2][FACTS_UID] = {"1.2.1", "1.2.2"};
static struct series series;
static struct err why;

static const double SHORT[6] = {0.6, 0.8, 0.0, -0.4571, 0.3429, -0.8207};
static const double LONG[6] = {0.70, -0.50, -0.51, 0.58, 0.81, 0.0};

/* The frame of slice z, phase t; the base is slice 0. */
static void add(const double *plane, double place_mm, double trigger_ms, int of)
{
    static const double NORMAL[3] = {-0.6565, 0.4924, 0.5714}; // of SHORT, to the base
    struct series_frame *f = &frames[series.frame_count];
    memset(f, 0, sizeof(*f));
    f->plane.is_valid = true;
    memcpy(f->plane.orientation, plane, sizeof(f->plane.orientation));
    f->plane.spacing_mm[0] = 1.5;
    f->plane.spacing_mm[1] = 1.4;
    f->plane.thickness_mm = 6.0;
    for (int i = 0; i < 3; i++)
        f->plane.position_mm[i] = 10.0 - place_mm * NORMAL[i];
    f->time = (struct time_facts){.trigger_ms = trigger_ms,
                                  .acquisition_s = 1000.0 + of,
                                  .content_s = (double)NAN,
                                  .temporal_position = FACTS_NONE,
                                  .instance_number = FACTS_NONE,
                                  .rr_ms = 900.0};
    f->series = of;
    snprintf(f->sop_uid, sizeof(f->sop_uid), "1.3.%zu", series.frame_count);
    series.frame_count++;
}

static void clear(void)
{
    series = (struct series){
        .series_uids = uids, .series_count = 2, .nx = 64, .ny = 48, .frames = frames};
}

static void shuffle(unsigned seed)
{
    for (size_t i = series.frame_count - 1; i > 0; i--) {
        seed = seed * 1103515245u + 12345u;
        const size_t k = (seed >> 8) % (i + 1);
        const struct series_frame kept = frames[i];
        frames[i] = frames[k];
        frames[k] = kept;
    }
}

static void sorts_slices_by_place_and_phases_by_trigger_in_any_order(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < 4; seed++) {
        clear();
        for (int z = 0; z < 6; z++) {
            for (int t = 0; t < 10; t++) // each slice starts at a time of its own
                add(SHORT, 9.0 * z, 3.0 * z + 80.0 * t, 0);
        }
        shuffle(seed);
        auto_(sax_stack) struct sax_stack *stack = NULL;
        assert_int_equal(sax_stack_create(&series, &stack, &why), 0);
        assert_int_equal(stack->grid->nz, 6);
        assert_int_equal(stack->nt, 10);
        assert_true(fabs(stack->grid->thickness_mm - 9.0) < 1e-2);
        assert_true(fabs(stack->grid->spacing_mm[0] - 1.4) < 1e-9);
        for (size_t z = 0; z < 6; z++) {
            for (size_t t = 0; t < 10; t++) {
                const struct series_frame *f = &frames[stack->frames[z * 10 + t]];
                assert_true(
                    fabs(f->time.trigger_ms - (3.0 * (double)z + 80.0 * (double)t))
                    < 1e-9);
            }
            assert_true(fabs(stack->step_mm[z] - 9.0) < 1e-2);
        }
        assert_true(fabs(sax_stack_rr_ms(stack) - 900.0) < 1e-9);
        assert_true(fabs(sax_stack_time_ms(stack, 1) - 87.5) < 1e-9);
        assert_int_equal(stack->left_out, 0);
    }
}

static void leaves_other_planes_and_takes_a_repeated_slice_once(void **state)
{
    (void)state;
    clear();
    for (int t = 0; t < 30; t++)
        add(LONG, 0.0, 30.0 * t, 0);
    for (int z = 0; z < 5; z++) {
        for (int t = 0; t < 10; t++)
            add(SHORT, 8.0 * z, 80.0 * t, 0);
    }
    for (int t = 0; t < 10; t++)
        add(SHORT, 16.0, 80.0 * t, 1); // once more, as a series of its own
    auto_(sax_stack) struct sax_stack *stack = NULL;
    assert_int_equal(sax_stack_create(&series, &stack, &why), 0);
    assert_int_equal(stack->grid->nz, 5);
    assert_int_equal(stack->nt, 10);
    assert_int_equal(stack->left_out, 40);
    for (size_t i = 0; i < 50; i++)
        assert_int_equal(frames[stack->frames[i]].series, 0);
}

static void a_gap_is_seen_and_shared_by_its_neighbours(void **state)
{
    (void)state;
    clear();
    static const double PLACES[] = {0, 8, 16, 32, 40};
    for (size_t z = 0; z < ARRAY_LEN(PLACES); z++) {
        for (int t = 0; t < 8; t++)
            add(SHORT, PLACES[z], 100.0 * t, 0);
    }
    auto_(sax_stack) struct sax_stack *stack = NULL;
    assert_int_equal(sax_stack_create(&series, &stack, &why), 0);
    assert_true(fabs(stack->widest_mm - 16.0) < 1e-2);
    static const double STEPS[] = {8, 8, 12, 12, 8};
    for (size_t z = 0; z < ARRAY_LEN(STEPS); z++)
        assert_true(fabs(stack->step_mm[z] - STEPS[z]) < 1e-2);
}

static void a_slice_with_a_phase_too_few_gives_its_nearest(void **state)
{
    (void)state;
    clear();
    for (int z = 0; z < 4; z++) {
        for (int t = 0; t < (z == 2 ? 9 : 10); t++)
            add(SHORT, 8.0 * z, 80.0 * t, 0);
    }
    for (int t = 0; t < 3; t++) // too few to be a slice of this stack
        add(SHORT, 32.0, 80.0 * t, 0);
    auto_(sax_stack) struct sax_stack *stack = NULL;
    assert_int_equal(sax_stack_create(&series, &stack, &why), 0);
    assert_int_equal(stack->grid->nz, 4);
    assert_int_equal(stack->nt, 10);
    assert_int_equal(stack->uneven, 1);
    assert_int_equal(stack->left_out, 3);
}

static void without_trigger_times_the_temporal_position_tells(void **state)
{
    (void)state;
    clear();
    for (int z = 0; z < 3; z++) {
        for (int t = 7; t >= 0; t--) {
            add(SHORT, 8.0 * z, (double)NAN, 0);
            frames[series.frame_count - 1].time.temporal_position = t + 1;
        }
    }
    auto_(sax_stack) struct sax_stack *stack = NULL;
    assert_int_equal(sax_stack_create(&series, &stack, &why), 0);
    assert_false(stack->has_trigger);
    for (size_t t = 0; t < 8; t++)
        assert_int_equal(frames[stack->frames[t]].time.temporal_position, t + 1);
    assert_true(fabs(stack->trigger_ms[2] - 225.0) < 1e-9); // of 900 ms in 8 phases
}

static void refuses_what_does_not_lie_across_the_heart(void **state)
{
    (void)state;
    clear();
    for (int t = 0; t < 30; t++)
        add(LONG, 0.0, 30.0 * t, 0);
    struct sax_stack *stack = NULL;
    assert_int_equal(sax_stack_create(&series, &stack, &why), ERR_UNSUPPORTED);
    assert_non_null(strstr(why.text, "no plane lies across the heart"));
    assert_null(stack);
}

static void tells_how_much_beats_differ(void **state)
{
    (void)state;
    clear();
    for (int z = 0; z < 5; z++) {
        for (int t = 0; t < 8; t++) {
            add(SHORT, 8.0 * z, 100.0 * t, 0);
            frames[series.frame_count - 1].time.rr_ms = 800.0 + 100.0 * z;
        }
    }
    auto_(sax_stack) struct sax_stack *stack = NULL;
    assert_int_equal(sax_stack_create(&series, &stack, &why), 0);
    assert_true(fabs(sax_stack_rr_ms(stack) - 1000.0) < 1e-9);
    assert_true(fabs(sax_stack_rr_spread(stack) - 0.2) < 1e-9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sorts_slices_by_place_and_phases_by_trigger_in_any_order),
        cmocka_unit_test(leaves_other_planes_and_takes_a_repeated_slice_once),
        cmocka_unit_test(a_gap_is_seen_and_shared_by_its_neighbours),
        cmocka_unit_test(a_slice_with_a_phase_too_few_gives_its_nearest),
        cmocka_unit_test(without_trigger_times_the_temporal_position_tells),
        cmocka_unit_test(refuses_what_does_not_lie_across_the_heart),
        cmocka_unit_test(tells_how_much_beats_differ),
    };
    return cmocka_run_group_tests_name("sax_stack", tests, NULL, NULL);
}
