#include "pipeline/cardiac_cine/sax_stack.h"

#include "base/err.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// From base to apex the left ventricle points to the left, to the front and down (LPS):
// the mean of short-axis planes of adults, within about 15 degrees.
static const double LONG_AXIS[3] = {0.70, -0.50, -0.51};

static const double SAME_PLACE_MM = 0.5;
static const double SAME_COSINE = 5e-3;
static const double SAME_TIME_MS = 0.5;

/* One frame on its way to its place. */
struct seen {
    size_t frame;
    double place_mm; // along the normal, rising to the apex
    double order;    // what tells phases apart
    const struct series_frame *of;
};

struct sorting {
    const struct series *series;
    const struct plane_facts *model; // of the chosen plane
    double normal[3];                // of model, towards the apex
    struct seen *seen;               // [count]
    size_t count;
    size_t *first; // [slices + 1]
    size_t slices;
    bool has_trigger;
};

static void cross(const double o[6], double ret[3])
{
    ret[0] = o[1] * o[5] - o[2] * o[4];
    ret[1] = o[2] * o[3] - o[0] * o[5];
    ret[2] = o[0] * o[4] - o[1] * o[3];
}

static double dot(const double a[3], const double b[3])
{
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

double sax_stack_lie(const double orientation[6])
{
    double normal[3];
    cross(orientation, normal);
    return dot(normal, LONG_AXIS) / sqrt(dot(LONG_AXIS, LONG_AXIS));
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/** Median of the finite ones of n values; NAN if there is none. */
static double median_of(const double *values, size_t n, double *work)
{
    size_t m = 0;
    for (size_t i = 0; i < n; i++) {
        if (isfinite(values[i]))
            work[m++] = values[i];
    }
    if (m == 0)
        return (double)NAN;
    qsort(work, m, sizeof(*work), by_value);
    return 0.5 * (work[(m - 1) / 2] + work[m / 2]);
}

/* ---- planes ---- */

static bool is_same_plane(const struct plane_facts *a, const struct plane_facts *b)
{
    for (int i = 0; i < 6; i++) {
        if (fabs(a->orientation[i] - b->orientation[i]) > SAME_COSINE)
            return false;
    }
    return fabs(a->spacing_mm[0] - b->spacing_mm[0]) < 1e-3
           && fabs(a->spacing_mm[1] - b->spacing_mm[1]) < 1e-3;
}

static int by_place(const void *a, const void *b)
{
    const struct seen *x = a, *y = b;
    return (x->place_mm > y->place_mm) - (x->place_mm < y->place_mm);
}

/** Take the frames of model's plane, by place. */
static void gather(struct sorting *s, const struct plane_facts *model)
{
    const struct series *series = s->series;
    s->model = model;
    s->count = 0;
    cross(model->orientation, s->normal);
    const double sign = dot(s->normal, LONG_AXIS) < 0.0 ? -1.0 : 1.0;
    for (int i = 0; i < 3; i++)
        s->normal[i] *= sign;
    for (size_t f = 0; f < series->frame_count; f++) {
        const struct series_frame *of = &series->frames[f];
        if (of->plane.is_valid && is_same_plane(&of->plane, model))
            s->seen[s->count++] = (struct seen){
                .frame = f, .place_mm = dot(s->normal, of->plane.position_mm), .of = of};
    }
    qsort(s->seen, s->count, sizeof(*s->seen), by_place);
    s->slices = 0;
    for (size_t i = 0; i < s->count; i++) {
        if (i == 0 || s->seen[i].place_mm > s->seen[i - 1].place_mm + SAME_PLACE_MM)
            s->first[s->slices++] = i;
    }
    s->first[s->slices] = s->count;
}

/** Slices that were seen more than once. */
static size_t moving_slices(const struct sorting *s)
{
    size_t n = 0;
    for (size_t z = 0; z < s->slices; z++)
        n += s->first[z + 1] - s->first[z] > 1;
    return n;
}

/** Whether an earlier frame has the same plane, so that it was judged. */
static bool is_judged(const struct series *series, size_t f)
{
    for (size_t e = 0; e < f; e++) {
        if (series->frames[e].plane.is_valid
            && is_same_plane(&series->frames[e].plane, &series->frames[f].plane))
            return true;
    }
    return false;
}

static int choose_plane(struct sorting *s, struct err *err)
{
    const struct series *series = s->series;
    const struct plane_facts *best = NULL;
    size_t most = 0, most_frames = 0;
    bool is_any = false;
    for (size_t f = 0; f < series->frame_count; f++) {
        const struct plane_facts *plane = &series->frames[f].plane;
        if (!plane->is_valid || (best && is_same_plane(best, plane))
            || is_judged(series, f))
            continue;
        is_any = true;
        if (fabs(sax_stack_lie(plane->orientation)) < SAX_STACK_LIE)
            continue;
        gather(s, plane);
        const size_t moving = moving_slices(s);
        const size_t score = moving > 0 ? moving + s->slices : s->slices;
        if (score > most || (score == most && s->count > most_frames)) {
            best = plane;
            most = score;
            most_frames = s->count;
        }
    }
    if (!best)
        return err_set(err, ERR_UNSUPPORTED,
                       is_any ? "no short-axis slices: no plane lies across the heart"
                              : "no images with geometry");
    gather(s, best);
    return 0;
}

/* ---- the images of one slice ---- */

static double order_trigger(const struct time_facts *time)
{
    return time->trigger_ms;
}

static double order_temporal(const struct time_facts *time)
{
    return time->temporal_position == FACTS_NONE ? (double)NAN
                                                 : (double)time->temporal_position;
}

static double order_content(const struct time_facts *time)
{
    return time->content_s;
}

static double order_number(const struct time_facts *time)
{
    return time->instance_number == FACTS_NONE ? (double)NAN
                                               : (double)time->instance_number;
}

typedef double order_of(const struct time_facts *time);

/** Whether all frames of the slices have it, and it ticks within at least one. */
static bool is_order(const struct sorting *s, order_of *order)
{
    bool ticks = false;
    for (size_t z = 0; z < s->slices; z++) {
        for (size_t i = s->first[z]; i < s->first[z + 1]; i++) {
            const double value = order(&s->seen[i].of->time);
            if (!isfinite(value))
                return false;
            ticks |= fabs(value - order(&s->seen[s->first[z]].of->time)) > 1e-9;
        }
    }
    return ticks;
}

static void set_order(struct sorting *s)
{
    static order_of *const ORDERS[] = {order_trigger, order_temporal, order_content,
                                       order_number};
    const size_t n = sizeof(ORDERS) / sizeof(*ORDERS);
    size_t best = 0;
    while (best < n && !is_order(s, ORDERS[best]))
        best++;
    s->has_trigger = best == 0;
    for (size_t i = 0; i < s->count; i++)
        s->seen[i].order = best < n ? ORDERS[best](&s->seen[i].of->time) : 0.0;
}

/** In how many slices a series of the study has frames. */
static size_t reach_of(const struct sorting *s, int series)
{
    size_t n = 0;
    for (size_t z = 0; z < s->slices; z++) {
        for (size_t i = s->first[z]; i < s->first[z + 1]; i++) {
            if (s->seen[i].of->series == series) {
                n++;
                break;
            }
        }
    }
    return n;
}

/** Of a slice that several series show: the one that shows most slices, then most phases, then
 * the later one (a breath hold that was repeated). */
static int series_of_slice(const struct sorting *s, size_t z)
{
    int best = -1;
    double best_rank[3] = {0, 0, 0};
    for (size_t i = s->first[z]; i < s->first[z + 1]; i++) {
        const int series = s->seen[i].of->series;
        if (series == best)
            continue;
        double rank[3] = {(double)reach_of(s, series), 0, -HUGE_VAL};
        for (size_t k = s->first[z]; k < s->first[z + 1]; k++) {
            const struct series_frame *of = s->seen[k].of;
            if (of->series == series) {
                rank[1] += 1.0;
                rank[2] = fmax(rank[2], fmax(of->time.acquisition_s, of->time.content_s));
            }
        }
        int sign = best < 0 ? 1 : 0;
        for (int k = 0; k < 3 && sign == 0; k++)
            sign = (rank[k] > best_rank[k]) - (rank[k] < best_rank[k]);
        if (sign == 0)
            sign = strcmp(s->series->series_uids[series], s->series->series_uids[best]);
        if (sign > 0) {
            best = series;
            memcpy(best_rank, rank, sizeof(rank));
        }
    }
    return best;
}

static int by_phase(const void *a, const void *b)
{
    const struct seen *x = a, *y = b;
    if (fabs(x->order - y->order) > 1e-9)
        return (x->order > y->order) - (x->order < y->order);
    const int r = strcmp(x->of->sop_uid, y->of->sop_uid);
    return r ? r : x->of->frame_number - y->of->frame_number;
}

/** Sort the frames [start, end) by phase and leave each phase once; returns the new end. */
static size_t keep_phases(struct sorting *s, size_t start, size_t end)
{
    const double same = s->has_trigger ? SAME_TIME_MS : 1e-9;
    qsort(s->seen + start, end - start, sizeof(*s->seen), by_phase);
    size_t kept = start + 1;
    for (size_t i = start + 1; i < end; i++) {
        if (s->seen[i].order > s->seen[kept - 1].order + same)
            s->seen[kept++] = s->seen[i];
    }
    return kept;
}

/** Leave of each slice one series, in the order of phases, each once. owner: [slices] work. */
static void thin_out(struct sorting *s, int *owner)
{
    for (size_t z = 0; z < s->slices; z++)
        owner[z] = series_of_slice(s, z);
    size_t to = 0;
    for (size_t z = 0; z < s->slices; z++) {
        const size_t start = to, begin = s->first[z], end = s->first[z + 1];
        for (size_t i = begin; i < end; i++) {
            if (s->seen[i].of->series == owner[z])
                s->seen[to++] = s->seen[i];
        }
        to = keep_phases(s, start, to);
        s->first[z] = start;
    }
    s->first[s->slices] = to;
    s->count = to;
}

/* ---- the stack ---- */

static size_t phases_of(const struct sorting *s, size_t z)
{
    return s->first[z + 1] - s->first[z];
}

/** The number of phases that most slices have; of equals the larger. */
static size_t usual_phases(const struct sorting *s)
{
    size_t best = 0, votes = 0;
    for (size_t z = 0; z < s->slices; z++) {
        size_t n = 0;
        for (size_t k = 0; k < s->slices; k++)
            n += phases_of(s, k) == phases_of(s, z);
        if (n > votes || (n == votes && phases_of(s, z) > best)) {
            best = phases_of(s, z);
            votes = n;
        }
    }
    return best;
}

/** R-R interval of a slice: as told, else its last phase and one step more. */
static double slice_rr_ms(const struct sorting *s, size_t z)
{
    const size_t n = phases_of(s, z);
    const struct seen *own = s->seen + s->first[z];
    if (own[0].of->time.rr_ms > 0.0)
        return own[0].of->time.rr_ms;
    if (!s->has_trigger || n < 4)
        return (double)NAN;
    return (own[n - 1].order - own[0].order) * (double)n / (double)(n - 1);
}

static void fill_slice(const struct sorting *s, size_t from, size_t to,
                       struct sax_stack *stack)
{
    const struct seen *own = s->seen + s->first[from];
    const size_t n = phases_of(s, from), nt = stack->nt;
    memcpy(stack->grid->position_mm[to], own[0].of->plane.position_mm,
           sizeof(own[0].of->plane.position_mm));
    stack->rr_ms[to] = slice_rr_ms(s, from);
    stack->acquired_s[to] = isfinite(own[0].of->time.acquisition_s)
                                ? own[0].of->time.acquisition_s
                                : own[0].of->time.content_s;
    stack->uneven += n != nt;
    for (size_t t = 0; t < nt; t++) {
        size_t i = n == nt ? t : (size_t)((double)t * (double)n / (double)nt + 0.5);
        i = i < n ? i : n - 1;
        stack->frames[to * nt + t] = own[i].frame;
        stack->trigger_ms[to * nt + t] =
            s->has_trigger ? own[i].order : (double)t * stack->rr_ms[to] / (double)nt;
    }
}

/** What each slice stands for, and the steps between them. work [2 nz]. */
static void measure_steps(const struct sorting *s, const size_t *kept,
                          struct sax_stack *stack, double *work)
{
    const size_t nz = stack->grid->nz;
    double usual = s->model->thickness_mm > 0.0 ? s->model->thickness_mm : 1.0;
    for (size_t z = 0; z + 1 < nz; z++) {
        work[z] =
            s->seen[s->first[kept[z + 1]]].place_mm - s->seen[s->first[kept[z]]].place_mm;
        stack->widest_mm = fmax(stack->widest_mm, work[z]);
    }
    if (nz > 1) {
        memcpy(work + nz, work, (nz - 1) * sizeof(*work));
        qsort(work + nz, nz - 1, sizeof(*work), by_value);
        usual = work[nz + (nz - 1) / 2];
    }
    for (size_t z = 0; z < nz; z++)
        stack->step_mm[z] =
            0.5 * ((z > 0 ? work[z - 1] : usual) + (z + 1 < nz ? work[z] : usual));
    stack->grid->thickness_mm = usual;
}

static int allocate(struct sax_stack *stack, size_t nz, struct err *err)
{
    stack->frames = calloc(nz * stack->nt, sizeof(*stack->frames));
    stack->trigger_ms = calloc(nz * stack->nt, sizeof(*stack->trigger_ms));
    stack->rr_ms = calloc(nz, sizeof(*stack->rr_ms));
    stack->step_mm = calloc(nz, sizeof(*stack->step_mm));
    stack->acquired_s = calloc(nz, sizeof(*stack->acquired_s));
    if (!stack->frames || !stack->trigger_ms || !stack->rr_ms || !stack->step_mm
        || !stack->acquired_s)
        return err_set(err, ERR_NOMEM, "a stack of %zu slices", nz);
    return 0;
}

/** Fill the stack from the slices of at least half the usual phases. kept, work: [slices]. */
static int fill(const struct sorting *s, struct sax_stack *stack, size_t *kept,
                double *work, struct err *err)
{
    size_t nz = 0;
    stack->nt = usual_phases(s);
    stack->has_trigger = s->has_trigger;
    for (size_t z = 0; z < s->slices; z++) {
        if (2 * phases_of(s, z) >= stack->nt)
            kept[nz++] = z;
    }
    if (nz > SAX_STACK_SLICES)
        return err_set(err, ERR_UNSUPPORTED, "%zu slices; a heart has at most %d", nz,
                       SAX_STACK_SLICES);
    int r = grid_create(s->series->nx, s->series->ny, nz, &stack->grid, err);
    if (r == 0)
        r = allocate(stack, nz, err);
    if (r < 0)
        return r;
    stack->grid->spacing_mm[0] = s->model->spacing_mm[1];
    stack->grid->spacing_mm[1] = s->model->spacing_mm[0];
    memcpy(stack->grid->orientation, s->model->orientation,
           sizeof(s->model->orientation));
    size_t used = 0;
    for (size_t z = 0; z < nz; z++) {
        fill_slice(s, kept[z], z, stack);
        used += phases_of(s, kept[z]);
    }
    stack->left_out = s->series->frame_count - used;
    measure_steps(s, kept, stack, work);
    return 0;
}

int sax_stack_create(const struct series *series, struct sax_stack **ret, struct err *err)
{
    auto_(sax_stack) struct sax_stack *stack = calloc(1, sizeof(*stack));
    const size_t room = series->frame_count + 1;
    struct sorting s = {.series = series};
    s.seen = calloc(room, sizeof(*s.seen));
    s.first = calloc(room, sizeof(*s.first));
    int *owner = calloc(room, sizeof(*owner));
    size_t *kept = calloc(room, sizeof(*kept));
    double *work = calloc(2 * room, sizeof(*work));
    int r = stack && s.seen && s.first && owner && kept && work
                ? choose_plane(&s, err)
                : err_set(err, ERR_NOMEM, "%zu frames", series->frame_count);
    if (r == 0) {
        set_order(&s);
        thin_out(&s, owner);
        r = fill(&s, stack, kept, work, err);
    }
    free(s.seen);
    free(s.first);
    free(owner);
    free(kept);
    free(work);
    if (r == 0)
        *ret = take(stack);
    return r;
}

void sax_stack_destroy(struct sax_stack *stack)
{
    if (!stack)
        return;
    grid_destroy(stack->grid);
    free(stack->frames);
    free(stack->trigger_ms);
    free(stack->rr_ms);
    free(stack->step_mm);
    free(stack->acquired_s);
    free(stack);
}

/* ---- the beat ---- */

double sax_stack_rr_ms(const struct sax_stack *stack)
{
    double work[SAX_STACK_SLICES];
    const size_t nz =
        stack->grid->nz < SAX_STACK_SLICES ? stack->grid->nz : SAX_STACK_SLICES;
    return median_of(stack->rr_ms, nz, work);
}

double sax_stack_rr_spread(const struct sax_stack *stack)
{
    double lo = HUGE_VAL, hi = 0.0;
    for (size_t z = 0; z < stack->grid->nz; z++) {
        if (isfinite(stack->rr_ms[z])) {
            lo = fmin(lo, stack->rr_ms[z]);
            hi = fmax(hi, stack->rr_ms[z]);
        }
    }
    return hi > lo ? 0.5 * (hi - lo) / sax_stack_rr_ms(stack) : 0.0;
}

double sax_stack_time_ms(const struct sax_stack *stack, size_t t)
{
    double values[SAX_STACK_SLICES], work[SAX_STACK_SLICES];
    const size_t nz =
        stack->grid->nz < SAX_STACK_SLICES ? stack->grid->nz : SAX_STACK_SLICES;
    for (size_t z = 0; z < nz; z++)
        values[z] = stack->trigger_ms[z * stack->nt + t];
    return median_of(values, nz, work);
}
