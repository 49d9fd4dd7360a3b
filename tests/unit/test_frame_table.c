#include "tests/unit/test.h"

#include "base/err.h"
#include "pipeline/perfusion/frame_table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NZ = 4, NT = 24 };

/** A scan whose slice z was imaged at t seconds and z lags; frame z + NZ t of the series. */
static struct series *make_scan(double lag_s)
{
    struct series *s = calloc(1, sizeof(*s));
    assert_non_null(s);
    s->nx = s->ny = 8;
    s->frames = calloc(NZ * NT + 8, sizeof(*s->frames));
    assert_non_null(s->frames);
    s->frame_count = NZ * NT;
    for (size_t i = 0; i < s->frame_count; i++) {
        struct series_frame *f = &s->frames[i];
        const size_t z = i % NZ, t = i / NZ;
        f->plane = (struct plane_facts){.is_valid = true,
                                        .position_mm = {-10, -20, 5.0 * (double)z},
                                        .orientation = {1, 0, 0, 0, 1, 0},
                                        .spacing_mm = {1, 1},
                                        .thickness_mm = 5};
        f->time = (struct time_facts){.acquisition_s =
                                          1000.0 + 1.5 * (double)t + lag_s * (double)z,
                                      .content_s = (double)NAN,
                                      .trigger_ms = (double)NAN,
                                      .temporal_position = FACTS_NONE};
        snprintf(f->sop_uid, sizeof(f->sop_uid), "1.2.%zu", 1000 + i);
    }
    return s;
}

static size_t frame_at(const struct series *s, size_t i)
{
    return (size_t)atoi(s->frames[i].sop_uid + 4) - 1000;
}

/** Every entry of the table shows the slice and time where it stands. */
static void assert_sorted(const struct series *s, const struct frame_table *table)
{
    for (size_t z = 0; z < NZ; z++) {
        for (size_t t = 0; t < NT; t++) {
            const size_t i = table->frames[z * NT + t];
            if (i != FRAME_MISSING)
                assert_int_equal(frame_at(s, i), z + NZ * t);
            assert_float_equal(table->time_s[z * NT + t], (1.5 * (double)t), 0.01);
        }
    }
}

static void sorts_by_place_and_time_whatever_the_order(void **state)
{
    (void)state;
    auto_(series) struct series *s = make_scan(0.0);
    for (size_t i = 0; i + 1 < s->frame_count; i++) { // a fixed shuffle
        const size_t j = i + (i * 7919 + 13) % (s->frame_count - i);
        const struct series_frame swap = s->frames[i];
        s->frames[i] = s->frames[j];
        s->frames[j] = swap;
    }
    auto_(frame_table) struct frame_table *table = NULL;
    assert_int_equal(frame_table_create(s, 20, &table, NULL), 0);
    assert_int_equal(table->nt, NT);
    assert_int_equal(table->grid->nz, NZ);
    assert_int_equal(table->missing + table->doubled + table->left_out, 0);
    assert_float_equal(table->grid->position_mm[2][2], 10.0, 0.0);
    assert_float_equal(table->grid->thickness_mm, 5.0, 1e-9);
    assert_float_equal(frame_table_interval_s(table), 1.5, 1e-9);
    assert_sorted(s, table);
}

static void keeps_the_times_of_each_slice(void **state)
{
    (void)state;
    auto_(series) struct series *s = make_scan(0.3);
    auto_(frame_table) struct frame_table *table = NULL;
    assert_int_equal(frame_table_create(s, 20, &table, NULL), 0);
    assert_float_equal(table->time_s[3 * NT + 5], (5 * 1.5 + 3 * 0.3), 1e-9);
    assert_int_equal(table->frames[3 * NT + 5], 3 + NZ * 5);
}

static void counts_missing_frames_and_drops_doubled_ones(void **state)
{
    (void)state;
    auto_(series) struct series *s = make_scan(0.0);
    s->frames[1 + NZ * 7] = s->frames[2 + NZ * 9]; // one lost, another sent twice
    auto_(frame_table) struct frame_table *table = NULL;
    assert_int_equal(frame_table_create(s, 20, &table, NULL), 0);
    assert_int_equal(table->missing, 1);
    assert_int_equal(table->doubled, 1);
    assert_int_equal(table->frames[1 * NT + 7], FRAME_MISSING);
    assert_sorted(s, table);
}

