/* db/pending.h - bulk writes that no entry has adopted yet: their rows of the hot tier, in memory.
 *
 *   seq   1 ──── 40   41 ── 47   48 ───────── 1047   1048 ── 1050   1051 ───── 2050
 *         files of    tail:      bulk write:         tail           bulk write
 *         the entry   overlay    files               overlay        files
 *         └─ filed ─┘            └──── filed ────┘                  └── filed ──┘
 *
 * The documents and events of a bulk write stand in files from the beginning: the manifest knows
 * them (pq_manifest_add_pending), a view sees them when its instant is at or after the last event
 * of the write. The overlay knows none of the ids as of that event, so what it says of one is
 * later, and hides the row as it hides any other. A flush ends at the first bulk write that is
 * pending, or at the last of those that follow it with no tail between, and its entry adds their
 * files: nothing is encoded again.
 */
#ifndef PQ_DB_PENDING_H
#define PQ_DB_PENDING_H

#include "codec/digest.h"
#include "log/bulk_record.h"

/* So many are no longer few: a flush adopts the first. Each is a row to read when the namespace is
 * opened, and an entry to write when it is adopted. */
enum { PQ_PENDING_MAX = 8 };

typedef struct pq_pending {
  uint64_t seq_lo, seq_hi;
  int64_t ts;
  uint8_t link[PQ_DIGEST_LEN]; /* of its last event; zeros: no hashes */
  bool has_columns;            /* it chose columns, which its entry has to note */
} pq_pending;

/* In seq order. */
typedef struct pq_pendings {
  pq_pending *items; /* owned */
  uint32_t count, cap;
} pq_pendings;

struct pq_space;
struct pq_flush;
struct pq_op;

void pq_pendings_release(pq_cx *cx, pq_pendings *p);
/* Room for one more, so that pq_pendings_add cannot fail. */
int pq_pendings_reserve(pq_cx *cx, pq_pendings *p) PQ_MUST_CHECK;
void pq_pendings_add(pq_pendings *p, const pq_pending *item);
/* Those up to `seq` are part of an entry. */
void pq_pendings_drop(pq_pendings *p, uint64_t seq);

/* The last event that files have: of the last bulk write, or of the manifest. */
uint64_t pq_space_filed_seq(const struct pq_space *s);
/* Do files have event `seq`? *last: up to which one the answer is the same. */
bool pq_space_is_filed(const struct pq_space *s, uint64_t seq, uint64_t *last);
/* Is `seq` an event of a bulk write that is pending, but not its last one? */
bool pq_space_is_within_bulk(const struct pq_space *s, uint64_t seq);
/* The last event of the last bulk write at or before an instant; 0: none. */
uint64_t pq_space_bulk_seq_at(const struct pq_space *s, int64_t ts);

/* The row of a bulk write, as the hot tier has it: the manifest and `p` know it. */
int pq_space_take_pending(struct pq_space *s, pq_pendings *p, const pq_bulk_record *r,
                          const uint8_t link[PQ_DIGEST_LEN]) PQ_MUST_CHECK;

/* Files of bulk writes whose rows are gone, because the hot tier was lost, are seen no more. */
void pq_space_forget_pending(struct pq_space *s);

/* Have the flush end at the first bulk write, or the last one of a run. */
void pq_flush_bound(struct pq_flush *f);
/* The files of these bulk writes become the flush's, as stored ones, and its columns notes. */
int pq_flush_adopt(struct pq_flush *f, struct pq_op *op) PQ_MUST_CHECK;

#endif
