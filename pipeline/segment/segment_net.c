#include "pipeline/segment/segment_net.h"

#include "base/err.h"
#include "kernels/engine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct segment_net {
    const struct card *card;
    struct engine *engine;
    struct segment_axes axes;
    size_t patch[3]; // of the grid
    double spacing_mm[3];
    size_t input, output; // indices
    float *turned;        // the patch as the network has it
    double *row;          // of classes
};

/* ---- axes ---- */

/** The direction in patient space of a letter: L P S rise. */
static void direction_of(char letter, double ret[3])
{
    const char *at = strchr("LPSRAI", letter);
    memset(ret, 0, 3 * sizeof(*ret));
    ret[(at - "LPSRAI") % 3] = (at - "LPSRAI") < 3 ? 1.0 : -1.0;
}

struct segment_axes segment_axes_of(const struct card *card, const struct grid *grid)
{
    static const int ORDERS[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                     {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    struct segment_axes best = {{0, 1, 2}, {false, false, false}};
    const char *letters = card->input.directions;
    if (letters[0] == '\0')
        return best;
    double axis[3][3], cosine[3][3], most = -1.0; // of the grid: z, y, x
    grid_normal(grid, axis[0]);
    memcpy(axis[1], grid->orientation + 3, sizeof(axis[1]));
    memcpy(axis[2], grid->orientation, sizeof(axis[2]));
    for (int a = 0; a < 3; a++) {
        double wanted[3];
        direction_of(letters[a], wanted);
        for (int g = 0; g < 3; g++)
            cosine[a][g] =
                wanted[0] * axis[g][0] + wanted[1] * axis[g][1] + wanted[2] * axis[g][2];
    }
    for (int o = 0; o < 6; o++) {
        double sum = 0.0;
        for (int a = 0; a < 3; a++)
            sum += fabs(cosine[a][ORDERS[o][a]]);
        if (sum <= most + 1e-9)
            continue;
        most = sum;
        for (int a = 0; a < 3; a++) {
            best.of[a] = ORDERS[o][a];
            best.is_mirrored[a] = cosine[a][best.of[a]] < 0;
        }
    }
    return best;
}

/* ---- opening ---- */

static int find_ports(struct segment_net *net, struct err *err)
{
    const struct card *card = net->card;
    const size_t outputs = engine_output_count(net->engine);
    const int input =
        card->input.name[0] ? engine_find_input(net->engine, card->input.name) : 0;
    if (input < 0 || engine_input_count(net->engine) != 1)
        return err_set(err, ERR_CONFIG,
                       "model %s: input.name: the model has %zu inputs, the first %s",
                       card->name, engine_input_count(net->engine),
                       engine_input_name(net->engine, 0));
    net->input = (size_t)input;
    while (card->output.name[0] && net->output < outputs
           && strcmp(engine_output_name(net->engine, net->output), card->output.name)
                  != 0)
        net->output++;
    if (net->output >= outputs)
        return err_set(err, ERR_CONFIG,
                       "model %s: output.name: the model has no output %s", card->name,
                       card->output.name);
    return 0;
}

int segment_net_open(const struct card *card, const struct grid *grid, int threads,
                     struct segment_net **ret, struct err *err)
{
    auto_(segment_net) struct segment_net *net = calloc(1, sizeof(*net));
    if (!net)
        return err_set(err, ERR_NOMEM, "a network");
    net->card = card;
    net->axes = segment_axes_of(card, grid);
    for (int a = 0; a < 3; a++) {
        net->patch[net->axes.of[a]] = card->input.patch[a];
        net->spacing_mm[net->axes.of[a]] = card->input.spacing_mm[a];
    }
    const size_t voxels = net->patch[0] * net->patch[1] * net->patch[2];
    net->turned = malloc(voxels * sizeof(*net->turned));
    net->row = malloc(voxels * sizeof(*net->row));
    if (!net->turned || !net->row)
        return err_set(err, ERR_NOMEM, "a patch of %zu voxels", voxels);
    int r = card_open(card, threads, 0, &net->engine, err);
    if (r == 0)
        r = find_ports(net, err);
    if (r == 0)
        *ret = take(net);
    return r;
}

void segment_net_destroy(struct segment_net *net)
{
    if (!net)
        return;
    engine_destroy(net->engine);
    free(net->turned);
    free(net->row);
    free(net);
}

const size_t *segment_net_patch(const struct segment_net *net)
{
    return net->patch;
}

const double *segment_net_spacing_mm(const struct segment_net *net)
{
    return net->spacing_mm;
}

const char *segment_net_precision(const struct segment_net *net)
{
    return engine_facts(net->engine).precision;
}

size_t segment_net_channels(const struct segment_net *net)
{
    return net->card->output.answer == CARD_LABELS ? net->card->label_count
                                                   : net->card->output.channels;
}

size_t segment_net_channel(const struct segment_net *net, size_t i)
{
    return net->card->output.answer == CARD_LABELS ? i : net->card->labels[i].channel;
}

/* ---- running ---- */

/** Steps through a patch of the grid when one walks the network's axes: where it begins, and
 * how far a step along each axis goes. */
static size_t walk(const struct segment_net *net, ptrdiff_t ret_step[3])
{
    const ptrdiff_t stride[3] = {(ptrdiff_t)(net->patch[1] * net->patch[2]),
                                 (ptrdiff_t)net->patch[2], 1};
    ptrdiff_t begin = 0;
    for (int a = 0; a < 3; a++) {
        const int g = net->axes.of[a];
        const bool is_mirrored = net->axes.is_mirrored[a];
        ret_step[a] = is_mirrored ? -stride[g] : stride[g];
        begin += is_mirrored ? stride[g] * (ptrdiff_t)(net->patch[g] - 1) : 0;
    }
    return (size_t)begin;
}

/** dst, as the network has it, from src, as the grid has it; or back. */
static void turn(const struct segment_net *net, const float *src, float *dst,
                 bool is_back)
{
    const size_t *n = net->card->input.patch;
    ptrdiff_t step[3];
    const ptrdiff_t begin = (ptrdiff_t)walk(net, step);
    size_t at = 0;
    for (size_t i = 0; i < n[0]; i++) {
        for (size_t j = 0; j < n[1]; j++) {
            ptrdiff_t g = begin + (ptrdiff_t)i * step[0] + (ptrdiff_t)j * step[1];
            for (size_t k = 0; k < n[2]; k++, at++, g += step[2]) {
                if (is_back)
                    dst[g] = src[at];
                else
                    dst[at] = src[g];
            }
        }
    }
}

static int check_answer(const struct segment_net *net, const struct tensor *out,
                        struct err *err)
{
    const struct card *card = net->card;
    const size_t *n = card->input.patch;
    const size_t voxels = n[0] * n[1] * n[2];
    const bool is_class = card->output.answer == CARD_LABELS;
    const size_t want = voxels * (is_class ? 1 : card->output.channels);
    const bool is_type = is_class || out->type == TENSOR_F32;
    bool is_good = is_type && (size_t)tensor_count(out) == want;
    for (int i = 0; is_good && i < (card->input.axes == CARD_PLANE ? 2 : 3); i++)
        is_good = out->dim[out->rank - 1 - i] == (int64_t)n[2 - i];
    if (is_good)
        return 0;
    char shape[100];
    tensor_describe(out, shape, sizeof(shape));
    return err_set(err, ERR_CONFIG,
                   "model %s: its output is %s, which is not output.channels (%zu) by "
                   "input.patch",
                   card->name, shape, card->output.channels);
}

/** Classes become one channel a label: 1 where the voxel has it. */
static void spread_classes(struct segment_net *net, const struct tensor *out,
                           float *answer)
{
    const struct card *card = net->card;
    const size_t voxels = net->patch[0] * net->patch[1] * net->patch[2];
    tensor_load_f64(out, 0, (int64_t)voxels, net->row);
    for (size_t i = 0; i < card->label_count; i++) {
        for (size_t v = 0; v < voxels; v++)
            net->turned[v] = net->row[v] == (double)card->labels[i].value ? 1.0f : 0.0f;
        turn(net, net->turned, answer + i * voxels, true);
    }
}

int segment_net_run(struct segment_net *net, const float *patch, float *answer,
                    struct err *err)
{
    const size_t *n = net->card->input.patch;
    const size_t voxels = n[0] * n[1] * n[2];
    struct tensor input = {.type = TENSOR_F32, .dim = {1, 1}, .data = net->turned};
    const struct tensor *inputs[1] = {&input}, **outputs;
    input.rank = 2;
    for (int i = net->card->input.axes == CARD_PLANE; i < 3; i++)
        input.dim[input.rank++] = (int64_t)n[i];
    outputs = calloc(engine_output_count(net->engine) + 1, sizeof(*outputs));
    if (!outputs)
        return err_set(err, ERR_NOMEM, "outputs");
    turn(net, patch, net->turned, false);
    int r = engine_run(net->engine, inputs, outputs, err);
    const struct tensor *out = outputs[net->output];
    if (r == 0)
        r = check_answer(net, out, err);
    if (r == 0 && net->card->output.answer == CARD_LABELS)
        spread_classes(net, out, answer);
    for (size_t c = 0; r == 0 && net->card->output.answer != CARD_LABELS
                       && c < net->card->output.channels;
         c++)
        turn(net, (const float *)out->data + c * voxels, answer + c * voxels, true);
    free((void *)outputs);
    return r < 0 && err ? err_add(err, "model %s", net->card->name) : r;
}
