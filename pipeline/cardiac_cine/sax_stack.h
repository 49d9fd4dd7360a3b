/*
 * sax_stack: which frame of a series shows which short-axis slice in which phase of the cycle.
 *
 * Trusts geometry, never names or order. Of the planes in the series the one is taken that most
 * slices share, that was seen in several phases, and that lies across the heart. A phase is the
 * rank of the trigger time inside its slice: slices start at times of their own. Slices lie from
 * base to apex, by the way hearts lie in chests.
 */
#ifndef PIPELINE_CARDIAC_CINE_SAX_STACK_H
#define PIPELINE_CARDIAC_CINE_SAX_STACK_H

#include "base/auto.h"
#include "base/grid.h"
#include "base/series.h"

#include <stdbool.h>
#include <stddef.h>

struct err;

struct sax_stack {
    struct grid *grid;  // slices from base to apex; thickness_mm: the median step
    size_t nt;          // phases of every slice
    size_t *frames;     // [nz][nt] index into series.frames
    double *trigger_ms; // [nz][nt] after the R wave; rank * R-R / nt where there is none
    double *rr_ms;      // [nz] R-R interval; NAN when neither told nor to be guessed
    double *step_mm;    // [nz] what a slice stands for: half the way to each neighbour
    double widest_mm;   // between neighbouring slices
    double *acquired_s; // [nz] clock of the first phase
    size_t left_out;  // frames of other planes, taken twice, or of slices with few phases
    size_t uneven;    // slices with another number of phases, whose nearest were taken
    bool has_trigger; // phases were ordered by trigger time
};

#define SAX_STACK_SLICES 64 // more are refused: no heart is so long

/** How near a slice's normal must be to the usual long axis: cosine of 44 degrees. */
#define SAX_STACK_LIE 0.72

/** Cosine between the normal of these cosines and the usual long axis, base to apex. */
double sax_stack_lie(const double orientation[6]);

/**
 * Sort the frames of series.
 *
 * Errors: ERR_UNSUPPORTED no plane of it is a short-axis stack: the text says so to people.
 *         ERR_NOMEM.
 */
int sax_stack_create(const struct series *series, struct sax_stack **ret,
                     struct err *err);
/** Free stack; NULL is allowed. */
void sax_stack_destroy(struct sax_stack *stack);

/** R-R interval of the stack, ms: the median over its slices, or NAN. */
double sax_stack_rr_ms(const struct sax_stack *stack);
/** Half the range of the R-R intervals over their median, 0..; 0 when there are fewer than 2. */
double sax_stack_rr_spread(const struct sax_stack *stack);
/** Milliseconds after the R wave of phase t: the median over slices. */
double sax_stack_time_ms(const struct sax_stack *stack, size_t t);

AUTO_DEFINE(sax_stack)

#endif
