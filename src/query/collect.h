/* query/collect.h - the results of a find: merged entities, sorted, skipped, limited.
 *
 *   entity ─► keys ─► at or before the cursor? behind the worst that counts? ─► dropped uncopied
 *                └─► copied, kept; of twice as many as can count the worse half is forgotten
 *
 * Without an order, entities pass through in scan order and the scan stops as soon as the page and
 * one more (for hasMore) are there. With one (a sort, or is_by_id) and a limit only the best skip +
 * limit + 1 are kept. $id is the last sort key.
 */
#ifndef PQ_QUERY_COLLECT_H
#define PQ_QUERY_COLLECT_H

#include "expr/project.h"
#include "query/scan.h"
#include "shred/entity_merge.h"

/* A place in an order: the keys and the id of an entity. */
typedef struct pq_place {
  pq_slice id;
  pq_value *keys; /* as many as the sort has */
  bool *empties;  /* per key: an empty array */
} pq_place;

typedef struct pq_result {
  pq_value entity; /* merged, in the collector's arena */
  pq_place place;
} pq_result;

typedef struct pq_collector {
  pq_cx *cx;
  pq_arena *arena;     /* borrowed: results live here */
  pq_arena *scratch;   /* borrowed: of the stage */
  pq_builder *builder; /* borrowed */
  pq_merger *merger;   /* borrowed */
  pq_sort sort;
  bool is_by_id;         /* in the order of $id though there is no sort */
  bool is_plain;         /* documents as they were written, without system fields */
  bool shows_key;        /* besides: each with an `_id` (query/shown.h) */
  bool ends_at_limit;    /* nobody asks for has_more */
  const pq_place *after; /* borrowed: only what comes behind it; NULL: everything */
  uint64_t skip, limit;  /* limit 0: all */
  pq_result *items;      /* sorted after pq_collector_finish() */
  uint32_t count, cap;
  uint64_t skipped; /* without an order: entities passed over */
  uint64_t emitted; /* without an order: results that the owner has taken out of `items` */
  bool has_worst;   /* items[keep - 1] is the worst that still counts */
  bool has_more;
} pq_collector;

/* Sort, order, skip, limit are set by the caller afterwards. */
void pq_collector_init(pq_collector *c, pq_arena *arena, pq_arena *scratch, pq_builder *builder,
                       pq_merger *merger);

/* Must all results be there before the first can be given out? */
bool pq_collector_is_ordered(const pq_collector *c);

/* A pq_scan_sink; ud is the collector. */
int pq_collector_sink(void *ud, const pq_entity *entity, uint64_t count);

/* What the scan may leave out, once all of the above is set. */
void pq_collector_order(const pq_collector *c, pq_scan_order *out);

/* Sort and cut; then items[0 .. count) is the page. */
int pq_collector_finish(pq_collector *c) PQ_MUST_CHECK;

#endif
