#include "pipeline/lib/card_draft.h"

#include "base/code.h"
#include "base/err.h"
#include "base/file.h"
#include "base/js.h"
#include "base/sha256.h"

#include <ctype.h>
#include <dirent.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { JSON_BYTES_MAX = 16 << 20, LABELS_MAX = 255, NAME_MAX_CHARS = 60 };

/* What labels are often called; anatomy unless it is abnormal. */
static const struct {
    const char *name, *code, *meaning;
    bool is_abnormal;
} KNOWN[] = {
    {"liver", "10200004", "Liver", false},
    {"spleen", "78961009", "Spleen", false},
    {"kidney", "64033007", "Kidney", false},
    {"pancreas", "15776009", "Pancreas", false},
    {"lung", "39607008", "Lung", false},
    {"heart", "80891009", "Heart", false},
    {"brain", "12738006", "Brain", false},
    {"aorta", "15825003", "Aorta", false},
    {"bone", "272673000", "Bone", false},
    {"gallbladder", "28231008", "Gallbladder", false},
    {"stomach", "69695003", "Stomach", false},
    {"bladder", "89837001", "Bladder", false},
    {"prostate", "41216001", "Prostate", false},
    {"esophagus", "32849002", "Esophagus", false},
    {"trachea", "44567001", "Trachea", false},
    {"duodenum", "38848004", "Duodenum", false},
    {"hippocampus", "5366008", "Hippocampus", false},
    {"vertebra", "51282000", "Vertebra", false},
    {"rib", "113197003", "Rib", false},
    {"tumor", "108369006", "Neoplasm", true},
    {"tumour", "108369006", "Neoplasm", true},
    {"nodule", "27925004", "Nodule", true},
    {"cyst", "367643001", "Cyst", true},
    {"edema", "79654002", "Edema", true},
};

struct draft {
    const char *folder;
    char name[41], version[17], weights[256], sha256[SHA256_HEX];
    char summary[200], use[1000], modality[17], directions[4], scale[16];
    double spacing[3], patch[3], clip_lo, clip_hi, mean, sd, accuracy;
    bool has_spacing, has_patch, is_plane, has_clip, has_accuracy;
    char labels[LABELS_MAX + 1][NAME_MAX_CHARS + 1]; // by channel; "": none
    size_t channels;
    FILE *to;
    size_t missing;
};

/* ---- what lies there ---- */

static bool ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);
    return n > m && strcasecmp(text + n - m, end) == 0;
}

static int find_weights(struct draft *d, struct err *err)
{
    size_t found = 0;
    DIR *dir = opendir(d->folder);
    if (!dir)
        return err_set(err, ERR_NOTFOUND, "%.150s is no folder that can be read",
                       d->folder);
    for (const struct dirent *e; (e = readdir(dir));) {
        if (!ends_with(e->d_name, ".onnx"))
            continue;
        found++;
        snprintf(d->weights, sizeof(d->weights), "%s", e->d_name);
    }
    closedir(dir);
    if (found != 1)
        return err_set(err, ERR_NOTFOUND, "%.150s: one .onnx file was expected, not %zu",
                       d->folder, found);
    char path[FILE_PATH];
    const int r = file_join(d->folder, d->weights, path, err);
    return r == 0 ? sha256_file(path, d->sha256, err) : r;
}

/** The JSON file of that name, or of configs/name; *ret NULL where there is none. */
static int read_json(const struct draft *d, const char *name, struct js **ret,
                     struct err *err)
{
    char path[FILE_PATH], other[80], *text = NULL;
    size_t size = 0;
    struct err why = {0};
    snprintf(other, sizeof(other), "configs/%s", name);
    int r = file_join(d->folder, name, path, err);
    if (r == 0)
        r = file_read(path, JSON_BYTES_MAX, &text, &size, &why);
    if (r == ERR_NOTFOUND) {
        r = file_join(d->folder, other, path, err);
        if (r == 0)
            r = file_read(path, JSON_BYTES_MAX, &text, &size, &why);
    }
    if (r == ERR_NOTFOUND)
        return 0;
    if (r < 0)
        return err_set(err, (enum err_code)r, "%s", why.text);
    r = js_parse(text, size, ret, &why);
    free(text);
    return r < 0 ? err_set(err, (enum err_code)r, "%.80s: %.120s", name, why.text) : 0;
}

