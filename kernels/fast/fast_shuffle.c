/*
 * fast_shuffle: hilum.Shuffle, which puts channels into space.
 *
 *     y[n, o, p*s + d] = x[n, d*channels + o, p]   for all offsets d of a step s (row-major)
 *
 * x float [batch, steps * channels, spatial...], y float [batch, channels, s * spatial...];
 * plain, or blocked with whole blocks of channels. Cost: one pass. Test: test_fast.
 */
#include "kernels/fast/fast.h"

#include "base/err.h"
#include "kernels/ops/op.h"

#include <stdlib.h>
#include <string.h>

struct shuffle {
    struct kernel base;
    int64_t batch, blocks, in[3], step[3];
    size_t unit; // floats that move together
};

/** Rows of one block of channels at one offset of the step. */
static void shuffle_rows(const struct shuffle *s, const float *x, float *y, int64_t dx)
{
    const int64_t n = s->in[2], step = s->step[2];
    if (s->unit == LAYOUT_BLOCK) {
        for (int64_t i = 0; i < n; i++)
            memcpy(y + (i * step + dx) * LAYOUT_BLOCK, x + i * LAYOUT_BLOCK,
                   LAYOUT_BLOCK * sizeof(float));
        return;
    }
    for (int64_t i = 0; i < n; i++)
        y[i * step + dx] = x[i];
}

static int run(struct kernel *kernel, struct op_call *call, struct err *err)
{
    (void)err;
    const struct shuffle *s = (const struct shuffle *)kernel;
    const float *x = call->in[0]->data;
    const size_t row = (size_t)s->in[2] * s->unit;
    const int64_t steps = s->step[0] * s->step[1] * s->step[2];
    for (int64_t b = 0; b < s->batch * steps * s->blocks; b++) {
        const int64_t image = b / (steps * s->blocks), d = b / s->blocks % steps;
        const int64_t block = image * s->blocks + b % s->blocks;
        const int64_t dx = d % s->step[2], dy = d / s->step[2] % s->step[1];
        const int64_t dz = d / s->step[2] / s->step[1];
        for (int64_t z = 0; z < s->in[0]; z++) {
            for (int64_t y = 0; y < s->in[1]; y++, x += row) {
                const int64_t to_z = z * s->step[0] + dz, to_y = y * s->step[1] + dy;
                const int64_t to =
                    (block * s->in[0] * s->step[0] + to_z) * s->in[1] * s->step[1] + to_y;
                shuffle_rows(s, x,
                             (float *)call->out[0]->data + to * (int64_t)row * s->step[2],
                             dx);
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
    const bool blocked = x->layout == LAYOUT_BLOCKED;
    const int axes = x->shape.rank - 2;
    if (x->layout != y->layout || (!blocked && x->layout != LAYOUT_PLAIN) || axes > 3
        || (blocked && y->shape.dim[1] % LAYOUT_BLOCK != 0))
        return 0;
    struct shuffle *s = calloc(1, sizeof(*s));
    if (!s)
        return err_set(err, ERR_NOMEM, "a kernel");
    s->base = (struct kernel){run, destroy, "shuffle"};
    s->batch = x->shape.dim[0];
    s->unit = blocked ? LAYOUT_BLOCK : 1;
    s->blocks = y->shape.dim[1] / (int64_t)s->unit;
    for (int i = 0; i < 3; i++) {
        const int axis = i - (3 - axes) + 2;
        s->in[i] = axis < 2 ? 1 : x->shape.dim[axis];
        s->step[i] = axis < 2 ? 1 : y->shape.dim[axis] / x->shape.dim[axis];
    }
    *ret = &s->base;
    return 0;
}
