#include "kernels/graph.h"

#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int graph_create(struct graph **ret, struct err *err)
{
    struct graph *graph = calloc(1, sizeof(*graph));
    if (!graph)
        return err_set(err, ERR_NOMEM, "a graph");
    *ret = graph;
    return 0;
}

void graph_destroy(struct graph *graph)
{
    if (!graph)
        return;
    for (size_t i = 0; i < graph->value_count; i++) {
        free(graph->values[i].name);
        tensor_destroy(graph->values[i].constant);
    }
    for (size_t i = 0; i < graph->node_count; i++)
        node_finish(&graph->nodes[i]);
    free(graph->values);
    free(graph->nodes);
    free(graph->inputs);
    free(graph->outputs);
    free(graph->table);
    free(graph);
}

static size_t hash_name(const char *name) // FNV-1a
{
    uint64_t h = 0xcbf29ce484222325u;
    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 0x100000001b3u;
    return (size_t)h;
}

/** The slot of name, or the empty one where it would go. The table is never full. */
static size_t find_slot(const struct graph *graph, const char *name)
{
    const size_t mask = graph->table_size - 1;
    size_t slot = hash_name(name) & mask;
    while (graph->table[slot] >= 0
           && strcmp(graph->values[graph->table[slot]].name, name) != 0)
        slot = (slot + 1) & mask;
    return slot;
}

int graph_find_value(const struct graph *graph, const char *name)
{
    return graph->table_size ? graph->table[find_slot(graph, name)] : -1;
}

static int grow_table(struct graph *graph, struct err *err)
{
    if (graph->table_size > 2 * graph->value_count)
        return 0;
    const size_t size = graph->table_size ? graph->table_size * 2 : 64;
    int *table = malloc(size * sizeof(*table));
    if (!table)
        return err_set(err, ERR_NOMEM, "table of names");
    memset(table, 0xff, size * sizeof(*table));
    free(graph->table);
    graph->table = table;
    graph->table_size = size;
    for (size_t i = 0; i < graph->value_count; i++)
        table[find_slot(graph, graph->values[i].name)] = (int)i;
    return 0;
}

static int grow_values(struct graph *graph, struct err *err)
{
    if (graph->value_count >= GRAPH_VALUES_MAX)
        return err_set(err, ERR_LIMIT, "more than %d values", GRAPH_VALUES_MAX);
    if (graph->value_count < graph->value_room)
        return 0;
    const size_t room = graph->value_room ? graph->value_room * 2 : 32;
    struct value *values = realloc(graph->values, room * sizeof(*values));
    if (!values)
        return err_set(err, ERR_NOMEM, "%zu values", room);
    graph->values = values;
    graph->value_room = room;
    return 0;
}

int graph_need_value(struct graph *graph, const char *name, int *ret, struct err *err)
{
    const int found = graph_find_value(graph, name);
    if (found >= 0) {
        *ret = found;
        return 0;
    }
    int e = grow_values(graph, err);
    if (e == 0)
        e = grow_table(graph, err);
    if (e != 0)
        return e;
    char *copy = strdup(name);
    if (!copy)
        return err_set(err, ERR_NOMEM, "a name");

    const int index = (int)graph->value_count;
    graph->table[find_slot(graph, name)] = index;
    graph->values[graph->value_count++] =
        (struct value){.name = copy, .shape = {.rank = -1}, .producer = -1, .whole = -1};
    *ret = index;
    return 0;
}

int graph_new_value(struct graph *graph, const char *stem, int *ret, struct err *err)
{
    char name[300];
    snprintf(name, sizeof(name), "%.250s", stem);
    for (int i = 2; graph_find_value(graph, name) >= 0; i++)
        snprintf(name, sizeof(name), "%.250s.%d", stem, i);
    return graph_need_value(graph, name, ret, err);
}

