/* model_calibrate: hilum model calibrate: samples in a folder to a calibration beside the model. */
#ifndef SRC_MODEL_CALIBRATE_H
#define SRC_MODEL_CALIBRATE_H

#include <stdbool.h>
#include <stddef.h>

struct err;

/** What the command line asks for; NULL or 0: not given. */
struct model_calibrate {
    const char *model, *data, *judge, *out, *metric;
    double bound;
    int threads;
    size_t memory_bytes;
    bool quick; // one method of ranges for all values
};

/** Calibrate and write; how far it is goes to stderr, what was found to stdout.
 * Errors: ERR_CONFIG, ERR_NOTFOUND, those of calibrate() and calibration_write() */
int model_calibrate(const struct model_calibrate *m, struct err *err);

#endif
