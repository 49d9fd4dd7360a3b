/*
 * fast_shuffle: hilum.Shuffle, which puts channels into space.
 *
 *     y[n, o, p*s + d] = x[n, d*channels + o, p]   for all offsets d of a step s (row-major)
 *
 * x [batch, steps * channels, spatial...], y [batch, channels, s * spatial...] of one type;
 * plain, channels last, or blocked with whole blocks of channels. Cost: one pass.
 * Test: tests/golden/test_networks.py.
 */
#include "kernels/fast/fast.h"

#include "base/err.h"
#include "kernels/ops/op.h"

#include <stdlib.h>
#include <string.h>

struct shuffle {
    struct kernel base;
    int64_t batch, blocks, in[3], step[3];
    size_t unit;      // bytes that move together
    size_t in_stride; // bytes from one of them to the next along a row of x
};

/** A row of one block of channels at one offset of the step. */
static void shuffle_row(const struct shuffle *s, const char *x, char *y, int64_t dx)
{
    const size_t step = (size_t)s->step[2] * s->unit;
    y += (size_t)dx * s->unit;
    if (s->unit == LAYOUT_BLOCK * sizeof(float)) { // a size that compilers know
        for (int64_t i = 0; i < s->in[2]; i++, x += s->in_stride, y += step)
            memcpy(y, x, LAYOUT_BLOCK * sizeof(float));
    } else if (s->unit == sizeof(float)) {
        for (int64_t i = 0; i < s->in[2]; i++, x += s->in_stride, y += step)
            memcpy(y, x, sizeof(float));
    } else {
        for (int64_t i = 0; i < s->in[2]; i++, x += s->in_stride, y += step)
            memcpy(y, x, s->unit);
    }
}

/** One block of channels of one image at one offset d of the step. */
static void shuffle_block(const struct shuffle *s, const char *x, char *y, int64_t d)
{
    const size_t row = (size_t)s->in[2] * s->in_stride;
    const size_t out_row = (size_t)(s->in[2] * s->step[2]) * s->unit;
    const int64_t dx = d % s->step[2], dy = d / s->step[2] % s->step[1];
    const int64_t dz = d / s->step[2] / s->step[1];
    for (int64_t i = 0; i < s->in[0] * s->in[1]; i++, x += row) {
        const int64_t z = i / s->in[1] * s->step[0] + dz,
                      r = i % s->in[1] * s->step[1] + dy;
        shuffle_row(s, x, y + (size_t)(z * s->in[1] * s->step[1] + r) * out_row, dx);
    }
}

static int run(struct kernel *kernel, struct op_call *call, struct err *err)
{
    (void)err;
    const struct shuffle *s = (const struct shuffle *)kernel;
    const int64_t steps = s->step[0] * s->step[1] * s->step[2];
    const size_t plane = (size_t)(s->in[0] * s->in[1] * s->in[2]) * s->unit;
    const bool last = s->in_stride != s->unit; // then there is one block: all channels
    for (int64_t image = 0; image < s->batch; image++) {
        for (int64_t d = 0; d < steps; d++) {
            for (int64_t b = 0; b < s->blocks; b++) {
                const int64_t part = (image * steps + d) * s->blocks + b;
                const size_t from =
                    last ? (size_t)image * plane * (size_t)steps + (size_t)d * s->unit
                         : (size_t)part * plane;
                const size_t to = (size_t)((image * s->blocks + b) * steps) * plane;
                shuffle_block(s, (const char *)call->in[0]->data + from,
                              (char *)call->out[0]->data + to, d);
            }
        }
    }
    return 0;
}

static void destroy(struct kernel *kernel)
{
    free(kernel);
}

int fast_make_shuffle(const struct graph *graph, const struct node *node,
                      struct kernel **ret, struct err *err)
{
    const struct value *x = &graph->values[node->in[0]],
                       *y = &graph->values[node->out[0]];
    const bool blocked = x->layout == LAYOUT_BLOCKED, last = x->layout == LAYOUT_LAST;
    const int axes = x->shape.rank - 2;
    const int64_t channels = y->shape.dim[1];
    if (x->layout != y->layout || axes > 3 || (blocked && channels % LAYOUT_BLOCK != 0))
        return 0;
    struct shuffle *s = calloc(1, sizeof(*s));
    if (!s)
        return err_set(err, ERR_NOMEM, "a kernel");
    const int64_t together = blocked ? LAYOUT_BLOCK : last ? channels : 1;
    s->base = (struct kernel){run, destroy, "shuffle"};
    s->batch = x->shape.dim[0];
    s->blocks = channels / together;
    s->unit = (size_t)together * tensor_type_size(x->shape.type);
    s->in_stride = last ? s->unit * (size_t)(x->shape.dim[1] / channels) : s->unit;
    for (int i = 0; i < 3; i++) {
        const int axis = i - (3 - axes) + 2;
        s->in[i] = axis < 2 ? 1 : x->shape.dim[axis];
        s->step[i] = axis < 2 ? 1 : y->shape.dim[axis] / x->shape.dim[axis];
    }
    *ret = &s->base;
    return 0;
}
