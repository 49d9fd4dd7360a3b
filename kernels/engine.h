/*
 * engine: a network from an ONNX file, made ready to run on this machine's CPU.
 *
 *     engine_open -> (engine_input_shape ...) -> engine_run, engine_run, ... -> engine_destroy
 *
 * The graph is optimised and planned for the shapes of the first run's inputs (at opening, if
 * the model fixes them) and again when they change. Results are bit-identical from run to run
 * and for any number of threads on one machine. An engine serves one thread at a time; two
 * engines are independent. It knows no DICOM and no files but the model's.
 */
#ifndef KERNELS_ENGINE_H
#define KERNELS_ENGINE_H

#include "base/auto.h"
#include "kernels/tensor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct calibration;
struct err;
struct engine;
struct graph;

/** How to run; a zeroed struct is: the fastest executor, one thread, all passes, bounds that
 * fit a network of a hospital. */
struct engine_options {
    const char *executor;   // "dnnl" or "reference"; NULL: dnnl
    const char *precision;  // "f32", "bf16" or "int8"; NULL: f32, of a calibration int8
    int threads;            // 0: one
    bool pin;               // each thread on a processor of its own (affinity.h)
    const char *numa_node;  // number of the node to keep to; NULL: any
    const char *passes_off; // names between commas; NULL: none
    double max_work;        // most multiply-adds of one run; 0: 1e14, half an hour or so
    size_t memory_bytes;    // most that reading and running may take each; 0: 8 GiB
};

/**
 * Read and check the model at path: an ONNX file or the calibration of one (.int8), which lies
 * beside it. In int8 the calibration of m.onnx is m.int8.
 *
 * Errors: those of onnx_load() and calibration_read(); ERR_CONFIG  an option that is not one;
 *         ERR_FORMAT  the calibration is of another network
 */
int engine_open(const char *path, const struct engine_options *options,
                struct engine **ret, struct err *err);
/** The same from memory, without external data. */
int engine_open_bytes(const void *data, size_t size, const struct engine_options *options,
                      struct engine **ret, struct err *err);
void engine_destroy(struct engine *engine);
AUTO_DEFINE(engine)

size_t engine_input_count(const struct engine *engine);
size_t engine_output_count(const struct engine *engine);
/** Names and shapes live as long as the engine. A shape has dim -1 where the model leaves it
 * open, rank -1 where it says nothing. */
const char *engine_input_name(const struct engine *engine, size_t i);
const char *engine_output_name(const struct engine *engine, size_t i);
const struct tensor *engine_input_shape(const struct engine *engine, size_t i);
/** Index of the input called name, or -1. */
int engine_find_input(const struct engine *engine, const char *name);

/**
 * Make ready for inputs of these shapes [engine_input_count]; their data is not looked at.
 *
 * Errors: ERR_FORMAT (a shape that the model does not take), ERR_UNSUPPORTED, ERR_LIMIT;
 * the text names the input or the node.
 */
int engine_prepare(struct engine *engine, const struct tensor *const *inputs,
                   struct err *err);
/**
 * Run on inputs [engine_input_count] in the model's order. outputs [engine_output_count] are
 * lent until the next run or the engine's end. The first run after preparing is a self-test,
 * too: convolutions of the fast executor are held to their definition (probe.h).
 *
 * Errors: those of engine_prepare() and of the operators; ERR_UNSUPPORTED the self-test failed
 */
int engine_run(struct engine *engine, const struct tensor *const *inputs,
               const struct tensor **outputs, struct err *err);

/** How a prepared engine computes, for results to record. */
struct engine_facts {
    const char *code; // library, its version and instruction set; "reference"; static
    const char
        *precision; // what is computed in: f32 where bf16 was asked for but the CPU
                    // has no AVX-512, int8 with a calibration anywhere; static
    int threads;
    double work;        // multiply-adds of a run; 0 if not prepared
    size_t arena_bytes; // of activations; 0 if not prepared
};
/** The code alone, of the fast executor. */
const char *engine_code(void);
struct engine_facts engine_facts(const struct engine *engine);

/* What a calibration is made with; see calibrate.h. */

/** Run with that calibration (lent until another is set; NULL: the one that was read). */
void engine_set_calibration(struct engine *engine, const struct calibration *calibration);
/** A value was made in a run: its name and numbers, which take bytes in whatever layout they
 * have (channels may be filled up with zeros). */
typedef void engine_watch_fn(void *ctx, const char *name, const struct tensor *t,
                             size_t bytes);
/** Call watch for each value of the runs that follow; NULL: no more. */
void engine_set_watch(struct engine *engine, engine_watch_fn *watch, void *ctx);
/** The graph as read, or as prepared (NULL: it is not); lent until it is prepared anew. */
const struct graph *engine_graph(const struct engine *engine, bool prepared);

/** What engine_report() prints. */
enum engine_report { ENGINE_BEFORE, ENGINE_AFTER, ENGINE_DOT };
/** Print the graph as read; as prepared, with what each node took in the runs so far, its
 * operations, its share of the core's peak and its bytes; or as prepared for Graphviz. What is
 * not prepared prints nothing. */
void engine_report(const struct engine *engine, enum engine_report what, FILE *to);

#endif
