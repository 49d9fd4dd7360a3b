#include "base/settings.h"

#include "base/err.h"
#include "base/file.h"

#include <assert.h>
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libconfig.h>

enum { FILE_BYTES_MAX = 4 << 20, PATH_MAX_CHARS = 200 };

struct settings {
    config_t config;
    const struct settings_section *sections;
    char name[PATH_MAX_CHARS]; // of the file, for errors
};

/* ---- errors ---- */

static int bad(const struct settings *s, const config_setting_t *at, struct err *err,
               const char *where, const char *what)
{
    return err_set(err, ERR_CONFIG, "%.80s:%d: %.60s: %.90s", s->name,
                   at ? (int)config_setting_source_line(at) : 0, where, what);
}

/* Number of letters to change, insert or drop to make b of a: for "did you mean". */
static size_t distance(const char *a, const char *b)
{
    enum { MAX = 40 };
    size_t row[MAX + 1], na = strlen(a), nb = strlen(b);
    if (na > MAX || nb > MAX)
        return MAX;
    for (size_t j = 0; j <= nb; j++)
        row[j] = j;
    for (size_t i = 1; i <= na; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            const size_t replace = diagonal + (a[i - 1] != b[j - 1]);
            size_t least = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
            diagonal = row[j];
            row[j] = replace < least ? replace : least;
        }
    }
    return row[nb];
}

static void suggest(const struct settings_key *keys, const char *given, char *ret,
                    size_t size)
{
    const char *best = NULL;
    size_t least = 4;
    for (const struct settings_key *k = keys; k->name; k++) {
        const size_t d = distance(given, k->name);
        if (d < least) {
            least = d;
            best = k->name;
        }
    }
    snprintf(ret, size, best ? "unknown key (did you mean %s?)" : "unknown key", best);
}

/* ---- checking ---- */

static const struct settings_key *find_key(const struct settings_key *keys,
                                           const char *name)
{
    for (; keys->name; keys++) {
        if (strcmp(keys->name, name) == 0)
            return keys;
    }
    return NULL;
}

static int check_number(const struct settings *s, const config_setting_t *at,
                        const struct settings_key *key, const char *where,
                        struct err *err)
{
    const int type = config_setting_type(at);
    double value = 0.0;
    char what[120];
    if (type == CONFIG_TYPE_INT)
        value = config_setting_get_int(at);
    else if (type == CONFIG_TYPE_INT64)
        value = (double)config_setting_get_int64(at);
    else if (type == CONFIG_TYPE_FLOAT && key->type != SETTINGS_INT)
        value = config_setting_get_float(at);
    else {
        snprintf(what, sizeof(what), "%s was expected%s%s",
                 key->type == SETTINGS_INT ? "a whole number" : "a number",
                 key->unit[0] ? " of " : "", key->unit);
        return bad(s, at, err, where, what);
    }
    if (value >= key->lo && value <= key->hi)
        return 0;
    snprintf(what, sizeof(what), "%.15g is not in %.15g..%.15g %s", value, key->lo,
             key->hi, key->unit);
    return bad(s, at, err, where, what);
}

static int check_text(const struct settings *s, const config_setting_t *at,
                      const struct settings_key *key, const char *where, struct err *err)
{
    char what[120];
    if (config_setting_type(at) != CONFIG_TYPE_STRING)
        return bad(s, at, err, where, "a text in \"quotes\" was expected");
    if (strlen(config_setting_get_string(at)) <= (size_t)key->hi)
        return 0;
    snprintf(what, sizeof(what), "at most %.0f characters were expected", key->hi);
    return bad(s, at, err, where, what);
}

static int check_names(const struct settings *s, const config_setting_t *at,
                       const struct settings_key *key, const char *where, struct err *err)
{
    if (config_setting_type(at) != CONFIG_TYPE_ARRAY)
        return bad(s, at, err, where, "names in brackets were expected: [\"a\", \"b\"]");
    int r = 0;
    for (int i = 0; r == 0 && i < config_setting_length(at); i++)
        r = check_text(s, config_setting_get_elem(at, (unsigned)i), key, where, err);
    return r;
}

static int check_reals(const struct settings *s, const config_setting_t *at,
                       const struct settings_key *key, const char *where, struct err *err)
{
    if (!config_setting_is_array(at) && !config_setting_is_list(at))
        return check_number(s, at, key, where, err);
    if (config_setting_length(at) == 0)
        return bad(s, at, err, where, "at least one number was expected");
    int r = 0;
    for (int i = 0; r == 0 && i < config_setting_length(at); i++)
        r = check_number(s, config_setting_get_elem(at, (unsigned)i), key, where, err);
    return r;
}

static int check_value(const struct settings *s, const config_setting_t *at,
                       const struct settings_key *key, const char *where, struct err *err)
{
    switch (key->type) {
    case SETTINGS_TEXT:
        return check_text(s, at, key, where, err);
    case SETTINGS_BOOL:
        if (config_setting_type(at) != CONFIG_TYPE_BOOL)
            return bad(s, at, err, where, "true or false was expected");
        return 0;
    case SETTINGS_NAMES:
        return check_names(s, at, key, where, err);
    case SETTINGS_REALS:
        return check_reals(s, at, key, where, err);
    case SETTINGS_INT:
    case SETTINGS_REAL:
    default:
        return check_number(s, at, key, where, err);
    }
}

