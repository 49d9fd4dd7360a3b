#include "src/cmd.h"

#include "base/err.h"
#include "base/file.h"
#include "kernels/engine.h"
#include "src/array.h"
#include "src/model_calibrate.h"
#include "src/model_folder.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { INPUTS_MAX = 256, SHOW_RUNS = 3 };

struct request {
    struct engine_options options;
    const char *model, *output;
    const char *inputs[INPUTS_MAX]; // NAME=FILE.npy
    size_t input_count;
    bool dot, write_card;
    struct model_calibrate calibrate;
};

static const char USAGE[] =
    "usage: hilum model show MODEL [--dot]     the graph as read and as it runs, with "
    "what\n"
    "                                          each node takes; --dot: for Graphviz\n"
    "       hilum model check MODEL            say whether it runs, or what stands "
    "against it\n"
    "       hilum model check FOLDER           the same for a model with its card; "
    "without a\n"
    "                                          card: drafts one, --write-card: into "
    "FOLDER\n"
    "       hilum model run MODEL --input NAME=FILE.npy ... --output DIR\n"
    "                                          write each output to DIR/<its name>.npy\n"
    "       hilum model calibrate MODEL --data DIR --out MODEL.int8\n"
    "                                          find the ranges for 8-bit numbers\n"
    "       hilum model calibrate FOLDER --data DIR\n"
    "                                          the same for a model with its card\n"
    "\n"
    "  --precision P       f32 unless given; bf16 where the CPU has it; int8 with the\n"
    "                      calibration MODEL.int8 of MODEL.onnx, which can be run "
    "itself\n"
    "  --data DIR          .npy files, one a sample, or a folder a sample with\n"
    "                      <input name>.npy\n"
    "  --judge DIR         samples that judge; unless given every fourth of --data\n"
    "  --metric M          dice (of labels) or error (of numbers); by the output's "
    "shape\n"
    "  --bound B           most that judges may find: 0.005 for dice, 0.02 for error\n"
    "  --quick             one way to find ranges for all values; seconds, a bit worse\n"
    "  --threads N         1 unless given\n"
    "  --pin               each thread on a processor of its own\n"
    "  --numa-node N       on processors of that NUMA node\n"
    "  --executor E        dnnl unless given; reference: plain C, slow\n"
    "  --passes-off A,B    leave out these passes of the optimiser\n"
    "  --memory-mib N      most that reading and running may take (8192)\n";

/* hilum model run */

static int read_inputs(const struct request *r, const struct engine *engine,
                       struct tensor *ret, struct err *err)
{
    for (size_t i = 0; i < r->input_count; i++) {
        // A name may hold '=', a path of ours rarely does: the last one divides.
        const char *equals = strrchr(r->inputs[i], '=');
        if (!equals)
            return err_set(err, ERR_CONFIG, "--input %s is not NAME=FILE.npy",
                           r->inputs[i]);
        char *name = strndup(r->inputs[i], (size_t)(equals - r->inputs[i]));
        if (!name)
            return err_set(err, ERR_NOMEM, "a name");
        const int at = engine_find_input(engine, name);
        int e = at < 0
                    ? err_set(err, ERR_NOTFOUND, "the model has no input '%.80s'", name)
                    : 0;
        if (e == 0 && ret[at].owned)
            e = err_set(err, ERR_CONFIG, "input '%.80s' is given twice", name);
        free(name);
        if (e == 0)
            e = array_read(equals + 1, (size_t)8 << 30, &ret[at], err);
        if (e != 0)
            return e;
    }
    for (size_t i = 0; i < engine_input_count(engine); i++) {
        if (!ret[i].owned)
            return err_set(err, ERR_NOTFOUND, "input '%.80s' is not given",
                           engine_input_name(engine, i));
    }
    return 0;
}

static int write_outputs(const struct engine *engine, const struct tensor *const *outputs,
                         const char *folder, struct err *err)
{
    int e = file_make_folder(folder, err);
    for (size_t i = 0; e == 0 && i < engine_output_count(engine); i++) {
        char name[300], path[FILE_PATH];
        snprintf(name, sizeof(name), "%.240s.npy", engine_output_name(engine, i));
        for (char *c = name; *c; c++) // a name is no path
            *c = *c == '/' ? '_' : *c;
        e = file_join(folder, name, path, err);
        if (e == 0)
            e = array_write(path, outputs[i], err);
    }
    return e;
}

static int run_with(const struct request *r, struct engine *engine, struct tensor *inputs,
                    struct err *err)
{
    const size_t in = engine_input_count(engine), out = engine_output_count(engine);
    const struct tensor **ports = calloc(in + out + 1, sizeof(struct tensor *));
    if (!ports)
        return err_set(err, ERR_NOMEM, "inputs");
    int e = read_inputs(r, engine, inputs, err);
    for (size_t i = 0; i < in; i++)
        ports[i] = &inputs[i];
    if (e == 0)
        e = engine_run(engine, ports, ports + in, err);
    if (e == 0)
        e = write_outputs(engine, ports + in, r->output, err);
    free((void *)ports);
    return e;
}

