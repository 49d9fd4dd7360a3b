#include "pipeline/perfusion/quality.h"

#include <math.h>
#include <stdbool.h>

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

static double duration_s(const struct frame_table *table)
{
    return table->time_s[table->nt - 1] - table->time_s[0];
}

int quality_of_scan(struct result *result, const struct frame_table *table,
                    const struct quality_bounds *b, struct err *err)
{
    const double seconds = duration_s(table);
    const bool is_short =
        (double)table->nt < b->frames_min || seconds < b->duration_min_s;
    int r = conclude(
        result,
        result_add_check(result, "duration", is_short ? VERDICT_FAIL : VERDICT_OK, err,
                         "%zu time points over %.0f s, %.0f and %.0f s needed", table->nt,
                         seconds, b->frames_min, b->duration_min_s));
    const double share =
        100.0 * (double)table->missing / (double)(table->nt * table->grid->nz);
    if (r == 0)
        r = conclude(result,
                     result_add_check(result, "missing_frames",
                                      table->missing == 0
                                          ? VERDICT_OK
                                          : above(share, b->missing_warn_percent,
                                                  b->missing_fail_percent),
                                      err, "%zu images missing (%.1f %%), %zu doubled",
                                      table->missing, share, table->doubled));
    const double cover_mm = (double)table->grid->nz * table->grid->thickness_mm;
    if (r == 0)
        r = conclude(result, result_add_check(result, "coverage",
                                              below(cover_mm, b->coverage_warn_mm,
                                                    b->coverage_fail_mm),
                                              err, "%.0f mm along the head in %zu slices",
                                              cover_mm, table->grid->nz));
    return r;
}

int quality_of_motion(struct result *result, const struct motion *m,
                      const struct quality_bounds *b, struct err *err)
{
    enum verdict v = worse(above(m->max_mm, b->motion_warn_mm, b->motion_fail_mm),
                           above(m->max_deg, b->motion_warn_deg, HUGE_VAL));
    v = m->rejected > 0 ? worse(v, VERDICT_WARN) : v;
    return conclude(
        result, result_add_check(result, "motion", v, err,
                                 "up to %.1f mm and %.1f degrees%s; %zu frames left out",
                                 m->max_mm, m->max_deg,
                                 m->is_corrected ? ", corrected" : "", m->rejected));
}

int quality_of_bolus(struct result *result, const struct cine *cine,
                     const struct enhancement *e, const struct artery *artery,
                     const struct quality_bounds *b, struct err *err)
{
    int r = conclude(
        result, result_add_check(result, "baseline",
                                 below((double)e->before_bolus, b->baseline_warn_frames,
                                       b->baseline_fail_frames),
                                 err, "%zu frames before the bolus", e->before_bolus));
    const double peak = artery->aif.is_found ? (double)artery->aif.shape.peak : 0.0;
    enum verdict v = below(peak, b->aif_peak_warn, b->aif_peak_fail);
    v = worse(v, below(e->rise, b->rise_fail, b->rise_fail));
    v = artery->aif.is_found ? worse(v, below(artery->aif.snr, b->aif_snr_warn, 0.0))
                             : VERDICT_FAIL;
    if (r == 0 && v == VERDICT_FAIL)
        r = conclude(result,
                     result_add_check(result, "bolus", v, err,
                                      "no contrast bolus was seen in the arteries "
                                      "(%.0f %s; brain %.1f %s)",
                                      peak, b->unit, e->rise, b->unit));
    else if (r == 0)
        r = result_add_check(result, "bolus", v, err,
                             "artery rises by %.0f %s, %.0f times noise", peak, b->unit,
                             fmin(artery->aif.snr, 9999.0));
    if (r == 0)
        r = result_add_check(result, "noise", above(e->noise, b->noise_warn_hu, HUGE_VAL),
                             err, "%.1f %s in voxels of %.1f x %.1f x %.1f mm", e->noise,
                             b->unit, cine->spacing_mm[0], cine->spacing_mm[1],
                             cine->spacing_mm[2]);
    return r;
}

static int check_order(struct result *result, const struct artery *artery,
                       const struct quality_bounds *b, struct err *err)
{
    const struct artery_vessel *aif = &artery->aif, *vof = &artery->vof;
    if (!vof->is_found)
        return result_add_check(result, "aif_vof_order", VERDICT_WARN, err,
                                "no vein was found; the artery is not scaled");
    const double later_s = (double)(vof->shape.ttp_s - aif->shape.ttp_s);
    const double ratio = (double)(vof->shape.area / aif->shape.area);
    const enum verdict v = later_s <= 0.0
                               ? VERDICT_WARN
                               : worse(above(ratio, b->vof_ratio_warn, HUGE_VAL),
                                       below(ratio, b->vof_ratio_least, 0.0));
    return result_add_check(
        result, "aif_vof_order", v, err,
        "vein peaks %.1f s after the artery, area %.2f times as large", later_s, ratio);
}

int quality_of_artery(struct result *result, const struct artery *artery,
                      const struct time_axis *axis, const struct quality_bounds *b,
                      struct err *err)
{
    const struct artery_vessel *aif = &artery->aif, *vof = &artery->vof;
    const double width_s = (double)aif->shape.width_s, ttp_s = (double)aif->shape.ttp_s;
    int r = result_add_check(result, "aif_shape",
                             worse(above(width_s, b->aif_width_warn_s, HUGE_VAL),
                                   above(ttp_s, b->aif_ttp_warn_s, HUGE_VAL)),
                             err, "peak at %.1f s, %.1f s wide at half height", ttp_s,
                             width_s);
    if (r == 0)
        r = check_order(result, artery, b, err);
    const double left_s = (double)(axis->nt - 1) * axis->dt_s - ttp_s;
    const double end =
        vof->is_found ? 100.0 * (double)(vof->shape.last / vof->shape.peak) : 0.0;
    if (r == 0)
        r = result_add_check(
            result, "truncation",
            worse(below(left_s, b->after_peak_warn_s, b->after_peak_fail_s),
                  above(end, b->vof_end_warn_percent, HUGE_VAL)),
            err, "scan goes on %.0f s after the arterial peak; vein ends at %.0f %%",
            left_s, end);
    return conclude(result, r);
}

int quality_of_sides(struct result *result, size_t left, size_t right,
                     const struct quality_bounds *b, struct err *err)
{
    const size_t all = left + right, less = left < right ? left : right;
    const double share = all ? 100.0 * (double)less / (double)all : 0.0;
    return result_add_check(
        result, "bilateral", above(share, b->bilateral_warn_percent, HUGE_VAL), err,
        all ? "%.0f %% of the hypoperfusion lies in the lesser hemisphere"
            : "no hypoperfusion (%.0f %%)",
        share);
}

int quality_of_islands(struct result *result, size_t islands, double ml, struct err *err)
{
    return result_add_check(
        result, "discordant", islands > 0 ? VERDICT_WARN : VERDICT_OK, err,
        islands > 0 ? "%zu islands of long Tmax, %.1f ml, are not late "
                      "by their curves and left out"
                    : "%zu islands of long Tmax contradict their curves "
                      "(%.1f ml)",
        islands, ml);
}
