#include "src/schedule.h"

#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "src/conf.h"
#include "src/event.h"
#include "src/loop.h"
#include "src/rules.h"
#include "src/seed.h"
#include "src/store.h"

#include <stdlib.h>
#include <string.h>

enum { TICK_MS = 500 };

struct open_study {
    int64_t id;
    int64_t first_ms, last_ms; // of the loop's clock
    int quiet_s;               // 0: not known yet
    bool is_asked;             // its facts are under way
    bool is_released;
};

LIST_DEFINE(open_list, struct open_study)

struct schedule {
    struct loop *loop;
    const struct conf *conf;
    struct store *store;
    void (*closed)(void *ctx);
    void *ctx;
    struct loop_timer *timer;
    struct open_list studies;
};

/* What a request to the store carries through. */
struct asked {
    struct schedule *schedule;
    int64_t study_id;
    int64_t last_ms; // when the facts were asked for: a later image makes them stale
};

static struct open_study *find(struct schedule *schedule, int64_t id)
{
    for (size_t i = 0; i < schedule->studies.count; i++) {
        if (schedule->studies.items[i].id == id)
            return &schedule->studies.items[i];
    }
    return NULL;
}

static void forget(struct schedule *schedule, struct open_study *study)
{
    *study = schedule->studies.items[--schedule->studies.count];
}

/* ---- closing ---- */

static void was_closed(void *ctx, const struct err *err)
{
    struct asked *asked = ctx;
    struct schedule *schedule = asked->schedule;
    struct open_study *study = find(schedule, asked->study_id);
    if (err->code < 0) {
        log_event(LOG_ERROR, "study.close", "study=%lld error=\"%s\"",
                  (long long)asked->study_id, err->text);
        if (study)
            study->is_asked = false; // tried again at the next tick
    } else if (study && study->last_ms == asked->last_ms) {
        forget(schedule, study);
    } else if (study) {
        study->is_asked = false; // an image came meanwhile: it is open again
    }
    if (err->code == 0)
        schedule->closed(schedule->ctx);
    free(asked);
}

/* Its jobs as the store takes them; free() the array, the rest is borrowed. */
static struct store_new_job *make_jobs(const struct rules_decision *d,
                                       const struct study_facts *study,
                                       char (*seeds)[SEED_TEXT], int64_t *ids,
                                       const char **names)
{
    struct store_new_job *jobs = calloc(d->count + 1, sizeof(*jobs));
    for (size_t i = 0; jobs && i < d->count; i++) {
        const struct rules_job *from = &d->jobs[i];
        seed_draw(seeds[i]);
        for (size_t k = 0; k < from->want.series_count; k++)
            ids[k] = study->series[from->want.series[k]].id;
        for (size_t k = 0; k < from->rule->destination_count; k++)
            names[k] = from->rule->destinations[k];
        jobs[i] = (struct store_new_job){
            .analysis = from->def->name,
            .rule = from->rule->name,
            .reason = "",
            .series_ids = ids,
            .series_count = from->want.series_count,
            .uid_seed = seeds[i],
            .destinations = names,
            .destination_count = from->rule->destination_count,
            .priority = from->rule->priority,
        };
        ids += from->want.series_count;
        names += from->rule->destination_count;
    }
    return jobs;
}

static void close_study(struct asked *asked, const struct study_facts *study)
{
    struct schedule *schedule = asked->schedule;
    struct rules_decision *d = malloc(sizeof(*d));
    int64_t *ids = calloc((size_t)RULES_MAX * PIPELINE_SERIES_MAX, sizeof(*ids));
    const char **names = calloc((size_t)RULES_MAX * CONF_NAMES, sizeof(*names));
    char(*seeds)[SEED_TEXT] = calloc(RULES_MAX, sizeof(*seeds));
    if (!d || !ids || !names || !seeds)
        abort(); // as loop_post

    rules_decide(schedule->conf, study, d);
    struct store_new_job *jobs = make_jobs(d, study, seeds, ids, names);
    if (!jobs)
        abort();
    event_note(schedule->store, LOG_INFO, "study.close",
               "study=%lld jobs=%zu note=\"%s\"", (long long)study->id, d->count,
               d->note);
    store_close_study(schedule->store, study->id, jobs, d->count, d->note, was_closed,
                      asked);
    free(jobs);
    free(seeds);
    free(names);
    free(ids);
    free(d);
}

