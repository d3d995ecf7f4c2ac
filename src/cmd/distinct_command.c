/* cmd/distinct_command.c - distinct: the different values of a path among the entities that match.
 *
 *   {"distinct": "posts", "key": "tags", "filter": …}
 *   column   ─► its different values, a window at a time (query/scan_group.h) ─┐
 *   document ─► values at the path, arrays opened ─────────────────────────────┴► hash ─► seen?
 *                                            yes: the smaller spelling is kept     no: copied
 *   end: sorted by MongoDB's order ─► "values" of the summary
 *
 * Where a file's column holds exactly what its documents hold at the path, and columns decide the
 * filter, no document is read. A null cell is a missing value there: an explicit null, an array or
 * another type make the file's rows documents again.
 *
 * MongoDB's semantics: an array at the end gives its elements, one level; on the way, those of its
 * elements that are objects; a number is an index of an array. Missing gives nothing, null is a
 * value. 1 and 1.0 are one value, by a collation "a" and "A" too; of those the spelling with the
 * least bytes is shown, so that the order of files does not matter.
 *
 * Memory: the values, at most 16 MiB as the reply can hold no more.
 */
#include <string.h>

#include "base/hash.h"
#include "base/merge_sort.h"
#include "cmd/derived.h"
#include "query/scan_group.h"

struct pq_distinct {
  pq_cx *cx;
  pq_arena arena; /* owned: the values, and those that a smaller spelling replaced */
  pq_path key;
  pq_collation collation;
  bool is_plain, shows_key;
  pq_builder *builder;
  pq_arena *scratch;
  pq_grouping groups; /* by the path: what columns say of the running window */
  pq_arena folded;    /* owned: their memory */
  pq_table table;     /* owned: indexes into `values` by hash */
  pq_value *values;
  uint32_t count, cap;
  uint64_t len;
};

void pq_distinct_free(pq_command *c) {
  struct pq_distinct *d = c->s.distinct;
  if (d == NULL) return;
  pq_table_release(&d->table);
  pq_arena_release(&d->folded);
  pq_arena_release(&d->arena);
  pq_alloc(c->db->cx, d, sizeof *d, 0);
  c->s.distinct = NULL;
}

/* ---- the set ---- */

/* A total order of equal values: by bytes of text, then by type, then by what is stored. */
static int compare_spelling(pq_value a, pq_value b) {
  int order = pq_value_compare(a, b);
  if (order == 0) order = (int)pq_value_type(a) - (int)pq_value_type(b);
  return order != 0 ? order : pq_slice_cmp(pq_value_bytes(a), pq_value_bytes(b));
}

static int keep(struct pq_distinct *d, pq_value v, pq_value *out) {
  d->len += v.len;
  if (d->len > d->cx->limits.doc_len_max)
    return pq_fail(d->cx, PQ_ELIMIT,
                   "distinct: the values of '%.*s' are more than %u bytes: use $group",
                   (int)(d->key.text.n > 40 ? 40 : d->key.text.n), (const char *)d->key.text.p,
                   d->cx->limits.doc_len_max);
  pq_builder_clear(d->builder); /* so that the value does not drag its document's names along */
  PQ_TRY(pq_builder_value(d->builder, v));
  return pq_builder_finish(d->builder, &d->arena, out);
}

static int put(struct pq_distinct *d, pq_value v) {
  uint64_t h = pq_value_hash_collated(v, d->collation);
  size_t pos;
  for (uint32_t i = pq_table_first(&d->table, h, &pos); i != PQ_TABLE_NONE;
       i = pq_table_next(&d->table, h, &pos)) {
    if (pq_value_collate(d->values[i], v, d->collation) != 0) continue;
    if (compare_spelling(v, d->values[i]) >= 0) return PQ_OK;
    d->len -= d->values[i].len;
    return keep(d, v, &d->values[i]);
  }
  if (d->count == d->cap) {
    uint32_t cap = d->cap == 0 ? 64 : d->cap * 2;
    pq_value *values = pq_arena_calloc(&d->arena, cap, sizeof *values);
    if (values == NULL) return d->cx->code;
    if (d->count > 0) memcpy(values, d->values, d->count * sizeof *values);
    d->values = values;
    d->cap = cap;
  }
  PQ_TRY(keep(d, v, &d->values[d->count]));
  PQ_TRY(pq_table_add(&d->table, h, d->count));
  d->count++;
  return PQ_OK;
}

/* What parts [part, …) of the key lead to from `v`; bounded by the parts. */
static int take(struct pq_distinct *d, pq_value v, uint32_t part) {
  uint32_t n = pq_value_count(v);
  bool is_array = pq_value_type(v) == PQ_TYPE_ARRAY;
  if (pq_value_is_missing(v)) return PQ_OK;
  if (part == d->key.count) {
    if (!is_array) return put(d, v);
    for (uint32_t i = 0; i < n; i++)
      PQ_TRY(put(d, pq_array_at(v, i)));
    return PQ_OK;
  }
  if (pq_value_type(v) == PQ_TYPE_OBJECT)
    return take(d, pq_object_get(v, d->key.parts[part].name), part + 1);
  if (!is_array) return PQ_OK;
  if (d->key.parts[part].index != PQ_PATH_NO_INDEX)
    return take(d, pq_array_at(v, d->key.parts[part].index), part + 1);
  for (uint32_t i = 0; i < n; i++) {
    pq_value element = pq_array_at(v, i);
    if (pq_value_type(element) == PQ_TYPE_OBJECT)
      PQ_TRY(take(d, pq_object_get(element, d->key.parts[part].name), part + 1));
  }
  return PQ_OK;
}