static int append(int **list, size_t *count, int value, struct err *err)
{
    int *items = realloc(*list, (*count + 1) * sizeof(*items));
    if (!items)
        return err_set(err, ERR_NOMEM, "list of values");
    items[(*count)++] = value;
    *list = items;
    return 0;
}

int graph_add_input(struct graph *graph, int value, struct err *err)
{
    return append(&graph->inputs, &graph->input_count, value, err);
}

int graph_add_output(struct graph *graph, int value, struct err *err)
{
    return append(&graph->outputs, &graph->output_count, value, err);
}

static int grow_nodes(struct graph *graph, struct err *err)
{
    if (graph->node_count >= GRAPH_NODES_MAX)
        return err_set(err, ERR_LIMIT, "more than %d nodes", GRAPH_NODES_MAX);
    if (graph->node_count < graph->node_room)
        return 0;
    const size_t room = graph->node_room ? graph->node_room * 2 : 32;
    struct node *nodes = realloc(graph->nodes, room * sizeof(*nodes));
    if (!nodes)
        return err_set(err, ERR_NOMEM, "%zu nodes", room);
    graph->nodes = nodes;
    graph->node_room = room;
    return 0;
}

static int *copy_ints(const int *from, size_t count)
{
    int *to = calloc(count + 1, sizeof(*to));
    for (size_t i = 0; to && i < count; i++)
        to[i] = from[i];
    return to;
}

static int claim_outputs(struct graph *graph, const int *out, size_t out_count, int node,
                         struct err *err)
{
    for (size_t i = 0; i < out_count; i++) {
        if (out[i] < 0)
            continue;
        struct value *v = &graph->values[out[i]];
        if (v->producer >= 0 || v->constant)
            return err_set(err, ERR_FORMAT, "makes '%.60s', which is made already",
                           v->name);
        v->producer = node;
    }
    return 0;
}

int graph_add_node(struct graph *graph, const struct op *op, const char *name,
                   const int *in, size_t in_count, const int *out, size_t out_count,
                   struct node **ret, struct err *err)
{
    int e = grow_nodes(graph, err);
    if (e == 0)
        e = claim_outputs(graph, out, out_count, (int)graph->node_count, err);
    if (e != 0)
        return e;
    struct node node = {.op = op, .in_count = in_count, .out_count = out_count};
    node.name = strdup(name ? name : "");
    node.in = copy_ints(in, in_count);
    node.out = copy_ints(out, out_count);
    if (!node.name || !node.in || !node.out) {
        node_finish(&node);
        return err_set(err, ERR_NOMEM, "a node");
    }
    graph->nodes[graph->node_count] = node;
    *ret = &graph->nodes[graph->node_count++];
    return 0;
}

int graph_insert_node(struct graph *graph, size_t at, const struct op *op,
                      const char *name, const int *in, size_t in_count, const int *out,
                      size_t out_count, struct node **ret, struct err *err)
{
    struct node *node;
    const int e =
        graph_add_node(graph, op, name, in, in_count, out, out_count, &node, err);
    if (e != 0)
        return e;
    const struct node moved = *node;
    const size_t last = graph->node_count - 1;
    memmove(&graph->nodes[at + 1], &graph->nodes[at], (last - at) * sizeof(*node));
    graph->nodes[at] = moved;
    for (size_t i = 0; i < graph->value_count; i++) {
        int *producer = &graph->values[i].producer;
        if (*producer == (int)last)
            *producer = (int)at;
        else if (*producer >= (int)at)
            (*producer)++;
    }
    *ret = &graph->nodes[at];
    return 0;
}

void graph_take_over(struct graph *graph, size_t n, size_t last)
{
    const int value = graph->nodes[last].out[0];
    graph_kill_node(graph, last);
    graph->values[graph->nodes[n].out[0]].producer = -1;
    graph->nodes[n].out[0] = value;
    graph->values[value].producer = (int)n;
}

