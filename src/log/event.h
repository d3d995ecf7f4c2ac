/* log/event.h - one change: who, when, what. Events are the truth; everything else is derived.
 *
 *   seq 17 ts …001Z entity UPDATE posts/p1 version 2 after {…} prev 3 where data/posts/1-…:40
 *   seq 18 ts …001Z rel    CREATE posts/p1 ─author→ users/u7 after {edge data}
 *
 * What `after` holds decides the state, so one event is enough to rebuild its entity:
 *   entity CREATE, UPDATE: the user's document          DELETE soft: the document, hard: nothing
 *   rel    CREATE, UPDATE: the edge's data or nothing   DELETE: nothing
 *   collection UPDATE: its schema (schema/schema.h)
 */
#ifndef PQ_LOG_EVENT_H
#define PQ_LOG_EVENT_H

#include "value/variant.h"

typedef enum pq_target {
  PQ_TARGET_ENTITY = 1,
  PQ_TARGET_REL = 2,
  PQ_TARGET_COLLECTION = 3 /* a schema was set: `after`. Drop, rename: not written yet */
} pq_target;

typedef enum pq_event_op {
  PQ_EVENT_CREATE = 1,
  PQ_EVENT_UPDATE = 2,
  PQ_EVENT_DELETE = 3
} pq_event_op;

/* Slices and values are borrowed from the batch or from decoded columns. Empty slice, missing
 * value or 0 mean "none". */
/* Of an edge. */
enum {
  PQ_ONE_TARGET = 1, /* the only one of its predicate that leaves its from end */
  PQ_ONE_SOURCE = 2  /* the only one of its predicate that enters its to end */
};

typedef struct pq_event {
  uint64_t seq; /* dense per namespace, from 1 */
  int64_t ts;   /* µs since 1970 UTC, equal within a commit, rising between commits */
  pq_target target;
  pq_event_op op;
  pq_slice id;        /* "collection/localId" of the entity, or of the edge's from end */
  pq_slice type;      /* entity: $type; rel: none */
  pq_slice predicate; /* rel */
  pq_slice reverse;   /* rel: name of the reverse direction */
  pq_slice to_id;     /* rel: "collection/localId", or a foreign id */
  uint64_t version;   /* of the entity or edge after the event */
  int64_t created_at; /* of the entity or edge, µs */
  pq_slice created_by;
  pq_slice actor;
  pq_value after;
  pq_value before;   /* only in event files, when the namespace keeps it */
  pq_value metadata; /* caller's note on the change */
  uint64_t txn;      /* 0: a commit of its own */
  uint64_t prev; /* seq of the event before on this entity or edge; 0: none, or already flushed */
  pq_slice where_file; /* file (relative to the namespace) that holds the row this event replaces */
  uint64_t where_row;  /* row number in it; valid when where_file is not empty */
  pq_slice hash;       /* of the last event of a batch: the chain's link (log/chain.h) */
  /* While it is being written: */
  uint32_t unique_kept; /* unique fields that it leaves alone, as bits */
  uint8_t edge_limits;  /* rel: PQ_ONE_… that the schemas ask for */
} pq_event;

/* "CREATE" … and "entity" …; the words of the event files. */
const char *pq_event_op_name(pq_event_op op);
pq_event_op pq_event_op_of(pq_slice word); /* 0: no such word */
const char *pq_target_name(pq_target t);

/* PQ_EINVALID for an event that no reader would accept, its values aside. */
int pq_event_check(pq_cx *cx, const pq_event *e) PQ_MUST_CHECK;

/* The event's public id: a ULID of its ts and seq, so that text order is seq order. `out` has room
 * for PQ_ULID_LEN + 1 bytes. */
void pq_event_ulid(const pq_event *e, char *out);
/* The seq in such an id, in either case. False, *seq 0: it is none. */
bool pq_event_seq_of_ulid(pq_slice text, uint64_t *seq);
/* The time in what has a seq: µs, of a millisecond. */
int64_t pq_event_ts_of_ulid(pq_slice text);

/* Collection part and local part of an id: split at the first '/'. False without one. */
bool pq_id_split(pq_slice id, pq_slice *collection, pq_slice *local);

/* A foreign id, of an entity in another namespace: NAMESPACE/COLLECTION/LOCAL-ID. No id of the
 * namespace itself has two '/'. */
bool pq_id_is_foreign(pq_slice id);
/* Its namespace, and the id there. False, both empty: it is none. */
bool pq_id_split_foreign(pq_slice id, pq_slice *ns, pq_slice *there);

#endif
