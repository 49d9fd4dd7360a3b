#include "base/clock.h"

#include <stdio.h>
#include <time.h>

double clock_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

int64_t clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_wall_s(void)
{
    return (int64_t)time(NULL);
}

void clock_utc_text(char ret[32])
{
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    const size_t n = strftime(ret, 32, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(ret + n, 32 - n, ".%03dZ", (int)(now.tv_nsec / 1000000));
}
