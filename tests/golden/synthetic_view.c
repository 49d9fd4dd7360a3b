#include "tests/golden/synthetic_view.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAMES 60
#define CHECKS 13

struct synthetic {
    struct perfusion_view view;
    struct perfusion_plane midline;
    struct grid *grid;
    float *anatomy, *cbf, *cbv, *mtt, *tmax;
    uint8_t *brain, *core, *hypo, *vessels, *tmax_passed, *rcbf_passed;
    double time_s[FRAMES];
    float aif[FRAMES], vof[FRAMES], shift_mm[FRAMES], turn_deg[FRAMES];
    uint8_t rejected[FRAMES];
    struct perfusion_site aif_sites[6], vof_sites[6];
    struct result_check checks[CHECKS];
};

/* The same numbers on every machine. */
static float noise(uint32_t *state)
{
    float sum = 0;
    for (int i = 0; i < 4; i++) {
        *state = *state * 1664525u + 1013904223u;
        sum += (float)(*state >> 8) / 16777216.0f - 0.5f;
    }
    return sum * 1.7f;
}

static double bolus(double t, double rise_s, double width_s)
{
    double u = (t - rise_s) / width_s;
    return u > 0 ? pow(u * exp(1 - u), 3) : 0;
}

static void make_grid(struct synthetic *s, const struct synthetic_options *o)
{
    double spacing = 220.0 / (double)o->n;
    double sign = o->is_mirrored ? -1 : 1;
    grid_create(o->n, o->n, o->slices, &s->grid, NULL);
    s->grid->spacing_mm[0] = s->grid->spacing_mm[1] = spacing;
    s->grid->thickness_mm = o->slice_mm;
    s->grid->orientation[0] = s->grid->orientation[4] = sign;
    for (size_t z = 0; z < o->slices; z++) {
        double *p = s->grid->position_mm[o->is_mirrored ? o->slices - 1 - z : z];
        p[0] = p[1] = -110 * sign;
        p[2] = -30 + o->slice_mm * (double)z;
    }
}

/* Everything of one voxel, by where it lies in the head (mm, from the middle). */
static void make_voxel(struct synthetic *s, const struct synthetic_options *o, size_t i,
                       const double p[3], double tall, uint32_t *state)
{
    double v = p[2] / tall;
    double round = 1 - 0.35 * v * v;
    double r = hypot(p[0] / (68 * round), p[1] / (84 * round));
    double ripple = 0.03 * sin(p[0] / 3.1 + p[2] / 7) * sin(p[1] / 2.7);
    bool is_csf = hypot((fabs(p[0]) - 9) / 6, (p[1] + 4) / 24) < 1 && fabs(v) < 0.55;
    bool is_grey = r + ripple > 0.84 || hypot((fabs(p[0]) - 24) / 9, p[1] / 17) < 1;
    s->anatomy[i] = (float)(r > 1.19   ? -1000
                            : r > 1.06 ? 900
                            : r > 1    ? 12
                            : is_csf   ? 6
                            : is_grey  ? 41
                                       : 33)
                    + 2.0f * noise(state);
    if (r > 1 || is_csf)
        return;

    double reach = hypot(hypot((p[0] - 46) / 32, (p[1] - 2) / 42), v / 0.75) + ripple;
    double near = hypot(hypot((p[0] - 38) / 16, (p[1] + 2) / 22), v / 0.45) + ripple;
    if (o->is_healthy)
        reach = near = 9;
    double share = near < 1 ? 0.15 : reach < 1 ? 0.6 : 1;
    double late =
        reach < 1 ? 8.6 + 3 * (1 - reach) : fmax(0, 4.6 - 3.2 * (reach - 1)) + 0.6;
    s->brain[i] = 1;
    s->cbf[i] = (float)((is_grey ? 60 : 26) * share) * (1 + 0.1f * noise(state));
    s->mtt[i] = (float)(reach < 1 ? 9.5 : 4.4) * (1 + 0.08f * noise(state));
    s->cbv[i] = s->cbf[i] * s->mtt[i] / 60;
    s->tmax[i] = (float)(o->is_healthy ? 2.2 : late) * (1 + 0.06f * noise(state));
    s->hypo[i] = reach < 1;
    s->core[i] = near < 1;
    for (int k = 0; k < PERFUSION_LEVELS; k++) {
        s->tmax_passed[i] += (double)s->tmax[i] > 4 + 2.0 * k;
        s->rcbf_passed[i] += near < 1.18 - 0.13 * k;
    }
}

