/*
 * placement: where each value of a graph lies in one arena.
 *
 * Values that nobody reads any more give their place to others. Some share it on purpose:
 * what a Concat joins lies inside its result from the start, a Reshape's result is its input,
 * and a residual that is read for the last time becomes the sum.
 */
#ifndef KERNELS_PLACEMENT_H
#define KERNELS_PLACEMENT_H

#include "kernels/graph.h"

struct err;

/** Values beyond this many get places in a row and share none: the search is quadratic. */
enum { PLACEMENT_SEARCHED_MAX = 4096 };

struct place {
    bool placed;     // false: a constant, an input, or of unknown shape
    size_t offset;   // in the arena
    size_t bytes;    // of the value
    int first, last; // nodes between which the value itself is needed
    int root;        // the value whose memory it lies in; itself if it has its own
    size_t inner;    // offset in the root
};

/**
 * Places for all values of graph [value_count]; the caller frees *ret.
 *
 * share false: every value has a place of its own.
 * Errors: ERR_NOMEM
 */
int placement_create(const struct graph *graph, bool share, struct place **ret,
                     size_t *ret_arena_bytes, size_t *ret_values_bytes, struct err *err);

#endif
