/* cmd/match_scan.c - which collections a question of match is about, and what is asked of each.
 *
 *   (a:Person|posts)   posts     is a collection: all of it
 *                      people    has the type, as the log and the tail say: all of it has, or some
 *                      others    nothing is read
 */
#include "cmd/match_run.h"
#include "table/tail.h"

/* The i-th collection: of the manifest, of the tail, of the transaction. False: no more. */
static bool collection_at(const pq_command *c, uint32_t i, pq_slice *out) {
  const pq_view *v = &c->s.snapshot.view;
  const pq_overlay *layers[] = {v->overlay, v->own};
  if (i < v->manifest->collection_count) {
    *out = v->manifest->collections[i].name;
    return true;
  }
  i -= v->manifest->collection_count;
  for (size_t l = 0; l < sizeof layers / sizeof *layers; l++) {
    if (layers[l] == NULL) continue;
    if (i < layers[l]->collections.count) {
      *out = layers[l]->collections.items[i].name;
      return true;
    }
    i -= layers[l]->collections.count;
  }
  return false;
}

bool pq_match_next_collection(const pq_command *c, uint32_t *at, pq_slice *out) {
  pq_slice before;
  while (collection_at(c, (*at)++, out)) {
    bool is_new = true;
    for (uint32_t i = 0; i + 1 < *at && is_new; i++)
      is_new = collection_at(c, i, &before) && !pq_slice_eq(before, *out);
    if (is_new) return true;
  }
  return false;
}

/* ---- labels ---- */

typedef enum pq_typed { PQ_TYPED_NONE, PQ_TYPED_SOME, PQ_TYPED_ALL } pq_typed;

static void meet(pq_typed *all, bool *is_first, pq_typed one) {
  *all = *is_first || *all == one ? one : PQ_TYPED_SOME;
  *is_first = false;
}

/* Which entities of a collection have the type, as far as the log and the tail say? */
static pq_typed typed(const pq_command *c, pq_slice collection, pq_slice type) {
  const pq_view *v = &c->s.snapshot.view;
  pq_tail_walk w = pq_tail_begin(v, PQ_TAIL_ENTITIES, collection);
  pq_typed all = PQ_TYPED_NONE;
  bool is_first = true;
  const pq_event *e;
  for (uint32_t i = 0; i < v->manifest->file_count && all != PQ_TYPED_SOME; i++) {
    const pq_file_info *f = &v->manifest->files[i];
    bool has = false;
    if (f->kind != PQ_FILE_DATA || !pq_slice_eq(f->collection, collection)) continue;
    if (!pq_view_has_file(v, f)) continue;
    for (uint32_t t = 0; t < f->type_count; t++)
      has |= pq_slice_eq(f->types[t], type);
    meet(&all, &is_first,
         f->type_count == 0 || (has && f->type_count > 1) ? PQ_TYPED_SOME
         : has                                            ? PQ_TYPED_ALL
                                                          : PQ_TYPED_NONE);
  }
  while (all != PQ_TYPED_SOME && (e = pq_tail_next(&w)) != NULL)
    meet(&all, &is_first, pq_slice_eq(e->type, type) ? PQ_TYPED_ALL : PQ_TYPED_NONE);
  return all;
}

bool pq_match_is_all(const pq_command *c, pq_slice collection, pq_slice label) {
  return pq_slice_eq(collection, label) || typed(c, collection, label) == PQ_TYPED_ALL;
}

/* ---- scans ---- */

static int put_types(pq_builder *b, const pq_match_labels *l) {
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "$type"));
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "$in"));
  PQ_TRY(pq_builder_begin_array(b));
  for (uint32_t i = 0; i < l->count; i++)
    PQ_TRY(pq_builder_string(b, l->names[i]));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_end(b));
  return pq_builder_end(b);
}

static bool has_name(const pq_match_labels *l, pq_slice collection) {
  bool has = false;
  for (uint32_t i = 0; i < l->count && !has; i++)
    has = pq_slice_eq(l->names[i], collection);
  return has;
}

/* The filter of the question and the labels: all of those that the collection's name is not must be
 * types. */
static int put_filter(pq_command *c, const pq_match_ask *ask, pq_slice collection, bool *can) {
  pq_match_labels one = {&ask->label, 1};
  const pq_match_labels *labels = ask->kind == PQ_MATCH_LABEL ? &one : ask->labels;
  uint32_t count = ask->kind == PQ_MATCH_LABEL ? 1 : ask->label_count;
  pq_builder *b = c->db->builder;
  *can = true;
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "$and"));
  PQ_TRY(pq_builder_begin_array(b));
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_end(b));
  if (!pq_value_is_missing(ask->filter)) PQ_TRY(pq_builder_value(b, ask->filter));
  for (uint32_t i = 0; i < count && *can; i++) {
    if (has_name(&labels[i], collection)) continue;
    *can = false;
    for (uint32_t k = 0; k < labels[i].count && !*can; k++)
      *can = typed(c, collection, labels[i].names[k]) != PQ_TYPED_NONE;
    PQ_TRY(put_types(b, &labels[i]));
  }
  PQ_TRY(pq_builder_end(b));
  return pq_builder_end(b);
}

int pq_match_scan_filter(pq_command *c, pq_arena *arena, const pq_match_ask *ask,
                         pq_slice collection, pq_filter **out) {
  pq_builder *b = c->db->builder;
  pq_value spec;
  bool can;
  *out = NULL;
  pq_builder_clear(b);
  PQ_TRY(put_filter(c, ask, collection, &can));
  if (!can) return PQ_OK;
  PQ_TRY(pq_builder_finish(b, arena, &spec));
  return pq_filter_parse(arena, NULL, spec, out);
}

/* The id, which tells nodes apart, and the fields that are looked at. */
static int find_needs(pq_command *c) {
  struct pq_match_run *r = c->s.match;
  uint32_t count;
  bool is_all;
  const pq_slice *fields = pq_match_fields(r->query, &count, &is_all);
  if (is_all || r->needs != NULL) return PQ_OK;
  r->needs = pq_arena_array(&c->arena, (size_t)count + 1, sizeof *r->needs);
  if (r->needs == NULL) return c->op.cx->code;
  r->needs[0] = PQ_SLICE("$id");
  for (uint32_t i = 0; i < count; i++)
    r->needs[1 + i] = fields[i];
  r->need_count = count + 1;
  return PQ_OK;
}

int pq_match_scan(pq_command *c, pq_slice collection, const pq_filter *filter) {
  PQ_TRY(find_needs(c));
  pq_scan_init(&c->s.scan, &c->s.snapshot.view, collection, filter);
  c->s.scan.needs = c->s.match->needs;
  c->s.scan.need_count = c->s.match->need_count;
  c->s.scan.window = PQ_SCAN_WINDOW_MAX;
  return PQ_OK;
}
