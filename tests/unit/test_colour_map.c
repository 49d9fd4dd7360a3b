#include "tests/unit/test.h"

#include "pipeline/lib/colour_map.h"

#include <math.h>
#include <stdlib.h>

static void starts_black_and_ends_in_its_last_colour(void **state)
{
    (void)state;
    static const struct {
        enum colour_map map;
        double share;
        uint32_t expect;
    } cases[] = {
        {COLOUR_MAP_GREY, 0, 0x000000},
        {COLOUR_MAP_GREY, 0.5, 0x808080},
        {COLOUR_MAP_GREY, 1, 0xffffff},
        {COLOUR_MAP_RAINBOW, 0, 0x000000},
        {COLOUR_MAP_RAINBOW, 1, 0xf00000},
        {COLOUR_MAP_PERCEPTUAL, 0, 0x000000},
        {COLOUR_MAP_PERCEPTUAL, 1, 0xfcffa4},
        {COLOUR_MAP_RAINBOW, -3, 0x000000},
        {COLOUR_MAP_RAINBOW, 7, 0xf00000},
        {COLOUR_MAP_PERCEPTUAL, (double)NAN, 0x000000},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(colour_map_at(cases[i].map, cases[i].share), cases[i].expect);
}

static double lightness(uint32_t rgb)
{
    return 0.2126 * (rgb >> 16 & 255) + 0.7152 * (rgb >> 8 & 255) + 0.0722 * (rgb & 255);
}

static void has_no_jumps(void **state)
{
    (void)state;
    for (int map = COLOUR_MAP_GREY; map <= COLOUR_MAP_PERCEPTUAL; map++) {
        for (int i = 1; i <= 1000; i++) {
            uint32_t a = colour_map_at((enum colour_map)map, (i - 1) / 1000.0);
            uint32_t b = colour_map_at((enum colour_map)map, i / 1000.0);
            for (int shift = 0; shift <= 16; shift += 8)
                assert_true(abs((int)(a >> shift & 255) - (int)(b >> shift & 255)) <= 3);
        }
    }
}

static void the_perceptual_map_only_gets_lighter(void **state)
{
    (void)state;
    for (int i = 1; i <= 100; i++)
        assert_true(lightness(colour_map_at(COLOUR_MAP_PERCEPTUAL, i / 100.0))
                    > lightness(colour_map_at(COLOUR_MAP_PERCEPTUAL, (i - 1) / 100.0)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_black_and_ends_in_its_last_colour),
        cmocka_unit_test(has_no_jumps),
        cmocka_unit_test(the_perceptual_map_only_gets_lighter),
    };
    return cmocka_run_group_tests_name("colour_map", tests, NULL, NULL);
}
