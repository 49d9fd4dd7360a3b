#include "pipeline/cardiac_cine/sax_net.h"

#include "base/err.h"
#include "kernels/engine.h"
#include "kernels/morph.h"
#include "pipeline/lib/card.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 16, LEAST_PIXELS = 30 };

struct sax_net {
    struct card *card;
    struct engine *engine;
    size_t size, wide_size;
    double spacing_mm;
    size_t channels;
    int channel_of[SAX_CLASSES]; // -1: not known
};

/** Which class a label of the card means, by its code. */
static enum sax_class class_of(const struct card_label *label)
{
    static const struct {
        const char *code;
        enum sax_class class;
    } KNOWN[] = {
        {"87878005", SAX_CAVITY},     // left ventricle
        {"49848007", SAX_MYOCARDIUM}, // its myocardium
        {"53085002", SAX_RIGHT},      // right ventricle
    };
    for (size_t i = 0; label->type.value && i < sizeof(KNOWN) / sizeof(*KNOWN); i++) {
        if (strcmp(label->type.value, KNOWN[i].code) == 0)
            return KNOWN[i].class;
    }
    return SAX_BACKGROUND;
}

/** Take from the card what is needed. Errors: ERR_CONFIG. */
static int take_card(struct sax_net *net, struct err *err)
{
    const struct card *card = net->card;
    const struct card_input *in = &card->input;
    net->size = in->size;
    net->wide_size = in->wide_size;
    net->spacing_mm = in->spacing_mm[2];
    net->channels = card->output.channels;
    for (int c = 0; c < SAX_CLASSES; c++)
        net->channel_of[c] = -1;
    for (size_t i = 0; i < card->label_count; i++) {
        const enum sax_class class = class_of(&card->labels[i]);
        if (class != SAX_BACKGROUND)
            net->channel_of[class] = (int)card->labels[i].channel;
    }
    if (in->axes != CARD_PLANE || in->scale != CARD_PERCENTILE
        || in->spacing_mm[1] != net->spacing_mm || !(net->spacing_mm > 0.0)
        || net->size == 0 || net->wide_size == 0 || card->output.answer != CARD_LOGITS
        || net->channel_of[SAX_CAVITY] < 0)
        return err_set(err, ERR_CONFIG,
                       "the card of %s is not for short-axis crops: logits of a left "
                       "ventricle, percentiles of the image, spacing, size, wide_size",
                       card->name);
    return 0;
}

int sax_net_open(const struct pipeline_input *in, const char *name, struct sax_net **ret,
                 struct err *err)
{
    auto_(sax_net) struct sax_net *net = calloc(1, sizeof(*net));
    if (!net)
        return err_set(err, ERR_NOMEM, "a network");
    int r = card_find(in->model_folders, in->model_folder_count, name, &net->card, err);
    if (r == 0)
        r = take_card(net, err);
    if (r == 0)
        r = card_open(net->card, in->threads, 0, &net->engine, err);
    if (r == 0)
        *ret = take(net);
    return r;
}

void sax_net_close(struct sax_net *net)
{
    if (!net)
        return;
    engine_destroy(net->engine);
    card_destroy(net->card);
    free(net);
}

void sax_net_tell(const struct sax_net *net, struct result *result)
{
    snprintf(result->model, sizeof(result->model), "%s %s", net->card->name,
             net->card->version);
    snprintf(result->precision, sizeof(result->precision), "%s", net->card->precision);
}

double sax_net_edge_mm(const struct sax_net *net, double edge_px)
{
    return net->card->output.edge == CARD_INCLUSIVE ? edge_px * net->spacing_mm : 0.0;
}

bool sax_net_knows(const struct sax_net *net, enum sax_class class)
{
    return net->channel_of[class] >= 0;
}

/* ---- batches of crops ---- */

/* What is done with the answer to crop i: probabilities [channels][size][size]. */
typedef int take_answer(void *ctx, size_t i, const float *logits, struct err *err);

struct asking {
    struct sax_net *net;
    const struct sax_images *images;
    const struct sax_crop *crop;
    const struct pipeline_watch *watch;
    const size_t *which; // [count] images, or NULL: all in their order
    size_t count;
    take_answer *take_one;
    void *ctx;
};

