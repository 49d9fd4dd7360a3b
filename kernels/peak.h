/* peak: what this core can do at most, measured, for shares in reports. */
#ifndef KERNELS_PEAK_H
#define KERNELS_PEAK_H

/** float32 operations a second (a multiply-add is two) of one thread now. Takes about 5 ms. */
double peak_flops(void);

#endif
