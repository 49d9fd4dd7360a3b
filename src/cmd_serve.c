/* cmd_serve: hilum serve, and hilum check-config. */
#include "base/err.h"
#include "base/log.h"
#include "pipeline/segment/models.h"
#include "src/cmd.h"
#include "src/conf.h"
#include "src/serve.h"

#include <getopt.h>
#include <stdio.h>

static const struct option OPTIONS[] = {
    {"config", required_argument, NULL, 'c'},
    {"verbose", no_argument, NULL, 'v'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

/* The file of --config; *status >= 0 when there is nothing more to do. */
static const char *parse(int argc, char **argv, const char *help, int *status)
{
    const char *config = CMD_CONFIG;
    int c;
    *status = -1;
    optind = 1;
    while ((c = getopt_long(argc, argv, "c:vh", OPTIONS, NULL)) != -1) {
        if (c == 'c') {
            config = optarg;
        } else if (c == 'v') {
            log_set_level(LOG_DEBUG);
        } else if (c == 'h') {
            fputs(help, stdout);
            *status = CMD_DONE;
            return config;
        } else {
            *status = CMD_USAGE;
            return config;
        }
    }
    if (optind < argc)
        *status = cmd_misused(argv[0], "'%s' is one word too many", argv[optind]);
    return config;
}

int cmd_serve(int argc, char **argv)
{
    int status;
    const char *config = parse(
        argc, argv,
        "usage: hilum serve [--config FILE] [--verbose]\n\n"
        "Receives studies, decides, analyses, and sends the results; until SIGTERM or "
        "SIGINT.\n"
        "FILE: " CMD_CONFIG " if it is not given; its keys are explained in the file "
        "that is shipped.\nSIGHUP: reads FILE and the certificates anew. Logs one line "
        "of key=value an event to stderr.\n",
        &status);
    if (status >= 0)
        return status;

    auto_(conf) struct conf *conf = NULL;
    struct err err = {0};
    if (conf_read(config, &conf, &err) < 0 || serve(conf, &err) < 0)
        return cmd_fail("serve", &err);
    return CMD_DONE;
}

static void describe(const struct conf *conf)
{
    printf("%s: correct\n", conf->path);
    printf("  listens as %s on %s port %d", conf->ae_title, conf->address, conf->port);
    if (conf->tls.port != 0)
        printf(", with TLS on port %d", conf->tls.port);
    printf(", state in %s\n", conf->state_dir);
    for (size_t i = 0; i < conf->rule_count; i++) {
        const struct conf_rule *rule = &conf->rules[i];
        printf("  rule %s:", rule->name);
        for (size_t n = 0; n < rule->analysis_count; n++)
            printf(" %s", rule->analyses[n]);
        printf(" ->");
        for (size_t n = 0; n < rule->destination_count; n++)
            printf(" %s", rule->destinations[n]);
        printf("%s\n",
               rule->destination_count ? "" : " nowhere: results stay on the node");
    }
    for (size_t i = 0; i < models_count(conf->models); i++)
        printf("  model %s %s\n", models_at(conf->models, i)->name,
               models_at(conf->models, i)->version);
    for (size_t i = 0; i < models_problems(conf->models); i++)
        printf("  a model that cannot be used: %s\n", models_problem(conf->models, i));
    if (conf->rule_count == 0)
        printf("  no rules: studies are kept, and nothing is analysed\n");
}

int cmd_check_config(int argc, char **argv)
{
    int status;
    const char *config = parse(argc, argv,
                               "usage: hilum check-config [--config FILE]\n\n"
                               "Checks FILE (" CMD_CONFIG
                               " if not given) as `hilum serve` would; an error names "
                               "file, line,\nkey and what was expected.\n",
                               &status);
    if (status >= 0)
        return status;

    auto_(conf) struct conf *conf = NULL;
    struct err err = {0};
    if (conf_read(config, &conf, &err) < 0 || conf_check_files(conf, &err) < 0)
        return cmd_fail("check-config", &err);
    describe(conf);
    return CMD_DONE;
}
