#include "kernels/placement.h"

#include "base/err.h"
#include "kernels/ops/op.h"

#include <stdlib.h>
#include <string.h>

enum {
    ALIGN = 64,
};

static size_t round_up(size_t bytes)
{
    return (bytes + ALIGN) / ALIGN * ALIGN; // never 0: an empty value has an address too
}

/** From which node to which each value is needed; outputs to the end. */
static void find_lives(const struct graph *g, struct place *places)
{
    for (size_t i = 0; i < g->value_count; i++) {
        const struct value *v = &g->values[i];
        places[i] = (struct place){.first = -1, .last = -1, .root = (int)i};
        places[i].placed = !v->constant && v->producer >= 0 && v->shape.rank >= 0;
        if (places[i].placed) {
            places[i].bytes = value_bytes(v);
            places[i].first = places[i].last = v->producer;
        }
    }
    for (size_t n = 0; n < g->node_count; n++) {
        for (size_t i = 0; i < g->nodes[n].in_count; i++) {
            if (g->nodes[n].in[i] >= 0)
                places[g->nodes[n].in[i]].last = (int)n;
        }
    }
    for (size_t i = 0; i < g->output_count; i++)
        places[g->outputs[i]].last = (int)g->node_count;
}

/** Let value i lie in value into at an offset, with all that lies in i. */
static void move_in(const struct graph *g, struct place *places, int i, int into,
                    size_t inner)
{
    const int old = places[i].root, root = places[into].root;
    const size_t shift = places[into].inner + inner;
    for (size_t k = 0; k < g->value_count; k++) {
        if (places[k].root == old && places[k].placed) {
            places[k].root = root;
            places[k].inner += shift;
        }
    }
}

/** The parts of a Concat that are one piece of its result lie there. */
static void join_concat(const struct graph *g, struct place *places,
                        const struct node *node)
{
    const int out = node->out[0];
    const struct value *y = &g->values[out];
    int64_t axis = node_int(node, "axis", 1);
    axis += axis < 0 ? y->shape.rank : 0;
    if (!places[out].placed || y->layout == LAYOUT_LAST
        || tensor_span(&y->shape, 0, (int)axis) != 1)
        return;
    size_t inner = 0;
    for (size_t i = 0; i < node->in_count; i++) {
        const int in = node->in[i];
        const bool twice = places[in].root == places[out].root;
        if (places[in].placed && places[in].root == in && !twice && inner % ALIGN == 0)
            move_in(g, places, in, out, inner);
        inner += value_bytes(&g->values[in]);
    }
}

static bool is_reshape(const struct node *node)
{
    static const char *const NAMES[] = {"Reshape",   "Flatten",  "Squeeze",
                                        "Unsqueeze", "Identity", "Dropout"};
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
        if (strcmp(NAMES[i], node->op->name) == 0)
            return true;
    }
    return false;
}

/** The last node that needs anything that lies in the memory of root. */
static int last_of(const struct graph *g, const struct place *places, int root)
{
    int last = -1;
    for (size_t i = 0; i < g->value_count; i++) {
        if (places[i].root == root && places[i].placed && places[i].last > last)
            last = places[i].last;
    }
    return last;
}

static void join_reshape(const struct graph *g, struct place *places,
                         const struct node *node)
{
    const int in = node->in[0], out = node->out[0];
    if (out >= 0 && places[in].placed && places[out].placed && places[out].root == out
        && places[in].root != out && g->values[in].layout == g->values[out].layout
        && last_of(g, places, out) == places[out].last)
        move_in(g, places, out, in, 0);
}

/** The sum of a convolution and a residual lies where the residual lay, if all that lies
 * there has been read by then. */
static void join_residual(const struct graph *g, struct place *places, size_t n)
{
    const struct node *node = &g->nodes[n];
    const int r = node->in[3], out = node->out[0];
    if (!places[r].placed || !places[out].placed || places[out].root != out
        || places[r].bytes != places[out].bytes || node->in[0] == r
        || last_of(g, places, places[r].root) != (int)n)
        return;
    move_in(g, places, out, r, 0);
}

/** Some channels of a wider value lie there (see passes/join.c). */
static void join_whole(const struct graph *g, struct place *places, int i)
{
    const struct value *v = &g->values[i];
    if (v->whole >= 0 && places[i].placed && places[v->whole].placed)
        move_in(g, places, i, v->whole,
                (size_t)v->whole_first * tensor_type_size(v->shape.type));
}

