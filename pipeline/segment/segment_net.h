/*
 * segment_net: a card's network asked about patches that lie as the series does.
 *
 * Turns a patch into the order of axes that the network was trained in, runs it, and turns the
 * answer back. Knows no tiles and no masks. One thread at a time.
 */
#ifndef PIPELINE_SEGMENT_SEGMENT_NET_H
#define PIPELINE_SEGMENT_SEGMENT_NET_H

#include "base/auto.h"
#include "base/grid.h"
#include "pipeline/lib/card.h"

#include <stddef.h>

struct err;
struct segment_net;

/** Which axis of the grid (0 z, 1 y, 2 x) each axis of the network is, and which are mirrored. */
struct segment_axes {
    int of[3];
    bool is_mirrored[3];
};

/** The axes that card.input.directions mean on grid: the permutation that comes nearest. */
struct segment_axes segment_axes_of(const struct card *card, const struct grid *grid);

/** Open the network for patches on grid. Errors: those of card_open(), ERR_CONFIG the model has
 * no such input or output. */
int segment_net_open(const struct card *card, const struct grid *grid, int threads,
                     struct segment_net **ret, struct err *err);
void segment_net_destroy(struct segment_net *net);
AUTO_DEFINE(segment_net)

/** z, y, x of the grid: the patch, and the spacing that the card wants (0: as it is). */
const size_t *segment_net_patch(const struct segment_net *net);
const double *segment_net_spacing_mm(const struct segment_net *net);
/** What it is computed in: "f32" also where bf16 was asked for and the CPU has none. Static. */
const char *segment_net_precision(const struct segment_net *net);
/** Channels of an answer: of the output, or one a label where it holds classes. */
size_t segment_net_channels(const struct segment_net *net);
/** The channel of label i. */
size_t segment_net_channel(const struct segment_net *net, size_t i);

/**
 * Ask about patch, float [z][y][x] of the grid, into answer [channels][z][y][x].
 *
 * Errors: those of engine_run(); ERR_CONFIG the answer is not what the card says
 */
int segment_net_run(struct segment_net *net, const float *patch, float *answer,
                    struct err *err);

#endif
