#include "pipeline/lib/card.h"

#include "base/err.h"
#include "base/sha256.h"
#include "kernels/engine.h"
#include "pipeline/lib/card_keys.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CARD_BYTES_MAX = 1 << 20 };

static const char *const TASKS[] = {"segmentation", "classification", NULL};
static const char *const LAYOUTS[] = {"n1yx", "n1zyx", NULL};
static const char *const ORIENTATIONS[] = {"any", "axial", "coronal", "sagittal", NULL};
static const char *const INTERPOLATIONS[] = {"nearest", "linear", "smooth", NULL};
static const char *const SCALES[] = {"none",   "window",     "ct",
                                     "zscore", "percentile", NULL};
static const char *const OVERS[] = {"series", "image", NULL};
static const char *const ANSWERS[] = {"logits", "probabilities", "sigmoid", "labels",
                                      NULL};
static const char *const EDGES[] = {"half", "inclusive", NULL};
static const char *const EMPTIES[] = {"ok", "refuse", NULL};
static const char *const PRECISIONS[] = {"f32", "bf16", "int8", NULL};

/* ---- errors ---- */

static int bad(const struct settings *s, const char *section, size_t i, const char *key,
               struct err *err, const char *what)
{
    char where[200];
    settings_where(s, section, i, key, where, sizeof(where));
    return err_set(err, ERR_CONFIG, "%.130s: %.110s", where, what);
}

/** Which of words the key says; they end with NULL. */
static int choose(const struct settings *s, const char *section, const char *key,
                  const char *const *words, int *ret, struct err *err)
{
    const char *said = settings_text(s, section, 0, key);
    char what[120] = "expected one of";
    for (int i = 0; words[i]; i++) {
        if (strcmp(words[i], said) == 0) {
            *ret = i;
            return 0;
        }
        const size_t n = strlen(what);
        snprintf(what + n, sizeof(what) - n, "%s %s", i ? "," : "", words[i]);
    }
    return bad(s, section, 0, key, err, what);
}

#define TEXT(section, key) settings_text(s, section, 0, key)
#define REAL(section, key) settings_real(s, section, 0, key)
#define SIZE(section, key) ((size_t)settings_int(s, section, 0, key))

/* ---- the parts ---- */

static int check_name(const struct settings *s, const char *name, struct err *err)
{
    bool is_good = islower((unsigned char)name[0]) != 0;
    for (const char *c = name; *c; c++)
        is_good &= islower((unsigned char)*c) || isdigit((unsigned char)*c) || *c == '_';
    return is_good
               ? 0
               : bad(s, "card", 0, "name", err,
                     "a small letter, then small letters, digits and _ were expected");
}

static int check_digest(const struct settings *s, const char *key, struct err *err)
{
    return strspn(TEXT("card", key), "0123456789abcdef") == 64
               ? 0
               : bad(s, "card", 0, key, err, "64 hexadecimal digits were expected");
}

/* A model's files lie beside its card, nowhere else. */
static int check_file(const struct settings *s, const char *key, struct err *err)
{
    const char *name = TEXT("card", key);
    return name[0] && name[0] != '.' && !strchr(name, '/')
               ? 0
               : bad(s, "card", 0, key, err,
                     "the name of a file beside the card was expected");
}

static int fill_identity(const struct settings *s, struct card *card, struct err *err)
{
    int task = 0, precision = 0;
    card->name = TEXT("card", "name");
    card->version = TEXT("card", "version");
    card->title = TEXT("card", "title")[0] ? TEXT("card", "title") : card->name;
    card->summary = TEXT("card", "summary");
    card->analysis = TEXT("card", "analysis");
    card->licence = TEXT("card", "licence");
    card->intended_use = TEXT("card", "intended_use");
    card->weights = TEXT("card", "weights");
    card->sha256 = TEXT("card", "sha256");
    card->precision = TEXT("card", "precision");
    card->calibrated = TEXT("card", "calibrated");
    card->calibrated_sha256 = TEXT("card", "calibrated_sha256");
    int r = check_name(s, card->name, err);
    if (r == 0 && card->version[0] == '\0')
        r = bad(s, "card", 0, "version", err, "a version was expected");
    if (r == 0)
        r = choose(s, "card", "task", TASKS, &task, err);
    if (r == 0)
        r = choose(s, "card", "precision", PRECISIONS, &precision, err);
    if (r == 0)
        r = check_file(s, "weights", err);
    if (r == 0)
        r = check_digest(s, "sha256", err);
    if (r == 0 && strcmp(card->precision, "int8") == 0 && card->calibrated[0] == '\0')
        r = bad(s, "card", 0, "calibrated", err, "int8 needs the calibrated file");
    if (r == 0 && card->calibrated[0]) {
        r = check_file(s, "calibrated", err);
        if (r == 0)
            r = check_digest(s, "calibrated_sha256", err);
    }
    card->task = (enum card_task)task;
    return r;
}

