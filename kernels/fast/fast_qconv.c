/*
 * fast_qconv: hilum.QConv where channels lie last, see kernels/ops/quantised.c.
 *
 * Pixels are taken in strips of the result, in the order in which they lie; for a strip a table
 * of pointers says where each segment of the kernel reads for each pixel: in x, or x_zero
 * outside the image. A segment is a tap with all its channels or, where channels are few, a row
 * of taps. The inner loop (qtile.h) knows nothing of geometry. x and the result may be some
 * channels of wider values. Threads take strips and share no sum: their number changes nothing.
 * Cost: as many products as the operator has. Tested: tests/unit/test_qconv.c, bit for bit.
 */
#include "kernels/fast/fast.h"
#include "kernels/fast/qtile.h"

#include "base/err.h"
#include "kernels/executor.h"
#include "kernels/ops/op_window.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

enum {
    STRIP = 384, // pixels; a multiple of what the inner loops take at once
    SEGMENTS_MAX = 512,
    ROW_BYTES_MAX = 256, // of a segment that is a row
};

/** Some channels of the result: what one tile makes. */
struct block {
    int64_t first, channel,
        place; // of the weights; of the result; pixels spread shifts it by
    int channels, vectors;
    int64_t weights; // offset in packed
};

struct qconv {
    struct kernel base;
    struct requant q;
    struct op_window w;
    qtile_fn *tile;
    int threads;
    bool rows; // segments are rows of taps
    int64_t batch, channels, outs, x_pitch, y_pitch, r_pitch;
    int64_t steps[OP_SPATIAL_MAX]; // of spread
    int64_t segments, chunks, strip;
    size_t y_size; // bytes of an element of the result
    int residual;  // its input, or -1
    struct block *blocks;
    size_t block_count;
    int8_t *packed;
    float *numbers, *scale, *bias, *slope; // numbers: what holds the three
    uint8_t *outside;                      // a segment of x_zero
    char *scratch;                         // of all threads
    size_t scratch_bytes;                  // of one
};

/** Pointers of one strip; they lie in a thread's scratch. */
struct table {
    const uint8_t **in, **residual; // [segments][strip], [strip]
    char **out;                     // [strip]
    uint8_t *edges;                 // copies of rows that leave the image, as they come
};

static int64_t ceil_div(int64_t a, int64_t b)
{
    return a >= 0 ? (a + b - 1) / b : -(-a / b);
}

