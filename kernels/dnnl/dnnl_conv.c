/* dnnl_conv: convolutions, ONNX's and ours with residual and activation. */
#include "kernels/dnnl/dnnl_step.h"

#include "base/err.h"
#include "kernels/ops/op_window.h"

#include <string.h>

/** What a convolution is for oneDNN. */
struct shape {
    dnnl_memory_desc_t src, dst, user_weights, weights, bias;
    dnnl_dims_t stride, dilation, begin, end;
    bool has_bias;
};

/** Geometry through the operator's own code. */
static int find_window(const struct graph *graph, const struct node *node,
                       struct op_window *w, struct err *err)
{
    const struct tensor *in[2] = {&graph->values[node->in[0]].shape,
                                  &graph->values[node->in[1]].shape};
    const struct op_call call = {.node = node, .in = in, .in_count = 2};
    return op_window_init(w, &call, in[0], in[1]->dim + 2, err);
}

static void copy_window(const struct op_window *w, struct shape *s)
{
    for (int i = 0; i < w->axes; i++) {
        const int from = OP_SPATIAL_MAX - w->axes + i;
        s->stride[i] = w->stride[from];
        s->dilation[i] = w->dilation[from] - 1;
        s->begin[i] = w->begin[from];
        // The right padding that is used: what the strides leave over is none.
        s->end[i] = (w->out[from] - 1) * w->stride[from]
                    + (w->kernel[from] - 1) * w->dilation[from] + 1 - w->in[from]
                    - w->begin[from];
    }
}

/** Weights [o, c / g, k...] as [g, o / g, c / g, k...] where there are groups. */
static int describe_weights(const struct tensor *w, int64_t groups, struct shape *s,
                            struct err *err)
{
    const dnnl_data_type_t type = w->type == TENSOR_BF16 ? dnnl_bf16 : dnnl_f32;
    static const dnnl_format_tag_t TAGS[] = {dnnl_abc, dnnl_abcd, dnnl_abcde,
                                             dnnl_abcdef};
    dnnl_dims_t dim;
    int rank = 0;
    if (groups > 1)
        dim[rank++] = groups;
    dim[rank++] = w->dim[0] / groups;
    for (int i = 1; i < w->rank; i++)
        dim[rank++] = w->dim[i];
    int e = dnnl_check(
        dnnl_memory_desc_init_by_tag(&s->user_weights, rank, dim, type, TAGS[rank - 3]),
        "weights", err);
    if (e == 0)
        e = dnnl_check(dnnl_memory_desc_init_by_tag(&s->weights, rank, dim, type,
                                                    dnnl_format_tag_any),
                       "weights", err);
    const dnnl_dims_t channels = {w->dim[0]};
    if (e == 0)
        e = dnnl_check(
            dnnl_memory_desc_init_by_tag(&s->bias, 1, channels, dnnl_f32, dnnl_a), "bias",
            err);
    return e;
}

static int describe(const struct graph *graph, const struct node *node, struct shape *s,
                    struct err *err)
{
    struct op_window w;
    const int64_t groups = node_int(node, "group", 1);
    int e = find_window(graph, node, &w, err);
    if (e == 0)
        e = dnnl_graph_md(graph, node->in[0], &s->src, err);
    if (e == 0)
        e = dnnl_graph_md(graph, node->out[0], &s->dst, err);
    if (e == 0)
        e = describe_weights(&graph->values[node->in[1]].shape, groups, s, err);
    if (e == 0)
        copy_window(&w, s);
    s->has_bias = node->in_count > 2 && node->in[2] >= 0;
    return e;
}

static int make_pd(struct dnnl_executor *executor, const struct node *node,
                   const struct shape *s, bool residual, dnnl_primitive_desc_t *ret,
                   struct err *err)
{
    dnnl_convolution_desc_t desc;
    dnnl_primitive_attr_t attr;
    int e = dnnl_check(dnnl_dilated_convolution_forward_desc_init(
                           &desc, dnnl_forward_inference, dnnl_convolution_direct,
                           &s->src, &s->weights, s->has_bias ? &s->bias : NULL, &s->dst,
                           s->stride, s->dilation, s->begin, s->end),
                       "convolution", err);
    if (e == 0)
        e = dnnl_attr_of(node, residual, &attr, err);
    if (e != 0)
        return e;
    e = dnnl_check(dnnl_primitive_desc_create(ret, &desc, attr, executor->engine, NULL),
                   "convolution", err);
    dnnl_primitive_attr_destroy(attr);
    // oneDNN 2.6.3's convolution by products adds wrong sums over volumes.
    if (e == 0 && (dnnl_is_slow(*ret) || (residual && dnnl_is_product(*ret)))) {
        dnnl_primitive_desc_destroy(*ret);
        return err_set(err, ERR_UNSUPPORTED,
                       "oneDNN: a slow convolution, or a wrong one");
    }
    return e;
}

static bool is_ours(const struct graph *graph, const struct node *node)
{
    const enum tensor_type type = graph->values[node->in[0]].shape.type;
    const int bias = node->in_count > 2 ? node->in[2] : -1;
    return (type == TENSOR_F32 || type == TENSOR_BF16)
           && graph->values[node->in[1]].constant
           && graph->values[node->in[1]].shape.type == type
           && (bias < 0
               || (graph->values[bias].constant
                   && graph->values[bias].shape.type == TENSOR_F32));
}

int dnnl_make_conv(struct dnnl_executor *executor, const struct graph *graph,
                   const struct node *node, struct kernel **ret, struct err *err)
{
    struct shape s = {0};
    dnnl_primitive_desc_t pd;
    const bool residual = node->in_count > 3 && node->in[3] >= 0;
    if (!is_ours(graph, node)
        || (residual
            && (graph->values[node->in[3]].layout != graph->values[node->out[0]].layout
                || graph->values[node->in[3]].shape.type
                       != graph->values[node->out[0]].shape.type)))
        return 0;
    int e = describe(graph, node, &s, err);
    if (e == 0)
        e = make_pd(executor, node, &s, residual, &pd, err);
    if (e != 0)
        return e;
    const struct dnnl_ports ports = {&s.src, &s.dst, &s.user_weights,
                                     s.has_bias ? &s.bias : NULL};
    struct dnnl_step *step;
    e = dnnl_step_create_weighted(executor, pd, graph, node, &ports, &step, err);
    if (e != 0)
        return e;
    if (residual) {
        step->residual = 3;
        step->residual_bytes = value_bytes(&graph->values[node->out[0]]);
    }
    *ret = &step->base;
    return 0;
}
