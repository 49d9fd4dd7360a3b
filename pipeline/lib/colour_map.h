/*
 * colour_map: from a value to a colour. Knows neither pages nor units.
 */
#ifndef PIPELINE_LIB_COLOUR_MAP_H
#define PIPELINE_LIB_COLOUR_MAP_H

#include <stdint.h>

enum colour_map {
    COLOUR_MAP_GREY,
    COLOUR_MAP_RAINBOW,    // of perfusion consoles: black, blue, cyan, green, yellow, red
    COLOUR_MAP_PERCEPTUAL, // black, violet, red, orange, pale yellow: lightness rises evenly
};

/**
 * The colour 0xRRGGBB of share, which is held to 0..1; NAN is taken as 0. Every map is black
 * at 0. Between its stops a map is linear in RGB. Pure, any thread.
 *
 * Source: rainbow: own, after the habit of perfusion consoles. Perceptual: nine samples of
 * matplotlib's "inferno" (van der Walt and Smith 2015, CC0), the first made black.
 */
uint32_t colour_map_at(enum colour_map map, double share);

#endif
