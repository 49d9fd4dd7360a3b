/* conv_edit: what passes do to convolutions: ask what they are, scale them, extend them. */
#ifndef KERNELS_PASSES_CONV_EDIT_H
#define KERNELS_PASSES_CONV_EDIT_H

#include "kernels/graph.h"

struct err;

/** Is node a Conv or ConvTranspose, ONNX's or ours? */
bool conv_is(const struct node *node);
bool conv_is_transposed(const struct node *node);
/** The convolution that makes value and whose result only one node reads, whose weights and
 * bias are constants, and which has neither activation nor residual yet. Otherwise -1. */
int conv_open_producer(const struct graph *graph, int value);
/** Channels that node n puts out; its weights' shape must be known. */
int64_t conv_channels(const struct graph *graph, size_t n);
/** Turn ONNX's convolution into ours, which can have an activation and a residual. */
int conv_make_ours(struct graph *graph, size_t n, struct err *err);
/** y * scale + shift for each channel, in weights and bias of its own. Errors: ERR_NOMEM. */
int conv_scale(struct graph *graph, size_t n, const double *scale, const double *shift,
               struct err *err);
/** Numbers of value, a constant that is one number or one a channel of a tensor of that rank
 * (shape [c], [c,1,1], [1,c,1,1] ...), into ret [channels]; false if it is something else. */
bool conv_per_channel(const struct graph *graph, int value, int rank, int64_t channels,
                      double *ret);

#endif
