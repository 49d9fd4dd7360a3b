/*
 * hooks: faults that end-to-end tests inject. Compiled out unless -Dtest_hooks=true; a
 * release has none of it.
 */
#ifndef SRC_HOOKS_H
#define SRC_HOOKS_H

#include <stdint.h>

#ifdef HILUM_TEST_HOOKS
/** A worker has begun job: HILUM_HOOK=hang sleeps for ever, =eat allocates for ever, =crash
 * aborts; with HILUM_HOOK_JOB=N only in job N. */
void hooks_in_job(int64_t job);
#else
static inline void hooks_in_job(int64_t job)
{
    (void)job;
}
#endif

#endif
