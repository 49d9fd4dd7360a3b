/*
 * settings: a configuration file checked against a table of what may stand in it. The door
 * to libconfig.
 *
 * A file is sections of keys, `node = { port = 11112 }`, and lists of groups,
 * `rules = ( { name = "stroke" }, ... )`. The table says for each key its type, default,
 * unit and range; everything else is refused, with file, line, key and what was expected.
 */
#ifndef BASE_SETTINGS_H
#define BASE_SETTINGS_H

#include "base/auto.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct settings;

enum settings_type {
    SETTINGS_TEXT,
    SETTINGS_INT,
    SETTINGS_REAL,
    SETTINGS_BOOL,
    SETTINGS_NAMES,
    SETTINGS_REALS // one number, or some in brackets
};

/** One key of a section; a table ends with name NULL. A key named "*" lets keys stand that the
 * table does not have: notes for people, which are not read. */
struct settings_key {
    const char *name;
    enum settings_type type;
    const char *text; // default of SETTINGS_TEXT; NULL: must be given
    double number;    // default of the others (bool: 0 or 1)
    double lo, hi;    // range of numbers; of texts and names: most characters is hi
    const char *unit; // "s", "bytes", "" for none
    const char *help; // one line for conf/hilum.conf and the man page
};

/** A section: a group, or a list of groups when is_list. A table ends with name NULL. */
struct settings_section {
    const char *name; // "node", "analysis.ct_perfusion"
    bool is_list;
    const struct settings_key *keys;
};

/**
 * Read and check the file at path against sections.
 *
 * Errors: ERR_NOTFOUND, ERR_IO; ERR_CONFIG "path:line: node.port: 99999 is not in 1..65535";
 * ERR_NOMEM.
 */
int settings_read(const char *path, const struct settings_section *sections,
                  struct settings **ret, struct err *err);
/** The same from text; name stands for the file in errors. */
int settings_parse(const char *text, const char *name,
                   const struct settings_section *sections, struct settings **ret,
                   struct err *err);
void settings_destroy(struct settings *settings);

/** Groups in the list section; 1 for a section that is no list. */
size_t settings_count(const struct settings *settings, const char *section);

/* The value of key in group i (0 for a section that is no list), or its default. Texts are
 * borrowed. Asking for what the table does not have is a bug (asserted). */
const char *settings_text(const struct settings *settings, const char *section, size_t i,
                          const char *key);
int64_t settings_int(const struct settings *settings, const char *section, size_t i,
                     const char *key);
double settings_real(const struct settings *settings, const char *section, size_t i,
                     const char *key);
bool settings_bool(const struct settings *settings, const char *section, size_t i,
                   const char *key);
/** Names in a SETTINGS_NAMES key, and one of them. */
size_t settings_names(const struct settings *settings, const char *section, size_t i,
                      const char *key);
const char *settings_name(const struct settings *settings, const char *section, size_t i,
                          const char *key, size_t n);

/** Numbers in a SETTINGS_REALS key, and one of them. */
size_t settings_reals(const struct settings *settings, const char *section, size_t i,
                      const char *key);
double settings_real_at(const struct settings *settings, const char *section, size_t i,
                        const char *key, size_t n);

/** "path:line: section.key" of a key as given (or of its group), for cross checks. */
void settings_where(const struct settings *settings, const char *section, size_t i,
                    const char *key, char *ret, size_t size);

AUTO_DEFINE(settings)

#endif
