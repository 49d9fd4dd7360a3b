/* cmd_run: hilum run: the node's analyses on files, without a network. */
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "pipeline/segment/models.h"
#include "scp/dcm.h"
#include "src/analyse.h"
#include "src/cmd.h"
#include "src/conf.h"
#include "src/gather.h"
#include "src/progress.h"
#include "src/seed.h"
#include "src/threads.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char HELP[] =
    "usage: hilum run [--out DIR] [--analysis NAME] [--config FILE] PATH...\n\n"
    "Analyses the DICOM files at PATH (files and folders). Each analysis that applies to "
    "a "
    "study writes\nDIR/<analysis>[-n]/: the DICOM objects, summary.png and "
    "report.json.\n\n"
    "  --out DIR        where the results go (hilum-results)\n"
    "  --analysis NAME  only this one\n"
    "  --config FILE    options of the analyses as the node would have them\n"
    "  --threads N      threads of an analysis (all cores)\n"
    "  --quiet          no progress\n\n"
    "Exit status 0 done, 1 failed, 2 usage, 3 no analysis applies, 4 refused by a "
    "quality "
    "check.\n\nAnalyses:\n";

static const struct option OPTIONS[] = {
    {"out", required_argument, NULL, 'o'},
    {"analysis", required_argument, NULL, 'a'},
    {"config", required_argument, NULL, 'c'},
    {"threads", required_argument, NULL, 't'},
    {"quiet", no_argument, NULL, 'q'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

struct options {
    const char *out, *analysis, *config;
    long threads;
    bool is_quiet;
};

struct run {
    const struct options *options;
    const struct conf *conf;
    struct progress progress;
    char stage[300]; // analysis, and what it found to analyse
    char why_not[sizeof(
        ((struct pipeline_want *)0)->reason)]; // the last that did not apply
    size_t left_out, applied, refused, failed;
};

/* ---- telling ---- */

static void looked(void *ctx, size_t count)
{
    struct run *run = ctx;
    char stage[64];
    snprintf(stage, sizeof(stage), "looking at files: %zu", count - count % 100);
    if (count % 100 == 0)
        progress_show(&run->progress, stage, -1);
}

static void left_out(void *ctx, const char *path, const char *reason)
{
    struct run *run = ctx;
    (void)path;
    (void)reason;
    run->left_out++;
}

static void progress(void *ctx, const char *stage, double fraction)
{
    struct run *run = ctx;
    char text[400];
    snprintf(text, sizeof(text), "%s: %s", run->stage, stage);
    progress_show(&run->progress, text, fraction);
}

static void print_help(void)
{
    fputs(HELP, stdout);
    auto_(conf) struct conf *conf = NULL;
    if (conf_defaults(&conf, NULL) < 0)
        return;
    for (size_t i = 0; i < conf->analysis_count; i++)
        printf("  %-16s %s\n", conf->analyses[i].def->name,
               conf->analyses[i].def->summary);
}

/* ---- one analysis of one study ---- */

/* DIR/<analysis>, or -2, -3 ... when an earlier study of this run has that. */
static int name_folder(const struct run *run, const struct pipeline_def *def, size_t nth,
                       char ret[FILE_PATH], struct err *err)
{
    char name[80];
    snprintf(name, sizeof(name), nth > 1 ? "%s-%zu" : "%s", def->name, nth);
    return file_join(run->options->out, name, ret, err);
}

/* The files of the series that it wants. */
static const char **choose_paths(const struct gather_study *study,
                                 const struct pipeline_want *want, size_t *ret_count)
{
    const char **paths = calloc(study->count + 1, sizeof(*paths));
    *ret_count = 0;
    for (size_t i = 0; paths && i < study->count; i++) {
        for (size_t k = 0; k < want->series_count; k++) {
            if (study->series_ids[i] == study->facts.series[want->series[k]].id)
                paths[(*ret_count)++] = study->paths[i];
        }
    }
    return paths;
}

static int analyse_paths(struct run *run, const struct pipeline_def *def,
                         const char *const *paths, size_t count, const char *folder,
                         struct analyse_outcome *outcome, struct err *err)
{
    const struct conf_analysis *configured = conf_analysis(run->conf, def->name);
    char seed[SEED_TEXT];
    seed_draw(seed);
    const struct analyse_order order = {
        .def = def,
        .paths = paths,
        .count = count,
        .folder = folder,
        .uid_seed = seed,
        .created_s = clock_wall_s(),
        .device_serial = run->conf->device_serial,
        .options = configured->options,
        .option_count = configured->option_count,
        .threads =
            run->options->threads > 0 ? (int)run->options->threads : threads_available(),
        .memory_max_bytes = (size_t)run->conf->job_memory_max_bytes,
        .model_folders = run->conf->model_folders,
        .model_folder_count = run->conf->model_folder_count,
        .watch = {progress, NULL, run},
    };
    return analyse(&order, outcome, err);
}

static void tell_outcome(struct run *run, const struct pipeline_def *def, int r,
                         const struct analyse_outcome *outcome, const char *folder,
                         double seconds, const struct err *err)
{
    progress_end(&run->progress, NULL);
    if (r < 0) {
        run->failed++;
        fprintf(stderr, "hilum run: %s: %s\n", def->name, err->text);
    } else if (outcome->status == RESULT_REFUSED) {
        run->refused++;
        printf("%s: refused: %s; %zu objects in %s, %.1f s\n", def->name, outcome->reason,
               outcome->count, folder, seconds);
    } else {
        printf("%s: done; %zu objects in %s, %.1f s\n", def->name, outcome->count, folder,
               seconds);
    }
}

static void run_one(struct run *run, const struct pipeline_def *def,
                    const struct gather_study *study, const struct pipeline_want *want,
                    size_t nth)
{
    struct err err = {0};
    char folder[FILE_PATH] = "";
    size_t count = 0;
    const double began_s = clock_s();
    struct analyse_outcome *outcome = calloc(1, sizeof(*outcome));
    const char **paths = choose_paths(study, want, &count);
    int r = outcome && paths ? name_folder(run, def, nth, folder, &err)
                             : err_set(&err, ERR_NOMEM, "%zu files", study->count);
    if (r == 0)
        r = analyse_paths(run, def, paths, count, folder, outcome, &err);
    tell_outcome(run, def, r, outcome, folder, clock_s() - began_s, &err);
    free((void *)paths);
    free(outcome);
}

/* ---- all ---- */

static void run_studies(struct run *run, const struct gather *gather)
{
    for (size_t i = 0; i < run->conf->analysis_count; i++) {
        const struct pipeline_def *def = run->conf->analyses[i].def;
        size_t nth = 0;
        if (run->options->analysis && strcmp(run->options->analysis, def->name) != 0)
            continue;
        for (size_t k = 0; k < gather_count(gather); k++) {
            const struct gather_study *study = gather_study(gather, k);
            struct pipeline_want want = {.series_count = 0};
            if (!pipeline_wants(def, &study->facts, &want)) {
                printf("study %zu of %zu: %s does not apply: %s\n", k + 1,
                       gather_count(gather), def->name, want.reason);
                snprintf(run->why_not, sizeof(run->why_not), "%s", want.reason);
                continue;
            }
            run->applied++;
            snprintf(run->stage, sizeof(run->stage), "%s (%s)", def->name, want.reason);
            run_one(run, def, study, &want, ++nth);
        }
    }
}

static int run_all(struct run *run, char *const *roots, size_t count)
{
    struct err err = {0};
    auto_(gather) struct gather *gather = NULL;
    const struct gather_hooks hooks = {looked, left_out, run};
    if (gather_create((const char *const *)roots, count, &hooks, &gather, &err) < 0)
        return cmd_fail("run", &err);
    progress_end(&run->progress, NULL);
    if (run->left_out > 0)
        printf("%zu files are not DICOM, or damaged, and were left out\n", run->left_out);
    if (gather_count(gather) == 0) {
        fprintf(stderr, "hilum run: no DICOM files there\n");
        return CMD_NOTHING;
    }
    dcm_init();
    run_studies(run, gather);
    dcm_finish();
    if (run->failed > 0)
        return CMD_FAILED;
    if (run->applied == 0) {
        if (run->options->analysis)
            fprintf(stderr, "hilum run: %s does not apply: %s\n", run->options->analysis,
                    run->why_not);
        else
            fprintf(stderr, "hilum run: no analysis applies\n");
        return CMD_NOTHING;
    }
    return run->refused > 0 ? CMD_REFUSED : CMD_DONE;
}

/* CMD_DONE to go on; *ret_ended: --help was asked for. */
static int parse(int argc, char **argv, struct options *o, bool *ret_ended)
{
    int c;
    optind = 1;
    while ((c = getopt_long(argc, argv, "o:a:c:t:qh", OPTIONS, NULL)) != -1) {
        switch (c) {
        case 'o':
            o->out = optarg;
            break;
        case 'a':
            o->analysis = optarg;
            break;
        case 'c':
            o->config = optarg;
            break;
        case 't':
            o->threads = strtol(optarg, NULL, 10);
            break;
        case 'q':
            o->is_quiet = true;
            break;
        case 'h':
            print_help();
            *ret_ended = true;
            return CMD_DONE;
        default:
            return CMD_USAGE;
        }
        if (c == 't' && (o->threads < 1 || o->threads > 256))
            return cmd_misused("run", "--threads wants 1..256");
    }
    if (optind == argc)
        return cmd_misused("run", "at least one PATH is needed");
    return CMD_DONE;
}

int cmd_run(int argc, char **argv)
{
    struct options options = {.out = "hilum-results"};
    bool is_ended = false;
    const int status = parse(argc, argv, &options, &is_ended);
    if (status != CMD_DONE || is_ended)
        return status;

    auto_(conf) struct conf *conf = NULL;
    struct err err = {0};
    const int r = options.config ? conf_read(options.config, &conf, &err)
                                 : conf_defaults(&conf, &err);
    if (r < 0)
        return cmd_fail("run", &err);
    if (options.analysis && !conf_analysis(conf, options.analysis))
        return cmd_misused("run", "there is no analysis '%s'%s%s", options.analysis,
                           models_problems(conf->models) ? "; " : "",
                           models_problems(conf->models) ? models_problem(conf->models, 0)
                                                         : "");
    struct run run = {.options = &options, .conf = conf};
    progress_begin(&run.progress, options.is_quiet);
    return run_all(&run, argv + optind, (size_t)(argc - optind));
}
