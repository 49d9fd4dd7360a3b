#include "kernels/dnnl/dnnl_step.h"

#include "base/err.h"
#include "kernels/ops/op.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

int dnnl_check(dnnl_status_t status, const char *what, struct err *err)
{
    if (status == dnnl_success)
        return 0;
    const int code = status == dnnl_out_of_memory ? ERR_NOMEM : ERR_UNSUPPORTED;
    return err_set(err, code, "oneDNN: %s: status %d", what, (int)status);
}

static dnnl_data_type_t type_of(enum tensor_type type)
{
    if (type == TENSOR_F32)
        return dnnl_f32;
    if (type == TENSOR_BF16)
        return dnnl_bf16;
    if (type == TENSOR_U8)
        return dnnl_u8;
    if (type == TENSOR_I8)
        return dnnl_s8;
    return type == TENSOR_I32 ? dnnl_s32 : dnnl_data_type_undef;
}

static dnnl_format_tag_t tag_of(int rank, enum layout layout)
{
    static const dnnl_format_tag_t PLAIN[] = {dnnl_format_tag_undef,
                                              dnnl_a,
                                              dnnl_ab,
                                              dnnl_abc,
                                              dnnl_abcd,
                                              dnnl_abcde,
                                              dnnl_abcdef};
    static const dnnl_format_tag_t BLOCKED[] = {dnnl_nCw16c, dnnl_nChw16c, dnnl_nCdhw16c};
    static const dnnl_format_tag_t LAST[] = {dnnl_nwc, dnnl_nhwc, dnnl_ndhwc};
    if (layout == LAYOUT_PLAIN)
        return rank <= 6 ? PLAIN[rank] : dnnl_format_tag_undef;
    if (rank < 3 || rank > 5)
        return dnnl_format_tag_undef;
    return layout == LAYOUT_BLOCKED ? BLOCKED[rank - 3] : LAST[rank - 3];
}

int dnnl_value_md(const struct tensor *shape, enum layout layout, dnnl_memory_desc_t *ret,
                  struct err *err)
{
    dnnl_dims_t dim = {1};
    const int rank = shape->rank > 0 ? shape->rank : 1;
    for (int i = 0; i < shape->rank; i++)
        dim[i] = shape->dim[i];
    const dnnl_data_type_t type = type_of(shape->type);
    const dnnl_format_tag_t tag = tag_of(rank, layout);
    if (type == dnnl_data_type_undef || tag == dnnl_format_tag_undef)
        return err_set(err, ERR_UNSUPPORTED, "oneDNN: this type or shape");
    return dnnl_check(dnnl_memory_desc_init_by_tag(ret, rank, dim, type, tag),
                      "descriptor", err);
}

int dnnl_graph_md(const struct graph *graph, int value, dnnl_memory_desc_t *ret,
                  struct err *err)
{
    const struct value *v = &graph->values[value];
    return dnnl_value_md(&v->shape, v->layout, ret, err);
}

bool dnnl_is_slow(const_dnnl_primitive_desc_t pd)
{
    const char *impl = NULL;
    dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, (void *)&impl);
    return !impl || strncmp(impl, "ref", 3) == 0 || strstr(impl, "gemm:ref");
}

bool dnnl_is_product(const_dnnl_primitive_desc_t pd)
{
    const char *impl = NULL;
    dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, (void *)&impl);
    return impl && strstr(impl, "gemm");
}

void dnnl_step_destroy(struct dnnl_step *step)
{
    if (!step)
        return;
    for (int i = 0; i < step->count; i++)
        dnnl_memory_destroy(step->args[i].memory);
    if (step->primitive)
        dnnl_primitive_destroy(step->primitive);
    free(step->owned[0]);
    free(step->owned[1]);
    free(step);
}

static void destroy_kernel(struct kernel *kernel)
{
    dnnl_step_destroy((struct dnnl_step *)kernel);
}

static int run_step(struct kernel *kernel, struct op_call *call, struct err *err)
{
    struct dnnl_step *step = (struct dnnl_step *)kernel;
    if (step->residual >= 0) {
        const void *from = call->in[step->residual]->data;
        if (from != call->out[0]->data)
            memcpy(call->out[0]->data, from, step->residual_bytes);
    }
    for (int i = 0; i < step->count; i++) {
        const int port = step->ports[i];
        void *data = step->executor->scratch, *bound = NULL;
        if (port < 0 && step->args[i].arg != DNNL_ARG_SCRATCHPAD)
            continue;
        if (port >= 0)
            data = port == DNNL_STEP_OUT ? call->out[0]->data : call->in[port]->data;
        // Setting a handle writes zeros into padding, so it is done when it changes only;
        // who wrote the value has filled its padding already.
        dnnl_memory_get_data_handle(step->args[i].memory, &bound);
        if (bound != data)
            dnnl_memory_set_data_handle_v2(step->args[i].memory, data,
                                           step->executor->stream);
    }
    if (step->alone)
        omp_set_num_threads(1);
    const dnnl_status_t status = dnnl_primitive_execute(
        step->primitive, step->executor->stream, step->count, step->args);
    if (step->alone)
        omp_set_num_threads(step->executor->threads);
    return dnnl_check(status, "execute", err);
}

