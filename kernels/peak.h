/* peak: what this core can do at most, measured, for shares in reports. */
#ifndef KERNELS_PEAK_H
#define KERNELS_PEAK_H

enum peak_kind {
    PEAK_F32,  // fused multiply-adds of the widest vectors there are
    PEAK_BF16, // AVX512_BF16's dot products
    PEAK_INT8, // AVX512_VNNI's dot products
};

/**
 * Operations a second (a multiply-add is two) of one thread now, with vectors; 0 where the
 * processor lacks the instructions. AMX is not measured: with it a share may exceed 1.
 * Takes about 5 ms; any thread.
 */
double peak_ops(enum peak_kind kind);

#endif
