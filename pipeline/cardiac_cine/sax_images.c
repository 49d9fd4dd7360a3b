#include "pipeline/cardiac_cine/sax_images.h"

#include "base/err.h"
#include "pipeline/lib/parallel.h"

#include <math.h>
#include <stdlib.h>

size_t sax_images_bytes(const struct sax_stack *stack)
{
    return grid_voxels(stack->grid) * stack->nt * sizeof(float);
}

/* Reading, one image a piece. */
struct reading {
    const struct pipeline_input *in;
    const struct sax_stack *stack;
    struct sax_images *images;
};

static int read_piece(void *ctx, size_t i, size_t worker, struct err *err)
{
    (void)worker;
    const struct reading *r = ctx;
    const struct pipeline_watch *watch = &r->in->watch;
    if (watch->is_cancelled && watch->is_cancelled(watch->ctx))
        return err_set(err, ERR_CANCELLED, "reading was cancelled");
    const struct sax_images *images = r->images;
    return series_read_frame(r->in->series, r->stack->frames[i],
                             images->voxels + i * images->nx * images->ny, err);
}

int sax_images_read(const struct pipeline_input *in, const struct sax_stack *stack,
                    struct sax_images **ret, struct err *err)
{
    const struct grid *grid = stack->grid;
    auto_(sax_images) struct sax_images *images = calloc(1, sizeof(*images));
    if (!images)
        return err_set(err, ERR_NOMEM, "images");
    *images = (struct sax_images){
        .nx = grid->nx,
        .ny = grid->ny,
        .nz = grid->nz,
        .nt = stack->nt,
        .spacing_mm = {grid->spacing_mm[0], grid->spacing_mm[1]},
        .voxels = malloc(sax_images_bytes(stack)),
    };
    if (!images->voxels)
        return err_set(err, ERR_NOMEM, "%zu images", grid->nz * stack->nt);
    struct reading reading = {in, stack, images};
    const int r =
        parallel_for(in->threads, grid->nz * stack->nt, read_piece, &reading, err);
    if (r == 0)
        *ret = take(images);
    return r;
}

void sax_images_destroy(struct sax_images *images)
{
    if (!images)
        return;
    free(images->voxels);
    free(images);
}

const float *sax_images_at(const struct sax_images *images, size_t z, size_t t)
{
    return images->voxels + (z * images->nt + t) * images->nx * images->ny;
}

float sax_images_sample(const float *image, size_t nx, size_t ny, double x, double y)
{
    if (!(x >= 0.0 && y >= 0.0 && x <= (double)(nx - 1) && y <= (double)(ny - 1)))
        return 0.0f;
    const size_t u = (size_t)x, v = (size_t)y;
    const size_t right = u + 1 < nx ? 1 : 0, below = v + 1 < ny ? nx : 0;
    const float fx = (float)(x - (double)u), fy = (float)(y - (double)v);
    const float *p = image + v * nx + u;
    const float above = p[0] + fx * (p[right] - p[0]);
    const float under = p[below] + fx * (p[below + right] - p[below]);
    return above + fy * (under - above);
}
