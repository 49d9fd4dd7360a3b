#include "tests/unit/test.h"

#include "base/err.h"
#include "base/result.h"
#include "pipeline/lib/page_picture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const uint8_t *pixel(const struct result_page *page, double x, double y)
{
    return page->rgb + 3 * ((size_t)y * page->width + (size_t)x);
}

static struct page *make(void)
{
    struct page *page = NULL;
    struct err err = {0};
    if (page_create("test", "Test", 200, 120, 0x102030, &page, &err) < 0)
        fail_msg("%s", err.text);
    return page;
}

static void starts_with_its_background_and_keeps_its_colours(void **state)
{
    (void)state;
    auto_(page) struct page *page = make();
    page_fill(page, (struct page_rect){50, 20, 30, 30}, 0, 0xff8001, 1);
    struct result_page done = {0};
    assert_int_equal(page_finish(page, &done, NULL), 0);
    assert_int_equal(done.width, 200);
    assert_int_equal(done.height, 120);
    static const uint8_t background[3] = {0x10, 0x20, 0x30}, box[3] = {0xff, 0x80, 0x01};
    assert_memory_equal(pixel(&done, 10, 10), background, 3);
    assert_memory_equal(pixel(&done, 60, 30), box, 3);
    free(done.rgb);
}

static void sets_long_text_smaller_then_cuts_it(void **state)
{
    (void)state;
    static const struct {
        double width;
        bool is_cut;
    } cases[] = {{195, false}, {120, false}, {60, true}};
    static const char TEXT[] = "Mismatch volume";
    struct page_style style = page_style_plain(18, 0xffffff, PAGE_LEFT);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        auto_(page) struct page *page = make();
        double used =
            page_text(page, (struct page_rect){2, 10, cases[i].width, 30}, style, TEXT);
        size_t n = 0;
        const struct page_said *said = page_said(page, &n);
        assert_int_equal(n, 1);
        assert_string_equal(said[0].text, TEXT);
        assert_int_equal(said[0].is_cut, cases[i].is_cut);
        assert_true(used <= cases[i].width + 1);
        assert_true(said[0].rect.x >= 1
                    && said[0].rect.x + said[0].rect.w <= 3 + cases[i].width);
    }
}

static void aligns_text_in_its_place(void **state)
{
    (void)state;
    struct page_rect rects[3];
    for (int align = PAGE_LEFT; align <= PAGE_RIGHT; align++) {
        auto_(page) struct page *page = make();
        page_text(page, (struct page_rect){20, 40, 160, 30},
                  page_style_bold(20, 0xffffff, (enum page_align)align), "20.9");
        size_t n = 0;
        rects[align] = page_said(page, &n)[0].rect;
    }
    assert_true(fabs(rects[PAGE_LEFT].x - 20) < 3);
    assert_true(fabs(rects[PAGE_RIGHT].x + rects[PAGE_RIGHT].w - 180) < 3);
    assert_true(fabs(rects[PAGE_CENTRE].x + rects[PAGE_CENTRE].w / 2 - 100) < 3);
    assert_true(fabs(rects[PAGE_LEFT].y + rects[PAGE_LEFT].h / 2 - 55) < 3);
}

/* One bright voxel of 8 x 6, cropped and flipped every way. */
static void shows_a_voxel_where_it_says_that_it_lands(void **state)
{
    (void)state;
    float values[6 * 8] = {0};
    values[2 * 8 + 5] = 1;
    for (int flips = 0; flips < 4; flips++) {
        struct page_place place = {.dst = {30, 10, 120, 100},
                                   .nx = 8,
                                   .ny = 6,
                                   .crop = {1, -1, 6, 5},
                                   .flip_x = flips & 1,
                                   .flip_y = flips & 2};
        auto_(page) struct page *page = make();
        struct picture_scale scale = {COLOUR_MAP_GREY, 0, 1};
        picture_values(page, &place, values, NULL, scale);
        struct result_page done = {0};
        assert_int_equal(page_finish(page, &done, NULL), 0);
        struct page_point at = page_place_point(&place, 5, 2);
        struct page_point other = page_place_point(&place, 3, 2);
        assert_true(pixel(&done, at.x, at.y)[0] > 220);
        assert_true(pixel(&done, other.x, other.y)[0] < 20);
        free(done.rgb);
    }
}

static void leaves_what_lies_outside_a_mask(void **state)
{
    (void)state;
    static const float values[4] = {1, (float)NAN, 1, 1};
    static const uint8_t mask[4] = {1, 1, 0, 1};
    struct page_place place = {
        .dst = {0, 0, 80, 80}, .nx = 2, .ny = 2, .crop = {0, 0, 2, 2}};
    auto_(page) struct page *page = make();
    picture_values(page, &place, values, mask,
                   (struct picture_scale){COLOUR_MAP_GREY, 0, 1});
    struct result_page done = {0};
    assert_int_equal(page_finish(page, &done, NULL), 0);
    assert_true(pixel(&done, 20, 20)[0] > 230);
    assert_true(pixel(&done, 60, 20)[0] < 20); // NAN is shown as 0
    static const uint8_t background[3] = {0x10, 0x20, 0x30};
    for (int i = 0; i < 3; i++)
        assert_true(abs(pixel(&done, 20, 60)[i] - background[i]) < 20);
    free(done.rgb);
}

static void writes_a_png_or_says_why_not(void **state)
{
    (void)state;
    auto_(page) struct page *page = make();
    struct result_page done = {0};
    assert_int_equal(page_finish(page, &done, NULL), 0);
    char path[] = "/tmp/hilum-page-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(page_write_png(&done, path, NULL), 0);
    /* Signature, then IHDR with width and height, big-endian. */
    static const uint8_t expect[24] = {0x89, 'P', 'N', 'G', 13,  10,  26,  10,
                                       0,    0,   0,   13,  'I', 'H', 'D', 'R',
                                       0,    0,   0,   200, 0,   0,   0,   120};
    uint8_t head[24];
    assert_int_equal(read(fd, head, sizeof(head)), sizeof(head));
    assert_memory_equal(head, expect, sizeof(head));
    close(fd);
    unlink(path);

    struct err err = {0};
    assert_int_equal(page_write_png(&done, "/nowhere/page.png", &err), ERR_IO);
    assert_non_null(strstr(err.text, "/nowhere/page.png"));
    free(done.rgb);
}

static void remembers_that_memory_ran_out(void **state)
{
    (void)state;
    auto_(page) struct page *page = make();
    page_fail(page);
    struct result_page done = {0};
    assert_int_equal(page_finish(page, &done, NULL), ERR_NOMEM);
    assert_null(done.rgb);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_with_its_background_and_keeps_its_colours),
        cmocka_unit_test(sets_long_text_smaller_then_cuts_it),
        cmocka_unit_test(aligns_text_in_its_place),
        cmocka_unit_test(shows_a_voxel_where_it_says_that_it_lands),
        cmocka_unit_test(leaves_what_lies_outside_a_mask),
        cmocka_unit_test(writes_a_png_or_says_why_not),
        cmocka_unit_test(remembers_that_memory_ran_out),
    };
    return cmocka_run_group_tests_name("page", tests, NULL, NULL);
}
