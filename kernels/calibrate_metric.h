/* calibrate_metric: how far the outputs of a network in 8 bits are from those in float. */
#ifndef KERNELS_CALIBRATE_METRIC_H
#define KERNELS_CALIBRATE_METRIC_H

#include "kernels/tensor.h"

#include <stdbool.h>
#include <stddef.h>

struct err;

enum { METRIC_LABELS_MAX = 256 };

/** What is kept of the outputs of one sample in float. */
struct metric_want {
    bool dice;
    struct tensor *outputs; // [count], copies; for dice labels of the first one, uint8
    size_t count;
};

/** Sums over samples. */
struct metric {
    bool dice;
    double errors, samples;                                    // of error
    double both[METRIC_LABELS_MAX], either[METRIC_LABELS_MAX]; // of dice, by label
    unsigned char *labels;                                     // room
    size_t room;
};

/** Is dice asked for, or fitting where nothing is (an image of labels' scores)? */
bool metric_is_dice(const char *name, const struct tensor *output);
/** Keep what want->dice asks for of outputs [count]. Errors: ERR_NOMEM, ERR_UNSUPPORTED. */
int metric_copy(struct metric_want *want, const struct tensor *const *outputs,
                size_t count, struct err *err);
void metric_want_finish(struct metric_want *want);
/** Add a sample: its outputs against those in float. Errors: ERR_NOMEM, ERR_FORMAT. */
int metric_add(struct metric *m, const struct metric_want *want,
               const struct tensor *const *outputs, struct err *err);
/** 0: no difference. */
double metric_result(const struct metric *m);
void metric_finish(struct metric *m);

#endif
