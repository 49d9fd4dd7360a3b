#include "tests/unit/test.h"

#include "base/err.h"
#include "kernels/half.h"
#include "kernels/tensor.h"

#include <math.h>
#include <string.h>

static void refuses_shapes_that_overflow(void **state)
{
    (void)state;
    static const struct tensor cases[] = {
        {.type = TENSOR_F32, .rank = 2, .dim = {INT64_MAX, 2}},
        {.type = TENSOR_F32,
         .rank = 3,
         .dim = {0, INT64_MAX, INT64_MAX}}, // parts overflow
        {.type = TENSOR_F64, .rank = 1, .dim = {(1 << 20) / 8 + 1}},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(tensor_check_bytes(&cases[i], 1 << 20, NULL), ERR_LIMIT);

    const struct tensor negative = {.type = TENSOR_U8, .rank = 1, .dim = {-1}};
    assert_int_equal(tensor_check_bytes(&negative, 1 << 20, NULL), ERR_FORMAT);
    const struct tensor strange = {.type = 8, .rank = 0};
    assert_int_equal(tensor_check_bytes(&strange, 1 << 20, NULL), ERR_UNSUPPORTED);
}

static void stops_at_the_ends_of_a_type(void **state)
{
    (void)state;
    static const struct {
        enum tensor_type type;
        double in, out;
    } cases[] = {
        {TENSOR_U8, 300, 255},        {TENSOR_U8, -1, 0},
        {TENSOR_I8, -129, -128},      {TENSOR_I8, (double)NAN, 0},
        {TENSOR_BOOL, 0.25, 1},       {TENSOR_I64, 1e30, 0x1p63},
        {TENSOR_I32, 1.9, 1},         {TENSOR_U64, 1e30, 0x1p64},
        {TENSOR_F32, 0.5, 0.5},       {TENSOR_F16, 65520, HUGE_VAL},
        {TENSOR_BF16, 1 + 0x1p-9, 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct tensor t = {.type = cases[i].type, .rank = 0};
        double got;
        assert_int_equal(tensor_allocate(&t, NULL), 0);
        tensor_store_f64(&t, 0, 1, &cases[i].in);
        tensor_load_f64(&t, 0, 1, &got);
        assert_true(got == cases[i].out);
        tensor_finish(&t);
    }
}

static void every_half_survives_the_way_to_float_and_back(void **state)
{
    (void)state;
    for (uint32_t bits = 0; bits < 0x10000; bits++) {
        const float x = half_to_float((uint16_t)bits);
        if (isnan(x))
            assert_true(isnan(half_to_float(half_from_double((double)x))));
        else
            assert_int_equal(half_from_double((double)x), bits);
    }
}

static void halves_round_to_even(void **state)
{
    (void)state;
    static const struct {
        double in;
        uint16_t out;
    } cases[] = {
        {1 + 0x1p-11, 0x3c00},     // halfway, down to even
        {1 + 3 * 0x1p-11, 0x3c02}, // halfway, up to even
        {2 - 0x1p-12, 0x4000},     // carries into the exponent
        {0x1p-25, 0x0000},         // half of the smallest
        {0x1.8p-25, 0x0001},
        {0x1p-14 - 0x1p-26,
         0x0400}, // the largest subnormal rounds to the smallest normal
        {-65519.9, 0xfbff},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(half_from_double(cases[i].in), cases[i].out);
    assert_int_equal(bf16_from_float(1 + 0x1p-8f), 0x3f80);
    assert_int_equal(bf16_from_float(1 + 3 * 0x1p-8f), 0x3f82);
}

static void says_what_it_is(void **state)
{
    (void)state;
    char text[40];
    const struct tensor t = {.type = TENSOR_I64, .rank = 3, .dim = {1, -1, 7}};
    tensor_describe(&t, text, sizeof(text));
    assert_string_equal(text, "int64[1,-1,7]");
    const struct tensor open = {.type = TENSOR_F32, .rank = -1};
    tensor_describe(&open, text, sizeof(text));
    assert_string_equal(text, "float[?]");
    tensor_describe(&t, text, 8);
    assert_string_equal(text, "int64[1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_shapes_that_overflow),
        cmocka_unit_test(stops_at_the_ends_of_a_type),
        cmocka_unit_test(every_half_survives_the_way_to_float_and_back),
        cmocka_unit_test(halves_round_to_even),
        cmocka_unit_test(says_what_it_is),
    };
    return cmocka_run_group_tests_name("tensor", tests, NULL, NULL);
}
