#include "pipeline/mr_perfusion/mr_brain.h"

#include "base/err.h"
#include "kernels/median.h"
#include "kernels/morph.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const float BRIGHT = 0.45f;   // of the brain's median: the edge of the brain
static const double TOP_PART = 0.98; // brighter voxels are CSF or eyes: not looked at
static const double NECK_MM = 4.0;   // thinner bridges are cut
static const double AROUND_MM = 2.0; // beyond the brain's edge arteries are looked for

enum { BINS = 256 };

/** The value that parts v, [n], in two classes of greatest distance (Otsu 1979). */
static float otsu(const float *v, size_t n, float top)
{
    size_t bins[BINS] = {0}, below = 0;
    double sum = 0.0, sum_below = 0.0, best = -1.0;
    float bound = 0.0f;
    for (size_t i = 0; i < n; i++) {
        const float at = v[i] < top ? v[i] / top * (BINS - 1) : BINS - 1;
        bins[at > 0.0f ? (size_t)at : 0]++;
    }
    for (size_t b = 0; b < BINS; b++)
        sum += (double)(b * bins[b]);
    for (size_t b = 0; b + 1 < BINS; b++) {
        below += bins[b];
        sum_below += (double)(b * bins[b]);
        if (below == 0 || below == n)
            continue;
        const double apart =
            sum_below / (double)below - (sum - sum_below) / (double)(n - below);
        const double between = (double)below * (double)(n - below) * apart * apart;
        if (between > best) {
            best = between;
            bound = (float)(b + 1) / (BINS - 1) * top;
        }
    }
    return bound;
}

/** Median of what is brighter than most; 0 of an empty image. */
static int bright_median(const float *signal, size_t n, float *ret, struct err *err)
{
    float *work = malloc(n * sizeof(*work));
    if (!work)
        return err_set(err, ERR_NOMEM, "%zu signals", n);
    memcpy(work, signal, n * sizeof(*work));
    const float top = median_kth(work, n, (size_t)(TOP_PART * (double)(n - 1)));
    const float bound = top > 0.0f ? otsu(signal, n, top) : 0.0f;
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        if (signal[i] > bound)
            work[count++] = signal[i];
    }
    *ret = count ? median_kth(work, count, count / 2) : 0.0f;
    free(work);
    return 0;
}

struct work {
    const struct cine *cine;
    uint8_t *bright, *grown; // [volume], plane
    uint32_t *stack;
};

static void radius_of(const struct cine *cine, double mm, double ret[2])
{
    ret[0] = mm / cine->spacing_mm[0];
    ret[1] = mm / cine->spacing_mm[1];
}

/** Grow the piece that is left back to its edge, with its holes: air, calcium, arteries. */
static void grow_slice(struct work *w, size_t z, struct head *head)
{
    const struct cine *cine = w->cine;
    const size_t plane = cine_plane(cine);
    const uint8_t *bright = w->bright + z * plane;
    uint8_t *brain = head->brain + z * plane, *inside = head->inside + z * plane;
    double radius[2];
    radius_of(cine, NECK_MM + 1.0, radius);
    morph_dilate(brain, cine->nx, cine->ny, radius, w->grown);
    for (size_t i = 0; i < plane; i++)
        brain[i] = w->grown[i] && bright[i];
    morph_enclosed(brain, cine->nx, cine->ny, w->stack, w->grown);
    for (size_t i = 0; i < plane; i++)
        brain[i] |= w->grown[i];
    radius_of(cine, AROUND_MM, radius);
    morph_dilate(brain, cine->nx, cine->ny, radius, inside);
}

static int find(struct work *w, const float *signal, float median, struct head *head,
                struct err *err)
{
    const struct cine *cine = w->cine;
    const size_t plane = cine_plane(cine), n = cine_volume(cine);
    double radius[2];
    radius_of(cine, NECK_MM, radius);
    for (size_t i = 0; i < n; i++)
        w->bright[i] = median > 0.0f && signal[i] > BRIGHT * median;
    for (size_t z = 0; z < cine->nz; z++)
        morph_erode(w->bright + z * plane, cine->nx, cine->ny, radius,
                    head->brain + z * plane);
    const int r = morph_keep_largest(head->brain, cine->nx, cine->ny, cine->nz, err);
    if (r < 0)
        return r;
    size_t voxels = 0;
    for (size_t z = 0; z < cine->nz; z++)
        grow_slice(w, z, head);
    for (size_t i = 0; i < n; i++)
        voxels += head->brain[i];
    head->brain_ml = (double)voxels * cine_voxel_ml(cine);
    return 0;
}

int mr_brain_find(const struct cine *cine, const float *signal, struct head **ret,
                  float *ret_median, struct err *err)
{
    const size_t n = cine_volume(cine), plane = cine_plane(cine);
    auto_(head) struct head *head = calloc(1, sizeof(*head));
    if (head) {
        head->bone = calloc(n, 1);
        head->inside = calloc(n, 1);
        head->brain = calloc(n, 1);
    }
    struct work w = {cine, malloc(n), malloc(plane), malloc(plane * sizeof(uint32_t))};
    float median = 0.0f;
    int r = head && head->bone && head->inside && head->brain && w.bright && w.grown
                    && w.stack
                ? bright_median(signal, n, &median, err)
                : err_set(err, ERR_NOMEM, "masks of a brain");
    if (r == 0)
        r = find(&w, signal, median, head, err);
    free(w.bright);
    free(w.grown);
    free(w.stack);
    if (r < 0)
        return r;
    *ret_median = median;
    *ret = take(head);
    return 0;
}
