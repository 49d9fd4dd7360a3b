#include "pipeline/lib/page_chart.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>

#define TEXT_RGB    0xa9b3bd
#define GRID_RGB    0x39424c
#define LIMIT_RGB   0xffb020
#define TEXT_PX     16.0
#define TITLE_PX    19.0
#define TITLE_H     30.0
#define X_AXIS_H    26.0
#define Y_AXIS_W    64.0
#define RIGHT_EDGE  16.0
#define NOISE_SHARE 0.08 // of the top

struct range {
    double lo, hi;
};

struct chart_axis chart_axis_fit(double lo, double hi, int steps_max)
{
    static const double STEPS[] = {1, 2, 2.5, 5, 10};
    assert(isfinite(lo) && isfinite(hi) && lo <= hi && steps_max >= 2);

    if (hi == lo)
        hi += fmax(fabs(lo), 1) / 10;
    double decade = pow(10, floor(log10((hi - lo) / steps_max)));
    struct chart_axis axis = {0};
    for (int i = 0; i < 10; i++) {
        axis.step = STEPS[i % 5] * decade * (i < 5 ? 1 : 10);
        /* A hair of tolerance: 0.3 / 0.1 is 2.9999999999999996. */
        axis.lo = floor(lo / axis.step + 1e-9) * axis.step;
        axis.hi = ceil(hi / axis.step - 1e-9) * axis.step;
        if (axis.hi <= axis.lo)
            axis.hi = axis.lo + axis.step;
        if (lround((axis.hi - axis.lo) / axis.step) <= steps_max)
            break;
    }
    return axis;
}

double chart_axis_at(const struct chart_axis *axis, double value, double from, double to)
{
    return from + (value - axis->lo) / (axis->hi - axis->lo) * (to - from);
}

static void range_add(struct range *range, double value)
{
    if (!isfinite(value))
        return;
    range->lo = fmin(range->lo, value);
    range->hi = fmax(range->hi, value);
}

static struct range range_of(const struct chart *chart, int is_y)
{
    struct range range = {(double)INFINITY, -(double)INFINITY};
    for (size_t l = 0; l < CHART_LINES; l++) {
        const struct chart_line *line = &chart->lines[l];
        for (size_t i = 0; i < line->count; i++)
            range_add(&range, is_y ? (double)line->y[i] : line->x[i]);
    }
    if (is_y) {
        range_add(&range, 0);
        range_add(&range, chart->y_top_min);
        /* Noise about zero does not make the axis go below it. */
        if (range.lo > -NOISE_SHARE * range.hi)
            range.lo = 0;
    }
    return range.lo <= range.hi ? range : (struct range){0, 1};
}

static void format_number(double value, double step, char *ret, size_t size)
{
    int digits = step < 0.0999 ? 2 : step - floor(step) > 0.001 ? 1 : 0;
    snprintf(ret, size, "%s%.*f", value < -step / 2 ? "\u2212" : "", digits, fabs(value));
}

static void draw_y_axis(struct page *page, struct page_rect in,
                        const struct chart_axis *y, const char *unit)
{
    struct page_style style = page_style_plain(TEXT_PX, TEXT_RGB, PAGE_RIGHT);
    int steps = (int)lround((y->hi - y->lo) / y->step);
    for (int i = 0; i <= steps; i++) {
        double value = y->lo + i * y->step;
        double at = round(chart_axis_at(y, value, in.y + in.h, in.y)) + 0.5;
        struct page_point line[2] = {{in.x, at}, {in.x + in.w, at}};
        page_line(page, line, 2, (struct page_pen){GRID_RGB, 1, 1, 0});

        char number[32];
        format_number(value, y->step, number, sizeof(number));
        struct page_rect place = {in.x - Y_AXIS_W, at - 10, Y_AXIS_W - 8, 20};
        page_text(page, place, style, i == steps && unit ? unit : number);
    }
}

static void draw_x_axis(struct page *page, struct page_rect in,
                        const struct chart_axis *x, const struct range *range,
                        const char *unit)
{
    struct page_style style = page_style_plain(TEXT_PX, TEXT_RGB, PAGE_CENTRE);
    int steps = (int)floor((range->hi - x->lo) / x->step + 1e-9);
    for (int i = 0; i <= steps; i++) {
        double value = x->lo + i * x->step;
        double at = in.x + (value - range->lo) / (range->hi - range->lo) * in.w;
        if (at < in.x - 1)
            continue;
        char text[32], number[24];
        format_number(value, x->step, number, sizeof(number));
        snprintf(text, sizeof(text), "%s%s%s", number, i == steps ? " " : "",
                 i == steps && unit ? unit : "");
        page_text(page, (struct page_rect){at - 40, in.y + in.h + 4, 80, 20}, style,
                  text);
    }
}

