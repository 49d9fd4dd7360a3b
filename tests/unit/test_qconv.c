/* 8-bit kernels against the operators' references, bit for bit, over shapes and codes. */
#include "tests/unit/test.h"

#include "base/err.h"
#include "kernels/executor.h"
#include "kernels/fast/fast.h"
#include "kernels/fast/qtile.h"
#include "kernels/graph.h"
#include "kernels/ops/op.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 1 << 20, PORTS = 6 };

static uint32_t seed = 1;

static uint32_t draw(void)
{
    seed = seed * 1664525u + 1013904223u;
    return seed >> 8;
}

/** A graph of one node under test. */
struct bench {
    struct graph *graph;
    struct tensor *in[PORTS]; // as the reference has them; images are plain
    int value[PORTS], out;
    size_t count;
};

static void add(struct bench *b, enum tensor_type type, int rank, const int64_t *dim,
                bool constant)
{
    char name[16];
    struct tensor *t;
    snprintf(name, sizeof(name), "v%zu", b->count);
    assert_int_equal(tensor_create(type, rank, dim, ROOM, &t, NULL), 0);
    for (int64_t i = 0; i < tensor_count(t); i++) {
        const double x = type == TENSOR_F32  ? (double)draw() / 0x1p24 - 0.5
                         : type == TENSOR_I8 ? (double)(draw() % 255) - 127
                                             : (double)(draw() % 256);
        tensor_store_f64(t, i, 1, &x);
    }
    int v;
    assert_int_equal(graph_need_value(b->graph, name, &v, NULL), 0);
    b->graph->values[v].shape = *t;
    b->graph->values[v].shape.data = b->graph->values[v].shape.owned = NULL;
    b->graph->values[v].layout = constant ? LAYOUT_PLAIN : LAYOUT_LAST;
    if (constant)
        graph_set_constant(b->graph, v, t);
    b->in[b->count] = t;
    b->value[b->count++] = v;
}

static void skip_input(struct bench *b)
{
    b->in[b->count] = NULL;
    b->value[b->count++] = -1;
}

static void scale_floats(struct tensor *t, float by, float plus)
{
    for (int64_t i = 0; i < tensor_count(t); i++)
        ((float *)t->data)[i] = ((float *)t->data)[i] * by + plus;
}

/** An image between plain and channels last. */
static void turn(const struct tensor *from, char *to, bool last)
{
    const int64_t planes = from->dim[1], plane = tensor_span(from, 2, from->rank);
    const size_t size = tensor_type_size(from->type);
    for (int64_t n = 0; n < from->dim[0]; n++) {
        for (int64_t c = 0; c < planes; c++) {
            for (int64_t p = 0; p < plane; p++) {
                const int64_t a = (n * planes + c) * plane + p,
                              z = (n * plane + p) * planes + c;
                memcpy(to + (size_t)(last ? z : a) * size,
                       (const char *)from->data + (size_t)(last ? a : z) * size, size);
            }
        }
    }
}

/** The node's reference and its fast kernel give the same bytes. */
static void compare(struct bench *b, const char *op_name, struct node *attrs)
{
    static char buffers[PORTS + 2][ROOM * 4];
    const struct op *op;
    struct node *node;
    struct err err = {0};
    struct kernel *kernel = NULL;
    assert_int_equal(op_find("hilum", op_name, 1, &op, NULL), 0);
    assert_int_equal(graph_need_value(b->graph, "y", &b->out, NULL), 0);
    assert_int_equal(
        graph_add_node(b->graph, op, "n", b->value, b->count, &b->out, 1, &node, NULL),
        0);
    node->opset = 1;
    assert_int_equal(node_copy_attrs(node, attrs, NULL), 0);
    struct tensor y = {0}, last = {0}, images[PORTS];
    struct tensor *out = &y;
    struct op_call call = {.node = node,
                           .in = (const struct tensor **)b->in,
                           .in_count = b->count,
                           .out = &out,
                           .out_count = 1};
    assert_int_equal(op->infer(&call, &err), 0);
    y.data = buffers[PORTS];
    assert_int_equal(op->run(&call, &err), 0);

    struct value *v = &b->graph->values[b->out];
    v->shape = y;
    v->shape.data = NULL;
    v->layout = LAYOUT_LAST;
    assert_int_equal(fast_make(b->graph, 0, &kernel, &err), 0);
    assert_non_null(kernel);
    const struct tensor *in[PORTS];
    for (size_t i = 0; i < b->count; i++) {
        in[i] = b->in[i];
        if (!b->in[i] || b->graph->values[b->value[i]].constant)
            continue;
        turn(b->in[i], buffers[i], true);
        images[i] = *b->in[i];
        images[i].data = buffers[i];
        in[i] = &images[i];
    }
    last = y;
    last.data = buffers[PORTS + 1];
    out = &last;
    call.in = in;
    assert_int_equal(kernel->run(kernel, &call, &err), 0);
    char *back = malloc(tensor_bytes(&y) + 1);
    turn(&last, back, false);
    assert_memory_equal(back, y.data, tensor_bytes(&y));
    free(back);
    kernel->destroy(kernel);
}

