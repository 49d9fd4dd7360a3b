/*
 * rules: which analyses a study goes to, and why. Pure: study facts and configuration in,
 * decisions out; no clock, no store.
 */
#ifndef SRC_RULES_H
#define SRC_RULES_H

#include "base/facts.h"
#include "pipeline/pipeline.h"

#include <stddef.h>

struct conf;
struct conf_rule;

enum { RULES_MAX = 64 };

struct rules_job {
    const struct pipeline_def *def;
    const struct conf_rule *rule; // the first that matched, by priority, then by place
    struct pipeline_want want;
};

struct rules_decision {
    struct rules_job jobs[RULES_MAX]; // one an analysis, best priority first
    size_t count;
    char note[500]; // for people: what applies, or why nothing does; no patient data
};

/** Quiet time of the study in seconds: the least of the rules whose conditions it meets. */
int rules_quiet_s(const struct conf *conf, const struct study_facts *study);

/** Ask each analysis of each rule that matches whether it wants the study. */
void rules_decide(const struct conf *conf, const struct study_facts *study,
                  struct rules_decision *ret);

#endif
