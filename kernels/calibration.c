#include "kernels/calibration.h"

#include "base/err.h"
#include "base/file.h"
#include "base/settings.h"
#include "kernels/graph.h"
#include "kernels/ops/op.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_BYTES = 400 };

static const char *const METHODS[RANGE_METHODS] = {"minmax", "percentile", "kl", "mse"};

static const struct settings_key CALIBRATION_KEYS[] = {
    {"version", SETTINGS_INT, NULL, 0, CALIBRATION_VERSION, CALIBRATION_VERSION, "",
     "version of this format"},
    {"model", SETTINGS_TEXT, NULL, 0, 0, 255, "", "ONNX file in the same folder"},
    {"digest", SETTINGS_TEXT, NULL, 0, 0, 64, "", "SHA-256 of operators and weights"},
    {"metric", SETTINGS_TEXT, NULL, 0, 0, 80, "", "what bound and reached are of"},
    {"bound", SETTINGS_REAL, NULL, 0, 0, 1e9, "", "what was asked for"},
    {"reached", SETTINGS_REAL, NULL, 0, 0, 1e9, "", "what the judges found"},
    {"samples", SETTINGS_INT, NULL, 0, 0, 1e9, "", "samples that calibrated"},
    {"judges", SETTINGS_INT, NULL, 0, 0, 1e9, "", "samples that judged"},
    {0},
};
static const struct settings_key VALUE_KEYS[] = {
    {"name", SETTINGS_TEXT, NULL, 0, 0, NAME_MAX_BYTES, "", "of the value"},
    {"lo", SETTINGS_REAL, NULL, 0, -3e38, 3e38, "", "least number"},
    {"hi", SETTINGS_REAL, NULL, 0, -3e38, 3e38, "", "largest number"},
    {"method", SETTINGS_TEXT, NULL, 0, 0, 20, "", "how it was chosen"},
    {0},
};
static const struct settings_key KEPT_KEYS[] = {
    {"name", SETTINGS_TEXT, NULL, 0, 0, NAME_MAX_BYTES, "", "of the step's result"},
    {0},
};
static const struct settings_section SECTIONS[] = {
    {"calibration", false, CALIBRATION_KEYS},
    {"values", true, VALUE_KEYS},
    {"kept", true, KEPT_KEYS},
    {0},
};

const char *range_method_name(enum range_method method)
{
    return METHODS[method];
}

int calibration_create(struct calibration **ret, struct err *err)
{
    struct calibration *c = calloc(1, sizeof(*c));
    if (!c)
        return err_set(err, ERR_NOMEM, "a calibration");
    *ret = c;
    return 0;
}

void calibration_destroy(struct calibration *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->value_count; i++)
        free(c->values[i].name);
    while (c->kept_count > 0)
        calibration_keep_less(c);
    free(c->values);
    free(c->kept);
    free(c->model);
    free(c->metric);
    free(c);
}

struct calibrated_value *calibration_find(const struct calibration *c, const char *name)
{
    for (size_t i = 0; i < c->value_count; i++) {
        if (strcmp(c->values[i].name, name) == 0)
            return &c->values[i];
    }
    return NULL;
}

int calibration_add(struct calibration *c, const char *name, double lo, double hi,
                    struct err *err)
{
    char *copy = strdup(name);
    struct calibrated_value *values =
        copy ? realloc(c->values, (c->value_count + 1) * sizeof(*values)) : NULL;
    if (!values) {
        free(copy);
        return err_set(err, ERR_NOMEM, "a range");
    }
    c->values = values;
    values[c->value_count++] =
        (struct calibrated_value){.name = copy, .lo = lo, .hi = hi};
    return 0;
}

bool calibration_keeps(const struct calibration *c, const char *name)
{
    for (size_t i = 0; i < c->kept_count; i++) {
        if (strcmp(c->kept[i], name) == 0)
            return true;
    }
    return false;
}

int calibration_keep(struct calibration *c, const char *name, struct err *err)
{
    char *copy = strdup(name);
    char **kept = copy ? realloc(c->kept, (c->kept_count + 1) * sizeof(*kept)) : NULL;
    if (!kept) {
        free(copy);
        return err_set(err, ERR_NOMEM, "a name");
    }
    c->kept = kept;
    kept[c->kept_count++] = copy;
    return 0;
}

void calibration_keep_less(struct calibration *c)
{
    free(c->kept[--c->kept_count]);
}

/* Reading */

