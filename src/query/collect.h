/* query/collect.h - the results of a find: merged entities, sorted, skipped, limited.
 *
 * Without a sort, entities pass through in scan order and the scan stops as soon as the page and
 * one more (for hasMore) are there. With a sort and a limit only the best skip + limit + 1 are
 * kept: candidates are cut back whenever twice as many have gathered, and an entity that sorts
 * behind the worst of them is dropped before it is copied. $id is the last sort key.
 */
#ifndef PQ_QUERY_COLLECT_H
#define PQ_QUERY_COLLECT_H

#include "expr/project.h"
#include "query/scan.h"

typedef struct pq_result {
  pq_value entity; /* merged, in the collector's arena */
  pq_value *keys;
  bool *empties; /* per key: an empty array */
} pq_result;

typedef struct pq_collector {
  pq_cx *cx;
  pq_arena *arena;     /* borrowed: results live here */
  pq_builder *builder; /* borrowed */
  pq_arena *scratch;   /* borrowed: merging */
  pq_sort sort;
  uint64_t skip, limit; /* limit 0: all */
  pq_result *items;     /* sorted after pq_collector_finish() */
  uint32_t count, cap;
  uint64_t skipped; /* without sort: entities passed over */
  uint64_t emitted; /* without sort: results that the owner has taken out of `items` */
  bool has_worst;   /* items[keep - 1] is the worst that still counts */
  bool has_more;
} pq_collector;

void pq_collector_init(pq_collector *c, pq_cx *cx, pq_arena *arena, pq_arena *scratch,
                       pq_builder *builder);

/* A pq_scan_sink; ud is the collector. */
int pq_collector_sink(void *ud, const pq_entity *entity, uint64_t count);

/* Sort and cut; then items[0 .. count) is the page. */
int pq_collector_finish(pq_collector *c) PQ_MUST_CHECK;

#endif
