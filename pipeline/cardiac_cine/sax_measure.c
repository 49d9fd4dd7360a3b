/* sax_measure: from outlines to numbers: epicardium, mass, ejection fraction, output. */
#include "base/err.h"
#include "pipeline/cardiac_cine/sax_job.h"
#include "pipeline/cardiac_cine/sax_right.h"

#include <math.h>
#include <stdlib.h>

static const double WALL_MM = 8.0; // expected before any was measured

struct sax_plane sax_job_plane(const struct sax_job *job)
{
    const struct sax_images *i = job->images;
    return (struct sax_plane){i->nx, i->ny, {i->spacing_mm[0], i->spacing_mm[1]}};
}

int sax_measure_epi(const struct sax_job *job, double usual_mm, size_t z, size_t t,
                    struct sax_outline *ret, struct err *err)
{
    struct sax_level level;
    const int r = sax_wall_level(job->images, job->endo, z, t, &level, err);
    return r < 0 ? r
                 : sax_wall_trace(job->images, job->endo, &job->levels, level.blood,
                                  usual_mm, z, t, ret, err);
}

/** Trace all slices that count at that time; *ret_mm: mean thickness, NAN without any. */
static int trace_time(struct sax_job *job, int time, double usual_mm, double *ret_mm,
                      struct err *err)
{
    const size_t t = sax_job_phase(job, time), nz = job->range->nz;
    double sum = 0.0, n = 0.0;
    for (size_t z = 0; z < nz; z++) {
        struct sax_outline *epi = &job->epi[(size_t)time * nz + z];
        *epi = (struct sax_outline){0};
        if (!sax_job_counts(job, time, z))
            continue;
        const int r = sax_measure_epi(job, usual_mm, z, t, epi, err);
        if (r < 0)
            return r;
        if (epi->is_there) {
            sum += sax_wall_thickness_mm(sax_outlines_at(job->endo, z, t), epi);
            n += 1.0;
        }
    }
    *ret_mm = n > 0.0 ? sum / n : (double)NAN;
    return 0;
}

/** Wall in ml at that time, by the pixels of its slices. */
static int wall_ml(const struct sax_job *job, int time, double *ret, struct err *err)
{
    const struct sax_plane plane = sax_job_plane(job);
    const size_t t = sax_job_phase(job, time), nz = job->range->nz;
    uint8_t *mask = malloc(plane.nx * plane.ny);
    if (!mask)
        return err_set(err, ERR_NOMEM, "a mask");
    double ml = 0.0;
    for (size_t z = 0; z < nz; z++) {
        const struct sax_outline *epi = &job->epi[(size_t)time * nz + z];
        if (!epi->is_there)
            continue;
        const size_t whole = sax_outline_fill(epi, &plane, 1, mask);
        ml += (double)(whole - job->range->pixels[z * job->range->nt + t])
              * plane.spacing_mm[0] * plane.spacing_mm[1] * job->stack->step_mm[z]
              / 1000.0;
    }
    free(mask);
    *ret = ml;
    return 0;
}

/** Mosteller, N Engl J Med 317:1098 (1987); NAN without height and weight of a person. */
static double body_surface_m2(const struct series *series)
{
    const double m = series->height_m, kg = series->weight_kg;
    if (!(m >= 0.4 && m <= 2.5 && kg >= 2.0 && kg <= 400.0))
        return (double)NAN;
    return sqrt(100.0 * m * kg / 3600.0);
}

/* ---- sectors ---- */

/** Where the right ventricle lies from the left one at ED, mm in the plane; false: nowhere. */
static bool find_septum(const struct sax_job *job, double ret_mm[2])
{
    const struct sax_plane plane = sax_job_plane(job);
    const size_t area = plane.nx * plane.ny;
    double n = 0.0;
    ret_mm[0] = ret_mm[1] = 0.0;
    for (size_t i = 0; job->right && i < job->range->nz * area; i++) {
        if (!job->right[i])
            continue;
        const struct sax_outline *o =
            sax_outlines_at(job->endo, i / area, job->range->ed);
        ret_mm[0] += (double)(i % area % plane.nx) * plane.spacing_mm[0] - o->x_mm;
        ret_mm[1] += (double)(i % area / plane.nx) * plane.spacing_mm[1] - o->y_mm;
        n += 1.0;
    }
    ret_mm[0] /= fmax(n, 1.0);
    ret_mm[1] /= fmax(n, 1.0);
    return n > 0.0;
}

