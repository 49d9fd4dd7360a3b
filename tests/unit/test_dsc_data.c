#include "tests/unit/test.h"

#include "base/npy.h"
#include "pipeline/mr_perfusion/concentration.h"
#include "pipeline/perfusion/artery.h"
#include "pipeline/perfusion/maps.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* DSC data of others (OSIPI): skipped where it is not. */

static const double ECHO_S = 0.030, PEAK = 80.0; // of the artery, 1/s
static const float SIGNAL = 1000.0f;

static const char *path_of(const char *name)
{
    static char path[4096];
    const char *data = getenv("HILUM_DATA");
    snprintf(path, sizeof(path), "%s/perfusion/%s", data ? data : "../../shared/data",
             name);
    return path;
}

/* ---- the parameter object of osipy: maps of flow, volume and transit time, and an artery ---- */

enum { DRO_XY = 64, DRO_Z = 10, DRO_N = DRO_XY * DRO_XY * DRO_Z, DRO_T = 60, FINE = 20 };

struct dro {
    struct npy cbf, cbv, mtt, mask, aif, time;
};

static bool dro_read(struct dro *ret)
{
    const struct {
        const char *name;
        struct npy *npy;
        size_t size;
    } all[] = {{"cbf", &ret->cbf, DRO_N * 4}, {"cbv", &ret->cbv, DRO_N * 4},
               {"mtt", &ret->mtt, DRO_N * 4}, {"mask", &ret->mask, DRO_N},
               {"aif", &ret->aif, DRO_T * 4}, {"time", &ret->time, DRO_T * 4}};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        char name[64];
        snprintf(name, sizeof(name), "osipy_dsc_dro/%s.npy", all[i].name);
        if (npy_read(path_of(name), 1 << 20, all[i].npy, NULL) < 0)
            return false;
        assert_int_equal(all[i].npy->bytes, all[i].size);
    }
    return true;
}

static void dro_finish(struct dro *d)
{
    free(d->cbf.data);
    free(d->cbv.data);
    free(d->mtt.data);
    free(d->mask.data);
    free(d->aif.data);
    free(d->time.data);
}

/** Noise that repeats: uniform, of standard deviation 1. */
static float noise(size_t i)
{
    uint32_t v = (uint32_t)i * 2654435761u;
    v = (v ^ (v >> 15)) * 2246822519u;
    v = (v ^ (v >> 13)) * 3266489917u;
    return ((float)(v >> 8) / 16777216.0f - 0.5f) * 3.4641f;
}

/**
 * Signal of a voxel: S0 exp(-TE c), c = CBF / 6000 (artery * exp(-t / MTT)), in steps far finer than
 * the samples, and by another way than that of the program.
 */
static void draw_voxel(struct cine *cine, size_t z, size_t at, double cbf, double mtt,
                       const float *aif, double dt_s)
{
    const double keep = mtt > 0.0 ? exp(-dt_s / FINE / mtt) : 0.0;
    double c = 0.0;
    for (size_t t = 0; t < DRO_T; t++) {
        for (size_t k = 0; t > 0 && k < FINE; k++) {
            const double part = ((double)k + 0.5) / FINE;
            const double a = (1.0 - part) * (double)aif[t - 1] + part * (double)aif[t];
            c = keep * c + sqrt(keep) * cbf / 6000.0 * a * dt_s / FINE;
        }
        cine_frame(cine, z, t)[at] = SIGNAL * (float)exp(-ECHO_S * c)
                                     + noise((z * DRO_T + t) * DRO_XY * DRO_XY + at);
    }
}

/** Signals of the object, the artery scaled to PEAK; mask as a cine lies, slice by slice. */
static struct cine *dro_draw(const struct dro *d, float *aif, uint8_t *mask)
{
    struct cine *cine = NULL;
    const float *time = d->time.data, *curve = d->aif.data;
    assert_int_equal(cine_create(DRO_XY, DRO_XY, DRO_Z, DRO_T, &cine, NULL), 0);
    cine->spacing_mm[0] = cine->spacing_mm[1] = cine->spacing_mm[2] = 5.0;
    float top = 0.0f;
    for (size_t t = 0; t < DRO_T; t++)
        top = fmaxf(top, curve[t]);
    for (size_t t = 0; t < DRO_T; t++)
        aif[t] = curve[t] * (float)PEAK / top;
    for (size_t i = 0; i < DRO_Z * DRO_T; i++)
        cine->time_s[i] = (double)time[i % DRO_T];
    for (size_t i = 0; i < DRO_N; i++) {
        const size_t z = i % DRO_Z, at = i / DRO_Z;
        mask[z * DRO_XY * DRO_XY + at] = ((const uint8_t *)d->mask.data)[i];
        draw_voxel(cine, z, at, (double)((const float *)d->cbf.data)[i],
                   (double)((const float *)d->mtt.data)[i], aif,
                   (double)(time[1] - time[0]));
    }
    return cine;
}

