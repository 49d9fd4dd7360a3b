#include "pipeline/perfusion/lesion.h"

#include "base/err.h"
#include "kernels/median.h"
#include "kernels/morph.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const double LESION_TMAX_S[LESION_LEVELS] = {4.0, 6.0, 8.0, 10.0};
const double LESION_RCBF_PERCENT[LESION_LEVELS] = {38.0, 34.0, 30.0, 20.0};

struct finding {
    const struct cine *cine;
    const struct maps *maps;
    const uint8_t *parenchyma;
    const struct lesion_options *options;
    float *tmax, *cbf; // medians of 3 x 3
    struct lesion *lesion;
};

static void take_medians(struct finding *f)
{
    const size_t plane = cine_plane(f->cine);
    for (size_t z = 0; z < f->cine->nz; z++) {
        const size_t at = z * plane;
        median_plane(f->maps->tmax + at, f->parenchyma + at, f->cine->nx, f->cine->ny,
                     f->tmax + at);
        median_plane(f->maps->cbf + at, f->parenchyma + at, f->cine->nx, f->cine->ny,
                     f->cbf + at);
    }
}

static void measure_normal(struct finding *f)
{
    double cbf = 0.0, cbv = 0.0;
    size_t n = 0;
    for (size_t i = 0; i < cine_volume(f->cine); i++) {
        if (!f->parenchyma[i] || (double)f->tmax[i] > f->options->normal_tmax_s)
            continue;
        cbf += (double)f->maps->cbf[i];
        cbv += (double)f->maps->cbv[i];
        n++;
    }
    f->lesion->normal_voxels = n;
    f->lesion->normal_cbf = n ? cbf / (double)n : 0.0;
    f->lesion->normal_cbv = n ? cbv / (double)n : 0.0;
}

/** Drop islands smaller than least_ml. */
static int drop_small(const struct cine *cine, uint8_t *mask, double least_ml,
                      struct err *err)
{
    const size_t least = (size_t)ceil(least_ml / cine_voxel_ml(cine));
    return morph_keep_large(mask, cine->nx, cine->ny, cine->nz, least, err);
}

/** Tmax beyond bound, without small islands. */
static int mark_tmax(struct finding *f, double bound_s, uint8_t *mask, struct err *err)
{
    for (size_t i = 0; i < cine_volume(f->cine); i++)
        mask[i] = f->parenchyma[i] && (double)f->tmax[i] > bound_s;
    return drop_small(f->cine, mask, f->options->hypo_min_ml, err);
}

/** CBF below that part of normal, within hypo and without small islands. */
static int mark_rcbf(struct finding *f, double percent, uint8_t *mask, struct err *err)
{
    const double bound = f->lesion->normal_cbf * percent / 100.0;
    for (size_t i = 0; i < cine_volume(f->cine); i++)
        mask[i] = f->lesion->hypo[i] && (double)f->cbf[i] < bound;
    return drop_small(f->cine, mask, f->options->core_min_ml, err);
}

/** A stricter bound's mask lies within a milder one's, also when small islands are dropped. */
static void add_level(const uint8_t *mask, size_t n, int level, uint8_t *passed)
{
    for (size_t i = 0; i < n; i++)
        passed[i] += mask[i] && passed[i] == level;
}

static int mark_levels(struct finding *f, struct err *err)
{
    const size_t n = cine_volume(f->cine);
    struct lesion *l = f->lesion;
    uint8_t *mask = malloc(n);
    if (!mask)
        return err_set(err, ERR_NOMEM, "a mask of %zu voxels", n);
    int r = 0;
    for (int k = 0; k < LESION_LEVELS && r == 0; k++) {
        r = mark_tmax(f, LESION_TMAX_S[k], mask, err);
        add_level(mask, n, k, l->tmax_passed);
        if (r == 0)
            r = mark_rcbf(f, LESION_RCBF_PERCENT[k], mask, err);
        add_level(mask, n, k, l->rcbf_passed);
    }
    free(mask);
    return r;
}

static void measure_hypo(struct finding *f)
{
    double cbv = 0.0;
    size_t n = 0;
    for (size_t i = 0; i < cine_volume(f->cine); i++) {
        if (!f->lesion->hypo[i])
            continue;
        cbv += (double)f->maps->cbv[i];
        n++;
    }
    f->lesion->hypo_cbv = n ? cbv / (double)n : (double)NAN;
}

static int find(struct finding *f, struct err *err)
{
    take_medians(f);
    measure_normal(f);
    int r = mark_tmax(f, f->options->hypo_tmax_s, f->lesion->hypo, err);
    if (r == 0)
        r = mark_rcbf(f, f->options->core_rcbf_percent, f->lesion->core, err);
    if (r == 0)
        r = mark_levels(f, err);
    if (r == 0)
        measure_hypo(f);
    return r;
}

static int lesion_create(size_t n, struct lesion **ret, struct err *err)
{
    auto_(lesion) struct lesion *l = calloc(1, sizeof(*l));
    if (l) {
        l->core = calloc(n, 1);
        l->hypo = calloc(n, 1);
        l->tmax_passed = calloc(n, 1);
        l->rcbf_passed = calloc(n, 1);
    }
    if (!l || !l->core || !l->hypo || !l->tmax_passed || !l->rcbf_passed)
        return err_set(err, ERR_NOMEM, "masks of %zu voxels", n);
    *ret = take(l);
    return 0;
}

int lesion_find(const struct cine *cine, const struct maps *maps,
                const uint8_t *parenchyma, const struct lesion_options *options,
                struct lesion **ret, struct err *err)
{
    const size_t n = cine_volume(cine);
    auto_(lesion) struct lesion *lesion = NULL;
    int r = lesion_create(n, &lesion, err);
    if (r < 0)
        return r;
    struct finding f = {cine, maps, parenchyma, options, NULL, NULL, lesion};
    f.tmax = malloc(n * sizeof(float));
    f.cbf = malloc(n * sizeof(float));
    r = f.tmax && f.cbf ? find(&f, err) : err_set(err, ERR_NOMEM, "medians of maps");
    free(f.tmax);
    free(f.cbf);
    if (r == 0)
        *ret = take(lesion);
    return r;
}

void lesion_destroy(struct lesion *lesion)
{
    if (!lesion)
        return;
    free(lesion->core);
    free(lesion->hypo);
    free(lesion->tmax_passed);
    free(lesion->rcbf_passed);
    free(lesion);
}