/* A pq_scan_sink. */
static int distinct_sink(void *ud, const pq_entity *e, uint64_t count) {
  struct pq_distinct *d = ud;
  pq_slice first = d->key.parts[0].name;
  pq_value v = pq_object_get(e->data, first), system;
  (void)count;
  if (pq_value_is_missing(v) && !d->is_plain && pq_is_system_field(first)) {
    PQ_TRY(pq_entity_system(d->builder, d->scratch, e, &system));
    v = pq_object_get(system, first);
  } else if (pq_value_is_missing(v) && d->shows_key && pq_slice_is(first, "_id")) {
    PQ_TRY(pq_shown_document(d->builder, d->scratch, e, &system, NULL));
    v = pq_object_get(system, first);
  }
  return take(d, v, 1);
}

/* ---- columns ---- */

static void clear_groups(struct pq_distinct *d) {
  pq_arena_clear(&d->folded);
  pq_grouping_init(&d->groups, &d->folded, &d->key.text, 1, NULL, 0);
  d->groups.group_max = UINT32_MAX; /* a window of groups is taken over before the next begins */
  d->groups.keeps_types = true;     /* the smallest spelling counts */
}

/* The groups of a window are values. */
static int take_groups(struct pq_distinct *d) {
  for (uint32_t i = 0; i < d->groups.group_count; i++)
    if (!pq_value_is_missing(d->groups.values[i])) PQ_TRY(put(d, d->groups.values[i]));
  clear_groups(d);
  return PQ_OK;
}

/* ---- stages ---- */

static int compare_values(const void *a, const void *b, const void *ud) {
  const struct pq_distinct *d = ud;
  const pq_value *x = a, *y = b;
  int order = pq_value_collate(*x, *y, d->collation);
  return order != 0 ? order : compare_spelling(*x, *y);
}

void pq_distinct_begin(pq_command *c) {
  if (c->s.env != NULL) c->s.distinct->collation = c->s.env->collation;
}

int pq_distinct_give(pq_command *c, pq_value doc) {
  struct pq_distinct *d = c->s.distinct;
  return take(d, pq_object_get(doc, d->key.parts[0].name), 1);
}

int pq_distinct_finish(pq_command *c) {
  struct pq_distinct *d = c->s.distinct;
  pq_builder *b = c->db->builder;
  PQ_TRY(pq_sort_items(d->cx, d->values, d->count, sizeof *d->values, compare_values, d));
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "n", d->count));
  PQ_TRY(pq_builder_key_str(b, "values"));
  PQ_TRY(pq_builder_begin_array(b));
  for (uint32_t i = 0; i < d->count; i++)
    PQ_TRY(pq_builder_value(b, d->values[i]));
  PQ_TRY(pq_builder_end(b));
  return pq_summary_end(c, c->s.snapshot.view.seq);
}

static int stage_distinct_end(pq_op *op) {
  pq_command *c = pq_command_of(op);
  if (c->s.args.is_explain) PQ_TRY(pq_explain_scan(c, &c->s.scan.stats));
  return pq_distinct_finish(c);
}

static int stage_distinct_scan(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_read_in_time(c));
  PQ_TRY(pq_scan_next(&c->s.scan, &op->fetch, &op->scratch, c->db->builder, distinct_sink,
                      c->s.distinct));
  PQ_TRY(take_groups(c->s.distinct));
  return c->s.scan.is_done ? pq_read_end(c, stage_distinct_end) : pq_read_again(c);
}

static int stage_distinct(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_read_snapshot(c));
  if (pq_derived_is(c)) return pq_derived_begin(c);
  pq_read_scan(c, c->s.filter);
  c->s.scan.needs = &c->s.distinct->key.parts[0].name;
  c->s.scan.need_count = 1;
  c->s.scan.window = PQ_SCAN_WINDOW_MAX;
  clear_groups(c->s.distinct);
  c->s.scan.fold = &c->s.distinct->groups;
  op->stage = stage_distinct_scan;
  return PQ_OK;
}

int pq_open_distinct(pq_command *c, pq_value target) {
  struct pq_distinct *d;
  pq_slice key = c->s.args.key;
  PQ_TRY(pq_read_open(c, target));
  if (!(c->s.args.given & PQ_OPT_KEY))
    return pq_fail(c->op.cx, PQ_EINVALID, "distinct: option 'key' is missing");
  d = pq_alloc(c->op.cx, NULL, 0, sizeof *d);
  if (d == NULL) return pq_fail_nomem(c->op.cx);
  *d = (struct pq_distinct){.cx = c->op.cx,
                            .is_plain = c->s.args.is_plain,
                            .shows_key = c->s.args.shows_key,
                            .builder = c->db->builder,
                            .scratch = &c->op.scratch};
  if (c->s.env != NULL) d->collation = c->s.env->collation;
  pq_arena_init(&d->arena, c->op.cx, c->op.cx->limits.op_len_max);
  pq_arena_init(&d->folded, c->op.cx, c->op.cx->limits.op_len_max);
  pq_table_init(&d->table, c->op.cx);
  c->s.distinct = d;
  c->s.start = stage_distinct;
  PQ_TRY(pq_path_parse(&c->arena, key, &d->key));
  if (key.p[0] == '$' && !pq_is_system_field(d->key.parts[0].name))
    return pq_fail(c->op.cx, PQ_EINVALID, "distinct: option 'key': '%.*s' begins with '$'",
                   (int)(key.n > 40 ? 40 : key.n), (const char *)key.p);
  return PQ_OK;
}