/** The program's maps of the signals, each voxel by itself. */
static struct maps *dro_measure(struct cine *cine, const uint8_t *mask, const float *aif)
{
    static const struct maps_options OPTIONS = {.kappa = 1.0,
                                                .oi_max = 0.035,
                                                .sigma_mm = 1.0,
                                                .radius_mm = 1.0,
                                                .is_flow_unbiased = true,
                                                .early_s = 5.0,
                                                .late_s = 20.0};
    const struct concentration_options of = {ECHO_S, 0.12, 1.0f};
    auto_(concentration) struct concentration *c = NULL;
    auto_(enhancement) struct enhancement *e = NULL;
    struct maps *maps = NULL;
    float even[TIME_AXIS_MAX] = {0};
    assert_int_equal(concentration_make(cine, mask, &of, 2, &c, NULL), 0);
    assert_true(fabs(c->noise - 1.0) < 0.05); // as it was drawn
    assert_int_equal(enhancement_measure(cine, mask, 2, &e, NULL), 0);
    const struct time_axis axis = time_axis_of(cine);
    assert_true(axis.nt < TIME_AXIS_MAX);
    for (size_t k = 0; k < axis.nt; k++) {
        const double at = (axis.start_s + (double)k * axis.dt_s - cine->time_s[0])
                          / (cine->time_s[1] - cine->time_s[0]);
        const size_t t = at < DRO_T - 1 ? (size_t)at : DRO_T - 2;
        even[k] = aif[t] + (float)(at - (double)t) * (aif[t + 1] - aif[t]);
    }
    assert_int_equal(maps_compute(cine, e, mask, &axis, even, &OPTIONS, 2, &maps, NULL),
                     0);
    return maps;
}

struct agreement {
    double r, ratio; // Pearson's; of the means
};

static struct agreement compare(const float *map, const struct npy *truth,
                                const uint8_t *mask)
{
    double n = 0, x = 0, y = 0, xx = 0, yy = 0, xy = 0;
    for (size_t i = 0; i < DRO_N; i++) {
        const size_t at = i % DRO_Z * DRO_XY * DRO_XY + i / DRO_Z;
        if (!mask[at])
            continue;
        const double a = (double)map[at], b = (double)((const float *)truth->data)[i];
        n++;
        x += a;
        y += b;
        xx += a * a;
        yy += b * b;
        xy += a * b;
    }
    return (struct agreement){
        (n * xy - x * y) / sqrt((n * xx - x * x) * (n * yy - y * y)), x / y};
}

static void the_maps_of_osipys_object_are_found_again(void **state)
{
    (void)state;
    struct dro d = {0};
    if (!dro_read(&d)) {
        dro_finish(&d);
        print_message("skipped: no data\n");
        skip();
        return;
    }
    static uint8_t mask[DRO_N];
    float aif[DRO_T];
    auto_(cine) struct cine *cine = dro_draw(&d, aif, mask);
    auto_(maps) struct maps *maps = dro_measure(cine, mask, aif);
    const struct agreement cbf = compare(maps->cbf, &d.cbf, mask),
                           cbv = compare(maps->cbv, &d.cbv, mask),
                           mtt = compare(maps->mtt, &d.mtt, mask);
    dro_finish(&d);
    print_message("r, ratio: CBF %.3f %.3f, CBV %.3f %.3f, MTT %.3f %.3f\n", cbf.r,
                  cbf.ratio, cbv.r, cbv.ratio, mtt.r, mtt.ratio);
    // Truncation takes off flow what it takes of an exponential residue function; all alike.
    assert_true(cbf.r > 0.97 && fabs(cbf.ratio - 1.0) < 0.17);
    assert_true(cbv.r > 0.98 && fabs(cbv.ratio - 1.0) < 0.01);
    assert_true(mtt.r > 0.75 && fabs(mtt.ratio - 1.0) < 0.20);
}

