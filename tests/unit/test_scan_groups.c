#include "tests/unit/test.h"

#include "base/err.h"
#include "scp/scan.h"
#include "tests/unit/part10.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

#define CLASSIC_CT  "1.2.840.10008.5.1.4.1.1.2"
#define ENHANCED_CT "1.2.840.10008.5.1.4.1.1.2.1"
#define ENHANCED_MR "1.2.840.10008.5.1.4.1.1.4.1"

enum { SLICES = 3, TIMES = 4 };

static const uint32_t ITEM = 0xfffee000, ITEM_END = 0xfffee00d, SEQUENCE_END = 0xfffee0dd;

static struct instance_facts facts;
static struct err why;

static bool is_near(double a, double b)
{
    return fabs(a - b) < 1e-6;
}

/* What an object says; zero is a plain one. */
struct object {
    const char *sop_class;
    int items;         // of functional groups; 0: one a frame
    bool has_no_times; // each frame bears the time of the first
    bool has_offsets;  // Temporal Position Time Offset
    bool has_delays;   // Nominal Cardiac Trigger Delay Time
    double duration_s;
};

static void open_group(struct part10 *p, uint32_t sequence)
{
    p10_head(p, sequence, "SQ+", UNDEFINED);
    p10_head(p, ITEM, NULL, UNDEFINED);
}

static void close_group(struct part10 *p)
{
    p10_head(p, ITEM_END, NULL, 0);
    p10_head(p, SEQUENCE_END, NULL, 0);
}

static void put_f64(struct part10 *p, uint32_t tag, double value)
{
    p10_value(p, tag, "FD", &value, sizeof(value));
}

static void put_frame(struct part10 *p, const struct object *o, int i)
{
    const int z = i % SLICES, t = i / SLICES;
    char text[64];
    open_group(p, 0x00209111);
    snprintf(text, sizeof(text), "2024021410%02d00.500", o->has_no_times ? 0 : t);
    p10_text(p, 0x00189074, "DT", text);
    const uint32_t rank = (uint32_t)t + 1;
    p10_value(p, 0x00209128, "UL", &rank, 4);
    close_group(p);
    open_group(p, 0x00209113);
    snprintf(text, sizeof(text), "-10\\-20\\%d.5", 5 * z);
    p10_text(p, 0x00200032, "DS", text);
    close_group(p);
    if (o->has_offsets) {
        open_group(p, 0x00209310);
        put_f64(p, 0x0020930d, 1.25 * t);
        close_group(p);
    }
    if (o->has_delays) {
        open_group(p, 0x00189118);
        put_f64(p, 0x00209153, 40.0 * t);
        close_group(p);
    }
    if (i == 1) { // a rescale of its own
        open_group(p, 0x00289145);
        p10_text(p, 0x00281053, "DS", "2.5");
        close_group(p);
    }
}

static void put_shared(struct part10 *p)
{
    open_group(p, 0x52009229);
    open_group(p, 0x00209116);
    p10_text(p, 0x00200037, "DS", "1\\0\\0\\0\\1\\0");
    close_group(p);
    open_group(p, 0x00289110);
    p10_text(p, 0x00180050, "DS", "5");
    p10_text(p, 0x00280030, "DS", "0.5\\0.6");
    close_group(p);
    open_group(p, 0x00209071);
    open_group(p, 0x00082218);
    p10_text(p, 0x00080104, "LO", "Head");
    close_group(p);
    close_group(p);
    open_group(p, 0x00289145);
    p10_text(p, 0x00281052, "DS", "-1024");
    p10_text(p, 0x00281053, "DS", "1");
    close_group(p);
    close_group(p);
}

static struct part10 make(const struct object *o, const char *syntax)
{
    static const uint8_t pixels[SLICES * TIMES * 12] = {0};
    const int items = o->items ? o->items : SLICES * TIMES;
    struct part10 p;
    p10_begin(&p, syntax);
    p10_text(&p, 0x00080016, "UI", o->sop_class ? o->sop_class : ENHANCED_CT);
    p10_text(&p, 0x00080018, "UI", "1.2.3.4");
    if (o->duration_s > 0)
        put_f64(&p, 0x00189073, o->duration_s);
    p10_text(&p, 0x0020000d, "UI", "1.2.3");
    p10_text(&p, 0x0020000e, "UI", "1.2.3.1");
    p10_text(&p, 0x00280008, "IS", "12");
    p10_us(&p, 0x00280010, 2);
    p10_us(&p, 0x00280011, 3);
    p10_us(&p, 0x00280100, 16);
    p10_us(&p, 0x00280101, 12);
    p10_us(&p, 0x00280102, 11);
    p10_us(&p, 0x00280103, 0);
    put_shared(&p);
    p10_head(&p, 0x52009230, "SQ+", UNDEFINED);
    for (int i = 0; i < items; i++) {
        p10_head(&p, ITEM, NULL, UNDEFINED);
        put_frame(&p, o, i);
        p10_head(&p, ITEM_END, NULL, 0);
    }
    p10_head(&p, SEQUENCE_END, NULL, 0);
    p10_value(&p, 0x7fe00010, "OW+", pixels, sizeof(pixels));
    return p;
}

static int scan_object(const struct object *o, const struct scan_limits *limits)
{
    struct part10 p = make(o, EXPLICIT_LE);
    why = (struct err){0};
    const int r = scan_memory(p.data, p.size, limits, &facts, &why);
    p10_finish(&p);
    return r;
}

