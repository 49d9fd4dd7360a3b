/* sax_report: what was found, as segments and coded numbers. */
#include "base/err.h"
#include "pipeline/cardiac_cine/sax_job.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const struct code ANATOMY = {"91723000", "SCT", "Anatomical Structure"};
static const struct code HEART = {"80891009", "SCT", "Heart"};
static const struct code INDEXED = {"bsa-indexed", "99HILUM",
                                    "Indexed to body surface area"};

// Units, as constants that a table can hold.
#define UCUM(value, meaning)   \
    {                          \
        value, "UCUM", meaning \
    }
#define ML       UCUM("ml", "ml")
#define GRAM     UCUM("g", "g")
#define PERCENT  UCUM("%", "%")
#define MM       UCUM("mm", "mm")
#define MS       UCUM("ms", "ms")
#define ML_S     UCUM("ml/s", "ml/s")
#define L_MIN    UCUM("l/min", "l/min")
#define BPM      UCUM("{beats}/min", "beats per minute")
#define M2       UCUM("m2", "m2")
#define NO_UNITS UCUM("1", "no units")
#define INCLUDED                                     \
    {                                                \
        "122621", "DCM", "Papillary Muscle Included" \
    }
#define EXCLUDED                                     \
    {                                                \
        "122620", "DCM", "Papillary Muscle Excluded" \
    }

/* Segments in the order of the SEG. */
enum { CAVITY_ED, CAVITY_ES, WALL_ED, WALL_ES };

/* ---- segments ---- */

static int add_segment(struct sax_job *job, const struct result_segment *model, size_t t,
                       struct result_segment **ret, struct err *err)
{
    const struct grid *grid = job->stack->grid;
    struct result_segment *s = segment_list_add(&job->result->segments);
    if (!s)
        return err_set(err, ERR_NOMEM, "a segment");
    *s = *model;
    s->category = ANATOMY;
    s->anatomy = HEART;
    s->mask = calloc(grid_voxels(grid), 1);
    s->source_frames = calloc(grid->nz, sizeof(*s->source_frames));
    if (!s->mask || !s->source_frames)
        return err_set(err, ERR_NOMEM, "a segment");
    for (size_t z = 0; z < grid->nz; z++)
        s->source_frames[z] = job->stack->frames[z * job->stack->nt + t];
    *ret = s;
    return 0;
}

static size_t count_ones(const uint8_t *mask, size_t n)
{
    size_t ones = 0;
    for (size_t i = 0; i < n; i++)
        ones += mask[i];
    return ones;
}

static int add_cavity(struct sax_job *job, const struct result_segment *model, int time,
                      struct err *err)
{
    const struct sax_plane plane = sax_job_plane(job);
    struct result_segment *s = NULL;
    const size_t t = sax_job_phase(job, time), area = plane.nx * plane.ny;
    const int r = add_segment(job, model, t, &s, err);
    for (size_t z = 0; r == 0 && z < job->range->nz; z++) {
        if (sax_job_counts(job, time, z))
            s->voxels += sax_outline_fill(sax_outlines_at(job->endo, z, t), &plane, 1,
                                          s->mask + z * area);
    }
    return r;
}

static int add_wall(struct sax_job *job, const struct result_segment *model, int time,
                    struct err *err)
{
    const struct sax_plane plane = sax_job_plane(job);
    struct result_segment *s = NULL;
    const size_t t = sax_job_phase(job, time), area = plane.nx * plane.ny;
    const int r = add_segment(job, model, t, &s, err);
    for (size_t z = 0; r == 0 && z < job->range->nz; z++) {
        const struct sax_outline *epi = &job->epi[(size_t)time * job->range->nz + z];
        if (!epi->is_there)
            continue;
        sax_outline_fill(epi, &plane, 1, s->mask + z * area);
        sax_outline_fill(sax_outlines_at(job->endo, z, t), &plane, 0, s->mask + z * area);
    }
    if (r == 0)
        s->voxels = count_ones(s->mask, grid_voxels(job->stack->grid));
    return r;
}

