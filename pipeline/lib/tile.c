#include "pipeline/lib/tile.h"

#include "base/err.h"
#include "pipeline/lib/parallel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double LEAST_WEIGHT = 0.01, SIGMA = 1.0 / 8.0;

/* ---- where patches lie ---- */

size_t tile_count(size_t n, size_t patch, double overlap)
{
    if (n <= patch)
        return 1;
    const double step = fmax(floor((double)patch * (1.0 - overlap) + 1e-9), 1.0);
    return (size_t)ceil((double)(n - patch) / step - 1e-9) + 1;
}

long tile_start(size_t n, size_t patch, double overlap, size_t i)
{
    if (n <= patch)
        return -(long)((patch - n) / 2);
    const size_t count = tile_count(n, patch, overlap);
    return lround((double)(n - patch) * (double)i / (double)(count - 1));
}

/* ---- state ---- */

/* An axis: weights within a patch, and 1 / their sum at each voxel. */
struct axis {
    size_t n, patch, count;
    double overlap;
    float *weight;   // [patch]
    double *inverse; // [n]
};

struct tile {
    const struct tile_plan *plan;
    const struct tile_calls *calls;
    struct axis axis[3];
    size_t plane;            // voxels of one
    size_t read_to;          // planes read so far
    size_t done, all;        // patches
    float *input;            // [pz][ny][nx]: plane z lies at z % pz
    float *sums;             // [channels][pz][ny][nx], likewise
    float *patch, *mirrored; // [pz][py][px]
    float *answer;           // [channels][pz][py][px]
    float *out;              // [channels][ny][nx]
    int runs;                // a patch, with its mirror images
    long at[3];              // of the patch under way
    int flip;                // bits: axes that it is mirrored along
};

static size_t patch_voxels(const struct tile_plan *p)
{
    return p->patch[0] * p->patch[1] * p->patch[2];
}

size_t tile_bytes(const struct tile_plan *p)
{
    const size_t plane = p->size[1] * p->size[2];
    return sizeof(float)
           * (plane * (p->patch[0] * (1 + p->channels) + p->channels)
              + patch_voxels(p) * (2 + p->channels));
}

static int fill_axis(struct axis *a, size_t n, size_t patch, double overlap,
                     struct err *err)
{
    *a = (struct axis){.n = n, .patch = patch, .overlap = overlap};
    a->count = tile_count(n, patch, overlap);
    a->weight = calloc(patch, sizeof(*a->weight));
    a->inverse = calloc(n, sizeof(*a->inverse));
    if (!a->weight || !a->inverse)
        return err_set(err, ERR_NOMEM, "weights of %zu voxels", n);
    const double middle = ((double)patch - 1) / 2, sigma = SIGMA * (double)patch;
    for (size_t i = 0; i < patch; i++) {
        const double d = ((double)i - middle) / sigma;
        a->weight[i] = (float)fmax(exp(-0.5 * d * d), LEAST_WEIGHT);
    }
    for (size_t k = 0; k < a->count; k++) {
        const long start = tile_start(n, patch, overlap, k);
        for (size_t i = 0; i < patch; i++) {
            const long at = start + (long)i;
            if (at >= 0 && at < (long)n)
                a->inverse[at] += (double)a->weight[i];
        }
    }
    for (size_t i = 0; i < n; i++)
        a->inverse[i] = 1.0 / a->inverse[i];
    return 0;
}

