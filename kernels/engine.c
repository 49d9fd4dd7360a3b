#include "kernels/engine.h"

#include "base/err.h"
#include "base/file.h"
#include "kernels/affinity.h"
#include "kernels/calibration.h"
#include "kernels/executor.h"
#include "kernels/graph.h"
#include "kernels/kernel.h"
#include "kernels/onnx.h"
#include "kernels/passes/pass.h"
#include "kernels/peak.h"
#include "kernels/plan.h"
#include "kernels/step.h"

#include <stdlib.h>
#include <string.h>

struct engine {
    struct graph *model; // as read
    struct graph *graph; // optimised for the last shapes
    struct plan *plan;   // of graph
    char *passes_off;
    struct executor *executor; // NULL: the reference runs all
    size_t memory_bytes;
    double max_work;
    int threads;
    bool bf16, int8;
    struct calibration *calibration; // read beside the model
    const struct calibration *lent;  // engine_set_calibration()
    engine_watch_fn *watch;
    void *watch_ctx;
    long runs;
};

static int check_options(const struct engine_options *o, struct err *err)
{
    const char *executor = o->executor ? o->executor : "dnnl";
    if (strcmp(executor, "reference") != 0 && strcmp(executor, "dnnl") != 0)
        return err_set(err, ERR_CONFIG, "no executor is called '%.20s'", executor);
    if (o->precision && strcmp(o->precision, "f32") != 0
        && strcmp(o->precision, "bf16") != 0 && strcmp(o->precision, "int8") != 0)
        return err_set(err, ERR_CONFIG, "no precision is called '%.20s'", o->precision);
    if (o->threads < 0 || o->threads > 1024)
        return err_set(err, ERR_CONFIG, "%d threads", o->threads);
    return 0;
}

/** Keep this thread, and those that it will start, where they shall run. */
static int keep_threads(const struct engine_options *o, int threads, struct err *err)
{
    char *end;
    const long node = o->numa_node ? strtol(o->numa_node, &end, 10) : 0;
    if (o->numa_node && (!*o->numa_node || *end || node < 0 || node > 1 << 16))
        return err_set(err, ERR_CONFIG, "'%.20s' is no NUMA node", o->numa_node);
    const int e = o->numa_node ? affinity_keep_to_node((int)node, err) : 0;
    return e == 0 && o->pin ? affinity_pin(threads, err) : e;
}

static int engine_create(const struct engine_options *options, struct engine **ret,
                         struct err *err)
{
    static const struct engine_options DEFAULTS = {0};
    const struct engine_options *o = options ? options : &DEFAULTS;
    const int e = check_options(o, err);
    if (e != 0)
        return e;
    auto_(engine) struct engine *engine = calloc(1, sizeof(*engine));
    if (!engine)
        return err_set(err, ERR_NOMEM, "an engine");
    engine->bf16 = o->precision && strcmp(o->precision, "bf16") == 0;
    engine->int8 = o->precision && strcmp(o->precision, "int8") == 0;
    engine->threads = o->threads ? o->threads : 1;
    engine->max_work = o->max_work > 0 ? o->max_work : 1e14;
    engine->memory_bytes = o->memory_bytes ? o->memory_bytes : (size_t)8 << 30;
    engine->passes_off = strdup(o->passes_off ? o->passes_off : "");
    if (!engine->passes_off)
        return err_set(err, ERR_NOMEM, "an engine");
    const int stray = keep_threads(o, engine->threads, err);
    if (stray != 0)
        return stray;
    if (!o->executor || strcmp(o->executor, "dnnl") == 0) {
        const int bad = executor_create(engine->threads, &engine->executor, err);
        if (bad != 0)
            return bad;
    }
    *ret = take(engine);
    return 0;
}

void engine_destroy(struct engine *engine)
{
    if (!engine)
        return;
    plan_destroy(engine->plan);
    graph_destroy(engine->graph);
    graph_destroy(engine->model);
    executor_destroy(engine->executor);
    calibration_destroy(engine->calibration);
    free(engine->passes_off);
    free(engine);
}

static struct onnx_limits limits_of(const struct engine *engine)
{
    return (struct onnx_limits){.file_bytes = engine->memory_bytes,
                                .tensor_bytes = engine->memory_bytes,
                                .memory_bytes = engine->memory_bytes};
}

