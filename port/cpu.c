/* port/cpu.c - see cpu.h. On x86-64 the compiler's own function asks the processor, and whether
 * the system saves the wide registers. A WebAssembly module has SIMD128 or cannot be loaded, so
 * there the compiler knows. */
#include "port/cpu.h"

#include "base/base.h"

unsigned pq_cpu_features(void) {
#if defined(__x86_64__) && defined(__GNUC__)
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("pclmul") ? PQ_CPU_AVX2 : 0;
#elif defined(__wasm_simd128__)
  return PQ_CPU_SIMD128;
#else
  return 0;
#endif
}
