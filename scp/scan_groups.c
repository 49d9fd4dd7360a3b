#include "scp/scan_groups.h"

#include "base/err.h"
#include "scp/scan_facts.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double SAME_POSITION_MM = 0.05; // closer ones are one slice

enum field {
    POSITION,
    ORIENTATION = POSITION + 3,
    SPACING = ORIENTATION + 6,
    THICKNESS = SPACING + 2,
    SLOPE,
    INTERCEPT,
    ACQUIRED_S,
    REFERENCE_S,
    OFFSET_S,
    TRIGGER_MS,
    RR_MS,
    ECHO_MS,
    TEMPORAL,
    ACQUISITION,
    FIELDS
};

struct group_item {
    double value[FIELDS]; // NAN: not said
};

enum kind { DS, FD, UL, US, DT };

static const struct {
    uint32_t sequence, tag;
    enum kind kind;
    enum field field;
    int count;
} WANTED[] = {
    {0x00209113, 0x00200032, DS, POSITION, 3},
    {0x00209116, 0x00200037, DS, ORIENTATION, 6},
    {0x00289110, 0x00280030, DS, SPACING, 2},
    {0x00289110, 0x00180050, DS, THICKNESS, 1},
    {0x00289145, 0x00281053, DS, SLOPE, 1},
    {0x00289145, 0x00281052, DS, INTERCEPT, 1},
    {0x00209111, 0x00189074, DT, ACQUIRED_S, 1},
    {0x00209111, 0x00189151, DT, REFERENCE_S, 1},
    {0x00209111, 0x00209128, UL, TEMPORAL, 1},
    {0x00209111, 0x00209156, US, ACQUISITION, 1},
    {0x00209310, 0x0020930d, FD, OFFSET_S, 1},
    {0x00189118, 0x00209252, FD, TRIGGER_MS, 1}, // actual delay
    {0x00189118, 0x00209153, FD, TRIGGER_MS, 1}, // nominal
    {0x00189118, 0x00209251, FD, RR_MS, 1},
    {0x00189114, 0x00189082, FD, ECHO_MS, 1},
    // Legacy converted objects keep here what has no group of its own.
    {0x00209170, 0x00180081, DS, ECHO_MS, 1},
    {0x00209171, 0x00180081, DS, ECHO_MS, 1},
    {0x00209171, 0x00181060, DS, TRIGGER_MS, 1},
    {0x00209171, 0x00181062, DS, RR_MS, 1},
};

static const uint32_t ANATOMIC_REGION = 0x00082218, CODE_MEANING = 0x00080104;

/* ---- while the file is walked ---- */

void scan_groups_finish(struct scan_groups *groups)
{
    free(groups->items);
    groups->items = NULL;
}

int scan_groups_begin(struct scan_groups *groups, uint32_t tag, struct err *err)
{
    const bool is_shared = tag == GROUPS_SHARED;
    if (!is_shared && groups->count >= groups->frames_max)
        return err_set(err, ERR_LIMIT, "more than %zu frames", groups->frames_max);
    if (!groups->items || groups->count + 1 == groups->room) {
        const size_t room = groups->room ? groups->room * 2 : 64;
        struct group_item *more = realloc(groups->items, room * sizeof(*more));
        if (!more)
            return err_set(err, ERR_NOMEM, "%zu frames", room);
        for (size_t i = groups->room; i < room; i++) {
            for (int k = 0; k < FIELDS; k++)
                more[i].value[k] = (double)NAN;
        }
        groups->items = more;
        groups->room = room;
    }
    groups->is_shared = is_shared;
    groups->count += !is_shared;
    return 0;
}

static double number(enum kind kind, struct scan_value v)
{
    int whole = FACTS_NONE;
    switch (kind) {
    case FD:
        return scan_value_f64(v);
    case DT:
        return scan_value_datetime_s(v);
    case UL:
        whole = scan_value_u32(v);
        break;
    case US:
        whole = scan_value_u16(v, FACTS_NONE);
        break;
    case DS:
        return scan_value_decimal(v, (double)NAN);
    }
    return whole == FACTS_NONE ? (double)NAN : (double)whole;
}

