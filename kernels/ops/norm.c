/*
 * norm: Batch-, Instance-, Group- and LayerNormalization, LRN.
 *
 *     y = (x - mean) / sqrt(var + epsilon) * scale + bias
 *
 * over what each of them takes together. Source: ONNX operators at the opsets of the rows.
 */
#include "kernels/ops/op_map.h"

#include "base/err.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/** Inputs first .. first + n - 1 have one number a channel (or count). */
static int want_counts(const struct op_call *call, size_t first, size_t n, int64_t count,
                       struct err *err)
{
    for (size_t i = first; i < first + n; i++) {
        if (!op_has(call, i))
            continue;
        if (tensor_count(call->in[i]) != count
            || !tensor_type_is_float(call->in[i]->type))
            return err_set(err, ERR_FORMAT, "input %zu has %lld numbers, not %lld", i,
                           (long long)tensor_count(call->in[i]), (long long)count);
    }
    return 0;
}

static int want_channels(const struct op_call *call, int rank_min, struct err *err)
{
    if (call->in[0]->rank < rank_min)
        return err_set(err, ERR_FORMAT, "x has %d axes", call->in[0]->rank);
    return op_want_float(call, 0, err);
}

/* BatchNormalization with given statistics or, in training mode, with those of x. */

static int infer_batch(struct op_call *call, struct err *err)
{
    int e = want_channels(call, 2, err);
    if (e == 0)
        e = want_counts(call, 1, 4, call->in[0]->dim[1], err);
    if (e != 0)
        return e;
    const bool training = node_int(call->node, "training_mode", 0);
    for (size_t i = 1; i < call->out_count; i++) {
        if (call->out[i] && (!training || i > 2))
            return err_set(err, ERR_UNSUPPORTED, "outputs of training");
        op_shape(call, i, call->in[i + 2]->type, 1, &call->in[0]->dim[1]);
    }
    if (!node_int(call->node, "spatial", 1))
        return err_set(err, ERR_UNSUPPORTED, "statistics that are not per channel");
    return op_infer_same(call, err);
}

/** Rows of n numbers: load, change by a function of the row, store. */
static int each_row(struct op_call *call, int64_t rows, int64_t n,
                    void (*change)(const struct op_call *, int64_t, int64_t, double *),
                    struct err *err)
{
    double *row = malloc(sizeof(*row) * (size_t)(n + 1));
    if (!row)
        return err_set(err, ERR_NOMEM, "a row of %lld", (long long)n);
    for (int64_t i = 0; i < rows; i++) {
        tensor_load_f64(call->in[0], i * n, n, row);
        change(call, i, n, row);
        tensor_store_f64(call->out[0], i * n, n, row);
    }
    free(row);
    return 0;
}

struct batch_norm {
    const struct op_call *call;
    double epsilon;
    const double *mean, *var; // one a channel
};

static void change_batch(const struct batch_norm *b, int64_t i, int64_t n, double *row)
{
    const struct op_call *call = b->call;
    const int64_t c = i % call->in[0]->dim[1];
    const double scale = op_number(call->in[1], c) / sqrt(b->var[c] + b->epsilon);
    const double shift = op_number(call->in[2], c) - b->mean[c] * scale;
    for (int64_t k = 0; k < n; k++)
        row[k] = row[k] * scale + shift;
}

/** Mean and variance (of n, not n - 1) of channel c of x over all images. */
static void find_statistics(const struct tensor *x, int64_t c, double *row, double *mean,
                            double *var)
{
    const int64_t n = tensor_span(x, 2, x->rank), images = x->dim[0];
    double sum = 0, squares = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (int64_t i = 0; i < images; i++) {
            tensor_load_f64(x, (i * x->dim[1] + c) * n, n, row);
            for (int64_t k = 0; k < n; k++) {
                const double d = row[k] - *mean;
                sum += pass == 0 ? row[k] : 0;
                squares += pass == 1 ? d * d : 0;
            }
        }
        if (pass == 0)
            *mean = sum / (double)(images * n);
    }
    *var = squares / (double)(images * n);
}

static void store_running(const struct op_call *call, int64_t c, const double *stat)
{
    const double keep = (double)node_float(call->node, "momentum", 0.9f);
    for (size_t i = 1; i < call->out_count && i < 3; i++) {
        const double old = op_number(call->in[i + 2], c);
        if (call->out[i])
            tensor_store_f64(call->out[i], c, 1,
                             &(double){old * keep + stat[i - 1] * (1 - keep)});
    }
}

