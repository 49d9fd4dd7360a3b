/* dnnl_simple: primitives without weights: pooling, layouts, operators of one number and two. */
#include "kernels/dnnl/dnnl_step.h"

#include "base/err.h"
#include "kernels/ops/op_window.h"

#include <math.h>
#include <string.h>

/** Make a primitive descriptor of any operation descriptor, unless it is a slow one. */
static int make_pd(struct dnnl_executor *executor, const_dnnl_op_desc_t desc,
                   const char *what, dnnl_primitive_desc_t *ret, struct err *err)
{
    dnnl_primitive_attr_t attr;
    int e = dnnl_check(dnnl_primitive_attr_create(&attr), what, err);
    if (e != 0)
        return e;
    dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user);
    e = dnnl_check(dnnl_primitive_desc_create(ret, desc, attr, executor->engine, NULL),
                   what, err);
    dnnl_primitive_attr_destroy(attr);
    if (e == 0 && dnnl_is_slow(*ret)) {
        dnnl_primitive_desc_destroy(*ret);
        return err_set(err, ERR_UNSUPPORTED, "oneDNN: a slow %s", what);
    }
    return e;
}

/** A step of pd with one input (arg src) and the output. */
static int finish(struct dnnl_executor *executor, dnnl_primitive_desc_t pd, int src_arg,
                  const dnnl_memory_desc_t *src, int dst_arg,
                  const dnnl_memory_desc_t *dst, struct dnnl_step **ret, struct err *err)
{
    auto_(dnnl_step) struct dnnl_step *step = NULL;
    int e = dnnl_step_create(executor, pd, &step, err);
    if (e == 0)
        e = dnnl_step_bind(step, src_arg, src, 0, err);
    if (e == 0)
        e = dnnl_step_bind(step, dst_arg, dst, DNNL_STEP_OUT, err);
    if (e == 0)
        *ret = take(step);
    return e;
}

static int describe_ports(const struct graph *graph, const struct node *node,
                          dnnl_memory_desc_t *src, dnnl_memory_desc_t *dst,
                          struct err *err)
{
    const int e = dnnl_graph_md(graph, node->in[0], src, err);
    return e != 0 ? e : dnnl_graph_md(graph, node->out[0], dst, err);
}

static bool is_float(const struct graph *graph, int value)
{
    const enum tensor_type type = graph->values[value].shape.type;
    return type == TENSOR_F32 || type == TENSOR_BF16;
}

/* Pooling */

static int find_window(const struct graph *graph, const struct node *node,
                       struct op_window *w, struct err *err)
{
    const struct tensor *x = &graph->values[node->in[0]].shape;
    const struct op_call call = {.node = node, .in = &x, .in_count = 1};
    if (strncmp(node->op->name, "Global", 6) != 0)
        return op_window_init(w, &call, x, NULL, err);
    *w = (struct op_window){.axes = x->rank - 2};
    if (w->axes < 1 || w->axes > OP_SPATIAL_MAX)
        return err_set(err, ERR_UNSUPPORTED, "%d spatial axes", w->axes);
    for (int i = 0; i < w->axes; i++) {
        const int to = OP_SPATIAL_MAX - w->axes + i;
        w->in[to] = w->kernel[to] = x->dim[i + 2];
        w->out[to] = w->stride[to] = w->dilation[to] = 1;
    }
    return 0;
}