static int check_output(const struct tensor *out, size_t batch, size_t channels,
                        size_t size, struct err *err)
{
    if (out->type != TENSOR_F32 || out->rank != 4 || out->dim[0] != (int64_t)batch
        || out->dim[1] != (int64_t)channels || out->dim[2] != (int64_t)size
        || out->dim[3] != (int64_t)size)
        return err_set(err, ERR_FORMAT, "the model's output is not what its card says");
    return 0;
}

/** One batch: crops first .. first + n - 1. pixels: [BATCH][size][size]. */
static int ask_batch(const struct asking *a, size_t first, size_t n, float *pixels,
                     float *work, struct err *err)
{
    const struct sax_images *images = a->images;
    const struct sax_net *net = a->net;
    const size_t size = a->crop->size, area = size * size;
    const struct sax_plane plane = {
        images->nx, images->ny, {images->spacing_mm[0], images->spacing_mm[1]}};
    for (size_t i = 0; i < n; i++) {
        const size_t at = a->which ? a->which[first + i] : first + i;
        sax_crop_cut(a->crop, &plane, images->voxels + at * images->nx * images->ny,
                     pixels + i * area);
        sax_crop_normalise(pixels + i * area, area, net->card->input.lo_percentile,
                           net->card->input.hi_percentile, work);
    }
    const struct tensor input = {
        .type = TENSOR_F32,
        .rank = 4,
        .dim = {(int64_t)n, 1, (int64_t)size, (int64_t)size},
        .data = pixels,
    };
    const struct tensor *inputs[1] = {&input}, *outputs[1] = {NULL};
    int r = engine_run(net->engine, inputs, outputs, err);
    if (r == 0)
        r = check_output(outputs[0], n, net->channels, size, err);
    for (size_t i = 0; r == 0 && i < n; i++)
        r = a->take_one(a->ctx, first + i,
                        (const float *)outputs[0]->data + i * net->channels * area, err);
    return r;
}

static int ask(const struct asking *a, struct err *err)
{
    const size_t area = a->crop->size * a->crop->size;
    float *pixels = malloc((BATCH + 1) * area * sizeof(*pixels));
    if (!pixels)
        return err_set(err, ERR_NOMEM, "crops");
    int r = 0;
    for (size_t first = 0; r == 0 && first < a->count; first += BATCH) {
        const struct pipeline_watch *watch = a->watch;
        const size_t n = a->count - first < BATCH ? a->count - first : BATCH;
        if (watch->is_cancelled && watch->is_cancelled(watch->ctx))
            r = err_set(err, ERR_CANCELLED, "cancelled while the network ran");
        else
            r = ask_batch(a, first, n, pixels, pixels + BATCH * area, err);
    }
    free(pixels);
    return r;
}

/** Probability of channel c at pixel i: softmax over the channels. */
static float probability(const float *logits, size_t channels, size_t area, size_t c,
                         size_t i)
{
    float most = logits[i], sum = 0.0f;
    for (size_t k = 1; k < channels; k++)
        most = fmaxf(most, logits[k * area + i]);
    for (size_t k = 0; k < channels; k++)
        sum += expf(logits[k * area + i] - most);
    return expf(logits[c * area + i] - most) / sum;
}

/* ---- finding ---- */

struct finding {
    const struct sax_net *net;
    const struct sax_crop *crop;
    float *x_mm, *y_mm; // [votes]
    size_t votes;
    uint8_t *mask; // [size][size]
};

static int take_vote(void *ctx, size_t i, const float *logits, struct err *err)
{
    (void)i;
    struct finding *f = ctx;
    const size_t size = f->crop->size, area = size * size;
    const size_t cavity = (size_t)f->net->channel_of[SAX_CAVITY];
    for (size_t k = 0; k < area; k++)
        f->mask[k] = probability(logits, f->net->channels, area, cavity, k) > 0.5f;
    const int r = morph_keep_largest(f->mask, size, size, 1, err);
    double n = 0.0, x = 0.0, y = 0.0, first_mm[2];
    for (size_t k = 0; k < area; k++) {
        n += f->mask[k];
        x += f->mask[k] ? (double)(k % size) : 0.0;
        y += f->mask[k] ? (double)(k / size) : 0.0;
    }
    if (r < 0 || n < LEAST_PIXELS)
        return r;
    sax_crop_first_mm(f->crop, first_mm);
    f->x_mm[f->votes] = (float)(first_mm[0] + x / n * f->crop->spacing_mm);
    f->y_mm[f->votes++] = (float)(first_mm[1] + y / n * f->crop->spacing_mm);
    return 0;
}

