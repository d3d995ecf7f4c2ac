/* log/event_index_sum.c - does an index hold what the events of its file say? See event_index.h.
 *
 *   events ──► rows that an index has of them ──► hash each ──► sum     (order does not matter)
 *   index  ──► rows ─────────────────────────────► hash each ──► sum     the same, or it is wrong
 *
 * Sums need no memory for either side. Within a row group keys and seqs must rise, as look-ups
 * halve it.
 */
#include "base/hash.h"
#include "log/event_index.h"
#include "log/log_int.h"

static uint64_t number_hash(int64_t n, uint64_t seed) {
  uint8_t bytes[8];
  pq_wr64(bytes, (uint64_t)n);
  return pq_hash((pq_slice){bytes, 8}, seed);
}

/* All of a row but its key and role. */
static uint64_t facts_hash(const pq_event *e) {
  uint64_t h = number_hash((int64_t)e->seq, 1);
  h = number_hash(e->ts, h);
  h = pq_hash(pq_str(pq_event_op_name(e->op)), h);
  h = number_hash((int64_t)e->version, h);
  h = pq_hash(e->type, h);
  h = number_hash(pq_event_age(e), h);
  h = pq_hash(e->created_by, h);
  h = pq_hash(e->actor, h);
  return number_hash((int64_t)e->txn, h);
}

static uint64_t row_hash(pq_slice role, pq_slice key, uint64_t facts) {
  return pq_hash(key, pq_hash(role, facts));
}

uint64_t pq_event_index_sum(const pq_event *e) {
  uint64_t facts = facts_hash(e);
  pq_event_role role = e->target == PQ_TARGET_ENTITY       ? PQ_ROLE_ENTITY
                       : e->target == PQ_TARGET_COLLECTION ? PQ_ROLE_COLLECTION
                                                           : PQ_ROLE_FROM;
  uint64_t sum = row_hash(pq_str(pq_event_role_name(role)), e->id, facts);
  if (role == PQ_ROLE_FROM)
    sum += row_hash(pq_str(pq_event_role_name(PQ_ROLE_TO)), e->to_id, facts);
  return sum;
}

static uint64_t columns_hash(const pq_column *c, uint32_t i) {
  uint64_t h = number_hash(c[PQ_INDEX_LEAF_SEQ].v.i64[i], 1);
  h = number_hash(c[PQ_INDEX_LEAF_TS].v.i64[i], h);
  h = pq_hash(c[PQ_INDEX_LEAF_OP].v.bytes[i], h);
  h = number_hash(c[PQ_INDEX_LEAF_VERSION].v.i64[i], h);
  h = pq_hash(c[PQ_INDEX_LEAF_TYPE].v.bytes[i], h);
  h = number_hash(c[PQ_INDEX_LEAF_AGE].v.i64[i], h);
  h = pq_hash(c[PQ_INDEX_LEAF_CREATED_BY].v.bytes[i], h);
  h = pq_hash(c[PQ_INDEX_LEAF_ACTOR].v.bytes[i], h);
  h = number_hash(c[PQ_INDEX_LEAF_TXN].v.i64[i], h);
  return row_hash(c[PQ_INDEX_LEAF_ROLE].v.bytes[i], c[PQ_INDEX_LEAF_KEY].v.bytes[i], h);
}

/* Do the keys of one row group rise, and the seqs of one key, all of one role? */
static bool is_sorted(const pq_column *c, uint32_t i) {
  const pq_slice *key = &c[PQ_INDEX_LEAF_KEY].v.bytes[i], *role = &c[PQ_INDEX_LEAF_ROLE].v.bytes[i];
  const int64_t *seq = &c[PQ_INDEX_LEAF_SEQ].v.i64[i];
  int order = pq_slice_cmp(key[-1], key[0]);
  return pq_slice_eq(role[-1], role[0]) && (order < 0 || (order == 0 && seq[-1] < seq[0]));
}

int pq_event_index_read_sum(pq_fetch *f, pq_arena *arena, const pq_file *file, uint32_t group,
                            uint64_t *sum) {
  pq_column c[PQ_INDEX_LEAVES];
  bool is_missing = false;
  *sum = 0;
  PQ_TRY(pq_event_index_check(f->cx, file));
  for (uint32_t l = 0; l < PQ_INDEX_LEAVES; l++) {
    int rc = pq_chunk_want(f, file, group, l, NULL, NULL, 0);
    if (rc < 0) return rc;
    is_missing |= rc == PQ_NEED_IO;
  }
  if (is_missing) return PQ_NEED_IO;
  for (uint32_t l = 0; l < PQ_INDEX_LEAVES; l++)
    PQ_TRY(pq_chunk_decode(f, arena, file, group, l, NULL, NULL, 0, &c[l]));
  for (uint32_t i = 0; i < c[0].row_count; i++) {
    if (i > 0 && !is_sorted(c, i))
      return pq_fail(f->cx, PQ_ECORRUPT, "%s: row group %u: row %u is out of order", file->key,
                     (unsigned)group, (unsigned)i);
    *sum += columns_hash(c, i);
  }
  return PQ_OK;
}
