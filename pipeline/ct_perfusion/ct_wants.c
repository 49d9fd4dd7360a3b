#include "pipeline/ct_perfusion/ct_wants.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { TIMES_NEEDED = 19 }; // as the option frames_min begins

/** Whether the body part, where it is given, may be a head. */
static bool may_be_head(const struct series_facts *s)
{
    static const char *const HEADS[] = {"HEAD", "BRAIN", "NECK", "SKULL", "CEREBR"};
    if (s->body_part[0] == '\0')
        return true;
    for (size_t i = 0; i < sizeof(HEADS) / sizeof(*HEADS); i++) {
        if (strstr(s->body_part, HEADS[i]))
            return true;
    }
    return false;
}

/** CT with slices across the body, tilted by at most 45 degrees. */
static bool is_axial_ct(const struct series_facts *s)
{
    const double *o = s->orientation;
    const double normal_z = o[0] * o[4] - o[1] * o[3];
    return strcmp(s->modality, "CT") == 0 && s->positions > 0 && fabs(normal_z) > 0.7;
}

static bool is_same_plane(const struct series_facts *a, const struct series_facts *b)
{
    for (int i = 0; i < 6; i++) {
        if (fabs(a->orientation[i] - b->orientation[i]) > 2e-3)
            return false;
    }
    return a->rows == b->rows && a->columns == b->columns
           && strcmp(a->frame_of_reference_uid, b->frame_of_reference_uid) == 0;
}

static bool is_same_place(const struct series_facts *a, const struct series_facts *b)
{
    return is_same_plane(a, b) && a->positions == b->positions
           && fabs(a->first_mm - b->first_mm) < 0.5
           && fabs(a->last_mm - b->last_mm) < 0.5;
}

static int times_within(const struct series_facts *s)
{
    return (s->frames + s->positions / 2) / s->positions;
}

/**
 * Times at the places of series i, over all series that cover just these. Several series of few times
 * each may be reconstructions of one scan: then it is as if only series i were there.
 */
static int times_of(const struct study_facts *study, size_t i)
{
    const int own = times_within(&study->series[i]);
    int times = 0;
    for (size_t j = 0; j < study->series_count; j++) {
        const struct series_facts *s = &study->series[j];
        if (is_axial_ct(s) && is_same_place(s, &study->series[i]))
            times += times_within(s);
    }
    return times < CT_WANTS_SERIES && own < CT_WANTS_TIMES ? own : times;
}

/** The scan of a study that comes nearest to perfusion. */
struct choice {
    size_t series; // one of its series
    int times, images;
    int ct;       // axial CT series of the study
    bool is_body; // another part of the body was taken many times
};

static struct choice choose(const struct study_facts *study)
{
    struct choice best = {0};
    for (size_t i = 0; i < study->series_count; i++) {
        const struct series_facts *s = &study->series[i];
        if (!is_axial_ct(s))
            continue;
        best.ct++;
        const int times = times_of(study, i), images = times * s->positions;
        const bool is_enough = times >= CT_WANTS_TIMES;
        if (is_enough && !may_be_head(s)) {
            best.is_body = true;
            continue;
        }
        // Of several scans the one with the most images.
        const bool was_enough = best.times >= CT_WANTS_TIMES;
        if (is_enough > was_enough || (is_enough == was_enough && images > best.images)) {
            best.series = i;
            best.times = times;
            best.images = images;
        }
    }
    return best;
}

/** Take the series of the chosen one's plane that were taken about as often; returns their positions. */
static int take_all(const struct study_facts *study, const struct choice *choice,
                    struct pipeline_want *ret)
{
    const struct series_facts *model = &study->series[choice->series];
    int positions = 0;
    double first_mm = HUGE_VAL, last_mm = -HUGE_VAL;
    for (size_t j = 0; j < study->series_count; j++) {
        const struct series_facts *s = &study->series[j];
        if (!is_axial_ct(s) || !may_be_head(s) || !is_same_plane(s, model)
            || times_of(study, j) < CT_WANTS_TIMES
            || 2 * times_of(study, j) < choice->times
            || ret->series_count == PIPELINE_SERIES_MAX)
            continue;
        ret->series[ret->series_count++] = j;
        const bool is_new = s->first_mm < first_mm - 0.5 || s->last_mm > last_mm + 0.5;
        positions += is_new ? s->positions : 0;
        first_mm = fmin(first_mm, s->first_mm);
        last_mm = fmax(last_mm, s->last_mm);
    }
    return positions;
}

static void explain_refusal(const struct choice *choice, struct pipeline_want *ret)
{
    if (choice->ct == 0)
        snprintf(ret->reason, sizeof(ret->reason), "no axial CT");
    else if (choice->is_body)
        snprintf(ret->reason, sizeof(ret->reason), "taken many times, but not of a head");
    else
        snprintf(ret->reason, sizeof(ret->reason),
                 "CT taken at most %d time%s at a position; perfusion needs %d",
                 choice->times, choice->times == 1 ? "" : "s", TIMES_NEEDED);
}

bool ct_wants(const struct study_facts *study, struct pipeline_want *ret)
{
    const struct choice choice = choose(study);
    memset(ret, 0, sizeof(*ret));
    if (choice.times < CT_WANTS_TIMES) {
        explain_refusal(&choice, ret);
        return false;
    }
    const int positions = take_all(study, &choice, ret);
    if (positions == 1 && choice.times < TIMES_NEEDED) {
        ret->series_count = 0;
        snprintf(ret->reason, sizeof(ret->reason),
                 "a single slice taken %d times is bolus tracking; perfusion needs %d",
                 choice.times, TIMES_NEEDED);
        return false;
    }
    snprintf(ret->reason, sizeof(ret->reason), "%d positions x %d times", positions,
             choice.times);
    return true;
}
