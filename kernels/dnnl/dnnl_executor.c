#include "kernels/dnnl/dnnl_step.h"

#include "base/err.h"
#include "kernels/ops/op.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int dnnl_executor_create(int threads, struct dnnl_executor **ret, struct err *err)
{
    auto_(dnnl_executor) struct dnnl_executor *executor = calloc(1, sizeof(*executor));
    if (!executor)
        return err_set(err, ERR_NOMEM, "an executor");
    executor->threads = threads;
    omp_set_dynamic(0);
    omp_set_num_threads(
        threads); // of this thread's teams; primitives are made for as many
    int e = dnnl_check(dnnl_engine_create(&executor->engine, dnnl_cpu, 0), "engine", err);
    if (e == 0)
        e = dnnl_check(dnnl_stream_create(&executor->stream, executor->engine,
                                          dnnl_stream_default_flags),
                       "stream", err);
    if (e != 0)
        return e;
    *ret = take(executor);
    return 0;
}

void dnnl_executor_destroy(struct dnnl_executor *executor)
{
    if (!executor)
        return;
    if (executor->stream)
        dnnl_stream_destroy(executor->stream);
    if (executor->engine)
        dnnl_engine_destroy(executor->engine);
    free(executor->scratch);
    free(executor);
}

static const struct {
    const char *domain, *name;
    dnnl_make_fn *make;
} MAKERS[] = {
    {"", "Conv", dnnl_make_conv},
    {"hilum", "Conv", dnnl_make_conv},
    {"", "ConvTranspose", dnnl_make_deconv},
    {"hilum", "ConvTranspose", dnnl_make_deconv},
    {"hilum", "Layout", dnnl_make_layout},
    {"", "Cast", dnnl_make_layout},
    {"", "MaxPool", dnnl_make_pool},
    {"", "AveragePool", dnnl_make_pool},
    {"", "GlobalAveragePool", dnnl_make_pool},
    {"", "GlobalMaxPool", dnnl_make_pool},
    {"", "MatMul", dnnl_make_matmul},
    {"", "Gemm", dnnl_make_matmul},
    {"", "Add", dnnl_make_binary},
    {"", "Sub", dnnl_make_binary},
    {"", "Mul", dnnl_make_binary},
    {"", "Div", dnnl_make_binary},
    {"", "Max", dnnl_make_binary},
    {"", "Min", dnnl_make_binary},
};

static dnnl_make_fn *find_maker(const struct node *node)
{
    dnnl_alg_kind_t kind;
    float alpha, beta;
    for (size_t i = 0; i < sizeof(MAKERS) / sizeof(MAKERS[0]); i++) {
        if (strcmp(MAKERS[i].name, node->op->name) == 0
            && strcmp(MAKERS[i].domain, node->op->domain) == 0)
            return MAKERS[i].make;
    }
    if (!*node->op->domain
        && dnnl_find_eltwise(node, node->op->name, &kind, &alpha, &beta))
        return dnnl_make_eltwise;
    return NULL;
}

/** oneDNN gets values of known shapes and one type, and nothing that is empty. */
static bool is_eligible(const struct graph *graph, const struct node *node)
{
    for (size_t i = 0; i < node->in_count + node->out_count; i++) {
        const int v = i < node->in_count ? node->in[i] : node->out[i - node->in_count];
        if (v < 0)
            continue;
        const struct tensor *shape = &graph->values[v].shape;
        if (shape->rank < 0 || tensor_count(shape) == 0)
            return false;
    }
    return node->out_count > 0 && node->out[0] >= 0;
}

int dnnl_executor_make(void *ctx, const struct graph *graph, size_t n,
                       struct kernel **ret, struct err *err)
{
    struct dnnl_executor *executor = ctx;
    const struct node *node = &graph->nodes[n];
    dnnl_make_fn *make = find_maker(node);
    omp_set_num_threads(executor->threads);
    if (!make || !is_eligible(graph, node))
        return 0;
    int e = make(executor, graph, node, ret, err);
    // oneDNN's products split sums between threads: their bits would hang on the number of
    // threads. They are made and run for one.
    if (e == 0 && *ret && executor->threads > 1 && strstr((*ret)->name, "gemm")) {
        (*ret)->destroy(*ret);
        *ret = NULL;
        omp_set_num_threads(1);
        e = make(executor, graph, node, ret, err);
        if (e == 0 && *ret)
            ((struct dnnl_step *)*ret)->alone = true;
        omp_set_num_threads(executor->threads);
    }
    return e == ERR_UNSUPPORTED ? 0 : e; // then the reference does it
}

static bool has_isa(dnnl_cpu_isa_t isa)
{
    return ((unsigned)dnnl_get_effective_cpu_isa() & (unsigned)isa) == (unsigned)isa;
}

bool dnnl_executor_has_avx512(void)
{
    return has_isa(dnnl_cpu_isa_avx512_core);
}

bool dnnl_executor_has_avx2(void)
{
    return has_isa(dnnl_cpu_isa_avx2);
}

bool dnnl_executor_has_vnni(void)
{
    return has_isa(dnnl_cpu_isa_avx512_core_vnni);
}

const char *dnnl_executor_version(void)
{
    static char text[80];
    const dnnl_version_t *v = dnnl_version();
    const dnnl_cpu_isa_t isa = dnnl_get_effective_cpu_isa();
    const char *name = isa & 0x80                 ? "avx512_core"
                       : isa >= dnnl_cpu_isa_avx2 ? "avx2"
                                                  : "sse41";
    snprintf(text, sizeof(text), "oneDNN %d.%d.%d %s (%#x)", v->major, v->minor, v->patch,
             name, (unsigned)isa);
    return text;
}