/** spacing_mm and patch as z, y, x: of a volume one or three numbers, of images one or two. */
static int fill_row(const struct settings *s, const char *key, enum card_axes axes,
                    double ret[3], struct err *err)
{
    const size_t count = settings_reals(s, "input", 0, key);
    const size_t want = axes == CARD_PLANE ? 2 : 3;
    if (count != 1 && count != want)
        return bad(s, "input", 0, key, err,
                   want == 2 ? "two numbers were expected: y, x"
                             : "three numbers were expected: z, y, x");
    for (size_t i = 0; i < 3; i++)
        ret[i] = settings_real_at(s, "input", 0, key,
                                  count == 1       ? 0
                                  : i + count >= 3 ? i + count - 3
                                                   : 0);
    return 0;
}

static int fill_patch(const struct settings *s, const struct card *card,
                      struct card_input *in, struct err *err)
{
    double patch[3];
    int r = fill_row(s, "patch", in->axes, patch, err);
    for (int i = in->axes == CARD_PLANE; r == 0 && i < 3; i++) {
        if (patch[i] != nearbyint(patch[i])
            || fmod(patch[i], (double)in->multiple_of) != 0.0)
            r = bad(s, "input", 0, "patch", err,
                    "whole multiples of multiple_of were expected");
        else if (patch[i] < 1 && card->analysis[0] == '\0')
            r = bad(s, "input", 0, "patch", err, "must be given");
        in->patch[i] = (size_t)patch[i];
    }
    if (in->axes == CARD_PLANE)
        in->patch[0] = 1;
    if (r == 0 && in->patch[0] * in->patch[1] * in->patch[2] > (size_t)1 << 28)
        r = bad(s, "input", 0, "patch", err, "more than 268435456 voxels");
    return r;
}

/** Three letters, one of each pair. */
static int check_directions(const struct settings *s, const char *said, struct err *err)
{
    int seen = 0;
    for (const char *c = said; *c; c++)
        seen += strchr("RL", *c)   ? 1
                : strchr("AP", *c) ? 16
                : strchr("IS", *c) ? 256
                                   : 4096;
    return said[0] == '\0' || seen == 273
               ? 0
               : bad(s, "input", 0, "directions", err,
                     "one of R L, one of A P and one of I S were expected, as \"SPL\"");
}

static int fill_scale(const struct settings *s, struct card_input *in, struct err *err)
{
    int scale = 0, over = 0;
    in->clip_lo = REAL("input", "clip_lo");
    in->clip_hi = REAL("input", "clip_hi");
    in->mean = REAL("input", "mean");
    in->sd = REAL("input", "sd");
    in->lo_percentile = REAL("input", "lo_percentile");
    in->hi_percentile = REAL("input", "hi_percentile");
    int r = choose(s, "input", "normalise", SCALES, &scale, err);
    if (r == 0)
        r = choose(s, "input", "normalise_over", OVERS, &over, err);
    in->scale = (enum card_scale)scale;
    in->scale_by_image = over == 1;
    if (r == 0 && in->clip_lo >= in->clip_hi)
        r = bad(s, "input", 0, "clip_hi", err, "more than clip_lo was expected");
    if (r == 0 && in->scale == CARD_WINDOW && (in->clip_lo <= -1e9 || in->clip_hi >= 1e9))
        r = bad(s, "input", 0, "clip_lo", err,
                "normalise = \"window\" needs clip_lo and clip_hi");
    if (r == 0 && in->lo_percentile >= in->hi_percentile)
        r = bad(s, "input", 0, "hi_percentile", err,
                "more than lo_percentile was expected");
    return r;
}