/** A name of a card from any text: small letters, digits, _. */
static void make_name(const char *text, char ret[41])
{
    size_t n = 0;
    if (!isalpha((unsigned char)text[0]))
        n = (size_t)snprintf(ret, 41, "model_");
    for (; *text && n < 40; text++)
        ret[n++] =
            isalnum((unsigned char)*text) ? (char)tolower((unsigned char)*text) : '_';
    ret[n] = '\0';
}

/** Text that may stand between quotes. */
static void copy_text(const char *from, char *ret, size_t size)
{
    size_t n = 0;
    for (; *from && n + 1 < size; from++)
        ret[n++] =
            *from == '"' || *from == '\\' || (unsigned char)*from < ' ' ? ' ' : *from;
    ret[n] = '\0';
}

static void set_label(struct draft *d, size_t channel, const char *name)
{
    if (channel > LABELS_MAX)
        return;
    copy_text(name, d->labels[channel], sizeof(d->labels[0]));
    d->channels = channel + 1 > d->channels ? channel + 1 : d->channels;
}

/** {"0": "background", "1": "liver"}, or {"background": 0, "liver": 1}. */
static void take_labels(struct draft *d, const struct js *labels)
{
    for (size_t i = 0; js_key(labels, i); i++) {
        const char *key = js_key(labels, i), *text = js_get_string(labels, key);
        if (text[0])
            set_label(d, (size_t)strtoul(key, NULL, 10), text);
        else
            set_label(d, (size_t)js_get_int(labels, key), key);
    }
}

static bool take_row(const struct js *row, double ret[3], bool *ret_is_plane)
{
    const size_t n = js_count(row);
    if (n != 2 && n != 3)
        return false;
    for (size_t i = 0; i < n; i++)
        ret[3 - n + i] = js_number(js_at(row, i));
    *ret_is_plane = n == 2;
    return true;
}

/* ---- nnU-Net ---- */

static void take_dataset(struct draft *d, const struct js *dataset)
{
    const struct js *channels = js_get(dataset, "channel_names");
    if (!channels)
        channels = js_get(dataset, "modality");
    const char *first = js_get_string(channels, "0");
    if (strcasestr(first, "CT"))
        snprintf(d->modality, sizeof(d->modality), "CT");
    else if (first[0])
        snprintf(d->modality, sizeof(d->modality), "%s",
                 strcasestr(first, "PET") ? "PT" : "MR");
    take_labels(d, js_get(dataset, "labels"));
    if (js_get_string(dataset, "name")[0])
        make_name(js_get_string(dataset, "name"), d->name);
    copy_text(js_get_string(dataset, "description"), d->summary, sizeof(d->summary));
}

static void take_plans(struct draft *d, const struct js *plans)
{
    static const char *const KINDS[] = {"3d_fullres", "3d_lowres", "2d"};
    const struct js *all = js_get(plans, "configurations"), *found = NULL;
    for (size_t i = 0; !found && i < sizeof(KINDS) / sizeof(*KINDS); i++)
        found = js_get(all, KINDS[i]);
    bool is_plane = false;
    d->has_patch = take_row(js_get(found, "patch_size"), d->patch, &d->is_plane);
    d->has_spacing = take_row(js_get(found, "spacing"), d->spacing, &is_plane);
    const char *scheme = js_text(js_at(js_get(found, "normalization_schemes"), 0));
    const struct js *stats =
        js_get(js_get(plans, "foreground_intensity_properties_per_channel"), "0");
    if (strcmp(scheme, "CTNormalization") == 0 && stats) {
        snprintf(d->scale, sizeof(d->scale), "ct");
        d->clip_lo = js_get_real(stats, "percentile_00_5");
        d->clip_hi = js_get_real(stats, "percentile_99_5");
        d->mean = js_get_real(stats, "mean");
        d->sd = js_get_real(stats, "std");
        d->has_clip = true;
    } else if (strcmp(scheme, "ZScoreNormalization") == 0) {
        snprintf(d->scale, sizeof(d->scale), "zscore");
    } else if (strcmp(scheme, "NoNormalization") == 0) {
        snprintf(d->scale, sizeof(d->scale), "none");
    }
}

/* ---- MONAI ---- */

