#include "pipeline/perfusion/frame_table.h"

#include "base/err.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const double SAME_PLACE_MM = 0.2; // slices of a volume scan are 0.5 mm apart
static const double SAME_TURN = 2e-3;    // of a direction cosine
static const double SAME_TIME_S = 0.05;
static const double DAY_S = 86400.0;
static const double PAUSE_S = 60.0; // longer ones end a scan: no protocol waits so long

struct seen {
    size_t frame;
    double place_mm, time_s;
    size_t slice;
};

struct sorting {
    const struct series *series;
    const struct series_frame *model; // whose orientation counts
    struct seen *seen;                // [count]
    size_t count;
    size_t *first; // [slices + 1] into seen, sorted by slice and time
    size_t slices;
    size_t *series_frames; // [series count] how many frames each has
};

/* ---- clocks ---- */

typedef double clock_of(const struct time_facts *time);

static double clock_acquisition(const struct time_facts *time)
{
    return time->acquisition_s;
}

static double clock_content(const struct time_facts *time)
{
    return time->content_s;
}

static double clock_trigger(const struct time_facts *time)
{
    return time->trigger_ms / 1000.0;
}

static clock_of *const CLOCKS[] = {clock_acquisition, clock_content, clock_trigger};

/* ---- order ---- */

static int compare(double a, double b)
{
    return (a > b) - (a < b);
}

/** Ties are broken by what the object says and last by its UID, never by the order of arrival. */
static int by_place(const void *a, const void *b)
{
    const struct seen *x = a, *y = b;
    return compare(x->place_mm, y->place_mm);
}

static int by_slice_time(const void *a, const void *b)
{
    const struct seen *x = a, *y = b;
    if (x->slice != y->slice)
        return x->slice < y->slice ? -1 : 1;
    const int order = compare(x->time_s, y->time_s);
    return order ? order : (x->frame > y->frame) - (x->frame < y->frame);
}

static int by_number(const void *a, const void *b)
{
    return compare(*(const double *)a, *(const double *)b);
}

static double median(double *v, size_t n)
{
    qsort(v, n, sizeof(*v), by_number);
    return n ? v[n / 2] : 0.0;
}

/* ---- place ---- */

static bool is_parallel(const struct plane_facts *a, const struct plane_facts *b)
{
    for (int i = 0; i < 6; i++) {
        if (fabs(a->orientation[i] - b->orientation[i]) > SAME_TURN)
            return false;
    }
    return fabs(a->spacing_mm[0] - b->spacing_mm[0]) < 1e-3
           && fabs(a->spacing_mm[1] - b->spacing_mm[1]) < 1e-3;
}

static double place_of(const struct plane_facts *plane, const struct plane_facts *model)
{
    const double *x = model->orientation, *y = x + 3, *p = plane->position_mm;
    return p[0] * (x[1] * y[2] - x[2] * y[1]) + p[1] * (x[2] * y[0] - x[0] * y[2])
           + p[2] * (x[0] * y[1] - x[1] * y[0]);
}

/** The frame whose orientation most of a sample of frames share. */
static const struct series_frame *find_model(const struct series *series)
{
    const struct series_frame *best = NULL;
    size_t best_votes = 0;
    const size_t step = series->frame_count / 64 + 1;
    for (size_t i = 0; i < series->frame_count; i += step) {
        const struct series_frame *f = &series->frames[i];
        size_t votes = 0;
        for (size_t j = 0; f->plane.is_valid && j < series->frame_count; j++)
            votes += series->frames[j].plane.is_valid
                     && is_parallel(&series->frames[j].plane, &f->plane);
        if (votes > best_votes) {
            best = f;
            best_votes = votes;
        }
        if (best_votes * 2 > series->frame_count)
            break;
    }
    return best;
}

/** Number the slices by place; returns how many. */
static size_t number_slices(struct seen *seen, size_t count)
{
    qsort(seen, count, sizeof(*seen), by_place);
    size_t slice = 0;
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && seen[i].place_mm - seen[i - 1].place_mm > SAME_PLACE_MM)
            slice++;
        seen[i].slice = slice;
    }
    return count ? slice + 1 : 0;
}

/* ---- time ---- */

/** How many frames differ in time from the one before of their slice. */
static size_t count_ticks(struct sorting *s, clock_of *clock)
{
    for (size_t i = 0; i < s->count; i++)
        s->seen[i].time_s = clock(&s->series->frames[s->seen[i].frame].time);
    size_t ticks = 0;
    for (size_t i = 0; i < s->count; i++) {
        if (isnan(s->seen[i].time_s))
            return 0;
    }
    qsort(s->seen, s->count, sizeof(*s->seen), by_slice_time);
    for (size_t i = 1; i < s->count; i++)
        ticks += s->seen[i].slice == s->seen[i - 1].slice
                 && s->seen[i].time_s - s->seen[i - 1].time_s > SAME_TIME_S;
    return ticks;
}