static int fill_input(const struct settings *s, struct card *card, struct err *err)
{
    struct card_input *in = &card->input;
    int axes = 0, orientation = 0, interpolation = 0;
    in->name = TEXT("input", "name");
    in->modality = TEXT("input", "modality");
    in->orientation = TEXT("input", "orientation");
    in->directions = TEXT("input", "directions");
    in->size = SIZE("input", "size");
    in->wide_size = SIZE("input", "wide_size");
    in->multiple_of = SIZE("input", "multiple_of");
    in->overlap = REAL("input", "overlap");
    in->flips = settings_bool(s, "input", 0, "flips");
    in->outside = REAL("input", "outside");
    in->padding = REAL("input", "padding");
    int r = in->modality[0] ? 0 : bad(s, "input", 0, "modality", err, "must be given");
    if (r == 0 && SIZE("input", "channels") > 1)
        r = bad(s, "input", 0, "channels", err,
                "a model of several series cannot be run yet: 1 was expected");
    if (r == 0)
        r = choose(s, "input", "layout", LAYOUTS, &axes, err);
    if (r == 0)
        r = choose(s, "input", "orientation", ORIENTATIONS, &orientation, err);
    if (r == 0)
        r = choose(s, "input", "interpolation", INTERPOLATIONS, &interpolation, err);
    if (r == 0)
        r = check_directions(s, in->directions, err);
    in->axes = (enum card_axes)axes;
    in->interpolation = (enum card_interpolation)interpolation;
    if (r == 0 && in->axes == CARD_PLANE && in->directions[0])
        r = bad(s, "input", 0, "directions", err, "only a volume has them (n1zyx)");
    if (r == 0)
        r = fill_row(s, "spacing_mm", in->axes, in->spacing_mm, err);
    if (in->axes == CARD_PLANE)
        in->spacing_mm[0] = 0.0; // images are taken as they lie
    if (r == 0)
        r = fill_patch(s, card, in, err);
    return r == 0 ? fill_scale(s, in, err) : r;
}

static int fill_series(const struct settings *s, struct card *card, struct err *err)
{
    struct card_series *series = &card->series;
    series->body_parts = settings_names(s, "series", 0, "body_parts");
    series->description = TEXT("series", "description");
    series->slices_min = SIZE("series", "slices_min");
    series->extent_min_mm = REAL("series", "extent_min_mm");
    series->slice_max_mm = REAL("series", "slice_max_mm");
    series->pixel_max_mm = REAL("series", "pixel_max_mm");
    series->value_lo = REAL("series", "value_lo");
    series->value_hi = REAL("series", "value_hi");
    return series->value_lo < series->value_hi
               ? 0
               : bad(s, "series", 0, "value_hi", err, "more than value_lo was expected");
}

static int fill_output(const struct settings *s, struct card *card, struct err *err)
{
    struct card_output *out = &card->output;
    int answer = 0, edge = 0, empty = 0;
    out->name = TEXT("output", "name");
    out->channels = SIZE("output", "channels");
    out->threshold = REAL("output", "threshold");
    int r = choose(s, "output", "kind", ANSWERS, &answer, err);
    if (r == 0)
        r = choose(s, "output", "edge", EDGES, &edge, err);
    if (r == 0)
        r = choose(s, "output", "empty", EMPTIES, &empty, err);
    out->answer = (enum card_answer)answer;
    out->edge = (enum card_edge)edge;
    out->is_empty_refused = empty == 1;
    if (r == 0 && out->answer == CARD_LOGITS && out->channels < 2)
        r = bad(s, "output", 0, "channels", err,
                "logits have two or more; of one channel kind is \"sigmoid\"");
    return r;
}

/* ---- labels ---- */

/** The code of key_code, key_scheme, key_meaning; all or nothing. */
static int fill_code(const struct settings *s, const char *section, size_t i,
                     const char *name, struct code *ret, struct err *err)
{
    char code[40], scheme[40], meaning[40];
    snprintf(code, sizeof(code), "%s_code", name);
    snprintf(scheme, sizeof(scheme), "%s_scheme", name);
    snprintf(meaning, sizeof(meaning), "%s_meaning", name);
    const struct code said = {settings_text(s, section, i, code),
                              settings_text(s, section, i, scheme),
                              settings_text(s, section, i, meaning)};
    if (said.value[0] == '\0' && said.meaning[0] == '\0')
        return 0;
    if (said.value[0] == '\0')
        return bad(s, section, i, code, err, "a code was expected with its meaning");
    if (said.scheme[0] == '\0')
        return bad(s, section, i, scheme, err, "a scheme was expected: SCT, DCM, LN");
    if (said.meaning[0] == '\0')
        return bad(s, section, i, meaning, err, "the meaning of the code was expected");
    *ret = said;
    return 0;
}

static int fill_colour(const struct settings *s, size_t i, struct card_label *label,
                       struct err *err)
{
    static const char *const COLOURS[] = {"#dc143c", "#1e90ff", "#32cd32", "#ffd700",
                                          "#ff8c00", "#9370db", "#00ced1", "#ff69b4"};
    const char *said = settings_text(s, "labels", i, "colour");
    if (said[0] == '\0')
        said = COLOURS[i % 8];
    if (said[0] != '#' || strspn(said + 1, "0123456789abcdefABCDEF") != 6)
        return bad(s, "labels", i, "colour", err, "#rrggbb was expected");
    const unsigned long rgb = strtoul(said + 1, NULL, 16);
    for (int k = 0; k < 3; k++)
        label->rgb[k] = (uint8_t)(rgb >> (16 - 8 * k));
    return 0;
}

