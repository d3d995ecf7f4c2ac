/* codec/digest.c - BLAKE2b of libsodium. See digest.h; why this one: doc/decisions. */
#include "codec/digest.h"

#include <string.h>

#ifndef PQ_HAVE_SODIUM
#define PQ_HAVE_SODIUM 0
#endif

#if PQ_HAVE_SODIUM
#include <sodium/crypto_generichash.h>

_Static_assert(sizeof(crypto_generichash_state) <= PQ_DIGEST_STATE_LEN, "the state has room");
_Static_assert((int)PQ_DIGEST_LEN == (int)crypto_generichash_BYTES, "32 bytes");

/* The library wants its state at a multiple of 64. A pq_digest may stand anywhere, but must not
 * move between init and end. */
static crypto_generichash_state *state_of(pq_digest *d) {
  uintptr_t at = (uintptr_t)d->state;
  uintptr_t gap = (PQ_DIGEST_ALIGN - at % PQ_DIGEST_ALIGN) % PQ_DIGEST_ALIGN;
  return (crypto_generichash_state *)(void *)(d->state + gap);
}

bool pq_digest_is_there(void) {
  return true;
}

/* The calls return failures only for a length or key that is not ours. */
void pq_digest_init(pq_digest *d) {
  (void)crypto_generichash_init(state_of(d), NULL, 0, PQ_DIGEST_LEN);
}

void pq_digest_add(pq_digest *d, pq_slice bytes) {
  if (bytes.n > 0) (void)crypto_generichash_update(state_of(d), bytes.p, bytes.n);
}

void pq_digest_end(pq_digest *d, uint8_t out[PQ_DIGEST_LEN]) {
  (void)crypto_generichash_final(state_of(d), out, PQ_DIGEST_LEN);
}

#else

bool pq_digest_is_there(void) {
  return false;
}

void pq_digest_init(pq_digest *d) {
  (void)d;
}

void pq_digest_add(pq_digest *d, pq_slice bytes) {
  (void)d;
  (void)bytes;
}

void pq_digest_end(pq_digest *d, uint8_t out[PQ_DIGEST_LEN]) {
  (void)d;
  memset(out, 0, PQ_DIGEST_LEN);
}

#endif
