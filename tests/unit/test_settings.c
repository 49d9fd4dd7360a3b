#include "tests/unit/test.h"

#include "base/err.h"
#include "base/file.h"
#include "base/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct settings_key NODE[] = {
    {"title", SETTINGS_TEXT, "HILUM", 0, 0, 8, "", ""},
    {"port", SETTINGS_INT, NULL, 104, 1, 65535, "", ""},
    {"wait_s", SETTINGS_INT, NULL, 60, 1, 3600, "s", ""},
    {"bytes", SETTINGS_INT, NULL, 1, 0, 1099511627776, "bytes", ""},
    {"share", SETTINGS_REAL, NULL, 0.5, 0, 1, "", ""},
    {"is_open", SETTINGS_BOOL, NULL, 1, 0, 1, "", ""},
    {NULL, SETTINGS_TEXT, NULL, 0, 0, 0, NULL, NULL},
};
static const struct settings_key RULES[] = {
    {"name", SETTINGS_TEXT, NULL, 0, 0, 16, "", ""},
    {"to", SETTINGS_NAMES, NULL, 0, 0, 4, "", ""},
    {NULL, SETTINGS_TEXT, NULL, 0, 0, 0, NULL, NULL},
};
static const struct settings_key NOTES[] = {
    {"spacing", SETTINGS_REALS, NULL, 2, 0, 10, "mm", ""},
    {"*", SETTINGS_TEXT, "", 0, 0, 0, "", ""},
    {NULL, SETTINGS_TEXT, NULL, 0, 0, 0, NULL, NULL},
};
static const struct settings_section SECTIONS[] = {
    {"notes", false, NOTES},       {"node", false, NODE}, {"rules", true, RULES},
    {"analysis.one", false, NODE}, {NULL, false, NULL},
};

static void gives_defaults_for_an_empty_file(void **state)
{
    (void)state;
    auto_(settings) struct settings *s = NULL;
    assert_int_equal(settings_parse("", "f", SECTIONS, &s, NULL), 0);
    assert_string_equal(settings_text(s, "node", 0, "title"), "HILUM");
    assert_int_equal(settings_int(s, "node", 0, "port"), 104);
    assert_true(settings_real(s, "analysis.one", 0, "share") == 0.5);
    assert_true(settings_bool(s, "node", 0, "is_open"));
    assert_int_equal(settings_count(s, "node"), 1);
    assert_int_equal(settings_count(s, "rules"), 0);
}

static void gives_what_stands_in_the_file(void **state)
{
    (void)state;
    static const char text[] =
        "# a comment\n"
        "node = { title = \"A\"; port = 0x10; bytes = 1099511627776L; share = 1;"
        " is_open = false }\n"
        "analysis: { one: { share: 0.25, wait_s = 2 } }\n"
        "rules = ( { name = \"r1\"; to = [\"a\", \"b\"] }, { name = \"r2\" } )\n";
    auto_(settings) struct settings *s = NULL;
    struct err err = {0};
    if (settings_parse(text, "f", SECTIONS, &s, &err) < 0)
        fail_msg("%s", err.text);
    assert_string_equal(settings_text(s, "node", 0, "title"), "A");
    assert_int_equal(settings_int(s, "node", 0, "port"), 16);
    assert_int_equal(settings_int(s, "node", 0, "bytes"), 1099511627776);
    assert_true(settings_real(s, "node", 0, "share") == 1.0);
    assert_false(settings_bool(s, "node", 0, "is_open"));
    assert_true(settings_real(s, "analysis.one", 0, "share") == 0.25);
    assert_int_equal(settings_int(s, "analysis.one", 0, "wait_s"), 2);
    assert_int_equal(settings_count(s, "rules"), 2);
    assert_int_equal(settings_names(s, "rules", 0, "to"), 2);
    assert_string_equal(settings_name(s, "rules", 0, "to", 1), "b");
    assert_int_equal(settings_names(s, "rules", 1, "to"), 0);
    assert_string_equal(settings_text(s, "rules", 1, "name"), "r2");
}