/** A scan over midnight whose date did not move on. */
static void unwrap_midnight(struct sorting *s)
{
    double lo = HUGE_VAL, hi = -HUGE_VAL;
    for (size_t i = 0; i < s->count; i++) {
        lo = fmin(lo, s->seen[i].time_s);
        hi = fmax(hi, s->seen[i].time_s);
    }
    if (hi - lo < 0.5 * DAY_S || hi - lo > DAY_S)
        return;
    for (size_t i = 0; i < s->count; i++)
        s->seen[i].time_s += s->seen[i].time_s - lo < 0.5 * DAY_S ? DAY_S : 0.0;
    qsort(s->seen, s->count, sizeof(*s->seen), by_slice_time);
}

/** Take the clock that ticks most often, the first of equals. */
static int read_clock(struct sorting *s, double *ret_start_s, struct err *err)
{
    size_t best_ticks = 0;
    size_t best = 0;
    for (size_t c = 0; c < sizeof(CLOCKS) / sizeof(*CLOCKS); c++) {
        const size_t ticks = count_ticks(s, CLOCKS[c]);
        if (ticks > best_ticks) {
            best_ticks = ticks;
            best = c;
        }
    }
    if (best_ticks == 0)
        return err_set(err, ERR_UNSUPPORTED, "no slice was imaged at several times");
    count_ticks(s, CLOCKS[best]);
    unwrap_midnight(s);
    double start_s = HUGE_VAL;
    for (size_t i = 0; i < s->count; i++)
        start_s = fmin(start_s, s->seen[i].time_s);
    for (size_t i = 0; i < s->count; i++)
        s->seen[i].time_s -= start_s;
    *ret_start_s = CLOCKS[best] == clock_trigger ? (double)NAN : start_s;
    return 0;
}

/** Keep the longest scan of those that pauses part, the last of equals: before and after it the
 * same slices are imaged without contrast, or the injection failed and all was repeated. */
static int keep_one_scan(struct sorting *s, double *start_s, struct err *err)
{
    double *times = malloc(s->count * sizeof(*times));
    if (!times)
        return err_set(err, ERR_NOMEM, "%zu frames", s->count);
    for (size_t i = 0; i < s->count; i++)
        times[i] = s->seen[i].time_s;
    qsort(times, s->count, sizeof(*times), by_number);
    size_t best = 0, best_frames = 0;
    for (size_t i = 0, end; i < s->count; i = end) {
        end = i + 1;
        while (end < s->count && times[end] - times[end - 1] <= PAUSE_S)
            end++;
        if (end - i >= best_frames) {
            best = i;
            best_frames = end - i;
        }
    }
    const double lo = times[best], hi = times[best + best_frames - 1];
    free(times);
    size_t n = 0;
    for (size_t i = 0; i < s->count; i++) {
        if (s->seen[i].time_s >= lo && s->seen[i].time_s <= hi) {
            s->seen[n] = s->seen[i];
            s->seen[n++].time_s -= lo;
        }
    }
    s->count = n;
    *start_s += lo;
    return 0;
}

static int count_series(struct sorting *s, struct err *err)
{
    s->series_frames = calloc(s->series->series_count + 1, sizeof(*s->series_frames));
    if (!s->series_frames)
        return err_set(err, ERR_NOMEM, "%zu series", s->series->series_count);
    for (size_t i = 0; i < s->count; i++) {
        const int of = s->series->frames[s->seen[i].frame].series;
        if (of >= 0 && (size_t)of < s->series->series_count)
            s->series_frames[of]++;
    }
    return 0;
}

static size_t frames_of_series(const struct sorting *s, const struct series_frame *f)
{
    const bool is_known = f->series >= 0 && (size_t)f->series < s->series->series_count;
    return is_known ? s->series_frames[f->series] : 0;
}

/** Whether a stands for a slice and time rather than b: that of the longer series, so that two
 * reconstructions are not mixed; then by UID, never by the order of arrival. */
static bool is_preferred(const struct sorting *s, size_t a, size_t b)
{
    const struct series_frame *x = &s->series->frames[a], *y = &s->series->frames[b];
    const size_t nx = frames_of_series(s, x), ny = frames_of_series(s, y);
    if (nx != ny)
        return nx > ny;
    if (x->series != y->series && (size_t)x->series < s->series->series_count
        && (size_t)y->series < s->series->series_count)
        return strcmp(s->series->series_uids[x->series],
                      s->series->series_uids[y->series])
               < 0;
    return strcmp(x->sop_uid, y->sop_uid) < 0
           || (strcmp(x->sop_uid, y->sop_uid) == 0 && x->frame_number < y->frame_number);
}

