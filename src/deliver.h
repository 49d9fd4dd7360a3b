/*
 * deliver: sends results to the destinations, each from a queue of its own. Loop-only.
 *
 * A destination has its own sender process, so that a PACS that is dead or slow delays nobody
 * else. A delivery is sent only after a Success for that very instance; what may pass by
 * itself is tried again with growing pauses, a bounded number of times; then, or when it was
 * refused for good, it is a dead letter with the reason, which an operator can replay.
 */
#ifndef SRC_DELIVER_H
#define SRC_DELIVER_H

#include "base/auto.h"

#include <stdbool.h>
#include <stdint.h>

struct conf;
struct conf_destination;
struct deliver;
struct err;
struct js;
struct loop;
struct store;

/** Errors: ERR_NOMEM, ERR_IO. */
int deliver_create(struct loop *loop, const struct conf *conf, struct store *store,
                   const char *const *child_arguments, struct deliver **ret,
                   struct err *err);
/** End the senders; what was under way is pending at the next start. NULL is allowed. */
void deliver_destroy(struct deliver *deliver);
/** There may be something to send. */
void deliver_kick(struct deliver *deliver);
/** Begin no further batch. */
void deliver_stop(struct deliver *deliver);
/** Whether a batch is under way. */
bool deliver_is_busy(const struct deliver *deliver);
/** [{"name", "sending", "last_fault"}] for status: objects of the batch under way; "" after a
 * success. */
struct js *deliver_status(const struct deliver *deliver);

/** Seconds to wait after the attempts-th failed try (from 1): backoff_first_s doubled each
 * time up to backoff_max_s, then spread by +-20 % (random: any number). */
int64_t deliver_backoff_s(const struct conf_destination *destination, int attempts,
                          uint32_t random);

AUTO_DEFINE(deliver)

#endif