static void lets_notes_stand_and_reads_rows_of_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t count;
        double first, last;
    } cases[] = {
        {"notes = { }", 1, 2, 2},
        {"notes = { spacing = 3; }", 1, 3, 3},
        {"notes = { spacing = 1.5; whatever = ( { a = 1; } ); }", 1, 1.5, 1.5},
        {"notes = { spacing = [1.5, 0.5, 0.25]; }", 3, 1.5, 0.25},
        {"notes = { spacing = (5, 0.5); also = \"x\"; }", 2, 5, 0.5},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        auto_(settings) struct settings *s = NULL;
        assert_int_equal(settings_parse(cases[i].text, "f", SECTIONS, &s, NULL), 0);
        const size_t count = settings_reals(s, "notes", 0, "spacing");
        assert_int_equal(count, cases[i].count);
        assert_true(settings_real_at(s, "notes", 0, "spacing", 0) == cases[i].first);
        assert_true(settings_real_at(s, "notes", 0, "spacing", count - 1)
                    == cases[i].last);
    }
}

static void names_file_line_key_and_what_was_expected(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expect;
    } cases[] = {
        {"node = {\n port = 70000 }", "f:2: node.port: 70000 is not in 1..65535"},
        {"node = {\n port = 0 }", "f:2: node.port: 0 is not in 1..65535"},
        {"node = {\n\n port = \"104\" }", "f:3: node.port: a whole number was expected"},
        {"node = { port = 1.5 }", "f:1: node.port: a whole number was expected"},
        {"node = { wait_s = true }",
         "f:1: node.wait_s: a whole number was expected of s"},
        {"node = { wait_s = 0 }", "f:1: node.wait_s: 0 is not in 1..3600 s"},
        {"node = { share = \"x\" }", "f:1: node.share: a number was expected"},
        {"node = { share = 1.5 }", "f:1: node.share: 1.5 is not in 0..1"},
        {"node = { bytes = -1 }", "f:1: node.bytes: -1 is not in 0..1099511627776 bytes"},
        {"node = { is_open = 1 }", "f:1: node.is_open: true or false was expected"},
        {"node = { title = 1 }", "f:1: node.title: a text in \"quotes\" was expected"},
        {"node = { title = \"123456789\" }",
         "f:1: node.title: at most 8 characters were expected"},
        {"node = { prt = 1 }", "f:1: node.prt: unknown key (did you mean port?)"},
        {"node = { quite_other = 1 }", "f:1: node.quite_other: unknown key"},
        {"node = ( )", "f:1: node: a group was expected: { key = value }"},
        {"node = 5", "f:1: node: a group was expected"},
        {"notes = { spacing = [1, 11] }", "f:1: notes.spacing: 11 is not in 0..10 mm"},
        {"notes = { spacing = [] }", "f:1: notes.spacing: at least one number"},
        {"notes = { spacing = \"a\" }", "f:1: notes.spacing: a number was expected"},
        {"nod = { }", "f:1: nod: unknown section"},
        {"port = 1", "f:1: port: unknown section"},
        {"analysis = { two = { } }", "f:1: analysis.two: unknown section"},
        {"analysis = { one = { share = 2 } }",
         "f:1: analysis.one.share: 2 is not in 0..1"},
        {"analysis = 5", "f:1: analysis: "},
        {"rules = { }", "f:1: rules: a list of groups was expected: ( { }, { } )"},
        {"rules = ( 5 )", "f:1: rules: a group was expected"},
        {"rules = (\n { to = [\"a\"] } )", "f:2: rules.name: must be given"},
        {"rules = ( { name = \"a\"; to = \"b\" } )",
         "f:1: rules.to: names in brackets were expected"},
        {"rules = ( { name = \"a\"; to = [1] } )",
         "f:1: rules.to: a text in \"quotes\" was expected"},
        {"rules = ( { name = \"a\"; to = [\"12345\"] } )",
         "f:1: rules.to: at most 4 characters were expected"},
        {"node = {\n port = 1\n port = 2 }", "f:3: duplicate setting name"},
        {"node = {\n port 1 }", "f:2: syntax error"},
        {"node = {", "f:1: syntax error"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct settings *s = NULL;
        struct err err = {0};
        assert_int_equal(settings_parse(cases[i].text, "f", SECTIONS, &s, &err),
                         ERR_CONFIG);
        assert_null(s);
        if (strncmp(err.text, cases[i].expect, strlen(cases[i].expect)) != 0)
            fail_msg("\"%s\"\nexpected \"%s\"", err.text, cases[i].expect);
    }
}