/* The region as Body Part Examined would have it: "HEAD". */
static void keep_anatomy(struct scan_groups *groups, struct scan_value value)
{
    scan_value_ascii(value, groups->body_part, sizeof(groups->body_part));
    for (char *c = groups->body_part; *c; c++)
        *c = (char)toupper((unsigned char)*c);
}

void scan_groups_keep(struct scan_groups *groups, uint32_t sequence, uint32_t tag,
                      struct scan_value value)
{
    if (sequence == ANATOMIC_REGION && tag == CODE_MEANING)
        keep_anatomy(groups, value);
    double *into = groups->items[groups->is_shared ? 0 : groups->count].value;
    for (size_t i = 0; i < sizeof(WANTED) / sizeof(*WANTED); i++) {
        if (WANTED[i].sequence != sequence || WANTED[i].tag != tag)
            continue;
        if (WANTED[i].kind != DS)
            into[WANTED[i].field] = number(WANTED[i].kind, value);
        else
            scan_value_decimals(value, into + WANTED[i].field, WANTED[i].count);
        return;
    }
}

/* ---- geometry ---- */

static double along_normal(const struct plane_facts *p)
{
    const double *x = p->orientation, *y = x + 3, *at = p->position_mm;
    return (x[1] * y[2] - x[2] * y[1]) * at[0] + (x[2] * y[0] - x[0] * y[2]) * at[1]
           + (x[0] * y[1] - x[1] * y[0]) * at[2];
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int fill_stack(const struct frame_facts *frames, size_t count,
                      struct stack_facts *ret, struct err *err)
{
    double *at = malloc(count * sizeof(*at));
    if (!at)
        return err_set(err, ERR_NOMEM, "%zu frames", count);
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        if (frames[i].plane.is_valid)
            at[n++] = along_normal(&frames[i].plane);
    }
    qsort(at, n, sizeof(*at), by_size);
    *ret = (struct stack_facts){.frames = (int)n};
    for (size_t i = 0; i < n; i++)
        ret->positions += i == 0 || at[i] - at[i - 1] > SAME_POSITION_MM;
    if (n > 0) {
        ret->first_mm = at[0];
        ret->last_mm = at[n - 1];
    }
    free(at);
    return 0;
}

void scan_stack_of_one(struct instance_facts *facts)
{
    facts->stack = (struct stack_facts){0};
    if (!facts->plane.is_valid || facts->pixels.rows == 0)
        return;
    const double mm = along_normal(&facts->plane);
    facts->stack = (struct stack_facts){1, 1, mm, mm};
}

/* ---- frames ---- */

static int whole_or(double value, int otherwise)
{
    return isnan(value) ? otherwise : (int)value;
}

static void fill_frame(const double value[FIELDS], const struct instance_facts *facts,
                       struct frame_facts *ret)
{
    struct plane_facts *plane = &ret->plane;
    memcpy(plane->position_mm, value + POSITION, sizeof(plane->position_mm));
    memcpy(plane->orientation, value + ORIENTATION, sizeof(plane->orientation));
    memcpy(plane->spacing_mm, value + SPACING, sizeof(plane->spacing_mm));
    plane->thickness_mm = value[THICKNESS];
    plane->is_valid = scan_plane_is_sane(plane);
    ret->time = (struct time_facts){
        .acquisition_s =
            isnan(value[ACQUIRED_S]) ? facts->time.acquisition_s : value[ACQUIRED_S],
        .content_s =
            isnan(value[REFERENCE_S]) ? facts->time.content_s : value[REFERENCE_S],
        .trigger_ms = value[TRIGGER_MS],
        .temporal_position = whole_or(value[TEMPORAL], facts->time.temporal_position),
        .acquisition_number =
            whole_or(value[ACQUISITION], facts->time.acquisition_number),
        .instance_number = facts->time.instance_number,
        .rr_ms = scan_beat_is_sane(value[RR_MS]) ? value[RR_MS] : facts->time.rr_ms,
    };
    ret->slope = isnan(value[SLOPE]) ? facts->pixels.slope : value[SLOPE];
    ret->intercept = isnan(value[INTERCEPT]) ? facts->pixels.intercept : value[INTERCEPT];
    ret->echo_time_ms = isnan(value[ECHO_MS]) ? facts->echo_time_ms : value[ECHO_MS];
}

