/* card_keys: the table of all that may stand in a card.ucl. */
#ifndef PIPELINE_LIB_CARD_KEYS_H
#define PIPELINE_LIB_CARD_KEYS_H

#include "base/settings.h"

/** The sections, ended by name NULL. */
extern const struct settings_section CARD_SECTIONS[];

#endif
