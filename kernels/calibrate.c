#include "kernels/calibrate.h"

#include "base/auto.h"
#include "base/err.h"
#include "kernels/calibrate_metric.h"
#include "kernels/calibrate_range.h"
#include "kernels/engine.h"
#include "kernels/graph.h"
#include "kernels/ops/op.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TUNE_MAX = 4 }; // samples that methods and steps are compared on

static const double WORTH =
    0.995; // a change that leaves more of the error than this is none

/** A value of the float network and how often its numbers came. */
struct seen {
    char *name;
    struct range_counts counts;
};

struct job {
    const struct calibrate_request *request;
    struct engine *exact, *coarse; // in float; with the calibration
    struct calibration *found;
    struct seen *seen; // in the order of found->values
    size_t seen_count, seen_room;
    bool counting;            // ends are known
    bool failed;              // no memory in a watch
    struct metric_want *want; // outputs in float of the samples that are compared on
    size_t tune;
    const struct tensor **outputs;
};

__attribute__((format(printf, 2, 3))) static void tell(const struct job *job,
                                                       const char *format, ...)
{
    char text[300];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (job->request->tell)
        job->request->tell(job->request->ctx, text);
}

/* Ranges */

static struct seen *need_seen(struct job *job, const char *name)
{
    for (size_t i = 0; i < job->seen_count; i++) {
        if (strcmp(job->seen[i].name, name) == 0)
            return &job->seen[i];
    }
    if (job->seen_count == job->seen_room) {
        const size_t room = job->seen_room ? 2 * job->seen_room : 64;
        struct seen *more = realloc(job->seen, room * sizeof(*more));
        if (!more)
            return NULL;
        job->seen = more;
        job->seen_room = room;
    }
    struct seen *s = &job->seen[job->seen_count];
    *s = (struct seen){.name = strdup(name)};
    s->counts.lo = HUGE_VAL;
    s->counts.hi = -HUGE_VAL;
    job->seen_count += s->name != NULL;
    return s->name ? s : NULL;
}

static void watch(void *ctx, const char *name, const struct tensor *t, size_t bytes)
{
    struct job *job = ctx;
    const float *x = t->data;
    const int64_t n = (int64_t)(bytes / sizeof(*x));
    if (t->type != TENSOR_F32 || t->rank < 3 || n == 0)
        return;
    struct seen *s = need_seen(job, name);
    if (!s) {
        job->failed = true;
        return;
    }
    if (job->counting) {
        range_count(&s->counts, x, n);
        return;
    }
    for (int64_t i = 0; i < n; i++) { // NaN is neither
        s->counts.lo = (double)x[i] < s->counts.lo ? (double)x[i] : s->counts.lo;
        s->counts.hi = (double)x[i] > s->counts.hi ? (double)x[i] : s->counts.hi;
    }
}

static int run(struct job *job, struct engine *engine, size_t sample, struct err *err)
{
    const struct tensor **inputs;
    int e = job->request->read(job->request->ctx, sample, &inputs, err);
    if (e == 0)
        e = engine_run(engine, inputs, job->outputs, err);
    for (size_t i = 0;
         e == 0 && engine == job->exact && !job->want && i < engine_input_count(engine);
         i++)
        watch(job, engine_input_name(engine, i), inputs[i], tensor_bytes(inputs[i]));
    if (e == 0 && job->failed)
        e = err_set(err, ERR_NOMEM, "ranges");
    return e;
}

static int find_ranges(struct job *job, struct err *err)
{
    int e = 0;
    engine_set_watch(job->exact, watch, job);
    for (int pass = 0; e == 0 && pass < 2; pass++) {
        job->counting = pass == 1;
        for (size_t i = 0; e == 0 && i < job->request->samples; i++) {
            e = run(job, job->exact, i, err);
            tell(job, "ranges: pass %d of 2, sample %zu of %zu", pass + 1, i + 1,
                 job->request->samples);
        }
    }
    engine_set_watch(job->exact, NULL, NULL);
    for (size_t i = 0; e == 0 && i < job->seen_count; i++) {
        const struct range_counts *c = &job->seen[i].counts;
        const bool finite = c->lo >= -3e38 && c->hi <= 3e38 && c->lo <= c->hi;
        e = calibration_add(job->found, job->seen[i].name, finite ? c->lo : 0,
                            finite ? c->hi : 0, err);
    }
    return e;
}

/* Methods */

static void set_method(struct job *job, size_t value, enum range_method method)
{
    struct calibrated_value *v = &job->found->values[value];
    v->method = method;
    range_choose(&job->seen[value].counts, method, &v->lo, &v->hi);
}

/** The metric over samples first .. first + n, of which want are the outputs in float. */
static int measure(struct job *job, size_t first, size_t n,
                   const struct metric_want *want, double *ret, struct err *err)
{
    struct metric metric = {.dice = want->dice};
    int e = 0;
    engine_set_calibration(job->coarse, job->found);
    for (size_t i = 0; e == 0 && i < n; i++) {
        e = run(job, job->coarse, first + i, err);
        if (e == 0)
            e = metric_add(&metric, &want[i], job->outputs, err);
    }
    *ret = e == 0 ? metric_result(&metric) : HUGE_VAL;
    metric_finish(&metric);
    return e;
}

