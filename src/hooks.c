#include "src/hooks.h"

#ifdef HILUM_TEST_HOOKS
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void eat(void)
{
    enum { BITE = 32 << 20 };
    for (;;) {
        char *bite = malloc(BITE);
        if (bite)
            memset(bite, 1, BITE); // resident, not only promised
        usleep(bite ? 1000 : 100000);
    }
}

void hooks_in_job(int64_t job)
{
    const char *hook = getenv("HILUM_HOOK"), *only = getenv("HILUM_HOOK_JOB");
    if (!hook || (only && strtoll(only, NULL, 10) != job))
        return;
    if (strcmp(hook, "hang") == 0)
        for (;;)
            pause();
    if (strcmp(hook, "eat") == 0)
        eat();
    if (strcmp(hook, "crash") == 0)
        abort();
}
#endif