static int bind_scratch(struct dnnl_step *step, const_dnnl_primitive_desc_t pd,
                        struct err *err)
{
    struct dnnl_executor *executor = step->executor;
    const dnnl_memory_desc_t *md =
        dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0);
    const size_t bytes = md ? dnnl_memory_desc_get_size(md) : 0;
    if (bytes == 0)
        return 0;
    if (bytes > executor->scratch_bytes) {
        free(executor->scratch);
        executor->scratch_bytes = 0;
        executor->scratch = aligned_alloc(64, (bytes + 63) / 64 * 64);
        if (!executor->scratch)
            return err_set(err, ERR_NOMEM, "scratchpad of %zu bytes", bytes);
        executor->scratch_bytes = bytes;
    }
    return dnnl_step_bind(step, DNNL_ARG_SCRATCHPAD, md, -1, err);
}

int dnnl_step_create(struct dnnl_executor *executor, dnnl_primitive_desc_t pd,
                     struct dnnl_step **ret, struct err *err)
{
    auto_(dnnl_step) struct dnnl_step *step = calloc(1, sizeof(*step));
    int e = step ? 0 : err_set(err, ERR_NOMEM, "a kernel");
    if (e == 0) {
        const char *impl = "";
        step->base = (struct kernel){run_step, destroy_kernel, step->impl};
        step->executor = executor;
        step->residual = -1;
        dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, (void *)&impl);
        strncpy(step->impl, impl, sizeof(step->impl) - 1);
        e = dnnl_check(dnnl_primitive_create(&step->primitive, pd), "primitive", err);
    }
    if (e == 0)
        e = bind_scratch(step, pd, err);
    dnnl_primitive_desc_destroy(pd);
    if (e != 0)
        return e;
    *ret = take(step);
    return 0;
}

int dnnl_step_bind_data(struct dnnl_step *step, int arg, const dnnl_memory_desc_t *md,
                        void *data, struct err *err)
{
    dnnl_memory_t memory;
    const int e = dnnl_check(
        dnnl_memory_create(&memory, md, step->executor->engine, data), "memory", err);
    if (e != 0)
        return e;
    step->args[step->count] = (dnnl_exec_arg_t){arg, memory};
    step->ports[step->count++] = -1;
    return 0;
}

int dnnl_step_bind(struct dnnl_step *step, int arg, const dnnl_memory_desc_t *md,
                   int port, struct err *err)
{
    const int e = dnnl_step_bind_data(step, arg, md, DNNL_MEMORY_NONE, err);
    if (e == 0)
        step->ports[step->count - 1] = port;
    return e;
}

/** Copy from one description to another, at once. */
static int reorder(struct dnnl_executor *executor, const dnnl_memory_desc_t *from,
                   void *data, const dnnl_memory_desc_t *to, void *packed,
                   struct err *err)
{
    dnnl_primitive_desc_t pd;
    int e = dnnl_check(dnnl_reorder_primitive_desc_create(&pd, from, executor->engine, to,
                                                          executor->engine, NULL),
                       "reorder", err);
    if (e != 0)
        return e;
    dnnl_primitive_t primitive;
    e = dnnl_check(dnnl_primitive_create(&primitive, pd), "reorder", err);
    dnnl_primitive_desc_destroy(pd);
    if (e != 0)
        return e;
    dnnl_memory_t in = NULL, out = NULL;
    e = dnnl_check(dnnl_memory_create(&in, from, executor->engine, data), "memory", err);
    if (e == 0)
        e = dnnl_check(dnnl_memory_create(&out, to, executor->engine, packed), "memory",
                       err);
    const dnnl_exec_arg_t args[2] = {{DNNL_ARG_FROM, in}, {DNNL_ARG_TO, out}};
    if (e == 0)
        e = dnnl_check(dnnl_primitive_execute(primitive, executor->stream, 2, args),
                       "reorder", err);
    if (e == 0)
        e = dnnl_check(dnnl_stream_wait(executor->stream), "reorder", err);
    if (in)
        dnnl_memory_destroy(in);
    if (out)
        dnnl_memory_destroy(out);
    dnnl_primitive_destroy(primitive);
    return e;
}