/** Outputs in float of samples first .. first + n. */
static int find_want(struct job *job, size_t first, size_t n, bool dice,
                     struct metric_want *want, struct err *err)
{
    int e = 0;
    for (size_t i = 0; e == 0 && i < n; i++) {
        want[i].dice = dice;
        e = run(job, job->exact, first + i, err);
        if (e == 0)
            e = metric_copy(&want[i], job->outputs, engine_output_count(job->exact), err);
    }
    return e;
}

static int try_methods_for_all(struct job *job, double *best, struct err *err)
{
    enum range_method winner = RANGE_MINMAX;
    int e = 0;
    *best = HUGE_VAL;
    for (enum range_method m = RANGE_MINMAX; e == 0 && m < RANGE_METHODS; m++) {
        double got;
        for (size_t i = 0; i < job->seen_count; i++)
            set_method(job, i, m);
        e = measure(job, 0, job->tune, job->want, &got, err);
        if (e != 0)
            break;
        tell(job, "method %s for all values: error %.5f", range_method_name(m), got);
        if (got < *best) {
            *best = got;
            winner = m;
        }
    }
    for (size_t i = 0; i < job->seen_count; i++)
        set_method(job, i, winner);
    return e;
}

/** Is value held in 8 bits in the network as it is prepared? */
static bool is_8bit(const struct job *job, const char *name)
{
    const struct graph *g = engine_graph(job->coarse, true);
    const int at = g ? graph_find_value(g, name) : -1;
    if (at < 0)
        return false;
    if (g->values[at].scale > 0)
        return true;
    for (size_t n = 0; n < g->node_count; n++) {
        const struct node *node = &g->nodes[n];
        if (node->op && node->in_count > 0 && node->in[0] == at && node->out[0] >= 0
            && g->values[node->out[0]].scale > 0
            && strcmp(node->op->name, "QuantizeLinear") == 0)
            return true;
    }
    return false;
}

static int try_methods_for_each(struct job *job, double *best, struct err *err)
{
    int e = 0;
    for (size_t i = 0; e == 0 && i < job->seen_count; i++) {
        if (!is_8bit(job, job->seen[i].name))
            continue;
        enum range_method winner = job->found->values[i].method;
        const double before = *best;
        for (enum range_method m = RANGE_MINMAX; e == 0 && m < RANGE_METHODS; m++) {
            double got = HUGE_VAL;
            const struct calibrated_value now = job->found->values[i];
            set_method(job, i, m);
            const bool same = job->found->values[i].lo >= now.lo
                              && job->found->values[i].lo <= now.lo
                              && job->found->values[i].hi >= now.hi
                              && job->found->values[i].hi <= now.hi;
            if (m != winner && !same)
                e = measure(job, 0, job->tune, job->want, &got, err);
            if (got < *best * WORTH) {
                *best = got;
                winner = m;
            }
            set_method(job, i, winner);
        }
        if (*best < before)
            tell(job, "value %s: %s, error %.5f", job->seen[i].name,
                 range_method_name(winner), *best);
    }
    return e;
}

/* Fallback */

struct step {
    char *name;
    double error; // of the network with all other steps in 8 bits
};

static int compare_steps(const void *a, const void *b)
{
    const struct step *p = a, *q = b;
    return (p->error > q->error) - (p->error < q->error);
}

/** The steps that work in 8 bits now, with the error that is left without each. */
static int rank_steps(struct job *job, struct step **ret, size_t *ret_count,
                      struct err *err)
{
    const struct graph *g = engine_graph(job->coarse, true);
    struct step *steps = calloc(g->node_count + 1, sizeof(*steps));
    size_t count = 0;
    int e = steps ? 0 : err_set(err, ERR_NOMEM, "steps");
    for (size_t n = 0; e == 0 && n < g->node_count; n++) {
        const struct node *node = &g->nodes[n];
        if (!node->op || strcmp(node->op->name, "QConv") != 0)
            continue;
        steps[count].name = strdup(g->values[node->out[0]].name);
        if (!steps[count].name)
            e = err_set(err, ERR_NOMEM, "steps");
        count += e == 0;
    }
    for (size_t i = 0; e == 0 && i < count; i++) {
        e = calibration_keep(job->found, steps[i].name, err);
        if (e != 0)
            break;
        e = measure(job, 0, job->tune, job->want, &steps[i].error, err);
        calibration_keep_less(job->found);
        tell(job, "step %zu of %zu out of 8 bits: error %.5f", i + 1, count,
             steps[i].error);
    }
    if (steps)
        qsort(steps, count, sizeof(*steps), compare_steps);
    *ret = steps;
    *ret_count = count;
    return e;
}

