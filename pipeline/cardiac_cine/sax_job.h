/* sax_job: all that a run of cardiac cine makes on its way; private to the folder. */
#ifndef PIPELINE_CARDIAC_CINE_SAX_JOB_H
#define PIPELINE_CARDIAC_CINE_SAX_JOB_H

#include "pipeline/cardiac_cine/sax_images.h"
#include "pipeline/cardiac_cine/sax_net.h"
#include "pipeline/cardiac_cine/sax_options.h"
#include "pipeline/cardiac_cine/sax_range.h"
#include "pipeline/cardiac_cine/sax_rates.h"
#include "pipeline/cardiac_cine/sax_sectors.h"
#include "pipeline/cardiac_cine/sax_stack.h"
#include "pipeline/cardiac_cine/sax_wall.h"

#include <stdint.h>

/** Numbers of the ventricle; NAN: does not exist. */
struct sax_numbers {
    double edv_ml, esv_ml, sv_ml, ef_percent, mass_g;
    double heart_rate, output_l_min, bsa_m2;
    double ed_phase, es_phase;     // from 0
    double wall_ed_mm, wall_es_mm; // mean thickness
    struct sax_rates rates;
    double rv_edv_ml, rv_esv_ml, rv_sv_ml, rv_ef_percent; // where the model knows it
};

struct sax_job {
    const struct pipeline_def *def;
    const struct pipeline_input *in;
    struct sax_options options;
    struct result *result;

    struct sax_stack *stack;
    struct sax_images *images;
    struct sax_net *net;
    double centre_mm[2];
    struct sax_probabilities *probabilities;
    struct sax_outlines *endo;
    struct sax_levels levels;
    struct sax_range *range;
    struct sax_outline
        *epi;       // [2][nz] at ED and at ES; not there where a slice does not count
    uint8_t *right; // [2][nz][ny][nx] of the right ventricle; NULL: the model lacks it
    struct sax_sectors_start start;
    struct sax_sector sectors[SAX_SECTORS];
    struct sax_numbers numbers;
};

enum { SAX_ED, SAX_ES, SAX_TIMES };

/** The phase of time SAX_ED or SAX_ES. */
static inline size_t sax_job_phase(const struct sax_job *job, int time)
{
    return time == SAX_ED ? job->range->ed : job->range->es;
}

/** Whether slice z counts in phase t: as at ED, or as at ES when less is left than halfway. */
static inline bool sax_job_counts_in(const struct sax_job *job, size_t t, size_t z)
{
    const struct sax_range *r = job->range;
    const double middle_ml = 0.5 * (r->volume_ml[r->ed] + r->volume_ml[r->es]);
    return r->volume_ml[t] > middle_ml ? r->slices[z].at_ed : r->slices[z].at_es;
}

/** Whether slice z counts at that time. */
static inline bool sax_job_counts(const struct sax_job *job, int time, size_t z)
{
    const struct sax_use *use = &job->range->slices[z];
    return time == SAX_ED ? use->at_ed : use->at_es;
}

/** The plane of the slices. */
struct sax_plane sax_job_plane(const struct sax_job *job);

/* Checks: each adds its verdict to the result and refuses it when it fails. ERR_NOMEM. */
int sax_check_stack(struct sax_job *job, struct err *err);
int sax_check_heart(struct sax_job *job, size_t votes, size_t asked, struct err *err);
int sax_check_outlines(struct sax_job *job, struct err *err);
int sax_check_slices(struct sax_job *job, struct err *err);
int sax_check_numbers(struct sax_job *job, struct err *err);

/** Trace the epicardium of slice z in phase t. Errors: ERR_NOMEM. */
int sax_measure_epi(const struct sax_job *job, double usual_mm, size_t z, size_t t,
                    struct sax_outline *ret, struct err *err);
/** Trace the epicardium at ED and ES and fill job->numbers. Errors: ERR_NOMEM. */
int sax_measure(struct sax_job *job, struct err *err);
/* Segments of the result in their order; with all phases they are others, and further. */
enum sax_segment {
    SAX_CAVITY_ED,
    SAX_CAVITY_ES,
    SAX_WALL_ED,
    SAX_WALL_ES,
    SAX_RIGHT_ED, // only where the model knows it
    SAX_RIGHT_ES
};

/** Add the segments. Errors: ERR_NOMEM. */
int sax_segments_add(struct sax_job *job, struct err *err);
/** Fill the result's grid, segments and measurements. Errors: ERR_NOMEM. */
int sax_report(struct sax_job *job, struct err *err);
/** Draw the pages, refused or not. Errors: ERR_NOMEM, ERR_NOTFOUND (no font). */
int sax_view_draw(struct sax_job *job, struct err *err);

#endif