static void a_scan_over_midnight_goes_on(void **state)
{
    (void)state;
    auto_(series) struct series *s = make_scan(0.0);
    for (size_t i = 0; i < s->frame_count; i++) {
        double *t = &s->frames[i].time.acquisition_s;
        *t += 86400.0 - 1010.0;
        *t -= *t >= 86400.0 ? 86400.0 : 0.0;
    }
    auto_(frame_table) struct frame_table *table = NULL;
    assert_int_equal(frame_table_create(s, 20, &table, NULL), 0);
    assert_sorted(s, table);
}

static void takes_the_clock_that_ticks(void **state)
{
    (void)state;
    auto_(series) struct series *s = make_scan(0.0);
    for (size_t i = 0; i < s->frame_count; i++) {
        s->frames[i].time.content_s = s->frames[i].time.acquisition_s;
        s->frames[i].time.acquisition_s = 77.0;
    }
    auto_(frame_table) struct frame_table *table = NULL;
    assert_int_equal(frame_table_create(s, 20, &table, NULL), 0);
    assert_sorted(s, table);
}

static void leaves_out_what_is_not_of_the_scan(void **state)
{
    (void)state;
    auto_(series) struct series *s = make_scan(0.0);
    for (size_t i = 0; i < 3; i++) { // a plain scan between the slices, and a localizer
        s->frames[s->frame_count] = s->frames[i];
        s->frames[s->frame_count++].plane.position_mm[2] += 2.5;
    }
    s->frames[s->frame_count] = s->frames[0];
    s->frames[s->frame_count++].plane.orientation[4] = 0.0;
    auto_(frame_table) struct frame_table *table = NULL;
    assert_int_equal(frame_table_create(s, 20, &table, NULL), 0);
    assert_int_equal(table->grid->nz, NZ);
    assert_int_equal(table->left_out, 4);
    assert_sorted(s, table);
}

static void takes_the_longest_of_several_scans(void **state)
{
    (void)state;
    auto_(series) struct series *s = make_scan(0.0);
    for (size_t i = 0; i < 2 * NZ;
         i++) { // without contrast before, late enhancement after
        s->frames[s->frame_count] = s->frames[i % NZ];
        s->frames[s->frame_count++].time.acquisition_s += i < NZ ? -200.0 : 400.0;
    }
    auto_(frame_table) struct frame_table *table = NULL;
    assert_int_equal(frame_table_create(s, 20, &table, NULL), 0);
    assert_int_equal(table->nt, NT);
    assert_int_equal(table->left_out, 2 * NZ);
    assert_float_equal(table->start_s, 1000.0, 0.0);
    assert_sorted(s, table);
}

/** Lay a second reconstruction of the same scan, series 1, beside the first; UIDs of every other
 * frame of it sort before those of the first. */
static void add_reconstruction(struct series *s)
{
    s->frames = realloc(s->frames, (2 * NZ * NT + 1) * sizeof(*s->frames));
    s->series_uids = calloc(2, sizeof(*s->series_uids));
    assert_non_null(s->frames);
    assert_non_null(s->series_uids);
    s->series_count = 2;
    strcpy(s->series_uids[0], "1.2.9");
    strcpy(s->series_uids[1], "1.2.8");
    for (size_t i = 0; i < NZ * NT; i++) {
        struct series_frame *f = &s->frames[s->frame_count++];
        *f = s->frames[i];
        f->series = 1;
        snprintf(f->sop_uid, sizeof(f->sop_uid), "1.%d.%zu", i % 2 ? 1 : 3, 1000 + i);
    }
}

