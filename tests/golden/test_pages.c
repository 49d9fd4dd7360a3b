/* test_pages: the perfusion pages of made-up studies are whole, legible and repeatable. */
#include "tests/unit/test.h"

#include "base/err.h"
#include "pipeline/perfusion/perfusion_group.h"
#include "pipeline/perfusion/perfusion_sheet.h"
#include "tests/golden/synthetic_view.h"

#include <stdlib.h>
#include <string.h>

static const struct synthetic_options TYPICAL = {.n = 128, .slices = 16, .slice_mm = 5};

static const struct {
    const char *name;
    struct synthetic_options options;
} CASES[] = {
    {"typical", {.n = 128, .slices = 16, .slice_mm = 5}},
    {"one slice", {.n = 128, .slices = 1, .slice_mm = 10}},
    {"two slices", {.n = 128, .slices = 2, .slice_mm = 10, .warns = true}},
    {"four slices", {.n = 128, .slices = 4, .slice_mm = 10, .warns = true}},
    {"forty slices", {.n = 128, .slices = 40, .slice_mm = 4, .warns = true}},
    {"healthy", {.n = 128, .slices = 12, .slice_mm = 5, .is_healthy = true}},
    {"mirrored", {.n = 128, .slices = 12, .slice_mm = 5, .is_mirrored = true}},
    {"bare", {.n = 128, .slices = 8, .slice_mm = 5, .is_bare = true}},
    {"extreme",
     {.n = 128, .slices = 24, .slice_mm = 5, .warns = true, .is_extreme = true}},
    {"relative", {.n = 128, .slices = 20, .slice_mm = 5, .is_relative = true}},
};

static void pages_free(struct page_list *pages)
{
    for (size_t i = 0; i < pages->count; i++)
        free(pages->items[i].rgb);
    page_list_finish(pages);
}

static void draw(const struct perfusion_view *view, struct page_list *pages)
{
    struct err err = {0};
    if (perfusion_pages_draw(view, pages, &err) < 0)
        fail_msg("%s", err.text);
}

static void are_those_promised_in_size_and_order(void **state)
{
    (void)state;
    static const char *const NAMES[] = {"summary", "thresholds", "cbf",    "cbv",
                                        "mtt",     "tmax",       "quality"};
    struct synthetic *made = synthetic_create(&TYPICAL);
    struct page_list pages = {0};
    draw(synthetic_view(made), &pages);
    assert_int_equal(pages.count, ARRAY_LEN(NAMES));
    for (size_t i = 0; i < pages.count; i++) {
        assert_string_equal(pages.items[i].name, NAMES[i]);
        assert_int_equal(pages.items[i].width, PERFUSION_PAGE_WIDTH);
        assert_int_equal(pages.items[i].height, PERFUSION_PAGE_HEIGHT);
    }
    pages_free(&pages);
    synthetic_destroy(made);
}

static void have_the_same_bytes_when_drawn_again(void **state)
{
    (void)state;
    struct synthetic *made = synthetic_create(&TYPICAL);
    struct page_list first = {0}, second = {0};
    draw(synthetic_view(made), &first);
    draw(synthetic_view(made), &second);
    for (size_t i = 0; i < first.count; i++)
        assert_memory_equal(first.items[i].rgb, second.items[i].rgb,
                            (size_t)PERFUSION_PAGE_WIDTH * PERFUSION_PAGE_HEIGHT * 3);
    pages_free(&first);
    pages_free(&second);
    synthetic_destroy(made);
}

static bool overlap(struct page_rect a, struct page_rect b)
{
    return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}

static void check_texts(const char *name, const char *which, const struct page *page)
{
    size_t n = 0;
    const struct page_said *said = page_said(page, &n);
    for (size_t i = 0; i < n; i++) {
        struct page_rect r = said[i].rect;
        if (said[i].is_cut)
            fail_msg("%s, %s: \"%s\" is cut", name, which, said[i].text);
        if (r.x < 0 || r.y < 0 || r.x + r.w > PERFUSION_PAGE_WIDTH
            || r.y + r.h > PERFUSION_PAGE_HEIGHT)
            fail_msg("%s, %s: \"%s\" leaves the page", name, which, said[i].text);
        for (size_t k = 0; k < i; k++) {
            if (overlap(r, said[k].rect))
                fail_msg("%s, %s: \"%s\" lies on \"%s\"", name, which, said[i].text,
                         said[k].text);
        }
    }
    assert_true(n >= 4); // at least header and footer
}

typedef int draw_fn(const struct sheet *sheet, struct page **ret, struct err *err);

static int draw_widest_map(const struct sheet *sheet, struct page **ret, struct err *err)
{
    struct perfusion_map map = {"cbv", "rCBV: relative cerebral blood volume", "relative",
                                sheet->view->cbv, 12000};
    return perfusion_draw_map(sheet, &map, ret, err);
}