static int run_batch(struct op_call *call, struct err *err)
{
    const struct tensor *x = call->in[0];
    const int64_t channels = x->dim[1], n = tensor_span(x, 2, x->rank);
    double *mean = calloc((size_t)(2 * channels + n + 1), sizeof(*mean));
    if (!mean)
        return err_set(err, ERR_NOMEM, "statistics");
    double *var = mean + channels, *row = var + channels;
    tensor_load_f64(call->in[3], 0, channels, mean);
    tensor_load_f64(call->in[4], 0, channels, var);
    for (int64_t c = 0; node_int(call->node, "training_mode", 0) && c < channels; c++) {
        mean[c] = 0;
        find_statistics(x, c, row, &mean[c], &var[c]);
        store_running(call, c, (double[2]){mean[c], var[c]});
    }
    const struct batch_norm b = {call, (double)node_float(call->node, "epsilon", 1e-5f),
                                 mean, var};
    for (int64_t i = 0; i < x->dim[0] * channels; i++) {
        tensor_load_f64(x, i * n, n, row);
        change_batch(&b, i, n, row);
        if (call->out[0])
            tensor_store_f64(call->out[0], i * n, n, row);
    }
    free(mean);
    return 0;
}

/** Mean 0 and variance 1 (of n, not n - 1); returns what LayerNormalization may put out. */
static void standardise(double *row, int64_t n, double epsilon, double *mean, double *inv)
{
    double sum = 0, squares = 0;
    for (int64_t k = 0; k < n; k++)
        sum += row[k];
    *mean = n > 0 ? sum / (double)n : 0;
    for (int64_t k = 0; k < n; k++)
        squares += (row[k] - *mean) * (row[k] - *mean);
    *inv = 1 / sqrt((n > 0 ? squares / (double)n : 0) + epsilon);
    for (int64_t k = 0; k < n; k++)
        row[k] = (row[k] - *mean) * *inv;
}

/* InstanceNormalization: each channel of each image by itself. */

static int infer_instance(struct op_call *call, struct err *err)
{
    int e = want_channels(call, 3, err);
    if (e == 0)
        e = want_counts(call, 1, 2, call->in[0]->dim[1], err);
    return e != 0 ? e : op_infer_same(call, err);
}

static void change_instance(const struct op_call *call, int64_t i, int64_t n, double *row)
{
    double mean, inv;
    const int64_t c = i % call->in[0]->dim[1];
    standardise(row, n, (double)node_float(call->node, "epsilon", 1e-5f), &mean, &inv);
    for (int64_t k = 0; k < n; k++)
        row[k] = row[k] * op_number(call->in[1], c) + op_number(call->in[2], c);
}

static int run_instance(struct op_call *call, struct err *err)
{
    const struct tensor *x = call->in[0];
    return each_row(call, x->dim[0] * x->dim[1], tensor_span(x, 2, x->rank),
                    change_instance, err);
}

/* GroupNormalization: scale and bias are per group up to opset 20, then per channel. */

static int infer_group(struct op_call *call, struct err *err)
{
    int e = want_channels(call, 2, err);
    const int64_t groups = node_int(call->node, "num_groups", 0);
    if (e == 0 && (groups < 1 || call->in[0]->dim[1] % groups != 0))
        e = err_set(err, ERR_FORMAT, "%lld channels in %lld groups",
                    (long long)call->in[0]->dim[1], (long long)groups);
    if (e == 0)
        e = want_counts(call, 1, 2, call->node->opset < 21 ? groups : call->in[0]->dim[1],
                        err);
    return e != 0 ? e : op_infer_same(call, err);
}

static void change_group(const struct op_call *call, int64_t i, int64_t n, double *row)
{
    double mean, inv;
    const int64_t groups = node_int(call->node, "num_groups", 1), g = i % groups;
    const int64_t channels = call->in[0]->dim[1] / groups, plane = n / channels;
    standardise(row, n, (double)node_float(call->node, "epsilon", 1e-5f), &mean, &inv);
    for (int64_t k = 0; k < n; k++) {
        const int64_t c = call->node->opset < 21 ? g : g * channels + k / plane;
        row[k] = row[k] * op_number(call->in[1], c) + op_number(call->in[2], c);
    }
}

static int run_group(struct op_call *call, struct err *err)
{
    const struct tensor *x = call->in[0];
    const int64_t rows = x->dim[0] * node_int(call->node, "num_groups", 1);
    return tensor_count(x)
               ? each_row(call, rows, tensor_count(x) / rows, change_group, err)
               : 0;
}

/* LayerNormalization: over the axes from axis on. */

static int infer_layer(struct op_call *call, struct err *err)
{
    int axis;
    struct tensor shape = *call->in[0], spread = *call->in[0];
    int e = op_axis(node_int(call->node, "axis", -1), call->in[0]->rank, &axis, err);
    if (e == 0)
        e = op_want_float(call, 0, err);
    if (e == 0 && node_int(call->node, "stash_type", 1) != 1)
        e = err_set(err, ERR_UNSUPPORTED, "a stash_type that is not float");
    for (size_t i = 1; e == 0 && i < call->in_count; i++) {
        if (!op_has(call, i))
            continue;
        e = op_broadcast(&spread, call->in[i], err);
        if (e == 0 && !tensor_has_shape_of(&spread, &shape))
            e = err_set(err, ERR_FORMAT, "input %zu is larger than x", i);
    }
    if (e != 0)
        return e;
    for (int i = axis; i < shape.rank; i++)
        shape.dim[i] = 1;
    op_shape(call, 1, TENSOR_F32, shape.rank, shape.dim);
    op_shape(call, 2, TENSOR_F32, shape.rank, shape.dim);
    return op_infer_same(call, err);
}