static int allocate(struct tile *t, struct err *err)
{
    const struct tile_plan *p = t->plan;
    const size_t voxels = patch_voxels(p);
    t->plane = p->size[1] * p->size[2];
    t->input = calloc(p->patch[0] * t->plane, sizeof(float));
    t->sums = calloc(p->channels * p->patch[0] * t->plane, sizeof(float));
    t->patch = calloc(voxels, sizeof(float));
    t->mirrored = calloc(voxels, sizeof(float));
    t->answer = calloc(p->channels * voxels, sizeof(float));
    t->out = calloc(p->channels * t->plane, sizeof(float));
    if (!t->input || !t->sums || !t->patch || !t->mirrored || !t->answer || !t->out)
        return err_set(err, ERR_NOMEM, "%zu bytes of a sliding window", tile_bytes(p));
    int r = 0;
    for (int i = 0; r == 0 && i < 3; i++)
        r = fill_axis(&t->axis[i], p->size[i], p->patch[i], p->overlap, err);
    t->all = t->axis[0].count * t->axis[1].count * t->axis[2].count;
    t->runs = (1 + p->flips[0]) * (1 + p->flips[1]) * (1 + p->flips[2]);
    return r;
}

static void finish(struct tile *t)
{
    for (int i = 0; i < 3; i++) {
        free(t->axis[i].weight);
        free(t->axis[i].inverse);
    }
    free(t->input);
    free(t->sums);
    free(t->patch);
    free(t->mirrored);
    free(t->answer);
    free(t->out);
}

/* ---- a patch ---- */

static int read_to(struct tile *t, size_t end, struct err *err)
{
    const size_t pz = t->plan->patch[0];
    int r = 0;
    for (; r == 0 && t->read_to < end; t->read_to++)
        r = t->calls->read(t->calls->ctx, t->read_to,
                           t->input + t->read_to % pz * t->plane, err);
    return r;
}

/** Voxels of the patch along an axis that lie in the volume: first..end. */
static void overlap_of(const struct tile *t, int axis, size_t *ret_first, size_t *ret_end)
{
    const long at = t->at[axis], n = (long)t->axis[axis].n;
    const long patch = (long)t->axis[axis].patch;
    *ret_first = at < 0 ? (size_t)-at : 0;
    *ret_end = (size_t)(at + patch > n ? n - at : patch);
}

static void cut(struct tile *t)
{
    const struct tile_plan *p = t->plan;
    const size_t py = p->patch[1], px = p->patch[2];
    size_t first[3], end[3];
    for (int i = 0; i < 3; i++)
        overlap_of(t, i, &first[i], &end[i]);
    for (size_t i = 0; i < patch_voxels(p); i++)
        t->patch[i] = p->padding;
    for (size_t z = first[0]; z < end[0]; z++) {
        const size_t slot = (size_t)(t->at[0] + (long)z) % p->patch[0];
        for (size_t y = first[1]; y < end[1]; y++) {
            const size_t row = (size_t)(t->at[1] + (long)y);
            const float *src = t->input + slot * t->plane + row * p->size[2]
                               + (size_t)(t->at[2] + (long)first[2]);
            memcpy(t->patch + (z * py + y) * px + first[2], src,
                   (end[2] - first[2]) * sizeof(float));
        }
    }
}

static void mirror(const struct tile_plan *p, const float *src, int flip, float *dst)
{
    const size_t nz = p->patch[0], ny = p->patch[1], nx = p->patch[2];
    for (size_t z = 0; z < nz; z++) {
        const size_t fz = flip & 1 ? nz - 1 - z : z;
        for (size_t y = 0; y < ny; y++) {
            const size_t fy = flip & 2 ? ny - 1 - y : y;
            for (size_t x = 0; x < nx; x++)
                dst[(z * ny + y) * nx + x] =
                    src[(fz * ny + fy) * nx + (flip & 4 ? nx - 1 - x : x)];
        }
    }
}

