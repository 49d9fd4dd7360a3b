/*
 * child: a warm child process of the node, `hilum --child=KIND`, and the pipe to it.
 *
 * Loop-only. The child inherits one socket and nothing else; it ends when the node does.
 * A child that ends by itself is told once, and stays ended: its owner decides what comes
 * next.
 */
#ifndef SRC_CHILD_H
#define SRC_CHILD_H

#include "base/auto.h"

#include <stdint.h>
#include <sys/types.h>

struct child;
struct err;
struct loop;
struct msg;

struct child_hooks {
    /** A message came; msg is borrowed. */
    void (*message)(void *ctx, struct child *child, struct msg *msg);
    /** The child has ended (how: "signal 9"). It may be destroyed from here. */
    void (*ended)(void *ctx, struct child *child, const char *how);
    void *ctx;
};

/** Start a child of that kind; arguments (ended by NULL) follow on its command line.
 * Errors: ERR_IO, ERR_NOMEM. */
int child_create(struct loop *loop, const char *kind, const char *const *arguments,
                 const struct child_hooks *hooks, struct child **ret, struct err *err);
/** Kill the child if it runs, and forget it. NULL is allowed. */
void child_destroy(struct child *child);

/** Queue msg for the child; pass_fd (or -1) goes along and stays the caller's. A child that
 * does not read is noticed by its owner's time limits. Errors: ERR_IO (it has ended). */
int child_send(struct child *child, const struct msg *msg, int pass_fd, struct err *err);

pid_t child_pid(const struct child *child);
/** Resident bytes of the child, 0 when that cannot be told. */
int64_t child_resident_bytes(const struct child *child);

AUTO_DEFINE(child)

#endif
