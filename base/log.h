/*
 * log: one line of key=value an event, to stderr. Only src/ logs.
 *
 *     log_event(LOG_INFO, "job.done", "job=%lld seconds=%.1f", id, s);
 *
 * writes `2026-11-23T20:41:07.123Z info job.done job=3 seconds=2.1` in one write(2). A line
 * names rows, never a patient, a UID or a string that a peer sent; tools/check-phi.sh looks.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/** Any thread. Control characters in what fmt prints become spaces (no line is forged, no
 * terminal steered); a line is cut at 1 KiB. */
__attribute__((format(printf, 3, 4))) void
log_event(enum log_level level, const char *event, const char *fmt, ...);
/** Least level that is written; from the start LOG_INFO. Before threads start. */
void log_set_level(enum log_level level);

#endif
