/* test/sim/sim_random.h - random numbers that a seed decides, and nothing else. */
#ifndef PQ_TEST_SIM_RANDOM_H
#define PQ_TEST_SIM_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

typedef struct sim_random {
  uint64_t state;
} sim_random;

/* splitmix64 */
static inline uint64_t sim_random_next(sim_random *r) {
  uint64_t z = r->state += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

/* 0 … n - 1; n is at least 1. */
static inline uint32_t sim_below(sim_random *r, uint32_t n) {
  return (uint32_t)(sim_random_next(r) % n);
}

static inline bool sim_chance(sim_random *r, uint32_t per_mille) {
  return sim_below(r, 1000) < per_mille;
}

#endif
