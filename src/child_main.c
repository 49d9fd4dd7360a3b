#include "src/child_main.h"

#include "base/err.h"
#include "base/log.h"
#include "scp/dcm.h"
#include "src/conf.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

static const struct {
    const char *kind;
    int (*run)(const struct conf *conf);
} KINDS[] = {
    {"receiver", receiver_main}, {"worker", worker_main}, {"sender", sender_main}};

int child_main(const char *kind, const char *conf_path, const char *state_dir)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL); // the node's end is ours
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    signal(SIGINT, SIG_IGN); // the terminal's: the node decides
    signal(SIGTERM, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);

    auto_(conf) struct conf *conf = NULL;
    struct err err = {0};
    if (conf_read(conf_path, &conf, &err) < 0) {
        log_event(LOG_ERROR, "child.conf", "kind=%s error=\"%s\"", kind, err.text);
        return 1;
    }
    snprintf(conf->state_dir, sizeof(conf->state_dir), "%s", state_dir);

    dcm_init();
    int status = 2;
    for (size_t i = 0; i < sizeof(KINDS) / sizeof(KINDS[0]); i++) {
        if (strcmp(KINDS[i].kind, kind) == 0)
            status = KINDS[i].run(conf);
    }
    dcm_finish();
    return status;
}