static void make_voxels(struct synthetic *s, const struct synthetic_options *o)
{
    uint32_t state = 7;
    double tall = fmax(40, o->slice_mm * (double)o->slices * 0.6);
    size_t i = 0;
    for (size_t z = 0; z < o->slices; z++) {
        for (size_t y = 0; y < o->n; y++) {
            for (size_t x = 0; x < o->n; x++, i++) {
                double p[3];
                grid_to_patient(s->grid, (double)x, (double)y, z, p);
                p[2] -= -30 + o->slice_mm * (double)o->slices / 2;
                make_voxel(s, o, i, p, tall, &state);
            }
        }
    }
}

static void make_curves(struct synthetic *s, const struct synthetic_options *o)
{
    double big = o->is_extreme ? 30 : 1;
    uint32_t state = 3;
    for (size_t i = 0; i < FRAMES; i++) {
        s->time_s[i] = (double)i;
        s->aif[i] = (float)(big * 260 * bolus((double)i, 8, 5.5)) + 4 * noise(&state);
        s->vof[i] = (float)(big * 420 * bolus((double)i, 13, 7.5)) + 3 * noise(&state);
        s->shift_mm[i] = fabsf(0.4f * sinf((float)i / 9) + (i > 33 ? 1.9f : 0.1f));
        s->turn_deg[i] = fabsf(0.3f * cosf((float)i / 7) * (i > 33 ? 2 : 0.4f));
    }
    s->rejected[34] = 1;
    size_t n = o->n, z = o->slices / 2;
    for (size_t k = 0; k < 6; k++) {
        s->aif_sites[k] =
            (struct perfusion_site){n * 37 / 100 + k % 2, n * 42 / 100 + k / 2, z};
        s->vof_sites[k] = (struct perfusion_site){n / 2 + k % 2, n * 86 / 100 + k / 2, z};
    }
}

static void add_check(struct synthetic *s, const char *check, enum verdict verdict,
                      const char *text)
{
    struct result_check *item = &s->checks[s->view.check_count++];
    item->check = check;
    item->verdict = verdict;
    snprintf(item->text, sizeof(item->text), "%s", text);
}

static void make_checks(struct synthetic *s, const struct synthetic_options *o)
{
    enum verdict warn = o->warns ? VERDICT_WARN : VERDICT_OK;
    add_check(s, "frames", VERDICT_OK, "60 frames, 60 s");
    add_check(s, "coverage", VERDICT_OK, "80 mm of brain");
    add_check(s, "motion", warn, "head moved 2.3 mm and 0.8 degrees; 1 frame left out");
    add_check(s, "baseline", VERDICT_OK, "8 frames before the bolus");
    add_check(s, "bolus", VERDICT_OK, "peak 260 HU, 52 times the noise");
    add_check(s, "truncation", warn,
              "the scan ends 21 s after the arterial peak; 25 s are wanted");
    add_check(s, "aif", VERDICT_OK, "peak at 13.5 s, width 8 s");
    add_check(s, "vof", VERDICT_OK, "7 s after the artery");
    add_check(s, "noise", VERDICT_OK, "5.1 HU");
    add_check(s, "bilateral", VERDICT_OK, "lesion on one side");
    add_check(s, "hyperdense", VERDICT_OK, "no hyperdensity");
    if (!o->is_extreme)
        return;
    add_check(s, "low_cardiac_output_suspected", VERDICT_WARN,
              "the arterial peak came 34.5 s after the start of the scan and the curve "
              "is 23.4 s wide at "
              "half its height, which both point to a heart that pumps too little; "
              "volumes are too large");
    add_check(s, "discordant", VERDICT_FAIL,
              "12.3 ml of Tmax > 6 s lie apart from the territory");
}

