/* sax_checks: whether a cine stack and what was found in it can be trusted. */
#include "base/err.h"
#include "pipeline/cardiac_cine/sax_job.h"

#include <math.h>
#include <stdio.h>

static enum verdict below(double value, double warn, double fail)
{
    return value < fail ? VERDICT_FAIL : value < warn ? VERDICT_WARN : VERDICT_OK;
}

static enum verdict above(double value, double warn, double fail)
{
    return value > fail ? VERDICT_FAIL : value > warn ? VERDICT_WARN : VERDICT_OK;
}

static enum verdict worse(enum verdict a, enum verdict b)
{
    return a > b ? a : b;
}

/** A failed check refuses the result with its own words. */
static int conclude(struct result *result, int r)
{
    if (r < 0)
        return r;
    const struct result_check *last = &result->checks.items[result->checks.count - 1];
    if (last->verdict == VERDICT_FAIL)
        result_refuse(result, "%s: %s", last->check, last->text);
    return 0;
}

static int check_phases(struct sax_job *job, struct err *err)
{
    const struct sax_stack *s = job->stack;
    const struct sax_options *o = &job->options;
    enum verdict v = below((double)s->nt, o->phases_warn, o->phases_fail);
    if (s->uneven > 0 || !s->has_trigger)
        v = worse(v, VERDICT_WARN);
    char more[96] = "";
    if (s->uneven > 0)
        snprintf(more, sizeof(more), "; %zu slices have another number", s->uneven);
    else if (!s->has_trigger && s->nt > 1)
        snprintf(more, sizeof(more), "; without trigger times, in the order taken");
    return conclude(job->result, result_add_check(job->result, "phases", v, err,
                                                  "%zu phases, %.0f needed%s", s->nt,
                                                  o->phases_fail, more));
}

static int check_gap(struct sax_job *job, struct err *err)
{
    const struct sax_stack *s = job->stack;
    const struct sax_options *o = &job->options;
    const double usual_mm = s->grid->thickness_mm;
    const double times = s->grid->nz > 1 ? s->widest_mm / usual_mm : 1.0;
    const enum verdict v = above(times, o->gap_warn, o->gap_fail);
    return conclude(
        job->result,
        v == VERDICT_OK
            ? result_add_check(job->result, "spacing", v, err,
                               "%zu slices every %.1f mm, no gap", s->grid->nz, usual_mm)
            : result_add_check(job->result, "spacing", v, err,
                               "a gap of %.1f mm among slices every %.1f mm; the slices "
                               "beside it stand for it",
                               s->widest_mm, usual_mm));
}

int sax_check_stack(struct sax_job *job, struct err *err)
{
    const struct sax_stack *s = job->stack;
    const struct sax_options *o = &job->options;
    int r = check_phases(job, err);
    if (r == 0 && (double)s->grid->nz < o->slices_fail)
        r = conclude(job->result,
                     result_add_check(job->result, "slices", VERDICT_FAIL, err,
                                      "%zu short-axis slices, %.0f needed", s->grid->nz,
                                      o->slices_fail));
    if (r == 0)
        r = check_gap(job, err);
    if (r < 0)
        return r;
    const double rr_ms = sax_stack_rr_ms(s), spread = 100.0 * sax_stack_rr_spread(s);
    if (!isfinite(rr_ms))
        return result_add_check(job->result, "rhythm", VERDICT_WARN, err,
                                "no R-R interval is told: no heart rate, no output");
    const enum verdict v = above(spread, o->rr_spread_warn, o->rr_spread_fail);
    return conclude(job->result,
                    result_add_check(job->result, "rhythm", v, err,
                                     v == VERDICT_OK
                                         ? "R-R interval %.0f ms, +-%.0f %% over slices"
                                         : "R-R interval %.0f ms, +-%.0f %% over slices: "
                                           "arrhythmia? volumes mix beats",
                                     rr_ms, spread));
}

int sax_check_heart(struct sax_job *job, size_t votes, size_t asked, struct err *err)
{
    const double share = 100.0 * (double)votes / (double)asked;
    const enum verdict v = below(share, job->options.votes_fail, job->options.votes_fail);
    return conclude(
        job->result,
        v == VERDICT_OK
            ? result_add_check(job->result, "heart", v, err,
                               "seen on %zu of %zu images looked at", votes, asked)
            : result_add_check(job->result, "heart", v, err,
                               "no heart was found (a ventricle on %zu of %zu images)",
                               votes, asked));
}