static void scale_layer(const struct op_call *call, int64_t first, int64_t n, double *row)
{
    const struct tensor *x = call->in[0];
    int64_t stride[2][TENSOR_RANK_MAX], at[TENSOR_RANK_MAX], rest = first;
    for (int i = x->rank - 1; i >= 0; i--) {
        at[i] = rest % x->dim[i];
        rest /= x->dim[i];
    }
    for (size_t k = 0; k < 2; k++) {
        if (op_has(call, k + 1))
            op_strides(call->in[k + 1], x->dim, x->rank, stride[k]);
    }
    for (int64_t j = 0; j < n; j++) {
        int64_t offset[2] = {0, 0};
        for (size_t k = 0; k < 2; k++) {
            for (int i = 0; op_has(call, k + 1) && i < x->rank; i++)
                offset[k] += at[i] * stride[k][i];
        }
        row[j] *= op_number(call->in[1], offset[0]);
        row[j] += op_has(call, 2) ? op_number(call->in[2], offset[1]) : 0;
        op_next(x->dim, x->rank, at);
    }
}

static int run_layer(struct op_call *call, struct err *err)
{
    int axis;
    const struct tensor *x = call->in[0];
    const int e = op_axis(node_int(call->node, "axis", -1), x->rank, &axis, err);
    const int64_t n = e == 0 ? tensor_span(x, axis, x->rank) : 0;
    if (n == 0)
        return e;
    double *row = malloc(sizeof(*row) * (size_t)n);
    if (!row)
        return err_set(err, ERR_NOMEM, "a row of %lld", (long long)n);
    const double epsilon = (double)node_float(call->node, "epsilon", 1e-5f);
    for (int64_t i = 0; i < tensor_span(x, 0, axis); i++) {
        double stat[2];
        tensor_load_f64(x, i * n, n, row);
        standardise(row, n, epsilon, &stat[0], &stat[1]);
        scale_layer(call, i * n, n, row);
        if (call->out[0])
            tensor_store_f64(call->out[0], i * n, n, row);
        for (size_t k = 1; k < 3; k++) {
            if (k < call->out_count && call->out[k])
                tensor_store_f64(call->out[k], i, 1, &stat[k - 1]);
        }
    }
    free(row);
    return 0;
}

/* LRN: y = x / (bias + alpha / size * sum of squares of the channels around)^beta */

static int infer_lrn(struct op_call *call, struct err *err)
{
    const int e = want_channels(call, 2, err);
    if (e != 0 || node_int(call->node, "size", 0) >= 1)
        return e != 0 ? e : op_infer_same(call, err);
    return err_set(err, ERR_FORMAT, "size is %lld",
                   (long long)node_int(call->node, "size", 0));
}

static void lrn_image(const struct node *node, const double *x, int64_t channels,
                      int64_t plane, double *y)
{
    const int64_t size = node_int(node, "size", 1);
    const double alpha = (double)node_float(node, "alpha", 1e-4f) / (double)size;
    const double beta = (double)node_float(node, "beta", 0.75f);
    const double bias = (double)node_float(node, "bias", 1);
    for (int64_t i = 0; i < channels * plane; i++) {
        const int64_t c = i / plane, from = c - (size - 1) / 2, to = c + size / 2;
        double sum = 0;
        for (int64_t k = from > 0 ? from : 0; k <= to && k < channels; k++) {
            const double v = x[k * plane + i % plane];
            sum += v * v;
        }
        y[i] = x[i] / pow(bias + alpha * sum, beta);
    }
}

static int run_lrn(struct op_call *call, struct err *err)
{
    const struct tensor *x = call->in[0];
    const int64_t plane = tensor_span(x, 2, x->rank), n = x->dim[1] * plane;
    double *xs = malloc(sizeof(*xs) * (size_t)(2 * n + 1));
    if (!xs)
        return err_set(err, ERR_NOMEM, "doubles of an image");
    for (int64_t i = 0; i < x->dim[0] && n > 0; i++) {
        tensor_load_f64(x, i * n, n, xs);
        lrn_image(call->node, xs, x->dim[1], plane, xs + n);
        tensor_store_f64(call->out[0], i * n, n, xs + n);
    }
    free(xs);
    return 0;
}

const struct op op_norm_rows[] = {
    {"", "BatchNormalization", 1, 5, 5, 5,
     " epsilon momentum spatial is_test training_mode consumed_inputs ", infer_batch,
     run_batch},
    {"", "InstanceNormalization", 1, 3, 3, 1, " epsilon consumed_inputs ", infer_instance,
     run_instance},
    {"", "GroupNormalization", 18, 3, 3, 1, " epsilon num_groups stash_type ",
     infer_group, run_group},
    {"", "LayerNormalization", 17, 2, 3, 3, " axis epsilon stash_type ", infer_layer,
     run_layer},
    {"", "LRN", 1, 1, 1, 1, " alpha beta bias size ", infer_lrn, run_lrn},
    {0},
};