static void fill_numbers(struct perfusion_view *v, const struct synthetic_options *o)
{
    v->core_ml = o->is_healthy ? 0 : o->is_extreme ? 1234.56 : 20.94;
    v->hypo_ml = o->is_healthy ? 0 : o->is_extreme ? 1999.96 : 123.6;
    v->mismatch_ml = v->hypo_ml - v->core_ml;
    v->mismatch_ratio = o->is_healthy ? (double)NAN : v->hypo_ml / v->core_ml;
    v->hypoperfusion_index = o->is_healthy ? (double)NAN : 0.38;
    v->cbv_index = o->is_healthy ? (double)NAN : 0.81;
    double scale = o->is_healthy ? 0 : o->is_extreme ? 12 : 1;
    memcpy(v->tmax_levels.volume_ml,
           (double[]){171.2 * scale, 123.6 * scale, 80.3 * scale, 47.0 * scale},
           sizeof(v->tmax_levels.volume_ml));
    memcpy(v->rcbf_levels.volume_ml,
           (double[]){34.8 * scale, 27.3 * scale, 20.9 * scale, 11.2 * scale},
           sizeof(v->rcbf_levels.volume_ml));
}

static void fill_voxels(struct synthetic *s, const struct synthetic_options *o)
{
    struct perfusion_view *v = &s->view;
    v->grid = s->grid;
    v->anatomy = s->anatomy;
    v->cbf = s->cbf;
    v->cbv = s->cbv;
    v->mtt = s->mtt;
    v->tmax = s->tmax;
    v->brain = s->brain;
    v->core = s->core;
    v->hypo = s->hypo;
    if (o->is_bare)
        return;
    v->window_lo = 0;
    v->window_hi = 80;
    v->vessels = s->vessels;
    v->tmax_levels.passed = s->tmax_passed;
    v->rcbf_levels.passed = s->rcbf_passed;
    s->midline = (struct perfusion_plane){{1, 0.03, 0}, 0.5};
    v->midline = &s->midline;
}

static void fill_trust(struct synthetic *s)
{
    struct perfusion_view *v = &s->view;
    v->aif = (struct perfusion_curve){s->time_s, s->aif, FRAMES, s->aif_sites, 6};
    v->vof = (struct perfusion_curve){s->time_s, s->vof, FRAMES, s->vof_sites, 6};
    v->motion = (struct perfusion_motion){
        s->time_s, s->shift_mm, s->turn_deg, s->rejected, FRAMES, 2, 2};
    v->checks = s->checks;
}

struct synthetic *synthetic_create(const struct synthetic_options *o)
{
    struct synthetic *s = calloc(1, sizeof(*s));
    size_t voxels = o->n * o->n * o->slices;
    float **floats[] = {&s->anatomy, &s->cbf, &s->cbv, &s->mtt, &s->tmax};
    uint8_t **bytes[] = {&s->brain,   &s->core,        &s->hypo,
                         &s->vessels, &s->tmax_passed, &s->rcbf_passed};
    for (size_t i = 0; i < 5; i++)
        *floats[i] = calloc(voxels, sizeof(float));
    for (size_t i = 0; i < 6; i++)
        *bytes[i] = calloc(voxels, 1);
    make_grid(s, o);
    make_voxels(s, o);
    make_curves(s, o);

    struct perfusion_view *v = &s->view;
    perfusion_view_init(v);
    v->title = o->is_relative ? "MR perfusion" : "CT perfusion";
    v->product = "Hilum 0.1.0, ct_perfusion 1.0.0";
    fill_voxels(s, o);
    v->is_relative = o->is_relative;
    if (o->is_bare)
        return s;
    v->acquired = "2026-11-25 03:12:07";
    v->technique = o->is_relative ? "gradient echo, TE 30 ms" : "80 kV, 150 mAs";
    v->frames = FRAMES;
    v->interval_s = 1;
    v->duration_s = 60;
    fill_numbers(v, o);
    make_checks(s, o);
    fill_trust(s);
    return s;
}

void synthetic_destroy(struct synthetic *s)
{
    if (!s)
        return;
    grid_destroy(s->grid);
    void *owned[] = {s->anatomy, s->cbf,         s->cbv,        s->mtt,
                     s->tmax,    s->brain,       s->core,       s->hypo,
                     s->vessels, s->tmax_passed, s->rcbf_passed};
    for (size_t i = 0; i < sizeof(owned) / sizeof(owned[0]); i++)
        free(owned[i]);
    free(s);
}

const struct perfusion_view *synthetic_view(const struct synthetic *s)
{
    return &s->view;
}
