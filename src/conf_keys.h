/*
 * conf_keys: the table of all that may stand in hilum.conf: the node's own sections and one
 * for the options of each analysis. What conf reads by, and what tests hold the documents to.
 */
#ifndef SRC_CONF_KEYS_H
#define SRC_CONF_KEYS_H

#include "base/auto.h"
#include "base/settings.h"

struct err;
struct conf_keys;

/** Errors: ERR_NOMEM. */
int conf_keys_create(struct conf_keys **ret, struct err *err);
void conf_keys_destroy(struct conf_keys *keys);
/** The sections, ended by name NULL; they live as long as keys. */
const struct settings_section *conf_keys_sections(const struct conf_keys *keys);

AUTO_DEFINE(conf_keys)

#endif
