#include "scp/text.h"

#include <errno.h>
#include <iconv.h>
#include <stdbool.h>
#include <string.h>

enum { ESC = 0x1b, TEXT_MAX = 1024 };

struct term {
    const char *name; // as in SpecificCharacterSet, without "ISO_IR " or "ISO 2022 IR "
    const char *iconv;
};

// PS3.3 tables C.12-2 to C.12-5. A multi-byte set begins in its single-byte part. CP932 is
// JIS X 0201 with the backslash where DICOM needs it, between values, and no yen sign.
static const struct term TERMS[] = {
    {"6", "ASCII"},        {"100", "ISO-8859-1"},  {"101", "ISO-8859-2"},
    {"109", "ISO-8859-3"}, {"110", "ISO-8859-4"},  {"144", "ISO-8859-5"},
    {"127", "ISO-8859-6"}, {"126", "ISO-8859-7"},  {"138", "ISO-8859-8"},
    {"148", "ISO-8859-9"}, {"203", "ISO-8859-15"}, {"13", "CP932"},
    {"166", "TIS-620"},    {"192", "UTF-8"},       {"87", "ASCII"},
    {"159", "ASCII"},      {"149", "EUC-KR"},      {"58", "GB2312"},
};

struct escape {
    const char *sequence; // after ESC
    const char *iconv;
    bool is_kept; // the converter wants to see the escape itself
};

static const struct escape ESCAPES[] = {
    {"(B", "ASCII", false},         {"(J", "CP932", false},
    {")I", "CP932", false},         {"$B", "ISO-2022-JP", true},
    {"$(D", "ISO-2022-JP-1", true}, {"$)C", "EUC-KR", false},
    {"$)A", "GB2312", false},       {"-A", "ISO-8859-1", false},
    {"-B", "ISO-8859-2", false},    {"-C", "ISO-8859-3", false},
    {"-D", "ISO-8859-4", false},    {"-L", "ISO-8859-5", false},
    {"-G", "ISO-8859-6", false},    {"-F", "ISO-8859-7", false},
    {"-H", "ISO-8859-8", false},    {"-M", "ISO-8859-9", false},
    {"-T", "TIS-620", false},
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* The converter that the first value of charset names. */
static const char *first_set(const char *charset)
{
    char name[32] = "";
    size_t n = strcspn(charset, "\\");
    while (n > 0 && charset[n - 1] == ' ')
        n--;
    if (n >= sizeof(name))
        return "ASCII";
    memcpy(name, charset, n);

    if (strcmp(name, "GB18030") == 0 || strcmp(name, "GBK") == 0)
        return strcmp(name, "GBK") == 0 ? "GBK" : "GB18030";
    const char *number = strrchr(name, ' ');
    number = number ? number + 1 : name;
    for (size_t i = 0; i < COUNT(TERMS); i++) {
        if (strcmp(TERMS[i].name, number) == 0)
            return TERMS[i].iconv;
    }
    return n == 0 ? "ISO-8859-1" : "ASCII"; // no set named: what most such bytes are
}

static const struct escape *escape_at(const char *text, size_t size)
{
    for (size_t i = 0; i < COUNT(ESCAPES); i++) {
        const size_t n = strlen(ESCAPES[i].sequence);
        if (size >= n && memcmp(text, ESCAPES[i].sequence, n) == 0)
            return &ESCAPES[i];
    }
    return NULL;
}

/* Convert a run that lies in one set; gives the bytes written. */
static size_t convert(const char *set, const char *text, size_t size, char *ret,
                      size_t room)
{
    char *in = (char *)(size_t)text, *out = ret;
    size_t out_left = room;
    iconv_t cd = iconv_open("UTF-8", set);

    while (size > 0 && out_left > 0) {
        if (cd != (iconv_t)-1 && iconv(cd, &in, &size, &out, &out_left) != (size_t)-1)
            break;
        if (out_left == 0 || (cd != (iconv_t)-1 && errno == E2BIG))
            break; // iconv may have filled it before it met what makes no sense
        *out++ = cd == (iconv_t)-1 && (unsigned char)*in < 0x80 ? *in : '?';
        out_left--;
        in++;
        size--;
    }
    if (cd != (iconv_t)-1)
        iconv_close(cd);
    return (size_t)(out - ret);
}

/* Control characters of ASCII, and U+0080..U+009F, which terminals obey as well. */
static void tidy(char *text)
{
    for (unsigned char *c = (unsigned char *)text; *c; c++) {
        if (*c < 0x20 || *c == 0x7f)
            *c = ' ';
        if (*c == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0)
            c[0] = c[1] = ' ';
    }
    size_t n = strlen(text);
    while (n > 0 && text[n - 1] == ' ')
        text[--n] = '\0';
    const size_t lead = strspn(text, " ");
    memmove(text, text + lead, n - lead + 1);
}

void text_to_utf8(const char *charset, const char *text, size_t size, char *ret,
                  size_t room)
{
    const char *set = first_set(charset ? charset : "");
    size_t at = 0, n = 0;
    size = size < TEXT_MAX ? strnlen(text, size) : strnlen(text, TEXT_MAX);

    while (at < size && n + 1 < room) {
        size_t start = at;
        if (text[at] == ESC) {
            const struct escape *e = escape_at(text + at + 1, size - at - 1);
            set = e ? e->iconv : "ASCII";
            at += 1 + (e ? strlen(e->sequence) : 0);
            start = e && e->is_kept ? start : at;
        }
        while (at < size && text[at] != ESC)
            at++;
        n += convert(set, text + start, at - start, ret + n, room - 1 - n);
    }
    ret[n] = '\0';
    tidy(ret);
}
