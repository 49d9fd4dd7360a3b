#include "src/model_calibrate.h"

#include "base/err.h"
#include "base/file.h"
#include "kernels/calibrate.h"
#include "kernels/engine.h"
#include "src/array.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { JUDGE_EVERY = 4 };

/** Paths of samples, those that judge behind the others. */
struct samples {
    struct engine *engine; // knows the inputs' names
    char **path;
    size_t count, judges, max_bytes;
    struct tensor *inputs;
    const struct tensor **ports;
    bool is_terminal;
};

static void forget_inputs(struct samples *s)
{
    for (size_t i = 0; s->inputs && i < engine_input_count(s->engine); i++)
        tensor_finish(&s->inputs[i]);
}

/** A folder holds one file an input, a file is the only input. */
static int read_sample(void *ctx, size_t at, const struct tensor ***ret, struct err *err)
{
    struct samples *s = ctx;
    struct stat st;
    const bool folder = stat(s->path[at], &st) == 0 && S_ISDIR(st.st_mode);
    const size_t count = engine_input_count(s->engine);
    int e = 0;
    forget_inputs(s);
    if (!folder && count != 1)
        return err_set(err, ERR_FORMAT, "the model has %zu inputs: %.80s is one file",
                       count, s->path[at]);
    for (size_t i = 0; e == 0 && i < count; i++) {
        char path[FILE_PATH], name[300];
        snprintf(name, sizeof(name), "%.280s.npy", engine_input_name(s->engine, i));
        e = folder ? file_join(s->path[at], name, path, err) : 0;
        if (e == 0)
            e = array_read(folder ? path : s->path[at], s->max_bytes, &s->inputs[i], err);
        s->ports[i] = &s->inputs[i];
    }
    *ret = s->ports;
    return e;
}

/** One line that is written over on a terminal; a log gets every line. */
static void tell(void *ctx, const char *text)
{
    const struct samples *s = ctx;
    fprintf(stderr, s->is_terminal ? "\r\033[K%.150s" : "%s\n", text);
    fflush(stderr);
}

static int is_sample(const struct dirent *entry)
{
    const size_t n = strlen(entry->d_name);
    return entry->d_name[0] != '.'
           && (entry->d_type == DT_DIR
               || (n > 4 && strcmp(entry->d_name + n - 4, ".npy") == 0));
}

/** Append the samples in a folder, in the order of their names. */
static int list_samples(struct samples *s, const char *folder, struct err *err)
{
    struct dirent **entries;
    const int n = scandir(folder, &entries, is_sample, alphasort);
    if (n < 0)
        return err_set(err, ERR_NOTFOUND, "%.200s cannot be listed", folder);
    char **path = realloc(s->path, (s->count + (size_t)n + 1) * sizeof(*path));
    int e = path ? 0 : err_set(err, ERR_NOMEM, "names of samples");
    s->path = path ? path : s->path;
    for (int i = 0; i < n; i++) {
        char joined[FILE_PATH];
        if (e == 0)
            e = file_join(folder, entries[i]->d_name, joined, err);
        if (e == 0 && (s->path[s->count] = strdup(joined)))
            s->count++;
        else if (e == 0)
            e = err_set(err, ERR_NOMEM, "names of samples");
        free(entries[i]);
    }
    free(entries);
    if (e == 0 && n == 0)
        e = err_set(err, ERR_NOTFOUND, "%.200s holds no .npy file and no folder", folder);
    return e;
}

/** Every fourth sample goes behind the others. */
static void hold_apart(struct samples *s)
{
    char **judge = calloc(s->count + 1, sizeof(*judge));
    size_t kept = 0;
    if (!judge)
        return;
    for (size_t i = 0; i < s->count; i++) {
        const bool last = s->count < JUDGE_EVERY && i + 1 == s->count;
        if (i % JUDGE_EVERY == JUDGE_EVERY - 1 || (last && i > 0))
            judge[s->judges++] = s->path[i];
        else
            s->path[kept++] = s->path[i];
    }
    memcpy(s->path + kept, judge, s->judges * sizeof(*judge));
    free(judge);
}

