#include "src/progress.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BAR = 30, STEP_PERCENT = 20 };
static const double REDRAW_S = 0.1;

void progress_begin(struct progress *progress, bool is_quiet)
{
    *progress = (struct progress){
        .is_terminal = isatty(STDERR_FILENO),
        .is_quiet = is_quiet,
        .percent = -1,
    };
}

static void draw_bar(struct progress *progress, const char *stage, double fraction)
{
    char bar[BAR + 1];
    const int full = fraction < 0 ? 0 : (int)(fraction * BAR + 0.5);
    for (int i = 0; i < BAR; i++)
        bar[i] = i < full ? '#' : '.';
    bar[BAR] = '\0';
    if (fraction < 0)
        fprintf(stderr, "\r\033[K%s", stage);
    else
        fprintf(stderr, "\r\033[K[%s] %3d %% %s", bar, (int)(fraction * 100), stage);
    fflush(stderr);
    progress->shown_s = clock_s();
}

void progress_show(struct progress *progress, const char *stage, double fraction)
{
    if (progress->is_quiet)
        return;
    fraction = fraction > 1.0 ? 1.0 : fraction;
    const bool is_new = strncmp(stage, progress->shown, sizeof(progress->shown) - 1) != 0;
    if (is_new)
        snprintf(progress->shown, sizeof(progress->shown), "%s", stage);
    if (progress->is_terminal) {
        if (is_new || clock_s() - progress->shown_s > REDRAW_S)
            draw_bar(progress, stage, fraction);
        return;
    }
    const int percent = fraction < 0 ? -1 : (int)(fraction * 100);
    if (!is_new && percent < progress->percent + STEP_PERCENT)
        return;
    progress->percent = percent;
    if (percent < 0)
        fprintf(stderr, "%s\n", stage);
    else
        fprintf(stderr, "%3d %% %s\n", percent, stage);
}

void progress_end(struct progress *progress, const char *text)
{
    if (progress->is_quiet)
        return;
    if (progress->is_terminal && progress->shown[0])
        fputs("\r\033[K", stderr);
    if (text)
        fprintf(stderr, "%s\n", text);
    progress->shown[0] = '\0';
    progress->percent = -1;
}
