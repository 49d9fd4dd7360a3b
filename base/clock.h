/* clock: what time it is. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/** Monotonic seconds, for durations. */
double clock_s(void);
/** Monotonic milliseconds. */
int64_t clock_ms(void);
/** Seconds since 1970 UTC. */
int64_t clock_wall_s(void);
/** Now in UTC, "2026-11-23T20:41:07.123Z", into ret [32]. */
void clock_utc_text(char ret[32]);

#endif