/** The septum's middle where the right ventricle is known, else 12 o'clock. */
static struct sax_sectors_start find_start(const struct sax_job *job)
{
    double to[2];
    if (!find_septum(job, to))
        return (struct sax_sectors_start){.angle = -0.5 * M_PI};
    // A quarter turn on from the septum lies the anterior wall or, that way round, the inferior:
    // the anterior one looks to the front and to the head.
    const double *o = job->stack->grid->orientation;
    const double turned[2] = {-to[1], to[0]};
    const double front = -(turned[0] * o[1] + turned[1] * o[4]);
    const double head = turned[0] * o[2] + turned[1] * o[5];
    return (struct sax_sectors_start){
        .is_aha = true, .angle = atan2(to[1], to[0]), .is_reverse = front + head < 0.0};
}

static void measure_sectors(struct sax_job *job)
{
    struct sax_sectors_slice slices[SAX_STACK_SLICES];
    const size_t nz = job->range->nz;
    size_t n = 0;
    for (size_t z = 0; z < nz; z++) {
        const struct sax_outline *ed = &job->epi[z], *es = &job->epi[nz + z];
        if (ed->is_there && es->is_there)
            slices[n++] = (struct sax_sectors_slice){
                {sax_outlines_at(job->endo, z, job->range->ed),
                 sax_outlines_at(job->endo, z, job->range->es)},
                {ed, es}};
    }
    job->start = find_start(job);
    sax_sectors_measure(slices, n, &job->start, job->sectors);
}

/** The right ventricle on the slices that count, and its volumes. */
static int measure_right(struct sax_job *job, struct err *err)
{
    const struct sax_plane plane = sax_job_plane(job);
    const size_t area = plane.nx * plane.ny, nz = job->range->nz;
    struct sax_numbers *n = &job->numbers;
    double *const volume[SAX_TIMES] = {&n->rv_edv_ml, &n->rv_esv_ml};
    n->rv_edv_ml = n->rv_esv_ml = n->rv_sv_ml = n->rv_ef_percent = (double)NAN;
    if (!job->probabilities->of[SAX_RIGHT])
        return 0;
    job->right = calloc(SAX_TIMES * nz * area, 1);
    if (!job->right)
        return err_set(err, ERR_NOMEM, "masks of the right ventricle");
    int r = 0;
    for (int time = 0; time < SAX_TIMES; time++) {
        *volume[time] = 0.0;
        for (size_t z = 0; r == 0 && z < nz; z++) {
            size_t pixels = 0;
            if (sax_job_counts(job, time, z))
                r = sax_right_mark(
                    job->probabilities, &plane, z, sax_job_phase(job, time),
                    job->right + ((size_t)time * nz + z) * area, &pixels, err);
            *volume[time] += (double)pixels * plane.spacing_mm[0] * plane.spacing_mm[1]
                             * job->stack->step_mm[z] / 1000.0;
        }
    }
    n->rv_sv_ml = n->rv_edv_ml - n->rv_esv_ml;
    n->rv_ef_percent = 100.0 * n->rv_sv_ml / n->rv_edv_ml;
    return r;
}

static void set_numbers(struct sax_job *job, double wall)
{
    struct sax_numbers *n = &job->numbers;
    const struct sax_range *range = job->range;
    const double rr_ms = sax_stack_rr_ms(job->stack);
    n->edv_ml = range->volume_ml[range->ed];
    n->esv_ml = range->volume_ml[range->es];
    n->sv_ml = n->edv_ml - n->esv_ml;
    n->ef_percent = n->edv_ml > 0.0 ? 100.0 * n->sv_ml / n->edv_ml : (double)NAN;
    n->mass_g = wall * job->options.density_g_ml;
    n->heart_rate = 60000.0 / rr_ms;
    n->output_l_min = n->sv_ml * n->heart_rate / 1000.0;
    n->bsa_m2 = body_surface_m2(job->in->series);
    n->ed_phase = (double)range->ed;
    n->es_phase = (double)range->es;
    n->rates = sax_rates_of(range->volume_ml, range->nt, rr_ms, range->ed, range->es);
}

int sax_measure(struct sax_job *job, struct err *err)
{
    job->epi = calloc(SAX_TIMES * job->range->nz, sizeof(*job->epi));
    if (!job->epi)
        return err_set(err, ERR_NOMEM, "outlines");
    double *const thick[SAX_TIMES] = {&job->numbers.wall_ed_mm, &job->numbers.wall_es_mm};
    int r = 0;
    double wall = 0.0;
    for (int time = 0; r == 0 && time < SAX_TIMES; time++) {
        r = trace_time(job, time, WALL_MM, thick[time], err);
        if (r == 0 && isfinite(*thick[time])) // again, about what was measured
            r = trace_time(job, time, *thick[time], thick[time], err);
    }
    if (r == 0)
        r = wall_ml(job, SAX_ED, &wall, err);
    if (r == 0)
        set_numbers(job, wall);
    if (r == 0)
        r = measure_right(job, err);
    if (r == 0)
        measure_sectors(job);
    return r;
}
