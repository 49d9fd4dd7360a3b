/*
 * onnx_suite: ONNX's own backend tests (Debian's libonnx-testdata) through the engine.
 *
 *     onnx_suite FOLDER [EXECUTOR [NAME]]
 *
 * Each test is a folder with model.onnx and sets of input_*.pb and output_*.pb. Outputs are
 * compared as the suite does it: type, shape, and |a - b| <= 1e-7 + 1e-3 |b|. Prints what
 * failed, what is not supported (by reason) and the counts; exit status 1 if anything failed.
 */
#include "base/err.h"
#include "base/file.h"
#include "kernels/engine.h"
#include "kernels/onnx.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PORTS = 64, REASONS = 400 };

static const struct onnx_limits LIMITS = {1 << 28, 1 << 28, 1 << 28};
static const double RELATIVE = 1e-3, ABSOLUTE = 1e-7;

struct reason {
    char text[160];
    int count;
};

struct suite {
    struct engine_options options;
    const char *only;
    int passed, failed, unsupported;
    struct reason reasons[REASONS];
    int reason_count;
};

struct tensors {
    struct tensor *item[PORTS];
    size_t count;
};

static void tensors_finish(struct tensors *t)
{
    for (size_t i = 0; i < t->count; i++)
        tensor_destroy(t->item[i]);
    t->count = 0;
}

/** Read folder/<stem>_0.pb, _1.pb, ... as long as they are there. */
static int read_tensors(const char *folder, const char *stem, struct tensors *ret,
                        struct err *err)
{
    for (ret->count = 0; ret->count < PORTS;) {
        char name[64], path[FILE_PATH], *data;
        size_t size;
        snprintf(name, sizeof(name), "%s_%zu.pb", stem, ret->count);
        int e = file_join(folder, name, path, err);
        if (e == 0)
            e = file_read(path, LIMITS.file_bytes, &data, &size, err);
        if (e == ERR_NOTFOUND)
            return 0;
        if (e == 0) {
            e = onnx_parse_tensor(data, size, &LIMITS, &ret->item[ret->count], err);
            free(data);
        }
        if (e != 0)
            return e;
        ret->count++;
    }
    return 0;
}

static int compare(const struct tensor *got, const struct tensor *want, struct err *err)
{
    char a[100], b[100];
    tensor_describe(got, a, sizeof(a));
    tensor_describe(want, b, sizeof(b));
    if (strcmp(a, b) != 0)
        return err_set(err, ERR_FORMAT, "got %s, wanted %s", a, b);
    for (int64_t i = 0; i < tensor_count(want); i++) {
        double x, y;
        tensor_load_f64(got, i, 1, &x);
        tensor_load_f64(want, i, 1, &y);
        const bool same = x == y || (isnan(x) && isnan(y))
                          || fabs(x - y) <= ABSOLUTE + RELATIVE * fabs(y);
        if (!same)
            return err_set(err, ERR_FORMAT, "number %lld of %s is %g, not %g",
                           (long long)i, b, x, y);
    }
    return 0;
}

/** The suite writes bfloat16 as uint16. */
static void mend_types(const struct engine *engine, const struct tensors *in)
{
    for (size_t i = 0; i < in->count; i++) {
        if (in->item[i]->type == TENSOR_U16
            && engine_input_shape(engine, i)->type == TENSOR_BF16)
            in->item[i]->type = TENSOR_BF16;
    }
}

static int run_set(struct engine *engine, const struct tensors *in,
                   const struct tensors *want, struct err *err)
{
    const struct tensor *outputs[PORTS];
    if (in->count != engine_input_count(engine) || engine_output_count(engine) > PORTS)
        return err_set(err, ERR_FORMAT, "%zu inputs, the model wants %zu", in->count,
                       engine_input_count(engine));
    mend_types(engine, in);
    int e = engine_run(engine, (const struct tensor *const *)in->item, outputs, err);
    for (size_t i = 0; e == 0 && i < want->count; i++) {
        if (want->item[i]->type == TENSOR_U16 && outputs[i]->type == TENSOR_BF16)
            want->item[i]->type = TENSOR_BF16;
        e = compare(outputs[i], want->item[i], err);
        if (e != 0)
            err_add(err, "output %zu", i);
    }
    return e;
}

