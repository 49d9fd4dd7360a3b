/*
 * state: the node's folder, and its repair at start-up. Blocks: start-up and end only.
 *
 *     index.db      the index            storage/   instances, by the digest of their UID
 *     spool/        being received       results/   a folder a job
 *     lock          held while a node runs          control.sock
 *     running.conf  the configuration as this node read it: its children read that
 *     stopped       there after an orderly end, gone while a node runs
 *
 * A node may be killed at any moment: what it was receiving is dropped, and a file that got
 * its name but no row in the index (it was never answered Success) is removed.
 */
#ifndef SRC_STATE_H
#define SRC_STATE_H

#include "base/auto.h"

struct err;
struct state;
struct store;

/** Make the folder's parts and take its lock. Errors: ERR_IO (another node runs there; no
 * right to write), ERR_NOMEM. */
int state_create(const char *folder, struct state **ret, struct err *err);
/** Keep a copy of the configuration at conf_path, so that children that start later have the
 * node's own, whatever the operator edits meanwhile. Errors: ERR_IO, ERR_NOTFOUND. */
int state_keep_conf(struct state *state, const char *conf_path, struct err *err);
/** Path of that copy. */
const char *state_conf_path(const struct state *state);
/** Path of the index. */
const char *state_index_path(const struct state *state);
/** Put right what a crash has left; before the store's first request. Errors: ERR_IO. */
int state_repair(struct state *state, struct store *store, struct err *err);
/** Note that the node ended in order. */
void state_mark_stopped(struct state *state);
/** Give the lock back. NULL is allowed. */
void state_destroy(struct state *state);

AUTO_DEFINE(state)

#endif
