#include "src/cmd.h"

#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>

int cmd_fail(const char *command, const struct err *err)
{
    fprintf(stderr, "hilum %s: %s\n", command, err->text);
    return CMD_FAILED;
}

int cmd_misused(const char *command, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fprintf(stderr, "hilum %s: ", command);
    vfprintf(stderr, fmt, args);
    fprintf(stderr, "; see hilum %s --help\n", command);
    va_end(args);
    return CMD_USAGE;
}
