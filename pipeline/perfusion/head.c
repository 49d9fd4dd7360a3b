#include "pipeline/perfusion/head.h"

#include "base/err.h"
#include "kernels/gauss.h"
#include "kernels/morph.h"

#include <stdlib.h>
#include <string.h>

static const float BONE_HU = 180.0f, BRAIN_LO_HU = -10.0f, BRAIN_HI_HU = 100.0f;
static const double SMOOTH_MM = 1.0; // sigma
static const double GAPS_MM[] = {2.5, 5.0, 8.0};
static const double NECK_MM = 2.0; // thinner bridges are cut

enum { GAPS = sizeof(GAPS_MM) / sizeof(*GAPS_MM) };

struct work {
    const struct cine *cine;
    float *smooth, *scratch;        // a plane
    uint8_t *wall, *cavity, *grown; // planes
    uint32_t *stack;
    struct gauss gauss;
};

static void work_finish(struct work *w)
{
    free(w->smooth);
    free(w->scratch);
    free(w->wall);
    free(w->cavity);
    free(w->grown);
    free(w->stack);
}

static int work_init(struct work *w, const struct cine *cine, struct err *err)
{
    const size_t plane = cine_plane(cine);
    memset(w, 0, sizeof(*w));
    w->cine = cine;
    gauss_init(&w->gauss, SMOOTH_MM / cine->spacing_mm[0],
               SMOOTH_MM / cine->spacing_mm[1]);
    w->smooth = malloc(plane * sizeof(float));
    w->scratch = malloc(gauss_scratch(&w->gauss, cine->nx, cine->ny) * sizeof(float));
    w->wall = malloc(plane);
    w->cavity = malloc(plane);
    w->grown = malloc(plane);
    w->stack = malloc(plane * sizeof(uint32_t));
    if (w->smooth && w->scratch && w->wall && w->cavity && w->grown && w->stack)
        return 0;
    work_finish(w);
    return err_set(err, ERR_NOMEM, "masks of a head");
}

static void radius_of(const struct cine *cine, double mm, double ret[2])
{
    ret[0] = mm / cine->spacing_mm[0];
    ret[1] = mm / cine->spacing_mm[1];
}

/** What bone with gaps of up to 2 gap_mm encloses, into w->cavity; returns its voxels. */
static size_t enclose(struct work *w, const uint8_t *bone, double gap_mm)
{
    const struct cine *cine = w->cine;
    double radius[2];
    radius_of(cine, gap_mm, radius);
    morph_dilate(bone, cine->nx, cine->ny, radius, w->wall);
    morph_enclosed(w->wall, cine->nx, cine->ny, w->stack, w->grown);
    morph_dilate(w->grown, cine->nx, cine->ny, radius, w->cavity);
    size_t n = 0;
    for (size_t i = 0; i < cine_plane(cine); i++) {
        w->cavity[i] &= !bone[i];
        n += w->cavity[i];
    }
    return n;
}

static void find_slice(struct work *w, const float *hu, uint8_t *bone, uint8_t *inside,
                       uint8_t *brain)
{
    const struct cine *cine = w->cine;
    const size_t plane = cine_plane(cine);
    gauss_blur(&w->gauss, hu, cine->nx, cine->ny, cine->nx, w->scratch, w->smooth);
    for (size_t i = 0; i < plane; i++)
        bone[i] = w->smooth[i] > BONE_HU;

    size_t sizes[GAPS], most = 0;
    for (int g = 0; g < GAPS; g++) {
        sizes[g] = enclose(w, bone, GAPS_MM[g]);
        most = sizes[g] > most ? sizes[g] : most;
    }
    int g = 0;
    while (2 * sizes[g] < most)
        g++;
    if (g + 1 < GAPS)
        enclose(w, bone, GAPS_MM[g]);
    memcpy(inside, w->cavity, plane);

    // Cut bridges: what is left after shrinking is connected; grown back later.
    double radius[2];
    radius_of(cine, NECK_MM, radius);
    for (size_t i = 0; i < plane; i++)
        w->grown[i] =
            inside[i] && w->smooth[i] > BRAIN_LO_HU && w->smooth[i] < BRAIN_HI_HU;
    morph_erode(w->grown, cine->nx, cine->ny, radius, brain);
}

/** Grow the one piece that is left back into the cavity. */
static void grow_brain(struct work *w, const float *hu, const uint8_t *inside,
                       uint8_t *brain)
{
    const struct cine *cine = w->cine;
    double radius[2];
    radius_of(cine, NECK_MM + 0.5, radius);
    gauss_blur(&w->gauss, hu, cine->nx, cine->ny, cine->nx, w->scratch, w->smooth);
    morph_dilate(brain, cine->nx, cine->ny, radius, w->grown);
    for (size_t i = 0; i < cine_plane(cine); i++)
        brain[i] = w->grown[i] && inside[i] && w->smooth[i] > BRAIN_LO_HU
                   && w->smooth[i] < BRAIN_HI_HU;
    // Holes are calcified or noise, and belong to the brain; what may be measured, tissue.c says.
    morph_enclosed(brain, cine->nx, cine->ny, w->stack, w->grown);
    for (size_t i = 0; i < cine_plane(cine); i++)
        brain[i] |= w->grown[i] && inside[i];
}

static int find_all(struct head *head, struct work *w, const float *hu, struct err *err)
{
    const struct cine *cine = w->cine;
    const size_t plane = cine_plane(cine);
    for (size_t z = 0; z < cine->nz; z++)
        find_slice(w, hu + z * plane, head->bone + z * plane, head->inside + z * plane,
                   head->brain + z * plane);
    const int r = morph_keep_largest(head->brain, cine->nx, cine->ny, cine->nz, err);
    if (r < 0)
        return r;
    size_t voxels = 0;
    for (size_t z = 0; z < cine->nz; z++)
        grow_brain(w, hu + z * plane, head->inside + z * plane, head->brain + z * plane);
    for (size_t i = 0; i < cine_volume(cine); i++)
        voxels += head->brain[i];
    head->brain_ml = (double)voxels * cine_voxel_ml(cine);
    return 0;
}

int head_find(const struct cine *cine, const float *hu, struct head **ret,
              struct err *err)
{
    const size_t n = cine_volume(cine);
    auto_(head) struct head *head = calloc(1, sizeof(*head));
    if (head) {
        head->bone = malloc(n);
        head->inside = malloc(n);
        head->brain = malloc(n);
    }
    if (!head || !head->bone || !head->inside || !head->brain)
        return err_set(err, ERR_NOMEM, "masks of a head");
    struct work w;
    int r = work_init(&w, cine, err);
    if (r < 0)
        return r;
    r = find_all(head, &w, hu, err);
    work_finish(&w);
    if (r == 0)
        *ret = take(head);
    return r;
}

void head_destroy(struct head *head)
{
    if (!head)
        return;
    free(head->bone);
    free(head->inside);
    free(head->brain);
    free(head);
}
