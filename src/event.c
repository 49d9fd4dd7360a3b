#include "src/event.h"

#include "src/store.h"

#include <stdarg.h>
#include <stdio.h>

void event_note(struct store *store, enum log_level level, const char *event,
                const char *fmt, ...)
{
    char text[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    log_event(level, event, "%s", text);
    store_event(store, event, text);
}
