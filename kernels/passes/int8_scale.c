/* int8_scale: ranges of values become scales; values that are copied into each other share one. */
#include "kernels/passes/int8.h"

#include "base/err.h"
#include "kernels/calibration.h"
#include "kernels/ops/op.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct range {
    int parent; // of the group, as a forest
    bool known;
    double lo, hi;
};

static int root_of(struct range *ranges, int i)
{
    while (ranges[i].parent != i)
        i = ranges[i].parent = ranges[ranges[i].parent].parent;
    return i;
}

/** One group of two, whose range holds both. */
static void unite(struct range *ranges, int a, int b)
{
    a = root_of(ranges, a);
    b = root_of(ranges, b);
    if (a == b)
        return;
    struct range *to = &ranges[a], *from = &ranges[b];
    if (from->known) {
        to->lo = to->known && to->lo < from->lo ? to->lo : from->lo;
        to->hi = to->known && to->hi > from->hi ? to->hi : from->hi;
        to->known = true;
    }
    from->parent = a;
}

/** Nodes that only move numbers have one scale on both sides. */
static void unite_node(const struct graph *graph, const struct node *node,
                       struct range *ranges)
{
    static const char *const MOVERS[] = {"MaxPool", "Shuffle", "Resize", "Upsample"};
    size_t images = strcmp(node->op->name, "Concat") == 0 ? node->in_count : 0;
    for (size_t i = 0; i < sizeof(MOVERS) / sizeof(MOVERS[0]); i++)
        images = strcmp(node->op->name, MOVERS[i]) == 0 ? 1 : images;
    for (size_t i = 0; i < images; i++) {
        const int in = node->in[i];
        if (in >= 0 && node->out[0] >= 0 && !graph->values[in].constant)
            unite(ranges, node->out[0], in);
    }
}

/** 0 has a number of its own, so that padding is exact. */
static struct int8_scale scale_of(double lo, double hi)
{
    lo = lo < 0 ? lo : 0;
    hi = hi > 0 ? hi : 0;
    const double step = (hi - lo) / 255;
    if (!(step > 1e-30) || !(step < 1e30))
        return (struct int8_scale){step < 1e30 ? 1.0f : 0, 0};
    const double zero = nearbyint(-lo / step);
    return (struct int8_scale){(float)step, (int)(zero < 255 ? zero : 255)};
}

int int8_find_scales(const struct graph *graph, const struct calibration *calibration,
                     struct int8_scale **ret, struct err *err)
{
    const size_t count = graph->value_count;
    struct range *ranges = calloc(count + 1, sizeof(*ranges));
    struct int8_scale *scales = calloc(count + 1, sizeof(*scales));
    if (!ranges || !scales) {
        free(ranges);
        free(scales);
        return err_set(err, ERR_NOMEM, "ranges");
    }
    for (size_t i = 0; i < count; i++)
        ranges[i].parent = (int)i;
    for (size_t i = 0; i < calibration->value_count; i++) {
        const struct calibrated_value *v = &calibration->values[i];
        const int at = graph_find_value(graph, v->name);
        if (at >= 0) {
            ranges[at].known = true;
            ranges[at].lo = v->lo;
            ranges[at].hi = v->hi;
        }
    }
    for (size_t n = 0; n < graph->node_count; n++) {
        if (graph->nodes[n].op)
            unite_node(graph, &graph->nodes[n], ranges);
    }
    for (size_t i = 0; i < count; i++) {
        const struct range *r = &ranges[root_of(ranges, (int)i)];
        if (r->known)
            scales[i] = scale_of(r->lo, r->hi);
    }
    free(ranges);
    *ret = scales;
    return 0;
}