/** A model that fixes all its inputs is made ready at once, so that it is refused early. */
static int prepare_fixed(struct engine *engine, struct err *err)
{
    const struct graph *m = engine->model;
    const struct tensor **shapes = calloc(m->input_count + 1, sizeof(struct tensor *));
    if (!shapes)
        return err_set(err, ERR_NOMEM, "shapes");
    bool fixed = true;
    for (size_t i = 0; i < m->input_count; i++) {
        const struct tensor *shape = &m->values[m->inputs[i]].shape;
        shapes[i] = shape;
        fixed = fixed && shape->rank >= 0;
        for (int d = 0; d < shape->rank; d++)
            fixed = fixed && shape->dim[d] >= 0;
    }
    const int e = fixed ? engine_prepare(engine, shapes, err) : 0;
    free(shapes);
    return e;
}

static bool ends_in(const char *path, const char *end)
{
    const size_t length = strlen(path), tail = strlen(end);
    return length > tail && strcmp(path + length - tail, end) == 0;
}

/** Read the calibration at path and say in onnx where its network is. */
static int open_calibration(struct engine *engine, const char *path, char onnx[FILE_PATH],
                            struct err *err)
{
    char folder[FILE_PATH];
    const char *slash = strrchr(path, '/');
    const int length = slash ? (int)(slash - path) : 0;
    const int e = calibration_read(path, &engine->calibration, err);
    if (e != 0)
        return e;
    snprintf(folder, sizeof(folder), "%.*s", length, path);
    return file_join(slash ? (length > 0 ? folder : "/") : ".",
                     engine->calibration->model, onnx, err);
}

/** The calibration that path is, or that 8 bits need beside it; onnx is the network's file. */
static int find_calibration(struct engine *engine, const char *path,
                            const struct engine_options *options, char onnx[FILE_PATH],
                            struct err *err)
{
    char beside[FILE_PATH];
    if (snprintf(onnx, FILE_PATH, "%s", path) >= FILE_PATH)
        return err_set(err, ERR_LIMIT, "a path of %zu characters", strlen(path));
    if (ends_in(path, ".int8")) {
        engine->int8 = engine->int8 || !options || !options->precision;
        return open_calibration(engine, path, onnx, err);
    }
    if (!engine->int8)
        return 0;
    const int stem = (int)strlen(path) - (ends_in(path, ".onnx") ? 5 : 0);
    snprintf(beside, sizeof(beside), "%.*s.int8", stem, path);
    const int e = calibration_read(beside, &engine->calibration, err);
    return e == ERR_NOTFOUND
               ? err_add(err, "int8 wants a calibration (hilum model calibrate)")
               : e;
}

static int check_digest(const struct engine *engine, struct err *err)
{
    char digest[SHA256_HEX];
    if (!engine->calibration)
        return 0;
    const int e = calibration_digest(engine->model, digest, err);
    if (e == 0 && strcmp(digest, engine->calibration->digest) != 0)
        return err_set(err, ERR_FORMAT,
                       "the calibration is of another network: digest %.12s..., not "
                       "%.12s...",
                       engine->calibration->digest, digest);
    return e;
}

int engine_open(const char *path, const struct engine_options *options,
                struct engine **ret, struct err *err)
{
    char onnx[FILE_PATH];
    auto_(engine) struct engine *engine = NULL;
    int e = engine_create(options, &engine, err);
    if (e == 0)
        e = find_calibration(engine, path, options, onnx, err);
    if (e != 0)
        return e;
    const struct onnx_limits limits = limits_of(engine);
    e = onnx_load(onnx, &limits, &engine->model, err);
    if (e == 0)
        e = check_digest(engine, err);
    if (e == 0)
        e = prepare_fixed(engine, err);
    if (e != 0)
        return e;
    *ret = take(engine);
    return 0;
}

int engine_open_bytes(const void *data, size_t size, const struct engine_options *options,
                      struct engine **ret, struct err *err)
{
    auto_(engine) struct engine *engine = NULL;
    int e = engine_create(options, &engine, err);
    if (e != 0)
        return e;
    const struct onnx_limits limits = limits_of(engine);
    e = onnx_parse(data, size, NULL, &limits, &engine->model, err);
    if (e == 0)
        e = prepare_fixed(engine, err);
    if (e != 0)
        return e;
    *ret = take(engine);
    return 0;
}

void engine_set_calibration(struct engine *engine, const struct calibration *calibration)
{
    engine->lent = calibration;
    plan_destroy(engine->plan);
    graph_destroy(engine->graph);
    engine->plan = NULL;
    engine->graph = NULL;
}

void engine_set_watch(struct engine *engine, engine_watch_fn *watch, void *ctx)
{
    engine->watch = watch;
    engine->watch_ctx = ctx;
}

const struct graph *engine_graph(const struct engine *engine, bool prepared)
{
    return prepared ? engine->graph : engine->model;
}

size_t engine_input_count(const struct engine *engine)
{
    return engine->model->input_count;
}