/** The checksum line holds the digest of all before it. */
static int check_sum(const char *text, size_t size, const char *name, size_t *ret_size,
                     struct err *err)
{
    static const char WORD[] = "# sha256 ";
    char found[SHA256_HEX];
    const size_t tail = sizeof(WORD) - 1 + SHA256_HEX; // with its newline
    if (size < tail || strlen(text) != size || text[size - 1] != '\n'
        || memcmp(text + size - tail, WORD, sizeof(WORD) - 1) != 0)
        return err_set(err, ERR_FORMAT, "%.100s: does not end with its checksum", name);
    sha256_hex(text, size - tail, found);
    if (memcmp(found, text + size - SHA256_HEX, SHA256_HEX - 1) != 0)
        return err_set(err, ERR_FORMAT, "%.100s: its checksum is wrong: it was changed",
                       name);
    *ret_size = size - tail;
    return 0;
}

static bool is_digest(const char *text)
{
    return strlen(text) == SHA256_HEX - 1
           && strspn(text, "0123456789abcdef") == SHA256_HEX - 1;
}

static int copy_head(struct calibration *c, const struct settings *s, const char *name,
                     struct err *err)
{
    static const char HEAD[] = "calibration";
    const char *digest = settings_text(s, HEAD, 0, "digest");
    c->model = strdup(settings_text(s, HEAD, 0, "model"));
    c->metric = strdup(settings_text(s, HEAD, 0, "metric"));
    if (!c->model || !c->metric)
        return err_set(err, ERR_NOMEM, "a calibration");
    if (!is_digest(digest))
        return err_set(err, ERR_FORMAT, "%.100s: its digest is none", name);
    // A file beside it, not one anywhere.
    if (!*c->model || strchr(c->model, '/') || c->model[0] == '.')
        return err_set(err, ERR_FORMAT, "%.100s: model '%.80s' is no file beside it",
                       name, c->model);
    memcpy(c->digest, digest, SHA256_HEX);
    c->bound = settings_real(s, HEAD, 0, "bound");
    c->reached = settings_real(s, HEAD, 0, "reached");
    c->samples = settings_int(s, HEAD, 0, "samples");
    c->judges = settings_int(s, HEAD, 0, "judges");
    return 0;
}

static int copy_values(struct calibration *c, const struct settings *s, const char *name,
                       struct err *err)
{
    const size_t count = settings_count(s, "values");
    for (size_t i = 0; i < count; i++) {
        const double lo = settings_real(s, "values", i, "lo"),
                     hi = settings_real(s, "values", i, "hi");
        const char *method = settings_text(s, "values", i, "method");
        enum range_method m = RANGE_MINMAX;
        while (m < RANGE_METHODS && strcmp(METHODS[m], method) != 0)
            m++;
        if (m == RANGE_METHODS || !(lo <= hi))
            return err_set(err, ERR_FORMAT, "%.100s: the range of '%.80s'", name,
                           settings_text(s, "values", i, "name"));
        const int e =
            calibration_add(c, settings_text(s, "values", i, "name"), lo, hi, err);
        if (e != 0)
            return e;
        c->values[i].method = m;
    }
    return 0;
}

int calibration_parse(const char *text, size_t size, const char *name,
                      struct calibration **ret, struct err *err)
{
    auto_(calibration) struct calibration *c = NULL;
    auto_(settings) struct settings *s = NULL;
    size_t body;
    int e = check_sum(text, size, name, &body, err);
    // It is one file: what it says is all there is to check.
    if (e == 0 && strstr(text, "@include"))
        e = err_set(err, ERR_FORMAT, "%.100s: includes another file", name);
    if (e == 0)
        e = settings_parse(text, name, SECTIONS, &s, err);
    if (e == 0)
        e = calibration_create(&c, err);
    if (e == 0)
        e = copy_head(c, s, name, err);
    if (e == 0)
        e = copy_values(c, s, name, err);
    for (size_t i = 0; e == 0 && i < settings_count(s, "kept"); i++)
        e = calibration_keep(c, settings_text(s, "kept", i, "name"), err);
    if (e == 0)
        *ret = take(c);
    return e;
}

int calibration_read(const char *path, struct calibration **ret, struct err *err)
{
    char *text = NULL;
    size_t size;
    int e = file_read(path, CALIBRATION_BYTES_MAX, &text, &size, err);
    if (e == 0)
        e = calibration_parse(text, size, path, ret, err);
    free(text);
    return e;
}

/* Writing */

/** A text in quotes; false: it holds what the format has no words for. */
static bool put_text(FILE *to, const char *text)
{
    fputc('"', to);
    for (const char *c = text; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return false;
        if (*c == '"' || *c == '\\')
            fputc('\\', to);
        fputc(*c, to);
    }
    fputc('"', to);
    return true;
}

