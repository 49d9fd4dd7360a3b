/* A configuration file against the node's own table. */
#include "base/err.h"
#include "base/settings.h"
#include "src/conf_keys.h"
#include "tests/fuzz/fuzz.h"

static void read_all(const struct settings *s, const struct settings_section *section)
{
    char where[200];
    for (size_t i = 0; i < settings_count(s, section->name); i++) {
        for (const struct settings_key *k = section->keys; k->name; k++) {
            settings_where(s, section->name, i, k->name, where, sizeof(where));
            PROMISE(strstr(where, k->name));
            if (k->type == SETTINGS_TEXT) {
                PROMISE(strlen(settings_text(s, section->name, i, k->name))
                        <= (size_t)k->hi);
            } else if (k->type == SETTINGS_NAMES) {
                for (size_t n = settings_names(s, section->name, i, k->name); n > 0; n--)
                    PROMISE(settings_name(s, section->name, i, k->name, n - 1));
            } else if (k->type != SETTINGS_BOOL) {
                const double value = settings_real(s, section->name, i, k->name);
                PROMISE(value >= k->lo && value <= k->hi);
            }
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_(conf_keys) struct conf_keys *keys = NULL;
    auto_(settings) struct settings *s = NULL;
    struct err err = {0};
    char *text = calloc(1, size + 1);
    if (!text || conf_keys_create(&keys, NULL) < 0)
        abort();
    memcpy(text, data, size);
    if (!strstr(text, "@include")) { // reads whatever file it names
        const int r =
            settings_parse(text, "fuzz.conf", conf_keys_sections(keys), &s, &err);
        PROMISE(r == 0 || (r == ERR_CONFIG && strncmp(err.text, "fuzz.conf:", 10) == 0));
    }
    for (const struct settings_section *k = conf_keys_sections(keys); s && k->name; k++)
        read_all(s, k);
    free(text);
    return 0;
}
