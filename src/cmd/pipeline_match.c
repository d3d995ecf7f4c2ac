/* cmd/pipeline_match.c - $merge with `on`: which entities the documents of a pipeline are about,
 * when another field than `_id` tells.
 *
 *   documents ─► the values of `on`, by hash ─► a scan {on: {$in: values}} of the target
 *                                                 │ an entity with the value: its id
 *                                                 └ none: the id that a new one gets; the first of
 *                                                   several with the value names it
 *
 * The field must be one of which no two entities have the same value ('##' in the schema), as
 * MongoDB asks for a unique index: otherwise a document could mean several.
 */
#include <string.h>

#include "base/merge_sort.h"
#include "cmd/pipeline_run.h"

#define TEXT_ARGS(s) (int)((s).n > 60 ? 60 : (s).n), (const char *)(s).p

enum { OPERANDS_MAX = 10000 }; /* more of them: all entities are looked at */

static pq_slice on_of(const pq_command *c) {
  return pq_pipeline_write(c->s.pipeline)->on;
}

int pq_pipe_match_check(pq_command *c) {
  const pq_pipe_write *w = pq_pipeline_write(c->s.pipeline);
  const pq_unique_key *keys;
  pq_slice from = c->s.collection;
  uint32_t count;
  int rc;
  if (w->on.n == 0) return PQ_OK;
  c->s.collection = w->into; /* its schema */
  rc = pq_typing_open(c);
  c->s.collection = from;
  PQ_TRY(rc);
  keys = pq_typing_unique(c, &count);
  if (c->s.env != NULL && c->s.env->collation.is_folded) count = 0;
  for (uint32_t i = 0; i < count; i++)
    if (keys[i].path_count == 1 && keys[i].partial == NULL && keys[i].paths[0].count == 1 &&
        pq_slice_eq(keys[i].paths[0].text, w->on))
      return PQ_OK;
  return pq_fail(c->op.cx, PQ_EINDEX,
                 "stage '$merge': cannot find an index that keeps '%.*s' of %.*s unique: the "
                 "schema's field needs '##', or the collection a unique index",
                 TEXT_ARGS(w->on), TEXT_ARGS(w->into));
}

pq_value pq_pipe_match_key(const pq_command *c, const pq_pipe_doc *d) {
  return pq_object_get(d->data, on_of(c));
}

int pq_pipe_match_take(pq_command *c, pq_pipe_doc *d) {
  pq_slice on = on_of(c);
  pq_type type;
  if (on.n == 0) return PQ_OK;
  type = pq_value_type(pq_pipe_match_key(c, d));
  d->hash = pq_value_hash(pq_pipe_match_key(c, d));
  if (type != PQ_TYPE_MISSING && type != PQ_TYPE_NULL && type != PQ_TYPE_ARRAY) return PQ_OK;
  return pq_fail(c->op.cx, PQ_EINVALID,
                 "stage '$merge': the field '%.*s' of 'on' must be in each document, and is %s",
                 TEXT_ARGS(on), type == PQ_TYPE_MISSING ? "missing" : pq_type_name(type));
}

/* ---- values ---- */

static int compare_order(const void *a, const void *b, const void *ud) {
  const struct pq_pipeline_run *r = ud;
  uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;
  if (r->docs[i].hash != r->docs[k].hash) return r->docs[i].hash < r->docs[k].hash ? -1 : 1;
  return (i > k) - (i < k);
}

static int sort_keys(struct pq_pipeline_run *r, pq_cx *cx) {
  r->order = pq_arena_calloc(&r->arena, (size_t)r->doc_count + 1, sizeof *r->order);
  if (r->order == NULL) return cx->code;
  for (uint32_t i = 0; i < r->doc_count; i++)
    r->order[i] = i;
  return pq_sort_items(cx, r->order, r->doc_count, sizeof *r->order, compare_order, r);
}

/* Values that $in takes as they are, and as nothing but values. */
static bool is_plain_operand(pq_value v) {
  pq_type type = pq_value_type(v);
  return type != PQ_TYPE_OBJECT && type != PQ_TYPE_REGEX;
}