/** Drop frames of the same slice and time but the preferred one. */
static size_t drop_doubled(struct sorting *s)
{
    size_t n = 0, doubled = 0;
    for (size_t i = 0; i < s->count; i++) {
        struct seen *last = n ? &s->seen[n - 1] : NULL;
        if (!last || last->slice != s->seen[i].slice
            || s->seen[i].time_s - last->time_s > SAME_TIME_S) {
            s->seen[n++] = s->seen[i];
            continue;
        }
        doubled++;
        if (is_preferred(s, s->seen[i].frame, last->frame))
            last->frame = s->seen[i].frame;
    }
    s->count = n;
    return doubled;
}

/** Drop slices seen far less often than most: a localizer, a scan without contrast. */
static int drop_rare(struct sorting *s, size_t times_min, size_t *ret_nt, struct err *err)
{
    size_t *times = calloc(s->slices + 1, sizeof(*times));
    if (!times)
        return err_set(err, ERR_NOMEM, "%zu slices", s->slices);
    size_t nt = 0;
    for (size_t i = 0; i < s->count; i++) {
        const size_t n = ++times[s->seen[i].slice];
        nt = n > nt ? n : nt;
    }
    size_t n = 0, slice = 0;
    for (size_t i = 0; i < s->count; i++) {
        if (2 * times[s->seen[i].slice] < nt)
            continue;
        const size_t was = s->seen[i].slice;
        if (n > 0 && i > 0 && s->seen[i - 1].slice != was)
            slice++;
        s->seen[n] = s->seen[i];
        s->seen[n++].place_mm = (double)slice;
    }
    for (size_t i = 0; i < n; i++)
        s->seen[i].slice = (size_t)s->seen[i].place_mm;
    free(times);
    s->count = n;
    s->slices = n ? slice + 1 : 0;
    *ret_nt = nt;
    return nt >= times_min
               ? 0
               : err_set(err, ERR_UNSUPPORTED,
                         "%zu time points; perfusion needs at least %zu", nt, times_min);
}

static int index_slices(struct sorting *s, struct err *err)
{
    s->first = calloc(s->slices + 1, sizeof(*s->first));
    if (!s->first)
        return err_set(err, ERR_NOMEM, "%zu slices", s->slices);
    for (size_t i = 0; i < s->count; i++)
        s->first[s->seen[i].slice + 1] = i + 1;
    return 0;
}

static int sort_frames(struct sorting *s, struct frame_table *table, size_t times_min,
                       struct err *err)
{
    s->model = find_model(s->series);
    if (!s->model)
        return err_set(err, ERR_UNSUPPORTED, "no frame has a position");
    s->seen = calloc(s->series->frame_count, sizeof(*s->seen));
    if (!s->seen)
        return err_set(err, ERR_NOMEM, "%zu frames", s->series->frame_count);
    for (size_t i = 0; i < s->series->frame_count; i++) {
        const struct plane_facts *plane = &s->series->frames[i].plane;
        if (plane->is_valid && is_parallel(plane, &s->model->plane))
            s->seen[s->count++] =
                (struct seen){.frame = i, .place_mm = place_of(plane, &s->model->plane)};
    }
    s->slices = number_slices(s->seen, s->count);
    int r = read_clock(s, &table->start_s, err);
    if (r == 0)
        r = keep_one_scan(s, &table->start_s, err);
    if (r == 0)
        r = count_series(s, err);
    if (r < 0)
        return r;
    table->doubled = drop_doubled(s);
    r = drop_rare(s, times_min, &table->nt, err);
    if (r < 0)
        return r;
    table->left_out = s->series->frame_count - s->count - table->doubled;
    return index_slices(s, err);
}

/* ---- table ---- */

/** The slice with all times whose frames come first: the measure for the others. */
static size_t find_full(const struct sorting *s, size_t nt)
{
    for (size_t z = 0; z < s->slices; z++) {
        if (s->first[z + 1] - s->first[z] == nt)
            return z;
    }
    return 0;
}

/** Median lag of a slice's frames behind the nearest ones of the full slice. */
static double lag_of(const struct seen *own, size_t n, const struct seen *full, size_t nt,
                     double *work)
{
    for (size_t i = 0; i < n; i++) {
        double best = HUGE_VAL;
        for (size_t t = 0; t < nt; t++) {
            const double lag = own[i].time_s - full[t].time_s;
            best = fabs(lag) < fabs(best) ? lag : best;
        }
        work[i] = best;
    }
    return median(work, n);
}