/* ---- when ---- */

static bool is_due(const struct schedule *schedule, const struct open_study *study)
{
    const int64_t now_ms = loop_now_ms(schedule->loop);
    return study->is_released || now_ms - study->last_ms >= study->quiet_s * 1000LL
           || now_ms - study->first_ms >= schedule->conf->cap_s * 1000LL;
}

static void got_facts(void *ctx, const struct err *err, const struct study_facts *facts)
{
    struct asked *asked = ctx;
    struct open_study *study = find(asked->schedule, asked->study_id);
    if (err->code < 0)
        log_event(LOG_ERROR, "study.facts", "study=%lld error=\"%s\"",
                  (long long)asked->study_id, err->text);
    if (study && err->code == 0 && study->last_ms == asked->last_ms) {
        study->quiet_s = rules_quiet_s(asked->schedule->conf, facts);
        if (is_due(asked->schedule, study)) {
            close_study(asked, facts);
            return;
        }
    }
    if (study)
        study->is_asked = false;
    free(asked);
}

static int least_quiet_s(const struct conf *conf)
{
    int least = conf->quiet_s;
    for (size_t i = 0; i < conf->rule_count; i++) {
        const int quiet_s = conf->rules[i].quiet_s;
        least = quiet_s > 0 && quiet_s < least ? quiet_s : least;
    }
    return least;
}

static void ask(struct schedule *schedule, struct open_study *study)
{
    struct asked *asked = malloc(sizeof(*asked));
    if (!asked)
        return; // at the next tick
    *asked = (struct asked){schedule, study->id, study->last_ms};
    study->is_asked = true;
    store_study_facts(schedule->store, study->id, got_facts, asked);
}

static void tick(void *ctx)
{
    struct schedule *schedule = ctx;
    for (size_t i = 0; i < schedule->studies.count; i++) {
        struct open_study *study = &schedule->studies.items[i];
        if (study->quiet_s == 0)
            study->quiet_s = least_quiet_s(schedule->conf);
        if (!study->is_asked && is_due(schedule, study))
            ask(schedule, study);
    }
}

/* ---- studies come and go ---- */

void schedule_touch(struct schedule *schedule, int64_t study_id)
{
    const int64_t now_ms = loop_now_ms(schedule->loop);
    struct open_study *study = find(schedule, study_id);
    if (!study) {
        study = open_list_add(&schedule->studies);
        if (!study)
            abort(); // as loop_post
        study->id = study_id;
        study->first_ms = now_ms;
    }
    study->last_ms = now_ms;
    study->quiet_s = 0;
}

bool schedule_release(struct schedule *schedule, int64_t study_id)
{
    struct open_study *study = find(schedule, study_id);
    if (!study)
        return false;
    study->is_released = true;
    tick(schedule);
    return true;
}

static void got_open(void *ctx, const struct err *err, const struct store_study *studies,
                     size_t count)
{
    struct schedule *schedule = ctx;
    if (err->code < 0)
        log_event(LOG_ERROR, "schedule.start", "error=\"%s\"", err->text);
    for (size_t i = 0; i < count; i++)
        schedule_touch(schedule, studies[i].id);
}

int schedule_create(struct loop *loop, const struct conf *conf, struct store *store,
                    void (*closed)(void *ctx), void *ctx, struct schedule **ret,
                    struct err *err)
{
    auto_(schedule) struct schedule *schedule = calloc(1, sizeof(*schedule));
    if (!schedule)
        return err_set(err, ERR_NOMEM, "the schedule");
    schedule->loop = loop;
    schedule->conf = conf;
    schedule->store = store;
    schedule->closed = closed;
    schedule->ctx = ctx;
    const int r = loop_timer_create(loop, tick, schedule, &schedule->timer, err);
    if (r < 0)
        return r;
    loop_timer_start(schedule->timer, TICK_MS, TICK_MS);
    store_open_studies(store, got_open, schedule);
    *ret = take(schedule);
    return 0;
}

void schedule_destroy(struct schedule *schedule)
{
    if (!schedule)
        return;
    loop_timer_destroy(schedule->timer);
    open_list_finish(&schedule->studies);
    free(schedule);
}
