#include "src/conf.h"
#include "src/rules.h"
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A perfusion study: one CT series of 16 slices and 60 times. */
static struct series_facts perfusion_series(void)
{
    struct series_facts s = {
        .id = 7,
        .modality = "CT",
        .body_part = "HEAD",
        .description = "Perfusion 5.0",
        .sop_class = "1.2.840.10008.5.1.4.1.1.2",
        .image_type = "ORIGINAL\\PRIMARY\\AXIAL",
        .rows = 512,
        .columns = 512,
        .frames = 960,
        .positions = 16,
        .thickness_mm = 5.0,
        .first_mm = 0.0,
        .last_mm = 75.0,
        .orientation = {1, 0, 0, 0, 1, 0},
    };
    return s;
}

static struct conf_rule rule(const char *name, const char *modality, int quiet_s,
                             int priority)
{
    struct conf_rule r = {.quiet_s = quiet_s, .priority = priority, .analysis_count = 1};
    snprintf(r.name, sizeof(r.name), "%s", name);
    snprintf(r.modality, sizeof(r.modality), "%s", modality);
    snprintf(r.analyses[0], sizeof(r.analyses[0]), "ct_perfusion");
    return r;
}

/** A configuration of these rules that knows the built-in analysis they name. */
static struct conf conf_of(struct conf_rule *rules, size_t count,
                           struct conf_analysis *analysis)
{
    analysis->def = pipeline_find("ct_perfusion");
    assert_non_null(analysis->def);
    return (struct conf){.rules = rules,
                         .rule_count = count,
                         .quiet_s = 60,
                         .analyses = analysis,
                         .analysis_count = 1};
}

static void says_that_no_rule_matches(void **state)
{
    (void)state;
    const struct series_facts s = perfusion_series();
    const struct study_facts study = {.series = &s, .series_count = 1};
    struct conf_rule rules[] = {rule("mr", "MR", 0, 0)};
    struct conf_analysis analysis = {0};
    const struct conf conf = conf_of(rules, 1, &analysis);
    struct rules_decision *d = malloc(sizeof(*d));
    assert_non_null(d);
    rules_decide(&conf, &study, d);
    assert_int_equal(d->count, 0);
    assert_string_equal(d->note, "no rule matches");
    free(d);
}

static void asks_an_analysis_once_and_keeps_the_more_urgent_rule(void **state)
{
    (void)state;
    const struct series_facts s = perfusion_series();
    const struct study_facts study = {.series = &s, .series_count = 1};
    struct conf_rule rules[] = {rule("all", "", 0, 1), rule("stroke", "C?", 0, 100)};
    struct conf_analysis analysis = {0};
    const struct conf conf = conf_of(rules, 2, &analysis);
    struct rules_decision *d = malloc(sizeof(*d));
    assert_non_null(d);
    rules_decide(&conf, &study, d);
    assert_int_equal(d->count, 1);
    assert_string_equal(d->jobs[0].rule->name, "stroke");
    assert_int_equal(d->jobs[0].want.series_count, 1);
    assert_non_null(strstr(d->note, "ct_perfusion applies: "));
    free(d);
}

static void says_why_an_analysis_does_not_apply(void **state)
{
    (void)state;
    struct series_facts s = perfusion_series();
    s.frames = 16; // one time
    const struct study_facts study = {.series = &s, .series_count = 1};
    struct conf_rule rules[] = {rule("all", "", 0, 1)};
    struct conf_analysis analysis = {0};
    const struct conf conf = conf_of(rules, 1, &analysis);
    struct rules_decision *d = malloc(sizeof(*d));
    assert_non_null(d);
    rules_decide(&conf, &study, d);
    assert_int_equal(d->count, 0);
    assert_non_null(strstr(d->note, "ct_perfusion does not apply: "));
    free(d);
}

static void the_shortest_quiet_time_of_the_rules_that_match_counts(void **state)
{
    (void)state;
    const struct series_facts s = perfusion_series();
    const struct study_facts study = {.series = &s, .series_count = 1};
    struct conf_rule rules[] = {rule("a", "MR", 5, 0), rule("b", "CT", 20, 0),
                                rule("c", "ct", 30, 0), rule("d", "CT", 0, 0)};
    struct conf_analysis analysis = {0};
    const struct conf conf = conf_of(rules, 4, &analysis);
    assert_int_equal(rules_quiet_s(&conf, &study), 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_that_no_rule_matches),
        cmocka_unit_test(asks_an_analysis_once_and_keeps_the_more_urgent_rule),
        cmocka_unit_test(says_why_an_analysis_does_not_apply),
        cmocka_unit_test(the_shortest_quiet_time_of_the_rules_that_match_counts),
    };
    return cmocka_run_group_tests_name("rules", tests, NULL, NULL);
}
