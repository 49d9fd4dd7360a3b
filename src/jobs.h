/*
 * jobs: takes queued jobs through their route, one to each idle worker. Loop-only.
 *
 * The route of a job is the const table JOB_ROUTE in jobs.c; schema/README.md draws the
 * states that it writes to the index.
 */
#ifndef SRC_JOBS_H
#define SRC_JOBS_H

#include "base/auto.h"

#include <stdbool.h>

struct conf;
struct err;
struct js;
struct jobs;
struct loop;
struct store;

/** filed(ctx) is called when a job has left results to be sent.
 * Errors: ERR_NOMEM, ERR_IO. */
int jobs_create(struct loop *loop, const struct conf *conf, struct store *store,
                const char *const *child_arguments, void (*filed)(void *ctx), void *ctx,
                struct jobs **ret, struct err *err);
/** End the workers; running jobs are found queued at the next start. NULL is allowed. */
void jobs_destroy(struct jobs *jobs);
/** There may be queued jobs: give them to idle workers. */
void jobs_kick(struct jobs *jobs);
/** Replace the workers by ones that read the configuration anew; those at work, when they
 * have done their job. */
void jobs_renew(struct jobs *jobs);
/** Start no further job. */
void jobs_stop(struct jobs *jobs);
/** Whether a job runs. */
bool jobs_are_busy(const struct jobs *jobs);
/** [{"job", "stage", "fraction", "hop"}] of the jobs that run. */
struct js *jobs_progress(const struct jobs *jobs);

AUTO_DEFINE(jobs)

#endif