/** Add the answer's channel and plane: piece is channel * pz + z. */
static int add_plane(void *ctx, size_t piece, size_t worker, struct err *err)
{
    const struct tile *t = ctx;
    const struct tile_plan *p = t->plan;
    const size_t pz = p->patch[0], py = p->patch[1], px = p->patch[2];
    const size_t channel = piece / pz, z = piece % pz;
    size_t first[3], end[3];
    (void)worker;
    (void)err;
    for (int i = 0; i < 3; i++)
        overlap_of(t, i, &first[i], &end[i]);
    if (z < first[0] || z >= end[0])
        return 0;
    const size_t slot = (size_t)(t->at[0] + (long)z) % pz;
    const size_t fz = t->flip & 1 ? pz - 1 - z : z;
    float *sums = t->sums + (channel * pz + slot) * t->plane;
    for (size_t y = first[1]; y < end[1]; y++) {
        const size_t fy = t->flip & 2 ? py - 1 - y : y;
        const float *src = t->answer + ((channel * pz + fz) * py + fy) * px;
        float *dst = sums + (size_t)(t->at[1] + (long)y) * p->size[2];
        const float w = t->axis[0].weight[z] * t->axis[1].weight[y] / (float)t->runs;
        for (size_t x = first[2]; x < end[2]; x++)
            dst[t->at[2] + (long)x] +=
                w * t->axis[2].weight[x] * src[t->flip & 4 ? px - 1 - x : x];
    }
    return 0;
}

static int do_patch(struct tile *t, struct err *err)
{
    const struct tile_plan *p = t->plan;
    int r = 0;
    cut(t);
    for (int flip = 0; r == 0 && flip < 8; flip++) {
        if ((flip & 1 && !p->flips[0]) || (flip & 2 && !p->flips[1])
            || (flip & 4 && !p->flips[2]))
            continue;
        t->flip = flip;
        mirror(p, t->patch, flip, t->mirrored);
        r = t->calls->run(t->calls->ctx, t->mirrored, t->answer, err);
        if (r == 0)
            r = parallel_for(p->threads, p->channels * p->patch[0], add_plane, t, err);
    }
    t->done++;
    if (r == 0 && t->calls->step)
        r = t->calls->step(t->calls->ctx, t->done, t->all, err);
    return r;
}

/* ---- planes that are done ---- */

/** Hand over the means of plane z and clear its slot. */
static int write_plane(struct tile *t, size_t z, struct err *err)
{
    const struct tile_plan *p = t->plan;
    const size_t pz = p->patch[0], nx = p->size[2];
    for (size_t c = 0; c < p->channels; c++) {
        float *sums = t->sums + (c * pz + z % pz) * t->plane;
        float *out = t->out + c * t->plane;
        for (size_t i = 0; i < t->plane; i++)
            out[i] = (float)((double)sums[i] * t->axis[0].inverse[z]
                             * t->axis[1].inverse[i / nx] * t->axis[2].inverse[i % nx]);
        memset(sums, 0, t->plane * sizeof(*sums));
    }
    return t->calls->write(t->calls->ctx, z, t->out, err);
}

/** All patches at height k, then the planes that no later one reaches. */
static int do_height(struct tile *t, size_t k, size_t *written, struct err *err)
{
    const struct axis *az = &t->axis[0], *ay = &t->axis[1], *ax = &t->axis[2];
    t->at[0] = tile_start(az->n, az->patch, az->overlap, k);
    const long top = t->at[0] + (long)az->patch;
    int r = read_to(t, top > (long)az->n ? az->n : (size_t)top, err);
    for (size_t i = 0; r == 0 && i < ay->count * ax->count; i++) {
        t->at[1] = tile_start(ay->n, ay->patch, ay->overlap, i / ax->count);
        t->at[2] = tile_start(ax->n, ax->patch, ax->overlap, i % ax->count);
        r = do_patch(t, err);
    }
    const size_t end = k + 1 < az->count
                           ? (size_t)tile_start(az->n, az->patch, az->overlap, k + 1)
                           : az->n;
    for (; r == 0 && *written < end; ++*written)
        r = write_plane(t, *written, err);
    return r;
}

int tile_run(const struct tile_plan *plan, const struct tile_calls *calls,
             struct err *err)
{
    struct tile t = {.plan = plan, .calls = calls};
    int r = allocate(&t, err);
    size_t written = 0;
    for (size_t k = 0; r == 0 && k < t.axis[0].count; k++)
        r = do_height(&t, k, &written, err);
    finish(&t);
    return r;
}
