/*
 * serve: the node. Wires loop, store, receivers, schedule, jobs, senders and control socket,
 * and runs them until SIGTERM or SIGINT.
 */
#ifndef SRC_SERVE_H
#define SRC_SERVE_H

struct conf;
struct err;

/**
 * Serve until told to stop; conf->path must name the file (children read it again).
 *
 * Errors: ERR_IO (port or state folder cannot be had), ERR_FORMAT (index of a newer version),
 * ERR_NOMEM. 0 after an orderly end.
 */
int serve(struct conf *conf, struct err *err);

#endif
