#include "pipeline/perfusion/perfusion_sheet.h"

#include "base/err.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define CROP_MARGIN 0.04 // of the width of the brain, left free around it
#define MARK_ALL_PX \
    300.0 // tiles wider than that have A besides R and L; P would lie on the sinus

const uint32_t SHEET_TMAX_RGB[PERFUSION_LEVELS] = {0x3f7dff, SHEET_HYPO_RGB, 0xffe14a,
                                                   0xff4d3d};
const uint32_t SHEET_RCBF_RGB[PERFUSION_LEVELS] = {0x5a52d8, 0xa04be6, SHEET_CORE_RGB,
                                                   0xffd3ea};

static int dominant(const double v[3])
{
    int axis = 0;
    for (int i = 1; i < 3; i++) {
        if (fabs(v[i]) > fabs(v[axis]))
            axis = i;
    }
    return axis;
}

/* Radiological: columns run to the patient's left, rows to the back or the feet. */
static void orient(struct sheet *sheet, const struct grid *grid)
{
    static const char *const PLUS[3] = {"L", "P", "S"}, *const MINUS[3] = {"R", "A", "I"};
    const double *x = grid->orientation;
    const double *y = grid->orientation + 3;
    int ax = dominant(x);
    int ay = dominant(y);

    bool x_is_plus = ax != 2;
    bool y_is_plus = ay != 2;
    sheet->flip_x = (x[ax] > 0) != x_is_plus;
    sheet->flip_y = (y[ay] > 0) != y_is_plus;
    sheet->mark_left = x_is_plus ? MINUS[ax] : PLUS[ax];
    sheet->mark_right = x_is_plus ? PLUS[ax] : MINUS[ax];
    sheet->mark_top = y_is_plus ? MINUS[ay] : PLUS[ay];

    double normal[3];
    grid_normal(grid, normal);
    sheet->axis = dominant(normal);
}

/* Insertion sort: slices come sorted, or sorted the other way round. */
static void order_slices(struct sheet *sheet, const struct grid *grid)
{
    for (size_t i = 0; i < grid->nz; i++) {
        double at = grid->position_mm[i][sheet->axis];
        size_t k = i;
        for (; k > 0 && grid->position_mm[sheet->order[k - 1]][sheet->axis] > at; k--)
            sheet->order[k] = sheet->order[k - 1];
        sheet->order[k] = i;
    }
}

struct box {
    size_t x0, x1, y0, y1; // first and last
};

static struct box brain_box(const struct grid *grid, const uint8_t *brain)
{
    struct box all = {0, grid->nx - 1, 0, grid->ny - 1};
    struct box box = {grid->nx, 0, grid->ny, 0};
    size_t n = brain ? grid_voxels(grid) : 0;
    for (size_t i = 0; i < n; i++) {
        if (!brain[i])
            continue;
        size_t x = i % grid->nx;
        size_t y = i / grid->nx % grid->ny;
        box.x0 = x < box.x0 ? x : box.x0;
        box.x1 = x > box.x1 ? x : box.x1;
        box.y0 = y < box.y0 ? y : box.y0;
        box.y1 = y > box.y1 ? y : box.y1;
    }
    return box.x0 <= box.x1 ? box : all;
}

static void crop(struct sheet *sheet, const struct grid *grid, const uint8_t *brain)
{
    struct box box = brain_box(grid, brain);
    double w = (double)(box.x1 - box.x0 + 1);
    double h = (double)(box.y1 - box.y0 + 1);
    double edge = CROP_MARGIN * w;
    double edge_y = edge * grid->spacing_mm[0] / grid->spacing_mm[1];
    sheet->crop = (struct page_rect){(double)box.x0 - edge, (double)box.y0 - edge_y,
                                     w + 2 * edge, h + 2 * edge_y};
    sheet->aspect =
        sheet->crop.h * grid->spacing_mm[1] / (sheet->crop.w * grid->spacing_mm[0]);
}

#define BINS 512

static bool counts_for_window(const struct perfusion_view *view, size_t i)
{
    return (!view->brain || view->brain[i]) && isfinite(view->anatomy[i]);
}

/* The bin within which the share of all counts is reached, from the lowest bin. */
static size_t find_share(const size_t counts[BINS], size_t total, double share)
{
    size_t b = 0;
    for (size_t below = counts[0]; b < BINS - 1 && (double)below < share * (double)total;)
        below += counts[++b];
    return b;
}

