/*
 * fast_concat: Concat of channels where they lie last: y[p] = a[p], b[p], ... for each pixel p.
 * Any type. What lies in its place already (passes/join.c) is not copied.
 * Cost: one copy of the others. Test: tests/golden/test_networks.py in bf16, test_int8.py.
 */
#include "kernels/fast/fast.h"

#include "base/err.h"
#include "kernels/ops/op.h"

#include <stdlib.h>
#include <string.h>

struct concat {
    struct kernel base;
    int64_t pixels;
    size_t size, row; // bytes of an element, of a pixel of the result
    size_t *pitch;    // bytes from pixel to pixel of each part; 0: it is in its place
};

static int run(struct kernel *kernel, struct op_call *call, struct err *err)
{
    (void)err;
    const struct concat *k = (const struct concat *)kernel;
    size_t at = 0;
    for (size_t i = 0; i < call->in_count; i++) {
        const size_t part = (size_t)call->in[i]->dim[1] * k->size;
        const char *from = call->in[i]->data;
        char *to = (char *)call->out[0]->data + at;
        for (int64_t p = 0; k->pitch[i] > 0 && p < k->pixels; p++) {
            memcpy(to, from, part);
            from += k->pitch[i];
            to += k->row;
        }
        at += part;
    }
    return 0;
}

static void destroy(struct kernel *kernel)
{
    free(((struct concat *)kernel)->pitch);
    free(kernel);
}

int fast_make_concat(const struct graph *graph, const struct node *node,
                     struct kernel **ret, struct err *err)
{
    const struct value *y = &graph->values[node->out[0]];
    const int64_t axis = node_int(node, "axis", 1);
    if (y->layout != LAYOUT_LAST || (axis != 1 && axis != 1 - y->shape.rank))
        return 0;
    for (size_t i = 0; i < node->in_count; i++) {
        if (graph->values[node->in[i]].layout != LAYOUT_LAST)
            return 0;
    }
    struct concat *k = calloc(1, sizeof(*k));
    if (!k)
        return err_set(err, ERR_NOMEM, "a kernel");
    k->base = (struct kernel){run, destroy, "concat"};
    k->pixels = y->shape.dim[0] * tensor_span(&y->shape, 2, y->shape.rank);
    k->size = tensor_type_size(y->shape.type);
    k->row = (size_t)value_pitch(graph, node->out[0]) * k->size;
    k->pitch = calloc(node->in_count + 1, sizeof(*k->pitch));
    if (!k->pitch) {
        destroy(&k->base);
        return err_set(err, ERR_NOMEM, "a kernel");
    }
    bool copies = false;
    int64_t first = 0;
    for (size_t i = 0; i < node->in_count; i++) {
        const struct value *v = &graph->values[node->in[i]];
        const bool there = v->whole == node->out[0] && v->whole_first == first;
        k->pitch[i] = there ? 0 : (size_t)value_pitch(graph, node->in[i]) * k->size;
        copies = copies || !there;
        first += v->shape.dim[1];
    }
    k->base.name = copies ? "concat" : "concat:joined";
    *ret = &k->base;
    return 0;
}
