#include "tests/unit/test.h"

#include "kernels/median.h"

#include <string.h>

static void finds_the_kth_smallest_among_equals_and_negatives(void **state)
{
    (void)state;
    static const float values[] = {3, -1, 3, 7, 0, 3, -5, 2};
    static const float sorted[] = {-5, -1, 0, 2, 3, 3, 3, 7};
    for (size_t k = 0; k < ARRAY_LEN(values); k++) {
        float v[ARRAY_LEN(values)];
        memcpy(v, values, sizeof(v));
        assert_float_equal(median_kth(v, ARRAY_LEN(v), k), sorted[k], 0.0);
    }
}

static void takes_the_median_of_neighbours_within_the_mask_alone(void **state)
{
    (void)state;
    static const float src[12] = {1, 2, 3, 4, 5, 90, 7, 8, 9, 10, 11, 12};
    static const uint8_t mask[12] = {1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1};
    float dst[12];
    median_plane(src, mask, 4, 3, dst);
    assert_float_equal(dst[5], 7.0f, 0.0);   // of 1 2 3 5 90 7 9 10 11
    assert_float_equal(dst[0], 3.5f, 0.0);   // of 1 2 5 90
    assert_float_equal(dst[7], 8.0f, 0.0);   // off the mask: copied
    assert_float_equal(dst[11], 11.0f, 0.0); // of 7 11 12
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_kth_smallest_among_equals_and_negatives),
        cmocka_unit_test(takes_the_median_of_neighbours_within_the_mask_alone),
    };
    return cmocka_run_group_tests_name("median", tests, NULL, NULL);
}