static void have_no_text_cut_off_or_over_another(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        draw_fn *draw;
    } pages[] = {{"summary", perfusion_draw_summary},
                 {"thresholds", perfusion_draw_levels},
                 {"map", draw_widest_map},
                 {"quality", perfusion_draw_quality}};
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct synthetic *made = synthetic_create(&CASES[i].options);
        auto_(sheet) struct sheet *sheet = NULL;
        assert_int_equal(
            sheet_create(synthetic_view(made), CASES[i].options.slices, 1, &sheet, NULL),
            0);
        for (size_t p = 0; p < ARRAY_LEN(pages); p++) {
            auto_(page) struct page *page = NULL;
            assert_int_equal(pages[p].draw(sheet, &page, NULL), 0);
            check_texts(CASES[i].name, pages[p].name, page);
        }
        synthetic_destroy(made);
    }
}

static bool says(const struct page *page, const char *text)
{
    size_t n = 0;
    const struct page_said *said = page_said(page, &n);
    for (size_t i = 0; i < n; i++) {
        if (strstr(said[i].text, text))
            return true;
    }
    return false;
}

static void say_what_a_physician_looks_for(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {
        "CT perfusion",
        "20.9",
        "124",
        "103",
        "5.9",
        "171",
        "47.0",
        "0.38",
        "0.81",
        "ml",
        "Automatic result \u2013 not for primary diagnosis unless verified",
        "Hilum 0.1.0, ct_perfusion 1.0.0",
        "2 of 11 checks warn",
        "Motion: head moved 2.3 mm",
        "Truncation: the scan ends 21 s",
        "AIF",
        "VOF",
        "R",
        "L",
        "16 slices of 5 mm",
        "60 time points every 1 s over 60 s",
        "2026-11-25 03:12:07",
        "\u221230.0",
        "45.0"};
    struct synthetic_options options = TYPICAL;
    options.warns = true;
    struct synthetic *made = synthetic_create(&options);
    auto_(sheet) struct sheet *sheet = NULL;
    assert_int_equal(sheet_create(synthetic_view(made), 16, 1, &sheet, NULL), 0);
    auto_(page) struct page *page = NULL;
    assert_int_equal(perfusion_draw_summary(sheet, &page, NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++) {
        if (!says(page, TEXTS[i]))
            fail_msg("\"%s\" is missing", TEXTS[i]);
    }
    synthetic_destroy(made);
}

static bool is_green(const uint8_t *rgb)
{
    return rgb[1] > rgb[0] + 40 && rgb[1] > rgb[2] + 20;
}

/* Pixels of hypoperfusion in the left and in the right half of the first tile's columns. */
static void count_green(const struct result_page *page, struct page_rect tile,
                        size_t ret[2])
{
    ret[0] = ret[1] = 0;
    for (size_t y = (size_t)tile.y; y < (size_t)(tile.y + tile.h); y++) {
        for (size_t x = (size_t)tile.x; x < (size_t)(tile.x + tile.w); x++) {
            size_t half = (double)x >= tile.x + tile.w / 2;
            ret[half] += is_green(page->rgb + 3 * (y * page->width + x));
        }
    }
}

static void show_the_patients_left_on_the_right_whichever_way_the_grid_lies(void **state)
{
    (void)state;
    for (int mirrored = 0; mirrored < 2; mirrored++) {
        struct synthetic_options options = {.n = 128, .slices = 1, .slice_mm = 5};
        options.is_mirrored = mirrored;
        struct synthetic *made = synthetic_create(&options);
        struct page_list pages = {0};
        draw(synthetic_view(made), &pages);
        size_t green[2];
        count_green(&pages.items[0],
                    (struct page_rect){SHEET_MARGIN, SHEET_TOP, 870, 1030}, green);
        assert_true(green[1] > 5000);
        assert_true(green[0] < 50);
        pages_free(&pages);
        synthetic_destroy(made);
    }
}

static void orient_any_grid_the_radiological_way(void **state)
{
    (void)state;
    static const struct {
        double orientation[6];
        bool flip_x, flip_y;
        const char *left, *right, *top;
    } cases[] = {
        {{1, 0, 0, 0, 1, 0}, false, false, "R", "L", "A"},              // axial, supine
        {{-1, 0, 0, 0, -1, 0}, true, true, "R", "L", "A"},              // axial, prone
        {{1, 0, 0, 0, -1, 0}, false, true, "R", "L", "A"},              // mirrored in y
        {{0.98, 0.17, 0, -0.17, 0.98, 0}, false, false, "R", "L", "A"}, // head turned
        {{1, 0, 0, 0, 0.94, 0.34}, false, false, "R", "L", "A"},        // gantry tilted
        {{1, 0, 0, 0, 0, -1}, false, false, "R", "L", "S"},             // coronal
        {{-1, 0, 0, 0, 0, 1}, true, true, "R", "L", "S"},   // coronal, upside down
        {{0, 1, 0, 0, 0, -1}, false, false, "A", "P", "S"}, // sagittal
    };
    struct synthetic_options options = {.n = 32, .slices = 3, .slice_mm = 5};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct synthetic *made = synthetic_create(&options);
        struct perfusion_view view = *synthetic_view(made);
        struct grid grid = *view.grid;
        memcpy(grid.orientation, cases[i].orientation, sizeof(grid.orientation));
        view.grid = &grid;
        auto_(sheet) struct sheet *sheet = NULL;
        assert_int_equal(sheet_create(&view, 3, 1, &sheet, NULL), 0);
        assert_int_equal(sheet->flip_x, cases[i].flip_x);
        assert_int_equal(sheet->flip_y, cases[i].flip_y);
        assert_string_equal(sheet->mark_left, cases[i].left);
        assert_string_equal(sheet->mark_right, cases[i].right);
        assert_string_equal(sheet->mark_top, cases[i].top);
        synthetic_destroy(made);
    }
}

