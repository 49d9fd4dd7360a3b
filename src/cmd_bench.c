#include "src/cmd.h"

#include "base/clock.h"
#include "base/err.h"
#include "kernels/engine.h"
#include "kernels/peak.h"
#include "src/progress.h"
#include "src/threads.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PORTS_MAX = 64, RUNS_MAX = 1000, RUNS = 7 };

static const char USAGE[] =
    "usage: hilum bench engine [MODEL...]   how fast networks run, and what the "
    "processor "
    "could do\n"
    "\n"
    "Each MODEL, an ONNX file, runs on numbers of a fixed sequence; open axes are 1. "
    "Without one\n"
    "the processor's own peak is measured alone.\n"
    "\n"
    "  --precision P       f32 unless given; bf16 where the CPU has it\n"
    "  --threads N         1 unless given\n"
    "  --pin               each thread on a processor of its own\n"
    "  --numa-node N       on processors of that NUMA node\n"
    "  --runs N            runs that count, after one that does not (7)\n"
    "  --executor E        dnnl unless given; reference: plain C, slow\n"
    "  --passes-off A,B    leave out these passes of the optimiser\n"
    "  --quiet             no progress\n";

struct request {
    struct engine_options options;
    char **models;
    int model_count, runs;
    bool is_quiet;
};

/** What one network came to. */
struct timing {
    double opened_ms, ms[RUNS_MAX],
        cpu_ms[RUNS_MAX]; // each run, by the clock and the CPU
};

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void fill(struct tensor *t)
{
    uint32_t state = 1;
    for (int64_t i = 0; i < tensor_count(t); i++) {
        state = state * 1664525u + 1013904223u;
        tensor_store_f64(t, i, 1, &(double){(double)(state >> 8) / 0x1p24});
    }
}

static int make_inputs(const struct engine *engine, struct tensor *inputs,
                       struct err *err)
{
    const size_t count = engine_input_count(engine);
    if (count > PORTS_MAX || engine_output_count(engine) > PORTS_MAX)
        return err_set(err, ERR_LIMIT, "more than %d inputs or outputs", PORTS_MAX);
    int e = 0;
    for (size_t i = 0; e == 0 && i < count; i++) {
        inputs[i] = *engine_input_shape(engine, i);
        inputs[i].rank = inputs[i].rank < 0 ? 0 : inputs[i].rank;
        for (int d = 0; d < inputs[i].rank; d++)
            inputs[i].dim[d] = inputs[i].dim[d] < 0 ? 1 : inputs[i].dim[d];
        e = tensor_check_bytes(&inputs[i], (size_t)1 << 33, err);
        if (e == 0)
            e = tensor_allocate(&inputs[i], err);
        if (e == 0)
            fill(&inputs[i]);
    }
    return e;
}

