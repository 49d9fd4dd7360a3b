#include "src/rules.h"

#include "src/conf.h"

#include <fnmatch.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool fits(const char *pattern, const char *text)
{
    return pattern[0] == '\0' || fnmatch(pattern, text, FNM_CASEFOLD) == 0;
}

static bool fits_series(const struct conf_rule *rule, const struct series_facts *s)
{
    return fits(rule->modality, s->modality) && fits(rule->body_part, s->body_part)
           && fits(rule->series_description, s->description)
           && fits(rule->protocol, s->protocol);
}

/* A rule matches a study when one of its series meets all that is said of a series. */
static bool matches(const struct conf_rule *rule, const struct study_facts *study)
{
    if (!fits(rule->calling_ae, study->calling_ae)
        || !fits(rule->study_description, study->description))
        return false;
    for (size_t i = 0; i < study->series_count; i++) {
        if (fits_series(rule, &study->series[i]))
            return true;
    }
    return false;
}

int rules_quiet_s(const struct conf *conf, const struct study_facts *study)
{
    int quiet_s = conf->quiet_s;
    for (size_t i = 0; i < conf->rule_count; i++) {
        const struct conf_rule *rule = &conf->rules[i];
        if (rule->quiet_s > 0 && rule->quiet_s < quiet_s && matches(rule, study))
            quiet_s = rule->quiet_s;
    }
    return quiet_s;
}

__attribute__((format(printf, 2, 3))) static void add_note(struct rules_decision *d,
                                                           const char *fmt, ...)
{
    const size_t n = strlen(d->note);
    va_list args;
    va_start(args, fmt);
    vsnprintf(d->note + n, sizeof(d->note) - n, fmt, args);
    va_end(args);
}

static struct rules_job *find_job(struct rules_decision *d,
                                  const struct pipeline_def *def)
{
    for (size_t i = 0; i < d->count; i++) {
        if (d->jobs[i].def == def)
            return &d->jobs[i];
    }
    return NULL;
}

static void ask(const struct conf *conf, const struct conf_rule *rule,
                const char *analysis, const struct study_facts *study,
                struct rules_decision *ret)
{
    const struct pipeline_def *def = conf_analysis(conf, analysis)->def;
    struct rules_job *job = find_job(ret, def);
    if (job) { // asked by an earlier rule: the more urgent one counts
        if (rule->priority > job->rule->priority)
            job->rule = rule;
        return;
    }
    struct pipeline_want want = {.series_count = 0};
    const bool is_wanted = pipeline_wants(def, study, &want);
    add_note(ret, "%s%s %s: %s", ret->note[0] ? "; " : "", analysis,
             is_wanted ? "applies" : "does not apply", want.reason);
    if (is_wanted && ret->count < RULES_MAX)
        ret->jobs[ret->count++] = (struct rules_job){def, rule, want};
}

static int by_priority(const void *a, const void *b)
{
    const struct rules_job *x = a, *y = b;
    return y->rule->priority - x->rule->priority;
}

void rules_decide(const struct conf *conf, const struct study_facts *study,
                  struct rules_decision *ret)
{
    size_t matched = 0;
    ret->count = 0;
    ret->note[0] = '\0';
    for (size_t i = 0; i < conf->rule_count; i++) {
        const struct conf_rule *rule = &conf->rules[i];
        if (!matches(rule, study))
            continue;
        matched++;
        for (size_t n = 0; n < rule->analysis_count; n++)
            ask(conf, rule, rule->analyses[n], study, ret);
    }
    if (matched == 0)
        add_note(ret, "no rule matches");
    qsort(ret->jobs, ret->count, sizeof(ret->jobs[0]), by_priority);
}