static bool put_head(FILE *to, const struct calibration *c)
{
    fprintf(to,
            "# 8-bit calibration of a network, made by hilum model calibrate.\n"
            "calibration = {\n    version = %d;\n    model = ",
            CALIBRATION_VERSION);
    bool good = put_text(to, c->model);
    fprintf(to, ";\n    digest = \"%s\";\n    metric = ", c->digest);
    good = put_text(to, c->metric) && good;
    fprintf(to,
            ";\n    bound = %#.9g;\n    reached = %#.9g;\n    samples = %ld;\n"
            "    judges = %ld;\n};\n",
            c->bound, c->reached, c->samples, c->judges);
    return good;
}

static bool put_all(FILE *to, const struct calibration *c)
{
    bool good = put_head(to, c);
    fputs("values = (", to);
    for (size_t i = 0; i < c->value_count; i++) {
        const struct calibrated_value *v = &c->values[i];
        fputs(i > 0 ? ",\n    { name = " : "\n    { name = ", to);
        good = put_text(to, v->name) && good;
        fprintf(to, "; lo = %#.9g; hi = %#.9g; method = \"%s\"; }", v->lo, v->hi,
                METHODS[v->method]);
    }
    fputs("\n);\nkept = (", to);
    for (size_t i = 0; i < c->kept_count; i++) {
        fputs(i > 0 ? ",\n    { name = " : "\n    { name = ", to);
        good = put_text(to, c->kept[i]) && good;
        fputs("; }", to);
    }
    fputs("\n);\n", to);
    return good;
}

int calibration_write(const struct calibration *c, const char *path, struct err *err)
{
    char *text = NULL, sum[SHA256_HEX];
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    if (!to)
        return err_set(err, ERR_NOMEM, "a calibration");
    const bool good = put_all(to, c);
    fflush(to);
    sha256_hex(text, size, sum);
    fprintf(to, "# sha256 %s\n", sum);
    int e = fclose(to) == 0 ? 0 : err_set(err, ERR_NOMEM, "a calibration");
    if (e == 0 && !good)
        e = err_set(err, ERR_UNSUPPORTED, "a name holds control characters");
    if (e == 0)
        e = file_write(path, text, size, err);
    free(text);
    return e;
}

/* The network */

static void put_attr(FILE *to, const struct attr *a)
{
    fprintf(to, " %s=%d:%lld:%a:%s", a->name, (int)a->type, (long long)a->i, (double)a->f,
            a->type == ATTR_STRING ? a->s : "");
    for (size_t i = 0; a->type == ATTR_INTS && i < a->count; i++)
        fprintf(to, ",%lld", (long long)a->ints[i]);
    for (size_t i = 0; a->type == ATTR_FLOATS && i < a->count; i++)
        fprintf(to, ",%a", (double)a->floats[i]);
}

static void put_node(FILE *to, const struct graph *graph, const struct node *node)
{
    fprintf(to, "%s.%s.%d", node->op->domain, node->op->name, node->opset);
    for (size_t i = 0; i < node->attr_count; i++)
        put_attr(to, &node->attrs[i]);
    for (size_t i = 0; i < node->in_count; i++)
        fprintf(to, " %s", node->in[i] < 0 ? "" : graph->values[node->in[i]].name);
    for (size_t i = 0; i < node->out_count; i++)
        fprintf(to, " >%s", node->out[i] < 0 ? "" : graph->values[node->out[i]].name);
    fputc('\n', to);
}

int calibration_digest(const struct graph *graph, char ret[SHA256_HEX], struct err *err)
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    if (!to)
        return err_set(err, ERR_NOMEM, "a digest");
    for (size_t i = 0; i < graph->value_count; i++) {
        const struct tensor *t = graph->values[i].constant;
        char digest[SHA256_HEX], shape[160];
        if (!t)
            continue;
        tensor_describe(t, shape, sizeof(shape));
        sha256_hex(t->data ? t->data : "", t->data ? tensor_bytes(t) : 0, digest);
        fprintf(to, "%s %s %s\n", graph->values[i].name, shape, digest);
    }
    for (size_t n = 0; n < graph->node_count; n++) {
        if (graph->nodes[n].op)
            put_node(to, graph, &graph->nodes[n]);
    }
    if (fclose(to) != 0) {
        free(text);
        return err_set(err, ERR_NOMEM, "a digest");
    }
    sha256_hex(text, size, ret);
    free(text);
    return 0;
}