static int find_samples(struct samples *s, const struct model_calibrate *m,
                        struct err *err)
{
    int e = list_samples(s, m->data, err);
    if (e == 0 && m->judge) {
        const size_t first = s->count;
        e = list_samples(s, m->judge, err);
        s->judges = s->count - first;
    } else if (e == 0) {
        hold_apart(s);
    }
    if (e == 0 && s->judges == 0)
        e = err_set(err, ERR_CONFIG, "one sample cannot calibrate and judge");
    const size_t inputs = engine_input_count(s->engine);
    s->inputs = calloc(inputs + 1, sizeof(*s->inputs));
    s->ports = calloc(inputs + 1, sizeof(struct tensor *));
    if (e == 0 && (!s->inputs || !s->ports))
        e = err_set(err, ERR_NOMEM, "inputs");
    return e;
}

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/** The network has to lie beside its calibration: copy it if it does not. */
static int bring_model(const char *model, const char *out, struct err *err)
{
    char path[FILE_PATH], *data = NULL;
    struct stat a, b;
    size_t size;
    const int folder = (int)(name_of(out) - out);
    if (snprintf(path, sizeof(path), "%.*s%s", folder, out, name_of(model))
        >= (int)sizeof(path))
        return err_set(err, ERR_LIMIT, "a path");
    if (stat(model, &a) == 0 && stat(path, &b) == 0 && a.st_ino == b.st_ino
        && a.st_dev == b.st_dev)
        return 0;
    int e = file_read(model, (size_t)4 << 30, &data, &size, err);
    if (e == 0)
        e = file_write(path, data, size, err);
    free(data);
    return e;
}

static void report(const struct samples *s, const struct calibration *c, const char *out)
{
    printf(
        "%s: %s %.5f (the bound is %.5f), found by %ld samples other than the %ld that "
        "calibrated\n",
        out, c->metric, c->reached, c->bound, c->judges, c->samples);
    printf("judges:");
    for (size_t i = s->count - s->judges; i < s->count; i++)
        printf(" %s", name_of(s->path[i]));
    printf("\nsteps that stay out of 8 bits:%s", c->kept_count ? "" : " none");
    for (size_t i = 0; i < c->kept_count; i++)
        printf(" %s", c->kept[i]);
    putchar('\n');
}

static int calibrate_with(const struct model_calibrate *m, struct samples *s,
                          struct err *err)
{
    auto_(calibration) struct calibration *c = NULL;
    int e = find_samples(s, m, err);
    const struct calibrate_request request = {
        .onnx = m->model,
        .samples = s->count - s->judges,
        .judges = s->judges,
        .read = read_sample,
        .tell = tell,
        .ctx = s,
        .metric = m->metric,
        .bound = m->bound,
        .threads = m->threads,
        .memory_bytes = m->memory_bytes,
        .quick = m->quick,
    };
    if (e == 0)
        e = calibrate(&request, &c, err);
    if (s->is_terminal)
        fputc('\n', stderr);
    if (e == 0)
        e = bring_model(m->model, m->out, err);
    if (e == 0)
        e = calibration_write(c, m->out, err);
    if (e == 0)
        report(s, c, m->out);
    return e;
}

int model_calibrate(const struct model_calibrate *m, struct err *err)
{
    const struct engine_options options = {.threads = m->threads,
                                           .memory_bytes = m->memory_bytes};
    const char *end = m->out ? strrchr(m->out, '.') : NULL;
    struct samples s = {.max_bytes = (size_t)8 << 30, .is_terminal = isatty(2)};
    if (!m->data || !end || strcmp(end, ".int8") != 0)
        return err_set(err, ERR_CONFIG, "--data DIR and --out MODEL.int8 are needed");
    int e = engine_open(m->model, &options, &s.engine, err);
    if (e == 0)
        e = calibrate_with(m, &s, err);
    if (s.engine)
        forget_inputs(&s);
    for (size_t i = 0; i < s.count; i++)
        free(s.path[i]);
    free(s.path);
    free(s.inputs);
    free((void *)s.ports);
    engine_destroy(s.engine);
    return e;
}
