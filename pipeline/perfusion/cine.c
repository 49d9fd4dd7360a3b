#include "pipeline/perfusion/cine.h"

#include "base/err.h"

#include <stdlib.h>
#include <string.h>

int cine_create(size_t nx, size_t ny, size_t nz, size_t nt, struct cine **ret,
                struct err *err)
{
    auto_(cine) struct cine *cine = calloc(1, sizeof(*cine));
    if (!cine)
        return err_set(err, ERR_NOMEM, "a cine");
    cine->nx = nx;
    cine->ny = ny;
    cine->nz = nz;
    cine->nt = nt;
    cine->voxels = malloc(nx * ny * nz * nt * sizeof(*cine->voxels));
    cine->time_s = calloc(nz * nt, sizeof(*cine->time_s));
    cine->is_missing = calloc(nz * nt, 1);
    if (!cine->voxels || !cine->time_s || !cine->is_missing)
        return err_set(err, ERR_NOMEM, "a cine of %zu x %zu x %zu x %zu", nx, ny, nz, nt);
    *ret = take(cine);
    return 0;
}

void cine_destroy(struct cine *cine)
{
    if (!cine)
        return;
    free(cine->voxels);
    free(cine->time_s);
    free(cine->is_missing);
    free(cine);
}

size_t cine_plane(const struct cine *cine)
{
    return cine->nx * cine->ny;
}

size_t cine_volume(const struct cine *cine)
{
    return cine->nx * cine->ny * cine->nz;
}

float *cine_frame(const struct cine *cine, size_t z, size_t t)
{
    return cine->voxels + (z * cine->nt + t) * cine_plane(cine);
}

double cine_voxel_ml(const struct cine *cine)
{
    return cine->spacing_mm[0] * cine->spacing_mm[1] * cine->spacing_mm[2] / 1000.0;
}

void cine_drop_first(struct cine *cine, size_t n)
{
    const size_t plane = cine_plane(cine), was = cine->nt, nt = was - n;
    for (size_t z = 0; n > 0 && z < cine->nz; z++) {
        memmove(cine->voxels + z * nt * plane, cine->voxels + (z * was + n) * plane,
                nt * plane * sizeof(*cine->voxels));
        memmove(cine->time_s + z * nt, cine->time_s + z * was + n, nt * sizeof(double));
        memmove(cine->is_missing + z * nt, cine->is_missing + z * was + n, nt);
    }
    cine->nt = nt;
}

/** dst = a + f (b - a) */
static void mix(const float *a, const float *b, float f, size_t n, float *dst)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = a[i] + f * (b[i] - a[i]);
}

static void fill_frame(struct cine *cine, size_t z, size_t t)
{
    const uint8_t *missing = cine->is_missing + z * cine->nt;
    const double *time_s = cine->time_s + z * cine->nt;
    size_t before = t, after = t;
    while (before > 0 && missing[before])
        before--;
    while (after + 1 < cine->nt && missing[after])
        after++;
    if (missing[before])
        before = after;
    if (missing[after])
        after = before;
    const double span_s = time_s[after] - time_s[before];
    const double f = span_s > 0.0 ? (time_s[t] - time_s[before]) / span_s : 0.0;
    mix(cine_frame(cine, z, before), cine_frame(cine, z, after), (float)f,
        cine_plane(cine), cine_frame(cine, z, t));
}

void cine_fill_missing(struct cine *cine)
{
    for (size_t z = 0; z < cine->nz; z++) {
        for (size_t t = 0; t < cine->nt; t++) {
            if (cine->is_missing[z * cine->nt + t])
                fill_frame(cine, z, t);
        }
    }
}

void cine_mean(const struct cine *cine, size_t from, size_t to, float *ret)
{
    const size_t plane = cine_plane(cine);
    const float scale = 1.0f / (float)(to - from);
    for (size_t z = 0; z < cine->nz; z++) {
        float *sum = ret + z * plane;
        memset(sum, 0, plane * sizeof(*sum));
        for (size_t t = from; t < to; t++) {
            const float *frame = cine_frame(cine, z, t);
            for (size_t i = 0; i < plane; i++)
                sum[i] += frame[i];
        }
        for (size_t i = 0; i < plane; i++)
            sum[i] *= scale;
    }
}

void cine_mask_mean(const struct cine *cine, const uint8_t *mask, double *ret)
{
    const size_t plane = cine_plane(cine);
    size_t voxels = 0;
    for (size_t i = 0; i < cine_volume(cine); i++)
        voxels += mask[i];
    for (size_t t = 0; t < cine->nt; t++) {
        double sum = 0.0;
        for (size_t z = 0; z < cine->nz; z++) {
            const float *frame = cine_frame(cine, z, t);
            const uint8_t *m = mask + z * plane;
            float part = 0.0f;
            for (size_t i = 0; i < plane; i++)
                part += m[i] ? frame[i] : 0.0f;
            sum += (double)part;
        }
        ret[t] = voxels ? sum / (double)voxels : 0.0;
    }
}