/* Where no window is given: the brain's own range without its outermost 1 %, and 15 % more on
 * either side, by a histogram. */
static void find_window(struct sheet *sheet, const struct perfusion_view *view)
{
    size_t counts[BINS] = {0}, total = 0, n = grid_voxels(view->grid);
    float lo = (float)INFINITY, hi = -(float)INFINITY;
    for (size_t i = 0; i < n; i++) {
        if (counts_for_window(view, i)) {
            lo = fminf(lo, view->anatomy[i]);
            hi = fmaxf(hi, view->anatomy[i]);
        }
    }
    if (!(hi > lo)) {
        sheet->window_lo = 0;
        sheet->window_hi = 1;
        return;
    }
    float step = (hi - lo) / (BINS - 1);
    for (size_t i = 0; i < n; i++) {
        if (counts_for_window(view, i)) {
            counts[(size_t)((view->anatomy[i] - lo) / step)]++;
            total++;
        }
    }
    float low = lo + step * (float)find_share(counts, total, 0.01);
    float high = lo + step * (float)find_share(counts, total, 0.99);
    float more = fmaxf(0.15f * (high - low), step);
    sheet->window_lo = low - more;
    sheet->window_hi = high + more;
}

int sheet_create(const struct perfusion_view *view, size_t source_slices, size_t group,
                 struct sheet **ret, struct err *err)
{
    auto_(sheet) struct sheet *sheet = calloc(1, sizeof(*sheet));
    if (!sheet)
        return err_set(err, ERR_NOMEM, "pages");
    sheet->order = calloc(view->grid->nz, sizeof(*sheet->order));
    if (!sheet->order)
        return err_set(err, ERR_NOMEM, "pages of %zu slices", view->grid->nz);

    sheet->view = view;
    sheet->source_slices = source_slices;
    sheet->group = group;
    orient(sheet, view->grid);
    order_slices(sheet, view->grid);
    crop(sheet, view->grid, view->brain);
    sheet->window_lo = view->window_lo;
    sheet->window_hi = view->window_hi;
    if (!(view->window_hi > view->window_lo))
        find_window(sheet, view);
    *ret = take(sheet);
    return 0;
}

void sheet_destroy(struct sheet *sheet)
{
    if (!sheet)
        return;
    free(sheet->order);
    free(sheet);
}

struct sheet_tiles sheet_tiles_fit(struct page_rect area, size_t n, double aspect)
{
    struct sheet_tiles best = {0};
    for (size_t columns = 1; columns <= n; columns++) {
        size_t rows = (n + columns - 1) / columns;
        double gap = 4;
        double w = (area.w - gap * (double)(columns - 1)) / (double)columns;
        double h = (area.h - gap * (double)(rows - 1)) / (double)rows;
        w = floor(fmin(w, h / aspect));
        if (w <= best.w)
            continue;
        best = (struct sheet_tiles){columns, rows, 0, 0, w, floor(w * aspect), gap};
    }
    double wide = (best.w + best.gap) * (double)best.columns - best.gap;
    best.x = floor(area.x + (area.w - wide) / 2);
    best.y = area.y;
    return best;
}

struct page_rect sheet_tile_rect(const struct sheet_tiles *tiles, size_t i)
{
    return (struct page_rect){
        tiles->x + (tiles->w + tiles->gap) * (double)(i % tiles->columns),
        tiles->y + (tiles->h + tiles->gap) * (double)(i / tiles->columns), tiles->w,
        tiles->h};
}

struct page_place sheet_place(const struct sheet *sheet, struct page_rect rect)
{
    const struct grid *grid = sheet->view->grid;
    return (struct page_place){.dst = rect,
                               .nx = grid->nx,
                               .ny = grid->ny,
                               .crop = sheet->crop,
                               .flip_x = sheet->flip_x,
                               .flip_y = sheet->flip_y};
}

const uint8_t *sheet_mask(const struct sheet *sheet, const uint8_t *mask, size_t z)
{
    return mask + z * sheet->view->grid->nx * sheet->view->grid->ny;
}

const float *sheet_values(const struct sheet *sheet, const float *values, size_t z)
{
    return values + z * sheet->view->grid->nx * sheet->view->grid->ny;
}

