#include "base/js.h"

#include "base/err.h"
#include "base/file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

/* Member that marks an object as having lost one to lack of memory: no caller uses it. */
#define BROKEN "\x01"

static json_t *in(const struct js *js)
{
    return (json_t *)(uintptr_t)js;
}

static struct js *out(json_t *value)
{
    return (struct js *)value;
}

struct js *js_object(void)
{
    return out(json_object());
}

struct js *js_array(void)
{
    return out(json_array());
}

struct js *js_string(const char *text)
{
    json_t *value = json_string(text);
    if (value)
        return out(value);

    // Not UTF-8 (or no memory): keep what is ASCII.
    char *plain = strdup(text);
    if (!plain)
        return NULL;
    for (char *c = plain; *c; c++) {
        if ((unsigned char)*c >= 0x80)
            *c = '?';
    }
    value = json_string(plain);
    free(plain);
    return out(value);
}

struct js *js_int(int64_t value)
{
    return out(json_integer(value));
}

struct js *js_real(double value)
{
    return out(isfinite(value) ? json_real(value) : json_null());
}

struct js *js_bool(bool value)
{
    return out(json_boolean(value));
}

struct js *js_ref(struct js *js)
{
    return out(json_incref(in(js)));
}

void js_destroy(struct js *js)
{
    json_decref(in(js));
}

static void mark_broken(struct js *js)
{
    if (json_is_object(in(js)))
        json_object_set_new(in(js), BROKEN, json_true());
    else
        json_array_append_new(in(js), json_pack("{s:b}", BROKEN, 1));
}

void js_set(struct js *object, const char *key, struct js *value)
{
    if (json_object_set_new(in(object), key, in(value)) != 0)
        mark_broken(object);
}

void js_set_string(struct js *object, const char *key, const char *text)
{
    js_set(object, key, js_string(text));
}

void js_set_int(struct js *object, const char *key, int64_t value)
{
    js_set(object, key, js_int(value));
}

void js_set_real(struct js *object, const char *key, double value)
{
    js_set(object, key, js_real(value));
}

void js_set_bool(struct js *object, const char *key, bool value)
{
    js_set(object, key, js_bool(value));
}

void js_add(struct js *array, struct js *value)
{
    if (json_array_append_new(in(array), in(value)) != 0)
        mark_broken(array);
}

const struct js *js_get(const struct js *object, const char *key)
{
    return out(json_object_get(in(object), key));
}

const char *js_get_string(const struct js *object, const char *key)
{
    return js_text(js_get(object, key));
}

int64_t js_get_int(const struct js *object, const char *key)
{
    return json_integer_value(in(js_get(object, key)));
}

double js_get_real(const struct js *object, const char *key)
{
    return json_number_value(in(js_get(object, key)));
}

bool js_get_bool(const struct js *object, const char *key)
{
    return json_is_true(in(js_get(object, key)));
}

size_t js_count(const struct js *array)
{
    return json_array_size(in(array));
}

const struct js *js_at(const struct js *array, size_t i)
{
    return out(json_array_get(in(array), i));
}

const char *js_key(const struct js *object, size_t i)
{
    const char *key;
    json_t *value;
    size_t at = 0;
    json_object_foreach(in(object), key, value)
    {
        if (at++ == i)
            return key;
    }
    return NULL;
}

double js_number(const struct js *js)
{
    return json_number_value(in(js));
}

const char *js_text(const struct js *js)
{
    const char *text = json_string_value(in(js));
    return text ? text : "";
}

static bool is_broken(const json_t *value)
{
    const char *key;
    json_t *member;
    size_t i;

    if (!value)
        return true;
    if (json_is_object(value)) {
        json_object_foreach((json_t *)(uintptr_t)value, key, member)
        {
            if (strcmp(key, BROKEN) == 0 || is_broken(member))
                return true;
        }
    }
    json_array_foreach(value, i, member)
    {
        if (is_broken(member))
            return true;
    }
    return false;
}

int js_write(const struct js *js, bool is_pretty, char **ret, struct err *err)
{
    if (is_broken(in(js)))
        return err_set(err, ERR_NOMEM, "JSON text");

    const size_t flags = JSON_REAL_PRECISION(10) | JSON_ENCODE_ANY
                         | (is_pretty ? JSON_INDENT(2) : JSON_COMPACT);
    char *text = json_dumps(in(js), flags);
    if (!text)
        return err_set(err, ERR_NOMEM, "JSON text");
    *ret = text;
    return 0;
}

int js_write_file(const struct js *js, const char *path, struct err *err)
{
    char *text = NULL;
    int r = js_write(js, true, &text, err);
    if (r == 0)
        r = file_write(path, text, strlen(text), err);
    free(text);
    return r;
}

int js_parse(const char *text, size_t size, struct js **ret, struct err *err)
{
    json_error_t error;
    json_t *value =
        json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (!value)
        return err_set(err, ERR_FORMAT, "JSON, line %d, column %d: %.100s", error.line,
                       error.column, error.text);
    *ret = out(value);
    return 0;
}
