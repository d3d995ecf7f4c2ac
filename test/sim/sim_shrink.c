/* test/sim/sim_shrink.c - the smallest story of a seed that still fails.
 *
 *     fails at tick 1180 ─► fewer ticks, by halves ─► without each fault, caller, process in turn
 *                                 ▲                                     │ it still fails: leave out
 *                                 └─────────────────────────────────────┘ until nothing changes
 *
 * A failure is a failure, whichever it is: a smaller one is as welcome.
 */
#include <inttypes.h>
#include <stdio.h>

#include "sim_world.h"

enum { ROUNDS_MAX = 8 };

static const char *const names[SIM_OFF_BITS] = {
    "reads fail",   "short bodies",    "stale lists", "lost puts",    "unheard puts", "late puts",
    "lost commits", "unheard commits", "slow",        "sleep",        "stall",        "clocks",
    "power cuts",   "puts at a crash", "crashes",     "transactions", "processes",    "callers",
    "works",        "schema",          "retention",   "bulk writes",  "copies",       "catalog"};

static bool fails(uint64_t seed, uint32_t ticks, uint32_t off, uint64_t *tick) {
  sim_result r;
  sim_run(seed, &(sim_options){.ticks = ticks, .off = off, .is_quiet = true}, &r);
  if (!r.is_right && r.ticks < *tick) *tick = r.ticks;
  return !r.is_right;
}

static void fewer_ticks(uint64_t seed, uint32_t off, uint32_t *ticks) {
  uint32_t lo = 1, hi = *ticks;
  while (lo < hi) {
    uint32_t mid = lo + (hi - lo) / 2;
    uint64_t tick = mid;
    if (fails(seed, mid, off, &tick))
      hi = tick < lo ? lo : (uint32_t)tick;
    else
      lo = mid + 1;
  }
  *ticks = hi;
}

bool sim_shrink(uint64_t seed) {
  uint64_t tick = SIM_TICKS;
  uint32_t ticks, off = 0, was = 1;
  if (!fails(seed, SIM_TICKS, 0, &tick)) return false;
  ticks = (uint32_t)tick;
  for (int round = 0; round < ROUNDS_MAX && was != off; round++) {
    was = off;
    fewer_ticks(seed, off, &ticks);
    for (uint32_t i = 0; i < SIM_OFF_BITS; i++) {
      tick = ticks;
      if ((off >> i & 1) != 0 || !fails(seed, ticks, off | 1u << i, &tick)) continue;
      off |= 1u << i;
      ticks = (uint32_t)tick;
    }
  }
  printf("seed %" PRIu64 " fails within %u ticks; it needs:", seed, (unsigned)ticks);
  for (uint32_t i = 0; i < SIM_OFF_BITS; i++)
    if ((off >> i & 1) == 0) printf(" [%s]", names[i]);
  printf("\nits story: sim trace %" PRIu64 " %u %u\n", seed, (unsigned)ticks, (unsigned)off);
  return true;
}
