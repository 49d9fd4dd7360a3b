/*
 * control: the socket by which `hilum status`, `replay` and `release` reach a running node.
 *
 * A Unix socket in the state folder: who may enter the folder may ask. One request, one
 * answer (protocol.h). The node's half is loop-only; control_ask() blocks.
 */
#ifndef SRC_CONTROL_H
#define SRC_CONTROL_H

#include "base/auto.h"

#include <stdint.h>

struct control;
struct err;
struct loop;
struct msg;

struct control_hooks {
    /** A request came. Answer it, now or later, with control_answer(); asker is opaque. */
    void (*request)(void *ctx, struct control *control, int64_t asker, struct msg *msg);
    void *ctx;
};

/** Listen in state_dir. Errors: ERR_IO, ERR_NOMEM. */
int control_create(struct loop *loop, const char *state_dir,
                   const struct control_hooks *hooks, struct control **ret,
                   struct err *err);
/** NULL is allowed. */
void control_destroy(struct control *control);
/** Answer a request: code 0 or an enum err_code, and text. An asker that has gone is fine. */
void control_answer(struct control *control, int64_t asker, int code, const char *text);

/**
 * Client: ask the node of state_dir and wait for its answer, which is free()d by the caller.
 *
 * Errors: ERR_NOTFOUND no node runs there; ERR_IO; what the node answers, with its text.
 */
int control_ask(const char *state_dir, const struct msg *request, char **ret,
                struct err *err);

AUTO_DEFINE(control)

#endif