static int check_label(const struct settings *s, const struct card *card, size_t i,
                       struct err *err)
{
    const struct card_label *label = &card->labels[i];
    const bool is_class = card->output.answer == CARD_LABELS;
    if (!is_class && label->channel >= card->output.channels)
        return bad(s, "labels", i, "channel", err,
                   "less than output.channels was expected");
    for (size_t k = 0; k < i; k++) {
        const struct card_label *other = &card->labels[k];
        if (strcmp(other->name, label->name) == 0)
            return bad(s, "labels", i, "name", err, "a second label of that name");
        if (is_class ? other->value == label->value : other->channel == label->channel)
            return bad(s, "labels", i, is_class ? "class" : "channel", err,
                       "a second label of the same");
    }
    if (!label->is_background && !label->type.value)
        return bad(s, "labels", i, "type_code", err,
                   "what is segmented needs a code; see docs/adding-a-model.md");
    if (!label->is_background && !label->category.value)
        return bad(s, "labels", i, "category_code", err,
                   "expected as 123037004 SCT Anatomical Structure");
    if (label->volume_max_ml > 0 && label->volume_max_ml <= label->volume_min_ml)
        return bad(s, "labels", i, "volume_max_ml", err,
                   "more than volume_min_ml was expected");
    return 0;
}

/** "LV cavity": "lv_cavity_volume". */
static void name_volume(struct card_label *label)
{
    snprintf(label->volume_label, sizeof(label->volume_label), "Volume of %.60s",
             label->name);
    snprintf(label->volume_name, sizeof(label->volume_name), "%.60s_volume", label->name);
    for (char *c = label->volume_name; *c; c++)
        *c = isalnum((unsigned char)*c) ? (char)tolower((unsigned char)*c) : '_';
}

static int fill_label(const struct settings *s, struct card *card, size_t i,
                      struct err *err)
{
    struct card_label *label = &card->labels[i];
    label->name = label->label = settings_text(s, "labels", i, "name");
    label->channel = (size_t)settings_int(s, "labels", i, "channel");
    label->value = (size_t)settings_int(s, "labels", i, "class");
    name_volume(label);
    label->is_background = strcmp(label->name, "background") == 0;
    label->volume_min_ml = settings_real(s, "labels", i, "volume_min_ml");
    label->volume_max_ml = settings_real(s, "labels", i, "volume_max_ml");
    label->part_min_ml = settings_real(s, "labels", i, "part_min_ml");
    label->largest_only = settings_bool(s, "labels", i, "largest_only");
    label->may_touch_border = settings_bool(s, "labels", i, "border");
    int r = label->name[0] ? 0 : bad(s, "labels", i, "name", err, "a name was expected");
    if (r == 0)
        r = fill_code(s, "labels", i, "category", &label->category, err);
    if (r == 0)
        r = fill_code(s, "labels", i, "type", &label->type, err);
    if (r == 0)
        r = fill_code(s, "labels", i, "anatomy", &label->anatomy, err);
    if (r == 0)
        r = fill_code(s, "labels", i, "laterality", &label->laterality, err);
    if (r == 0)
        r = fill_colour(s, i, label, err);
    return r == 0 ? check_label(s, card, i, err) : r;
}

static int fill_labels(const struct settings *s, struct card *card, struct err *err)
{
    size_t reported = 0;
    card->label_count = settings_count(s, "labels");
    if (card->label_count > 255)
        return bad(s, "labels", 255, "name", err, "at most 255 labels were expected");
    card->labels = calloc(card->label_count + 1, sizeof(*card->labels));
    if (!card->labels)
        return err_set(err, ERR_NOMEM, "the labels of a card");
    int r = 0;
    for (size_t i = 0; r == 0 && i < card->label_count; i++) {
        r = fill_label(s, card, i, err);
        reported += !card->labels[i].is_background;
    }
    if (r == 0 && reported == 0)
        r = bad(s, "card", 0, "name", err, "a label besides background was expected");
    return r;
}

static int fill_report(const struct settings *s, struct card *card, struct err *err)
{
    int r = fill_code(s, "report", 0, "procedure", &card->procedure, err);
    if (r == 0)
        r = fill_code(s, "report", 0, "region", &card->region, err);
    if (r == 0)
        r = fill_code(s, "report", 0, "site", &card->site, err);
    card->accuracy = TEXT("accuracy", "what");
    card->accuracy_mean = REAL("accuracy", "mean");
    card->accuracy_worst = REAL("accuracy", "worst");
    card->accuracy_patients = SIZE("accuracy", "patients");
    return r;
}

