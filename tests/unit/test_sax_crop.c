#include "tests/unit/test.h"

#include "pipeline/cardiac_cine/sax_crop.h"

#include <math.h>

static void cuts_a_ramp_where_it_lies_and_zero_outside(void **state)
{
    (void)state;
    enum { NX = 40, NY = 30, SIZE = 16 };
    static float image[NX * NY], out[SIZE * SIZE];
    const struct sax_plane plane = {NX, NY, {2.0, 1.5}};
    for (size_t i = 0; i < NX * NY; i++)
        image[i] = (float)(2.0 * (double)(i % NX) + 100.0 * 1.5 * (double)(i / NX));
    const struct sax_crop crop = {SIZE, 1.33, {30.0, 20.0}};
    sax_crop_cut(&crop, &plane, image, out);
    for (size_t i = 0; i < SIZE * SIZE; i++) {
        const double x = 30.0 + ((double)(i % SIZE) - 7.5) * 1.33;
        const double y = 20.0 + ((double)(i / SIZE) - 7.5) * 1.33;
        assert_true(fabs((double)out[i] - (x + 100.0 * y)) < 1e-2);
    }
    const struct sax_crop far = {SIZE, 1.33, {-50.0, 20.0}};
    sax_crop_cut(&far, &plane, image, out);
    for (size_t i = 0; i < SIZE * SIZE; i++)
        assert_true(out[i] == 0.0f);
}

static void normalises_between_percentiles_by_rank(void **state)
{
    (void)state;
    float values[201], work[201];
    for (int i = 0; i < 201; i++)
        values[(i * 37) % 201] = (float)(10 * i);
    sax_crop_normalise(values, 201, 1.0, 99.0, work);
    for (int i = 0; i < 201; i++) { // ranks 2 and 198 of 0..200
        const double expect = fmin(fmax((10.0 * i - 20.0) / 1960.0, 0.0), 1.0);
        assert_true(fabs((double)values[(i * 37) % 201] - expect) < 1e-6);
    }
    float flat[9] = {4, 4, 4, 4, 4, 4, 4, 4, 4};
    sax_crop_normalise(flat, 9, 1.0, 99.0, work);
    for (int i = 0; i < 9; i++)
        assert_true(flat[i] == 0.0f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_a_ramp_where_it_lies_and_zero_outside),
        cmocka_unit_test(normalises_between_percentiles_by_rank),
    };
    return cmocka_run_group_tests_name("sax_crop", tests, NULL, NULL);
}
