#include "pipeline/mr_perfusion/mr_wants.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/** Whether text holds word, upper and lower case alike. */
static bool has_word(const char *text, const char *word)
{
    const size_t n = strlen(word);
    for (; *text; text++) {
        size_t i = 0;
        while (i < n && toupper((unsigned char)text[i]) == word[i])
            i++;
        if (i == n)
            return true;
    }
    return false;
}

static bool has_any(const char *text, const char *const *words)
{
    for (; *words; words++) {
        if (has_word(text, *words))
            return true;
    }
    return false;
}

/** Whether the body part, where it is given, may be a head. */
static bool may_be_head(const struct series_facts *s)
{
    static const char *const HEADS[] = {"HEAD", "BRAIN", "NECK", "SKULL", "CEREBR", NULL};
    return s->body_part[0] == '\0' || has_any(s->body_part, HEADS);
}

static bool is_axial_mr(const struct series_facts *s)
{
    const double *o = s->orientation;
    const double normal_z = o[0] * o[4] - o[1] * o[3];
    return strcmp(s->modality, "MR") == 0 && s->positions > 0 && fabs(normal_z) > 0.7;
}

/** Diffusion is taken many times at a place too, in many directions; so are maps of others. */
static bool is_diffusion(const struct series_facts *s)
{
    static const char *const TYPES[] = {"DIFFUSION", "ADC", "TRACE", NULL};
    static const char *const NAMES[] = {"DIFFUSION", "ADC", "TRACEW", "DWI", "DTI", NULL};
    return has_any(s->image_type, TYPES) || has_any(s->description, NAMES);
}

static bool is_other_cine(const struct series_facts *s)
{
    static const char *const TYPES[] = {"FMRI", "ASL",  "TTP", "MTT",   "RBF",
                                        "RBV",  "RCBF", "CBV", "PHASE", NULL};
    static const char *const NAMES[] = {"FMRI", "BOLD", "PCASL", "PASL", "DCE", NULL};
    return has_any(s->image_type, TYPES) || has_any(s->description, NAMES)
           || has_any(s->protocol, NAMES);
}

/** Whether the series says itself that it is a perfusion scan; such a one is preferred. */
static bool is_named(const struct series_facts *s)
{
    static const char *const NAMES[] = {"PERF", "DSC", "PWI", "DYNAMIC SUSC", NULL};
    return s->contrast_agent[0] || has_any(s->description, NAMES)
           || has_any(s->protocol, NAMES) || has_any(s->image_type, NAMES);
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

static bool is_candidate(const struct series_facts *s)
{
    return is_axial_mr(s) && may_be_head(s) && !is_diffusion(s) && !is_other_cine(s);
}

/** Diffusion of the head; many directions (DTI) are no stroke's diffusion. */
static bool is_stroke_diffusion(const struct series_facts *s)
{
    return is_axial_mr(s) && may_be_head(s) && is_diffusion(s) && s->positions >= 4
           && times_within(s) < MR_WANTS_TIMES;
}

/** Times at the places of series i, over all series that cover just these. */
static int times_of(const struct study_facts *study, size_t i)
{
    int times = 0;
    for (size_t j = 0; j < study->series_count; j++) {
        const struct series_facts *s = &study->series[j];
        if (is_candidate(s) && is_same_place(s, &study->series[i]))
            times += times_within(s);
    }
    return times;
}

static void want(struct pipeline_want *ret, size_t i)
{
    if (ret->series_count < PIPELINE_SERIES_MAX)
        ret->series[ret->series_count++] = i;
}

/** A scan that says that it is one before others, then the one with the most images. */
static bool is_better(const struct series_facts *a, int times,
                      const struct series_facts *b, int best_times)
{
    if ((times >= MR_WANTS_TIMES) != (best_times >= MR_WANTS_TIMES))
        return times >= MR_WANTS_TIMES;
    if (is_named(a) != is_named(b))
        return is_named(a);
    return times * a->positions > best_times * b->positions;
}

bool mr_wants(const struct study_facts *study, struct pipeline_want *ret)
{
    const struct series_facts *best = NULL;
    int best_times = 0, axial = 0;
    memset(ret, 0, sizeof(*ret));
    for (size_t i = 0; i < study->series_count; i++) {
        const struct series_facts *s = &study->series[i];
        axial += is_axial_mr(s);
        if (!is_candidate(s))
            continue;
        const int times = times_of(study, i);
        if (best && !is_better(s, times, best, best_times))
            continue;
        best = s;
        best_times = times;
    }
    if (best_times < MR_WANTS_TIMES) {
        if (axial == 0)
            snprintf(ret->reason, sizeof(ret->reason), "no axial MR");
        else
            snprintf(ret->reason, sizeof(ret->reason),
                     "MR taken at most %d times at a position; perfusion needs 20",
                     best_times);
        return false;
    }
    bool has_diffusion = false;
    for (size_t j = 0; j < study->series_count; j++) {
        const struct series_facts *s = &study->series[j];
        if (is_candidate(s) && is_same_place(s, best)) {
            want(ret, j);
        } else if (is_stroke_diffusion(s)) {
            want(ret, j);
            has_diffusion = true;
        }
    }
    snprintf(ret->reason, sizeof(ret->reason), "%d positions x %d times%s",
             best->positions, best_times, has_diffusion ? ", and diffusion" : "");
    return true;
}
