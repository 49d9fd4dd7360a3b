/*
 * store: the index of the node. A request now, an answer on the loop later.
 *
 * Behind it one thread alone touches SQLite (WAL, synchronous=FULL). Requests that wait are
 * committed in one transaction (group commit); an answer with code 0 is given only after
 * that commit is on disk. Loop-only, but for what is said. Rows are named by their ids;
 * callbacks borrow what they are shown.
 *
 * Life of a row: a study is open until store_close_study() (an image that is new to it
 * opens it again); a job is queued -> running -> sending -> done | failed | refused; a
 * delivery (one object to one destination) is pending -> sent | dead. schema/README.md
 * draws them.
 */
#ifndef SRC_STORE_H
#define SRC_STORE_H

#include "base/auto.h"
#include "base/err.h"
#include "base/facts.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct store;

enum job_state {
    JOB_QUEUED,
    JOB_RUNNING,
    JOB_SENDING,
    JOB_DONE,
    JOB_FAILED,
    JOB_REFUSED
};
enum delivery_state { DELIVERY_PENDING, DELIVERY_SENT, DELIVERY_DEAD };

/** The word of the table and of `hilum status`: "queued". */
const char *job_state_name(enum job_state state);
const char *delivery_state_name(enum delivery_state state);

/** Open or make the index at path; migrates it, and puts back what a crash left: running
 * jobs become queued (the attempt is not counted). Sending jobs stay: their objects are on
 * disk and their deliveries pending. Blocks: start-up only.
 * Errors: ERR_IO, ERR_FORMAT (not an index, or of a newer version), ERR_NOMEM. */
int store_open(const char *path, struct loop *loop, struct store **ret, struct err *err);
/** Answer every request that waits (callbacks of those are still called, before this
 * returns), then close. NULL is allowed. */
void store_close(struct store *store);
/** Requests that have no answer yet. */
size_t store_backlog(const struct store *store);

/** An answer that needs no data. err is not NULL; err->code is 0 when it is done. */
typedef void (*store_done_fn)(void *ctx, const struct err *err);

/* ---- instances ---- */

struct store_added {
    int64_t study_id, series_id;
    bool is_duplicate; // the SOP Instance UID was there already: nothing has changed
    bool is_reopened;  // the study had been closed, and is open again
};

/** Index an instance whose file lies synced at path (relative to the storage folder).
 * facts and path are copied. added is valid when err->code is 0. */
void store_add_instance(struct store *store, const struct instance_facts *facts,
                        const char *path, int64_t size_bytes, const char *calling_ae,
                        void (*fn)(void *ctx, const struct err *err,
                                   const struct store_added *added),
                        void *ctx);

/** An instance that is asked about, and what the index says. */
struct store_held {
    char sop_class[FACTS_UID], sop_uid[FACTS_UID];
    bool is_held;        // an instance of that UID is indexed
    bool is_other_class; // but of another SOP class
};
/** Look for count instances; list is copied. The answer is in the same order. */
void store_look_for(struct store *store, const struct store_held *list, size_t count,
                    void (*fn)(void *ctx, const struct err *err,
                               const struct store_held *list, size_t count),
                    void *ctx);

/** Whether an instance with that path (relative to the storage folder) is indexed. Blocks:
 * start-up only, before the first request. */
bool store_has_path(struct store *store, const char *path);

/* ---- studies ---- */

struct store_study {
    int64_t id;
    int64_t first_s,
        last_s; // when the first and last instance arrived since it was opened,
                // seconds since 1970
    int64_t instances;
    char calling_ae[FACTS_CODE];
};

/** Every open study. */
void store_open_studies(struct store *store,
                        void (*fn)(void *ctx, const struct err *err,
                                   const struct store_study *studies, size_t count),
                        void *ctx);

/** What is known of a study, with its series. */
void store_study_facts(struct store *store, int64_t study_id,
                       void (*fn)(void *ctx, const struct err *err,
                                  const struct study_facts *study),
                       void *ctx);

/** A job to be made when a study closes. Strings are copied. */
struct store_new_job {
    const char *analysis, *rule, *reason; // reason: why it applies, in words
    const int64_t *series_ids;
    size_t series_count;
    const char *uid_seed;            // drawn now: root of the UIDs of its results
    const char *const *destinations; // names
    size_t destination_count;
    int priority; // higher runs first
};

