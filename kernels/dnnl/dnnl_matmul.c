/* dnnl_matmul: MatMul and Gemm. */
#include "kernels/dnnl/dnnl_step.h"

#include "base/err.h"
#include "kernels/ops/op.h"

#include <string.h>

struct product {
    dnnl_memory_desc_t a, b, bias, y;
    bool has_bias;
};

/** A matrix [rows, columns], or its transpose if that is what lies in memory. */
static int describe_matrix(const struct tensor *t, bool transposed,
                           dnnl_memory_desc_t *ret, struct err *err)
{
    const dnnl_dims_t dim = {t->dim[transposed], t->dim[!transposed]};
    return dnnl_check(dnnl_memory_desc_init_by_tag(ret, 2, dim, dnnl_f32,
                                                   transposed ? dnnl_ba : dnnl_ab),
                      "matrix", err);
}

/** Gemm: alpha and beta are 1, C is a bias of columns. */
static int describe_gemm(const struct graph *graph, const struct node *node,
                         struct product *p, struct err *err)
{
    const struct tensor *c =
        node->in_count > 2 && node->in[2] >= 0 ? &graph->values[node->in[2]].shape : NULL;
    const struct tensor *y = &graph->values[node->out[0]].shape;
    // Exactly 1 is what exporters write.
    if (node_float(node, "alpha", 1) != 1.0f || node_float(node, "beta", 1) != 1.0f
        || (c
            && (c->rank > 2 || c->rank < 1 || c->dim[c->rank - 1] != y->dim[1]
                || (c->rank == 2 && c->dim[0] != 1))))
        return err_set(err, ERR_UNSUPPORTED, "oneDNN: this Gemm");
    p->has_bias = c != NULL;
    int e = describe_matrix(&graph->values[node->in[0]].shape,
                            node_int(node, "transA", 0), &p->a, err);
    if (e == 0)
        e = describe_matrix(&graph->values[node->in[1]].shape,
                            node_int(node, "transB", 0), &p->b, err);
    if (e == 0)
        e = describe_matrix(y, false, &p->y, err);
    const dnnl_dims_t bias = {1, y->dim[1]};
    if (e == 0)
        e = dnnl_check(dnnl_memory_desc_init_by_tag(&p->bias, 2, bias, dnnl_f32, dnnl_ab),
                       "bias", err);
    return e;
}

/** MatMul: as many axes on both sides, or weights [k, n] for all rows of a at once. */
static int describe_matmul(const struct graph *graph, const struct node *node,
                           struct product *p, struct err *err)
{
    struct tensor a = graph->values[node->in[0]].shape,
                  b = graph->values[node->in[1]].shape;
    struct tensor y = graph->values[node->out[0]].shape;
    if (a.rank < 2 || b.rank < 2)
        return err_set(err, ERR_UNSUPPORTED, "oneDNN: vectors");
    if (b.rank == 2) {
        a.dim[0] = tensor_span(&a, 0, a.rank - 1);
        a.dim[1] = b.dim[0];
        y.dim[0] = a.dim[0];
        y.dim[1] = b.dim[1];
        a.rank = y.rank = 2;
    }
    if (a.rank != b.rank)
        return err_set(err, ERR_UNSUPPORTED, "oneDNN: this broadcast");
    int e = dnnl_value_md(&a, LAYOUT_PLAIN, &p->a, err);
    if (e == 0)
        e = dnnl_value_md(&b, LAYOUT_PLAIN, &p->b, err);
    return e != 0 ? e : dnnl_value_md(&y, LAYOUT_PLAIN, &p->y, err);
}

static int make_pd(struct dnnl_executor *executor, const struct product *p,
                   dnnl_primitive_desc_t *ret, struct err *err)
{
    dnnl_matmul_desc_t desc;
    dnnl_primitive_attr_t attr;
    int e = dnnl_check(
        dnnl_matmul_desc_init(&desc, &p->a, &p->b, p->has_bias ? &p->bias : NULL, &p->y),
        "product", err);
    if (e == 0)
        e = dnnl_check(dnnl_primitive_attr_create(&attr), "product", err);
    if (e != 0)
        return e;
    dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user);
    e = dnnl_check(dnnl_primitive_desc_create(ret, &desc, attr, executor->engine, NULL),
                   "product", err);
    dnnl_primitive_attr_destroy(attr);
    if (e == 0 && dnnl_is_slow(*ret)) {
        dnnl_primitive_desc_destroy(*ret);
        return err_set(err, ERR_UNSUPPORTED, "oneDNN: a slow product");
    }
    return e;
}

int dnnl_make_matmul(struct dnnl_executor *executor, const struct graph *graph,
                     const struct node *node, struct kernel **ret, struct err *err)
{
    struct product p = {0};
    dnnl_primitive_desc_t pd;
    for (size_t i = 0; i < node->in_count; i++) {
        const struct value *v = node->in[i] < 0 ? NULL : &graph->values[node->in[i]];
        if (v && (v->shape.type != TENSOR_F32 || v->layout != LAYOUT_PLAIN))
            return 0;
    }
    if (graph->values[node->out[0]].layout != LAYOUT_PLAIN)
        return 0;
    int e = strcmp(node->op->name, "Gemm") == 0 ? describe_gemm(graph, node, &p, err)
                                                : describe_matmul(graph, node, &p, err);
    if (e == 0)
        e = make_pd(executor, &p, &pd, err);
    auto_(dnnl_step) struct dnnl_step *step = NULL;
    if (e == 0)
        e = dnnl_step_create(executor, pd, &step, err);
    if (e == 0)
        e = dnnl_step_bind(step, DNNL_ARG_SRC, &p.a, 0, err);
    if (e == 0)
        e = dnnl_step_bind(step, DNNL_ARG_WEIGHTS, &p.b, 1, err);
    if (e == 0 && p.has_bias)
        e = dnnl_step_bind(step, DNNL_ARG_BIAS, &p.bias, 2, err);
    if (e == 0)
        e = dnnl_step_bind(step, DNNL_ARG_DST, &p.y, DNNL_STEP_OUT, err);
    if (e != 0)
        return e;
    *ret = &take(step)->base;
    return 0;
}