size_t value_bytes(const struct value *value)
{
    struct tensor shape = value->shape;
    if (value->layout == LAYOUT_BLOCKED && shape.rank > 1)
        shape.dim[1] = (shape.dim[1] + LAYOUT_BLOCK - 1) / LAYOUT_BLOCK * LAYOUT_BLOCK;
    return tensor_bytes(&shape);
}

int64_t value_pitch(const struct graph *graph, int value)
{
    while (graph->values[value].whole >= 0)
        value = graph->values[value].whole;
    return graph->values[value].shape.dim[1];
}

void graph_kill_node(struct graph *graph, size_t n)
{
    struct node *node = &graph->nodes[n];
    for (size_t i = 0; i < node->out_count; i++) {
        if (node->out[i] >= 0)
            graph->values[node->out[i]].producer = -1;
    }
    node_finish(node);
}

void graph_replace_reads(struct graph *graph, int from, int to)
{
    for (size_t n = 0; n < graph->node_count; n++) {
        for (size_t i = 0; i < graph->nodes[n].in_count; i++) {
            if (graph->nodes[n].in[i] == from)
                graph->nodes[n].in[i] = to;
        }
    }
}

bool graph_is_output(const struct graph *graph, int value)
{
    for (size_t i = 0; i < graph->output_count; i++) {
        if (graph->outputs[i] == value)
            return true;
    }
    return false;
}

size_t graph_count_reads(const struct graph *graph, int value)
{
    size_t count = graph_is_output(graph, value);
    for (size_t n = 0; n < graph->node_count; n++) {
        for (size_t i = 0; i < graph->nodes[n].in_count; i++)
            count += graph->nodes[n].in[i] == value;
    }
    return count;
}

int graph_only_reader(const struct graph *graph, int value)
{
    int reader = -1;
    if (graph_is_output(graph, value))
        return -1;
    for (size_t n = 0; n < graph->node_count; n++) {
        for (size_t i = 0; i < graph->nodes[n].in_count; i++) {
            if (graph->nodes[n].in[i] != value)
                continue;
            if (reader >= 0)
                return -1;
            reader = (int)n;
        }
    }
    return reader;
}

void graph_set_constant(struct graph *graph, int value, struct tensor *t)
{
    struct value *v = &graph->values[value];
    struct tensor *old = v->constant;
    v->constant = tensor_share(t);
    v->shape = *t;
    v->shape.data = v->shape.owned = NULL;
    v->shape.shares = 0;
    tensor_destroy(old);
}

static int copy_value(struct graph *to, const struct value *from, struct err *err)
{
    int index;
    const int e = graph_need_value(to, from->name, &index, err);
    if (e != 0)
        return e;
    struct value *v = &to->values[index];
    v->shape = from->shape;
    v->layout = from->layout;
    v->constant = from->constant ? tensor_share(from->constant) : NULL;
    return 0;
}

int graph_copy(const struct graph *graph, struct graph **ret, struct err *err)
{
    auto_(graph) struct graph *copy = NULL;
    int e = graph_create(&copy, err);
    for (size_t i = 0; e == 0 && i < graph->value_count; i++)
        e = copy_value(copy, &graph->values[i], err);
    for (size_t i = 0; e == 0 && i < graph->input_count; i++)
        e = graph_add_input(copy, graph->inputs[i], err);
    for (size_t i = 0; e == 0 && i < graph->output_count; i++)
        e = graph_add_output(copy, graph->outputs[i], err);
    for (size_t i = 0; e == 0 && i < graph->node_count; i++) {
        const struct node *n = &graph->nodes[i];
        struct node *added;
        if (!n->op)
            continue;
        e = graph_add_node(copy, n->op, n->name, n->in, n->in_count, n->out, n->out_count,
                           &added, err);
        if (e == 0) {
            added->opset = n->opset;
            e = node_copy_attrs(added, n, err);
        }
    }
    if (e != 0)
        return e;
    *ret = take(copy);
    return 0;
}