/* {on: {$in: values}}; {} when they are very many, or no operands. */
static int make_filter(pq_command *c) {
  const struct pq_pipeline_run *r = c->s.run;
  pq_builder *b = c->db->builder;
  bool has_operands = r->doc_count <= OPERANDS_MAX;
  pq_value filter;
  for (uint32_t i = 0; has_operands && i < r->doc_count; i++)
    has_operands = is_plain_operand(pq_pipe_match_key(c, &r->docs[i]));
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  if (has_operands) {
    PQ_TRY(pq_builder_key(b, on_of(c)));
    PQ_TRY(pq_builder_begin_object(b));
    PQ_TRY(pq_builder_key_str(b, "$in"));
    PQ_TRY(pq_builder_begin_array(b));
    for (uint32_t i = 0; i < r->doc_count; i++)
      PQ_TRY(pq_builder_value(b, pq_pipe_match_key(c, &r->docs[i])));
    PQ_TRY(pq_builder_end(b));
    PQ_TRY(pq_builder_end(b));
  }
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_finish(b, &c->op.arena, &filter));
  return pq_filter_parse(&c->op.arena, NULL, filter, &c->s.filter);
}

/* ---- entities ---- */

static uint32_t first_of(const struct pq_pipeline_run *r, uint64_t hash) {
  uint32_t lo = 0, hi = r->doc_count;
  while (lo < hi) {
    uint32_t mid = lo + (hi - lo) / 2;
    if (r->docs[r->order[mid]].hash < hash)
      lo = mid + 1;
    else
      hi = mid;
  }
  return lo;
}

/* A pq_scan_sink: the documents with the entity's value are about it. */
static int take_target(void *ud, const pq_entity *e, uint64_t count) {
  pq_command *c = ud;
  struct pq_pipeline_run *r = c->s.run;
  pq_value v = pq_object_get(e->data, on_of(c));
  pq_slice id = {0};
  uint64_t hash;
  (void)count;
  if (pq_value_is_missing(v)) return PQ_OK;
  hash = pq_value_hash(v);
  for (uint32_t k = first_of(r, hash); k < r->doc_count; k++) {
    pq_pipe_doc *d = &r->docs[r->order[k]];
    if (d->hash != hash) break;
    if (d->is_matched || !pq_value_is_equal(pq_pipe_match_key(c, d), v)) continue;
    if (id.n == 0) PQ_TRY(pq_arena_copy(&r->arena, e->id, &id));
    d->id = id;
    d->is_matched = true;
  }
  return PQ_OK;
}

/* Those that nothing was found for: equal ones become one entity. */
static void name_new(pq_command *c) {
  struct pq_pipeline_run *r = c->s.run;
  for (uint32_t k = 1; k < r->doc_count; k++) {
    pq_pipe_doc *d = &r->docs[r->order[k]];
    for (uint32_t j = first_of(r, d->hash); !d->is_matched && j < k; j++) {
      const pq_pipe_doc *first = &r->docs[r->order[j]];
      if (!pq_value_is_equal(pq_pipe_match_key(c, first), pq_pipe_match_key(c, d))) continue;
      d->id = first->id;
      break;
    }
  }
}

/* ---- stages ---- */

static int stage_match(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_scan_next(&c->s.scan, &op->fetch, &op->scratch, c->db->builder, take_target, c));
  if (!c->s.scan.is_done) return PQ_OK;
  name_new(c);
  op->stage = c->s.run->matched;
  return PQ_OK;
}

int pq_pipe_match_begin(pq_command *c, pq_stage_fn then) {
  PQ_TRY(sort_keys(c->s.run, c->op.cx));
  PQ_TRY(make_filter(c));
  pq_scan_init(&c->s.scan, &c->s.snapshot.view, c->s.collection, c->s.filter);
  c->s.scan.window = PQ_SCAN_WINDOW_MAX;
  c->s.run->matched = then;
  c->op.stage = stage_match;
  return PQ_OK;
}