static int add_segments(struct sax_job *job, struct err *err)
{
    static const struct result_segment CAVITIES[SAX_TIMES] = {
        {.name = "lv_cavity_ed",
         .label = "LV cavity, end diastole",
         .type = {"87878005", "SCT", "Left Ventricle"},
         .rgb = {220, 20, 60}},
        {.name = "lv_cavity_es",
         .label = "LV cavity, end systole",
         .type = {"87878005", "SCT", "Left Ventricle"},
         .rgb = {255, 140, 0}},
    };
    static const struct result_segment WALLS[SAX_TIMES] = {
        {.name = "lv_myocardium_ed",
         .label = "LV myocardium, end diastole",
         .type = {"49848007", "SCT", "Left Ventricle Myocardium"},
         .rgb = {60, 179, 113}},
        {.name = "lv_myocardium_es",
         .label = "LV myocardium, end systole",
         .type = {"49848007", "SCT", "Left Ventricle Myocardium"},
         .rgb = {70, 130, 180}},
    };
    int r = 0;
    for (int time = 0; r == 0 && time < SAX_TIMES; time++)
        r = add_cavity(job, &CAVITIES[time], time, err);
    for (int time = 0; r == 0 && time < SAX_TIMES; time++)
        r = add_wall(job, &WALLS[time], time, err);
    return r;
}

/* ---- measurements ---- */

static int add(struct sax_job *job, const struct result_measurement *model, double value,
               struct err *err)
{
    if (!isfinite(value))
        return 0; // does not exist: left out
    struct result_measurement *m = measurement_list_add(&job->result->measurements);
    if (!m)
        return err_set(err, ERR_NOMEM, "a measurement");
    *m = *model;
    m->value = value;
    return 0;
}

/* A number, where it stands in struct sax_numbers, and its name by square metre of body surface. */
struct quantity {
    const char *name, *label, *unit;
    size_t at;
    struct code concept, ucum, modifier;
    int segment;
    const char *index_name; // NULL: not indexed
};

#define AT(field) offsetof(struct sax_numbers, field)
#define OWN(value, meaning)       \
    {                             \
        value, "99HILUM", meaning \
    }

static const struct quantity QUANTITIES[] = {
    {"lv_edv",
     "LV end-diastolic volume",
     "ml",
     AT(edv_ml),
     {"8821-1", "LN", "Left Ventricular ED Volume"},
     ML,
     INCLUDED,
     CAVITY_ED,
     "lv_edv_index"},
    {"lv_esv",
     "LV end-systolic volume",
     "ml",
     AT(esv_ml),
     {"8823-7", "LN", "Left Ventricular ES Volume"},
     ML,
     INCLUDED,
     CAVITY_ES,
     "lv_esv_index"},
    {"lv_sv",
     "LV stroke volume",
     "ml",
     AT(sv_ml),
     {"90096001", "SCT", "Stroke Volume"},
     ML,
     {0},
     -1,
     "lv_sv_index"},
    {"lv_ef",
     "LV ejection fraction",
     "%",
     AT(ef_percent),
     {"8811-2", "LN", "Left ventricular ejection fraction by MR"},
     PERCENT,
     {0},
     -1,
     NULL},
    {"lv_mass",
     "LV mass",
     "g",
     AT(mass_g),
     {"18087-7", "LN", "Left Ventricle Mass"},
     GRAM,
     EXCLUDED,
     WALL_ED,
     "lv_mass_index"},
    {"heart_rate",
     "Heart rate",
     "/min",
     AT(heart_rate),
     {"8867-4", "LN", "Heart rate"},
     BPM,
     {0},
     -1,
     NULL},
    {"cardiac_output",
     "Cardiac output",
     "l/min",
     AT(output_l_min),
     {"82799009", "SCT", "Cardiac Output"},
     L_MIN,
     {0},
     -1,
     NULL},
    {"bsa",
     "Body surface area",
     "m2",
     AT(bsa_m2),
     {"8277-6", "LN", "BSA"},
     M2,
     {0},
     -1,
     NULL},
    {"ed_phase",
     "Phase of end diastole, from 0",
     "",
     AT(ed_phase),
     OWN("ed-phase", "Phase of end diastole"),
     NO_UNITS,
     {0},
     -1,
     NULL},
    {"es_phase",
     "Phase of end systole, from 0",
     "",
     AT(es_phase),
     OWN("es-phase", "Phase of end systole"),
     NO_UNITS,
     {0},
     -1,
     NULL},
    {"lv_per",
     "LV peak ejection rate",
     "ml/s",
     AT(rates.ejection_ml_s),
     OWN("peak-ejection-rate", "Peak ejection rate"),
     ML_S,
     {0},
     -1,
     NULL},
    {"lv_per_time",
     "Peak ejection, after end diastole",
     "ms",
     AT(rates.ejection_ms),
     OWN("time-to-per", "Time to peak ejection rate"),
     MS,
     {0},
     -1,
     NULL},
    {"lv_pfr",
     "LV peak filling rate",
     "ml/s",
     AT(rates.filling_ml_s),
     OWN("peak-filling-rate", "Peak filling rate"),
     ML_S,
     {0},
     -1,
     NULL},
    {"lv_pfr_time",
     "Peak filling, after end systole",
     "ms",
     AT(rates.filling_ms),
     OWN("time-to-pfr", "Time to peak filling rate"),
     MS,
     {0},
     -1,
     NULL},
    {"lv_wall_ed",
     "Mean wall thickness, end diastole",
     "mm",
     AT(wall_ed_mm),
     OWN("mean-wall-thickness", "Mean wall thickness"),
     MM,
     {0},
     WALL_ED,
     NULL},
    {"lv_wall_es",
     "Mean wall thickness, end systole",
     "mm",
     AT(wall_es_mm),
     OWN("mean-wall-thickness", "Mean wall thickness"),
     MM,
     {0},
     WALL_ES,
     NULL},
};

