/* dnnl_deconv: ConvTranspose without groups. */
#include "kernels/dnnl/dnnl_step.h"

#include "base/err.h"
#include "kernels/ops/op_window.h"

#include <string.h>

struct shape {
    dnnl_memory_desc_t src, dst, user_weights, weights, bias;
    dnnl_dims_t stride, dilation, begin, end;
    bool has_bias;
};

/** Only plain attributes: auto_pad and output_shape were resolved by nobody here. */
static bool is_plain(const struct graph *graph, const struct node *node)
{
    const char *mode = node_string(node, "auto_pad", "NOTSET");
    const bool bias = node->in_count > 2 && node->in[2] >= 0;
    if ((*mode && strcmp(mode, "NOTSET") != 0) || node_attr(node, "output_shape")
        || node_int(node, "group", 1) != 1 || !graph->values[node->in[1]].constant
        || (bias && !graph->values[node->in[2]].constant))
        return false;
    for (size_t i = 0; i < node->in_count; i++) {
        if (node->in[i] >= 0 && graph->values[node->in[i]].shape.type != TENSOR_F32)
            return false;
    }
    return true;
}

static int copy_geometry(const struct graph *graph, const struct node *node,
                         struct shape *s, struct err *err)
{
    const struct tensor *x = &graph->values[node->in[0]].shape;
    const struct tensor *w = &graph->values[node->in[1]].shape;
    const struct tensor *y = &graph->values[node->out[0]].shape;
    const struct op_call call = {.node = node};
    const int axes = x->rank - 2;
    int64_t stride[OP_SPATIAL_MAX], dilation[OP_SPATIAL_MAX], pads[2 * OP_SPATIAL_MAX];
    int e = op_window_ints(&call, "strides", axes, 1, 1, stride, err);
    if (e == 0)
        e = op_window_ints(&call, "dilations", axes, 1, 1, dilation, err);
    if (e == 0)
        e = op_window_ints(&call, "pads", 2 * axes, 0, 0, pads, err);
    for (int i = 0; e == 0 && i < axes; i++) {
        s->stride[i] = stride[i];
        s->dilation[i] = dilation[i] - 1;
        s->begin[i] = pads[i];
        // y = (x - 1) * stride + extent - begin - end, whatever output_padding added
        s->end[i] = (x->dim[i + 2] - 1) * stride[i] + (w->dim[i + 2] - 1) * dilation[i]
                    + 1 - pads[i] - y->dim[i + 2];
    }
    return e;
}

/** ONNX has weights [c, o, k...], oneDNN wants [o, c, k...]: strides say so. */
static int describe_weights(const struct tensor *w, struct shape *s, struct err *err)
{
    dnnl_dims_t dim, stride;
    for (int i = 0; i < w->rank; i++) {
        const int from = i < 2 ? 1 - i : i;
        dim[i] = w->dim[from];
        stride[i] = tensor_span(w, from + 1, w->rank);
    }
    int e = dnnl_check(dnnl_memory_desc_init_by_strides(&s->user_weights, w->rank, dim,
                                                        dnnl_f32, stride),
                       "weights", err);
    if (e == 0)
        e = dnnl_check(dnnl_memory_desc_init_by_tag(&s->weights, w->rank, dim, dnnl_f32,
                                                    dnnl_format_tag_any),
                       "weights", err);
    const dnnl_dims_t channels = {w->dim[1]};
    if (e == 0)
        e = dnnl_check(
            dnnl_memory_desc_init_by_tag(&s->bias, 1, channels, dnnl_f32, dnnl_a), "bias",
            err);
    return e;
}

static int make_pd(struct dnnl_executor *executor, const struct node *node,
                   const struct shape *s, dnnl_primitive_desc_t *ret, struct err *err)
{
    dnnl_deconvolution_desc_t desc;
    dnnl_primitive_attr_t attr;
    int e = dnnl_check(dnnl_dilated_deconvolution_forward_desc_init(
                           &desc, dnnl_forward_inference, dnnl_deconvolution_direct,
                           &s->src, &s->weights, s->has_bias ? &s->bias : NULL, &s->dst,
                           s->stride, s->dilation, s->begin, s->end),
                       "deconvolution", err);
    if (e == 0)
        e = dnnl_attr_of(node, false, &attr, err);
    if (e != 0)
        return e;
    e = dnnl_check(dnnl_primitive_desc_create(ret, &desc, attr, executor->engine, NULL),
                   "deconvolution", err);
    dnnl_primitive_attr_destroy(attr);
    if (e == 0 && dnnl_is_slow(*ret)) {
        dnnl_primitive_desc_destroy(*ret);
        return err_set(err, ERR_UNSUPPORTED, "oneDNN: a slow deconvolution");
    }
    return e;
}

int dnnl_make_deconv(struct dnnl_executor *executor, const struct graph *graph,
                     const struct node *node, struct kernel **ret, struct err *err)
{
    struct shape s = {0};
    dnnl_primitive_desc_t pd;
    if (!is_plain(graph, node))
        return 0;
    s.has_bias = node->in_count > 2 && node->in[2] >= 0;
    int e = dnnl_graph_md(graph, node->in[0], &s.src, err);
    if (e == 0)
        e = dnnl_graph_md(graph, node->out[0], &s.dst, err);
    if (e == 0)
        e = describe_weights(&graph->values[node->in[1]].shape, &s, err);
    if (e == 0)
        e = copy_geometry(graph, node, &s, err);
    if (e == 0)
        e = make_pd(executor, node, &s, &pd, err);
    if (e != 0)
        return e;
    const struct dnnl_ports ports = {&s.src, &s.dst, &s.user_weights,
                                     s.has_bias ? &s.bias : NULL};
    struct dnnl_step *step;
    e = dnnl_step_create_weighted(executor, pd, graph, node, &ports, &step, err);
    if (e != 0)
        return e;
    *ret = &step->base;
    return 0;
}
