/* cmd_status: hilum status: what a running node has, does and could not do. */
#include "base/err.h"
#include "base/js.h"
#include "base/msg.h"
#include "src/cmd.h"
#include "src/conf.h"
#include "src/control.h"
#include "src/metrics.h"
#include "src/protocol.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char HELP[] =
    "usage: hilum status [--config FILE] [--json | --metrics] [--rows N] "
    "[--watch]\n\n"
    "Shows the running node's studies, jobs with their progress, deliveries and dead "
    "letters. Rows are\nnumbers: no patient data is shown.\n\n"
    "  --config FILE  the node's configuration (" CMD_CONFIG ")\n"
    "  --json         as JSON, for programs\n"
    "  --metrics      counts only, as Prometheus reads them\n"
    "  --rows N       newest rows of each table (20; with --json 100)\n"
    "  --watch        again each second, until interrupted\n\n"
    "Exit status 1 if no node runs.\n";

static const struct option OPTIONS[] = {
    {"config", required_argument, NULL, 'c'},
    {"json", no_argument, NULL, 'j'},
    {"metrics", no_argument, NULL, 'm'},
    {"rows", required_argument, NULL, 'n'},
    {"watch", no_argument, NULL, 'w'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

enum { ROWS = 20, ROWS_JSON = 100, ROWS_MAX = 10000, BAR = 20, EVENTS = 8 };

enum form { FOR_PEOPLE, AS_JSON, AS_METRICS };

/* ---- words ---- */

static void print_age(int64_t seconds)
{
    if (seconds < 120)
        printf("%lld s", (long long)seconds);
    else if (seconds < 7200)
        printf("%lld min", (long long)seconds / 60);
    else if (seconds < 172800)
        printf("%lld h", (long long)seconds / 3600);
    else
        printf("%lld d", (long long)seconds / 86400);
}

static int64_t count(const struct js *status, const char *name)
{
    return js_get_int(js_get(status, "counts"), name);
}

/* ", 3 queued" for each that is not 0. */
static void print_counts(const struct js *status, const char *const *names,
                         const char *const *words)
{
    bool is_first = true;
    for (int i = 0; names[i]; i++) {
        if (count(status, names[i]) == 0)
            continue;
        printf("%s%lld %s", is_first ? "" : ", ", (long long)count(status, names[i]),
               words[i]);
        is_first = false;
    }
    puts(is_first ? "none" : "");
}

static void print_head(const struct js *status)
{
    static const char *const JOBS[] = {
        "jobs_running", "jobs_queued", "jobs_sending",    "jobs_done",
        "jobs_refused", "jobs_failed", "jobs_superseded", NULL};
    static const char *const JOB_WORDS[] = {"running", "queued", "sending",   "done",
                                            "refused", "failed", "superseded"};
    static const char *const DELIVERIES[] = {"deliveries_pending", "deliveries_sent",
                                             "deliveries_dead", NULL};
    static const char *const DELIVERY_WORDS[] = {"pending", "sent", "dead"};
    const struct js *receive = js_get(status, "receive");
    printf("hilum %s as %s on port %lld, up ", js_get_string(status, "version"),
           js_get_string(status, "ae_title"), (long long)js_get_int(status, "port"));
    print_age(js_get_int(status, "now_s") - js_get_int(status, "started_s"));
    puts(js_get_bool(status, "is_stopping") ? ", stopping" : "");
    printf("  associations  %lld now, %lld since the start, %lld rejected\n",
           (long long)js_get_int(receive, "associations"),
           (long long)js_get_int(receive, "associations_total"),
           (long long)js_get_int(receive, "rejected_total"));
    printf("  index         %lld studies (%lld open), %lld series, %lld instances\n",
           (long long)count(status, "studies"), (long long)count(status, "studies_open"),
           (long long)count(status, "series"), (long long)count(status, "instances"));
    printf("  jobs          ");
    print_counts(status, JOBS, JOB_WORDS);
    printf("  deliveries    ");
    print_counts(status, DELIVERIES, DELIVERY_WORDS);
}

/* ---- tables ---- */

/* What a running job is at, or NULL. */
static const struct js *find_running(const struct js *status, int64_t job)
{
    const struct js *running = js_get(status, "running");
    for (size_t i = 0; i < js_count(running); i++) {
        if (js_get_int(js_at(running, i), "job") == job)
            return js_at(running, i);
    }
    return NULL;
}

static void print_bar(const struct js *running)
{
    const double fraction = js_get_real(running, "fraction");
    const int full = (int)(fraction * BAR + 0.5);
    putchar('[');
    for (int i = 0; i < BAR; i++)
        putchar(i < full ? '#' : '.');
    printf("] %3d %% %s", (int)(fraction * 100), js_get_string(running, "stage"));
}

static void print_studies(const struct js *status, size_t rows)
{
    const struct js *list = js_get(status, "studies");
    if (js_count(list) > 0)
        puts("\nstudy  state   images series from              last image  decision");
    for (size_t i = 0; i < js_count(list) && i < rows; i++) {
        const struct js *s = js_at(list, i);
        printf("%5lld  %-7s %6lld %6lld %-16s  ", (long long)js_get_int(s, "id"),
               js_get_string(s, "state"), (long long)js_get_int(s, "instances"),
               (long long)js_get_int(s, "series"), js_get_string(s, "sender"));
        print_age(js_get_int(status, "now_s") - js_get_int(s, "last_s"));
        printf(" ago  %s\n", js_get_string(s, "note"));
    }
}

static void print_jobs(const struct js *status, size_t rows)
{
    const struct js *list = js_get(status, "jobs");
    if (js_count(list) > 0)
        puts("\n  job  study analysis         state      tries results");
    for (size_t i = 0; i < js_count(list) && i < rows; i++) {
        const struct js *j = js_at(list, i);
        const struct js *running = find_running(status, js_get_int(j, "id"));
        printf("%5lld  %5lld %-16s %-10s %5lld %7lld  ", (long long)js_get_int(j, "id"),
               (long long)js_get_int(j, "study"), js_get_string(j, "analysis"),
               js_get_string(j, "state"), (long long)js_get_int(j, "attempts"),
               (long long)js_get_int(j, "results"));
        if (running)
            print_bar(running);
        else
            fputs(js_get_string(j, "reason"), stdout);
        putchar('\n');
    }
}

static void print_deliveries(const struct js *status, const char *key, const char *state,
                             const char *title, size_t rows)
{
    const struct js *list = js_get(status, key);
    size_t shown = 0;
    for (size_t i = 0; i < js_count(list) && shown < rows; i++) {
        const struct js *d = js_at(list, i);
        if (strcmp(js_get_string(d, "state"), state) != 0)
            continue;
        if (shown++ == 0)
            printf("\n%s\n", title);
        printf("  job %lld %s to %s, %lld tries%s%s\n", (long long)js_get_int(d, "job"),
               js_get_string(d, "object"), js_get_string(d, "destination"),
               (long long)js_get_int(d, "attempts"),
               js_get_string(d, "reason")[0] ? ": " : "", js_get_string(d, "reason"));
    }
}

static void print_events(const struct js *status, size_t rows)
{
    const struct js *list = js_get(status, "events");
    if (js_count(list) > 0)
        puts("\nevents");
    for (size_t i = 0; i < js_count(list) && i < rows; i++) {
        const struct js *e = js_at(list, i);
        printf("  ");
        print_age(js_get_int(status, "now_s") - js_get_int(e, "at_s"));
        printf(" ago  %s %s\n", js_get_string(e, "what"), js_get_string(e, "text"));
    }
}

static void print_status(const struct js *status, size_t rows)
{
    print_head(status);
    print_studies(status, rows);
    print_jobs(status, rows);
    print_deliveries(status, "deliveries", "pending", "waiting to be sent", rows);
    print_deliveries(status, "dead", "dead",
                     "dead letters (hilum replay tries them again)", rows);
    print_events(status, rows < EVENTS ? rows : EVENTS);
}

/* ---- asking ---- */

static int ask(const struct conf *conf, uint32_t rows, char **ret, struct err *err)
{
    struct msg msg;
    msg_init(&msg, CONTROL_STATUS);
    msg_put_u32(&msg, rows);
    const int r = control_ask(conf->state_dir, &msg, ret, err);
    msg_finish(&msg);
    return r;
}

static int show(const struct conf *conf, enum form form, bool is_watch, long rows)
{
    char *text = NULL;
    struct err err = {0};
    auto_(js) struct js *status = NULL;
    const long wanted = form == AS_METRICS ? 0
                        : rows > 0         ? rows
                        : form == AS_JSON  ? ROWS_JSON
                                           : ROWS;
    int r = ask(conf, (uint32_t)wanted, &text, &err);
    if (r == 0 && form == AS_JSON)
        puts(text);
    if (r == 0 && form != AS_JSON)
        r = js_parse(text, strlen(text), &status, &err);
    free(text);
    if (r < 0)
        return cmd_fail("status", &err);
    if (form == AS_METRICS)
        metrics_print(status, stdout);
    if (form != FOR_PEOPLE)
        return CMD_DONE;
    if (is_watch && isatty(STDOUT_FILENO))
        fputs("\033[H\033[J", stdout);
    print_status(status, (size_t)wanted);
    fflush(stdout);
    return CMD_DONE;
}

int cmd_status(int argc, char **argv)
{
    const char *config = CMD_CONFIG;
    enum form form = FOR_PEOPLE;
    bool is_watch = false;
    long rows = 0;
    int c;
    optind = 1;
    while ((c = getopt_long(argc, argv, "c:jmn:wh", OPTIONS, NULL)) != -1) {
        switch (c) {
        case 'c':
            config = optarg;
            break;
        case 'j':
            form = AS_JSON;
            break;
        case 'm':
            form = AS_METRICS;
            break;
        case 'n':
            rows = strtol(optarg, NULL, 10);
            break;
        case 'w':
            is_watch = true;
            break;
        case 'h':
            fputs(HELP, stdout);
            return CMD_DONE;
        default:
            return CMD_USAGE;
        }
        if (c == 'n' && (rows < 1 || rows > ROWS_MAX))
            return cmd_misused("status", "--rows wants 1..%d", ROWS_MAX);
    }
    if (optind < argc)
        return cmd_misused("status", "'%s' is one word too many", argv[optind]);

    auto_(conf) struct conf *conf = NULL;
    struct err err = {0};
    if (conf_read(config, &conf, &err) < 0)
        return cmd_fail("status", &err);
    int status = show(conf, form, is_watch, rows);
    while (is_watch && status == CMD_DONE) {
        sleep(1);
        status = show(conf, form, is_watch, rows);
    }
    return status;
}
