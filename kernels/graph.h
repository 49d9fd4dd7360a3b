/*
 * graph: a network as nodes (one operator each) and the values between them.
 *
 * Values and nodes are named by their index, which stays for the life of the graph; passes
 * that remove a node mark it dead. Live nodes stand in an order in which each one's inputs
 * are made before it. Every value has at most one producer. A graph knows no file format and
 * does not run; it shares its constants with copies of itself.
 */
#ifndef KERNELS_GRAPH_H
#define KERNELS_GRAPH_H

#include "base/auto.h"
#include "kernels/tensor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct op;

enum { GRAPH_NODES_MAX = 1 << 16, GRAPH_VALUES_MAX = 1 << 18 };

enum attr_type { ATTR_INT, ATTR_FLOAT, ATTR_STRING, ATTR_INTS, ATTR_FLOATS, ATTR_TENSOR };

struct attr {
    char *name;
    enum attr_type type;
    int64_t i;
    float f;
    char *s;       // ATTR_STRING
    int64_t *ints; // ATTR_INTS, count of them
    float *floats; // ATTR_FLOATS, count of them
    size_t count;
    struct tensor *t; // ATTR_TENSOR
};

struct node {
    const struct op *op; // the row of the operator table; NULL: the node is dead
    char *name;
    int opset; // of the operator's domain, as the model says
    struct attr *attrs;
    size_t attr_count;
    int *in, *out; // indices of values; -1: not given
    size_t in_count, out_count;
};

/** How a value's numbers lie in memory. Other than plain ones are made by the layout pass
 * for one executor; the reference knows plain ones only. */
enum layout {
    LAYOUT_PLAIN,   // row-major as the shape says
    LAYOUT_BLOCKED, // [n][c / 16][spatial...][16], channels filled up with zeros
    LAYOUT_LAST,    // [n][spatial...][c]
};
enum { LAYOUT_BLOCK = 16 };

struct value {
    char *name;
    enum layout layout;
    struct tensor shape;     // its type and shape; rank -1 or dim -1: not known; no data
    struct tensor *constant; // its numbers, if they are known
    int producer;            // index of a node, -1 if none makes it
    float
        scale; // of 8-bit numbers made by the int8 pass, (q - zero) * scale; 0: it is none
    int zero;
    int whole; // the value some channels of which it is, where they lie last; or -1
    int64_t whole_first; // the first of them
};

struct graph {
    struct value *values;
    size_t value_count, value_room;
    struct node *nodes;
    size_t node_count, node_room;
    int *inputs, *outputs; // indices of values
    size_t input_count, output_count;
    int *table; // open hashing of names to values, graph.c alone
    size_t table_size;
};

/** An empty graph. Errors: ERR_NOMEM. */
int graph_create(struct graph **ret, struct err *err);
void graph_destroy(struct graph *graph);
AUTO_DEFINE(graph)
/** A copy that may be changed without touching graph; constants are shared.
 * Errors: ERR_NOMEM. */
int graph_copy(const struct graph *graph, struct graph **ret, struct err *err);

/** Index of the value called name, or -1. */
int graph_find_value(const struct graph *graph, const char *name);
/** The value called name, made (of unknown shape) if it is not there; *ret is its index.
 * Errors: ERR_LIMIT, ERR_NOMEM. */
int graph_need_value(struct graph *graph, const char *name, int *ret, struct err *err);
/** A new value for a pass, named "stem" or "stem.2" and so on. Errors: as above. */
int graph_new_value(struct graph *graph, const char *stem, int *ret, struct err *err);
/** Append a value to the graph's inputs or outputs. Errors: ERR_NOMEM. */
int graph_add_input(struct graph *graph, int value, struct err *err);
int graph_add_output(struct graph *graph, int value, struct err *err);

/** Append a node without attributes; its outputs get it as their producer. NULL name is "".
 * The pointer lives until the next node is added.
 * Errors: ERR_FORMAT (an output that something else makes already), ERR_LIMIT, ERR_NOMEM. */
int graph_add_node(struct graph *graph, const struct op *op, const char *name,
                   const int *in, size_t in_count, const int *out, size_t out_count,
                   struct node **ret, struct err *err);
/** Append a node and move it to place at, in front of the node that is there. Indices of
 * nodes from at on grow by one. Errors: as graph_add_node(). */
int graph_insert_node(struct graph *graph, size_t at, const struct op *op,
                      const char *name, const int *in, size_t in_count, const int *out,
                      size_t out_count, struct node **ret, struct err *err);
/** Let node n make value as its output 0, in place of the node last that did, which goes; what
 * n made before has no producer any more. */
void graph_take_over(struct graph *graph, size_t n, size_t last);
/** Bytes of a value in its layout; its shape must be known. */
size_t value_bytes(const struct value *value);
/** Elements from one pixel to the next of a value whose channels lie last. */
int64_t value_pitch(const struct graph *graph, int value);
/** Take node n out: its outputs have no producer any more. */
void graph_kill_node(struct graph *graph, size_t n);
/** Let whoever reads value from read value to instead, outputs of the graph excepted. */
void graph_replace_reads(struct graph *graph, int from, int to);
/** How many inputs of live nodes and outputs of the graph are value. */
size_t graph_count_reads(const struct graph *graph, int value);
/** The only live node that reads value, if exactly one does and it is no output of the
 * graph; otherwise -1. */
int graph_only_reader(const struct graph *graph, int value);
bool graph_is_output(const struct graph *graph, int value);
/** Make value a constant; t's owner becomes the graph too (it is shared). */
void graph_set_constant(struct graph *graph, int value, struct tensor *t);

/** An attribute by name, or NULL. */
const struct attr *node_attr(const struct node *node, const char *name);
/** Its number, or otherwise if it is not there. */
int64_t node_int(const struct node *node, const char *name, int64_t otherwise);
float node_float(const struct node *node, const char *name, float otherwise);
/** Its text, or otherwise. The text lives as long as the node. */
const char *node_string(const struct node *node, const char *name, const char *otherwise);
/** Append or replace an attribute. Errors: ERR_NOMEM. */
int node_set_int(struct node *node, const char *name, int64_t i, struct err *err);
int node_set_float(struct node *node, const char *name, float f, struct err *err);
int node_set_string(struct node *node, const char *name, const char *s, struct err *err);
int node_set_ints(struct node *node, const char *name, const int64_t *ints, size_t count,
                  struct err *err);
/** Append an empty attribute called name (the node owns it), or empty the one there is.
 * Errors: ERR_NOMEM. */
int node_need_attr(struct node *node, const char *name, struct attr **ret,
                   struct err *err);
/** Give to the attributes of from, beside those it has. Errors: ERR_NOMEM. */
int node_copy_attrs(struct node *to, const struct node *from, struct err *err);
/** Free what node owns; it is dead then. */
void node_finish(struct node *node);

#endif
