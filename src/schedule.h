/*
 * schedule: when a study is complete, and what then becomes of it. Loop-only.
 *
 * A study is complete when it has been quiet for its time, or its cap is reached, or the
 * operator releases it. Then the rules decide, and the study is closed with its jobs. After a
 * start every open study's quiet time begins anew.
 */
#ifndef SRC_SCHEDULE_H
#define SRC_SCHEDULE_H

#include "base/auto.h"

#include <stdbool.h>
#include <stdint.h>

struct conf;
struct err;
struct loop;
struct schedule;
struct store;

/** closed(ctx) is called after a study was closed: there may be new jobs.
 * Errors: ERR_NOMEM, ERR_IO. */
int schedule_create(struct loop *loop, const struct conf *conf, struct store *store,
                    void (*closed)(void *ctx), void *ctx, struct schedule **ret,
                    struct err *err);
void schedule_destroy(struct schedule *schedule);

/** An instance of the study was indexed just now. */
void schedule_touch(struct schedule *schedule, int64_t study_id);
/** Take the study as complete now; false: it is not open. */
bool schedule_release(struct schedule *schedule, int64_t study_id);

AUTO_DEFINE(schedule)

#endif
