#include "tests/unit/test.h"

#include "base/err.h"
#include "kernels/graph.h"
#include "kernels/ops/op.h"
#include "kernels/probe.h"

#include <string.h>

enum { N = 2, C = 20, H = 5, W = 4, O = 18, PLACES = H * W };

static float x_plain[N * C * PLACES], y_plain[N * O * PLACES], weights[O * C * 9],
    bias[O], x_moved[N * 32 * PLACES], y_moved[N * 32 * PLACES];

/** Where number (n, c, p) of that many channels lies. */
static size_t place_in(enum layout layout, size_t channels, size_t n, size_t c, size_t p)
{
    if (layout == LAYOUT_LAST)
        return (n * PLACES + p) * channels + c;
    if (layout == LAYOUT_BLOCKED)
        return ((n * ((channels + 15) / 16) + c / 16) * PLACES + p) * 16 + c % 16;
    return (n * channels + c) * PLACES + p;
}

static void move(const float *from, enum layout layout, size_t channels, float *to)
{
    memset(to, 0, sizeof(x_moved));
    for (size_t i = 0; i < N * channels * PLACES; i++)
        to[place_in(layout, channels, i / PLACES / channels, i / PLACES % channels,
                    i % PLACES)] = from[i];
}

static int add_value(struct graph *graph, const char *name, int rank, const int64_t *dim,
                     float *data, bool constant)
{
    struct err err;
    struct tensor *t;
    int value;
    assert_int_equal(graph_need_value(graph, name, &value, &err), 0);
    graph->values[value].shape.type = TENSOR_F32;
    graph->values[value].shape.rank = rank;
    memcpy(graph->values[value].shape.dim, dim, (size_t)rank * sizeof(*dim));
    if (!constant)
        return value;
    assert_int_equal(tensor_create(TENSOR_F32, rank, dim, 1 << 20, &t, &err), 0);
    memcpy(t->data, data, tensor_bytes(t));
    graph_set_constant(graph, value, t);
    tensor_destroy(t);
    return value;
}

/** y = relu(conv(x, weights, bias) + residual), padded by 1; residual is what y_plain holds. */
struct net {
    struct graph *graph;
    struct tensor x, w, b, r, y;
    const struct tensor *in[4];
    struct tensor *out[1];
    struct op_call call;
};

static void make_net(struct net *net)
{
    static const int64_t X[] = {N, C, H, W}, WT[] = {O, C, 3, 3}, B[] = {O},
                         Y[] = {N, O, H, W}, PADS[] = {1, 1, 1, 1};
    const struct op *op;
    struct node *node;
    struct err err;
    for (size_t i = 0; i < sizeof(x_plain) / sizeof(float); i++)
        x_plain[i] = (float)(i * 37 % 64) / 64 - 0.5f;
    for (size_t i = 0; i < sizeof(weights) / sizeof(float); i++)
        weights[i] = (float)(i * 23 % 32) / 32 - 0.4f;
    for (size_t i = 0; i < sizeof(y_plain) / sizeof(float); i++)
        y_plain[i] = (float)(i * 11 % 16);
    assert_int_equal(graph_create(&net->graph, &err), 0);
    int in[4] = {add_value(net->graph, "x", 4, X, NULL, false),
                 add_value(net->graph, "w", 4, WT, weights, true),
                 add_value(net->graph, "b", 1, B, bias, true),
                 add_value(net->graph, "r", 4, Y, NULL, false)};
    const int out = add_value(net->graph, "y", 4, Y, NULL, false);
    assert_int_equal(op_find("hilum", "Conv", 1, &op, &err), 0);
    assert_int_equal(graph_add_node(net->graph, op, "", in, 4, &out, 1, &node, &err), 0);
    node->opset = 1;
    assert_int_equal(node_set_ints(node, "pads", PADS, 4, &err), 0);
    assert_int_equal(node_set_string(node, "activation", "Relu", &err), 0);
    struct tensor *t[5] = {&net->x, &net->w, &net->b, &net->r, &net->y};
    void *data[5] = {x_plain, weights, bias, y_plain, y_plain};
    for (int i = 0; i < 5; i++) {
        *t[i] = net->graph->values[i < 4 ? in[i] : out].shape;
        t[i]->data = data[i];
        if (i < 4)
            net->in[i] = t[i];
    }
    net->out[0] = &net->y;
    net->call = (struct op_call){net->graph->nodes, net->in, 4, net->out, 1};
}

/** Run the reference, with x and y in a layout; then spoil every number by so much. */
static int probe_with(enum layout layout, float spoil)
{
    struct net net;
    struct probe probe;
    struct err err = {0};
    make_net(&net);
    for (int i = 0; i < 5; i += i == 0 ? 3 : 1) // x, r and y
        net.graph->values[i].layout = layout;
    move(x_plain, layout, C, x_moved);
    move(y_plain, layout, O, y_moved);
    net.x.data = x_moved;
    net.r.data = net.y.data = y_moved;
    probe_begin(net.graph, 0, &net.call, &probe);
    assert_int_equal(probe.count, PROBE_PLACES);
    net.x.data = x_plain;
    net.r.data = net.y.data = y_plain;
    assert_int_equal(net.call.node->op->run(&net.call, &err), 0);
    for (size_t i = 0; i < N * O * PLACES; i++)
        y_plain[i] += spoil;
    move(y_plain, layout, O, y_moved);
    net.x.data = x_moved;
    net.r.data = net.y.data = y_moved;
    const int e = probe_end(net.graph, 0, &net.call, &probe, &err);
    if (e != 0)
        assert_non_null(strstr(err.text, "self-test"));
    graph_destroy(net.graph);
    return e;
}

static void right_results_pass_in_every_layout(void **state)
{
    (void)state;
    assert_int_equal(probe_with(LAYOUT_PLAIN, 0), 0);
    assert_int_equal(probe_with(LAYOUT_LAST, 0), 0);
    assert_int_equal(probe_with(LAYOUT_BLOCKED, 0), 0);
}

static void wrong_results_are_refused(void **state)
{
    (void)state;
    assert_int_equal(probe_with(LAYOUT_PLAIN, 0.1f), ERR_UNSUPPORTED);
    assert_int_equal(probe_with(LAYOUT_LAST, -0.1f), ERR_UNSUPPORTED);
    assert_int_equal(probe_with(LAYOUT_BLOCKED, 0.1f), ERR_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(right_results_pass_in_every_layout),
        cmocka_unit_test(wrong_results_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
