/* conf_table: prints the table of the configuration as JSON: what tools/make-conf-docs and
 * tests/golden/test_documents.py hold the documents to. */
#include "base/err.h"
#include "base/js.h"
#include "pipeline/pipeline.h"
#include "src/conf_keys.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const TYPES[] = {"text", "int", "real", "bool", "names", "reals"};

/* A whole number as one: js writes reals with fewer digits than a size in bytes has. */
static void set_number(struct js *js, const char *name, double value)
{
    if (value == nearbyint(value))
        js_set_int(js, name, llrint(value));
    else
        js_set_real(js, name, value);
}

static struct js *key_js(const struct settings_key *key)
{
    struct js *js = js_object();
    js_set_string(js, "name", key->name);
    js_set_string(js, "type", TYPES[key->type]);
    if (key->type == SETTINGS_TEXT && key->text)
        js_set_string(js, "initial", key->text);
    else if (key->type != SETTINGS_TEXT && key->type != SETTINGS_NAMES)
        set_number(js, "initial", key->number);
    set_number(js, "lo", key->lo);
    set_number(js, "hi", key->hi);
    js_set_string(js, "unit", key->unit);
    js_set_string(js, "help", key->help);
    return js;
}

static struct js *section_js(const struct settings_section *section)
{
    struct js *js = js_object(), *keys = js_array();
    js_set_string(js, "name", section->name);
    js_set_bool(js, "is_list", section->is_list);
    for (const struct settings_key *key = section->keys; key->name; key++)
        js_add(keys, key_js(key));
    js_set(js, "keys", keys);
    return js;
}

static struct js *analyses_js(void)
{
    struct js *list = js_array();
    for (size_t i = 0; pipeline_table[i]; i++) {
        struct js *js = js_object();
        js_set_string(js, "name", pipeline_table[i]->name);
        js_set_string(js, "title", pipeline_table[i]->title);
        js_set_string(js, "summary", pipeline_table[i]->summary);
        js_add(list, js);
    }
    return list;
}

int main(void)
{
    struct err err = {0};
    auto_(conf_keys) struct conf_keys *keys = NULL;
    if (conf_keys_create(&keys, &err) < 0) {
        fprintf(stderr, "conf_table: %s\n", err.text);
        return 1;
    }
    auto_(js) struct js *js = js_object();
    struct js *sections = js_array();
    for (const struct settings_section *s = conf_keys_sections(keys); s->name; s++)
        js_add(sections, section_js(s));
    js_set(js, "sections", sections);
    js_set(js, "analyses", analyses_js());

    char *text = NULL;
    if (js_write(js, true, &text, &err) < 0) {
        fprintf(stderr, "conf_table: %s\n", err.text);
        return 1;
    }
    puts(text);
    free(text);
    return 0;
}
