/* query/group_table.h - groups in memory: key ─hash─► group ─► states of its accumulators. */
#ifndef PQ_QUERY_GROUP_TABLE_H
#define PQ_QUERY_GROUP_TABLE_H

#include "query/accumulator.h"
#include "query/gathered.h"

typedef struct pq_group {
  pq_value key; /* in the table's arena, as all else */
  uint64_t hash;
  pq_gathered **states;
} pq_group;

typedef struct pq_group_table {
  pq_arena arena;
  const pq_accumulator *accumulators; /* borrowed */
  uint32_t accumulator_count;
  pq_group *groups;
  uint32_t count, cap;
  uint32_t *buckets; /* index + 1 by hash; 0: empty */
  uint32_t bucket_count;
} pq_group_table;

void pq_group_table_init(pq_group_table *t, pq_cx *cx, const pq_accumulator *accumulators,
                         uint32_t accumulator_count);
void pq_group_table_release(pq_group_table *t);
/* Forget all groups and give their memory back. */
void pq_group_table_clear(pq_group_table *t);
static inline uint64_t pq_group_table_len(const pq_group_table *t) {
  return t->arena.used_len;
}

/* NULL: no such group. */
pq_group *pq_group_table_find(const pq_group_table *t, pq_value key, uint64_t hash,
                              pq_collation collation);
/* A new group; s->root is changed. */
int pq_group_table_add(pq_group_table *t, pq_eval *s, pq_value key, uint64_t hash,
                       pq_group **out) PQ_MUST_CHECK;
/* {"_id": key, results …} in s->arena. */
int pq_group_document(const pq_group_table *t, pq_eval *s, const pq_group *g,
                      pq_value *out) PQ_MUST_CHECK;

#endif