/** Close the study and make its jobs, in one transaction. note: what is shown when no
 * analysis applies ("no analysis wants it: ..."). A job of the same analysis over the same
 * series with the same number of instances is not made twice; one over the same series
 * with fewer instances is superseded by the new one. */
void store_close_study(struct store *store, int64_t study_id,
                       const struct store_new_job *jobs, size_t count, const char *note,
                       store_done_fn fn, void *ctx);

/* ---- jobs ---- */

struct store_job {
    int64_t id, study_id;
    enum job_state state;
    int priority, attempts;
    int64_t created_s;
    const char *analysis, *rule, *uid_seed;
    const char *supersedes_seed; // uid_seed of the job that this one replaces, or NULL
    const int64_t *series_ids;
    size_t series_count;
    const char *const *destinations;
    size_t destination_count;
};

/** Jobs that are queued, best first (priority, then age). */
void store_queued_jobs(struct store *store,
                       void (*fn)(void *ctx, const struct err *err,
                                  const struct store_job *jobs, size_t count),
                       void *ctx);

/** Paths of the instances of a job's series, relative to the storage folder. */
void store_job_paths(struct store *store, int64_t job_id,
                     void (*fn)(void *ctx, const struct err *err,
                                const char *const *paths, size_t count),
                     void *ctx);

/** Move a job to state with a reason for people ("" for none). To JOB_RUNNING only from
 * queued, which counts an attempt; else ERR_NOTFOUND (it was superseded meanwhile). */
void store_set_job(struct store *store, int64_t job_id, enum job_state state,
                   const char *reason, store_done_fn fn, void *ctx);

struct store_object {
    const char *name, *path; // "seg"; path relative to the results folder
    const char *sop_uid, *sop_class;
};

/** The job's results are written: note them with a pending delivery for each destination
 * and move the job to sending (or, without destinations, to end_state), in one transaction.
 * Running it twice for a job changes nothing. end_state: JOB_DONE or JOB_REFUSED, what the
 * job becomes once all is sent. */
void store_add_results(struct store *store, int64_t job_id,
                       const struct store_object *objects, size_t count,
                       enum job_state end_state, const char *reason, store_done_fn fn,
                       void *ctx);

/* ---- deliveries ---- */

struct store_delivery {
    int64_t id, job_id;
    enum delivery_state state;
    int attempts;
    int64_t next_try_s;
    const char *destination, *path, *reason;
};

/** Deliveries to destination that are pending and whose next try is due by now_s, by priority
 * and age of their jobs, at most limit. */
void store_due_deliveries(struct store *store, const char *destination, int64_t now_s,
                          size_t limit,
                          void (*fn)(void *ctx, const struct err *err,
                                     const struct store_delivery *deliveries,
                                     size_t count),
                          void *ctx);

/** Deliveries that are pending for a destination that is not among names become dead: the
 * configuration no longer has it. */
void store_keep_destinations(struct store *store, const char *const *names, size_t count,
                             store_done_fn fn, void *ctx);

/** Note the outcome of a try. When the last delivery of a job is sent, the job becomes its
 * end_state; when all are sent or dead and one is dead, failed with the reason. */
void store_set_delivery(struct store *store, int64_t delivery_id,
                        enum delivery_state state, int64_t next_try_s, const char *reason,
                        store_done_fn fn, void *ctx);

/** Try again: dead deliveries of the job are pending, a failed job without results is
 * queued. job_id 0: all jobs. *count of what was put back. */
void store_replay(struct store *store, int64_t job_id,
                  void (*fn)(void *ctx, const struct err *err, size_t count), void *ctx);

/* ---- what happened ---- */

/** Add an event row; text holds no patient data. The newest 10000 are kept. Fire and forget. */
void store_event(struct store *store, const char *what, const char *text);

struct js;
/** The state for `hilum status --json`: {"studies": [...], "jobs": [...], "deliveries": [...],
 * "dead": [...], "events": [...], "counts": {...}}, newest first, at most limit rows each; no patient data.
 * The callback may take ownership with js_ref. */
void store_status(struct store *store, size_t limit,
                  void (*fn)(void *ctx, const struct err *err, struct js *status),
                  void *ctx);

#endif