static int run_sets(const char *folder, struct engine *engine, struct err *err)
{
    int e = 0;
    for (int set = 0; e == 0; set++) {
        char path[FILE_PATH];
        struct tensors in = {0}, want = {0};
        if (snprintf(path, sizeof(path), "%s/test_data_set_%d", folder, set) < 0)
            return 0;
        DIR *dir = opendir(path);
        if (!dir)
            return set > 0 ? 0 : err_set(err, ERR_NOTFOUND, "no test data");
        closedir(dir);
        e = read_tensors(path, "input", &in, err);
        if (e == 0)
            e = read_tensors(path, "output", &want, err);
        if (e == 0)
            e = run_set(engine, &in, &want, err);
        tensors_finish(&in);
        tensors_finish(&want);
    }
    return e;
}

static int run_model(const struct suite *suite, const char *folder, struct err *err)
{
    char path[FILE_PATH];
    auto_(engine) struct engine *engine = NULL;
    int e = file_join(folder, "model.onnx", path, err);
    if (e == 0)
        e = engine_open(path, &suite->options, &engine, err);
    return e == 0 ? run_sets(folder, engine, err) : e;
}

/** Tests whose data contradict their own model (an input of one number for 3 x 4). */
static bool is_broken(const char *name)
{
    return strstr(name, "castlike") && strstr(name, "BFLOAT16");
}

static void count_reason(struct suite *suite, const char *text)
{
    const char *start = strchr(text, '('); // "node 0 'x' (Op): why" by operator and why
    text = strncmp(text, "node ", 5) == 0 && start ? start : text;
    for (int i = 0; i < suite->reason_count; i++) {
        if (strncmp(suite->reasons[i].text, text, sizeof(suite->reasons[i].text) - 1)
            == 0) {
            suite->reasons[i].count++;
            return;
        }
    }
    if (suite->reason_count == REASONS)
        return;
    struct reason *r = &suite->reasons[suite->reason_count++];
    snprintf(r->text, sizeof(r->text), "%.159s", text);
    r->count = 1;
}

static void run_test(struct suite *suite, const char *root, const char *name)
{
    char folder[FILE_PATH];
    struct err err = {0};
    if (file_join(root, name, folder, &err) != 0)
        return;
    if (is_broken(name)) {
        suite->unsupported++;
        count_reason(suite, "the test's input has another shape than its model says");
        return;
    }
    const int e = run_model(suite, folder, &err);
    if (e == ERR_UNSUPPORTED) {
        suite->unsupported++;
        count_reason(suite, err.text);
    } else if (e != 0) {
        suite->failed++;
        printf("failed: %s: %s\n", name, err.text);
    } else {
        suite->passed++;
    }
}

static int is_test(const struct dirent *entry)
{
    return strncmp(entry->d_name, "test_", 5) == 0;
}

static int run_group(struct suite *suite, const char *root)
{
    struct dirent **names;
    const int n = scandir(root, &names, is_test, alphasort);
    for (int i = 0; i < n; i++) {
        if (!suite->only || strcmp(suite->only, names[i]->d_name) == 0)
            run_test(suite, root, names[i]->d_name);
        free(names[i]);
    }
    if (n >= 0)
        free(names);
    return n;
}

static int compare_reasons(const void *a, const void *b)
{
    const struct reason *ra = a, *rb = b;
    return ra->count != rb->count ? rb->count - ra->count : strcmp(ra->text, rb->text);
}

int main(int argc, char **argv)
{
    static const char *const GROUPS[] = {"node", "simple", "pytorch-operator",
                                         "pytorch-converted"};
    static struct suite suite;
    if (argc < 2)
        return fprintf(stderr, "usage: onnx_suite FOLDER [EXECUTOR [NAME]]\n"), 2;
    suite.options.executor = argc > 2 ? argv[2] : NULL;
    suite.only = argc > 3 ? argv[3] : NULL;
    for (size_t i = 0; i < sizeof(GROUPS) / sizeof(GROUPS[0]); i++) {
        char root[FILE_PATH];
        if (file_join(argv[1], GROUPS[i], root, NULL) != 0
            || run_group(&suite, root) < 0) {
            printf("skipped: no data at %s/%s\n", argv[1], GROUPS[i]);
            return 77;
        }
    }
    qsort(suite.reasons, (size_t)suite.reason_count, sizeof(suite.reasons[0]),
          compare_reasons);
    for (int i = 0; i < suite.reason_count; i++)
        printf("unsupported %3d: %s\n", suite.reasons[i].count, suite.reasons[i].text);
    printf("%d passed, %d failed, %d unsupported\n", suite.passed, suite.failed,
           suite.unsupported);
    return suite.failed > 0;
}
