/* cmd/refs.h - which entities are linked from other namespaces (doc/decisions/0042).
 *
 *   commit in 'default': posts/p1 ─author→ tenant-7/users/u7, seq 41
 *      └─ durable ─► '_system', refs: {$id: HASH-HASH, fromNs: "default", from: "posts/p1",
 *                    predicate: "author", toNs: "tenant-7", to: "users/u7", reverse: "author_of",
 *                    seq: 41, deleted: false}
 *
 * The namespace of the source has the truth. A record follows it, and is written only over one with
 * a lower seq: so records may come in any order, twice, or never, until {"refs": "rebuild"}. Its id
 * is that of the target and that of the edge: records of one target stand together, sorted by $id.
 */
#ifndef PQ_CMD_REFS_H
#define PQ_CMD_REFS_H

#include "base/buf.h"
#include "cmd/far.h"

#define PQ_REFS "refs"

/* What a record says. */
typedef struct pq_ref {
  pq_slice from_ns, from, predicate, reverse;
  pq_slice to; /* a foreign id */
  uint64_t seq;
  bool is_deleted;
} pq_ref;

enum { PQ_REF_ID_LEN = 64 };
/* The local id of a record; NUL-terminated. */
void pq_ref_id(const pq_ref *r, char out[PQ_REF_ID_LEN + 1]);

/* A command for '_system' whose summary has the namespaces with links to a foreign id as "values";
 * `has_deleted`: those that had some, too. */
int pq_refs_put_question(pq_buf *out, pq_slice to, bool has_deleted) PQ_MUST_CHECK;
/* A command for '_system' that writes the records, each unless it has a later one, and removes
 * those with these local ids. */
int pq_refs_put_writes(pq_buf *out, const pq_ref *refs, uint32_t count, const pq_slice *wrong,
                       uint32_t wrong_count) PQ_MUST_CHECK;

/* Edges of a stored commit that lead to other namespaces: write their records in stages, in
 * commands of their own, then go on with `after`. A failure is not the command's: its summary says
 * refs: "behind". */
bool pq_refs_are_due(const pq_command *c);
void pq_refs_begin(pq_command *c, pq_stage_fn after);
/* `refs` into the summary, if there is something to say. */
int pq_refs_put(pq_command *c) PQ_MUST_CHECK;

#endif
