#include "kernels/calibrate_metric.h"

#include "base/err.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool metric_is_dice(const char *name, const struct tensor *output)
{
    if (name)
        return strcmp(name, "dice") == 0;
    return output->type == TENSOR_F32 && output->rank >= 4
           && output->dim[1] <= METRIC_LABELS_MAX
           && tensor_span(output, 2, output->rank) > 1;
}

/** Labels of scores [n, c, spatial...]: the channel with most; of one channel, whether it is
 * above the middle (0.5 where all are in 0 .. 1, else 0). */
static void label(const struct tensor *t, unsigned char *ret)
{
    const float *x = t->data;
    const int64_t channels = t->dim[1], plane = tensor_span(t, 2, t->rank);
    float middle = 0.5f;
    for (int64_t i = 0; channels == 1 && i < t->dim[0] * plane; i++)
        middle = x[i] < 0 || x[i] > 1 ? 0 : middle;
    for (int64_t n = 0; n < t->dim[0]; n++, x += channels * plane) {
        for (int64_t p = 0; p < plane; p++) {
            int64_t best = 0;
            for (int64_t c = 1; c < channels; c++)
                best = x[c * plane + p] > x[best * plane + p] ? c : best;
            *ret++ = (unsigned char)(channels == 1 ? x[p] > middle : best);
        }
    }
}

static int check_scores(const struct tensor *t, struct err *err)
{
    if (t->type != TENSOR_F32 || t->rank < 3 || t->dim[1] > METRIC_LABELS_MAX)
        return err_set(err, ERR_UNSUPPORTED, "the first output has no scores of labels");
    return 0;
}

static int64_t count_labels(const struct tensor *t)
{
    return t->dim[0] * tensor_span(t, 2, t->rank);
}

int metric_copy(struct metric_want *want, const struct tensor *const *outputs,
                size_t count, struct err *err)
{
    want->count = want->dice ? 1 : count;
    want->outputs = calloc(want->count + 1, sizeof(*want->outputs));
    int e = want->outputs ? 0 : err_set(err, ERR_NOMEM, "outputs");
    for (size_t i = 0; e == 0 && i < want->count; i++) {
        struct tensor *t = &want->outputs[i];
        if (want->dice)
            e = check_scores(outputs[i], err);
        *t = want->dice ? (struct tensor){.type = TENSOR_U8, .rank = 1} : *outputs[i];
        t->data = t->owned = NULL;
        if (e == 0 && want->dice)
            t->dim[0] = count_labels(outputs[i]);
        if (e == 0)
            e = tensor_allocate(t, err);
        if (e == 0 && want->dice)
            label(outputs[i], t->data);
        else if (e == 0)
            memcpy(t->data, outputs[i]->data, tensor_bytes(t));
    }
    return e;
}

void metric_want_finish(struct metric_want *want)
{
    for (size_t i = 0; want->outputs && i < want->count; i++)
        tensor_finish(&want->outputs[i]);
    free(want->outputs);
    want->outputs = NULL;
}

static int add_labels(struct metric *m, const struct tensor *want,
                      const struct tensor *got, struct err *err)
{
    const size_t n = (size_t)want->dim[0];
    if (got->rank < 3 || count_labels(got) != want->dim[0])
        return err_set(err, ERR_FORMAT, "outputs changed their shape");
    if (n > m->room) {
        free(m->labels);
        m->room = 0;
        m->labels = malloc(n);
        if (!m->labels)
            return err_set(err, ERR_NOMEM, "labels");
        m->room = n;
    }
    label(got, m->labels);
    const unsigned char *a = want->data;
    for (size_t i = 0; i < n; i++) {
        m->both[a[i]] += a[i] == m->labels[i];
        m->either[a[i]]++;
        m->either[m->labels[i]]++;
    }
    return 0;
}

/** Squares of differences, and of what lies about the mean. */
static void add_squares(const struct tensor *want, const struct tensor *got,
                        double *squares, double *spread)
{
    const int64_t n = tensor_count(want);
    double mean = 0;
    for (int64_t i = 0; i < n; i++) {
        double x;
        tensor_load_f64(want, i, 1, &x);
        mean += x / (double)n;
    }
    for (int64_t i = 0; i < n; i++) {
        double x, y;
        tensor_load_f64(want, i, 1, &x);
        tensor_load_f64(got, i, 1, &y);
        *squares += (x - y) * (x - y);
        *spread += (x - mean) * (x - mean);
    }
}

int metric_add(struct metric *m, const struct metric_want *want,
               const struct tensor *const *outputs, struct err *err)
{
    if (m->dice)
        return add_labels(m, &want->outputs[0], outputs[0], err);
    double squares = 0, spread = 0;
    for (size_t i = 0; i < want->count; i++) {
        if (!tensor_has_shape_of(&want->outputs[i], outputs[i]))
            return err_set(err, ERR_FORMAT, "outputs changed their shape");
        add_squares(&want->outputs[i], outputs[i], &squares, &spread);
    }
    m->errors += spread > 0 ? sqrt(squares / spread) : squares > 0;
    m->samples++;
    return 0;
}

double metric_result(const struct metric *m)
{
    double loss = 0, labels = 0;
    if (!m->dice)
        return m->samples > 0 ? m->errors / m->samples : 0;
    // Label 0 is what is around the others, if there are any.
    for (int i = 1; i < METRIC_LABELS_MAX; i++) {
        if (m->either[i] > 0) {
            loss += 1 - 2 * m->both[i] / m->either[i];
            labels++;
        }
    }
    return labels > 0 ? loss / labels : 0;
}

void metric_finish(struct metric *m)
{
    free(m->labels);
}
