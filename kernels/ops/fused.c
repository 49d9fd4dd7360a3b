/*
 * fused: operators of our own domain that passes make of several.
 *
 *     hilum.Conv, hilum.ConvTranspose:  y = activation(conv(x, w, b) + residual)
 *
 * Attributes are those of the convolution, with activation (the name of an operator of one
 * number) and that operator's own (alpha, beta, min, max); out_type where the result is not of
 * the type of x. hilum.Layout brings a value to
 * another layout; it is for executors that have layouts and has no reference.
 *
 *     hilum.Shuffle:  y[n, o, p*s + d] = x[n, d*channels + o, p]
 *
 * puts channels into space, in steps of strides along each spatial axis.
 */
#include "kernels/ops/op.h"

#include "base/err.h"

#include <string.h>

enum { CONV_OPSET = 11 };

/** The call of the convolution inside. */
static int inner_call(const struct op_call *call, struct op_call *inner,
                      struct node *node, struct err *err)
{
    const int e = op_find("", call->node->op->name, CONV_OPSET, &node->op, err);
    node->attrs = call->node->attrs;
    node->attr_count = call->node->attr_count;
    node->opset = CONV_OPSET;
    *inner = *call;
    inner->node = node;
    inner->in_count = call->in_count < 3 ? call->in_count : 3;
    return e;
}

static int infer_fused(struct op_call *call, struct err *err)
{
    struct op_call inner;
    struct node node = {0};
    int e = inner_call(call, &inner, &node, err);
    if (e == 0)
        e = node.op->infer(&inner, err);
    const int64_t type = node_int(call->node, "out_type", 0);
    if (e == 0 && type != 0) {
        if (type != TENSOR_F32 && type != TENSOR_BF16)
            return err_set(err, ERR_UNSUPPORTED, "out_type %lld", (long long)type);
        call->out[0]->type = (enum tensor_type)type;
    }
    if (e == 0 && op_has(call, 3) && !tensor_has_shape_of(call->in[3], call->out[0]))
        e = err_set(err, ERR_FORMAT, "the residual has another shape");
    return e;
}

static int apply(const struct op_call *call, const char *name, int opset,
                 const struct tensor *second, struct err *err)
{
    struct node node = {.attrs = call->node->attrs, .attr_count = call->node->attr_count};
    const struct tensor *in[2] = {call->out[0], second};
    struct op_call step = {.node = &node,
                           .in = in,
                           .in_count = second ? 2 : 1,
                           .out = call->out,
                           .out_count = 1};
    node.opset = opset;
    const int e = op_find("", name, opset, &node.op, err);
    return e != 0 ? e : node.op->run(&step, err);
}

static int run_fused(struct op_call *call, struct err *err)
{
    struct op_call inner;
    struct node node = {0};
    struct tensor residual = op_has(call, 3) ? *call->in[3] : (struct tensor){0};
    int e = inner_call(call, &inner, &node, err);
    // A planner may have put the result where the residual lies, which is still needed.
    if (e == 0 && residual.data && residual.data == call->out[0]->data) {
        e = tensor_allocate(&residual, err);
        if (e == 0)
            memcpy(residual.data, call->in[3]->data, tensor_bytes(&residual));
    }
    if (e == 0)
        e = node.op->run(&inner, err);
    if (e == 0 && residual.data)
        e = apply(call, "Add", 7, &residual, err);
    if (residual.data && op_has(call, 3) && residual.data != call->in[3]->data)
        tensor_finish(&residual);
    const char *activation = node_string(call->node, "activation", "");
    // Clip's bounds were attributes up to opset 6: so they are here.
    if (e == 0 && *activation)
        e = apply(call, activation, strcmp(activation, "Clip") == 0 ? 6 : 20, NULL, err);
    return e;
}

/* Shuffle */

static int infer_shuffle(struct op_call *call, struct err *err)
{
    struct op_ints steps;
    struct tensor shape = *call->in[0];
    int64_t taps = 1;
    const int e = op_attr_ints(call, "strides", &steps, err);
    if (e != 0)
        return e;
    if (shape.rank < 3 || steps.count != (size_t)shape.rank - 2)
        return err_set(err, ERR_FORMAT, "%zu strides for %d axes", steps.count,
                       shape.rank);
    for (size_t i = 0; i < steps.count; i++) {
        if (steps.item[i] < 1 || steps.item[i] > 1 << 16
            || __builtin_mul_overflow(shape.dim[i + 2], steps.item[i], &shape.dim[i + 2])
            || __builtin_mul_overflow(taps, steps.item[i], &taps))
            return err_set(err, ERR_FORMAT, "a stride of %lld", (long long)steps.item[i]);
    }
    if (shape.dim[1] % taps != 0)
        return err_set(err, ERR_FORMAT, "%lld channels for %lld places",
                       (long long)shape.dim[1], (long long)taps);
    shape.dim[1] /= taps;
    op_shape(call, 0, shape.type, shape.rank, shape.dim);
    return 0;
}

static int run_shuffle(struct op_call *call, struct err *err)
{
    (void)err;
    const struct tensor *x = call->in[0], *y = call->out[0];
    const size_t size = tensor_type_size(x->type);
    const struct attr *steps = node_attr(call->node, "strides");
    int64_t at[TENSOR_RANK_MAX] = {0};
    char *to = y->data;
    if (tensor_count(y) == 0)
        return 0;
    do {
        int64_t place = 0;
        for (int i = 2; i < y->rank; i++)
            place = place * steps->ints[i - 2] + at[i] % steps->ints[i - 2];
        int64_t from = at[0] * x->dim[1] + place * y->dim[1] + at[1];
        for (int i = 2; i < y->rank; i++)
            from = from * x->dim[i] + at[i] / steps->ints[i - 2];
        memcpy(to, (const char *)x->data + (size_t)from * size, size);
        to += size;
    } while (op_next(y->dim, y->rank, at));
    return 0;
}

#define CONV                                                                             \
    " auto_pad dilations group kernel_shape pads strides activation alpha beta min max " \
    "out_type "
#define DECONV CONV "output_padding output_shape "

const struct op op_fused_rows[] = {
    {"hilum", "Conv", 1, 2, 4, 1, CONV, infer_fused, run_fused},
    {"hilum", "ConvTranspose", 1, 2, 3, 1, DECONV, infer_fused, run_fused},
    {"hilum", "Layout", 1, 1, 1, 1, "", op_infer_same, NULL},
    {"hilum", "Shuffle", 1, 1, 1, 1, " strides ", infer_shuffle, run_shuffle},
    {0},
};
