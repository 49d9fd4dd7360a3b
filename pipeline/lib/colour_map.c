#include "pipeline/lib/colour_map.h"

#include <math.h>
#include <stddef.h>

struct stop {
    double share;
    uint32_t rgb;
};

#define STOPS_MAX 9

static const struct stop MAPS[][STOPS_MAX] = {
    [COLOUR_MAP_GREY] = {{0, 0x000000}, {1, 0xffffff}},
    [COLOUR_MAP_RAINBOW] = {{0, 0x000000},
                            {0.06, 0x10105a},
                            {0.16, 0x1230e0},
                            {0.34, 0x00c8f0},
                            {0.50, 0x10d040},
                            {0.68, 0xf0f000},
                            {0.84, 0xff8000},
                            {1, 0xf00000}},
    [COLOUR_MAP_PERCEPTUAL] = {{0, 0x000000},
                               {0.125, 0x210c4a},
                               {0.25, 0x57106e},
                               {0.375, 0x8a226a},
                               {0.5, 0xbc3754},
                               {0.625, 0xe45a31},
                               {0.75, 0xf98e09},
                               {0.875, 0xf9cb35},
                               {1, 0xfcffa4}},
};

static uint32_t mix(uint32_t from, uint32_t to, double share)
{
    uint32_t rgb = 0;
    for (int shift = 0; shift <= 16; shift += 8) {
        double a = from >> shift & 255;
        double b = to >> shift & 255;
        rgb |= (uint32_t)lround(a + (b - a) * share) << shift;
    }
    return rgb;
}

uint32_t colour_map_at(enum colour_map map, double share)
{
    const struct stop *stop = MAPS[map];
    if (!(share > 0))
        return stop[0].rgb;

    for (size_t i = 1; i < STOPS_MAX && stop[i].share > 0; i++) {
        if (share < stop[i].share)
            return mix(stop[i - 1].rgb, stop[i].rgb,
                       (share - stop[i - 1].share) / (stop[i].share - stop[i - 1].share));
        if (stop[i].share >= 1)
            return stop[i].rgb;
    }
    return stop[0].rgb;
}
