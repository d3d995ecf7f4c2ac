/* test/sim/sim_digest.c - stands in for src/codec/digest.c: a digest that every build has, so that
 * the bytes of a run, and with them its trace, are the same in WebAssembly, which has no libsodium.
 *
 * Four FNV-1a sums of the bytes, each begun differently: enough to tell changed bytes, and quick.
 */
#include <string.h>

#include "codec/digest.h"

enum { SUMS = PQ_DIGEST_LEN / 8 };

bool pq_digest_is_there(void) {
  return true;
}

void pq_digest_init(pq_digest *d) {
  for (int i = 0; i < SUMS; i++)
    pq_wr64(d->state + 8 * i, 0xcbf29ce484222325u + (uint64_t)i);
}

void pq_digest_add(pq_digest *d, pq_slice bytes) {
  for (int i = 0; i < SUMS; i++) {
    uint64_t sum = pq_rd64(d->state + 8 * i);
    for (size_t j = 0; j < bytes.n; j++)
      sum = (sum ^ bytes.p[j]) * 0x100000001b3u;
    pq_wr64(d->state + 8 * i, sum);
  }
}

void pq_digest_end(pq_digest *d, uint8_t out[PQ_DIGEST_LEN]) {
  memcpy(out, d->state, PQ_DIGEST_LEN);
}