/* ---- the whole ---- */

static int fill(struct card *card, struct err *err)
{
    const struct settings *s = card->settings;
    if (settings_text(s, "card", 0, "name")[0] == '\0')
        return bad(s, "card", 0, "name", err, "must be given");
    int r = fill_identity(s, card, err);
    if (r == 0)
        r = fill_input(s, card, err);
    if (r == 0)
        r = fill_series(s, card, err);
    if (r == 0)
        r = fill_output(s, card, err);
    if (r == 0)
        r = fill_labels(s, card, err);
    return r == 0 ? fill_report(s, card, err) : r;
}

static int make(const char *text, const char *folder, const char *path, struct card **ret,
                struct err *err)
{
    auto_(card) struct card *card = calloc(1, sizeof(*card));
    if (!card)
        return err_set(err, ERR_NOMEM, "a card");
    snprintf(card->folder, sizeof(card->folder), "%s", folder);
    snprintf(card->path, sizeof(card->path), "%s", path);
    // Of a long path errors show the end, which names the model.
    const size_t n = strlen(path);
    int r = settings_parse(text, n > 70 ? path + n - 70 : path, CARD_SECTIONS,
                           &card->settings, err);
    if (r == 0)
        r = fill(card, err);
    if (r == 0)
        *ret = take(card);
    return r;
}

int card_parse(const char *text, const char *folder, struct card **ret, struct err *err)
{
    return make(text, folder, "card.ucl", ret, err);
}

int card_read(const char *path, struct card **ret, struct err *err)
{
    char folder[FILE_PATH];
    const char *slash = strrchr(path, '/');
    if (strlen(path) >= FILE_PATH)
        return err_set(err, ERR_LIMIT, "the card's path is too long");
    snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path) : 1,
             slash ? path : ".");
    char *text = NULL;
    size_t size = 0;
    int r = file_read(path, CARD_BYTES_MAX, &text, &size, err);
    if (r < 0)
        return r;
    // Only what stands in the card counts: another file is none of its business.
    if (strlen(text) != size || strstr(text, "@include"))
        r = err_set(err, ERR_CONFIG, "%.200s: a NUL or an @include in the text", path);
    else
        r = make(text, folder, path, ret, err);
    free(text);
    return r;
}

int card_find(const char *const *folders, size_t folder_count, const char *name,
              struct card **ret, struct err *err)
{
    for (size_t i = 0; i < folder_count; i++) {
        char file[100], path[FILE_PATH];
        snprintf(file, sizeof(file), "%.60s/card.ucl", name);
        int r = file_join(folders[i], file, path, err);
        if (r == 0)
            r = card_read(path, ret, err);
        if (r != ERR_NOTFOUND)
            return r;
    }
    return err_set(err, ERR_NOTFOUND, "no model %.60s in the folders of models", name);
}

void card_destroy(struct card *card)
{
    if (!card)
        return;
    settings_destroy(card->settings);
    free(card->labels);
    free(card);
}

const char *card_body_part(const struct card *card, size_t i)
{
    return settings_name(card->settings, "series", 0, "body_parts", i);
}

/* ---- the weights ---- */

/** The file of the card, if it is the one that the card means. */
static int find_file(const struct card *card, const char *file, const char *said,
                     char path[FILE_PATH], struct err *err)
{
    char digest[SHA256_HEX];
    int r = file_join(card->folder, file, path, err);
    if (r == 0)
        r = sha256_file(path, digest, err);
    if (r < 0)
        return err ? err_add(err, "model %s", card->name) : r;
    if (strcmp(digest, said) != 0)
        return err_set(
            err, ERR_CONFIG,
            "model %s: %.60s is not the file that the card means: its digest is "
            "%.16s..., not %.16s...",
            card->name, file, digest, said);
    return 0;
}

int card_open(const struct card *card, int threads, size_t memory_bytes,
              struct engine **ret, struct err *err)
{
    const bool is_int8 = strcmp(card->precision, "int8") == 0;
    char path[FILE_PATH];
    int r = find_file(card, card->weights, card->sha256, path, err);
    if (r == 0 && is_int8)
        r = find_file(card, card->calibrated, card->calibrated_sha256, path, err);
    if (r < 0)
        return r;
    const struct engine_options options = {
        .precision = card->precision, .threads = threads, .memory_bytes = memory_bytes};
    r = engine_open(path, &options, ret, err);
    return r < 0 && err ? err_add(err, "model %s", card->name) : r;
}