static void show_slices_from_foot_to_head(void **state)
{
    (void)state;
    struct synthetic_options options = {.n = 32, .slices = 4, .slice_mm = 5};
    for (int mirrored = 0; mirrored < 2; mirrored++) {
        options.is_mirrored = mirrored; // its first slice is the highest
        struct synthetic *made = synthetic_create(&options);
        auto_(sheet) struct sheet *sheet = NULL;
        assert_int_equal(sheet_create(synthetic_view(made), 4, 1, &sheet, NULL), 0);
        for (size_t k = 0; k < 4; k++)
            assert_int_equal(sheet->order[k], mirrored ? 3 - k : k);
        synthetic_destroy(made);
    }
}

static void a_refusal_says_why_and_shows_nothing_else(void **state)
{
    (void)state;
    struct synthetic_options options = TYPICAL;
    options.warns = true;
    struct synthetic *made = synthetic_create(&options);
    struct perfusion_view view = *synthetic_view(made);
    view.refusal =
        "no bolus: the brain rises by 1.2 HU, which is less than three times the noise "
        "of "
        "its mean; the injection may have failed, or the scan may have begun or ended "
        "before the contrast came; a scan of at least 25 s is wanted";
    struct page_list pages = {0};
    draw(&view, &pages);
    assert_int_equal(pages.count, 1);
    assert_string_equal(pages.items[0].name, "summary");
    pages_free(&pages);

    auto_(page) struct page *page = NULL;
    assert_int_equal(perfusion_draw_refusal(&view, &page, NULL), 0);
    assert_true(says(page, "Not analysed"));
    assert_true(says(page, "No bolus: the brain rises by 1.2 HU"));
    assert_true(says(page, "Truncation"));
    assert_false(says(page, "20.9"));
    check_texts("refusal", "summary", page);
    synthetic_destroy(made);
}

static void a_refusal_needs_nothing_but_its_reason(void **state)
{
    (void)state;
    struct perfusion_view view;
    perfusion_view_init(&view);
    view.title = "CT perfusion";
    view.product = "Hilum";
    view.refusal = "5 frames";
    struct page_list pages = {0};
    draw(&view, &pages);
    assert_int_equal(pages.count, 1);
    pages_free(&pages);
}

static void three_hundred_slices_are_shown_in_groups(void **state)
{
    (void)state;
    struct synthetic_options options = {.n = 64, .slices = 320, .slice_mm = 0.5};
    struct synthetic *made = synthetic_create(&options);
    auto_(perfusion_group) struct perfusion_group *group = NULL;
    assert_int_equal(perfusion_group_create(synthetic_view(made), 10, &group, NULL), 0);
    auto_(sheet) struct sheet *sheet = NULL;
    assert_int_equal(sheet_create(perfusion_group_view(group), 320, 10, &sheet, NULL), 0);
    auto_(page) struct page *page = NULL;
    assert_int_equal(perfusion_draw_summary(sheet, &page, NULL), 0);
    assert_true(says(page, "320 slices of 0.5 mm"));
    assert_true(says(page, "each picture is 10 slices, 5 mm"));
    check_texts("320 slices", "summary", page);
    synthetic_destroy(made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(are_those_promised_in_size_and_order),
        cmocka_unit_test(have_the_same_bytes_when_drawn_again),
        cmocka_unit_test(have_no_text_cut_off_or_over_another),
        cmocka_unit_test(say_what_a_physician_looks_for),
        cmocka_unit_test(show_the_patients_left_on_the_right_whichever_way_the_grid_lies),
        cmocka_unit_test(orient_any_grid_the_radiological_way),
        cmocka_unit_test(show_slices_from_foot_to_head),
        cmocka_unit_test(a_refusal_says_why_and_shows_nothing_else),
        cmocka_unit_test(a_refusal_needs_nothing_but_its_reason),
        cmocka_unit_test(three_hundred_slices_are_shown_in_groups),
    };
    return cmocka_run_group_tests_name("pages", tests, NULL, NULL);
}
