#include "pipeline/cardiac_cine/sax_normal.h"

#include <stddef.h>
#include <string.h>

const struct sax_normal *sax_normal_of(const char *name)
{
    static const struct sax_normal ALL[] = {
        {"lv_ef", {58, 61}, {5, 5}},
        {"lv_mass_index", {53, 42}, {9, 7}},
    };
    for (size_t i = 0; i < sizeof(ALL) / sizeof(*ALL); i++) {
        if (strcmp(ALL[i].name, name) == 0)
            return &ALL[i];
    }
    return NULL;
}

void sax_normal_range(const struct sax_normal *normal, bool is_woman, double ret[2])
{
    const int of = is_woman ? 1 : 0;
    ret[0] = normal->mean[of] - 1.96 * normal->sd[of];
    ret[1] = normal->mean[of] + 1.96 * normal->sd[of];
}
