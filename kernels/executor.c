#include "kernels/executor.h"

#include "base/err.h"
#include "kernels/dnnl/dnnl_executor.h"
#include "kernels/fast/fast.h"

#include <stdlib.h>

struct executor {
    struct dnnl_executor *dnnl;
};

int executor_create(int threads, struct executor **ret, struct err *err)
{
    auto_(executor) struct executor *executor = calloc(1, sizeof(*executor));
    if (!executor)
        return err_set(err, ERR_NOMEM, "an executor");
    const int e = dnnl_executor_create(threads, &executor->dnnl, err);
    if (e != 0)
        return e;
    *ret = take(executor);
    return 0;
}

void executor_destroy(struct executor *executor)
{
    if (!executor)
        return;
    dnnl_executor_destroy(executor->dnnl);
    free(executor);
}

int executor_make(void *ctx, const struct graph *graph, size_t n, struct kernel **ret,
                  struct err *err)
{
    struct executor *executor = ctx;
    const int e = dnnl_executor_make(executor->dnnl, graph, n, ret, err);
    return e != 0 || *ret ? e : fast_make(graph, n, ret, err);
}

bool executor_has_avx512(void)
{
    return dnnl_executor_has_avx512();
}

const char *executor_version(void)
{
    return dnnl_executor_version();
}

bool executor_has_avx2(void)
{
    return dnnl_executor_has_avx2();
}

bool executor_has_vnni(void)
{
    return dnnl_executor_has_vnni();
}

/** The layouts of a node's values, to be put back. */
struct saved {
    enum layout in[8], out;
};

static bool follows(const struct graph *graph, const struct node *node, size_t i)
{
    return node->in[i] >= 0 && !graph->values[node->in[i]].constant
           && (i == 0
               || tensor_has_shape_of(&graph->values[node->in[i]].shape,
                                      &graph->values[node->out[0]].shape));
}

bool executor_can(struct executor *executor, struct graph *graph, size_t n,
                  enum layout in, enum layout out)
{
    const struct node *node = &graph->nodes[n];
    const size_t count = node->in_count < 8 ? node->in_count : 8;
    struct kernel *kernel = NULL;
    struct saved saved = {.out = graph->values[node->out[0]].layout};
    struct err err;
    for (size_t i = 0; i < count; i++)
        saved.in[i] = node->in[i] < 0 ? LAYOUT_PLAIN : graph->values[node->in[i]].layout;
    for (size_t i = 0; i < count; i++) {
        if (follows(graph, node, i)) // a residual (input 3) lies like what it is added to
            graph->values[node->in[i]].layout = i == 3 ? out : in;
    }
    graph->values[node->out[0]].layout = out;
    const bool can = executor_make(executor, graph, n, &kernel, &err) == 0 && kernel;
    graph->values[node->out[0]].layout = saved.out;
    for (size_t i = 0; i < count; i++) {
        if (node->in[i] >= 0)
            graph->values[node->in[i]].layout = saved.in[i];
    }
    if (kernel)
        kernel->destroy(kernel);
    return can;
}