size_t engine_output_count(const struct engine *engine)
{
    return engine->model->output_count;
}

const char *engine_input_name(const struct engine *engine, size_t i)
{
    return engine->model->values[engine->model->inputs[i]].name;
}

const char *engine_output_name(const struct engine *engine, size_t i)
{
    return engine->model->values[engine->model->outputs[i]].name;
}

const struct tensor *engine_input_shape(const struct engine *engine, size_t i)
{
    return &engine->model->values[engine->model->inputs[i]].shape;
}

int engine_find_input(const struct engine *engine, const char *name)
{
    for (size_t i = 0; i < engine->model->input_count; i++) {
        if (strcmp(engine_input_name(engine, i), name) == 0)
            return (int)i;
    }
    return -1;
}

static int check_input(const struct engine *engine, size_t i, const struct tensor *t,
                       struct err *err)
{
    const struct tensor *want = engine_input_shape(engine, i);
    bool fits = t->type == want->type && (want->rank < 0 || want->rank == t->rank);
    for (int d = 0; fits && d < want->rank; d++)
        fits = want->dim[d] < 0 || want->dim[d] == t->dim[d];
    if (fits)
        return tensor_check_bytes(t, engine->memory_bytes, err);
    char have[100], wanted[100];
    tensor_describe(t, have, sizeof(have));
    tensor_describe(want, wanted, sizeof(wanted));
    return err_set(err, ERR_FORMAT, "input '%.60s' is %s, the model wants %s",
                   engine_input_name(engine, i), have, wanted);
}

static bool is_prepared(const struct engine *engine, const struct tensor *const *inputs)
{
    const struct graph *g = engine->graph;
    for (size_t i = 0; engine->plan && i < g->input_count; i++) {
        if (!tensor_has_shape_of(&g->values[g->inputs[i]].shape, inputs[i]))
            return false;
    }
    return engine->plan != NULL;
}

/** The ranges that it runs with, or NULL. */
static const struct calibration *calibration_of(const struct engine *engine)
{
    const struct calibration *own = engine->int8 ? engine->calibration : NULL;
    return engine->lent ? engine->lent : own;
}

int engine_prepare(struct engine *engine, const struct tensor *const *inputs,
                   struct err *err)
{
    int e = 0;
    for (size_t i = 0; e == 0 && i < engine->model->input_count; i++)
        e = check_input(engine, i, inputs[i], err);
    if (e != 0 || is_prepared(engine, inputs))
        return e;

    auto_(graph) struct graph *graph = NULL;
    auto_(plan) struct plan *plan = NULL;
    e = graph_copy(engine->model, &graph, err);
    if (e != 0)
        return e;
    for (size_t i = 0; i < graph->input_count; i++) {
        struct tensor *shape = &graph->values[graph->inputs[i]].shape;
        *shape = *inputs[i];
        shape->data = shape->owned = NULL;
    }
    const struct calibration *calibration = calibration_of(engine);
    const struct pass_context context = {.bf16 = (engine->bf16 || calibration)
                                                 && executor_has_avx512(),
                                         .calibration = calibration,
                                         .tensor_bytes = engine->memory_bytes,
                                         .off = engine->passes_off,
                                         .executor = engine->executor};
    const struct kernel_maker maker = {executor_make, engine->executor};
    const struct plan_options options = {.max_bytes = engine->memory_bytes,
                                         .max_work = engine->max_work,
                                         .share = !pass_is_off(&context, "share"),
                                         .maker = engine->executor ? &maker : NULL};
    e = pass_run_all(graph, &context, err);
    if (e == 0)
        e = plan_create(graph, &options, &plan, err);
    if (e != 0)
        return e;
    plan_destroy(engine->plan);
    graph_destroy(engine->graph);
    engine->graph = take(graph);
    engine->plan = take(plan);
    engine->runs = 0;
    return 0;
}

int engine_run(struct engine *engine, const struct tensor *const *inputs,
               const struct tensor **outputs, struct err *err)
{
    const int e = engine_prepare(engine, inputs, err);
    engine->runs++;
    if (e == 0)
        plan_watch(engine->plan, engine->watch, engine->watch_ctx);
    return e != 0 ? e : plan_run(engine->plan, inputs, outputs, err);
}

const char *engine_code(void)
{
    return executor_version();
}

struct engine_facts engine_facts(const struct engine *engine)
{
    const bool bf16 = engine->bf16 && engine->executor && executor_has_avx512();
    struct engine_facts facts = {
        .code = engine->executor ? executor_version() : "reference",
        .precision = calibration_of(engine) ? "int8"
                     : bf16                 ? "bf16"
                                            : "f32",
        .threads = engine->threads,
        .arena_bytes = engine->plan ? plan_arena_bytes(engine->plan) : 0,
    };
    for (size_t n = 0; engine->plan && n < engine->graph->node_count; n++) {
        if (engine->graph->nodes[n].op)
            facts.work += plan_work(engine->plan, n);
    }
    return facts;
}