/* Whether the acquisition time stands still while the temporal position moves; their range. */
static bool is_one_time(const struct frame_facts *frames, size_t count, int *ret_first,
                        int *ret_count)
{
    int lo = frames[0].time.temporal_position, hi = lo;
    for (size_t i = 0; i < count; i++) {
        const struct time_facts *t = &frames[i].time;
        if (!(fabs(t->acquisition_s - frames[0].time.acquisition_s) < 1e-3)
            || t->temporal_position < 0 || !isnan(t->trigger_ms))
            return false;
        lo = t->temporal_position < lo ? t->temporal_position : lo;
        hi = t->temporal_position > hi ? t->temporal_position : hi;
    }
    *ret_first = lo;
    *ret_count = hi - lo + 1;
    return hi > lo;
}

/* Philips gives every frame the time of the first: the offset tells them apart, or else the
 * rank of the temporal position within the duration of the scan. */
static void spread_times(struct frame_facts *frames, const double *offsets_s,
                         size_t count, double duration_s)
{
    int first = 0, times = 0;
    if (!is_one_time(frames, count, &first, &times))
        return;
    bool has_offsets = true;
    for (size_t i = 0; i < count; i++)
        has_offsets = has_offsets && !isnan(offsets_s[i]);
    if (!has_offsets && !(duration_s > 0.0))
        return;
    for (size_t i = 0; i < count; i++) {
        struct time_facts *t = &frames[i].time;
        t->acquisition_s +=
            has_offsets ? offsets_s[i]
                        : duration_s * (t->temporal_position - first) / (double)times;
    }
}

static int make_frames(const struct scan_groups *groups, double duration_s,
                       const struct instance_facts *facts, struct frame_facts **ret,
                       struct err *err)
{
    const size_t count = groups->count;
    struct frame_facts *frames = calloc(count, sizeof(*frames));
    double *offsets_s = malloc(count * sizeof(*offsets_s));
    if (!frames || !offsets_s) {
        free(frames);
        free(offsets_s);
        return err_set(err, ERR_NOMEM, "%zu frames", count);
    }
    for (size_t i = 0; i < count; i++) {
        double value[FIELDS];
        for (int k = 0; k < FIELDS; k++) {
            const double own = groups->items[i + 1].value[k];
            value[k] = isnan(own) ? groups->items[0].value[k] : own;
        }
        fill_frame(value, facts, &frames[i]);
        offsets_s[i] = value[OFFSET_S];
    }
    spread_times(frames, offsets_s, count, duration_s);
    free(offsets_s);
    *ret = frames;
    return 0;
}

/* The first frame with geometry stands for the instance. */
static void fill_facts(const struct scan_groups *groups, const struct frame_facts *frames,
                       struct instance_facts *facts)
{
    size_t i = 0;
    while (i + 1 < groups->count && !frames[i].plane.is_valid)
        i++;
    facts->plane = frames[i].plane;
    facts->time = frames[i].time;
    facts->pixels.slope = frames[i].slope;
    facts->pixels.intercept = frames[i].intercept;
    facts->echo_time_ms = frames[i].echo_time_ms;
    if (facts->body_part[0] == '\0')
        memcpy(facts->body_part, groups->body_part, sizeof(facts->body_part));
}

int scan_groups_apply(const struct scan_groups *groups, double duration_s,
                      struct instance_facts *facts, struct frame_facts **ret,
                      size_t *ret_count, struct err *err)
{
    facts->plane.is_valid = false;
    facts->stack = (struct stack_facts){0};
    if (ret_count)
        *ret_count = 0;
    if (groups->count == 0 || groups->count != (size_t)facts->pixels.frames)
        return 0;
    struct frame_facts *frames = NULL;
    int r = make_frames(groups, duration_s, facts, &frames, err);
    if (r == 0)
        r = fill_stack(frames, groups->count, &facts->stack, err);
    if (r == 0) {
        fill_facts(groups, frames, facts);
        if (ret) {
            *ret_count = groups->count;
            *ret = frames;
            return 0;
        }
    }
    free(frames);
    return r;
}
