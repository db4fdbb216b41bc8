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

#if defined(__x86_64__) && defined(__GNUC__)
#define HAS_AVX2
static inline int has_avx2(void) { return __builtin_cpu_supports("avx2"); }
#endif

#endif
