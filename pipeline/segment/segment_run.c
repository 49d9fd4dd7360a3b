/* segment_run: the stage "network": source slices in, labels on the source's grid out. */
#include "base/err.h"
#include "pipeline/lib/parallel.h"
#include "pipeline/lib/resample.h"
#include "pipeline/lib/tile.h"
#include "pipeline/segment/segment_job.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double RUN_BEGINS = 0.10, RUN_SHARE = 0.82;
static const float OUTSIDE = -1e9f; // of answers: never a label

struct flow {
    struct segment_job *job;
    struct tile_plan plan;
    struct scale scale;
    struct scale_stats *stats; // of one image
    float **source;            // [source nz] slices that are held; else NULL
    float **answers;           // [network nz] answers that are held [channels][ny][nx]
    size_t held_from;          // first answer that is held
    size_t done;               // source slices that have their labels
    size_t channels;
    float *brought; // [channels][source ny][nx]
};

size_t segment_bytes(const struct segment_job *job)
{
    const struct grid *from = job->stack->grid;
    const struct grid *to = job->grid ? job->grid : from;
    const size_t channels = segment_net_channels(job->net);
    struct tile_plan plan = {.size = {to->nz, to->ny, to->nx}, .channels = channels};
    memcpy(plan.patch, segment_net_patch(job->net), sizeof(plan.patch));
    const size_t plane = from->nx * from->ny;
    size_t byte_masks = 1 + job->card->label_count; // labels, a mask each
    for (size_t i = 0; i < job->card->label_count; i++) {
        const struct card_label *label = &job->card->labels[i];
        if (label->largest_only || label->part_min_ml > 0) {
            byte_masks += 6; // a copy and its numbered parts, one label at a time
            break;
        }
    }
    return tile_bytes(&plan) + 2 * channels * to->nx * to->ny * sizeof(float)
           + plane * sizeof(float) * (16 + channels) + grid_voxels(from) * byte_masks;
}

/* ---- in ---- */

