/* What every kernel begins with. */

#ifndef AUGFLOW_KERNELS_H
#define AUGFLOW_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define KERNEL __declspec(dllexport)
#else
#define KERNEL __attribute__((visibility("default")))
#endif

#if defined(__x86_64__) && defined(__GNUC__) && !defined(PLAIN) /* which a test defines */
#define HAS_AVX2
#include <cpuid.h>

/* Whether processor and system have AVX2; `__builtin_cpu_supports` says no wherever zig compiled it. */
static inline int has_avx2(void) {
    static _Atomic int known = -1; /* virtual machines answer slowly */
    if (known < 0) {
        uint32_t a, b, c, d, kept = 0, high = 0;
        if (__get_cpuid(1, &a, &b, &c, &d) && c & bit_OSXSAVE) __asm__("xgetbv" : "=a"(kept), "=d"(high) : "c"(0));
        known = (kept & 6) == 6 && __get_cpuid_count(7, 0, &a, &b, &c, &d) && b & bit_AVX2;
    }
    return known;
}
#endif

#endif