int sax_check_outlines(struct sax_job *job, struct err *err)
{
    const struct sax_options *o = &job->options;
    size_t there = 0;
    for (size_t i = 0; i < job->endo->nz * job->endo->nt; i++)
        there += job->endo->items[i].is_there;
    const double share = 100.0 * (double)job->endo->made_up / (double)there;
    const enum verdict followed = above(share, o->made_up_warn, o->made_up_fail);
    int r =
        conclude(job->result,
                 result_add_check(
                     job->result, "outlines", followed, err,
                     "%s%zu outlines, %zu of them made up from their "
                     "neighbours in time",
                     followed == VERDICT_FAIL ? "no heart that can be followed: " : "",
                     there, job->endo->made_up));
    if (r < 0)
        return r;
    const struct sax_levels *l = &job->levels;
    enum verdict v = above(l->ratio, o->contrast_ratio_warn, 0.95);
    v = worse(v, below(l->contrast, 2.0 * o->contrast_fail, o->contrast_fail));
    return conclude(job->result,
                    result_add_check(job->result, "contrast", v, err,
                                     "myocardium is %.0f %% as bright as blood; they "
                                     "differ by %.0f times the noise%s",
                                     100.0 * l->ratio, l->contrast,
                                     v == VERDICT_OK ? "" : ": no balanced SSFP?"));
}

int sax_check_slices(struct sax_job *job, struct err *err)
{
    const struct sax_range *range = job->range;
    const enum verdict v =
        below((double)range->used_ed, job->options.slices_warn, job->options.slices_fail);
    size_t first[SAX_TIMES] = {0, 0}, last[SAX_TIMES] = {0, 0};
    for (int time = 0; time < SAX_TIMES; time++) {
        for (size_t z = range->nz; z-- > 0;) {
            if (!sax_job_counts(job, time, z))
                continue;
            first[time] = z + 1;
            last[time] = last[time] ? last[time] : z + 1;
        }
    }
    int r = conclude(
        job->result,
        result_add_check(job->result, "slices", v, err,
                         "of %zu, from the base: %zu to %zu count at end diastole (%zu), "
                         "%zu to %zu at end systole (%zu)",
                         range->nz, first[SAX_ED], last[SAX_ED], range->used_ed,
                         first[SAX_ES], last[SAX_ES], range->used_es));
    if (r < 0 || job->result->status != RESULT_OK)
        return r;
    r = result_add_check(job->result, "base",
                         range->is_base_doubtful ? VERDICT_WARN : VERDICT_OK, err,
                         range->is_base_doubtful
                             ? "slice %zu as the most basal one is doubtful: myocardium "
                               "lies about only part of it or of the next"
                             : "slice %zu is the most basal one at end diastole",
                         first[SAX_ED]);
    if (r < 0)
        return r;
    const bool no_base = first[SAX_ED] == 1;
    const bool no_apex = last[SAX_ED] == range->nz;
    return result_add_check(job->result, "coverage",
                            no_base || no_apex ? VERDICT_WARN : VERDICT_OK, err,
                            no_base && no_apex ? "the stack ends within the ventricle at "
                                                 "base and apex"
                            : no_base ? "the stack begins within the ventricle: the base "
                                        "may be cut off"
                            : no_apex ? "the stack ends within the ventricle: the apex "
                                        "may be cut off"
                                      : "the stack reaches beyond base and apex");
}

int sax_check_numbers(struct sax_job *job, struct err *err)
{
    const struct sax_numbers *n = &job->numbers;
    const struct sax_options *o = &job->options;
    if (!(n->edv_ml > n->esv_ml && n->esv_ml >= 0.0))
        return conclude(job->result,
                        result_add_check(job->result, "volumes", VERDICT_FAIL, err,
                                         "the ventricle does not empty: %.0f and %.0f ml",
                                         n->edv_ml, n->esv_ml));
    const bool odd = n->edv_ml < o->edv_lo_ml || n->edv_ml > o->edv_hi_ml;
    int r = result_add_check(job->result, "volumes", odd ? VERDICT_WARN : VERDICT_OK, err,
                             odd ? "EDV %.0f ml is implausible (%.0f to %.0f)"
                                 : "EDV %.0f ml is plausible (%.0f to %.0f)",
                             n->edv_ml, o->edv_lo_ml, o->edv_hi_ml);
    const bool odd_ef = n->ef_percent < o->ef_lo || n->ef_percent > o->ef_hi;
    if (r == 0)
        r = result_add_check(job->result, "ejection_fraction",
                             odd_ef ? VERDICT_WARN : VERDICT_OK, err,
                             odd_ef ? "%.0f %% is implausible (%.0f to %.0f)"
                                    : "%.0f %% is plausible (%.0f to %.0f)",
                             n->ef_percent, o->ef_lo, o->ef_hi);
    return r;
}
