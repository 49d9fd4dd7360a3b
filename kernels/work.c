#include "kernels/work.h"

#include "kernels/ops/einsum.h"
#include "kernels/ops/op.h"

#include <string.h>

/** Product of an attribute's integers; 1 where it is not there. */
static double product_of(const struct op_call *call, const char *name)
{
    double product = 1;
    const struct attr *a = node_attr(call->node, name);
    for (size_t i = 0; a && a->type == ATTR_INTS && i < a->count; i++)
        product *= (double)(a->ints[i] > 1 ? a->ints[i] : 1);
    return product;
}

static double count_of(const struct tensor *t)
{
    return t && t->rank >= 0 ? (double)tensor_count(t) : 0;
}

static bool is(const struct op_call *call, const char *name)
{
    return strcmp(call->node->op->name, name) == 0;
}

/** What one number of the result asks for. */
static double cost_of(const struct op_call *call)
{
    const struct tensor *a = call->in_count > 0 ? call->in[0] : NULL;
    const struct tensor *b = call->in_count > 1 ? call->in[1] : NULL;
    if ((is(call, "Conv") || is(call, "QConv")) && b && b->rank > 0)
        return count_of(b) / (double)(b->dim[0] > 0 ? b->dim[0] : 1);
    if (is(call, "QLinearConv") && op_has(call, 3) && call->in[3]->rank > 0)
        return count_of(call->in[3])
               / (double)(call->in[3]->dim[0] > 0 ? call->in[3]->dim[0] : 1);
    if ((is(call, "MatMul") || is(call, "Gemm")) && a && a->rank > 0)
        return (double)(a->dim[a->rank - 1] > a->dim[0] ? a->dim[a->rank - 1]
                                                        : a->dim[0]);
    if (strstr(call->node->op->name, "Pool"))
        return product_of(call, "kernel_shape");
    if (is(call, "RoiAlign")) {
        const double ratio = (double)node_int(call->node, "sampling_ratio", 0);
        return ratio > 0 ? ratio * ratio : 16;
    }
    if (is(call, "LRN"))
        return (double)node_int(call->node, "size", 1);
    return 1;
}

double work_of(const struct op_call *call)
{
    double in = 0, out = 0;
    for (size_t i = 0; i < call->in_count; i++)
        in += count_of(call->in[i]);
    for (size_t i = 0; i < call->out_count; i++)
        out += count_of(call->out[i]);
    if (is(call, "ConvTranspose") && call->in[1] && call->in[1]->rank > 1)
        return count_of(call->in[0]) * count_of(call->in[1])
               / (double)(call->in[1]->dim[0] > 0 ? call->in[1]->dim[0] : 1);
    if (is(call, "Einsum"))
        return einsum_work(call);
    if (is(call, "NonMaxSuppression"))
        return in * in;
    if (is(call, "Proposal")) // each box against those that stay
        return in + in * (double)node_int(call->node, "post_nms_top_n", 300);
    if (is(call, "PsRoiPool") && call->in[0] && call->in[0]->rank == 4)
        return in + out * (double)tensor_span(call->in[0], 2, 4);
    if (is(call, "MaxRoiPool")) // a region may be the whole image
        return in + out * count_of(call->in[0]);
    return in + out * cost_of(call);
}