static void join(const struct graph *g, struct place *places)
{
    for (size_t i = 0; i < g->value_count; i++)
        join_whole(g, places, (int)i);
    for (size_t n = g->node_count; n-- > 0;) { // outer concatenations before inner ones
        if (g->nodes[n].op && strcmp(g->nodes[n].op->name, "Concat") == 0)
            join_concat(g, places, &g->nodes[n]);
    }
    for (size_t n = 0; n < g->node_count; n++) {
        const struct node *node = &g->nodes[n];
        if (!node->op)
            continue;
        if (is_reshape(node))
            join_reshape(g, places, node);
        else if (strcmp(node->op->domain, "hilum") == 0
                 && strcmp(node->op->name, "Conv") == 0 && node->in_count > 3
                 && node->in[3] >= 0)
            join_residual(g, places, n);
    }
}

/** Memory of one root: what it needs and for how long. */
struct block {
    int root, first, last;
    size_t bytes, offset;
};

static bool collide(const struct block *a, const struct block *b)
{
    return a->first <= b->last && b->first <= a->last && a->offset < b->offset + b->bytes
           && b->offset < a->offset + a->bytes;
}

/** The lowest offset at which block k touches none of those before it. */
static void place_block(struct block *blocks, size_t k)
{
    bool again = k < PLACEMENT_SEARCHED_MAX;
    blocks[k].offset = 0;
    if (k >= PLACEMENT_SEARCHED_MAX)
        blocks[k].offset = blocks[k - 1].offset + blocks[k - 1].bytes;
    while (again) {
        again = false;
        for (size_t i = 0; i < k; i++) {
            if (collide(&blocks[k], &blocks[i])) {
                blocks[k].offset = blocks[i].offset + blocks[i].bytes;
                again = true;
            }
        }
    }
}

static int compare_blocks(const void *a, const void *b)
{
    const struct block *p = a, *q = b;
    if (p->bytes != q->bytes)
        return p->bytes < q->bytes ? 1 : -1;
    return p->root - q->root; // ties in a fixed order
}

static size_t gather_blocks(const struct graph *g, const struct place *places, bool share,
                            struct block *blocks, int *block_of)
{
    size_t count = 0;
    for (size_t i = 0; i < g->value_count; i++) {
        block_of[i] = -1;
        if (!places[i].placed || places[i].root != (int)i)
            continue;
        block_of[i] = (int)count;
        blocks[count++] =
            (struct block){(int)i, share ? INT32_MAX : 0, share ? -1 : INT32_MAX,
                           round_up(places[i].bytes), 0};
    }
    for (size_t i = 0; i < g->value_count; i++) {
        if (!places[i].placed)
            continue;
        struct block *b = &blocks[block_of[places[i].root]];
        b->first = places[i].first < b->first ? places[i].first : b->first;
        b->last = places[i].last > b->last ? places[i].last : b->last;
    }
    return count;
}

/** Big blocks first, each at the lowest offset that is free all its life. */
static size_t arrange(struct block *blocks, size_t count)
{
    size_t arena = 0;
    qsort(blocks, count, sizeof(*blocks), compare_blocks);
    for (size_t k = 0; k < count; k++) {
        place_block(blocks, k);
        // Behind the search blocks stand in a row, beyond all before them.
        if (k == PLACEMENT_SEARCHED_MAX && blocks[k].offset < arena)
            blocks[k].offset = arena;
        if (blocks[k].offset + blocks[k].bytes > arena)
            arena = blocks[k].offset + blocks[k].bytes;
    }
    return arena;
}

int placement_create(const struct graph *graph, bool share, struct place **ret,
                     size_t *ret_arena_bytes, size_t *ret_values_bytes, struct err *err)
{
    const size_t n = graph->value_count + 1;
    struct place *places = calloc(n, sizeof(*places));
    struct block *blocks = calloc(n, sizeof(*blocks));
    int *block_of = calloc(n, sizeof(*block_of));
    if (!places || !blocks || !block_of) {
        free(places);
        free(blocks);
        free(block_of);
        return err_set(err, ERR_NOMEM, "places");
    }
    find_lives(graph, places);
    if (share && graph->value_count <= PLACEMENT_SEARCHED_MAX)
        join(graph, places);
    const size_t count = gather_blocks(graph, places, share, blocks, block_of);
    *ret_arena_bytes = arrange(blocks, count);
    for (size_t k = 0; k < count; k++)
        block_of[blocks[k].root] = (int)k;
    *ret_values_bytes = 0;
    for (size_t i = 0; i < graph->value_count; i++) {
        if (!places[i].placed)
            continue;
        places[i].offset = blocks[block_of[places[i].root]].offset + places[i].inner;
        *ret_values_bytes += round_up(places[i].bytes);
    }
    free(blocks);
    free(block_of);
    *ret = places;
    return 0;
}