/** Lay the frames of slice z beside those of the full slice; what is left is missing. */
static void fill_slice(const struct sorting *s, size_t z, size_t full, double *work,
                       struct frame_table *table)
{
    const size_t nt = table->nt, n = s->first[z + 1] - s->first[z];
    const struct seen *own = s->seen + s->first[z], *model = s->seen + s->first[full];
    size_t *frames = table->frames + z * nt;
    double *time_s = table->time_s + z * nt;
    const double lag_s = n == nt ? 0.0 : lag_of(own, n, model, nt, work);
    size_t next = 0;
    for (size_t t = 0; t < nt; t++) {
        const double due_s = model[t].time_s + lag_s;
        const double later_s = t + 1 < nt ? model[t + 1].time_s + lag_s : HUGE_VAL;
        // The frame belongs here if the next time is farther, or if none may be left over.
        if (next < n
            && (n - next == nt - t
                || fabs(own[next].time_s - due_s) <= fabs(own[next].time_s - later_s))) {
            frames[t] = own[next].frame;
            time_s[t] = own[next++].time_s;
        } else {
            frames[t] = FRAME_MISSING;
            time_s[t] = due_s;
            table->missing++;
        }
    }
}

static int make_grid(const struct sorting *s, struct frame_table *table, struct err *err)
{
    int r = grid_create(s->series->nx, s->series->ny, s->slices, &table->grid, err);
    if (r < 0)
        return r;
    struct grid *grid = table->grid;
    const struct plane_facts *model = &s->model->plane;
    grid->spacing_mm[0] = model->spacing_mm[1];
    grid->spacing_mm[1] = model->spacing_mm[0];
    memcpy(grid->orientation, model->orientation, sizeof(grid->orientation));
    double *steps = calloc(s->slices, sizeof(*steps));
    if (!steps)
        return err_set(err, ERR_NOMEM, "%zu slices", s->slices);
    for (size_t z = 0; z < s->slices; z++) {
        const struct plane_facts *plane =
            &s->series->frames[s->seen[s->first[z]].frame].plane;
        memcpy(grid->position_mm[z], plane->position_mm, sizeof(plane->position_mm));
        if (z > 0)
            steps[z - 1] = place_of(plane, model);
    }
    double before = place_of(&s->series->frames[s->seen[s->first[0]].frame].plane, model);
    for (size_t z = 0; z + 1 < s->slices; z++) {
        const double here = steps[z];
        steps[z] = here - before;
        before = here;
    }
    grid->thickness_mm =
        s->slices > 1 ? median(steps, s->slices - 1) : model->thickness_mm;
    if (!(grid->thickness_mm > 0.0))
        grid->thickness_mm = 1.0;
    free(steps);
    return 0;
}

static int fill_table(const struct sorting *s, struct frame_table *table, struct err *err)
{
    int r = make_grid(s, table, err);
    if (r < 0)
        return r;
    table->frames = calloc(s->slices * table->nt, sizeof(*table->frames));
    table->time_s = calloc(s->slices * table->nt, sizeof(*table->time_s));
    double *work = calloc(table->nt, sizeof(*work));
    if (!table->frames || !table->time_s || !work) {
        free(work);
        return err_set(err, ERR_NOMEM, "%zu frames", s->count);
    }
    const size_t full = find_full(s, table->nt);
    for (size_t z = 0; z < s->slices; z++)
        fill_slice(s, z, full, work, table);
    free(work);
    return 0;
}

int frame_table_create(const struct series *series, size_t times_min,
                       struct frame_table **ret, struct err *err)
{
    auto_(frame_table) struct frame_table *table = calloc(1, sizeof(*table));
    if (!table)
        return err_set(err, ERR_NOMEM, "a table of frames");
    struct sorting s = {.series = series};
    int r = sort_frames(&s, table, times_min, err);
    if (r == 0)
        r = fill_table(&s, table, err);
    free(s.seen);
    free(s.first);
    free(s.series_frames);
    if (r == 0)
        *ret = take(table);
    return r;
}

void frame_table_destroy(struct frame_table *table)
{
    if (!table)
        return;
    grid_destroy(table->grid);
    free(table->frames);
    free(table->time_s);
    free(table);
}

double frame_table_interval_s(const struct frame_table *table)
{
    // Between frames of the first slice; missing ones have the time at which they were due.
    double *steps = table->nt > 1 ? calloc(table->nt - 1, sizeof(*steps)) : NULL;
    if (!steps)
        return 1.0;
    for (size_t t = 0; t + 1 < table->nt; t++)
        steps[t] = table->time_s[t + 1] - table->time_s[t];
    const double interval_s = median(steps, table->nt - 1);
    free(steps);
    return interval_s;
}
