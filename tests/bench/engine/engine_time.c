/*
 * engine_time: how long a network takes, and how far it is from the reference.
 *
 *     engine_time MODEL.onnx RUNS [PASSES_OFF [EXECUTOR [THREADS [PRECISION]]]]
 *
 * Inputs are numbers in [0, 1) from a fixed sequence. Prints median and least milliseconds of the clock and of the CPU
 * and a checksum of the outputs; with HILUM_SHOW set also what each node took. With 0 RUNS it runs once for each line
 * that it reads, as long as there are any, and answers "CLOCK_MS CPU_MS" or, where it cannot, "no REASON".
 */
#include "base/clock.h"
#include "base/err.h"
#include "base/sha256.h"
#include "kernels/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PORTS = 64, RUNS_MAX = 1000 };

static void fill(struct tensor *t)
{
    uint32_t state = 1;
    for (int64_t i = 0; i < tensor_count(t); i++) {
        state = state * 1664525u + 1013904223u;
        tensor_store_f64(t, i, 1, &(double){(double)(state >> 8) / 0x1p24});
    }
}

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int make_inputs(const struct engine *engine, struct tensor *inputs,
                       struct err *err)
{
    int e = 0;
    for (size_t i = 0; e == 0 && i < engine_input_count(engine); i++) {
        inputs[i] = *engine_input_shape(engine, i);
        for (int d = 0; d < inputs[i].rank; d++)
            inputs[i].dim[d] = inputs[i].dim[d] < 0 ? 1 : inputs[i].dim[d];
        e = tensor_allocate(&inputs[i], err);
        if (e == 0)
            fill(&inputs[i]);
    }
    return e;
}

/** Answer each line of standard input with what a run took, after one that does not count. */
static int answer(struct engine *engine, const struct tensor *const *in,
                  const struct tensor **out, struct err *err)
{
    char line[80];
    int e = engine_run(engine, in, out, err);
    if (e == 0)
        printf("ready %g\n", 2 * engine_facts(engine).work / 1e9);
    fflush(stdout);
    while (e == 0 && fgets(line, sizeof(line), stdin)) {
        const double start = clock_s(), cpu_start = cpu_s();
        e = engine_run(engine, in, out, err);
        printf("%.4f %.4f\n", (clock_s() - start) * 1e3, (cpu_s() - cpu_start) * 1e3);
        fflush(stdout);
    }
    return e;
}

static int measure(const char *path, int runs, const struct engine_options *options,
                   struct err *err)
{
    static double ms[RUNS_MAX], cpu[RUNS_MAX];
    static struct tensor inputs[PORTS];
    const struct tensor *in[PORTS], *out[PORTS];
    auto_(engine) struct engine *engine = NULL;
    const double began = clock_s();
    int e = engine_open(path, options, &engine, err);
    const double opened = clock_s();
    if (e == 0)
        e = make_inputs(engine, inputs, err);
    for (size_t i = 0; i < PORTS; i++)
        in[i] = &inputs[i];
    if (e == 0 && runs == 0)
        return answer(engine, in, out, err);
    for (int r = -1; e == 0 && r < runs; r++) {
        const double start = clock_s(), cpu_start = cpu_s();
        e = engine_run(engine, in, out, err);
        if (r < 0)
            continue;
        ms[r] = (clock_s() - start) * 1e3;
        cpu[r] = (cpu_s() - cpu_start) * 1e3;
    }
    if (e != 0)
        return e;
    char hex[SHA256_HEX];
    sha256_hex(out[0]->data, tensor_bytes(out[0]), hex);
    qsort(ms, (size_t)runs, sizeof(ms[0]), compare);
    qsort(cpu, (size_t)runs, sizeof(cpu[0]), compare);
    printf("median %.2f ms, least %.2f ms, CPU median %.2f ms, least %.2f ms, "
           "opened in %.0f ms, output %.12s\n",
           ms[runs / 2], ms[0], cpu[runs / 2], cpu[0], (opened - began) * 1e3, hex);
    if (getenv("HILUM_SHOW"))
        engine_report(engine, ENGINE_AFTER, stdout);
    return 0;
}

int main(int argc, char **argv)
{
    struct err err = {0};
    if (argc < 3)
        return fprintf(stderr,
                       "usage: engine_time MODEL RUNS [PASSES_OFF [EXECUTOR [THREADS "
                       "[PRECISION]]]]\n"),
               2;
    struct engine_options options = {0};
    const int runs = atoi(argv[2]);
    if (argc > 3)
        options.passes_off = argv[3];
    if (argc > 4)
        options.executor = argv[4];
    if (argc > 5)
        options.threads = atoi(argv[5]);
    if (argc > 6)
        options.precision = argv[6];
    if (runs < 0 || runs > RUNS_MAX || measure(argv[1], runs, &options, &err) != 0)
        return fprintf(stderr, "engine_time: %s\n", err.text), 1;
    return 0;
}