void sheet_draw_anatomy(const struct sheet *sheet, struct page *page,
                        const struct page_place *place, size_t z)
{
    struct picture_scale scale = {COLOUR_MAP_GREY, (double)sheet->window_lo,
                                  (double)sheet->window_hi};
    page_fill(page, place->dst, 0, 0x000000, 1);
    picture_values(page, place, sheet_values(sheet, sheet->view->anatomy, z), NULL,
                   scale);
}

void sheet_draw_labels(const struct sheet *sheet, struct page *page,
                       struct page_rect rect, size_t i)
{
    double size = rect.w > 150 ? 16 : 13;
    double mm = sheet->view->grid->position_mm[sheet->order[i]][sheet->axis];
    struct page_style style = page_style_plain(size, 0xe8ecf0, PAGE_LEFT);
    style.has_halo = true;
    struct page_rect top = {rect.x + 5, rect.y + 2, rect.w - 10, size + 6};
    struct page_rect middle = {rect.x + 4, rect.y + rect.h / 2 - 12, rect.w - 8, 24};
    page_textf(page, top, style, "%zu", i + 1);
    page_text(page, middle, style, sheet->mark_left);

    if (rect.w > MARK_ALL_PX) {
        style.align = PAGE_CENTRE;
        page_text(page, top, style, sheet->mark_top);
    }
    style.align = PAGE_RIGHT;
    page_textf(page, top, style, "%s%.1f", mm < -0.05 ? "\u2212" : "", fabs(mm));
    page_text(page, middle, style, sheet->mark_right);
}

/* The midline n . p = c in slice z is a line a x + b y = d in voxels. */
void sheet_draw_midline(const struct sheet *sheet, struct page *page,
                        const struct page_place *place, size_t z)
{
    const struct perfusion_plane *plane = sheet->view->midline;
    const struct grid *grid = sheet->view->grid;
    if (!plane)
        return;
    double a = 0, b = 0, d = plane->offset_mm;
    for (int i = 0; i < 3; i++) {
        a += plane->normal[i] * grid->orientation[i] * grid->spacing_mm[0];
        b += plane->normal[i] * grid->orientation[i + 3] * grid->spacing_mm[1];
        d -= plane->normal[i] * grid->position_mm[z][i];
    }
    struct page_point ends[2];
    double nx = (double)grid->nx, ny = (double)grid->ny;
    if (fabs(a) > fabs(b)) {
        ends[0] = page_place_point(place, d / a, 0);
        ends[1] = page_place_point(place, (d - b * ny) / a, ny);
    } else if (b != 0) {
        ends[0] = page_place_point(place, 0, d / b);
        ends[1] = page_place_point(place, nx, (d - a * nx) / b);
    } else {
        return;
    }
    page_clip(page, place->dst);
    page_line(page, ends, 2, (struct page_pen){0xffffff, 1, 0.45, 6});
    page_unclip(page);
}

void sheet_format(double value, char ret[32])
{
    if (!isfinite(value))
        snprintf(ret, 32, "\u2013");
    else if (fabs(value) < 0.05)
        snprintf(ret, 32, "0");
    else
        snprintf(ret, 32, "%s%.*f", value < 0 ? "\u2212" : "",
                 fabs(value) < 99.95 ? 1 : 0, fabs(value));
}

static bool is_acronym(const char *word, size_t length)
{
    static const char *const ACRONYMS[] = {"aif", "vof", "csf", "snr", "cbf", "cbv"};
    for (size_t i = 0; i < sizeof(ACRONYMS) / sizeof(ACRONYMS[0]); i++) {
        if (length == strlen(ACRONYMS[i]) && strncmp(word, ACRONYMS[i], length) == 0)
            return true;
    }
    return false;
}

void sheet_name_check(const char *check, char ret[64])
{
    snprintf(ret, 64, "%s", check);
    for (char *word = ret; *word;) {
        size_t length = strcspn(word, "_");
        size_t capitals = is_acronym(word, length) ? length : word == ret ? 1 : 0;
        for (size_t i = 0; i < capitals; i++)
            word[i] = (char)toupper((unsigned char)word[i]);
        word += length;
        if (*word)
            *word++ = ' ';
    }
}