static void draw_line(struct page *page, struct page_rect in,
                      const struct chart_line *line, const struct range *x,
                      const struct chart_axis *y)
{
    struct page_point last = {0};
    bool is_open = false;
    for (size_t i = 0; i < line->count; i++) {
        double value = (double)line->y[i];
        if (!isfinite(value)) {
            is_open = false;
            continue;
        }
        struct page_point at = {in.x + (line->x[i] - x->lo) / (x->hi - x->lo) * in.w,
                                chart_axis_at(y, value, in.y + in.h, in.y)};
        if (is_open)
            page_line(page, (struct page_point[2]){last, at}, 2,
                      (struct page_pen){line->rgb, 2.5, 1, 0});
        last = at;
        is_open = true;
    }
}

static size_t draw_ticks(struct page *page, struct page_rect in,
                         const struct chart *chart, const struct range *x)
{
    const struct chart_line *line = &chart->lines[0];
    size_t n = 0;
    for (size_t i = 0; chart->marked && i < line->count; i++) {
        if (!chart->marked[i])
            continue;
        double at = in.x + (line->x[i] - x->lo) / (x->hi - x->lo) * in.w;
        struct page_point tick[3] = {
            {at, in.y + in.h - 12}, {at - 6, in.y + in.h}, {at + 6, in.y + in.h}};
        page_polygon(page, tick, 3, LIMIT_RGB, 1);
        n++;
    }
    return n;
}

static double draw_key(struct page *page, struct page_rect rect, double right,
                       const char *label, uint32_t rgb)
{
    struct page_style style = page_style_bold(TITLE_PX - 2, rgb, PAGE_RIGHT);
    double width = page_text_width(page, style, label) + 1;
    page_text(page, (struct page_rect){right - width, rect.y, width, TITLE_H}, style,
              label);
    return right - width - 18;
}

static void draw_legend(struct page *page, struct page_rect rect,
                        const struct chart *chart, bool is_marked)
{
    double right = rect.x + rect.w - RIGHT_EDGE;
    if (is_marked)
        right = draw_key(page, rect, right, chart->marked_label, LIMIT_RGB);
    for (size_t l = CHART_LINES; l-- > 0;) {
        const struct chart_line *line = &chart->lines[l];
        if (line->count > 0)
            right = draw_key(page, rect, right, line->label, line->rgb);
    }
    struct page_style title = page_style_plain(TITLE_PX, TEXT_RGB, PAGE_LEFT);
    page_text(page, (struct page_rect){rect.x, rect.y, right - rect.x, TITLE_H}, title,
              chart->title);
}

void chart_draw(struct page *page, struct page_rect rect, const struct chart *chart)
{
    struct page_rect in = {rect.x + Y_AXIS_W, rect.y + TITLE_H + 6,
                           rect.w - Y_AXIS_W - RIGHT_EDGE,
                           rect.h - TITLE_H - X_AXIS_H - 6};
    struct range x = range_of(chart, 0);
    struct range y = range_of(chart, 1);
    if (x.hi <= x.lo)
        x.hi = x.lo + 1;
    struct chart_axis x_axis = chart_axis_fit(x.lo, x.hi, 8);
    struct chart_axis y_axis =
        chart_axis_fit(y.lo, y.hi, (int)fmax(2, fmin(6, in.h / 30)));

    draw_legend(page, rect, chart, draw_ticks(page, in, chart, &x) > 0);
    draw_y_axis(page, in, &y_axis, chart->y_unit);
    draw_x_axis(page, in, &x_axis, &x, chart->x_unit);
    if (isfinite(chart->limit) && chart->limit >= y_axis.lo
        && chart->limit <= y_axis.hi) {
        double at = chart_axis_at(&y_axis, chart->limit, in.y + in.h, in.y);
        page_line(page, (struct page_point[2]){{in.x, at}, {in.x + in.w, at}}, 2,
                  (struct page_pen){LIMIT_RGB, 1.5, 1, 6});
    }
    page_clip(page, (struct page_rect){in.x - 2, in.y - 2, in.w + 4, in.h + 4});
    for (size_t l = 0; l < CHART_LINES; l++)
        draw_line(page, in, &chart->lines[l], &x, &y_axis);
    page_unclip(page);
}
