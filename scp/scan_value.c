#include "scp/scan_value.h"

#include "base/facts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- text and numbers ---- */

void scan_value_ascii(struct scan_value v, char *ret, size_t size)
{
    size_t n = v.data ? v.length : 0;
    if (n >= size)
        n = size - 1;
    if (n > 0)
        memcpy(ret, v.data, n);
    ret[n] = '\0';
    n = strlen(ret);
    while (n > 0 && (unsigned char)ret[n - 1] <= ' ')
        ret[--n] = '\0';
    const size_t lead = strspn(ret, " ");
    memmove(ret, ret + lead, n - lead + 1);
    for (char *c = ret; *c; c++) {
        if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f)
            *c = '?';
    }
}

int scan_value_decimals(struct scan_value v, double *ret, int count)
{
    char buffer[256], *p = buffer;
    scan_value_ascii(v, buffer, sizeof(buffer));
    int n = 0;
    while (n < count && *p) {
        char *end;
        const double value = strtod(p, &end);
        if (end == p || !isfinite(value))
            break;
        ret[n++] = value;
        p = end + strspn(end, " ");
        if (*p != '\\')
            break;
        p++;
    }
    return n;
}

double scan_value_decimal(struct scan_value v, double otherwise)
{
    double value;
    return scan_value_decimals(v, &value, 1) == 1 ? value : otherwise;
}

int scan_value_integer(struct scan_value v)
{
    const double value = scan_value_decimal(v, (double)FACTS_NONE);
    return fabs(value) < 2e9 ? (int)value : FACTS_NONE;
}

/* The first size bytes as a number. */
static uint64_t whole(struct scan_value v, unsigned size)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++)
        value = value << 8 | v.data[v.is_big ? i : size - 1 - i];
    return value;
}

int scan_value_u16(struct scan_value v, int otherwise)
{
    return v.data && v.length >= 2 ? (int)whole(v, 2) : otherwise;
}

int scan_value_u32(struct scan_value v)
{
    const uint64_t value = v.data && v.length >= 4 ? whole(v, 4) : UINT64_MAX;
    return value < INT32_MAX ? (int)value : FACTS_NONE;
}

double scan_value_f64(struct scan_value v)
{
    double value = (double)NAN;
    if (v.data && v.length >= 8) {
        const uint64_t bits = whole(v, 8);
        memcpy(&value, &bits, sizeof(value));
    }
    return isfinite(value) ? value : (double)NAN;
}

/* ---- dates and times ---- */

/* The digits of a date or time, without the separators that old files have. */
static int digits(const char *p, char ret[32])
{
    int n = 0;
    for (; *p && n < 31; p++) {
        if (*p >= '0' && *p <= '9')
            ret[n++] = *p;
        else if (*p != ':' && *p != '.' && *p != '-')
            break;
    }
    ret[n] = '\0';
    return n;
}

static int number(const char *p, int count)
{
    int value = 0;
    for (int i = 0; i < count; i++)
        value = value * 10 + (p[i] - '0');
    return value;
}

/* Days as seconds since 1970; NAN when it is no date. */
static double date_s(const char *value)
{
    char d[32];
    if (digits(value, d) < 8)
        return (double)NAN;
    const int month = number(d + 4, 2), day = number(d + 6, 2);
    if (month < 1 || month > 12 || day < 1 || day > 31)
        return (double)NAN;
    struct tm tm = {.tm_year = number(d, 4) - 1900, .tm_mon = month - 1, .tm_mday = day};
    return (double)timegm(&tm);
}

/* Seconds of the day; NAN when it is no time. Hours alone will do. */
static double time_s(const char *value)
{
    char plain[32];
    int n = 0;
    for (const char *p = value; *p && n < 31; p++) {
        if (*p != ':')
            plain[n++] = *p;
    }
    plain[n] = '\0';

    const int whole = (int)strspn(plain, "0123456789");
    plain[strspn(plain, "0123456789.")] = '\0'; // no exponent
    const int hours = whole >= 2 ? number(plain, 2) : 99;
    const int minutes = whole >= 4 ? number(plain + 2, 2) : 0;
    const double seconds = whole >= 6 ? strtod(plain + 4, NULL) : 0.0;
    if (hours > 23 || minutes > 59 || seconds >= 61.0)
        return (double)NAN;
    return hours * 3600.0 + minutes * 60.0 + seconds;
}

static double datetime_s(const char *value)
{
    if (strspn(value, "0123456789") < 10)
        return (double)NAN;
    char day[9];
    memcpy(day, value, 8);
    day[8] = '\0';

    char clock[32];
    snprintf(clock, sizeof(clock), "%s", value + 8);
    const size_t zone = strcspn(clock, "+-");
    double offset_s = 0.0;
    if (clock[zone] && strspn(clock + zone + 1, "0123456789") >= 4) {
        offset_s =
            number(clock + zone + 1, 2) * 3600.0 + number(clock + zone + 3, 2) * 60.0;
        offset_s = clock[zone] == '-' ? -offset_s : offset_s;
    }
    clock[zone] = '\0';
    return date_s(day) + time_s(clock) - offset_s;
}

double scan_value_datetime_s(struct scan_value v)
{
    char value[32];
    scan_value_ascii(v, value, sizeof(value));
    return datetime_s(value);
}

double scan_value_moment_s(struct scan_value date, struct scan_value time)
{
    char day[FACTS_CODE], clock[FACTS_CODE];
    scan_value_ascii(date, day, sizeof(day));
    scan_value_ascii(time, clock, sizeof(clock));
    const double s = time_s(clock), d = date_s(day);
    return isnan(d) ? s : d + s;
}
