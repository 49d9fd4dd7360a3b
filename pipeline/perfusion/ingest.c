#include "pipeline/perfusion/ingest.h"

#include "base/err.h"
#include "kernels/clones.h"
#include "pipeline/lib/parallel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double FINE_PIXEL_MM = 0.7, THIN_SLICE_MM = 3.0, SLICE_MM = 5.0;
static const float PADDING_HU = -1024.0f;

struct ingest_map ingest_map_of(const struct grid *source)
{
    struct ingest_map map = {.block = 1, .group = 1};
    if (source->spacing_mm[0] < FINE_PIXEL_MM && source->nx > 256 && source->ny > 256)
        map.block = 2;
    if (source->thickness_mm < THIN_SLICE_MM)
        map.group = (size_t)floor(SLICE_MM / source->thickness_mm + 0.5);
    return map;
}

static size_t groups(const struct grid *source, size_t group)
{
    return (source->nz + group - 1) / group;
}

size_t ingest_bytes(const struct frame_table *table)
{
    const struct ingest_map map = ingest_map_of(table->grid);
    return table->grid->nx / map.block * (table->grid->ny / map.block)
           * groups(table->grid, map.group) * table->nt * sizeof(float);
}

struct reading {
    const struct pipeline_input *in;
    const struct frame_table *table;
    struct ingest_map map;
    struct cine *cine;
    float *pixels; // [threads][source plane]
};

/** dst += block means of src, clipped below. */
KERNEL_CLONES static void add_blocks(const float *restrict src, size_t src_nx, size_t nx,
                                     size_t ny, float *restrict dst)
{
    for (size_t y = 0; y < ny; y++) {
        const float *a = src + 2 * y * src_nx, *b = a + src_nx;
        for (size_t x = 0; x < nx; x++) {
            const float v = 0.25f * (a[2 * x] + a[2 * x + 1] + b[2 * x] + b[2 * x + 1]);
            dst[y * nx + x] += v > PADDING_HU ? v : PADDING_HU;
        }
    }
}

KERNEL_CLONES static void add_plane(const float *restrict src, size_t n,
                                    float *restrict dst)
{
    for (size_t i = 0; i < n; i++)
        dst[i] += src[i] > PADDING_HU ? src[i] : PADDING_HU;
}

KERNEL_CLONES static void scale_plane(float *v, float factor, size_t n)
{
    for (size_t i = 0; i < n; i++)
        v[i] *= factor;
}

/** Frame t of slice z of the cine: the mean of its source slices. */
static int read_frame(const struct reading *r, size_t z, size_t t, float *pixels,
                      struct err *err)
{
    const struct frame_table *table = r->table;
    struct cine *cine = r->cine;
    float *dst = cine_frame(cine, z, t);
    memset(dst, 0, cine_plane(cine) * sizeof(*dst));
    size_t n = 0, slices = 0;
    double time_s = 0.0;
    for (size_t s = z * r->map.group; s < (z + 1) * r->map.group && s < table->grid->nz;
         s++) {
        const size_t frame = table->frames[s * table->nt + t];
        time_s += table->time_s[s * table->nt + t];
        slices++;
        if (frame == FRAME_MISSING)
            continue;
        const int code = series_read_frame(r->in->series, frame, pixels, err);
        if (code < 0)
            return code;
        if (r->map.block == 2)
            add_blocks(pixels, table->grid->nx, cine->nx, cine->ny, dst);
        else
            add_plane(pixels, cine_plane(cine), dst);
        n++;
    }
    cine->time_s[z * cine->nt + t] = time_s / (double)slices;
    cine->is_missing[z * cine->nt + t] = n == 0;
    if (n > 1)
        scale_plane(dst, 1.0f / (float)n, cine_plane(cine));
    return 0;
}

static int read_piece(void *ctx, size_t i, size_t worker, struct err *err)
{
    const struct reading *r = ctx;
    const struct pipeline_watch *watch = &r->in->watch;
    if (watch->is_cancelled && watch->is_cancelled(watch->ctx))
        return err_set(err, ERR_CANCELLED, "reading was cancelled");
    float *pixels = r->pixels + worker * r->table->grid->nx * r->table->grid->ny;
    return read_frame(r, i / r->cine->nt, i % r->cine->nt, pixels, err);
}

int ingest_read(const struct pipeline_input *in, const struct frame_table *table,
                struct cine **ret, struct err *err)
{
    const struct grid *source = table->grid;
    struct reading r = {.in = in, .table = table, .map = ingest_map_of(source)};
    auto_(cine) struct cine *cine = NULL;
    int code = cine_create(source->nx / r.map.block, source->ny / r.map.block,
                           groups(source, r.map.group), table->nt, &cine, err);
    if (code < 0)
        return code;
    cine->spacing_mm[0] = source->spacing_mm[0] * (double)r.map.block;
    cine->spacing_mm[1] = source->spacing_mm[1] * (double)r.map.block;
    cine->spacing_mm[2] = source->thickness_mm * (double)r.map.group;
    r.cine = cine;
    const size_t threads = in->threads < 1 ? 1 : (size_t)in->threads;
    r.pixels = malloc(threads * source->nx * source->ny * sizeof(*r.pixels));
    if (!r.pixels)
        return err_set(err, ERR_NOMEM, "a frame of %zu x %zu", source->nx, source->ny);
    code = parallel_for(in->threads, cine->nz * cine->nt, read_piece, &r, err);
    free(r.pixels);
    if (code < 0)
        return code;
    cine_fill_missing(cine);
    *ret = take(cine);
    return 0;
}

int ingest_grid(const struct grid *source, struct grid **ret, struct err *err)
{
    const struct ingest_map map = ingest_map_of(source);
    struct grid *grid = NULL;
    int code = grid_create(source->nx / map.block, source->ny / map.block,
                           groups(source, map.group), &grid, err);
    if (code < 0)
        return code;
    memcpy(grid->orientation, source->orientation, sizeof(grid->orientation));
    grid->spacing_mm[0] = source->spacing_mm[0] * (double)map.block;
    grid->spacing_mm[1] = source->spacing_mm[1] * (double)map.block;
    grid->thickness_mm = source->thickness_mm * (double)map.group;
    const double middle = 0.5 * (double)(map.block - 1); // of the first block of voxels
    for (size_t z = 0; z < grid->nz; z++) {
        const size_t first = z * map.group;
        const size_t last =
            first + map.group <= source->nz ? first + map.group - 1 : source->nz - 1;
        double a[3], b[3];
        grid_to_patient(source, middle, middle, first, a);
        grid_to_patient(source, middle, middle, last, b);
        for (int i = 0; i < 3; i++)
            grid->position_mm[z][i] = 0.5 * (a[i] + b[i]);
    }
    *ret = grid;
    return 0;
}