/* The frames of an object, by way of a file; to be freed. */
static struct frame_facts *scan_to_frames(const struct object *o, const char *syntax,
                                          size_t *ret_count)
{
    struct part10 p = make(o, syntax);
    char path[] = "/tmp/test_scan_groups.XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, p.data, p.size), p.size);
    close(fd);
    struct frame_facts *frames = NULL;
    assert_int_equal(scan_frames(path, &SCAN_LIMITS, &facts, &frames, ret_count, &why),
                     0);
    unlink(path);
    p10_finish(&p);
    return frames;
}

static void tells_of_an_enhanced_object_what_a_series_would(void **state)
{
    (void)state;
    assert_int_equal(scan_object(&(struct object){0}, &SCAN_LIMITS), 0);
    assert_true(facts.plane.is_valid);
    assert_int_equal(facts.stack.frames, SLICES * TIMES);
    assert_int_equal(facts.stack.positions, SLICES);
    assert_true(is_near(facts.stack.first_mm, 0.5));
    assert_true(is_near(facts.stack.last_mm, 10.5));
    assert_true(is_near(facts.plane.spacing_mm[1], 0.6));
    assert_true(is_near(facts.pixels.intercept, -1024));
    assert_string_equal(facts.body_part, "HEAD");
}

static void gives_each_frame_its_place_time_and_rescale(void **state)
{
    (void)state;
    static const char *const SYNTAXES[] = {EXPLICIT_LE, IMPLICIT_LE};
    for (size_t s = 0; s < ARRAY_LEN(SYNTAXES); s++) {
        size_t count = 0;
        struct frame_facts *f = scan_to_frames(&(struct object){0}, SYNTAXES[s], &count);
        assert_int_equal(count, SLICES * TIMES);
        for (size_t i = 0; i < count; i++) {
            const size_t z = i % SLICES, t = i / SLICES;
            assert_true(f[i].plane.is_valid);
            assert_true(is_near(f[i].plane.position_mm[2], 5.0 * (double)z + 0.5));
            assert_true(is_near(f[i].time.acquisition_s - f[0].time.acquisition_s,
                                60.0 * (double)t));
            assert_int_equal(f[i].time.temporal_position, t + 1);
            assert_true(f[i].slope == (i == 1 ? 2.5 : 1.0));
            assert_true(f[i].intercept == -1024.0);
        }
        free(f);
    }
}

static void spreads_frames_that_bear_one_time(void **state)
{
    (void)state;
    static const struct {
        struct object object;
        double step_s;
    } cases[] = {
        {{.has_no_times = true, .has_offsets = true}, 1.25},
        {{.has_no_times = true, .duration_s = 8.0}, 2.0},
        {{.has_no_times = true}, 0.0}, // cannot be told
        {{.has_no_times = true, .duration_s = 8.0, .has_delays = true}, 0.0}, // a heart
        {{.has_offsets = true, .duration_s = 8.0}, 60.0}, // they have times of their own
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t count = 0;
        struct frame_facts *f = scan_to_frames(&cases[i].object, EXPLICIT_LE, &count);
        assert_int_equal(count, SLICES * TIMES);
        assert_true(is_near(f[2 * SLICES].time.acquisition_s - f[0].time.acquisition_s,
                            2.0 * cases[i].step_s));
        assert_true(isnan(f[SLICES].time.trigger_ms)
                    || f[SLICES].time.trigger_ms == 40.0);
        free(f);
    }
}

static void leaves_stray_groups_of_a_classic_image_alone(void **state)
{
    (void)state;
    const struct object classic = {.sop_class = CLASSIC_CT};
    size_t count = 7;
    struct frame_facts *f = scan_to_frames(&classic, EXPLICIT_LE, &count);
    assert_null(f);
    assert_int_equal(count, 0);
    assert_false(facts.plane.is_valid);
    assert_int_equal(facts.stack.frames, 0);
    assert_true(scan_is_enhanced(ENHANCED_MR));
    assert_false(scan_is_enhanced("1.2.840.10008.5.1.4.1.1.2.1.1"));
    assert_false(scan_is_enhanced(""));
}

static void gives_no_geometry_when_groups_and_frames_differ(void **state)
{
    (void)state;
    static const int items[] = {1, SLICES * TIMES - 1, SLICES * TIMES + 1};
    for (size_t i = 0; i < ARRAY_LEN(items); i++) {
        assert_int_equal(scan_object(&(struct object){.items = items[i]}, &SCAN_LIMITS),
                         0);
        assert_false(facts.plane.is_valid);
        assert_int_equal(facts.stack.frames, 0);
    }
}

static void bounds_the_frames(void **state)
{
    (void)state;
    struct scan_limits limits = SCAN_LIMITS;
    limits.frames_max = SLICES * TIMES;
    assert_int_equal(scan_object(&(struct object){0}, &limits), 0);
    limits.frames_max--;
    assert_int_equal(scan_object(&(struct object){0}, &limits), ERR_LIMIT);
    assert_non_null(strstr(why.text, "frames"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_of_an_enhanced_object_what_a_series_would),
        cmocka_unit_test(gives_each_frame_its_place_time_and_rescale),
        cmocka_unit_test(spreads_frames_that_bear_one_time),
        cmocka_unit_test(leaves_stray_groups_of_a_classic_image_alone),
        cmocka_unit_test(gives_no_geometry_when_groups_and_frames_differ),
        cmocka_unit_test(bounds_the_frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
