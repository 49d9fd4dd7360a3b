#include "src/model_folder.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/grid.h"
#include "base/sha256.h"
#include "kernels/engine.h"
#include "pipeline/lib/card.h"
#include "pipeline/lib/card_draft.h"
#include "pipeline/segment/segment_net.h"
#include "src/model_calibrate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const ANSWERS[] = {"logits", "probabilities", "sigmoid", "labels"};

static void describe(const struct card *card)
{
    const struct card_input *in = &card->input;
    printf("%s %s: %s\n", card->name, card->version, card->summary);
    printf("  intended use  %s\n", card->intended_use);
    printf("  wants         %s, %zu slices or more\n", in->modality,
           card->series.slices_min);
    printf("  patch         %zu x %zu x %zu of %.3g x %.3g x %.3g mm (0: as it is)\n",
           in->patch[0], in->patch[1], in->patch[2], in->spacing_mm[0], in->spacing_mm[1],
           in->spacing_mm[2]);
    printf("  answers       %s of %zu channels, computed in %s\n",
           ANSWERS[card->output.answer], card->output.channels, card->precision);
    for (size_t i = 0; i < card->label_count; i++) {
        const struct card_label *label = &card->labels[i];
        if (!label->is_background)
            printf("  label         %s: %s (%s, %s)\n", label->name, label->type.meaning,
                   label->type.value, label->type.scheme);
    }
    if (card->accuracy[0])
        printf("  accuracy      %s\n", card->accuracy);
}

/** Whether the network answers a patch as the card says. */
static int try_patch(const struct card *card, int threads, struct err *err)
{
    auto_(grid) struct grid *grid = NULL;
    auto_(segment_net) struct segment_net *net = NULL;
    int r = grid_create(1, 1, 1, &grid, err);
    if (r < 0)
        return r;
    grid->orientation[0] = grid->orientation[4] = 1.0;
    r = segment_net_open(card, grid, threads, &net, err);
    if (r < 0)
        return r;
    const size_t *n = segment_net_patch(net), voxels = n[0] * n[1] * n[2];
    float *patch = calloc(voxels, sizeof(*patch));
    float *answer = calloc(voxels * segment_net_channels(net), sizeof(*answer));
    r = patch && answer ? 0 : err_set(err, ERR_NOMEM, "a patch");
    if (r == 0)
        r = segment_net_run(net, patch, answer, err);
    const double began_s = clock_s();
    if (r == 0)
        r = segment_net_run(net, patch, answer, err);
    if (r == 0)
        printf("  runs          %.3g s a patch\n", clock_s() - began_s);
    free(patch);
    free(answer);
    return r;
}

static int check_card(const char *path, int threads, struct err *err)
{
    auto_(card) struct card *card = NULL;
    int r = card_read(path, &card, err);
    if (r < 0)
        return r;
    describe(card);
    if (card->input.patch[1] > 0)
        return try_patch(card, threads, err);
    auto_(engine) struct engine *engine = NULL;
    r = card_open(card, threads, 0, &engine, err);
    if (r == 0)
        printf("  belongs to    %s, which runs it\n", card->analysis);
    return r;
}

static int draft(const char *folder, const char *path, bool is_writing, struct err *err)
{
    char *text = NULL;
    size_t missing = 0;
    int r = card_draft(folder, &text, &missing, err);
    if (r == 0 && is_writing)
        r = file_write(path, text, strlen(text), err);
    else if (r == 0)
        fputs(text, stdout);
    free(text);
    if (r == 0)
        r = err_set(err, ERR_NOTFOUND,
                    "%.120s: %s; %zu keys must be given, and all others read", folder,
                    is_writing ? "card.ucl is a draft" : "no card.ucl, this is a draft",
                    missing);
    return r;
}

int model_folder_check(const char *folder, bool is_writing, int threads, struct err *err)
{
    char path[FILE_PATH];
    int r = file_join(folder, "card.ucl", path, err);
    if (r < 0)
        return r;
    if (access(path, F_OK) != 0)
        return draft(folder, path, is_writing, err);
    if (is_writing)
        return err_set(err, ERR_CONFIG, "%.150s has a card: it is not written over",
                       folder);
    return check_card(path, threads, err);
}

/** Where the calibration of the card's weights goes: its name in the card's folder. */
static int calibration_name(const struct card *card, const char *out, char ret[FILE_PATH],
                            struct err *err)
{
    const char *slash = out ? strrchr(out, '/') : NULL;
    const size_t folder = strlen(card->folder);
    if (slash && (strncmp(out, card->folder, folder) != 0 || out + folder != slash))
        return err_set(err, ERR_CONFIG, "a card's calibration lies beside it: %.200s",
                       card->folder);
    if (out)
        return snprintf(ret, FILE_PATH, "%s", slash ? slash + 1 : out), 0;
    const char *dot = strrchr(card->weights, '.');
    const int stem = dot ? (int)(dot - card->weights) : (int)strlen(card->weights);
    return snprintf(ret, FILE_PATH, "%.*s.int8", stem, card->weights), 0;
}

/** Whether the weights are those of the card: nothing is calibrated that it does not mean. */
static int check_weights(const struct card *card, const char *path, struct err *err)
{
    char digest[SHA256_HEX];
    int r = sha256_file(path, digest, err);
    if (r == 0 && strcmp(digest, card->sha256) != 0)
        r = err_set(err, ERR_CONFIG,
                    "model %s: %.60s is not the file that the card means", card->name,
                    card->weights);
    return r;
}

int model_folder_calibrate(const struct model_calibrate *m, struct err *err)
{
    auto_(card) struct card *card = NULL;
    char path[FILE_PATH], weights[FILE_PATH], name[FILE_PATH], out[FILE_PATH];
    char digest[SHA256_HEX];
    int r = file_join(m->model, "card.ucl", path, err);
    if (r == 0)
        r = card_read(path, &card, err);
    if (r == 0)
        r = file_join(card->folder, card->weights, weights, err);
    if (r == 0)
        r = check_weights(card, weights, err);
    if (r == 0)
        r = calibration_name(card, m->out, name, err);
    if (r == 0)
        r = file_join(card->folder, name, out, err);
    struct model_calibrate request = *m;
    request.model = weights;
    request.out = out;
    if (r == 0)
        r = model_calibrate(&request, err);
    if (r == 0)
        r = sha256_file(out, digest, err);
    if (r == 0)
        printf("for %s:\n    precision = \"int8\";\n    calibrated = \"%s\";\n"
               "    calibrated_sha256 = \"%s\";\n",
               path, name, digest);
    return r;
}
