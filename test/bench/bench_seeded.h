/* test/bench/bench_seeded.h - what the seeded documents of the benchmarks are made of. */
#ifndef PQ_BENCH_SEEDED_H
#define PQ_BENCH_SEEDED_H

#include <stdint.h>

enum { BENCH_LANGS = 20 };

static const char *const bench_langs[BENCH_LANGS] = {"en", "es", "pt", "de", "fr", "it", "ja",
                                                     "zh", "ru", "ar", "hi", "tr", "ko", "nl",
                                                     "pl", "sv", "fi", "da", "cs", "el"};

/* The i-th random number of a seed (splitmix64). */
static inline uint64_t bench_mix(uint64_t seed, uint64_t i) {
  uint64_t x = (i + 1) * 0x9e3779b97f4a7c15u ^ seed * 0xbf58476d1ce4e5b9u;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
  x = (x ^ x >> 27) * 0x94d049bb133111ebu;
  return x ^ x >> 31;
}

#endif
