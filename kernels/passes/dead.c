/* dead: removes nodes whose results nobody reads, from the end to the start. */
#include "kernels/passes/pass.h"

#include "base/err.h"
#include "kernels/graph.h"

#include <stdlib.h>

static bool is_read(const struct node *node, const bool *read)
{
    for (size_t i = 0; i < node->out_count; i++) {
        if (node->out[i] >= 0 && read[node->out[i]])
            return true;
    }
    return false;
}

int pass_dead(struct graph *graph, const struct pass_context *context, struct err *err)
{
    (void)context;
    bool *read = calloc(graph->value_count + 1, sizeof(*read));
    if (!read)
        return err_set(err, ERR_NOMEM, "marks");
    for (size_t i = 0; i < graph->output_count; i++)
        read[graph->outputs[i]] = true;
    for (size_t n = graph->node_count; n-- > 0;) {
        const struct node *node = &graph->nodes[n];
        if (!node->op)
            continue;
        if (!is_read(node, read)) {
            graph_kill_node(graph, n);
            continue;
        }
        for (size_t i = 0; i < node->in_count; i++) {
            if (node->in[i] >= 0)
                read[node->in[i]] = true;
        }
    }
    free(read);
    return 0;
}
