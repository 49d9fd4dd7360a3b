/*
 * channel: messages (base/msg.h) to and from another process over a socket. Loop-only.
 *
 * What comes in is cut into whole messages; what goes out waits until the other end reads.
 * A channel that breaks (end of file, an error, bytes that are no message) says so once and
 * is silent from then on.
 */
#ifndef SRC_CHANNEL_H
#define SRC_CHANNEL_H

#include "base/auto.h"

#include <stdbool.h>

struct channel;
struct err;
struct loop;
struct msg;

struct channel_hooks {
    /** A message came; msg is borrowed. */
    void (*message)(void *ctx, struct msg *msg);
    /** Nothing more will come or go. */
    void (*broken)(void *ctx);
    void *ctx;
};

/** Talk over fd, which is the channel's from now on, also on failure.
 * Errors: ERR_NOMEM, ERR_IO. */
int channel_create(struct loop *loop, int fd, const struct channel_hooks *hooks,
                   struct channel **ret, struct err *err);
/** Close it, also from inside a hook; what waits to go out is dropped. NULL is allowed. */
void channel_destroy(struct channel *channel);

/** Queue msg; pass_fd (or -1, and only while nothing waits) goes along and stays the
 * caller's. Errors: ERR_IO (broken, or the other end does not read), ERR_NOMEM. */
int channel_send(struct channel *channel, const struct msg *msg, int pass_fd,
                 struct err *err);
/** The other end is no more: give what it had sent before. */
void channel_drain(struct channel *channel);
/** Whether all that was sent has left. */
bool channel_is_flushed(const struct channel *channel);

AUTO_DEFINE(channel)

#endif