static int by_value(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static double median(float *values, size_t n)
{
    qsort(values, n, sizeof(*values), by_value);
    return 0.5 * ((double)values[(n - 1) / 2] + (double)values[n / 2]);
}

int sax_net_find(struct sax_net *net, const struct sax_images *images,
                 const struct pipeline_watch *watch, double ret_mm[2], size_t *ret_votes,
                 struct err *err)
{
    const struct sax_crop crop = {
        net->wide_size,
        net->spacing_mm,
        {0.5 * (double)(images->nx - 1) * images->spacing_mm[0],
         0.5 * (double)(images->ny - 1) * images->spacing_mm[1]}};
    const size_t count = 2 * images->nz;
    size_t *which = calloc(count, sizeof(*which));
    float *middles = calloc(2 * count, sizeof(*middles));
    uint8_t *mask = calloc(crop.size * crop.size, 1);
    struct finding f = {net, &crop, middles, middles ? middles + count : NULL, 0, mask};
    int r = which && middles && mask ? 0 : err_set(err, ERR_NOMEM, "wide crops");
    for (size_t z = 0; r == 0 && z < images->nz; z++) {
        which[2 * z] = z * images->nt;
        which[2 * z + 1] = z * images->nt + images->nt / 3;
    }
    const struct asking asking = {net, images, &crop, watch, which, count, take_vote, &f};
    if (r == 0)
        r = ask(&asking, err);
    if (r == 0) {
        *ret_votes = f.votes;
        ret_mm[0] = f.votes ? median(f.x_mm, f.votes) : crop.centre_mm[0];
        ret_mm[1] = f.votes ? median(f.y_mm, f.votes) : crop.centre_mm[1];
    }
    free(which);
    free(middles);
    free(mask);
    return r;
}

/* ---- asking ---- */

struct filling {
    const struct sax_net *net;
    struct sax_probabilities *to;
};

static int take_probabilities(void *ctx, size_t i, const float *logits, struct err *err)
{
    (void)err;
    const struct filling *f = ctx;
    const size_t area = f->to->crop.size * f->to->crop.size;
    for (int c = 0; c < SAX_CLASSES; c++) {
        float *dst = f->to->of[c];
        for (size_t k = 0; dst && k < area; k++)
            dst[i * area + k] = probability(logits, f->net->channels, area,
                                            (size_t)f->net->channel_of[c], k);
    }
    return 0;
}

int sax_net_ask(struct sax_net *net, const struct sax_images *images,
                const double centre_mm[2], const struct pipeline_watch *watch,
                struct sax_probabilities **ret, struct err *err)
{
    auto_(sax_probabilities) struct sax_probabilities *p = calloc(1, sizeof(*p));
    if (!p)
        return err_set(err, ERR_NOMEM, "probabilities");
    p->crop = (struct sax_crop){net->size, net->spacing_mm, {centre_mm[0], centre_mm[1]}};
    p->nz = images->nz;
    p->nt = images->nt;
    const size_t n = p->nz * p->nt * net->size * net->size;
    for (int c = SAX_CAVITY; c < SAX_CLASSES; c++) {
        if (!sax_net_knows(net, (enum sax_class)c))
            continue;
        p->of[c] = malloc(n * sizeof(float));
        if (!p->of[c])
            return err_set(err, ERR_NOMEM, "probabilities");
    }
    struct filling filling = {net, p};
    const struct asking asking = {net,  images,        &p->crop,           watch,
                                  NULL, p->nz * p->nt, take_probabilities, &filling};
    const int r = ask(&asking, err);
    if (r == 0)
        *ret = take(p);
    return r;
}

void sax_probabilities_destroy(struct sax_probabilities *p)
{
    if (!p)
        return;
    for (int c = 0; c < SAX_CLASSES; c++)
        free(p->of[c]);
    free(p);
}
