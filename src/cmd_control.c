/* cmd_control: hilum replay and hilum release: an operator's word to a running node. */
#include "base/err.h"
#include "base/js.h"
#include "base/msg.h"
#include "src/cmd.h"
#include "src/conf.h"
#include "src/control.h"
#include "src/protocol.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct option OPTIONS[] = {
    {"config", required_argument, NULL, 'c'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

/* Ask the node of that configuration about one row; *ret is free()d by the caller. */
static int ask(const char *config, enum message type, int64_t id, char **ret,
               struct err *err)
{
    auto_(conf) struct conf *conf = NULL;
    int r = conf_read(config, &conf, err);
    if (r < 0)
        return r;
    struct msg msg;
    msg_init(&msg, type);
    msg_put_i64(&msg, id);
    r = control_ask(conf->state_dir, &msg, ret, err);
    msg_finish(&msg);
    return r;
}

static bool read_number(const char *text, int64_t *ret)
{
    char *end;
    errno = 0;
    *ret = strtoll(text, &end, 10);
    return errno == 0 && *end == '\0' && end != text && *ret > 0;
}

/* 0 to go on; then *config and, if there is one more word, *id are set. */
static int parse(int argc, char **argv, const char *help, const char **config,
                 int64_t *id)
{
    int c;
    optind = 1;
    while ((c = getopt_long(argc, argv, "c:h", OPTIONS, NULL)) != -1) {
        if (c == 'h') {
            fputs(help, stdout);
            exit(CMD_DONE);
        }
        if (c != 'c')
            return CMD_USAGE;
        *config = optarg;
    }
    if (argc - optind > 1)
        return cmd_misused(argv[0], "'%s' is one word too many", argv[optind + 1]);
    if (argc - optind == 1 && !read_number(argv[optind], id))
        return cmd_misused(argv[0], "'%s' is not the number of a row", argv[optind]);
    return 0;
}

int cmd_replay(int argc, char **argv)
{
    const char *config = CMD_CONFIG;
    int64_t job = 0;
    const int status = parse(
        argc, argv,
        "usage: hilum replay [--config FILE] [JOB]\n\n"
        "Has the running node try again what has failed: dead letters are sent again, "
        "failed jobs\nwithout results are run again. JOB: only that one, a number of "
        "`hilum status`.\n",
        &config, &job);
    if (status)
        return status;

    char *answer = NULL;
    struct err err = {0};
    if (ask(config, CONTROL_REPLAY, job, &answer, &err) < 0)
        return cmd_fail("replay", &err);
    auto_(js) struct js *js = NULL;
    const int r = js_parse(answer, strlen(answer), &js, &err);
    free(answer);
    if (r < 0)
        return cmd_fail("replay", &err);
    printf("%lld put back\n", (long long)js_get_int(js, "replayed"));
    return CMD_DONE;
}

int cmd_release(int argc, char **argv)
{
    const char *config = CMD_CONFIG;
    int64_t study = 0;
    const int status = parse(argc, argv,
                             "usage: hilum release [--config FILE] STUDY\n\n"
                             "Has the running node take an open study as complete now, "
                             "without waiting for its "
                             "quiet time.\nSTUDY: a number of `hilum status`.\n",
                             &config, &study);
    if (status)
        return status;
    if (study == 0)
        return cmd_misused("release", "which study?");

    char *answer = NULL;
    struct err err = {0};
    if (ask(config, CONTROL_RELEASE, study, &answer, &err) < 0)
        return cmd_fail("release", &err);
    free(answer);
    printf("study %lld is taken as complete\n", (long long)study);
    return CMD_DONE;
}
