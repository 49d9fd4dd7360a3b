/*
 * notify: what the service manager wants to know (sd_notify(3): a datagram to the socket that
 * $NOTIFY_SOCKET names). Loop-only. Nothing happens where nobody asked.
 */
#ifndef SRC_NOTIFY_H
#define SRC_NOTIFY_H

#include "base/auto.h"

struct err;
struct loop;
struct notify;

/** Say that the node is ready, and from then on, as often as $WATCHDOG_USEC asks, that its
 * loop turns. Errors: ERR_NOMEM, ERR_IO. */
int notify_create(struct loop *loop, struct notify **ret, struct err *err);
/** Tell one thing: "STOPPING=1". */
void notify_say(const char *state);
/** NULL is allowed. */
void notify_destroy(struct notify *notify);

AUTO_DEFINE(notify)

#endif
