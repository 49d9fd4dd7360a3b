/*
 * state: the node's folder, and its repair at start-up. Blocks: start-up and end only.
 *
 *     index.db      the index            storage/   instances, by the digest of their UID
 *     spool/        being received       results/   a folder a job
 *     lock          held while a node runs          control.sock
 *     running.conf  the configuration as this node read it: its children read that
 *     stopped       there after an orderly end, gone while a node runs
 *
 * A node may be killed, and power lost, at any moment: what was being received is dropped, and
 * a file that got its name but has no row in the index gets one (it may have been answered
 * Success: the file was synced for that, its row perhaps not). What is no whole DICOM file was
 * never answered, and is removed.
 */
#ifndef SRC_STATE_H
#define SRC_STATE_H

#include "base/auto.h"

struct err;
struct scan_limits;
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
/** Put right what a crash has left; before the store's first request. A file without row that
 * is beyond limits (they were wider once) is left as it is. Errors: ERR_IO, ERR_NOMEM. */
int state_repair(struct state *state, struct store *store,
                 const struct scan_limits *limits, struct err *err);
/** Note that the node ended in order. */
void state_mark_stopped(struct state *state);
/** Give the lock back. NULL is allowed. */
void state_destroy(struct state *state);

AUTO_DEFINE(state)

#endif