static int check_group(const struct settings *s, const config_setting_t *group,
                       const struct settings_section *section, struct err *err)
{
    char where[120];
    if (!config_setting_is_group(group))
        return bad(s, group, err, section->name, "a group was expected: { key = value }");

    for (int i = 0; i < config_setting_length(group); i++) {
        const config_setting_t *at = config_setting_get_elem(group, (unsigned)i);
        const char *name = config_setting_name(at);
        const struct settings_key *key = find_key(section->keys, name);
        snprintf(where, sizeof(where), "%s.%s", section->name, name);
        int r;
        if (key) {
            r = check_value(s, at, key, where, err);
        } else if (find_key(section->keys, "*")) {
            r = 0;
        } else {
            char what[100];
            suggest(section->keys, name, what, sizeof(what));
            r = bad(s, at, err, where, what);
        }
        if (r < 0)
            return r;
    }
    for (const struct settings_key *k = section->keys; k->name; k++) {
        snprintf(where, sizeof(where), "%s.%s", section->name, k->name);
        if (k->type == SETTINGS_TEXT && !k->text
            && !config_setting_get_member(group, k->name))
            return bad(s, group, err, where, "must be given");
    }
    return 0;
}

static int check_section(const struct settings *s, const config_setting_t *at,
                         const struct settings_section *section, struct err *err)
{
    if (!section->is_list)
        return check_group(s, at, section, err);
    if (!config_setting_is_list(at))
        return bad(s, at, err, section->name,
                   "a list of groups was expected: ( { }, { } )");
    int r = 0;
    for (int i = 0; r == 0 && i < config_setting_length(at); i++)
        r = check_group(s, config_setting_get_elem(at, (unsigned)i), section, err);
    return r;
}

/* A section "a.b" is the group b in the group a; prefix is "" or "a.". */
static int check_children(const struct settings *s, const config_setting_t *parent,
                          const char *prefix, struct err *err)
{
    for (int i = 0; i < config_setting_length(parent); i++) {
        const config_setting_t *at = config_setting_get_elem(parent, (unsigned)i);
        char name[120];
        snprintf(name, sizeof(name), "%s%s", prefix, config_setting_name(at));
        const size_t n = strlen(name);
        const struct settings_section *found = NULL;
        bool is_prefix = false;
        for (const struct settings_section *k = s->sections; k->name; k++) {
            if (strcmp(k->name, name) == 0)
                found = k;
            is_prefix |= strncmp(k->name, name, n) == 0 && k->name[n] == '.';
        }
        int r;
        if (found) {
            r = check_section(s, at, found, err);
        } else if (is_prefix && prefix[0] == '\0' && config_setting_is_group(at)) {
            snprintf(name + n, sizeof(name) - n, ".");
            r = check_children(s, at, name, err);
        } else {
            r = bad(s, at, err, name, "unknown section");
        }
        if (r < 0)
            return r;
    }
    return 0;
}

/* ---- reading ---- */

/* What lies at text: a comment or a string to step over, else one character. */
static size_t skip_length(const char *text)
{
    if (text[0] == '#' || (text[0] == '/' && text[1] == '/'))
        return strcspn(text, "\n");
    if (text[0] == '/' && text[1] == '*') {
        const char *end = strstr(text + 2, "*/");
        return end ? (size_t)(end + 2 - text) : strlen(text);
    }
    if (text[0] != '"')
        return 1;
    size_t n = 1;
    while (text[n] && text[n] != '"')
        n += text[n] == '\\' && text[n + 1] ? 2 : 1;
    return text[n] ? n + 1 : n;
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '+' || c == '.'
           || c == '*';
}

/*
 * A copy of text in which whole numbers of more than nine digits bear libconfig's L:
 * without it libconfig 1.5 wraps them silently at 32 bits. NULL: no memory.
 */
static char *widen_numbers(const char *text)
{
    char *out = malloc(strlen(text) * 2 + 1), *to = out;
    for (const char *at = text; out && *at;) {
        size_t n = skip_length(at);
        const bool is_start = n == 1 && is_word(*at);
        while (is_start && is_word(at[n]))
            n++;
        memcpy(to, at, n);
        to += n;
        const size_t sign = at[0] == '-' || at[0] == '+';
        if (is_start && n - sign > 9 && strspn(at + sign, "0123456789") == n - sign)
            *to++ = 'L';
        at += n;
    }
    if (out)
        *to = '\0';
    return out;
}

int settings_parse(const char *text, const char *name,
                   const struct settings_section *sections, struct settings **ret,
                   struct err *err)
{
    auto_(settings) struct settings *s = calloc(1, sizeof(*s));
    if (!s)
        return err_set(err, ERR_NOMEM, "settings");
    config_init(&s->config);
    s->sections = sections;
    snprintf(s->name, sizeof(s->name), "%s", name);