static void finish(struct bench *b, struct node *attrs)
{
    for (size_t i = 0; i < b->count; i++)
        tensor_destroy(b->in[i]);
    graph_destroy(b->graph);
    node_finish(attrs);
}

struct conv_case {
    int rank;
    int64_t x[5], w[5]; // channels last in neither
    int64_t stride, dilation, pad, spread;
    int x_zero, y_zero;
    bool residual, slope, to_float;
};

static void set_ints(struct node *node, const char *name, int axes, int64_t n)
{
    const int64_t ints[6] = {n, n, n, n, n, n};
    assert_int_equal(node_set_ints(node, name, ints, (size_t)axes, NULL), 0);
}

static void compare_conv(const struct conv_case *c)
{
    struct bench b = {0};
    struct node attrs = {0};
    const int axes = c->rank - 2;
    const int64_t outs = c->w[0];
    assert_int_equal(graph_create(&b.graph, NULL), 0);
    add(&b, TENSOR_U8, c->rank, c->x, false);
    add(&b, TENSOR_I8, c->rank, c->w, true);
    add(&b, TENSOR_F32, 1, &outs, true);
    add(&b, TENSOR_F32, 1, &outs, true);
    scale_floats(b.in[2], 0.002f, 0.002f);
    scale_floats(b.in[3], 100, 0);
    if (c->residual) {
        const int64_t dim[] = {c->x[0], outs, c->x[2], c->x[3]};
        add(&b, TENSOR_U8, 4, dim, false);
        node_set_float(&attrs, "residual_scale", 0.37f, NULL);
    } else {
        skip_input(&b);
    }
    if (c->slope)
        add(&b, TENSOR_F32, 1, &outs, true);
    set_ints(&attrs, "strides", axes, c->stride);
    set_ints(&attrs, "dilations", axes, c->dilation);
    set_ints(&attrs, "pads", 2 * axes, c->pad);
    if (c->spread > 0)
        set_ints(&attrs, "spread", axes, c->spread);
    node_set_int(&attrs, "x_zero", c->x_zero, NULL);
    node_set_int(&attrs, "y_zero", c->y_zero, NULL);
    if (c->to_float)
        node_set_int(&attrs, "out_type", TENSOR_F32, NULL);
    compare(&b, "QConv", &attrs);
    finish(&b, &attrs);
}

static const struct conv_case CONVS[] = {
    // few channels: rows of taps; edges on all sides
    {4, {1, 1, 9, 11}, {5, 1, 3, 3}, 1, 1, 1, 0, 7, 0, false, false, false},
    {4, {2, 3, 8, 9}, {32, 3, 7, 7}, 2, 1, 3, 0, 128, 3, false, true, false},
    {3, {1, 2, 40}, {16, 2, 5}, 1, 1, 2, 0, 9, 0, false, false, false},
    // all widths of tiles, channels that fill no four
    {4, {1, 16, 30, 29}, {64, 16, 3, 3}, 1, 1, 1, 0, 0, 0, false, false, false},
    {4, {1, 18, 7, 7}, {33, 18, 3, 3}, 1, 1, 1, 0, 5, 0, true, true, false},
    {4, {2, 32, 9, 6}, {100, 32, 1, 1}, 1, 1, 0, 0, 0, 128, true, false, false},
    {4, {1, 20, 12, 12}, {17, 20, 3, 3}, 2, 1, 1, 0, 128, 0, false, false, true},
    {4, {1, 8, 14, 15}, {3, 8, 3, 3}, 1, 2, 2, 0, 1, 0, false, false, true},
    // deconvolutions, volumes
    {4, {1, 24, 6, 5}, {96, 24, 1, 1}, 1, 1, 0, 2, 17, 0, false, false, false},
    {5, {1, 12, 4, 5, 6}, {20, 12, 3, 3, 3}, 1, 1, 1, 0, 3, 0, false, false, false},
    {5, {1, 8, 3, 3, 3}, {8 * 40, 8, 1, 1, 1}, 1, 1, 0, 2, 0, 0, false, false, false},
    {5, {1, 1, 5, 6, 7}, {16, 1, 3, 3, 3}, 1, 1, 1, 0, 200, 0, false, true, false},
};