static int hold_slices(struct flow *f, size_t first, size_t last, struct err *err)
{
    const struct series *series = f->job->in->series;
    for (size_t z = 0; z < first; z++) {
        free(f->source[z]);
        f->source[z] = NULL;
    }
    for (size_t z = first; z <= last; z++) {
        if (f->source[z])
            continue;
        f->source[z] = malloc(series->nx * series->ny * sizeof(float));
        if (!f->source[z])
            return err_set(err, ERR_NOMEM, "a slice");
        const int r =
            series_read_frame(series, f->job->stack->frames[z], f->source[z], err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int read_plane(void *ctx, size_t z, float *plane, struct err *err)
{
    struct flow *f = ctx;
    const struct card *card = f->job->card;
    const struct grid *from = f->job->stack->grid, *to = f->job->grid;
    const size_t n = to->nx * to->ny;
    size_t first = 0, last = 0;
    if (!resample_needs(from, to, z, &first, &last))
        return err_set(err, ERR_FORMAT, "plane %zu lies outside the series", z);
    int r = hold_slices(f, first, last, err);
    if (r < 0)
        return r;
    resample_plane(from, (const float *const *)f->source, to, z,
                   card->input.interpolation, (float)card->input.outside, plane);
    if (card->input.scale_by_image) {
        memset(f->stats, 0, sizeof(*f->stats));
        scale_look(f->stats, card, plane, n);
        if (f->stats->n > 0 && scale_wants_bins(card))
            scale_count(f->stats, plane, n);
        scale_conclude(f->stats, card);
        f->scale = scale_of(card, f->stats);
    }
    scale_apply(&f->scale, plane, n);
    return 0;
}

static int run_patch(void *ctx, const float *patch, float *answer, struct err *err)
{
    const struct flow *f = ctx;
    return segment_net_run(f->job->net, patch, answer, err);
}

/* ---- out ---- */

/** Label + 1 of the voxel with these answers, one every plane floats; 0: none. */
static uint8_t decide(const struct segment_job *job, const float *answers, size_t plane)
{
    const struct card *card = job->card;
    const size_t channels = segment_net_channels(job->net);
    const bool is_single = card->output.answer == CARD_SIGMOID || channels == 1;
    size_t best = 0;
    for (size_t c = 1; c < channels; c++) {
        if (answers[c * plane] > answers[best * plane])
            best = c;
    }
    double value = (double)answers[best * plane];
    if (value <= (double)OUTSIDE / 2)
        return 0;
    if (card->output.answer == CARD_SIGMOID)
        value = 1.0 / (1.0 + exp(-value));
    if ((is_single || card->output.answer == CARD_LABELS)
        && !(value > (is_single ? card->output.threshold : 0.0)))
        return 0;
    for (size_t i = 0; i < card->label_count; i++) {
        if (segment_net_channel(job->net, i) == best)
            return card->labels[i].is_background ? 0 : (uint8_t)(i + 1);
    }
    return 0;
}

struct bringing {
    struct flow *flow;
    size_t z;
};

static int bring_channel(void *ctx, size_t channel, size_t worker, struct err *err)
{
    const struct bringing *b = ctx;
    const struct flow *f = b->flow;
    const struct grid *from = f->job->grid, *to = f->job->stack->grid;
    const float **planes = calloc(from->nz, sizeof(*planes));
    (void)worker;
    if (!planes)
        return err_set(err, ERR_NOMEM, "planes");
    for (size_t k = f->held_from; k < from->nz && f->answers[k]; k++)
        planes[k] = f->answers[k] + channel * from->nx * from->ny;
    resample_plane(from, planes, to, b->z, CARD_LINEAR, OUTSIDE,
                   f->brought + channel * to->nx * to->ny);
    free((void *)planes);
    return 0;
}

/** The labels of source slice z, from the answers that are held. */
static int label_slice(struct flow *f, size_t z, struct err *err)
{
    const struct grid *to = f->job->stack->grid;
    const size_t plane = to->nx * to->ny;
    struct bringing b = {f, z};
    const int r = parallel_for(f->plan.threads, f->channels, bring_channel, &b, err);
    for (size_t i = 0; r == 0 && i < plane; i++)
        f->job->labels[z * plane + i] = decide(f->job, f->brought + i, plane);
    return r;
}

static void drop_answers(struct flow *f, size_t end)
{
    for (; f->held_from < end; f->held_from++) {
        free(f->answers[f->held_from]);
        f->answers[f->held_from] = NULL;
    }
}

static int write_plane(void *ctx, size_t z, float *planes, struct err *err)
{
    struct flow *f = ctx;
    const struct grid *from = f->job->grid, *to = f->job->stack->grid;
    const size_t bytes = f->channels * from->nx * from->ny * sizeof(float);
    f->answers[z] = malloc(bytes);
    if (!f->answers[z])
        return err_set(err, ERR_NOMEM, "%zu bytes of answers", bytes);
    memcpy(f->answers[z], planes, bytes);
    int r = 0;
    for (; r == 0 && f->done < to->nz; f->done++) {
        size_t first = 0, last = 0;
        if (!resample_needs(from, to, f->done, &first, &last))
            continue; // it keeps no label
        if (last > z)
            break;
        drop_answers(f, first);
        r = label_slice(f, f->done, err);
    }
    return r;
}

static int step(void *ctx, size_t done, size_t all, struct err *err)
{
    const struct flow *f = ctx;
    const struct pipeline_watch *watch = &f->job->in->watch;
    if (watch->progress)
        watch->progress(watch->ctx, "network",
                        RUN_BEGINS + RUN_SHARE * (double)done / (double)all);
    return segment_is_cancelled(f->job, err);
}

/* ---- all ---- */

static int open_net(struct segment_job *job, struct err *err)
{
    const struct grid *from = job->stack->grid;
    int r = segment_net_open(job->card, from, job->in->threads, &job->net, err);
    if (r == 0)
        snprintf(job->result->precision, sizeof(job->result->precision), "%s",
                 segment_net_precision(job->net));
    if (r == 0)
        r = resample_grid(from, segment_net_spacing_mm(job->net), &job->grid, err);
    if (r < 0)
        return r;
    const size_t need = segment_bytes(job), allowed = job->in->memory_max_bytes;
    return allowed && need > allowed
               ? err_set(err, ERR_LIMIT, "%zu MiB are needed, %zu MiB allowed",
                         need >> 20, allowed >> 20)
               : 0;
}

static int allocate(struct flow *f, struct err *err)
{
    struct segment_job *job = f->job;
    const struct grid *from = job->stack->grid;
    f->source = calloc(from->nz, sizeof(*f->source));
    f->answers = calloc(job->grid->nz, sizeof(*f->answers));
    f->stats = calloc(1, sizeof(*f->stats));
    f->brought = calloc(f->channels * from->nx * from->ny, sizeof(*f->brought));
    job->labels = calloc(grid_voxels(from), 1);
    return f->source && f->answers && f->stats && f->brought && job->labels
               ? 0
               : err_set(err, ERR_NOMEM, "labels of %zu voxels", grid_voxels(from));
}

static void finish(struct flow *f)
{
    for (size_t z = 0; f->source && z < f->job->stack->grid->nz; z++)
        free(f->source[z]);
    for (size_t z = 0; f->answers && z < f->job->grid->nz; z++)
        free(f->answers[z]);
    free(f->source);
    free(f->answers);
    free(f->stats);
    free(f->brought);
}

int segment_stage_network(struct segment_job *job, struct err *err)
{
    int r = open_net(job, err);
    if (r < 0)
        return r;
    const struct card_input *in = &job->card->input;
    const struct grid *grid = job->grid;
    struct flow f = {
        .job = job,
        .channels = segment_net_channels(job->net),
        .plan = {.size = {grid->nz, grid->ny, grid->nx},
                 .channels = segment_net_channels(job->net),
                 .overlap = in->overlap,
                 .flips = {in->flips && in->axes == CARD_VOLUME, in->flips, in->flips},
                 .padding = (float)in->padding,
                 .threads = job->in->threads},
    };
    memcpy(f.plan.patch, segment_net_patch(job->net), sizeof(f.plan.patch));
    if (!in->scale_by_image)
        f.scale = scale_of(job->card, job->stats);
    const struct tile_calls calls = {read_plane, run_patch, write_plane, step, &f};
    r = allocate(&f, err);
    if (r == 0)
        r = tile_run(&f.plan, &calls, err);
    finish(&f);
    return r;
}