static double value_of(const struct sax_job *job, const struct quantity *q)
{
    double value;
    memcpy(&value, (const char *)&job->numbers + q->at, sizeof(value));
    return value;
}

static int add_plain(struct sax_job *job, const struct quantity *q, struct err *err)
{
    const struct result_measurement m = {.name = q->name,
                                         .label = q->label,
                                         .unit = q->unit,
                                         .concept = q->concept,
                                         .ucum = q->ucum,
                                         .modifier = q->modifier,
                                         .segment = q->segment};
    return add(job, &m, value_of(job, q), err);
}

static int add_index(struct sax_job *job, const struct quantity *q, struct err *err)
{
    static const struct code ML_M2 = UCUM("ml/m2", "ml/m2"), G_M2 = UCUM("g/m2", "g/m2");
    const bool is_mass = strcmp(q->unit, "g") == 0;
    const struct result_measurement m = {.name = q->index_name,
                                         .label = q->label,
                                         .unit = is_mass ? "g/m2" : "ml/m2",
                                         .concept = q->concept,
                                         .ucum = is_mass ? G_M2 : ML_M2,
                                         .modifier = INDEXED,
                                         .segment = q->segment};
    return add(job, &m, value_of(job, q) / job->numbers.bsa_m2, err);
}

static int add_measurements(struct sax_job *job, struct err *err)
{
    const size_t n = sizeof(QUANTITIES) / sizeof(*QUANTITIES);
    int r = 0;
    for (size_t i = 0; r == 0 && i < n; i++)
        r = add_plain(job, &QUANTITIES[i], err);
    for (size_t i = 0; r == 0 && i < n; i++) {
        if (QUANTITIES[i].index_name)
            r = add_index(job, &QUANTITIES[i], err);
    }
    return r;
}

/* ---- grid ---- */

/** The grid of the segments, and which frames show each slice: those of end diastole. */
static int set_grid(struct sax_job *job, struct err *err)
{
    const struct sax_stack *stack = job->stack;
    struct result *result = job->result;
    int r = grid_clone(stack->grid, &result->grid, err);
    if (r < 0)
        return r;
    const size_t nz = stack->grid->nz;
    result->source_frames = calloc(nz, sizeof(*result->source_frames));
    result->source_first = calloc(nz + 1, sizeof(*result->source_first));
    if (!result->source_frames || !result->source_first)
        return err_set(err, ERR_NOMEM, "frames of %zu slices", nz);
    for (size_t z = 0; z < nz; z++) {
        result->source_frames[z] = stack->frames[z * stack->nt + job->range->ed];
        result->source_first[z + 1] = z + 1;
    }
    return 0;
}

int sax_report(struct sax_job *job, struct err *err)
{
    int r = set_grid(job, err);
    if (r == 0)
        r = add_segments(job, err);
    return r == 0 ? add_measurements(job, err) : r;
}