static void take_metadata(struct draft *d, const struct js *meta)
{
    const struct js *format = js_get(meta, "network_data_format");
    const struct js *in = js_get(js_get(format, "inputs"), "image");
    const struct js *out = js_get(js_get(format, "outputs"), "pred");
    make_name(js_get_string(meta, "name"), d->name);
    copy_text(js_get_string(meta, "version"), d->version, sizeof(d->version));
    copy_text(js_get_string(meta, "description"), d->summary, sizeof(d->summary));
    copy_text(js_get_string(meta, "intended_use"), d->use, sizeof(d->use));
    copy_text(js_get_string(in, "modality"), d->modality, sizeof(d->modality));
    if (strcasecmp(d->modality, "MRI") == 0)
        snprintf(d->modality, sizeof(d->modality), "MR");
    d->has_patch = take_row(js_get(in, "spatial_shape"), d->patch, &d->is_plane);
    take_labels(d, js_get(out, "channel_def"));
    const struct js *metrics = js_get(meta, "eval_metrics");
    if (js_get(metrics, "mean_dice")) {
        d->accuracy = js_get_real(metrics, "mean_dice");
        d->has_accuracy = true;
    }
}

/** What the transforms of a bundle's inference.json do to an image. */
static void take_inference(struct draft *d, const struct js *inference)
{
    const struct js *all = js_get(js_get(inference, "preprocessing"), "transforms");
    for (size_t i = 0; i < js_count(all); i++) {
        const struct js *t = js_at(all, i);
        const char *kind = js_get_string(t, "_target_");
        bool is_plane = false;
        if (strcmp(kind, "Spacingd") == 0) {
            d->has_spacing = take_row(js_get(t, "pixdim"), d->spacing, &is_plane);
        } else if (strcmp(kind, "Orientationd") == 0) {
            copy_text(js_get_string(t, "axcodes"), d->directions, sizeof(d->directions));
        } else if (strcmp(kind, "ScaleIntensityRanged") == 0
                   && js_get_real(t, "b_min") == 0.0 && js_get_real(t, "b_max") == 1.0) {
            snprintf(d->scale, sizeof(d->scale), "window");
            d->clip_lo = js_get_real(t, "a_min");
            d->clip_hi = js_get_real(t, "a_max");
            d->has_clip = true;
        } else if (strcmp(kind, "NormalizeIntensityd") == 0) {
            snprintf(d->scale, sizeof(d->scale), "zscore");
        }
    }
}

static int take_files(struct draft *d, struct err *err)
{
    static const struct {
        const char *name;
        void (*take_one)(struct draft *d, const struct js *js);
    } FILES[] = {{"dataset.json", take_dataset},
                 {"plans.json", take_plans},
                 {"metadata.json", take_metadata},
                 {"inference.json", take_inference}};
    int r = 0;
    for (size_t i = 0; r == 0 && i < sizeof(FILES) / sizeof(*FILES); i++) {
        auto_(js) struct js *js = NULL;
        r = read_json(d, FILES[i].name, &js, err);
        if (js)
            FILES[i].take_one(d, js);
    }
    return r;
}

/* ---- writing ---- */

__attribute__((format(printf, 3, 4))) static void put(struct draft *d, bool is_known,
                                                      const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fputs(is_known ? "    " : "    # must be given: ", d->to);
    vfprintf(d->to, fmt, args);
    fputc('\n', d->to);
    va_end(args);
    d->missing += !is_known;
}

static void put_row(struct draft *d, const char *key, bool is_known, const double row[3])
{
    if (d->is_plane)
        put(d, is_known, "%s = (%.9g, %.9g);", key, row[1], row[2]);
    else
        put(d, is_known, "%s = (%.9g, %.9g, %.9g);", key, row[0], row[1], row[2]);
}

static void put_identity(struct draft *d)
{
    const char *slash = strrchr(d->folder, '/');
    if (!d->name[0] || strcmp(d->name, "model_") == 0)
        make_name(slash && slash[1] ? slash + 1 : d->folder, d->name);
    fputs(
        "# Draft by hilum model check: read every line before it is used.\n\ncard = {\n",
        d->to);
    put(d, true, "name = \"%s\";", d->name);
    put(d, true, "version = \"%s\";", d->version[0] ? d->version : "1");
    put(d, true, "task = \"segmentation\";");
    put(d, true, "summary = \"%s\";", d->summary);
    put(d, true, "weights = \"%s\";", d->weights);
    put(d, true, "sha256 = \"%s\";", d->sha256);
    put(d, d->use[0] != '\0', "intended_use = \"%s\";", d->use);
    fputs("};\n\n", d->to);
}

