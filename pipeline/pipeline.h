/*
 * pipeline: what an analysis is, and the table of those built in.
 *
 * An analysis is a folder pipeline/<name>/ whose <name>.c ends in one const struct
 * pipeline_def <name>_pipeline. It sees frames, geometry and times and gives a result; it
 * knows neither DICOM objects nor the network nor the database.
 */
#ifndef PIPELINE_PIPELINE_H
#define PIPELINE_PIPELINE_H

#include "base/facts.h"
#include "base/result.h"
#include "base/series.h"

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct card;
struct err;

#define PIPELINE_SERIES_MAX 512 // series that one analysis may want of a study

/** Which series of a study an analysis wants, and why (or why not), in words for people. */
struct pipeline_want {
    size_t series[PIPELINE_SERIES_MAX]; // indices into study_facts.series
    size_t series_count;
    char reason[200]; // "16 positions x 60 times"; no patient data, no UID
};

/** How an analysis tells where it is; any function may be NULL. */
struct pipeline_watch {
    /** A stage began or moved on. fraction: 0..1 of the whole job. */
    void (*progress)(void *ctx, const char *stage, double fraction);
    /** Whether the job should stop; the analysis then returns ERR_CANCELLED. */
    bool (*is_cancelled)(void *ctx);
    void *ctx;
};

/** One option of an analysis as the configuration gives it, already checked against its range. */
struct pipeline_option {
    const char *name; // "core_rcbf_percent"
    double value;
};

/** An option that an analysis understands; the table ends with name NULL. */
struct pipeline_option_def {
    const char *name, *unit, *help;
    double initial, lo, hi;
};

/** What the analysis is given; all of it is borrowed for the run. */
struct pipeline_input {
    const struct series *series;           // the frames of all wanted series
    const struct pipeline_option *options; // [option_count]; those not named keep initial
    size_t option_count;
    int threads;                      // threads that the analysis may use, >= 1
    size_t memory_max_bytes;          // 0: no bound
    const char *const *model_folders; // [model_folder_count], for card_find()
    size_t model_folder_count;
    struct pipeline_watch watch;
};

struct pipeline_def {
    const char *name;    // the folder, the name in rules, the job's kind: "ct_perfusion"
    const char *version; // of this analysis, in every result
    const char *title;   // "CT perfusion"
    const char *summary; // one line for --help and the documents
    const struct pipeline_option_def *options; // ended by name NULL; NULL: none

    /** Whether the study has what this analysis needs; fills ret when it has, its reason always. */
    bool (*wants)(const struct study_facts *study, struct pipeline_want *ret);

    /**
     * Analyse. Runs in a worker, may take minutes and use in->threads threads.
     *
     * What cannot be trusted is no error: *ret is then a result with status RESULT_REFUSED.
     * Errors: ERR_NOMEM, ERR_IO, ERR_FORMAT (frames that cannot be read), ERR_LIMIT
     * (memory_max_bytes), ERR_CANCELLED.
     */
    int (*run)(const struct pipeline_input *in, struct result **ret, struct err *err);

    /* Of an analysis that a model card makes (pipeline/segment): the same two with the card;
     * wants and run are then NULL. */
    const struct card *card; // NULL: built in
    bool (*card_wants)(const struct card *card, const struct study_facts *study,
                       struct pipeline_want *ret);
    int (*card_run)(const struct pipeline_def *def, const struct pipeline_input *in,
                    struct result **ret, struct err *err);
};

/** Ask def whether it wants the study: contract of pipeline_def.wants. */
bool pipeline_wants(const struct pipeline_def *def, const struct study_facts *study,
                    struct pipeline_want *ret);
/** Analyse: contract and errors of pipeline_def.run. */
int pipeline_run(const struct pipeline_def *def, const struct pipeline_input *in,
                 struct result **ret, struct err *err);

/** All built-in analyses in the order of pipeline/meson.build, ended by NULL. */
extern const struct pipeline_def *const pipeline_table[];

/** The built-in analysis of that name, or NULL. */
const struct pipeline_def *pipeline_find(const char *name);

/** The value of option name for this run: the configured one, else its initial value. */
double pipeline_option(const struct pipeline_def *def, const struct pipeline_input *in,
                       const char *name);

#ifdef __cplusplus
}
#endif
#endif
