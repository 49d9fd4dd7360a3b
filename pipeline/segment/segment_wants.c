#include "pipeline/segment/segment.h"

#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/** What the slices of orientation look like along: 0 sagittal, 1 coronal, 2 axial. */
static int plane_of(const double o[6])
{
    const double n[3] = {o[1] * o[5] - o[2] * o[4], o[2] * o[3] - o[0] * o[5],
                         o[0] * o[4] - o[1] * o[3]};
    int axis = 0;
    for (int i = 1; i < 3; i++) {
        if (fabs(n[i]) > fabs(n[axis]))
            axis = i;
    }
    return axis;
}

static bool is_oriented(const struct card *card, const struct series_facts *s)
{
    static const char *const PLANES[] = {"sagittal", "coronal", "axial"};
    return strcmp(card->input.orientation, "any") == 0
           || strcmp(card->input.orientation, PLANES[plane_of(s->orientation)]) == 0;
}

static bool is_part(const struct card *card, const struct series_facts *s)
{
    if (card->series.body_parts == 0 || s->body_part[0] == '\0')
        return true;
    for (size_t i = 0; i < card->series.body_parts; i++) {
        if (strcasecmp(card_body_part(card, i), s->body_part) == 0)
            return true;
    }
    return false;
}

static double gap_mm(const struct series_facts *s)
{
    return s->positions > 1 ? fabs(s->last_mm - s->first_mm) / (s->positions - 1)
                            : s->thickness_mm;
}

/** What stands against the series, or NULL. Pixels are seen by the analysis. */
static const char *objection(const struct card *card, const struct series_facts *s)
{
    if (strcmp(s->modality, card->input.modality) != 0)
        return "no series of its modality";
    if (s->positions < 1 || strstr(s->image_type, "LOCALIZER"))
        return "its images have no place in the patient, or are a localiser";
    if (card->series.description[0]
        && fnmatch(card->series.description, s->description, FNM_CASEFOLD) != 0)
        return "no series of its description";
    if (!is_part(card, s))
        return "another part of the body";
    if (!is_oriented(card, s))
        return "slices of another orientation";
    if (s->frames > s->positions)
        return "taken several times at a place";
    if ((size_t)s->positions < card->series.slices_min)
        return "fewer slices than the model wants";
    if (fabs(s->last_mm - s->first_mm) + gap_mm(s) < card->series.extent_min_mm)
        return "a shorter stretch than the model wants";
    if (card->series.slice_max_mm > 0 && gap_mm(s) > card->series.slice_max_mm + 0.01)
        return "slices farther apart than the model wants";
    return NULL;
}

bool segment_wants(const struct card *card, const struct study_facts *study,
                   struct pipeline_want *ret)
{
    const struct series_facts *best = NULL;
    const char *why = "no series";
    bool is_near = false; // a series of the modality was looked at
    memset(ret, 0, sizeof(*ret));
    for (size_t i = 0; i < study->series_count; i++) {
        const struct series_facts *s = &study->series[i];
        const char *against = objection(card, s);
        if (against) {
            const bool is_modality = strcmp(s->modality, card->input.modality) == 0;
            why = is_modality || !is_near ? against : why;
            is_near |= is_modality;
        } else if (!best || gap_mm(s) < gap_mm(best) - 0.01
                   || (gap_mm(s) < gap_mm(best) + 0.01
                       && s->positions > best->positions)) {
            best = s;
            ret->series[0] = i;
        }
    }
    ret->series_count = best != NULL;
    if (best)
        snprintf(ret->reason, sizeof(ret->reason), "%s, %d slices of %.3g mm",
                 card->input.modality, best->positions, gap_mm(best));
    else
        snprintf(ret->reason, sizeof(ret->reason), "%s (%s)", why, card->input.modality);
    return best != NULL;
}
