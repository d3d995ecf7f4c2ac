/* db/chain_link.c - the newest link of the hash chain at a seq (log/chain.h).
 *
 *   files: … e40 L1 │ tail: e41 … e47 L2, e48 … e60 L3      at 60: L3   at 50: L2   at 40: L1
 *          the newest entry's `hash` is L1                  nothing at or before: zeros
 */
#include <string.h>

#include "db/space_int.h"

void pq_space_link_at(const pq_space *s, uint64_t seq, uint8_t out[PQ_DIGEST_LEN]) {
  const pq_overlay *o = s->overlay;
  const pq_pending *bulk = NULL;
  for (uint32_t i = 0; i < s->pendings.count && s->pendings.items[i].seq_hi <= seq; i++)
    bulk = &s->pendings.items[i];
  for (uint32_t i = o->version_count; i > 0; i--) {
    const pq_event *e = &o->versions[i - 1].event;
    if (bulk != NULL && e->seq < bulk->seq_hi) break;
    if (e->seq > seq || e->hash.n != PQ_DIGEST_LEN) continue;
    memcpy(out, e->hash.p, PQ_DIGEST_LEN);
    return;
  }
  if (bulk != NULL)
    memcpy(out, bulk->link, PQ_DIGEST_LEN);
  else
    (void)pq_link_parse(s->manifest.hash, out); /* none: zeros */
}
