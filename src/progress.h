/*
 * progress: how far long work is, for people. A bar that is redrawn on a terminal, a plain
 * line now and then in a pipe; both to stderr.
 */
#ifndef SRC_PROGRESS_H
#define SRC_PROGRESS_H

#include <stdbool.h>

struct progress {
    bool is_terminal, is_quiet;
    char shown[128]; // what the line says now
    int percent;     // of the last plain line; -1: none
    double shown_s;  // when it was drawn
};

/** Begin; is_quiet: show nothing. */
void progress_begin(struct progress *progress, bool is_quiet);
/** Work is at fraction (0..1; negative: not known) of stage. */
void progress_show(struct progress *progress, const char *stage, double fraction);
/** Leave the line; text (may be NULL) stays in its place. */
void progress_end(struct progress *progress, const char *text);

#endif
