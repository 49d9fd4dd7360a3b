#include "pipeline/cardiac_cine/sax_normal.h"

#include <stddef.h>
#include <string.h>

const struct sax_normal *sax_normal_of(const char *name)
{
    static const struct sax_normal ALL[] = {
        {"lv_edv", {166, 124}, {32, 21}},   {"lv_esv", {69, 49}, {16, 11}},
        {"lv_sv", {96, 75}, {20, 14}},      {"lv_ef", {58, 61}, {5, 5}},
        {"lv_mass", {103, 70}, {21, 13}},   {"lv_edv_index", {85, 74}, {15, 12}},
        {"lv_esv_index", {36, 29}, {8, 6}}, {"lv_mass_index", {53, 42}, {9, 7}},
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