static int model_run(const struct request *r, struct engine *engine, struct err *err)
{
    if (!r->output)
        return err_set(err, ERR_CONFIG, "--output is not given");
    const size_t in = engine_input_count(engine);
    struct tensor *inputs = calloc(in + 1, sizeof(*inputs));
    if (!inputs)
        return err_set(err, ERR_NOMEM, "inputs");
    const int e = run_with(r, engine, inputs, err);
    for (size_t i = 0; i < in; i++)
        tensor_finish(&inputs[i]);
    free(inputs);
    return e;
}

/* hilum model show, check */

/** Numbers in [0, 1); integers, which may be indices, stay 0. */
static void fill(struct tensor *t)
{
    uint32_t state = 1;
    for (int64_t i = 0; tensor_type_is_float(t->type) && i < tensor_count(t); i++) {
        state = state * 1664525u + 1013904223u;
        tensor_store_f64(t, i, 1, &(double){(double)(state >> 8) / 0x1p24});
    }
}

/** Run on numbers of a fixed sequence, open axes taken as 1: there is something to report then,
 * and the engine has tested itself. */
static int run_on_numbers(struct engine *engine, int runs, struct err *err)
{
    const size_t in = engine_input_count(engine), out = engine_output_count(engine);
    struct tensor *inputs = calloc(in + 1, sizeof(*inputs));
    const struct tensor **ports = calloc(in + out + 1, sizeof(struct tensor *));
    int e = inputs && ports ? 0 : err_set(err, ERR_NOMEM, "inputs");
    for (size_t i = 0; e == 0 && i < in; i++) {
        inputs[i] = *engine_input_shape(engine, i);
        inputs[i].rank = inputs[i].rank < 0 ? 0 : inputs[i].rank;
        for (int d = 0; d < inputs[i].rank; d++)
            inputs[i].dim[d] = inputs[i].dim[d] < 0 ? 1 : inputs[i].dim[d];
        e = tensor_check_bytes(&inputs[i], (size_t)1 << 32, err);
        if (e == 0)
            e = tensor_allocate(&inputs[i], err);
        if (e == 0)
            fill(&inputs[i]);
        ports[i] = &inputs[i];
    }
    for (int run = 0; e == 0 && run < runs; run++)
        e = engine_run(engine, ports, ports + in, err);
    for (size_t i = 0; inputs && i < in; i++)
        tensor_finish(&inputs[i]);
    free(inputs);
    free((void *)ports);
    return e;
}

static int model_show(const struct request *r, struct engine *engine, struct err *err)
{
    const int e = run_on_numbers(engine, SHOW_RUNS, err);
    if (e == 0 && r->dot) {
        engine_report(engine, ENGINE_DOT, stdout);
        return 0;
    }
    puts("as read:");
    engine_report(engine, ENGINE_BEFORE, stdout);
    if (e != 0)
        return e;
    puts("\nas it runs:");
    engine_report(engine, ENGINE_AFTER, stdout);
    return 0;
}

/** Does the model leave more open than how many images it is given? */
static bool is_open(const struct engine *engine)
{
    for (size_t i = 0; i < engine_input_count(engine); i++) {
        const struct tensor *shape = engine_input_shape(engine, i);
        for (int d = 1; d < shape->rank; d++) {
            if (shape->dim[d] < 0)
                return true;
        }
        if (shape->rank < 0)
            return true;
    }
    return false;
}

static int model_check(const struct request *r, struct engine *engine, struct err *err)
{
    char shape[120];
    const int e = is_open(engine) ? 0 : run_on_numbers(engine, 1, err);
    if (e != 0)
        return e;
    printf("%s runs\n", r->model);
    for (size_t i = 0; i < engine_input_count(engine); i++) {
        tensor_describe(engine_input_shape(engine, i), shape, sizeof(shape));
        printf("  input  %s %s\n", engine_input_name(engine, i), shape);
    }
    for (size_t i = 0; i < engine_output_count(engine); i++)
        printf("  output %s\n", engine_output_name(engine, i));
    return 0;
}

static const struct {
    const char *name;
    int (*run)(const struct request *r, struct engine *engine, struct err *err);
} VERBS[] = {
    {"show", model_show},
    {"check", model_check},
    {"run", model_run},
    {"calibrate", NULL}, // opens the model itself
};
enum { VERB_COUNT = sizeof(VERBS) / sizeof(VERBS[0]) };

