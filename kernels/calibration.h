/*
 * calibration: what turns a network of floats into one of 8-bit numbers: the range of each of
 * its values and the steps that stay in more bits, with what was measured when it was found.
 *
 * It is a text file of its own beside the ONNX file (.int8; libconfig's syntax) that names the
 * network by a digest of all its operators and weights. The last line is a checksum of those
 * before it. A file that was changed, or that belongs to another network, is refused.
 */
#ifndef KERNELS_CALIBRATION_H
#define KERNELS_CALIBRATION_H

#include "base/auto.h"
#include "base/sha256.h"

#include <stdbool.h>
#include <stddef.h>

struct err;
struct graph;

enum { CALIBRATION_VERSION = 1, CALIBRATION_BYTES_MAX = 16 << 20 };

/** How a range was chosen; see calibrate.h. */
enum range_method { RANGE_MINMAX, RANGE_PERCENTILE, RANGE_KL, RANGE_MSE, RANGE_METHODS };

struct calibrated_value {
    char *name;
    double lo, hi;
    enum range_method method;
};

struct calibration {
    char *model;             // name of the ONNX file in the same folder
    char digest[SHA256_HEX]; // of the network, calibration_digest()
    char *metric;            // what bound and reached are of
    double bound, reached;   // asked for; met by the samples that judged
    long samples, judges;    // that calibrated; that judged, others than those
    struct calibrated_value *values;
    size_t value_count;
    char **kept; // names of results of steps that stay in bfloat16 or float
    size_t kept_count;
};

/**
 * Read and check a file.
 *
 * Errors: ERR_NOTFOUND, ERR_IO; ERR_FORMAT (the checksum, a digest that is none), ERR_CONFIG
 * (a key or number that may not stand there), ERR_LIMIT, ERR_NOMEM
 */
int calibration_read(const char *path, struct calibration **ret, struct err *err);
/** The same from text; name stands for the file in errors. */
int calibration_parse(const char *text, size_t size, const char *name,
                      struct calibration **ret, struct err *err);
/** Write it to path, atomically. Errors: ERR_UNSUPPORTED (a name with control characters),
 * ERR_IO, ERR_NOMEM. */
int calibration_write(const struct calibration *c, const char *path, struct err *err);
void calibration_destroy(struct calibration *c);
AUTO_DEFINE(calibration)

/** An empty one. Errors: ERR_NOMEM. */
int calibration_create(struct calibration **ret, struct err *err);
/** The value called name, or NULL. */
struct calibrated_value *calibration_find(const struct calibration *c, const char *name);
/** Append a value. Errors: ERR_NOMEM. */
int calibration_add(struct calibration *c, const char *name, double lo, double hi,
                    struct err *err);
/** Does the step whose result is called name stay out of 8 bits? */
bool calibration_keeps(const struct calibration *c, const char *name);
/** Let it stay out, or take the last one that was let so back. Errors: ERR_NOMEM. */
int calibration_keep(struct calibration *c, const char *name, struct err *err);
void calibration_keep_less(struct calibration *c);

/** "minmax", "percentile", "kl", "mse". */
const char *range_method_name(enum range_method method);
/** SHA-256 over operators, names and weights of a graph as it was read. Errors: ERR_NOMEM. */
int calibration_digest(const struct graph *graph, char ret[SHA256_HEX], struct err *err);

#endif
