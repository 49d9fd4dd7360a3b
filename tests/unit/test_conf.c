#include "tests/unit/test.h"

#include "base/err.h"
#include "base/file.h"
#include "src/conf.h"
#include "src/conf_keys.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[64];

static int setup(void **state)
{
    (void)state;
    strcpy(path, "/tmp/hilum-conf-XXXXXX");
    return close(mkstemp(path));
}

static int teardown(void **state)
{
    (void)state;
    return unlink(path);
}

/* Read that text; "%s" in it stands for the first analysis that there is. */
static int read_text(const char *text, struct conf **ret, struct err *err)
{
    char whole[2000] = "";
    for (const char *mark; (mark = strstr(text, "%s")); text = mark + 2) {
        strncat(whole, text, (size_t)(mark - text));
        strcat(whole, pipeline_table[0] ? pipeline_table[0]->name : "none");
    }
    strcat(whole, text);
    text = whole;
    assert_int_equal(file_write(path, text, strlen(text), NULL), 0);
    return conf_read(path, ret, err);
}

static void has_usable_defaults(void **state)
{
    (void)state;
    auto_(conf) struct conf *c = NULL;
    assert_int_equal(conf_defaults(&c, NULL), 0);
    assert_string_equal(c->path, "");
    assert_string_equal(c->ae_title, "HILUM");
    assert_string_equal(c->address, "127.0.0.1"); // nobody from outside, unless said so
    assert_int_equal(c->port, 11112);
    assert_true(c->check_called_ae);
    assert_int_equal(c->peer_count, 0);
    assert_int_equal(c->nesting_max, 16);
    assert_int_equal(c->instance_bytes_max, (int64_t)2 << 30);
    assert_false(c->accept_private);
    assert_int_equal(c->quiet_s, 60);
    assert_int_equal(c->cap_s, 900);
    assert_int_equal(c->destination_count + c->rule_count, 0);
    assert_null(conf_destination(c, "pacs"));
    for (size_t i = 0; i < c->analysis_count; i++) {
        const struct conf_analysis *a = &c->analyses[i];
        assert_ptr_equal(conf_analysis(c, a->def->name), a);
        for (size_t k = 0; k < a->option_count; k++)
            assert_true(a->options[k].value == a->def->options[k].initial);
    }
}

static void reads_every_section(void **state)
{
    (void)state;
    static const char text[] =
        "node = { ae_title = \"NODE\"; port = 4242; check_called_ae = false }\n"
        "peers = ( { ae_title = \"CT1\"; address = \"10.0.0.1\" }, { ae_title = \"MR\" } "
        ")\n"
        "receive = { receivers = 2; nesting_max = 8 }\n"
        "study = { quiet_s = 5 }\n"
        "work = { workers = 3 }\n"
        "destinations = ( { name = \"pacs\"; ae_title = \"PACS\"; host = \"h\"; port = "
        "104 } "
        ")\n"
        "rules = ( { name = \"stroke\"; modality = \"CT\"; analyses = "
        "[\"%s\"];\n"
        "            destinations = [\"pacs\"]; quiet_s = 20; priority = 10 } )\n";
    auto_(conf) struct conf *c = NULL;
    struct err err = {0};
    if (!pipeline_table[0])
        skip();
    if (read_text(text, &c, &err) < 0)
        fail_msg("%s", err.text);
    assert_string_equal(c->ae_title, "NODE");
    assert_int_equal(c->port, 4242);
    assert_int_equal(c->peer_count, 2);
    assert_string_equal(c->peers[0].address, "10.0.0.1");
    assert_string_equal(c->peers[1].ae_title, "MR");
    assert_int_equal(c->receivers + c->nesting_max + c->quiet_s + c->workers, 18);
    assert_string_equal(conf_destination(c, "pacs")->ae_title, "PACS");
    assert_true(conf_destination(c, "pacs")->attempts_max > 1);
    assert_int_equal(c->rule_count, 1);
    assert_string_equal(c->rules[0].analyses[0], pipeline_table[0]->name);
    assert_string_equal(c->rules[0].destinations[0], "pacs");
    assert_int_equal(c->rules[0].quiet_s + c->rules[0].priority, 30);
}

