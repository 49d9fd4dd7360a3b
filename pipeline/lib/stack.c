#include "pipeline/lib/stack.h"

#include "base/err.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const double SAME_PLACE_MM = 0.01, SAME_COSINE = 2e-3, SAME_SPACING_MM = 1e-4;

struct place {
    double along_mm; // the normal
    size_t frame;
};

static bool is_alike(const struct plane_facts *a, const struct plane_facts *b)
{
    for (int i = 0; i < 6; i++) {
        if (fabs(a->orientation[i] - b->orientation[i]) > SAME_COSINE)
            return false;
    }
    return fabs(a->spacing_mm[0] - b->spacing_mm[0]) < SAME_SPACING_MM
           && fabs(a->spacing_mm[1] - b->spacing_mm[1]) < SAME_SPACING_MM;
}

static size_t count_alike(const struct series *series, const struct plane_facts *plane)
{
    size_t n = 0;
    for (size_t i = 0; i < series->frame_count; i++)
        n +=
            series->frames[i].plane.is_valid && is_alike(&series->frames[i].plane, plane);
    return n;
}

/** A frame that lies as most do, or NULL. */
static const struct plane_facts *find_model(const struct series *series)
{
    const struct plane_facts *best = NULL;
    size_t most = 0;
    for (size_t i = 0; i < series->frame_count && 2 * most <= series->frame_count; i++) {
        const struct plane_facts *plane = &series->frames[i].plane;
        const size_t n = plane->is_valid ? count_alike(series, plane) : 0;
        if (n > most) {
            most = n;
            best = plane;
        }
    }
    return best;
}

static int by_place(const void *a, const void *b)
{
    const struct place *p = a, *q = b;
    if (p->along_mm != q->along_mm)
        return p->along_mm < q->along_mm ? -1 : 1;
    return p->frame < q->frame ? -1 : 1;
}

static double dot(const double a[3], const double b[3])
{
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

/** The places of frames that lie like model, sorted, one a place; returns how many. */
static size_t list_places(const struct series *series, const struct plane_facts *model,
                          struct place *places, struct stack *stack)
{
    const double *x = model->orientation, *y = x + 3;
    const double normal[3] = {x[1] * y[2] - x[2] * y[1], x[2] * y[0] - x[0] * y[2],
                              x[0] * y[1] - x[1] * y[0]};
    size_t n = 0, kept = 0;
    for (size_t i = 0; i < series->frame_count; i++) {
        const struct plane_facts *plane = &series->frames[i].plane;
        if (plane->is_valid && is_alike(plane, model))
            places[n++] = (struct place){dot(plane->position_mm, normal), i};
    }
    stack->left_out = series->frame_count - n;
    qsort(places, n, sizeof(*places), by_place);
    for (size_t i = 0; i < n; i++) {
        if (kept == 0 || places[i].along_mm - places[kept - 1].along_mm > SAME_PLACE_MM)
            places[kept++] = places[i];
    }
    stack->repeated = n - kept;
    return kept;
}

static int by_size(const void *a, const void *b)
{
    const double p = *(const double *)a, q = *(const double *)b;
    return (p > q) - (p < q);
}

static int measure_gaps(const struct place *places, struct stack *stack,
                        double thickness_mm, struct err *err)
{
    const struct grid *grid = stack->grid;
    stack->gap_mm = thickness_mm > 0 ? thickness_mm : 1.0;
    if (grid->nz < 2)
        return 0;
    const size_t n = grid->nz - 1;
    double *gaps = malloc(n * sizeof(*gaps));
    if (!gaps)
        return err_set(err, ERR_NOMEM, "a stack of %zu slices", grid->nz);
    for (size_t i = 0; i < n; i++)
        gaps[i] = places[i + 1].along_mm - places[i].along_mm;
    qsort(gaps, n, sizeof(*gaps), by_size);
    stack->gap_mm = gaps[n / 2];
    stack->gap_off_mm = fmax(stack->gap_mm - gaps[0], gaps[n - 1] - stack->gap_mm);
    free(gaps);
    for (size_t i = 0; i < n; i++) {
        double step[3];
        for (int k = 0; k < 3; k++)
            step[k] = grid->position_mm[i + 1][k] - grid->position_mm[i][k];
        const double sx = dot(step, grid->orientation);
        const double sy = dot(step, grid->orientation + 3);
        stack->off_axis_mm = fmax(stack->off_axis_mm, hypot(sx, sy));
    }
    return 0;
}

static int fill_stack(const struct series *series, const struct plane_facts *model,
                      struct place *places, struct stack *stack, struct err *err)
{
    const size_t nz = list_places(series, model, places, stack);
    int r = grid_create(series->nx, series->ny, nz, &stack->grid, err);
    if (r < 0)
        return r;
    stack->frames = calloc(nz, sizeof(*stack->frames));
    if (!stack->frames)
        return err_set(err, ERR_NOMEM, "a stack of %zu slices", nz);
    struct grid *grid = stack->grid;
    grid->spacing_mm[0] = model->spacing_mm[1];
    grid->spacing_mm[1] = model->spacing_mm[0];
    memcpy(grid->orientation, model->orientation, sizeof(grid->orientation));
    for (size_t z = 0; z < nz; z++) {
        stack->frames[z] = places[z].frame;
        memcpy(grid->position_mm[z], series->frames[places[z].frame].plane.position_mm,
               sizeof(grid->position_mm[z]));
    }
    r = measure_gaps(places, stack, model->thickness_mm, err);
    grid->thickness_mm = stack->gap_mm;
    return r;
}

int stack_create(const struct series *series, struct stack **ret, struct err *err)
{
    const struct plane_facts *model = find_model(series);
    if (!model)
        return err_set(err, ERR_FORMAT, "no image says where in the patient it lies");
    auto_(stack) struct stack *stack = calloc(1, sizeof(*stack));
    struct place *places = calloc(series->frame_count, sizeof(*places));
    int r = stack && places ? 0 : err_set(err, ERR_NOMEM, "a stack");
    if (r == 0)
        r = fill_stack(series, model, places, stack, err);
    free(places);
    if (r == 0)
        *ret = take(stack);
    return r;
}

void stack_destroy(struct stack *stack)
{
    if (!stack)
        return;
    grid_destroy(stack->grid);
    free(stack->frames);
    free(stack);
}
