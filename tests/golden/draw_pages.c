/* draw_pages: draw the pages of made-up studies as PNG files, to be looked at and compared. */
#include "base/err.h"
#include "pipeline/lib/page.h"
#include "tests/golden/synthetic_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
    const char *name;
    struct synthetic_options options;
    const char *refusal;
} CASES[] = {
    {"typical", {.n = 256, .slices = 16, .slice_mm = 5}, NULL},
    {"warns", {.n = 256, .slices = 16, .slice_mm = 5, .warns = true}, NULL},
    {"healthy", {.n = 256, .slices = 16, .slice_mm = 5, .is_healthy = true}, NULL},
    {"mirrored", {.n = 192, .slices = 12, .slice_mm = 6, .is_mirrored = true}, NULL},
    {"few", {.n = 256, .slices = 4, .slice_mm = 10}, NULL},
    {"thin", {.n = 128, .slices = 320, .slice_mm = 0.5}, NULL},
    {"bare", {.n = 128, .slices = 8, .slice_mm = 5, .is_bare = true}, NULL},
    {"extreme",
     {.n = 128, .slices = 20, .slice_mm = 5, .warns = true, .is_extreme = true},
     NULL},
    {"relative", {.n = 128, .slices = 20, .slice_mm = 5, .is_relative = true}, NULL},
    {"refused",
     {.n = 128, .slices = 8, .slice_mm = 5, .warns = true},
     "no bolus: the brain rises by 1.2 HU, less than three times the noise of its mean"},
};

static int write_pages(const char *folder, const char *name,
                       const struct page_list *pages, struct err *err)
{
    for (size_t i = 0; i < pages->count; i++) {
        char path[4096];
        snprintf(path, sizeof(path), "%s/%s-%s.png", folder, name, pages->items[i].name);
        int r = page_write_png(&pages->items[i], path, err);
        if (r < 0)
            return r;
        puts(path);
    }
    return 0;
}

static int draw_case(const char *folder, size_t i, struct err *err)
{
    struct synthetic *made = synthetic_create(&CASES[i].options);
    struct perfusion_view view = *synthetic_view(made);
    view.refusal = CASES[i].refusal;

    struct page_list pages = {0};
    clock_t began = clock();
    int r = perfusion_pages_draw(&view, &pages, err);
    fprintf(stderr, "%s: %zu pages, %.3f s\n", CASES[i].name, pages.count,
            (double)(clock() - began) / CLOCKS_PER_SEC);
    if (r == 0)
        r = write_pages(folder, CASES[i].name, &pages, err);
    for (size_t p = 0; p < pages.count; p++)
        free(pages.items[p].rgb);
    page_list_finish(&pages);
    synthetic_destroy(made);
    return r;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: draw_pages FOLDER [CASE]\n");
        return 2;
    }
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct err err = {0};
        if (argc > 2 && strcmp(argv[2], CASES[i].name) != 0)
            continue;
        if (draw_case(argv[1], i, &err) < 0) {
            fprintf(stderr, "draw_pages: %s: %s\n", CASES[i].name, err.text);
            return 1;
        }
    }
    return 0;
}