static int read_number(const char *text, long max, long *ret)
{
    char *end;
    *ret = strtol(text, &end, 10);
    return *text && !*end && *ret > 0 && *ret <= max ? 0 : -1;
}

static int read_calibrate(int c, struct model_calibrate *ret)
{
    char *end = NULL;
    if (c == 'Q')
        ret->quick = true;
    else if (c == 'D')
        ret->data = optarg;
    else if (c == 'J')
        ret->judge = optarg;
    else if (c == 'O')
        ret->out = optarg;
    else if (c == 'M')
        ret->metric = optarg;
    else if (c == 'B')
        ret->bound = strtod(optarg, &end);
    else
        return -1;
    return c != 'B' || (end != optarg && !*end && ret->bound > 0) ? 0 : -1;
}

/** Fill r from the command line; returns 0, or -1 for wrong usage. */
static int read_options(int argc, char **argv, struct request *r)
{
    static const struct option OPTIONS[] = {
        {"input", required_argument, NULL, 'i'},
        {"output", required_argument, NULL, 'o'},
        {"precision", required_argument, NULL, 'p'},
        {"threads", required_argument, NULL, 't'},
        {"executor", required_argument, NULL, 'e'},
        {"passes-off", required_argument, NULL, 'x'},
        {"memory-mib", required_argument, NULL, 'm'},
        {"pin", no_argument, NULL, 'P'},
        {"numa-node", required_argument, NULL, 'N'},
        {"dot", no_argument, NULL, 'd'},
        {"data", required_argument, NULL, 'D'},
        {"judge", required_argument, NULL, 'J'},
        {"out", required_argument, NULL, 'O'},
        {"metric", required_argument, NULL, 'M'},
        {"bound", required_argument, NULL, 'B'},
        {"quick", no_argument, NULL, 'Q'},
        {"write-card", no_argument, NULL, 'w'},
        {0},
    };
    long n;
    for (int c; (c = getopt_long(argc, argv, "i:o:p:t:", OPTIONS, NULL)) != -1;) {
        if (c == 'i' && r->input_count < INPUTS_MAX)
            r->inputs[r->input_count++] = optarg;
        else if (c == 'o')
            r->output = optarg;
        else if (c == 'p')
            r->options.precision = optarg;
        else if (c == 'd')
            r->dot = true;
        else if (c == 'w')
            r->write_card = true;
        else if (c == 'P')
            r->options.pin = true;
        else if (c == 'N')
            r->options.numa_node = optarg;
        else if (c == 'e')
            r->options.executor = optarg;
        else if (c == 'x')
            r->options.passes_off = optarg;
        else if (c == 't' && read_number(optarg, 1024, &n) == 0)
            r->options.threads = (int)n;
        else if (c == 'm' && read_number(optarg, 1 << 24, &n) == 0)
            r->options.memory_bytes = (size_t)n << 20;
        else if (read_calibrate(c, &r->calibrate) != 0)
            return -1;
    }
    if (argc - optind != 1)
        return -1;
    r->model = argv[optind];
    return 0;
}

/** A precision that the CPU does not have is computed in another: nobody shall miss that. */
static void say_precision(const struct request *r, const struct engine *engine)
{
    const struct engine_facts facts = engine_facts(engine);
    if (r->options.precision && strcmp(r->options.precision, facts.precision) != 0)
        fprintf(stderr, "hilum model: %s here is computed in %s: %s\n",
                r->options.precision, facts.precision, facts.code);
}

static bool is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

int cmd_model(int argc, char **argv)
{
    struct request r = {0};
    struct err err = {0};
    if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
        return fputs(USAGE, stdout), CMD_DONE;
    for (int i = 0; argc >= 2 && i < VERB_COUNT; i++) {
        if (strcmp(VERBS[i].name, argv[1]) != 0)
            continue;
        auto_(engine) struct engine *engine = NULL;
        if (read_options(argc - 1, argv + 1, &r) != 0)
            break;
        if (strcmp(argv[1], "check") == 0 && is_folder(r.model))
            return model_folder_check(r.model, r.write_card, r.options.threads, &err) == 0
                       ? CMD_DONE
                       : cmd_fail("model", &err);
        r.calibrate.model = r.model;
        r.calibrate.threads = r.options.threads;
        r.calibrate.memory_bytes = r.options.memory_bytes;
        int e = VERBS[i].run         ? engine_open(r.model, &r.options, &engine, &err)
                : is_folder(r.model) ? model_folder_calibrate(&r.calibrate, &err)
                                     : model_calibrate(&r.calibrate, &err);
        if (e == 0 && VERBS[i].run)
            say_precision(&r, engine);
        if (e == 0 && VERBS[i].run)
            e = VERBS[i].run(&r, engine, &err);
        return e == 0 ? CMD_DONE : cmd_fail("model", &err);
    }
    return fputs(USAGE, stderr), CMD_USAGE;
}