static void put_input(struct draft *d)
{
    fputs("input = {\n", d->to);
    put(d, d->modality[0] != '\0', "modality = \"%s\";", d->modality);
    put(d, true, "layout = \"%s\";", d->is_plane ? "n1yx" : "n1zyx");
    if (d->directions[0] && !d->is_plane)
        put(d, true, "directions = \"%s\";", d->directions);
    put_row(d, "spacing_mm", d->has_spacing, d->spacing);
    put_row(d, "patch", d->has_patch, d->patch);
    put(d, d->scale[0] != '\0', "normalise = \"%s\";", d->scale);
    if (d->has_clip)
        put(d, true, "clip_lo = %.9g; clip_hi = %.9g;", d->clip_lo, d->clip_hi);
    if (strcmp(d->scale, "ct") == 0)
        put(d, true, "mean = %.9g; sd = %.9g;", d->mean, d->sd);
    if (strcmp(d->modality, "CT") == 0)
        put(d, true, "outside = -1024.0;");
    fputs("};\n\n", d->to);
    fputs("output = {\n", d->to);
    put(d, true, "kind = \"logits\";");
    put(d, d->channels > 1, "channels = %zu;", d->channels);
    fputs("};\n\n", d->to);
}

static void put_code(struct draft *d, const char *name)
{
    static const struct {
        const char *word, *code, *meaning;
    } SIDES[] = {{"left", "7771000", "Left"}, {"right", "24028007", "Right"}};
    for (size_t i = 0; i < sizeof(KNOWN) / sizeof(*KNOWN); i++) {
        if (!strcasestr(name, KNOWN[i].name))
            continue;
        put(d, true, "    category_code = \"%s\"; category_meaning = \"%s\";",
            KNOWN[i].is_abnormal ? "49755003" : "123037004",
            KNOWN[i].is_abnormal ? "Morphologically Abnormal Structure"
                                 : "Anatomical Structure");
        put(d, true, "    type_code = \"%s\"; type_meaning = \"%s\";", KNOWN[i].code,
            KNOWN[i].meaning);
        for (size_t k = 0; k < 2; k++) {
            if (strcasestr(name, SIDES[k].word))
                put(d, true, "    laterality_code = \"%s\"; laterality_meaning = \"%s\";",
                    SIDES[k].code, SIDES[k].meaning);
        }
        return;
    }
    put(d, true,
        "    category_code = \"123037004\"; "
        "category_meaning = \"Anatomical Structure\";");
    put(d, false, "    type_code = \"\"; type_meaning = \"\"; // SNOMED CT of %s", name);
}

static void put_labels(struct draft *d)
{
    bool is_first = true;
    fputs("labels = (\n", d->to);
    for (size_t c = 0; c < d->channels; c++) {
        if (!d->labels[c][0])
            continue;
        const bool is_background = strcasecmp(d->labels[c], "background") == 0;
        fprintf(d->to, "%s    {\n", is_first ? "" : ",\n");
        is_first = false;
        put(d, true, "    channel = %zu; class = %zu; name = \"%s\";", c, c,
            is_background ? "background" : d->labels[c]);
        if (!is_background)
            put_code(d, d->labels[c]);
        fputs("    }", d->to);
    }
    fputs("\n);\n", d->to);
    if (is_first)
        put(d, false, "labels: channel, name, codes of each");
    if (d->has_accuracy)
        fprintf(d->to,
                "\naccuracy = {\n    what = \"mean Dice, as the maker says\";\n"
                "    mean = %.6g;\n};\n",
                d->accuracy);
}

int card_draft(const char *folder, char **ret, size_t *ret_missing, struct err *err)
{
    struct draft *d = calloc(1, sizeof(*d));
    char *text = NULL;
    size_t size = 0;
    if (!d)
        return err_set(err, ERR_NOMEM, "a draft");
    d->folder = folder;
    int r = find_weights(d, err);
    if (r == 0)
        r = take_files(d, err);
    if (r == 0 && !(d->to = open_memstream(&text, &size)))
        r = err_set(err, ERR_NOMEM, "a draft");
    if (r == 0) {
        put_identity(d);
        put_input(d);
        put_labels(d);
        if (fclose(d->to) != 0)
            r = err_set(err, ERR_NOMEM, "a draft");
    }
    *ret_missing = d->missing;
    free(d);
    if (r < 0)
        free(text);
    else
        *ret = text;
    return r;
}