static void knows_where_a_key_stands(void **state)
{
    (void)state;
    char where[100];
    auto_(settings) struct settings *s = NULL;
    assert_int_equal(
        settings_parse("rules = (\n {\n name = \"a\" } )", "f", SECTIONS, &s, NULL), 0);
    settings_where(s, "rules", 0, "name", where, sizeof(where));
    assert_string_equal(where, "f:3: rules.name");
    settings_where(s, "rules", 0, "to", where, sizeof(where)); // of its group
    assert_string_equal(where, "f:2: rules.to");
    settings_where(s, "node", 0, "port", where, sizeof(where));
    assert_string_equal(where, "f:0: node.port");
}

static void reads_files_without_nul_and_of_bounded_size(void **state)
{
    (void)state;
    char path[] = "/tmp/hilum-settings-XXXXXX";
    close(mkstemp(path));
    struct settings *s = NULL;
    struct err err = {0};
    assert_int_equal(file_write(path, "node = { port = 1 }", 19, NULL), 0);
    assert_int_equal(settings_read(path, SECTIONS, &s, &err), 0);
    settings_destroy(s);
    s = NULL;
    assert_int_equal(file_write(path, "node = { }\0 junk", 16, NULL), 0);
    assert_int_equal(settings_read(path, SECTIONS, &s, &err), ERR_CONFIG);
    assert_non_null(strstr(err.text, "a NUL in the text"));
    assert_int_equal(truncate(path, 5 << 20), 0);
    assert_int_equal(settings_read(path, SECTIONS, &s, &err), ERR_LIMIT);
    unlink(path);
    assert_int_equal(settings_read(path, SECTIONS, &s, &err), ERR_NOTFOUND);
    assert_null(s);
}

static void survives_every_cut_and_every_odd_byte(void **state)
{
    (void)state;
    static const char whole[] = "node = { title = \"A\"; port = 10 }\n"
                                "rules = ( { name = \"r\"; to = [\"a\"] } )";
    for (size_t at = 0; at < strlen(whole); at++) {
        static const char odd[] = "{}()[];=\"\\x9-.\n\x01\xff";
        for (size_t i = 0; i < sizeof(odd); i++) { // its NUL cuts
            char text[sizeof(whole)];
            struct settings *s = NULL;
            memcpy(text, whole, sizeof(whole));
            text[at] = odd[i];
            const int r = settings_parse(text, "f", SECTIONS, &s, NULL);
            assert_true(r == 0 || (r == ERR_CONFIG && !s));
            settings_destroy(s);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_defaults_for_an_empty_file),
        cmocka_unit_test(gives_what_stands_in_the_file),
        cmocka_unit_test(lets_notes_stand_and_reads_rows_of_numbers),
        cmocka_unit_test(names_file_line_key_and_what_was_expected),
        cmocka_unit_test(knows_where_a_key_stands),
        cmocka_unit_test(reads_files_without_nul_and_of_bounded_size),
        cmocka_unit_test(survives_every_cut_and_every_odd_byte),
    };
    return cmocka_run_group_tests_name("settings", tests, NULL, NULL);
}
