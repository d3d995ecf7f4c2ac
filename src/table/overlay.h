/* table/overlay.h - the ordered in-memory effect of the events after a manifest.
 *
 *   versions:  [e17 posts/p1 CREATE] [e18 posts/p2 CREATE] [e19 posts/p1 UPDATE] …   in seq order
 *                     ▲                                          │older
 *                     └──────────────────────────────────────────┘
 *   keys:      posts/p1 → newest e19      posts/p2 → newest e18      p1 ─author→ u7 → newest e20
 *              hash table on the key; chains per collection, per file, per from end, per to end
 *
 *   An event of a collection (its schema) has the collection's name as key, and is in no chain. A
 *   file's chain are the entities whose first event replaces a row of it.
 *
 *   chain of posts:   p1 ─► p2 ─► [p1 again]      places of an entity that was deleted hard and
 *                     gone         since e31      made again: it stands at the last one <= seq
 *
 * It keeps versions by seq: a reader at sequence S takes a key's newest version with seq <= S, so
 * one overlay serves all readers until the flush that replaces it. The present's tail and an
 * as-of view's events between a manifest and S are the same structure.
 *
 * Events borrow from memory that the overlay owns (batches it took) or that outlives it.
 */
#ifndef PQ_TABLE_OVERLAY_H
#define PQ_TABLE_OVERLAY_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/hash.h"
#include "log/event.h"

#define PQ_NONE UINT32_MAX

typedef struct pq_version {
  pq_event event;
  uint32_t key;
  uint32_t older; /* version of the same key before this one, or PQ_NONE */
} pq_version;

typedef struct pq_overlay_key {
  uint32_t newest;  /* version */
  uint32_t first;   /* version: the first one after the manifest */
  uint32_t next;    /* entities: next spot of the collection; edges: next with the same from */
  uint32_t next_to; /* edges: next with the same to; entities: next of the same file */
  uint32_t place;   /* entities: the newest other place, or PQ_NONE */
  pq_target target;
  uint64_t hash;
} pq_overlay_key;

/* Where an entity stands in its collection since it was made again. What is in the chain of a
 * collection, a spot, is the number of a key or, with this bit, that of a place. */
#define PQ_SPOT_PLACE 0x80000000u

typedef struct pq_overlay_place {
  uint32_t version; /* it stands here since then */
  uint32_t newer;   /* its next place; of the newest: the oldest */
  uint32_t next;    /* next spot of the collection */
} pq_overlay_place;

/* A chain of keys: entities of a collection, or whose row is in a file, edges out of or into an
 * entity. */
typedef struct pq_overlay_chain {
  pq_slice name;              /* collection name, file name or entity id */
  uint32_t head, tail, count; /* keys; of a collection spots */
  bool has_other_keys;        /* some document had an _id that is not that of its entity's id */
} pq_overlay_chain;

typedef struct pq_chains {
  pq_overlay_chain *items; /* owned */
  uint32_t count, cap;
  pq_table by_name;
} pq_chains;

/* A batch that the overlay took: the bytes that events borrow from. */
typedef struct pq_overlay_batch {
  pq_buf raw; /* owned */
  uint64_t seq_lo;
  uint32_t count;
  uint64_t mark; /* what the loader knows it by; 0: nothing */
} pq_overlay_batch;

/* What a higher layer has derived from an overlay and keeps with it. */
typedef struct pq_derived {
  void (*free)(struct pq_derived *d); /* the overlay holds it no more */
} pq_derived;

typedef struct pq_overlay {
  pq_cx *cx;
  pq_version *versions; /* owned, in seq order */
  uint32_t version_count, version_cap;
  pq_overlay_key *keys; /* owned */
  uint32_t key_count, key_cap;
  pq_overlay_place *places; /* owned */
  uint32_t place_count, place_cap;
  pq_table by_key;
  pq_chains collections, from, to;
  pq_chains files; /* by `where_file` of a key's first event; empty: no hint, but there is a row */
  pq_overlay_batch *batches; /* owned, in seq order */
  uint32_t batch_count, batch_cap;
  uint64_t held_len; /* bytes of memory, roughly, and the same on every machine */
  uint64_t base_seq; /* of a tail: it begins behind this event. UINT64_MAX: in the making */
  /* Not NULL: called for the first event of an entity that has a row somewhere, to give it the hint
   * that it lacks (a flush knows) or a better one (a compaction). */
  void (*place)(void *ud, pq_event *e);
  void *place_ud;
  pq_derived *derived;   /* owned; NULL: nothing. No part of its copies */
  pq_derived *by_value;  /* the same, of keys that no two have (table/tail_keys.h) */
  bool is_partial;       /* it has the events of one entity and of collections only */
  uint32_t reader_count; /* a tail's: snapshots that hold it (db/snapshot.c) */
} pq_overlay;

