/* sax_report: what was found, as segments and coded numbers. */
#include "base/err.h"
#include "pipeline/cardiac_cine/sax_job.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

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
     SAX_CAVITY_ED,
     "lv_edv_index"},
    {"lv_esv",
     "LV end-systolic volume",
     "ml",
     AT(esv_ml),
     {"8823-7", "LN", "Left Ventricular ES Volume"},
     ML,
     INCLUDED,
     SAX_CAVITY_ES,
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
     SAX_WALL_ED,
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
     SAX_WALL_ED,
     NULL},
    {"lv_wall_es",
     "Mean wall thickness, end systole",
     "mm",
     AT(wall_es_mm),
     OWN("mean-wall-thickness", "Mean wall thickness"),
     MM,
     {0},
     SAX_WALL_ES,
     NULL},
};

// Where the model knows it. On the slices on which the left one counts.
static const struct quantity RIGHT[] = {
    {"rv_edv",
     "RV end-diastolic volume",
     "ml",
     AT(rv_edv_ml),
     {"8822-9", "LN", "Right Ventricular ED Volume"},
     ML,
     {0},
     SAX_RIGHT_ED,
     "rv_edv_index"},
    {"rv_esv",
     "RV end-systolic volume",
     "ml",
     AT(rv_esv_ml),
     {"8824-5", "LN", "Right Ventricular ES Volume"},
     ML,
     {0},
     SAX_RIGHT_ES,
     "rv_esv_index"},
    {"rv_ef",
     "RV ejection fraction",
     "%",
     AT(rv_ef_percent),
     {"8818-7", "LN", "Right ventricular ejection fraction by MR"},
     PERCENT,
     {0},
     -1,
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

static int add_all(struct sax_job *job, const struct quantity *all, size_t n,
                   struct err *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < n; i++)
        r = add_plain(job, &all[i], err);
    for (size_t i = 0; r == 0 && i < n; i++) {
        if (all[i].index_name)
            r = add_index(job, &all[i], err);
    }
    return r;
}

static int add_measurements(struct sax_job *job, struct err *err)
{
    int r = add_all(job, QUANTITIES, sizeof(QUANTITIES) / sizeof(*QUANTITIES), err);
    if (r == 0 && job->right)
        r = add_all(job, RIGHT, sizeof(RIGHT) / sizeof(*RIGHT), err);
    return r;
}

/* ---- sectors ---- */

static const struct {
    const char *wall, *thickening;
    struct code clock, aha; // which of them it is says how they were counted
} SECTORS[SAX_SECTORS] = {
    {"wall_01_ed",
     "thickening_01",
     {"clock-sector-1", "99HILUM", "Basal, 12 to 2 o'clock"},
     {"aha-segment-1", "99HILUM", "Segment 1, basal anterior"}},
    {"wall_02_ed",
     "thickening_02",
     {"clock-sector-2", "99HILUM", "Basal, 2 to 4 o'clock"},
     {"aha-segment-2", "99HILUM", "Segment 2, basal anteroseptal"}},
    {"wall_03_ed",
     "thickening_03",
     {"clock-sector-3", "99HILUM", "Basal, 4 to 6 o'clock"},
     {"aha-segment-3", "99HILUM", "Segment 3, basal inferoseptal"}},
    {"wall_04_ed",
     "thickening_04",
     {"clock-sector-4", "99HILUM", "Basal, 6 to 8 o'clock"},
     {"aha-segment-4", "99HILUM", "Segment 4, basal inferior"}},
    {"wall_05_ed",
     "thickening_05",
     {"clock-sector-5", "99HILUM", "Basal, 8 to 10 o'clock"},
     {"aha-segment-5", "99HILUM", "Segment 5, basal inferolateral"}},
    {"wall_06_ed",
     "thickening_06",
     {"clock-sector-6", "99HILUM", "Basal, 10 to 12 o'clock"},
     {"aha-segment-6", "99HILUM", "Segment 6, basal anterolateral"}},
    {"wall_07_ed",
     "thickening_07",
     {"clock-sector-7", "99HILUM", "Mid-ventricular, 12 to 2 o'clock"},
     {"aha-segment-7", "99HILUM", "Segment 7, mid anterior"}},
    {"wall_08_ed",
     "thickening_08",
     {"clock-sector-8", "99HILUM", "Mid-ventricular, 2 to 4 o'clock"},
     {"aha-segment-8", "99HILUM", "Segment 8, mid anteroseptal"}},
    {"wall_09_ed",
     "thickening_09",
     {"clock-sector-9", "99HILUM", "Mid-ventricular, 4 to 6 o'clock"},
     {"aha-segment-9", "99HILUM", "Segment 9, mid inferoseptal"}},
    {"wall_10_ed",
     "thickening_10",
     {"clock-sector-10", "99HILUM", "Mid-ventricular, 6 to 8 o'clock"},
     {"aha-segment-10", "99HILUM", "Segment 10, mid inferior"}},
    {"wall_11_ed",
     "thickening_11",
     {"clock-sector-11", "99HILUM", "Mid-ventricular, 8 to 10 o'clock"},
     {"aha-segment-11", "99HILUM", "Segment 11, mid inferolateral"}},
    {"wall_12_ed",
     "thickening_12",
     {"clock-sector-12", "99HILUM", "Mid-ventricular, 10 to 12 o'clock"},
     {"aha-segment-12", "99HILUM", "Segment 12, mid anterolateral"}},
    {"wall_13_ed",
     "thickening_13",
     {"clock-sector-13", "99HILUM", "Apical, 12 to 3 o'clock"},
     {"aha-segment-13", "99HILUM", "Segment 13, apical anterior"}},
    {"wall_14_ed",
     "thickening_14",
     {"clock-sector-14", "99HILUM", "Apical, 3 to 6 o'clock"},
     {"aha-segment-14", "99HILUM", "Segment 14, apical septal"}},
    {"wall_15_ed",
     "thickening_15",
     {"clock-sector-15", "99HILUM", "Apical, 6 to 9 o'clock"},
     {"aha-segment-15", "99HILUM", "Segment 15, apical inferior"}},
    {"wall_16_ed",
     "thickening_16",
     {"clock-sector-16", "99HILUM", "Apical, 9 to 12 o'clock"},
     {"aha-segment-16", "99HILUM", "Segment 16, apical lateral"}},
};

static int add_sectors(struct sax_job *job, struct err *err)
{
    static const struct code THICKNESS = OWN("wall-thickness-ed", "Wall thickness, ED");
    static const struct code THICKENING =
        OWN("wall-thickening", "Systolic wall thickening");
    static const struct code IN_MM = MM, IN_PERCENT = PERCENT;
    int r = 0;
    for (size_t k = 0; r == 0 && k < SAX_SECTORS; k++) {
        const struct code where = job->start.is_aha ? SECTORS[k].aha : SECTORS[k].clock;
        struct result_measurement m = {.name = SECTORS[k].wall,
                                       .label = where.meaning,
                                       .unit = "mm",
                                       .concept = THICKNESS,
                                       .ucum = IN_MM,
                                       .modifier = where,
                                       .segment = SAX_WALL_ED};
        r = add(job, &m, job->sectors[k].ed_mm, err);
        m.name = SECTORS[k].thickening;
        m.unit = "%";
        m.concept = THICKENING;
        m.ucum = IN_PERCENT;
        if (r == 0)
            r = add(job, &m, job->sectors[k].thickening_percent, err);
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
        r = sax_segments_add(job, err);
    if (r == 0)
        r = add_measurements(job, err);
    return r == 0 ? add_sectors(job, err) : r;
}
