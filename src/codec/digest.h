/* codec/digest.h - the cryptographic hash that chains the history: BLAKE2b with 32 bytes.
 *
 *   pq_digest_init(&d) ─► pq_digest_add(&d, bytes) … ─► pq_digest_end(&d, out)
 *
 * The one place where the project hashes against somebody's will; tables and bloom filters use
 * base/hash.h. Nothing is allocated, nothing can fail. A build without the library
 * (PQ_HAVE_SODIUM 0) has no hashes: pq_digest_is_there() is false and the others do nothing.
 */
#ifndef PQ_CODEC_DIGEST_H
#define PQ_CODEC_DIGEST_H

#include "base/base.h"

enum { PQ_DIGEST_LEN = 32, PQ_DIGEST_STATE_LEN = 384, PQ_DIGEST_ALIGN = 64 };

typedef struct pq_digest {
  uint8_t state[PQ_DIGEST_STATE_LEN + PQ_DIGEST_ALIGN]; /* of the library; aligned inside */
} pq_digest;

bool pq_digest_is_there(void);
void pq_digest_init(pq_digest *d);
void pq_digest_add(pq_digest *d, pq_slice bytes);
/* Write PQ_DIGEST_LEN bytes. The digest must be initialised again before it is used. */
void pq_digest_end(pq_digest *d, uint8_t out[PQ_DIGEST_LEN]);

#endif
