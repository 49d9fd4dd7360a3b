#include "tests/unit/test.h"

#include "kernels/morph.h"

#include <stdlib.h>
#include <string.h>

enum { NX = 21, NY = 15 };

static int is_near(const uint8_t *mask, int value, int x, int y, const double r[2])
{
    for (int v = 0; v < NY; v++) {
        for (int u = 0; u < NX; u++) {
            const double a = (u - x) / r[0], b = (v - y) / r[1];
            if (mask[v * NX + u] == value && a * a + b * b <= 1.0 + 1e-9)
                return 1;
        }
    }
    return 0;
}

static void grows_and_shrinks_by_an_ellipse(void **state)
{
    (void)state;
    static const double radius[2] = {3.4, 2.2};
    uint8_t mask[NX * NY], grown[NX * NY], shrunk[NX * NY];
    for (int i = 0; i < NX * NY; i++)
        mask[i] =
            (i % NX - 9) * (i % NX - 9) + (i / NX - 7) * (i / NX - 7) < 20 || i % 83 == 0;
    morph_dilate(mask, NX, NY, radius, grown);
    morph_erode(mask, NX, NY, radius, shrunk);
    for (int i = 0; i < NX * NY; i++) {
        assert_int_equal(grown[i], is_near(mask, 1, i % NX, i / NX, radius));
        assert_int_equal(shrunk[i], !is_near(mask, 0, i % NX, i / NX, radius));
    }
}

static void finds_what_a_wall_encloses_and_not_what_leaks(void **state)
{
    (void)state;
    static const char picture[] = "........."
                                  ".####.###"
                                  ".#xx#.#.."
                                  ".####.###"
                                  ".........";
    uint8_t wall[45], inside[45];
    uint32_t stack[45];
    for (int i = 0; i < 45; i++)
        wall[i] = picture[i] == '#';
    morph_enclosed(wall, 9, 5, stack, inside);
    for (int i = 0; i < 45; i++)
        assert_int_equal(inside[i], picture[i] == 'x');
}

static void counts_the_parts_that_hang_together_by_faces(void **state)
{
    (void)state;
    // A U whose arms meet late, a part that only touches at a corner, a bridge across slices.
    static const char picture[] = "#.#.."
                                  "#.#.."
                                  "###.#"
                                  "...#."
                                  "....."
                                  "....."
                                  "....."
                                  "....#"
                                  "...##"
                                  ".....";
    uint8_t mask[50];
    uint32_t labels[50];
    size_t *sizes = NULL, count = 0;
    for (int i = 0; i < 50; i++)
        mask[i] = picture[i] == '#';
    assert_int_equal(morph_components(mask, 5, 5, 2, labels, &sizes, &count, NULL), 0);
    assert_int_equal(count, 2);
    assert_int_equal(sizes[1], 7);
    assert_int_equal(sizes[2], 5);
    assert_int_equal(labels[2], 1);
    assert_int_equal(labels[14], 2);
    free(sizes);

    assert_int_equal(morph_keep_large(mask, 5, 5, 2, 5, NULL), 0);
    assert_int_equal(mask[14], 1);
    assert_int_equal(morph_keep_largest(mask, 5, 5, 2, NULL), 0);
    assert_int_equal(mask[14], 0);
    assert_int_equal(mask[0], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_and_shrinks_by_an_ellipse),
        cmocka_unit_test(finds_what_a_wall_encloses_and_not_what_leaks),
        cmocka_unit_test(counts_the_parts_that_hang_together_by_faces),
    };
    return cmocka_run_group_tests_name("morph", tests, NULL, NULL);
}
