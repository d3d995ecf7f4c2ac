/* test/spec/spec_suites.h - the parts of the program `spec` that are written in C. */
#ifndef PQ_TEST_SPEC_SUITES_H
#define PQ_TEST_SPEC_SUITES_H

#include <stdint.h>

/* Random commands against a naive model; one test per seed in [first, first + count). */
void spec_property_run(uint64_t first, uint64_t count, uint64_t *passed, uint64_t *failed);

/* Random histories: revert, diff and replay against reads as of then; one test per seed. */
void spec_travel_run(uint64_t first, uint64_t count, uint64_t *passed, uint64_t *failed);

/* Random graphs: every graph command against the naive graph; one test per seed. */
void spec_graph_run(uint64_t first, uint64_t count, uint64_t *passed, uint64_t *failed);

/* Every command with its n-th allocation, then its n-th request failing, for all n: of each
 * spec_shares commands the spec_share-th (1 of 1 unless told). */
extern uint32_t spec_share, spec_shares;
void spec_faults_run(const char *only, uint64_t *passed, uint64_t *failed);

/* Limits, interleaved commands and other things that no text case can say. */
void spec_direct_run(const char *only, uint64_t *passed, uint64_t *failed);

/* Flushes and compactions a step at a time. */
void spec_steps_run(const char *only, uint64_t *passed, uint64_t *failed);

/* Predicted costs of random reads against what a counting store sees; one test per seed. */
void spec_forecast_run(uint64_t first, uint64_t count, uint64_t *passed, uint64_t *failed);

#endif