static int run_all(const struct request *r, struct engine *engine, const char *name,
                   struct tensor *inputs, struct timing *timing, struct err *err)
{
    const struct tensor *in[PORTS_MAX], *out[PORTS_MAX];
    struct progress progress;
    for (size_t i = 0; i < PORTS_MAX; i++)
        in[i] = &inputs[i];
    progress_begin(&progress, r->is_quiet);
    int e = 0;
    for (int run = -1; e == 0 && run < r->runs; run++) {
        const double start = clock_s(), cpu_start = cpu_s();
        progress_show(&progress, name, (run + 1.0) / (r->runs + 1));
        e = engine_run(engine, in, out, err);
        if (run < 0)
            continue;
        timing->ms[run] = (clock_s() - start) * 1e3;
        timing->cpu_ms[run] = (cpu_s() - cpu_start) * 1e3;
    }
    progress_end(&progress, NULL);
    return e;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_of(double *values, int n)
{
    qsort(values, (size_t)n, sizeof(*values), compare);
    return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

static enum peak_kind kind_of(const char *precision)
{
    return strcmp(precision, "bf16") == 0   ? PEAK_BF16
           : strcmp(precision, "int8") == 0 ? PEAK_INT8
                                            : PEAK_F32;
}

static void print_row(const struct request *r, const struct engine *engine,
                      const char *name, struct timing *timing)
{
    const struct engine_facts facts = engine_facts(engine);
    const double ms = median_of(timing->ms, r->runs), least = timing->ms[0];
    const double flops = 2 * facts.work, rate = flops / ms * 1e3;
    const double peak = peak_ops(kind_of(facts.precision)) * facts.threads;
    printf("%-24s %-5s %3d %10.2f %10.2f %10.2f %9.2f %9.1f %5.0f%% %8.2f %8.0f\n", name,
           facts.precision, facts.threads, ms, least, median_of(timing->cpu_ms, r->runs),
           flops / 1e9, rate / 1e9, peak > 0 ? 100 * rate / peak : 0,
           (double)facts.arena_bytes / 0x1p20, timing->opened_ms);
    fflush(stdout);
}

static int bench_model(const struct request *r, const char *path, struct err *err)
{
    static struct timing timing;
    struct tensor inputs[PORTS_MAX] = {0};
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    auto_(engine) struct engine *engine = NULL;
    const double began = clock_s();
    int e = engine_open(path, &r->options, &engine, err);
    timing.opened_ms = (clock_s() - began) * 1e3;
    if (e == 0)
        e = make_inputs(engine, inputs, err);
    if (e == 0)
        e = run_all(r, engine, name, inputs, &timing, err);
    for (size_t i = 0; i < PORTS_MAX; i++)
        tensor_finish(&inputs[i]);
    if (e != 0)
        return err_add(err, "%.100s", name), e;
    print_row(r, engine, name, &timing);
    return 0;
}

static void print_processor(void)
{
    static const struct {
        enum peak_kind kind;
        const char *name;
    } KINDS[] = {{PEAK_F32, "f32"}, {PEAK_BF16, "bf16"}, {PEAK_INT8, "int8"}};
    printf("%s, %d processors to use; peak of one thread:", engine_code(),
           threads_available());
    for (size_t i = 0; i < sizeof(KINDS) / sizeof(KINDS[0]); i++) {
        const double ops = peak_ops(KINDS[i].kind);
        if (ops > 0)
            printf("%s %s %.0f G/s", i ? "," : "", KINDS[i].name, ops / 1e9);
    }
    puts("");
}

static int read_number(const char *text, long max, int *ret)
{
    char *end;
    const long n = strtol(text, &end, 10);
    if (!*text || *end || n < 1 || n > max)
        return -1;
    *ret = (int)n;
    return 0;
}

static int read_options(int argc, char **argv, struct request *r)
{
    static const struct option OPTIONS[] = {
        {"precision", required_argument, NULL, 'p'},
        {"threads", required_argument, NULL, 't'},
        {"runs", required_argument, NULL, 'r'},
        {"executor", required_argument, NULL, 'e'},
        {"passes-off", required_argument, NULL, 'x'},
        {"pin", no_argument, NULL, 'P'},
        {"numa-node", required_argument, NULL, 'N'},
        {"quiet", no_argument, NULL, 'q'},
        {0},
    };
    int bad = 0;
    for (int c;
         bad == 0 && (c = getopt_long(argc, argv, "p:t:q", OPTIONS, NULL)) != -1;) {
        if (c == 'p')
            r->options.precision = optarg;
        else if (c == 'e')
            r->options.executor = optarg;
        else if (c == 'x')
            r->options.passes_off = optarg;
        else if (c == 'P')
            r->options.pin = true;
        else if (c == 'N')
            r->options.numa_node = optarg;
        else if (c == 'q')
            r->is_quiet = true;
        else if (c == 't')
            bad = read_number(optarg, 1024, &r->options.threads);
        else
            bad = c == 'r' ? read_number(optarg, RUNS_MAX, &r->runs) : -1;
    }
    r->models = argv + optind;
    r->model_count = argc - optind;
    return bad;
}

int cmd_bench(int argc, char **argv)
{
    struct request r = {.runs = RUNS};
    struct err err = {0};
    if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
        return fputs(USAGE, stdout), CMD_DONE;
    if (argc < 2 || strcmp(argv[1], "engine") != 0
        || read_options(argc - 1, argv + 1, &r) != 0)
        return fputs(USAGE, stderr), CMD_USAGE;
    print_processor();
    if (r.model_count > 0)
        printf("%-24s %-5s %3s %10s %10s %10s %9s %9s %6s %8s %8s\n", "network", "in",
               "N", "median ms", "least ms", "CPU ms", "GFLOP", "GFLOP/s", "peak", "MiB",
               "open ms");
    int status = CMD_DONE;
    for (int i = 0; i < r.model_count; i++) {
        if (bench_model(&r, r.models[i], &err) != 0)
            status = cmd_fail("bench", &err);
    }
    return status;
}