static void report_value(const struct graph *g, int value, FILE *to)
{
    char shape[120];
    if (value < 0)
        return;
    tensor_describe(&g->values[value].shape, shape, sizeof(shape));
    fprintf(to, " %s:%s%s", g->values[value].name, shape,
            g->values[value].constant ? "*" : "");
    if (g->values[value].scale > 0)
        fprintf(to, "(q-%d)*%.4g", g->values[value].zero, (double)g->values[value].scale);
}

static void report_ports(const struct graph *g, const struct node *node, FILE *to)
{
    for (size_t i = 0; i < node->in_count; i++)
        report_value(g, node->in[i], to);
    fputs(" ->", to);
    for (size_t i = 0; i < node->out_count; i++)
        report_value(g, node->out[i], to);
    fputc('\n', to);
}

/** Bytes that node n reads and writes at least. */
static double bytes_of(const struct graph *g, const struct node *node)
{
    double bytes = 0;
    for (size_t i = 0; i < node->in_count + node->out_count; i++) {
        const int v = i < node->in_count ? node->in[i] : node->out[i - node->in_count];
        if (v >= 0 && g->values[v].shape.rank >= 0)
            bytes += (double)value_bytes(&g->values[v]);
    }
    return bytes;
}

static void report_before(const struct graph *g, FILE *to)
{
    for (size_t n = 0; n < g->node_count; n++) {
        fprintf(to, "%4zu %-20s", n, g->nodes[n].op->name);
        report_ports(g, &g->nodes[n], to);
    }
}

static void report_after(const struct engine *engine, FILE *to)
{
    const struct graph *g = engine->graph;
    const double runs = engine->runs > 0 ? (double)engine->runs : 1,
                 peak = peak_ops(PEAK_F32);
    double seconds = 0, flops = 0;
    fprintf(to, "%4s %-16s %-24s %9s %8s %8s %6s %8s\n", "", "operator", "code", "ms",
            "MFLOP", "GFLOP/s", "peak", "MB");
    for (size_t n = 0; n < g->node_count; n++) {
        const struct node *node = &g->nodes[n];
        if (!node->op)
            continue;
        const double s = plan_seconds(engine->plan, n) / runs;
        const double f = 2 * plan_work(engine->plan, n);
        seconds += s;
        flops += f;
        fprintf(to, "%4zu %-16s %-24s %9.3f %8.1f %8.1f %5.0f%% %8.2f", n, node->op->name,
                plan_kernel_name(engine->plan, n), s * 1e3, f / 1e6,
                s > 0 ? f / s / 1e9 : 0, s > 0 ? 100 * f / s / peak : 0,
                bytes_of(g, node) / 1e6);
        report_ports(g, node, to);
    }
    fprintf(
        to,
        "together %.3f ms, %.2f GFLOP, %.1f GFLOP/s; a core's peak in float is %.1f\n",
        seconds * 1e3, flops / 1e9, seconds > 0 ? flops / seconds / 1e9 : 0, peak / 1e9);
    fprintf(to, "activations: %.2f MiB in one arena, %.2f MiB without sharing\n",
            (double)plan_arena_bytes(engine->plan) / 0x1p20,
            (double)plan_values_bytes(engine->plan) / 0x1p20);
}

/** One box a node, one arrow a value between nodes. */
static void report_dot(const struct graph *g, FILE *to)
{
    fputs("digraph network {\n  node [shape=box];\n", to);
    for (size_t n = 0; n < g->node_count; n++) {
        const struct node *node = &g->nodes[n];
        if (!node->op)
            continue;
        fprintf(to, "  n%zu [label=\"%s\"];\n", n, node->op->name);
        for (size_t i = 0; i < node->in_count; i++) {
            char shape[120];
            const int v = node->in[i];
            if (v < 0 || g->values[v].producer < 0)
                continue;
            tensor_describe(&g->values[v].shape, shape, sizeof(shape));
            fprintf(to, "  n%d -> n%zu [label=\"%s\"];\n", g->values[v].producer, n,
                    shape);
        }
    }
    fputs("}\n", to);
}

void engine_report(const struct engine *engine, enum engine_report what, FILE *to)
{
    if (what == ENGINE_BEFORE)
        report_before(engine->model, to);
    else if (engine->plan && what == ENGINE_AFTER)
        report_after(engine, to);
    else if (engine->plan)
        report_dot(engine->graph, to);
}
