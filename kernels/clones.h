/*
 * clones: one function, compiled for several generations of x86-64, chosen when the program loads.
 *
 * The order of every sum is that of the source, so that results do not hang on the thread or the
 * run. Between processors the last bit may differ (fused multiply-add).
 */
#ifndef KERNELS_CLONES_H
#define KERNELS_CLONES_H

// clang 14 lacks the attribute; sanitizers start too late for the loader's choice.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) \
    && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define KERNEL_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define KERNEL_CLONES
#endif

// A piece of such a function, which must be compiled into each of its clones.
#define KERNEL_INLINE static inline __attribute__((always_inline))

#endif