int dnnl_step_pack(struct dnnl_step *step, int arg, const dnnl_memory_desc_t *from,
                   void *data, const dnnl_memory_desc_t *to, int slot, struct err *err)
{
    if (dnnl_memory_desc_equal(from, to))
        return dnnl_step_bind_data(step, arg, to, data, err);
    const size_t bytes = (dnnl_memory_desc_get_size(to) + 63) / 64 * 64;
    step->owned[slot] = aligned_alloc(64, bytes ? bytes : 64);
    if (!step->owned[slot])
        return err_set(err, ERR_NOMEM, "weights of %zu bytes", bytes);
    const int e = reorder(step->executor, from, data, to, step->owned[slot], err);
    return e != 0 ? e : dnnl_step_bind_data(step, arg, to, step->owned[slot], err);
}

int dnnl_step_create_weighted(struct dnnl_executor *executor, dnnl_primitive_desc_t pd,
                              const struct graph *graph, const struct node *node,
                              const struct dnnl_ports *ports, struct dnnl_step **ret,
                              struct err *err)
{
    const dnnl_memory_desc_t packed =
        *dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0);
    auto_(dnnl_step) struct dnnl_step *step = NULL;
    int e = dnnl_step_create(executor, pd, &step, err);
    if (e == 0)
        e = dnnl_step_bind(step, DNNL_ARG_SRC, ports->src, 0, err);
    if (e == 0)
        e = dnnl_step_bind(step, DNNL_ARG_DST, ports->dst, DNNL_STEP_OUT, err);
    if (e == 0)
        e = dnnl_step_pack(step, DNNL_ARG_WEIGHTS, ports->weights,
                           graph->values[node->in[1]].constant->data, &packed, 0, err);
    if (e == 0 && ports->bias)
        e = dnnl_step_bind_data(step, DNNL_ARG_BIAS, ports->bias,
                                graph->values[node->in[2]].constant->data, err);
    if (e == 0)
        *ret = take(step);
    return e;
}

bool dnnl_find_eltwise(const struct node *node, const char *name, dnnl_alg_kind_t *kind,
                       float *alpha, float *beta)
{
    static const struct {
        const char *name;
        dnnl_alg_kind_t kind;
    } KINDS[] = {
        {"Relu", dnnl_eltwise_relu},        {"LeakyRelu", dnnl_eltwise_relu},
        {"Sigmoid", dnnl_eltwise_logistic}, {"Tanh", dnnl_eltwise_tanh},
        {"Elu", dnnl_eltwise_elu},          {"HardSwish", dnnl_eltwise_hardswish},
        {"Clip", dnnl_eltwise_clip},        {"Exp", dnnl_eltwise_exp},
        {"Sqrt", dnnl_eltwise_sqrt},        {"Abs", dnnl_eltwise_abs},
        {"Gelu", dnnl_eltwise_gelu_erf},    {"Softplus", dnnl_eltwise_soft_relu},
    };
    for (size_t i = 0; i < sizeof(KINDS) / sizeof(KINDS[0]); i++) {
        if (strcmp(name, KINDS[i].name) != 0)
            continue;
        *kind = KINDS[i].kind;
        *alpha = *beta = 0;
        if (strcmp(name, "LeakyRelu") == 0)
            *alpha = node_float(node, "alpha", 0.01f);
        else if (strcmp(name, "Elu") == 0)
            *alpha = node_float(node, "alpha", 1);
        else if (strcmp(name, "Clip") == 0) {
            *alpha = node_float(node, "min", -INFINITY);
            *beta = node_float(node, "max", INFINITY);
        } else if (strcmp(name, "Gelu") == 0
                   && strcmp(node_string(node, "approximate", "none"), "tanh") == 0)
            *kind = dnnl_eltwise_gelu_tanh;
        return true;
    }
    return false;
}

int dnnl_attr_of(const struct node *node, bool residual, dnnl_primitive_attr_t *ret,
                 struct err *err)
{
    dnnl_alg_kind_t kind;
    float alpha, beta;
    dnnl_primitive_attr_t attr;
    dnnl_post_ops_t ops;
    const char *activation = node_string(node, "activation", "");
    int e = dnnl_check(dnnl_primitive_attr_create(&attr), "attributes", err);
    if (e != 0)
        return e;
    dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user);
    e = dnnl_check(dnnl_post_ops_create(&ops), "attributes", err);
    if (e == 0) {
        if (residual)
            e = dnnl_check(dnnl_post_ops_append_sum(ops, 1), "sum", err);
        if (e == 0 && *activation) {
            if (!dnnl_find_eltwise(node, activation, &kind, &alpha, &beta))
                e = err_set(err, ERR_UNSUPPORTED, "oneDNN: activation %.20s", activation);
            else
                e = dnnl_check(dnnl_post_ops_append_eltwise(ops, 1, kind, alpha, beta),
                               "activation", err);
        }
        if (e == 0)
            e = dnnl_check(dnnl_primitive_attr_set_post_ops(attr, ops), "attributes",
                           err);
        dnnl_post_ops_destroy(ops);
    }
    if (e != 0)
        dnnl_primitive_attr_destroy(attr);
    else
        *ret = attr;
    return e;
}