int dnnl_make_pool(struct dnnl_executor *executor, const struct graph *graph,
                   const struct node *node, struct kernel **ret, struct err *err)
{
    struct op_window w;
    dnnl_memory_desc_t src, dst;
    dnnl_dims_t kernel, stride, dilation, begin, end;
    if ((node->out_count > 1 && node->out[1] >= 0) || !is_float(graph, node->in[0]))
        return 0;
    int e = find_window(graph, node, &w, err);
    if (e == 0)
        e = describe_ports(graph, node, &src, &dst, err);
    if (e != 0)
        return e;
    bool beyond = false;
    for (int i = 0; i < w.axes; i++) {
        const int from = OP_SPATIAL_MAX - w.axes + i;
        kernel[i] = w.kernel[from];
        stride[i] = w.stride[from];
        dilation[i] = w.dilation[from] - 1;
        begin[i] = w.begin[from];
        end[i] = (w.out[from] - 1) * stride[i] + (kernel[i] - 1) * w.dilation[from] + 1
                 - w.in[from] - begin[i];
        beyond = beyond || end[i] > w.end[from] || begin[i] >= kernel[i];
    }
    const bool max = strstr(node->op->name, "Max") != NULL;
    const bool padded = node_int(node, "count_include_pad", 0);
    if (beyond
        && !(max && begin[0] < kernel[0])) // windows beyond the padding count otherwise
        return 0;
    dnnl_pooling_v2_desc_t desc;
    dnnl_primitive_desc_t pd;
    e = dnnl_check(dnnl_pooling_v2_forward_desc_init(
                       &desc, dnnl_forward_inference,
                       max      ? dnnl_pooling_max
                       : padded ? dnnl_pooling_avg_include_padding
                                : dnnl_pooling_avg_exclude_padding,
                       &src, &dst, stride, kernel, dilation, begin, end),
                   "pooling", err);
    if (e == 0)
        e = make_pd(executor, &desc, "pooling", &pd, err);
    struct dnnl_step *step = NULL;
    if (e == 0)
        e = finish(executor, pd, DNNL_ARG_SRC, &src, DNNL_ARG_DST, &dst, &step, err);
    if (e == 0)
        *ret = &step->base;
    return e;
}

/* Layouts */

int dnnl_make_layout(struct dnnl_executor *executor, const struct graph *graph,
                     const struct node *node, struct kernel **ret, struct err *err)
{
    dnnl_memory_desc_t src, dst;
    dnnl_primitive_desc_t pd;
    dnnl_primitive_attr_t attr;
    if (!is_float(graph, node->in[0]) || !is_float(graph, node->out[0]))
        return 0; // Cast to what else there is
    if (graph->values[node->out[0]].shape.type == TENSOR_BF16 && !*node->op->domain
        && node->opset < 19)
        return 0; // such a Cast cuts, oneDNN rounds
    int e = describe_ports(graph, node, &src, &dst, err);
    if (e == 0)
        e = dnnl_check(dnnl_primitive_attr_create(&attr), "reorder", err);
    if (e != 0)
        return e;
    dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user);
    e = dnnl_check(dnnl_reorder_primitive_desc_create(&pd, &src, executor->engine, &dst,
                                                      executor->engine, attr),
                   "reorder", err);
    dnnl_primitive_attr_destroy(attr);
    struct dnnl_step *step = NULL;
    if (e == 0)
        e = finish(executor, pd, DNNL_ARG_FROM, &src, DNNL_ARG_TO, &dst, &step, err);
    if (e == 0)
        *ret = &step->base;
    return e;
}

/* Operators of one number */

static bool read_bounds(const struct graph *graph, const struct node *node, float *lo,
                        float *hi)
{
    float *const bounds[2] = {lo, hi};
    for (size_t i = 1; i < node->in_count && i < 3; i++) {
        const struct tensor *t =
            node->in[i] < 0 ? NULL : graph->values[node->in[i]].constant;
        if (node->in[i] >= 0 && !t)
            return false;
        if (t)
            *bounds[i - 1] = (float)op_number(t, 0);
    }
    return true;
}