static void counts_a_relative_state_folder_from_the_file(void **state)
{
    (void)state;
    static const struct {
        const char *given, *expect;
    } cases[] = {{"state", "/tmp/state"}, {"/var/x", "/var/x"}, {"../y", "/tmp/../y"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[80];
        auto_(conf) struct conf *c = NULL;
        snprintf(text, sizeof(text), "node = { state_dir = \"%s\" }", cases[i].given);
        assert_int_equal(read_text(text, &c, NULL), 0);
        assert_string_equal(c->state_dir, cases[i].expect);
    }
}

#define PACS "destinations = ( { name = \"pacs\"; ae_title = \"P\"; host = \"h\" } )\n"

static void checks_what_belongs_together(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expect;
    } cases[] = {
        {"node = { ae_title = \"\" }", ":1: node.ae_title: an AE title of 1..16"},
        {"node = { ae_title = \" A\" }", ":1: node.ae_title: an AE title of 1..16"},
        {"node = { ae_title = \"A\\\\B\" }",
         "without backslash was expected, not \"A\\B\""},
        {"node = { ae_title = \"12345678901234567\" }",
         ":1: node.ae_title: at most 16 characters"},
        {"peers = (\n { ae_title = \"\" } )", ":2: peers.ae_title: an AE title"},
        {"peers = ( { } )", ":1: peers.ae_title: must be given"},
        {"destinations = ( { name = \"a\"; ae_title = \"A\" } )",
         ":1: destinations.host: must be given"},
        {"destinations = ( { name = \"a\"; ae_title = \"A\"; host = \"h\" },\n"
         " { name = \"a\"; ae_title = \"B\"; host = \"h\" } )",
         ":2: destinations.name: a second destination named \"a\""},
        {PACS "rules = ( { name = \"r\"; destinations = [\"pacs\"] } )",
         ":2: rules.analyses: no analysis is named in rule \"r\""},
        {PACS "rules = ( { name = \"r\"; analyses = [\"none\"] } )",
         ":2: rules.analyses: there is no analysis \"none\""},
        {"rules = ( { name = \"r\"; analyses = [\"%s\"]; destinations = "
         "[\"x\"] } )",
         ":1: rules.destinations: there is no destination \"x\""},
        {"node = {\n models = [\"here\"] }",
         ":2: node.models: an absolute path was expected, not \"here\""},
        {"rules = ( { name = \"r\"; analyses = [\"%s\"] },\n"
         " { name = \"r\"; analyses = [\"%s\"] } )",
         ":2: rules.name: a second rule named \"r\""},
        {"rules = ( { name = \"r\"; analyses = [\"a\", \"a\", \"a\", \"a\", \"a\", "
         "\"a\", \"a\", "
         "\"a\", \"a\", \"a\", \"a\", \"a\", \"a\", \"a\", \"a\", \"a\", \"a\"] } )",
         ":1: rules.name: more than 16 names in rule \"r\""},
        {"study = { quiet_s = 100; cap_s = 50 }",
         ":1: study.cap_s: a time was expected of at least \"study.quiet_s\""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct conf *c = NULL;
        struct err err = {0};
        if (strstr(cases[i].text, "%s") && !pipeline_table[0])
            continue;
        assert_int_equal(read_text(cases[i].text, &c, &err), ERR_CONFIG);
        assert_null(c);
        if (!strstr(err.text, cases[i].expect)
            || strncmp(err.text, path, strlen(path)) != 0)
            fail_msg("\"%s\"\nexpected \"%s\"", err.text, cases[i].expect);
    }
}

static void says_that_a_file_is_not_there(void **state)
{
    (void)state;
    struct conf *c = NULL;
    assert_int_equal(conf_read("/no/such/hilum.conf", &c, NULL), ERR_NOTFOUND);
    assert_null(c);
}

/* Every number just outside of its range, and text of one character too many, is refused. */
static void check_bounds(const struct settings_section *section,
                         const struct settings_key *key)
{
    char values[2][300], text[700];
    if (key->type == SETTINGS_TEXT) {
        snprintf(values[0], sizeof(values[0]), "\"%0*d\"", (int)key->hi + 1, 0);
        strcpy(values[1], "1");
    } else if (key->type == SETTINGS_BOOL) {
        strcpy(values[0], "1");
        strcpy(values[1], "\"true\"");
    } else {
        snprintf(values[0], sizeof(values[0]), "%.1f", key->hi + 1);
        snprintf(values[1], sizeof(values[1]), "%.1f", key->lo - 1);
    }
    for (int i = 0; i < 2; i++) {
        const char *dot = strchr(section->name, '.');
        struct conf *c = NULL;
        struct err err = {0};
        snprintf(text, sizeof(text), "%.*s = { %s%s %s = %s %s }\n",
                 dot ? (int)(dot - section->name) : (int)strlen(section->name),
                 section->name, dot ? dot + 1 : "", dot ? " = {" : "", key->name,
                 values[i], dot ? "}" : "");
        if (read_text(text, &c, &err) != ERR_CONFIG || !strstr(err.text, key->name))
            fail_msg("%s: %s", text, err.text);
    }
}

static void bounds_every_key(void **state)
{
    (void)state;
    auto_(conf_keys) struct conf_keys *keys = NULL;
    assert_int_equal(conf_keys_create(&keys, NULL), 0);
    for (const struct settings_section *s = conf_keys_sections(keys); s->name; s++) {
        for (const struct settings_key *k = s->keys; k->name && !s->is_list; k++)
            check_bounds(s, k);
    }
}

static void describes_every_key(void **state)
{
    (void)state;
    auto_(conf_keys) struct conf_keys *keys = NULL;
    assert_int_equal(conf_keys_create(&keys, NULL), 0);
    for (const struct settings_section *s = conf_keys_sections(keys); s->name; s++) {
        for (const struct settings_key *k = s->keys; k->name; k++) {
            assert_non_null(k->unit);
            assert_true(k->help && k->help[0]);
            if (k->type == SETTINGS_INT || k->type == SETTINGS_REAL) {
                assert_true(k->lo <= k->number && k->number <= k->hi);
                if (strstr(k->name, "_s") && !strcmp(strstr(k->name, "_s"), "_s"))
                    assert_string_equal(k->unit, "s");
                if (strstr(k->name, "bytes"))
                    assert_string_equal(
                        k->unit, strstr(k->name, "_per_s") ? "bytes a second" : "bytes");
            }
            if (k->type == SETTINGS_TEXT && k->text)
                assert_true(strlen(k->text) <= (size_t)k->hi);
        }
    }
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(has_usable_defaults),
        TEST(reads_every_section),
        TEST(counts_a_relative_state_folder_from_the_file),
        TEST(checks_what_belongs_together),
        TEST(says_that_a_file_is_not_there),
        TEST(bounds_every_key),
        TEST(describes_every_key),
    };
    return cmocka_run_group_tests_name("conf", tests, NULL, NULL);
}