static void does_not_mix_two_reconstructions(void **state)
{
    (void)state;
    auto_(series) struct series *s = make_scan(0.0);
    add_reconstruction(s);
    for (int longer = 0; longer < 2; longer++) {
        if (longer) { // the first series has one frame more: it counts now, whatever its UID
            s->frames[s->frame_count] = s->frames[0];
            s->frames[s->frame_count++].time.acquisition_s += 36.0;
        }
        auto_(frame_table) struct frame_table *table = NULL;
        assert_int_equal(frame_table_create(s, 20, &table, NULL), 0);
        assert_int_equal(table->doubled, NZ * NT);
        for (size_t i = 0; i < NZ * table->nt; i++) {
            if (table->frames[i] != FRAME_MISSING)
                assert_int_equal(s->frames[table->frames[i]].series, longer ? 0 : 1);
        }
    }
}

static void keeps_uneven_times_as_they_are(void **state)
{
    (void)state;
    auto_(series) struct series *s = make_scan(0.0);
    double due[NT];
    for (size_t t = 0; t < NT; t++) // fast, then slow, and never quite on time
        due[t] = (t < 14 ? 1.0 * (double)t : 14.0 + 3.0 * (double)(t - 14))
                 + 0.2 * (double)(t * 7 % 3);
    for (size_t i = 0; i < s->frame_count; i++)
        s->frames[i].time.acquisition_s = 500.0 + due[i / NZ];
    s->frames[2 + NZ * 20].time.acquisition_s = s->frames[2 + NZ * 19].time.acquisition_s;
    auto_(frame_table) struct frame_table *table = NULL;
    assert_int_equal(frame_table_create(s, 20, &table, NULL), 0);
    assert_int_equal(table->nt, NT);
    for (size_t t = 0; t < NT; t++)
        assert_float_equal(table->time_s[1 * NT + t], (due[t]), 1e-6);
    // Of slice 2 two frames bear one time: one is doubled, and its place is missing.
    assert_int_equal(table->doubled, 1);
    assert_int_equal(table->missing, 1);
    assert_int_equal(table->frames[2 * NT + 20], FRAME_MISSING);
    assert_float_equal(table->time_s[2 * NT + 20], due[20], 1e-6);
}

static void takes_sheared_slices_of_a_tilted_gantry(void **state)
{
    (void)state;
    auto_(series) struct series *s = make_scan(0.0);
    for (size_t i = 0; i < s->frame_count; i++) {
        struct plane_facts *plane = &s->frames[i].plane;
        plane->orientation[4] = cos(0.3);
        plane->orientation[5] = sin(0.3);
    }
    auto_(frame_table) struct frame_table *table = NULL;
    assert_int_equal(frame_table_create(s, 20, &table, NULL), 0);
    assert_int_equal(table->grid->nz, NZ);
    const double along_normal_mm = 5.0 * cos(0.3);
    assert_float_equal(table->grid->thickness_mm, along_normal_mm, 1e-6);
    assert_sorted(s, table);
}

static void says_why_when_there_are_too_few_times(void **state)
{
    (void)state;
    struct err err = {0};
    struct frame_table *table = NULL;
    auto_(series) struct series *s = make_scan(0.0);
    assert_int_equal(frame_table_create(s, NT + 1, &table, &err), ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "24 time points"));
    for (size_t i = 0; i < s->frame_count; i++)
        s->frames[i].time.acquisition_s = (double)NAN;
    assert_int_equal(frame_table_create(s, 5, &table, &err), ERR_UNSUPPORTED);
    assert_null(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sorts_by_place_and_time_whatever_the_order),
        cmocka_unit_test(keeps_the_times_of_each_slice),
        cmocka_unit_test(counts_missing_frames_and_drops_doubled_ones),
        cmocka_unit_test(a_scan_over_midnight_goes_on),
        cmocka_unit_test(takes_the_clock_that_ticks),
        cmocka_unit_test(leaves_out_what_is_not_of_the_scan),
        cmocka_unit_test(takes_the_longest_of_several_scans),
        cmocka_unit_test(does_not_mix_two_reconstructions),
        cmocka_unit_test(keeps_uneven_times_as_they_are),
        cmocka_unit_test(takes_sheared_slices_of_a_tilted_gantry),
        cmocka_unit_test(says_why_when_there_are_too_few_times),
    };
    return cmocka_run_group_tests_name("frame_table", tests, NULL, NULL);
}
