/*
 * js: values to write and to read as JSON (RFC 8259). The door to jansson.
 *
 * A struct js is a reference-counted value. Setters take ownership of the value that they
 * are given, also when they fail; a value of NULL counts as "no memory" and is passed on, so
 * that a tree can be built without a check at each step: js_write_*() fails in the end.
 */
#ifndef BASE_JS_H
#define BASE_JS_H

#include "base/auto.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct err;
struct js;

struct js *js_object(void);
struct js *js_array(void);
struct js *js_string(const char *text); // invalid UTF-8 is replaced by '?'
struct js *js_int(int64_t value);
struct js *js_real(double value); // not finite: null
struct js *js_bool(bool value);
struct js *js_ref(struct js *js);
void js_destroy(struct js *js);

/** Set key of object; a value of NULL, or no memory, marks the object broken. */
void js_set(struct js *object, const char *key, struct js *value);
void js_set_string(struct js *object, const char *key, const char *text);
void js_set_int(struct js *object, const char *key, int64_t value);
void js_set_real(struct js *object, const char *key, double value);
void js_set_bool(struct js *object, const char *key, bool value);
/** Append value to array. */
void js_add(struct js *array, struct js *value);

/** Members: NULL, "", 0, false when absent or of another type. Borrowed. */
const struct js *js_get(const struct js *object, const char *key);
const char *js_get_string(const struct js *object, const char *key);
int64_t js_get_int(const struct js *object, const char *key);
double js_get_real(const struct js *object, const char *key);
bool js_get_bool(const struct js *object, const char *key);
/** Key i of object in the order of the text, or NULL. */
const char *js_key(const struct js *object, size_t i);
size_t js_count(const struct js *array);
const struct js *js_at(const struct js *array, size_t i);
const char *js_text(const struct js *js); // of a string, else ""
double js_number(const struct js *js);    // of a number, else 0

/** As text, to be freed with free(); is_pretty: indented by two. Errors: ERR_NOMEM. */
int js_write(const struct js *js, bool is_pretty, char **ret, struct err *err);
/** To the file at path, atomically. Errors: ERR_IO, ERR_NOMEM. */
int js_write_file(const struct js *js, const char *path, struct err *err);
/** Errors: ERR_FORMAT, with line and column; ERR_NOMEM. */
int js_parse(const char *text, size_t size, struct js **ret, struct err *err);

AUTO_DEFINE(js)

#ifdef __cplusplus
}
#endif
#endif
