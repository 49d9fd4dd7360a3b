#include "base/log.h"

#include "base/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

// The one mutable global of the project: set once in main, before anything runs.
static enum log_level least = LOG_INFO;

void log_set_level(enum log_level level)
{
    least = level;
}

void log_event(enum log_level level, const char *event, const char *fmt, ...)
{
    static const char *const NAMES[] = {"debug", "info", "warn", "error"};
    if (level < least)
        return;

    char line[1024], utc[32];
    clock_utc_text(utc);
    const int room = (int)sizeof(line) - 1;
    int n = snprintf(line, (size_t)room, "%s %s %s ", utc, NAMES[level], event);

    va_list args;
    va_start(args, fmt);
    const int more = vsnprintf(line + n, (size_t)(room - n), fmt, args);
    va_end(args);

    n = more < room - n ? n + more : room - 1;
    for (int i = 0; i < n; i++) {
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = ' ';
    }
    line[n++] = '\n';
    if (write(STDERR_FILENO, line, (size_t)n) < 0)
        return; // nobody is there to tell
}