static void convolutions_are_those_of_the_reference(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(CONVS); i++)
        compare_conv(&CONVS[i]);
}

static void affine_is_that_of_the_reference(void **state)
{
    (void)state;
    for (int k = 0; k < 4; k++) {
        struct bench b = {0};
        struct node attrs = {0};
        const int64_t dim[] = {2, 21, 5, 7}, channels = 21;
        assert_int_equal(graph_create(&b.graph, NULL), 0);
        add(&b, TENSOR_U8, 4, dim, false);
        add(&b, TENSOR_F32, 1, &channels, true);
        add(&b, TENSOR_F32, 1, &channels, true);
        scale_floats(b.in[2], 200, 60);
        if (k & 1)
            add(&b, TENSOR_U8, 4, dim, false);
        else
            skip_input(&b);
        if (k & 2)
            add(&b, TENSOR_F32, 1, &channels, true);
        node_set_float(&attrs, "residual_scale", k & 1 ? 0.7f : 0, NULL);
        node_set_int(&attrs, "y_zero", 40 * k, NULL);
        compare(&b, "QAffine", &attrs);
        finish(&b, &attrs);
    }
}

/** All inner loops over random pointers, as far as this CPU has them. */
static void codes_give_the_same_bits(void **state)
{
    (void)state;
    enum { PIXELS = 29, ROOM_PIXELS = 48, SEGMENTS = 3, CHUNKS = 5, LANES = 64 };
    static uint8_t x[4096], residual[PIXELS * LANES];
    static int8_t w[SEGMENTS * CHUNKS * LANES * 4];
    static float scale[LANES], bias[LANES], slope[LANES];
    static char y[2][PIXELS * LANES * 4];
    const uint8_t *in[SEGMENTS * ROOM_PIXELS], *r[PIXELS];
    char *out[2][PIXELS];
    if (!executor_has_avx2())
        skip();
    for (size_t i = 0; i < sizeof(x); i++)
        x[i] = (uint8_t)draw();
    for (size_t i = 0; i < sizeof(w); i++)
        w[i] = (int8_t)(draw() % 255 - 127);
    for (size_t i = 0; i < sizeof(residual); i++)
        residual[i] = (uint8_t)draw();
    for (int i = 0; i < LANES; i++) {
        scale[i] = (float)draw() / 0x1p24f / 500;
        bias[i] = (float)draw() / 0x1p24f * 200 - 100;
        slope[i] = (float)draw() / 0x1p24f;
    }
    for (int i = 0; i < SEGMENTS * ROOM_PIXELS; i++)
        in[i] = x + draw() % (sizeof(x) - 4 * CHUNKS);
    for (int vectors = 1; vectors <= 4; vectors *= 2) {
        for (int kind = 0; kind < 8; kind++) {
            const struct requant q = {.residual_scale = 0.5f,
                                      .low = kind & 4 ? -500.0f : -9.0f,
                                      .high = kind & 4 ? 500.0f : 246.0f,
                                      .zero = kind & 4 ? 0 : 9,
                                      .to_float = kind & 4};
            for (int p = 0; p < PIXELS; p++) {
                r[p] = residual + p * LANES;
                out[0][p] = y[0] + p * LANES * 4;
                out[1][p] = y[1] + p * LANES * 4;
            }
            struct qtile t = {.q = &q,
                              .in = in,
                              .stride = ROOM_PIXELS,
                              .pixels = PIXELS,
                              .segments = SEGMENTS,
                              .chunks = CHUNKS,
                              .vectors = vectors,
                              .channels = vectors * 16 - kind,
                              .weights = w,
                              .scale = scale,
                              .bias = bias,
                              .slope = kind & 1 ? slope : NULL,
                              .residual = kind & 2 ? r : NULL,
                              .out = out[0]};
            memset(y, 0, sizeof(y));
            qtile_plain(&t);
            t.out = out[1];
            qtile_avx2(&t);
            assert_memory_equal(y[0], y[1], sizeof(y[0]));
            memset(y[1], 0, sizeof(y[1]));
            if (executor_has_vnni())
                qtile_vnni(&t);
            else
                qtile_plain(&t);
            assert_memory_equal(y[0], y[1], sizeof(y[0]));
        }
    }
}

int main(void)
{
    // TSan does not see how OpenMP's threads wait for each other; test_int8.py runs several.
    omp_set_num_threads(1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolutions_are_those_of_the_reference),
        cmocka_unit_test(affine_is_that_of_the_reference),
        cmocka_unit_test(codes_give_the_same_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
