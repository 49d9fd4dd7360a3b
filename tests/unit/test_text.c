#include "tests/unit/test.h"

#include "scp/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The examples of PS3.5 annexes H, I, J and K, and what real files do. */
static void converts_every_character_set(void **state)
{
    (void)state;
    static const struct {
        const char *charset, *text, *expect;
    } cases[] = {
        {"", "Plain^Name", "Plain^Name"},
        {"", "M\xfcller", "Müller"}, // no set named: Latin-1 is what most mean
        {"ISO_IR 6", "M\xfcller", "M?ller"},
        {"ISO_IR 100", "Buc^J\xe9r\xf4me", "Buc^Jérôme"},
        {"ISO_IR 101", "Wa\xb3\xeasa", "Wałęsa"},
        {"ISO_IR 144", "\xbb\xee\xda\x63\xd5\xdc\xd1\xe0\xd3", "Люкcембрг"},
        {"ISO_IR 126", "\xc4\xe9\xef\xed\xf5\xf3\xe9\xef\xf2", "Διονυσιος"},
        {"ISO_IR 127", "\xe2\xc8\xc7\xe6\xea^\xe4\xe6\xd2\xc7\xd1", "قباني^لنزار"},
        {"ISO_IR 138", "\xf9\xf8\xe5\xef^\xe3\xe1\xe5\xf8\xe4", "שרון^דבורה"},
        {"ISO_IR 148",
         "\xc7"
         "avu\xfeo\xf0lu",
         "Çavuşoğlu"},
        {"ISO_IR 166", "\xbb\xc3\xd0", "ประ"},
        {"ISO_IR 192", "Wang^XiaoDong=王^小東", "Wang^XiaoDong=王^小東"},
        {"GB18030", "Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab", "Wang^XiaoDong=王^小东"},
        {"GBK", "\xcd\xf5^\xd0\xa1\xb6\xab", "王^小东"},
        {"ISO_IR 13", "\xd4\xcf\xc0\xde^\xc0\xdb\xb3", "ﾔﾏﾀﾞ^ﾀﾛｳ"},
        {"ISO_IR 13", "ORIGINAL\\PRIMARY", "ORIGINAL\\PRIMARY"}, // no yen signs
        {"\\ISO 2022 IR 87",
         "Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&"
         "\x1b(B",
         "Yamada^Tarou=山田^太郎=やまだ^たろう"},
        {"ISO 2022 IR 13\\ISO 2022 IR 87",
         "\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J=\x1b$B$d$^$@"
         "\x1b("
         "J^\x1b$B$?$m$&\x1b(J",
         "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"},
        {"\\ISO 2022 IR 149",
         "Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)"
         "C\xb1"
         "\xe6\xb5\xbf",
         "Hong^Gildong=洪^吉洞=홍^길동"},
        {"\\ISO 2022 IR 58", "Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab=",
         "Zhang^XiaoDong=张^小东="},
        {"ISO 2022 IR 6\\ISO 2022 IR 100\\ISO 2022 IR 144",
         "Dionysios\\\x1b-Lluxembourg \xbb\xee\xda", "Dionysios\\luxembourg Люк"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char got[260];
        text_to_utf8(cases[i].charset, cases[i].text, strlen(cases[i].text), got,
                     sizeof(got));
        assert_string_equal(got, cases[i].expect);
    }
}

static void replaces_what_makes_no_sense(void **state)
{
    (void)state;
    static const struct {
        const char *charset, *text, *expect;
    } cases[] = {
        {"ISO_IR 192", "a\xff\xc3", "a??"},        // broken, and cut short
        {"ISO_IR 192", "a\xc0\xaf", "a??"},        // overlong
        {"ISO_IR 192", "a\xed\xa0\x80z", "a???z"}, // half a surrogate pair
        {"no such set", "a\xe9", "a?"},
        {"ISO_IR 999999999999999999999999999999999999", "a\xe9", "a?"},
        {"", "a\x1b[31mred", "a[31mred"}, // an escape that is none of DICOM's
        {"", "tab\tbell\aend\x7f", "tab bell end"},
        {"ISO_IR 100",
         "csi\x9b"
         "31m",
         "csi  31m"}, // U+009B steers terminals too
        {"", "  padded  ", "padded"},
        {"", "\x1b", ""},
        {"", "\x1b$", "$"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char got[260];
        text_to_utf8(cases[i].charset, cases[i].text, strlen(cases[i].text), got,
                     sizeof(got));
        assert_string_equal(got, cases[i].expect);
    }
}

static void writes_no_byte_behind_its_room(void **state)
{
    (void)state;
    for (size_t room = 1; room < 12; room++) { // nonsense begins just where the room ends
        char *got = malloc(room), text[40];
        snprintf(text, sizeof(text), "%.*s\xff\xff\xff\xff\xff\xff\xff\xff",
                 (int)room - 1, "abcdefghijkl");
        text_to_utf8("ISO_IR 192", text, strlen(text), got, room);
        assert_int_equal(strlen(got), room - 1);
        assert_null(strchr(got, '?'));
        free(got);
    }
}

static void stops_at_a_nul(void **state)
{
    (void)state;
    char got[16];
    text_to_utf8("", "ab\0cd", 5, got, sizeof(got));
    assert_string_equal(got, "ab");
    text_to_utf8("", "", 0, got, sizeof(got));
    assert_string_equal(got, "");
}

static void cuts_at_a_whole_character(void **state)
{
    (void)state;
    static const char *const charsets[] = {"ISO_IR 192", "ISO_IR 100", "GB18030"};
    static const char *const texts[] = {"é東é東é東", "\xe9\xe9\xe9\xe9\xe9\xe9",
                                        "\xcd\xf5\xcd\xf5"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        for (size_t room = 1; room < 20; room++) {
            char got[20], again[20];
            memset(got, 'z', sizeof(got));
            text_to_utf8(charsets[i], texts[i], strlen(texts[i]), got, room);
            assert_true(strlen(got) < room);
            text_to_utf8("ISO_IR 192", got, strlen(got), again, sizeof(again));
            assert_string_equal(got, again); // is whole UTF-8
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(converts_every_character_set),
        cmocka_unit_test(replaces_what_makes_no_sense),
        cmocka_unit_test(writes_no_byte_behind_its_room),
        cmocka_unit_test(stops_at_a_nul),
        cmocka_unit_test(cuts_at_a_whole_character),
    };
    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
