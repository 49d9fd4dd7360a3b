/*
 * json: values to write and to read as JSON (RFC 8259). The door to jansson.
 *
 * A struct json is a reference-counted value. Setters take ownership of the value that they
 * are given, also when they fail; a value of NULL counts as "no memory" and is passed on, so
 * that a tree can be built without a check at each step: json_write_*() fails in the end.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/auto.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct err;
struct json;

struct json *json_object(void);
struct json *json_array(void);
struct json *json_string(const char *text); // invalid UTF-8 is replaced by '?'
struct json *json_int(int64_t value);
struct json *json_real(double value); // not finite: null
struct json *json_bool(bool value);
struct json *json_ref(struct json *json);
void json_destroy(struct json *json);

/** Set key of object; a value of NULL, or no memory, marks the object broken. */
void json_set(struct json *object, const char *key, struct json *value);
void json_set_string(struct json *object, const char *key, const char *text);
void json_set_int(struct json *object, const char *key, int64_t value);
void json_set_real(struct json *object, const char *key, double value);
void json_set_bool(struct json *object, const char *key, bool value);
/** Append value to array. */
void json_add(struct json *array, struct json *value);

/** Members: NULL, "", 0, false when absent or of another type. Borrowed. */
const struct json *json_get(const struct json *object, const char *key);
const char *json_get_string(const struct json *object, const char *key);
int64_t json_get_int(const struct json *object, const char *key);
double json_get_real(const struct json *object, const char *key);
bool json_get_bool(const struct json *object, const char *key);
size_t json_count(const struct json *array);
const struct json *json_at(const struct json *array, size_t i);
const char *json_text(const struct json *json); // of a string, else ""

/** As text, to be freed with free(); is_pretty: indented by two. Errors: ERR_NOMEM. */
int json_write(const struct json *json, bool is_pretty, char **ret, struct err *err);
/** To the file at path, atomically. Errors: ERR_IO, ERR_NOMEM. */
int json_write_file(const struct json *json, const char *path, struct err *err);
/** Errors: ERR_FORMAT, with line and column; ERR_NOMEM. */
int json_parse(const char *text, size_t size, struct json **ret, struct err *err);

AUTO_DEFINE(json)

#ifdef __cplusplus
}
#endif
#endif