    char *wide = widen_numbers(text);
    if (!wide)
        return err_set(err, ERR_NOMEM, "settings");
    const int is_read = config_read_string(&s->config, wide);
    free(wide);
    if (is_read != CONFIG_TRUE)
        return err_set(err, ERR_CONFIG, "%.80s:%d: %.100s", name,
                       config_error_line(&s->config), config_error_text(&s->config));
    const int r = check_children(s, config_root_setting(&s->config), "", err);
    if (r < 0)
        return r;
    *ret = take(s);
    return 0;
}

int settings_read(const char *path, const struct settings_section *sections,
                  struct settings **ret, struct err *err)
{
    char *text = NULL;
    size_t size = 0;
    int r = file_read(path, FILE_BYTES_MAX, &text, &size, err);
    if (r < 0)
        return r;
    r = strlen(text) == size
            ? settings_parse(text, path, sections, ret, err)
            : err_set(err, ERR_CONFIG, "%.200s: a NUL in the text", path);
    free(text);
    return r;
}

void settings_destroy(struct settings *settings)
{
    if (!settings)
        return;
    config_destroy(&settings->config);
    free(settings);
}

/* ---- values ---- */

static const struct settings_section *section_of(const struct settings *s,
                                                 const char *name)
{
    const struct settings_section *k = s->sections;
    while (k->name && strcmp(k->name, name) != 0)
        k++;
    assert(k->name);
    return k;
}

static const config_setting_t *group_of(const struct settings *s, const char *section,
                                        size_t i)
{
    const config_setting_t *at = config_lookup(&s->config, section);
    if (at && section_of(s, section)->is_list)
        at = config_setting_get_elem(at, (unsigned)i);
    return at;
}

static const struct settings_key *key_of(const struct settings *s, const char *section,
                                         const char *key)
{
    const struct settings_key *k = find_key(section_of(s, section)->keys, key);
    assert(k);
    return k;
}

static const config_setting_t *value_of(const struct settings *s, const char *section,
                                        size_t i, const char *key)
{
    const config_setting_t *group = group_of(s, section, i);
    return group ? config_setting_get_member(group, key) : NULL;
}

size_t settings_count(const struct settings *settings, const char *section)
{
    if (!section_of(settings, section)->is_list)
        return 1;
    const config_setting_t *at = config_lookup(&settings->config, section);
    return at ? (size_t)config_setting_length(at) : 0;
}

const char *settings_text(const struct settings *settings, const char *section, size_t i,
                          const char *key)
{
    const struct settings_key *k = key_of(settings, section, key);
    const config_setting_t *at = value_of(settings, section, i, key);
    return at ? config_setting_get_string(at) : k->text ? k->text : "";
}

static double number_of(const config_setting_t *at)
{
    if (config_setting_type(at) == CONFIG_TYPE_FLOAT)
        return config_setting_get_float(at);
    return (double)config_setting_get_int64(at);
}

double settings_real(const struct settings *settings, const char *section, size_t i,
                     const char *key)
{
    const struct settings_key *k = key_of(settings, section, key);
    const config_setting_t *at = value_of(settings, section, i, key);
    return at ? number_of(at) : k->number;
}

size_t settings_reals(const struct settings *settings, const char *section, size_t i,
                      const char *key)
{
    const config_setting_t *at = value_of(settings, section, i, key);
    return at && config_setting_is_aggregate(at) ? (size_t)config_setting_length(at) : 1;
}

double settings_real_at(const struct settings *settings, const char *section, size_t i,
                        const char *key, size_t n)
{
    const config_setting_t *at = value_of(settings, section, i, key);
    return at && config_setting_is_aggregate(at)
               ? number_of(config_setting_get_elem(at, (unsigned)n))
               : settings_real(settings, section, i, key);
}

int64_t settings_int(const struct settings *settings, const char *section, size_t i,
                     const char *key)
{
    return llround(settings_real(settings, section, i, key));
}

bool settings_bool(const struct settings *settings, const char *section, size_t i,
                   const char *key)
{
    const struct settings_key *k = key_of(settings, section, key);
    const config_setting_t *at = value_of(settings, section, i, key);
    return at ? config_setting_get_bool(at) != 0 : k->number != 0.0;
}

size_t settings_names(const struct settings *settings, const char *section, size_t i,
                      const char *key)
{
    const config_setting_t *at = value_of(settings, section, i, key);
    return at ? (size_t)config_setting_length(at) : 0;
}

const char *settings_name(const struct settings *settings, const char *section, size_t i,
                          const char *key, size_t n)
{
    const config_setting_t *at = value_of(settings, section, i, key);
    return config_setting_get_string(config_setting_get_elem(at, (unsigned)n));
}

void settings_where(const struct settings *settings, const char *section, size_t i,
                    const char *key, char *ret, size_t size)
{
    const config_setting_t *at = value_of(settings, section, i, key);
    if (!at)
        at = group_of(settings, section, i);
    snprintf(ret, size, "%.80s:%d: %.60s.%.40s", settings->name,
             at ? (int)config_setting_source_line(at) : 0, section, key);
}
