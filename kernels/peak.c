#include "kernels/peak.h"

#include "base/clock.h"
#include "kernels/clones.h"

enum { CHAINS = 16, WIDTH = 16, STEPS = 20000, ROUNDS = 5 };

typedef float wide __attribute__((vector_size(WIDTH * sizeof(float))));

/** Independent chains of multiply-adds, as many as it takes to hide their latency. */
KERNEL_CLONES static float spin(float a, float b)
{
    wide chain[CHAINS];
    for (int k = 0; k < CHAINS; k++)
        chain[k] = (wide){0} + (float)k;
    for (int i = 0; i < STEPS; i++) {
#pragma GCC unroll 16
        for (int k = 0; k < CHAINS; k++)
            chain[k] = chain[k] * a + b;
    }
    float sum = 0;
    for (int k = 0; k < CHAINS; k++)
        sum += chain[k][k];
    return sum;
}

double peak_flops(void)
{
    double best = 1;
    volatile float a = 0.5f, b = 1;
    for (int round = 0; round < ROUNDS; round++) {
        const double began = clock_s();
        volatile float keep = spin(a, b);
        (void)keep;
        const double flops = 2.0 * CHAINS * WIDTH * STEPS / (clock_s() - began);
        best = flops > best ? flops : best;
    }
    return best;
}
