/* query/group_spec.h - a parsed $group, $bucket or $sortByCount. */
#ifndef PQ_QUERY_GROUP_SPEC_H
#define PQ_QUERY_GROUP_SPEC_H

#include "query/accumulator.h"
#include "query/blocking.h"
#include "query/group_fold.h"

struct pq_group_spec {
  const char *name;          /* of the stage */
  pq_expression *expression; /* _id, groupBy */
  pq_slice only_field;       /* of an _id that is an object of one field; else empty */
  pq_accumulator *accumulators;
  uint32_t accumulator_count;
  bool is_by_count;           /* $sortByCount */
  const pq_value *boundaries; /* $bucket: ascending; else NULL */
  uint32_t boundary_count;
  pq_group_fold *fold; /* how columns can answer it; NULL: they cannot */
  pq_value other;      /* $bucket's default; missing: none */
};

/* The key of s->root's group; missing is null. PQ_EINVALID when no bucket takes it. */
int pq_group_key(const pq_group_spec *spec, pq_eval *s, pq_value *out) PQ_MUST_CHECK;

/* Take over a group that columns made; comes behind all documents, before end(). PQ_NEED_IO: call
 * again with the same. */
int pq_group_absorb(pq_blocking *stage, pq_fetch *f, pq_eval *eval, const pq_grouping *fold,
                    uint32_t group) PQ_MUST_CHECK;

/* {"a": {"$sum": 1}, …}: a list of accumulators; for $bucket's and $bucketAuto's output. */
int pq_group_parse_output(pq_arena *arena, const pq_env *env, const char *stage, pq_value spec,
                          pq_accumulator **out, uint32_t *count) PQ_MUST_CHECK;

#endif