static int64_t clamp(int64_t v, int64_t lo, int64_t hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

/** A tap for the pixels x0 .. x0 + n of a row of the result; from is its row of x, or NULL. */
static void fill_tap(const struct qconv *k, const uint8_t *from, int64_t tap, int64_t x0,
                     int64_t n, const uint8_t **to)
{
    const struct op_window *w = &k->w;
    const int64_t shift = tap * w->dilation[2] - w->begin[2];
    const int64_t lo = clamp(ceil_div(-shift, w->stride[2]) - x0, 0, n);
    const int64_t hi = clamp(ceil_div(w->in[2] - shift, w->stride[2]) - x0, lo, n);
    const bool in = from != NULL;
    for (int64_t i = 0; i < (in ? lo : n); i++)
        to[i] = k->outside;
    for (int64_t i = lo; in && i < hi; i++)
        to[i] = from + ((x0 + i) * w->stride[2] + shift) * k->x_pitch;
    for (int64_t i = hi; in && i < n; i++)
        to[i] = k->outside;
}

/** A row of taps that reaches over an edge: a copy of it, with x_zero beyond the edge. */
static const uint8_t *copy_edge(const struct qconv *k, const uint8_t *from, int64_t x,
                                uint8_t **edges)
{
    const struct op_window *w = &k->w;
    const int64_t end = x + w->kernel[2];
    const int64_t first = x < 0 ? 0 : x, last = end < w->in[2] ? end : w->in[2];
    uint8_t *to = *edges;
    if (last <= first)
        return k->outside;
    memcpy(to, k->outside, (size_t)(4 * k->chunks));
    memcpy(to + (first - x) * k->channels, from + first * k->channels,
           (size_t)((last - first) * k->channels));
    *edges += 4 * k->chunks;
    return to;
}

/** A row of taps likewise. */
static void fill_row(const struct qconv *k, const uint8_t *from, int64_t x0, int64_t n,
                     const uint8_t **to, uint8_t **edges)
{
    const struct op_window *w = &k->w;
    const int64_t stride = w->stride[2], begin = w->begin[2];
    // Pixels lo .. hi have all their taps inside.
    const int64_t lo = clamp(ceil_div(begin, stride) - x0, 0, n);
    const int64_t room = w->in[2] - w->kernel[2] + begin;
    const int64_t hi = room < 0 ? lo : clamp(room / stride + 1 - x0, lo, n);
    for (int64_t i = 0; i < (from ? lo : n); i++)
        to[i] = from ? copy_edge(k, from, (x0 + i) * stride - begin, edges) : k->outside;
    for (int64_t i = lo; from && i < hi; i++)
        to[i] = from + ((x0 + i) * stride - begin) * k->channels;
    for (int64_t i = hi; from && i < n; i++)
        to[i] = copy_edge(k, from, (x0 + i) * stride - begin, edges);
}

/** Segments of n pixels of one row of the result, which begins at place at (image, z, y, x). */
static void fill_segments(const struct qconv *k, const uint8_t *x, const int64_t *at,
                          int64_t n, struct table *t, int64_t first)
{
    const struct op_window *w = &k->w;
    int64_t s = 0;
    for (int64_t a = 0; a < w->kernel[0]; a++) {
        const int64_t z = at[1] * w->stride[0] + a * w->dilation[0] - w->begin[0];
        for (int64_t b = 0; b < w->kernel[1]; b++) {
            const int64_t y = at[2] * w->stride[1] + b * w->dilation[1] - w->begin[1];
            const bool in = z >= 0 && z < w->in[0] && y >= 0 && y < w->in[1];
            const uint8_t *from =
                in ? x + ((at[0] * w->in[0] + z) * w->in[1] + y) * w->in[2] * k->x_pitch
                   : NULL;
            if (k->rows)
                fill_row(k, from, at[3], n, t->in + s++ * k->strip + first, &t->edges);
            for (int64_t c = 0; !k->rows && c < w->kernel[2]; c++)
                fill_tap(k, from, c, at[3], n, t->in + s++ * k->strip + first);
        }
    }
}

/** Where the pixels of one row of the result go, and where their residual lies. */
static void fill_out(const struct qconv *k, char *y, const uint8_t *residual,
                     const int64_t *at, int64_t n, struct table *t, int64_t first)
{
    const int64_t *s = k->steps, *out = k->w.out;
    const int64_t row =
        ((at[0] * out[0] * s[0] + at[1] * s[0]) * out[1] * s[1] + at[2] * s[1]) * out[2]
        * s[2];
    for (int64_t i = 0; i < n; i++) {
        const int64_t pixel = row + (at[3] + i) * s[2];
        t->out[first + i] = y + (size_t)(pixel * k->y_pitch) * k->y_size;
        if (residual)
            t->residual[first + i] = residual + pixel * k->r_pitch;
    }
}

/** Inner loops take some pixels at once: the last one stands for those that are not there. */
static void fill_up(const struct qconv *k, int64_t n, struct table *t)
{
    const int64_t end = ceil_div(n, QTILE_UNIT) * QTILE_UNIT;
    for (int64_t s = 0; s < k->segments; s++) {
        for (int64_t i = n; i < end; i++)
            t->in[s * k->strip + i] = t->in[s * k->strip + n - 1];
    }
}

static void fill_table(const struct qconv *k, const struct op_call *call, int64_t begin,
                       int64_t n, struct table *t)
{
    const int64_t *out = k->w.out;
    const uint8_t *residual = k->residual < 0 ? NULL : call->in[k->residual]->data;
    for (int64_t done = 0; done < n;) {
        const int64_t p = begin + done;
        const int64_t at[4] = {p / out[2] / out[1] / out[0], p / out[2] / out[1] % out[0],
                               p / out[2] % out[1], p % out[2]};
        const int64_t left = out[2] - at[3], run = left < n - done ? left : n - done;
        fill_segments(k, call->in[0]->data, at, run, t, done);
        fill_out(k, call->out[0]->data, residual, at, run, t, done);
        done += run;
    }
    fill_up(k, n, t);
}

static void run_strip(const struct qconv *k, const struct op_call *call, int64_t begin,
                      int64_t n, char *scratch)
{
    struct table t = {.in = (const uint8_t **)(void *)scratch};
    t.residual = t.in + k->segments * k->strip;
    t.out = (char **)(void *)(t.residual + k->strip);
    t.edges = (uint8_t *)(t.out + k->strip);
    fill_table(k, call, begin, n, &t);
    for (size_t i = 0; i < k->block_count; i++) {
        const struct block *b = &k->blocks[i];
        const struct qtile tile = {
            .q = &k->q,
            .in = t.in,
            .stride = k->strip,
            .pixels = n,
            .segments = k->segments,
            .chunks = k->chunks,
            .vectors = b->vectors,
            .channels = b->channels,
            .weights = k->packed + b->weights,
            .scale = k->scale + b->first,
            .bias = k->bias + b->first,
            .slope = k->slope ? k->slope + b->first : NULL,
            .out = t.out,
            .residual = k->residual < 0 ? NULL : t.residual,
            .shift = (b->place * k->y_pitch + b->channel) * (int64_t)k->y_size,
            .residual_shift = b->place * k->r_pitch + b->channel,
        };
        k->tile(&tile);
    }
}

static int run(struct kernel *kernel, struct op_call *call, struct err *err)
{
    (void)err;
    const struct qconv *k = (const struct qconv *)kernel;
    const int64_t pixels = k->batch * k->w.out[0] * k->w.out[1] * k->w.out[2];
    const int64_t strips = ceil_div(pixels, k->strip);
#pragma omp parallel for num_threads(k->threads) schedule(static) if (k->threads > 1)
    for (int64_t i = 0; i < strips; i++) {
        const int64_t left = pixels - i * k->strip;
        run_strip(k, call, i * k->strip, left < k->strip ? left : k->strip,
                  k->scratch + (size_t)omp_get_thread_num() * k->scratch_bytes);
    }
    return 0;
}

static void destroy(struct kernel *kernel)
{
    struct qconv *k = (struct qconv *)kernel;
    free(k->blocks);
    free(k->packed);
    free(k->numbers);
    free(k->outside);
    free(k->scratch);
    free(k);
}

/* Making */

static int find_geometry(struct qconv *k, const struct graph *graph,
                         const struct node *node, struct err *err)
{
    const struct tensor *x = &graph->values[node->in[0]].shape,
                        *w = &graph->values[node->in[1]].shape;
    const struct op_call call = {.node = node};
    int64_t steps[OP_SPATIAL_MAX] = {1, 1, 1};
    int e = op_window_init(&k->w, &call, x, w->dim + 2, err);
    if (e == 0 && node_attr(node, "spread"))
        e = op_window_ints(&call, "spread", k->w.axes, 1, 1, steps, err);
    if (e != 0)
        return e;
    k->batch = x->dim[0];
    k->channels = x->dim[1];
    k->outs = w->dim[0];
    for (int i = 0; i < OP_SPATIAL_MAX; i++)
        k->steps[i] = 1;
    for (int i = 0; i < k->w.axes; i++)
        k->steps[OP_SPATIAL_MAX - k->w.axes + i] = steps[i];
    return 0;
}

static void find_segments(struct qconv *k)
{
    const struct op_window *w = &k->w;
    const int64_t bytes = w->kernel[2] * k->channels, rows = w->kernel[0] * w->kernel[1];
    const int64_t pixels = k->batch * w->out[0] * w->out[1] * w->out[2];
    const int64_t fair = ceil_div(ceil_div(pixels, k->threads), QTILE_UNIT) * QTILE_UNIT;
    // Longer segments are fewer pointers; few channels fill no four bytes of a tap.
    k->rows = w->dilation[2] == 1 && k->x_pitch == k->channels && bytes <= ROW_BYTES_MAX;
    k->segments = k->rows ? rows : rows * w->kernel[2];
    k->chunks = ceil_div(k->rows ? bytes : k->channels, 4);
    k->strip = fair < STRIP ? fair : STRIP;
    k->scratch_bytes = (size_t)((k->segments + 2) * k->strip) * sizeof(char *)
                       + (k->rows ? (size_t)(k->segments * k->strip * 4 * k->chunks) : 0);
    k->scratch_bytes = (k->scratch_bytes + 127) / 64 * 64;
}

/** Vectors of 16 channels that one tile takes of so many that are left. */
static int vectors_for(int64_t left)
{
    return left > 48 ? 4 : left > 16 ? 2 : 1;
}

/** Pixels by which place d of spread is shifted. */
static int64_t place_of(const struct qconv *k, int64_t d)
{
    const int64_t *s = k->steps, *out = k->w.out;
    const int64_t z = d / s[2] / s[1], y = d / s[2] % s[1], x = d % s[2];
    return (z * out[1] * s[1] + y) * out[2] * s[2] + x;
}

static int divide(struct qconv *k, struct err *err)
{
    const int64_t places = k->steps[0] * k->steps[1] * k->steps[2];
    const int64_t each = k->outs / places;
    int64_t weights = 0;
    k->blocks = calloc((size_t)(places * (each / 16 + 1)), sizeof(*k->blocks));
    if (!k->blocks)
        return err_set(err, ERR_NOMEM, "a convolution");
    for (int64_t d = 0; d < places; d++) {
        for (int64_t c = 0; c < each;) {
            const int vectors = vectors_for(each - c);
            const int64_t most = (int64_t)vectors * QTILE_LANES;
            k->blocks[k->block_count++] = (struct block){
                .first = d * each + c,
                .channel = c,
                .place = place_of(k, d),
                .channels = (int)(each - c < most ? each - c : most),
                .vectors = vectors,
                .weights = weights,
            };
            weights += k->segments * k->chunks * most * 4;
            c += most;
        }
    }
    k->packed = aligned_alloc(64, (size_t)weights + 64);
    if (!k->packed)
        return err_set(err, ERR_NOMEM, "weights of %lld bytes", (long long)weights);
    memset(k->packed, 0, (size_t)weights + 64);
    return 0;
}

/** Weights w [outs][channels][taps] into the order in which tiles read them. */
static void pack(struct qconv *k, const int8_t *w)
{
    const int64_t taps = k->w.kernel[0] * k->w.kernel[1] * k->w.kernel[2];
    const int64_t row = k->w.kernel[2];
    for (size_t i = 0; i < k->block_count; i++) {
        const struct block *b = &k->blocks[i];
        const int64_t lanes = (int64_t)b->vectors * QTILE_LANES;
        for (int64_t o = 0; o < b->channels; o++) {
            for (int64_t c = 0; c < k->channels; c++) {
                for (int64_t t = 0; t < taps; t++) {
                    const int64_t s = k->rows ? t / row : t;
                    const int64_t j = k->rows ? t % row * k->channels + c : c;
                    const int64_t chunk = s * k->chunks + j / 4;
                    k->packed[b->weights + (chunk * lanes + o) * 4 + j % 4] =
                        w[((b->first + o) * k->channels + c) * taps + t];
                }
            }
        }
    }
}

static void copy_floats(const struct graph *graph, int value, int64_t n, float *to)
{
    memcpy(to, graph->values[value].constant->data, (size_t)n * sizeof(*to));
}

static int find_numbers(struct qconv *k, const struct graph *graph,
                        const struct node *node, struct err *err)
{
    const int64_t room = k->outs + QTILE_LANES * QTILE_VECTORS_MAX;
    const int slope = node->in_count > 5 ? node->in[5] : -1;
    const size_t segment = (size_t)(4 * k->chunks);
    k->numbers = calloc((size_t)room * 3, sizeof(*k->numbers));
    k->outside = malloc(segment);
    k->scratch = aligned_alloc(64, k->scratch_bytes * (size_t)k->threads);
    if (!k->numbers || !k->outside || !k->scratch)
        return err_set(err, ERR_NOMEM, "a convolution");
    memset(k->outside, (int)node_int(node, "x_zero", 0), segment);
    k->scale = k->numbers;
    k->bias = k->numbers + room;
    copy_floats(graph, node->in[2], k->outs, k->scale);
    copy_floats(graph, node->in[3], k->outs, k->bias);
    if (slope >= 0) {
        k->slope = k->numbers + 2 * room;
        copy_floats(graph, slope, k->outs, k->slope);
    }
    return 0;
}

static bool is_ours(const struct graph *graph, const struct node *node)
{
    for (size_t i = 1; i < node->in_count; i++) {
        if (i != 4 && node->in[i] >= 0 && !graph->values[node->in[i]].constant)
            return false;
    }
    return graph->values[node->in[0]].layout == LAYOUT_LAST
           && graph->values[node->out[0]].layout == LAYOUT_LAST
           && (node->in_count < 5 || node->in[4] < 0
               || graph->values[node->in[4]].layout == LAYOUT_LAST);
}

static int prepare(struct qconv *k, const struct graph *graph, const struct node *node,
                   struct err *err)
{
    const bool residual = node->in_count > 4 && node->in[4] >= 0;
    k->q = requant_of(node);
    k->tile = executor_has_vnni()   ? qtile_vnni
              : executor_has_avx2() ? qtile_avx2
                                    : qtile_plain;
    k->threads = omp_get_max_threads();
    k->residual = residual ? 4 : -1;
    k->y_size = tensor_type_size(graph->values[node->out[0]].shape.type);
    k->x_pitch = value_pitch(graph, node->in[0]);
    k->y_pitch = value_pitch(graph, node->out[0]);
    k->r_pitch = residual ? value_pitch(graph, node->in[4]) : 0;
    int e = find_geometry(k, graph, node, err);
    if (e != 0)
        return e;
    find_segments(k);
    if (k->segments > SEGMENTS_MAX)
        return err_set(err, ERR_UNSUPPORTED, "a kernel of %lld taps",
                       (long long)k->segments);
    e = divide(k, err);
    if (e == 0)
        pack(k, graph->values[node->in[1]].constant->data);
    return e == 0 ? find_numbers(k, graph, node, err) : e;
}

int fast_make_qconv(const struct graph *graph, const struct node *node,
                    struct kernel **ret, struct err *err)
{
    if (!is_ours(graph, node))
        return 0;
    struct qconv *k = calloc(1, sizeof(*k));
    if (!k)
        return err_set(err, ERR_NOMEM, "a convolution");
    k->base = (struct kernel){run, destroy, "qconv"};
    const int e = prepare(k, graph, node, err);
    if (e != 0) {
        destroy(&k->base);
        return e == ERR_UNSUPPORTED ? 0 : e;
    }
    k->base.name = k->tile == qtile_vnni   ? "qconv:vnni"
                   : k->tile == qtile_avx2 ? "qconv:avx2"
                                           : "qconv:plain";
    *ret = &k->base;
    return 0;
}
