#include "pipeline/cardiac_cine/sax_wants.h"

#include "pipeline/cardiac_cine/sax_stack.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SLICES_MIN = 2 };

static const double SAME_PLACE_MM = 0.5;

/* What the series of one plane show together. */
struct stack {
    size_t model; // a series of it
    int slices;   // different places
    int phases;   // the most that a series of it has of a place
    int images;
    bool is_heart; // the body part says so
};

static bool says_heart(const struct series_facts *s)
{
    return strstr(s->body_part, "HEART") || strstr(s->body_part, "CARDIAC")
           || strstr(s->body_part, "CARDIO");
}

static bool may_be_heart(const struct series_facts *s)
{
    static const char *const OTHERS[] = {"HEAD",  "BRAIN", "KNEE", "SHOULDER",
                                         "FOOT",  "ANKLE", "HAND", "WRIST",
                                         "ELBOW", "HIP",   "NECK", "SPINE"};
    for (size_t i = 0; i < sizeof(OTHERS) / sizeof(*OTHERS); i++) {
        if (strstr(s->body_part, OTHERS[i]))
            return false;
    }
    return true;
}

static bool is_across_heart(const struct series_facts *s)
{
    return strcmp(s->modality, "MR") == 0 && s->positions > 0
           && fabs(sax_stack_lie(s->orientation)) >= SAX_STACK_LIE;
}

static bool is_same_plane(const struct series_facts *a, const struct series_facts *b)
{
    for (int i = 0; i < 6; i++) {
        if (fabs(a->orientation[i] - b->orientation[i]) > 5e-3)
            return false;
    }
    return a->rows == b->rows && a->columns == b->columns
           && strcmp(a->frame_of_reference_uid, b->frame_of_reference_uid) == 0;
}

static int phases_of(const struct series_facts *s)
{
    return (s->frames + s->positions / 2) / s->positions;
}

/** Whether an earlier series of the stack, of as many phases at least, covers the same places. */
static bool is_covered(const struct study_facts *study, size_t i, size_t model)
{
    const struct series_facts *s = &study->series[i];
    for (size_t k = 0; k < i; k++) {
        const struct series_facts *other = &study->series[k];
        if (is_across_heart(other) && is_same_plane(other, &study->series[model])
            && phases_of(other) >= SAX_WANTS_PHASES
            && other->first_mm < s->first_mm + SAME_PLACE_MM
            && other->last_mm > s->last_mm - SAME_PLACE_MM)
            return true;
    }
    return false;
}

/** What the series of model's plane show that have at least phases_min phases. */
static struct stack measure(const struct study_facts *study, size_t model, int phases_min)
{
    struct stack stack = {.model = model};
    for (size_t i = 0; i < study->series_count; i++) {
        const struct series_facts *s = &study->series[i];
        if (!is_across_heart(s) || !may_be_heart(s)
            || !is_same_plane(s, &study->series[model]) || phases_of(s) < phases_min)
            continue;
        stack.slices += is_covered(study, i, model) ? 0 : s->positions;
        stack.phases = phases_of(s) > stack.phases ? phases_of(s) : stack.phases;
        stack.images += s->frames;
        stack.is_heart |= says_heart(s);
    }
    return stack;
}

static bool is_better(const struct stack *a, const struct stack *b)
{
    return a->slices > b->slices || (a->slices == b->slices && a->images > b->images);
}

/** The stack of most slices among those of at least phases_min phases. */
static struct stack find(const struct study_facts *study, int phases_min)
{
    struct stack best = {0};
    for (size_t i = 0; i < study->series_count; i++) {
        const struct stack stack = measure(study, i, phases_min);
        if (is_across_heart(&study->series[i]) && is_better(&stack, &best))
            best = stack;
    }
    return best;
}

static void take_all(const struct study_facts *study, const struct stack *stack,
                     int phases_min, struct pipeline_want *ret)
{
    for (size_t i = 0; i < study->series_count; i++) {
        const struct series_facts *s = &study->series[i];
        if (is_across_heart(s) && may_be_heart(s)
            && is_same_plane(s, &study->series[stack->model])
            && phases_of(s) >= phases_min && ret->series_count < PIPELINE_SERIES_MAX)
            ret->series[ret->series_count++] = i;
    }
    snprintf(ret->reason, sizeof(ret->reason), "%d short-axis slices x %d phases",
             stack->slices, stack->phases);
}

static void say_why_not(const struct study_facts *study, const struct stack *still,
                        struct pipeline_want *ret)
{
    bool is_mr = false, is_cine = false;
    for (size_t i = 0; i < study->series_count; i++) {
        const struct series_facts *s = &study->series[i];
        is_mr |= strcmp(s->modality, "MR") == 0;
        is_cine |= strcmp(s->modality, "MR") == 0 && s->positions > 0
                   && phases_of(s) >= SAX_WANTS_PHASES;
    }
    if (!is_mr)
        snprintf(ret->reason, sizeof(ret->reason), "no MR");
    else if (is_cine)
        snprintf(ret->reason, sizeof(ret->reason),
                 "MR over time, but no stack of slices across the heart");
    else if (still->slices >= SLICES_MIN)
        snprintf(ret->reason, sizeof(ret->reason),
                 "%d slices taken at most %d times; a cine needs 8 phases", still->slices,
                 still->phases);
    else
        snprintf(ret->reason, sizeof(ret->reason), "no cine MR across the heart");
}

bool sax_wants(const struct study_facts *study, struct pipeline_want *ret)
{
    memset(ret, 0, sizeof(*ret));
    const struct stack cine = find(study, SAX_WANTS_PHASES);
    if (cine.slices >= SLICES_MIN) {
        take_all(study, &cine, SAX_WANTS_PHASES, ret);
        return true;
    }
    const struct stack still = find(study, 1);
    if (still.slices >= SLICES_MIN && still.is_heart) {
        take_all(study, &still, 1, ret);
        return true;
    }
    say_why_not(study, &still, ret);
    return false;
}
