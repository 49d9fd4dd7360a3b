#include "kernels/half.h"

#include <math.h>
#include <string.h>

static float from_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof(x));
    return x;
}

float half_to_float(uint16_t bits)
{
    const int exponent = (bits >> 10) & 31, fraction = bits & 1023;
    float x;
    if (exponent == 31)
        x = fraction ? NAN : INFINITY;
    else if (exponent == 0)
        x = ldexpf((float)fraction, -24);
    else
        x = ldexpf((float)(fraction + 1024), exponent - 25);
    return bits & 0x8000 ? -x : x;
}

uint16_t half_from_double(double x)
{
    const uint16_t sign = signbit(x) ? 0x8000 : 0;
    const double size = fabs(x);
    if (isnan(x))
        return sign | 0x7e00;
    if (size >= 65520.0) // halfway between the largest number and the next power of two
        return sign | 0x7c00;
    if (size < 0x1p-14)
        return sign | (uint16_t)nearbyint(ldexp(size, 24));

    int exponent;
    const double fraction = frexp(size, &exponent); // in [0.5, 1)
    // A fraction that rounds up to 2048 carries into the exponent, as it should.
    const int steps = (int)nearbyint(ldexp(fraction, 11)) - 1024;
    return (uint16_t)(sign | (((exponent + 14) << 10) + steps));
}

float bf16_to_float(uint16_t bits)
{
    return from_bits((uint32_t)bits << 16);
}

uint16_t bf16_from_float(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof(bits));
    if (isnan(x))
        return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
