/* table/tail.h - the events after a view's manifest, as the view sees them.
 *
 *      own      posts/p1 UPDATE            what the reader's transaction did so far; decides first
 *      overlay  posts/p1 CREATE  posts/p2 CREATE   the tail, or events of a past instant, <= seq
 *      files    …
 *
 * Most views have no `own` layer. Readers of events go through here, so that a transaction sees its
 * own writes wherever anybody sees the tail's.
 */
#ifndef PQ_TABLE_TAIL_H
#define PQ_TABLE_TAIL_H

#include "table/view.h"

/* The newest event of an entity, or NULL. */
const pq_event *pq_tail_entity(const pq_view *v, pq_slice id);
/* The same of an edge. */
const pq_event *pq_tail_edge(const pq_view *v, pq_slice from, pq_slice predicate, pq_slice to);

/* Has every document of the collection that has an _id the id of it? */
bool pq_tail_is_keyed(const pq_view *v, pq_slice collection);

/* Which keys a walk goes over: the entities of a collection in the order in which they were made,
 * one that was made again after a hard delete behind those that were there then; the edges out of
 * or into an entity, the entities whose first event names a row of a file. */
typedef enum pq_tail_kind { PQ_TAIL_ENTITIES, PQ_TAIL_FROM, PQ_TAIL_TO, PQ_TAIL_FILE } pq_tail_kind;

typedef struct pq_tail_walk {
  const pq_view *v;
  pq_tail_kind kind;
  pq_slice name;        /* borrowed */
  const pq_overlay *at; /* layer, NULL: the end */
  uint32_t key;         /* of entities: a spot of the layer's */
} pq_tail_walk;

/* Begin at the first key of collection or entity `name`. */
pq_tail_walk pq_tail_begin(const pq_view *v, pq_tail_kind kind, pq_slice name);
/* The newest event of the next key, each key once; NULL at the end. */
const pq_event *pq_tail_next(pq_tail_walk *w);
/* The first event of the next key of each layer: its `where` names the row of a file that it
 * replaces. NULL at the end. Not to be mixed with pq_tail_next in one walk. */
const pq_event *pq_tail_next_first(pq_tail_walk *w);

/* Keys of the walk, one of both layers twice: what a forecast wants. */
uint64_t pq_tail_count(const pq_view *v, pq_tail_kind kind, pq_slice name);

#endif