int dnnl_make_eltwise(struct dnnl_executor *executor, const struct graph *graph,
                      const struct node *node, struct kernel **ret, struct err *err)
{
    dnnl_alg_kind_t kind;
    float alpha, beta;
    dnnl_memory_desc_t src, dst;
    dnnl_eltwise_desc_t desc;
    dnnl_primitive_desc_t pd;
    if (!is_float(graph, node->in[0])
        || graph->values[node->in[0]].layout != graph->values[node->out[0]].layout
        || !dnnl_find_eltwise(node, node->op->name, &kind, &alpha, &beta)
        || (kind == dnnl_eltwise_clip && !read_bounds(graph, node, &alpha, &beta)))
        return 0;
    int e = describe_ports(graph, node, &src, &dst, err);
    if (e == 0)
        e = dnnl_check(dnnl_eltwise_forward_desc_init(&desc, dnnl_forward_inference, kind,
                                                      &src, alpha, beta),
                       "eltwise", err);
    if (e == 0)
        e = make_pd(executor, &desc, "eltwise", &pd, err);
    struct dnnl_step *step = NULL;
    if (e == 0)
        e = finish(executor, pd, DNNL_ARG_SRC, &src, DNNL_ARG_DST, &dst, &step, err);
    if (e == 0)
        *ret = &step->base;
    return e;
}

/* Operators of two numbers */

static dnnl_alg_kind_t binary_kind(const char *name)
{
    static const struct {
        const char *name;
        dnnl_alg_kind_t kind;
    } KINDS[] = {
        {"Add", dnnl_binary_add}, {"Sub", dnnl_binary_sub}, {"Mul", dnnl_binary_mul},
        {"Div", dnnl_binary_div}, {"Max", dnnl_binary_max}, {"Min", dnnl_binary_min},
    };
    for (size_t i = 0; i < sizeof(KINDS) / sizeof(KINDS[0]); i++) {
        if (strcmp(KINDS[i].name, name) == 0)
            return KINDS[i].kind;
    }
    return dnnl_alg_kind_undef;
}

/** The second operand with as many axes as the first, ones in front. */
static int describe_second(const struct graph *graph, const struct node *node, int rank,
                           dnnl_memory_desc_t *ret, struct err *err)
{
    const struct value *v = &graph->values[node->in[1]];
    struct tensor shape = *&v->shape;
    while (shape.rank < rank) {
        memmove(shape.dim + 1, shape.dim, sizeof(shape.dim) - sizeof(shape.dim[0]));
        shape.dim[0] = 1;
        shape.rank++;
    }
    return dnnl_value_md(&shape, v->layout, ret, err);
}

int dnnl_make_binary(struct dnnl_executor *executor, const struct graph *graph,
                     const struct node *node, struct kernel **ret, struct err *err)
{
    dnnl_memory_desc_t src, second, dst;
    dnnl_binary_desc_t desc;
    dnnl_primitive_desc_t pd;
    const struct value *a = &graph->values[node->in[0]],
                       *y = &graph->values[node->out[0]];
    if (node->in_count != 2 || node->opset < 7 || !is_float(graph, node->in[0])
        || graph->values[node->in[1]].shape.type != a->shape.type
        || !tensor_has_shape_of(&a->shape, &y->shape) || a->layout != y->layout
        || a->shape.rank < 1)
        return 0;
    int e = describe_ports(graph, node, &src, &dst, err);
    if (e == 0)
        e = describe_second(graph, node, a->shape.rank, &second, err);
    if (e == 0)
        e = dnnl_check(dnnl_binary_desc_init(&desc, binary_kind(node->op->name), &src,
                                             &second, &dst),
                       "binary", err);
    if (e == 0)
        e = make_pd(executor, &desc, "binary", &pd, err);
    struct dnnl_step *step = NULL;
    if (e == 0)
        e = finish(executor, pd, DNNL_ARG_SRC_0, &src, DNNL_ARG_DST, &dst, &step, err);
    if (e == 0)
        e = dnnl_step_bind(step, DNNL_ARG_SRC_1, &second, 1, err);
    if (e != 0)
        dnnl_step_destroy(step);
    else
        *ret = &step->base;
    return e;
}