/* ---- a patch of a patient's concentrations about the middle cerebral artery ---- */

enum { PATCH_XY = 25, PATCH_T = 40, PATCH_N = PATCH_XY * PATCH_XY, NIFTI_HEADER = 352 };

static bool patch_read(double *ret)
{
    FILE *file = fopen(path_of("osipi_aif_jbja/test_concentration.nii"), "rb");
    if (!file)
        return false;
    assert_int_equal(fseek(file, NIFTI_HEADER, SEEK_SET), 0);
    assert_int_equal(fread(ret, sizeof(double), PATCH_N * PATCH_T, file),
                     PATCH_N * PATCH_T);
    fclose(file);
    return true;
}

/** The file holds ln(S0 / S); 1.5 s between frames, as the file says nothing of it. */
static struct cine *patch_cine(const double *values)
{
    struct cine *cine = NULL;
    assert_int_equal(cine_create(PATCH_XY, PATCH_XY, 1, PATCH_T, &cine, NULL), 0);
    cine->spacing_mm[0] = cine->spacing_mm[1] = 1.8;
    cine->spacing_mm[2] = 5.0;
    for (size_t t = 0; t < PATCH_T; t++) {
        cine->time_s[t] = 1.5 * (double)t;
        for (size_t i = 0; i < PATCH_N; i++)
            cine_frame(cine, 0, t)[i] = (float)(values[t * PATCH_N + i] / ECHO_S);
    }
    return cine;
}

static void the_artery_of_a_patient_is_high_early_and_brief(void **state)
{
    (void)state;
    static double values[PATCH_N * PATCH_T];
    if (!patch_read(values)) {
        print_message("skipped: no data\n");
        skip();
        return;
    }
    static const struct artery_options OPTIONS = {.peak_min = 5,
                                                  .peak_max = HUGE_VAL,
                                                  .scale_max = 1,
                                                  .is_area_blind = true,
                                                  .rough_least = 6,
                                                  .alike = 0.5};
    auto_(cine) struct cine *cine = patch_cine(values);
    auto_(enhancement) struct enhancement *e = NULL;
    uint8_t inside[PATCH_N];
    memset(inside, 1, sizeof(inside));
    assert_int_equal(enhancement_measure(cine, inside, 1, &e, NULL), 0);
    const struct time_axis axis = time_axis_of(cine);
    struct artery artery;
    assert_int_equal(artery_find(cine, inside, e, &axis, &OPTIONS, &artery, NULL), 0);
    assert_true(artery.aif.is_found);
    float mean[TIME_AXIS_MAX] = {0}, curve[TIME_AXIS_MAX];
    struct time_step steps[TIME_AXIS_MAX];
    struct curve usual;
    time_axis_steps(&axis, cine, 0, steps);
    for (size_t i = 0; i < PATCH_N; i++) {
        time_axis_curve(&axis, steps, cine, 0, i, e->baseline[i], curve);
        for (size_t k = 0; k < axis.nt; k++)
            mean[k] += curve[k] / PATCH_N;
    }
    curve_measure(mean, axis.nt, axis.dt_s, e->baseline_frames, &usual);
    const struct curve *aif = &artery.aif.shape;
    print_message("artery %.1f 1/s at %.1f s, %.1f s wide; patch %.1f, %.1f, %.1f\n",
                  (double)aif->peak, (double)aif->ttp_s, (double)aif->width_s,
                  (double)usual.peak, (double)usual.ttp_s, (double)usual.width_s);
    assert_true(aif->peak > 1.2f * usual.peak);
    assert_true(aif->ttp_s < usual.ttp_s);
    assert_true(aif->width_s < usual.width_s);
    assert_true(aif->arrival_s <= usual.arrival_s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_maps_of_osipys_object_are_found_again),
        cmocka_unit_test(the_artery_of_a_patient_is_high_early_and_brief),
    };
    return cmocka_run_group_tests_name("dsc_data", tests, NULL, NULL);
}
