/*
 * half: 16-bit floats to float and back, rounding to nearest even.
 *
 * Source: IEEE 754-2019 binary16; bfloat16 is the upper half of binary32.
 */
#ifndef KERNELS_HALF_H
#define KERNELS_HALF_H

#include <stdint.h>

/** binary16 to float, exact. */
float half_to_float(uint16_t bits);
/** double to binary16 with one rounding; beyond the range to infinity, NaN stays NaN. */
uint16_t half_from_double(double x);
/** bfloat16 to float, exact. */
float bf16_to_float(uint16_t bits);
/** float to bfloat16; NaN stays NaN. */
uint16_t bf16_from_float(float x);

#endif
