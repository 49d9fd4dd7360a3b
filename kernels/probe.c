#include "kernels/probe.h"

#include "base/err.h"
#include "kernels/graph.h"
#include "kernels/ops/op.h"
#include "kernels/ops/op_window.h"

#include <math.h>
#include <string.h>

/** The convolution at one place of its result. */
struct place {
    int64_t n, channel, at[OP_SPATIAL_MAX];
};

/** One number of a value in its layout. */
static double load(const struct graph *graph, int value, const struct tensor *t,
                   int64_t n, int64_t c, int64_t p)
{
    const int64_t channels = t->dim[1], places = tensor_span(t, 2, t->rank);
    int64_t at = (n * channels + c) * places + p;
    const enum layout layout = graph->values[value].layout;
    if (layout == LAYOUT_LAST)
        at = (n * places + p) * value_pitch(graph, value) + c;
    if (layout == LAYOUT_BLOCKED) {
        const int64_t blocks = (channels + LAYOUT_BLOCK - 1) / LAYOUT_BLOCK;
        at = ((n * blocks + c / LAYOUT_BLOCK) * places + p) * LAYOUT_BLOCK
             + c % LAYOUT_BLOCK;
    }
    return op_number(t, at);
}

static bool is_number(const struct tensor *t)
{
    return t && t->data && (t->type == TENSOR_F32 || t->type == TENSOR_BF16);
}

static bool is_probed(const struct graph *graph, const struct op_call *call)
{
    const struct node *node = call->node;
    return strcmp(node->op->name, "Conv") == 0 && is_number(call->in[0])
           && is_number(call->in[1]) && graph->values[node->in[1]].constant
           && is_number(call->out[0]) && tensor_count(call->out[0]) > 0
           && (!op_has(call, 2) || is_number(call->in[2]))
           && (!op_has(call, 3) || is_number(call->in[3]));
}

static struct place place_of(const struct op_window *w, const struct tensor *y,
                             int64_t index)
{
    struct place place = {0};
    for (int i = OP_SPATIAL_MAX - 1; i >= 0; i--) {
        place.at[i] = index % w->out[i];
        index /= w->out[i];
    }
    place.channel = index % y->dim[1];
    place.n = index / y->dim[1];
    return place;
}

void probe_begin(const struct graph *graph, size_t n, const struct op_call *call,
                 struct probe *ret)
{
    const struct node *node = &graph->nodes[n];
    ret->count = 0;
    if (!is_probed(graph, call))
        return;
    const struct tensor *y = call->out[0];
    const int64_t count = tensor_count(y), places = tensor_span(y, 2, y->rank);
    uint64_t state = n + 1;
    for (int i = 0; i < PROBE_PLACES; i++) {
        // The first and last place, then any.
        state = state * 6364136223846793005u + 1442695040888963407u;
        const int64_t any = (int64_t)((state >> 16) % (uint64_t)count);
        ret->place[i] = i == 0 ? 0 : i == 1 ? count - 1 : any;
        const int64_t plane = ret->place[i] / places;
        if (op_has(call, 3))
            ret->residual[i] = load(graph, node->in[3], call->in[3], plane / y->dim[1],
                                    plane % y->dim[1], ret->place[i] % places);
    }
    ret->count = PROBE_PLACES;
}

/** Where a tap of the kernel reads along one axis; -1: in the padding. */
static int64_t source_of(const struct op_window *w, int axis, int64_t out, int64_t tap)
{
    const int64_t at = out * w->stride[axis] - w->begin[axis] + tap * w->dilation[axis];
    return at >= 0 && at < w->in[axis] ? at : -1;
}

/** The sum of x w at a place, and of their absolute values. */
static double convolve(const struct graph *graph, const struct op_call *call,
                       const struct op_window *w, const struct place *place, double *size)
{
    const struct tensor *x = call->in[0], *weight = call->in[1];
    const int64_t groups = node_int(call->node, "group", 1), per = weight->dim[1];
    const int64_t first = place->channel / (weight->dim[0] / groups) * per;
    const int64_t taps = tensor_span(weight, 2, weight->rank);
    double sum = 0;
    for (int64_t tap = 0; tap < taps; tap++) {
        const int64_t k[OP_SPATIAL_MAX] = {tap / (w->kernel[1] * w->kernel[2]),
                                           tap / w->kernel[2] % w->kernel[1],
                                           tap % w->kernel[2]};
        int64_t p = 0;
        for (int i = 0; i < OP_SPATIAL_MAX && p >= 0; i++) {
            const int64_t at = source_of(w, i, place->at[i], k[i]);
            p = at < 0 ? -1 : p * w->in[i] + at;
        }
        for (int64_t c = 0; p >= 0 && c < per; c++) {
            const double a = load(graph, call->node->in[0], x, place->n, first + c, p);
            const double b = op_number(weight, (place->channel * per + c) * taps + tap);
            sum += a * b;
            *size += fabs(a * b);
        }
    }
    return sum;
}

/** The node's activation of one number, by its reference. */
static int activate(const struct node *node, double *value, struct err *err)
{
    const char *name = node_string(node, "activation", "");
    if (!*name)
        return 0;
    float number = (float)*value;
    // Clip's bounds were attributes up to opset 6: so they are here.
    struct node step = {.attrs = node->attrs, .attr_count = node->attr_count};
    step.opset = strcmp(name, "Clip") == 0 ? 6 : 20;
    struct tensor t = {.type = TENSOR_F32, .rank = 1, .dim = {1}, .data = &number};
    const struct tensor *in = &t;
    struct tensor *out = &t;
    struct op_call call = {
        .node = &step, .in = &in, .in_count = 1, .out = &out, .out_count = 1};
    int e = op_find("", name, step.opset, &step.op, err);
    if (e == 0)
        e = step.op->run(&call, err);
    *value = (double)number;
    return e;
}

static bool is_near(double got, double want, double size, enum tensor_type type)
{
    const double rounding = type == TENSOR_BF16 ? 1.0 / 128 : 1e-4;
    if (!isfinite(want) || !isfinite(size))
        return true; // overflow may come earlier or later
    return fabs(got - want) <= 1e-5 + 2e-4 * size + rounding * fabs(want);
}

int probe_end(const struct graph *graph, size_t n, const struct op_call *call,
              const struct probe *probe, struct err *err)
{
    const struct node *node = &graph->nodes[n];
    const struct tensor *y = call->out[0];
    struct op_window w;
    int e = probe->count > 0
                ? op_window_init(&w, call, call->in[0], call->in[1]->dim + 2, err)
                : 0;
    for (int i = 0; e == 0 && i < probe->count; i++) {
        const struct place place = place_of(&w, y, probe->place[i]);
        double size = 0;
        double want = convolve(graph, call, &w, &place, &size);
        want += op_has(call, 2) ? op_number(call->in[2], place.channel) : 0;
        want += op_has(call, 3) ? probe->residual[i] : 0;
        e = activate(node, &want, err);
        const double got = load(graph, node->out[0], y, place.n, place.channel,
                                probe->place[i] % tensor_span(y, 2, y->rank));
        if (e == 0 && !is_near(got, want, size, y->type))
            e = err_set(err, ERR_UNSUPPORTED,
                        "the self-test failed: number %lld is %g, not %g",
                        (long long)probe->place[i], got, want);
    }
    return e;
}
