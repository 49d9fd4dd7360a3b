/*
 * receive: the listening socket and the receivers behind it. Loop-only.
 *
 * A connection goes to an idle receiver; when none is idle another one is started, up to
 * associations_max. An instance that a receiver has made durable is indexed before it is
 * answered; on_stored tells each that is new to the index.
 */
#ifndef SRC_RECEIVE_H
#define SRC_RECEIVE_H

#include "base/auto.h"

#include <stdbool.h>
#include <stdint.h>

struct conf;
struct err;
struct js;
struct loop;
struct receive;
struct store;
struct store_added;

struct receive_hooks {
    /** An instance was indexed (also a duplicate: added says so). */
    void (*stored)(void *ctx, const struct store_added *added);
    void *ctx;
};

/** Listen; child_arguments as child_create() takes them, borrowed. Errors: ERR_IO, ERR_NOMEM. */
int receive_create(struct loop *loop, const struct conf *conf, struct store *store,
                   const char *const *child_arguments, const struct receive_hooks *hooks,
                   struct receive **ret, struct err *err);
/** Take no more connections; associations that run go on. */
void receive_stop(struct receive *receive);
/** Replace the receivers by ones that read configuration and certificates anew; those that
 * serve an association, when it has ended. */
void receive_renew(struct receive *receive);
/** Associations that run. */
int receive_active(const struct receive *receive);
/** Whether a file that a receiver kept could not be indexed: the next start must look. */
bool receive_left_files(const struct receive *receive);
/** End all; after store_close(), whose last answers come here. NULL is allowed. */
void receive_destroy(struct receive *receive);
/** {"associations", "receivers", "stored", "refused", ...} for status. */
struct js *receive_status(const struct receive *receive);

AUTO_DEFINE(receive)

#endif