static int fall_back(struct job *job, const struct metric_want *judges, double bound,
                     struct err *err)
{
    struct step *steps = NULL;
    size_t count = 0, next = 0;
    const size_t first = job->request->samples, n = job->request->judges;
    struct calibration *c = job->found;
    int e = measure(job, first, n, judges, &c->reached, err);
    tell(job, "judged by %zu samples: %.5f, the bound is %.5f", n, c->reached, bound);
    if (e == 0 && !(c->reached <= bound))
        e = rank_steps(job, &steps, &count, err);
    while (e == 0 && !(c->reached <= bound) && next < count) {
        e = calibration_keep(c, steps[next].name, err);
        if (e == 0)
            e = measure(job, first, n, judges, &c->reached, err);
        tell(job, "step %s stays out of 8 bits: %.5f", steps[next].name, c->reached);
        next++;
    }
    for (size_t i = 0; i < count; i++)
        free(steps[i].name);
    free(steps);
    if (e == 0 && !(c->reached <= bound))
        e = err_set(err, ERR_LIMIT,
                    "%s is %.5f with all steps out of 8 bits, more than the bound %.5f",
                    c->metric, c->reached, bound);
    return e;
}

/* All of it */

static int open_engines(struct job *job, struct err *err)
{
    const struct calibrate_request *r = job->request;
    const struct engine_options options = {.threads = r->threads,
                                           .memory_bytes = r->memory_bytes};
    int e = engine_open(r->onnx, &options, &job->exact, err);
    if (e == 0)
        e = engine_open(r->onnx, &options, &job->coarse, err);
    if (e != 0)
        return e;
    job->outputs = calloc(engine_output_count(job->exact) + 1, sizeof(struct tensor *));
    return job->outputs ? calibration_create(&job->found, err)
                        : err_set(err, ERR_NOMEM, "outputs");
}

static int name_calibration(struct job *job, bool dice, double bound, struct err *err)
{
    struct calibration *c = job->found;
    const char *slash = strrchr(job->request->onnx, '/');
    c->model = strdup(slash ? slash + 1 : job->request->onnx);
    c->metric = strdup(dice ? "dice" : "error");
    c->bound = bound;
    c->samples = (long)job->request->samples;
    c->judges = (long)job->request->judges;
    if (!c->model || !c->metric)
        return err_set(err, ERR_NOMEM, "a calibration");
    return calibration_digest(engine_graph(job->exact, false), c->digest, err);
}

static int work(struct job *job, struct metric_want *judges, struct err *err)
{
    const struct calibrate_request *r = job->request;
    double best;
    int e = find_ranges(job, err);
    const bool dice = e == 0 && metric_is_dice(r->metric, job->outputs[0]);
    const double bound = r->bound > 0 ? r->bound : dice ? 0.005 : 0.02;
    job->tune = r->samples < TUNE_MAX ? r->samples : TUNE_MAX;
    job->want = calloc(job->tune, sizeof(*job->want));
    if (e == 0 && !job->want)
        e = err_set(err, ERR_NOMEM, "outputs");
    // Methods are told apart by the error, which sees what labels do not.
    if (e == 0)
        e = find_want(job, 0, job->tune, false, job->want, err);
    if (e == 0)
        e = find_want(job, r->samples, r->judges, dice, judges, err);
    if (e == 0)
        e = name_calibration(job, dice, bound, err);
    if (e == 0)
        e = try_methods_for_all(job, &best, err);
    if (e == 0)
        e = measure(job, 0, job->tune, job->want, &best, err);
    if (e == 0 && !job->request->quick)
        e = try_methods_for_each(job, &best, err);
    return e == 0 ? fall_back(job, judges, bound, err) : e;
}

static void finish(struct job *job, struct metric_want *judges)
{
    for (size_t i = 0; i < job->seen_count; i++)
        free(job->seen[i].name);
    free(job->seen);
    for (size_t i = 0; job->want && i < job->tune; i++)
        metric_want_finish(&job->want[i]);
    free(job->want);
    for (size_t i = 0; judges && i < job->request->judges; i++)
        metric_want_finish(&judges[i]);
    free(judges);
    free((void *)job->outputs);
    engine_destroy(job->exact);
    engine_destroy(job->coarse);
    calibration_destroy(job->found);
}

int calibrate(const struct calibrate_request *request, struct calibration **ret,
              struct err *err)
{
    if (request->samples == 0 || request->judges == 0)
        return err_set(err, ERR_CONFIG, "%zu samples to calibrate and %zu to judge",
                       request->samples, request->judges);
    if (request->metric && strcmp(request->metric, "dice") != 0
        && strcmp(request->metric, "error") != 0)
        return err_set(err, ERR_CONFIG, "no metric is called '%.20s'", request->metric);
    struct job job = {.request = request};
    struct metric_want *judges = calloc(request->judges, sizeof(*judges));
    int e = judges ? open_engines(&job, err) : err_set(err, ERR_NOMEM, "outputs");
    if (e == 0)
        e = work(&job, judges, err);
    if (e == 0) {
        *ret = job.found;
        job.found = NULL;
    }
    finish(&job, judges);
    return e;
}
