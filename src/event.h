/*
 * event: what an operator may want to know later: a line in the log and a row in the index,
 * shown by `hilum status`. The index keeps the newest ten thousand.
 */
#ifndef SRC_EVENT_H
#define SRC_EVENT_H

#include "base/log.h"

struct store;

/** Log the event as log_event() does, and keep it. No patient data. Loop-only. */
__attribute__((format(printf, 4, 5))) void event_note(struct store *store,
                                                      enum log_level level,
                                                      const char *event, const char *fmt,
                                                      ...);

#endif
