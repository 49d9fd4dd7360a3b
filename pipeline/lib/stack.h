/*
 * stack: the frames of a series as one volume: parallel slices in the order of their normal.
 *
 * Knows geometry only. Frames that lie otherwise than most (a localiser) are left out and
 * counted; of several frames at one place the first is taken and the others are counted, so
 * that the analysis can refuse what is no plain volume.
 */
#ifndef PIPELINE_LIB_STACK_H
#define PIPELINE_LIB_STACK_H

#include "base/auto.h"
#include "base/grid.h"
#include "base/series.h"

#include <stddef.h>

struct err;

struct stack {
    struct grid *grid;  // slices rise along the normal; owned
    size_t *frames;     // [grid->nz] which frame of the series each slice is; owned
    double gap_mm;      // median distance of slices; thickness of a single one
    double gap_off_mm;  // largest deviation of a distance from the median
    double off_axis_mm; // largest sideways step from slice to slice: a tilted gantry
    size_t left_out, repeated;
};

/** Sort the frames of series. Errors: ERR_FORMAT no frame has a place; ERR_NOMEM. */
int stack_create(const struct series *series, struct stack **ret, struct err *err);
/** Free stack; NULL is allowed. */
void stack_destroy(struct stack *stack);

AUTO_DEFINE(stack)

#endif