void pq_overlay_init(pq_overlay *o, pq_cx *cx);
void pq_overlay_release(pq_overlay *o);
/* Of an empty one: room for so many events of as many keys, exactly. */
int pq_overlay_expect(pq_overlay *o, uint32_t count) PQ_MUST_CHECK;

/* Add an event; seq must rise. Borrows from *e's memory. PQ_ENOMEM, PQ_ELIMIT. */
int pq_overlay_add(pq_overlay *o, const pq_event *e) PQ_MUST_CHECK;

/* Take the raw bytes of a batch (log/batch.h) and add its events with seq > `seq_after`. On
 * failure the overlay may hold a part of them: release it. `raw` is taken either way. */
int pq_overlay_add_batch(pq_overlay *o, pq_buf *raw, uint64_t seq_lo, uint32_t count,
                         uint64_t seq_after) PQ_MUST_CHECK;
/* The same for a batch that this process just encoded, all of it: its values are not checked. */
int pq_overlay_add_own(pq_overlay *o, pq_buf *raw, uint64_t seq_lo, uint32_t count) PQ_MUST_CHECK;

/* The same as pq_overlay_add_batch for events of the entity `only` and of collections: the overlay
 * is partial from then on. `raw` is taken if there are any, else it is left as it is. */
int pq_overlay_add_only(pq_overlay *o, pq_buf *raw, uint64_t seq_lo, uint32_t count,
                        uint64_t seq_after, pq_slice only) PQ_MUST_CHECK;

/* Make `out`, which is initialised and empty, the part of `o` behind `seq`, which is the last event
 * of one of its batches. With `is_last` nobody reads `o` any more and its bytes move, so that it is
 * only good for release; else they are copied. On failure `o` is as it was: release `out`. */
int pq_overlay_take_after(pq_overlay *out, pq_overlay *o, uint64_t seq, bool is_last) PQ_MUST_CHECK;

/* Make `out`, which is initialised and empty, the same, with bytes of its own; `place` is asked. */
int pq_overlay_copy(pq_overlay *out, const pq_overlay *o) PQ_MUST_CHECK;

/* How many of its events, which begin with the oldest, are at or before `seq`. */
uint32_t pq_overlay_count(const pq_overlay *o, uint64_t seq);

/* The newest event of an entity at or before `seq`, or NULL. */
const pq_event *pq_overlay_entity(const pq_overlay *o, pq_slice id, uint64_t seq);
/* The newest event of a collection itself, its schema, at or before `seq`, or NULL. */
const pq_event *pq_overlay_collection(const pq_overlay *o, pq_slice name, uint64_t seq);
/* The same of an edge. */
const pq_event *pq_overlay_edge(const pq_overlay *o, pq_slice from, pq_slice predicate, pq_slice to,
                                uint64_t seq);
/* The newest event of a key at or before `seq`, or NULL. */
const pq_event *pq_overlay_at(const pq_overlay *o, uint32_t key, uint64_t seq);
/* The event before `e` (an event of this overlay) on the same key, or NULL. */
const pq_event *pq_overlay_before(const pq_overlay *o, const pq_event *e);

/* Has every document of a collection that has an _id the id of it (shred/key_id.h)? At any seq. */
bool pq_overlay_is_keyed(const pq_overlay *o, pq_slice collection);

/* First key of a chain, of a collection its first spot, PQ_NONE if none; go on with keys[k].next
 * (next_to for `to` and files), in a collection with pq_overlay_next(). */
uint32_t pq_chain_first(const pq_chains *c, pq_slice name);

/* The spot of a collection behind one. */
uint32_t pq_overlay_next(const pq_overlay *o, uint32_t spot);
/* The newest event at or before `seq` of the entity that stands at a spot then; NULL: none does. So
 * a walk over all spots meets each entity once, in the order in which they were made. */
const pq_event *pq_overlay_spot(const pq_overlay *o, uint32_t spot, uint64_t seq);

#endif
