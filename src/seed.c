#include "src/seed.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

void seed_draw(char ret[SEED_TEXT])
{
    unsigned char bits[16];
    if (getrandom(bits, sizeof(bits), 0) != sizeof(bits))
        abort(); // never for 16 bytes once the kernel has booted
    for (int i = 0; i < 16; i++)
        snprintf(ret + 2 * i, 3, "%02x", bits[i]);
}
