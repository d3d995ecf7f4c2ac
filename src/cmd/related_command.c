/* cmd/related_command.c - related: the entities at the other ends of one entity's edges.
 *
 *   source is live? ─► part: its edges, by far end ─► [edgeFilter] ─► nodes: the far ends
 *                        ▲                                              │
 *                        │ none left, and not the last part   some at a time ─► live, match the
 *                        └──────────────────────────────────────────────┤      filter ─► collector
 *                                                                        └◄─────────────┤ page
 * full? [documents of edges] ─► [populate] ─► items ◄─────────────────┘ ─► [total]
 *
 * Without `sort` results come in the order of far ends, so that a page reads neither more edges nor
 * more entities than it shows, about: of a node with very many edges a part is read (rel/edge.h),
 * and the next one goes on behind it. The cursor is a place among the far ends. With a sort all of
 * them are read and the collector keeps the page.
 *
 * Far ends in other namespaces are looked up there before their nodes are read, and edges that
 * enter from there are found before the first part (related_far.c).
 *
 * With `edges` the items are edges: the place of one is its far end, its direction and its
 * predicate. What edges say besides their ends is read for those that are shown.
 */
#include <string.h>

#include "base/hash.h"
#include "base/merge_sort.h"
#include "base/slices.h"
#include "cmd/related_int.h"
#include "table/read_bound.h"

enum { NODES_AT_ONCE = 4096, PART_GROWTH = 4 };

/* In places of edges, behind the far end and behind the direction: no id has it. */
enum { PLACE_MARK = 1 };

void pq_related_free(pq_command *c) {
  struct pq_related *r = c->s.related;
  if (r == NULL) return;
  pq_arena_release(&r->part);
  pq_arena_release(&r->shown);
  pq_arena_release(&r->beyond);
  c->s.related = NULL;
}

static bool is_sorted(const pq_command *c) {
  return c->s.collector.sort.count > 0;
}

/* Do results go out before the last are read? */
static bool is_streamed(const pq_command *c) {
  return !is_sorted(c) && c->s.args.limit == 0;
}

static bool is_bounded(const pq_command *c) {
  return !is_sorted(c) && c->s.args.limit > 0;
}

/* ---- places of edges ---- */

static int place_of(pq_arena *arena, pq_slice far, const pq_related_edge *e, pq_slice *out) {
  pq_buf b;
  int rc;
  pq_buf_init(&b, arena->cx, SIZE_MAX / 4);
  rc = pq_buf_put_slice(&b, far);
  if (rc == PQ_OK) rc = pq_buf_put_byte(&b, PLACE_MARK);
  if (rc == PQ_OK) rc = pq_buf_put_byte(&b, e->is_in ? 'r' : 'f');
  if (rc == PQ_OK) rc = pq_buf_put_slice(&b, e->edge.predicate);
  if (rc == PQ_OK) rc = pq_arena_copy(arena, pq_buf_slice(&b), out);
  pq_buf_release(&b);
  return rc;
}

/* The far end of a place. */
static pq_slice far_of(pq_slice place) {
  const uint8_t *mark = place.n == 0 ? NULL : memchr(place.p, PLACE_MARK, place.n);
  return mark == NULL ? place : (pq_slice){place.p, (size_t)(mark - place.p)};
}

/* The least text behind an id. */
static int behind(pq_arena *arena, pq_slice id, pq_slice *out) {
  uint8_t *text = pq_arena_alloc(arena, id.n + 1);
  if (text == NULL) return arena->cx->code;
  memcpy(text, id.p, id.n);
  text[id.n] = 0;
  *out = (pq_slice){text, id.n + 1};
  return PQ_OK;
}

/* ---- items ---- */

static int reserve_kept(pq_command *c) {
  struct pq_related *r = c->s.related;
  uint32_t cap = r->kept_cap == 0 ? 64 : r->kept_cap * 2;
  pq_related_edge *kept;
  pq_slice *places;
  if (r->kept_count < r->kept_cap) return PQ_OK;
  kept = pq_arena_calloc(&r->shown, cap, sizeof *kept);
  places = pq_arena_calloc(&r->shown, cap, sizeof *places);
  if (kept == NULL || places == NULL) return c->op.cx->code;
  if (r->kept_count > 0) memcpy(kept, r->kept, r->kept_count * sizeof *kept);
  if (r->kept_count > 0) memcpy(places, r->places, r->kept_count * sizeof *places);
  r->kept = kept;
  r->places = places;
  r->kept_cap = cap;
  return PQ_OK;
}

/* An edge that may be shown, beyond its part; places rise. */
static int keep_edge(pq_command *c, const pq_related_edge *e, pq_slice place) {
  struct pq_related *r = c->s.related;
  PQ_TRY(reserve_kept(c));
  r->kept[r->kept_count] = *e;
  PQ_TRY(pq_edge_keep(&r->shown, &r->kept[r->kept_count].edge));
  PQ_TRY(pq_arena_copy(&r->shown, place, &r->places[r->kept_count]));
  r->kept_count++;
  return PQ_OK;
}

/* The edges of the collector's items, in their order. */
static int list_shown(pq_command *c, pq_edge **out) {
  struct pq_related *r = c->s.related;
  const pq_collector *k = &c->s.collector;
  *out = pq_arena_calloc(&c->op.scratch, k->count, sizeof **out);
  if (*out == NULL) return c->op.cx->code;
  for (uint32_t i = 0; i < k->count; i++) {
    uint32_t at = pq_slices_find(r->places, r->kept_count, k->items[i].place.id);
    pq_assert(at < r->kept_count);
    (*out)[i] = r->kept[at].edge;
  }
  return PQ_OK;
}

static int give_edges(pq_command *c) {
  struct pq_related *r = c->s.related;
  const pq_collector *k = &c->s.collector;
  pq_edge *edges;
  pq_value item;
  PQ_TRY(list_shown(c, &edges));
  if (!r->has_data)
    PQ_TRY(pq_edges_fill(&c->s.snapshot.view, &c->op.fetch, &c->op.scratch, edges, k->count));
  for (uint32_t i = 0; i < k->count; i++) {
    PQ_TRY(pq_edge_value(c, &c->replies, &edges[i], &item));
    PQ_TRY(pq_reply_item(c, item));
  }
  pq_results_given(c);
  r->kept_count = r->kept_cap = 0;
  pq_arena_clear(&r->shown);
  return PQ_OK;
}

/* ---- entities ---- */

static int match(pq_command *c, const pq_entity *e, bool *is_match) {
  const pq_filter *filter = c->s.filter;
  pq_value doc = e->data, system = {0};
  pq_eval eval = *c->s.eval;
  eval.arena = &c->op.scratch;
  eval.random ^= pq_hash(e->id, 0); /* each its own, and the same when the stage runs again */
  if (!c->s.args.is_plain && pq_filter_uses_system(filter))
    PQ_TRY(pq_entity_system(c->db->builder, &c->op.scratch, e, &system));
  if (c->s.args.shows_key)
    PQ_TRY(pq_shown_subject(filter, c->db->builder, &c->op.scratch, e, &doc, &system));
  *is_match = pq_filter_match(filter, &eval, doc, system);
  return pq_filter_status(filter);
}

/* Entities by id, those that are not live without one. */
static int read_entities(pq_command *c, const pq_slice *ids, uint32_t count, unsigned want,
                         pq_entity **out) {
  pq_op *op = &c->op;
  const pq_view *v = &c->s.snapshot.view;
  pq_location *at = pq_arena_calloc(&op->scratch, count, sizeof *at);
  *out = pq_arena_calloc(&op->scratch, count, sizeof **out);
  if (at == NULL || *out == NULL) return op->cx->code;
  PQ_TRY(pq_view_locate(v, &op->fetch, &op->scratch, ids, count, false, at));
  PQ_TRY(pq_view_read(v, &op->fetch, &op->scratch, at, count, want, *out, NULL));
  for (uint32_t i = 0; i < count; i++)
    if ((*out)[i].is_deleted) (*out)[i] = (pq_entity){0};
  return PQ_OK;
}

/* How many nodes to read next. A page in the order of nodes needs so many, if all are live and
 * match. */
uint32_t pq_related_next_count(const pq_command *c, bool is_counting) {
  const struct pq_related *r = c->s.related;
  uint32_t left = r->node_count - r->node;
  uint64_t page = c->s.args.limit, count = NODES_AT_ONCE;
  bool is_page = !is_counting && is_bounded(c) && page < NODES_AT_ONCE &&
                 c->s.args.skip < NODES_AT_ONCE && pq_value_is_missing(c->s.args.filter);
  if (is_page) count = page + c->s.args.skip + 1;
  return left < count ? left : (uint32_t)count;
}

/* What takes what was found. */
typedef struct related_sink {
  pq_scan_sink take;
  void *ud;
  bool is_counting;
} related_sink;

/* The edges of a node whose entity is there and matches, one by one. PQ_YIELD: no more. */
static int sink_edges(pq_command *c, const related_sink *sink, uint32_t node,
                      const pq_entity *entity) {
  struct pq_related *r = c->s.related;
  const pq_collector *k = &c->s.collector;
  for (uint32_t i = r->first[node]; i < r->first[node + 1]; i++) {
    pq_entity item = *entity;
    uint64_t before = k->emitted + k->count;
    int rc;
    PQ_TRY(place_of(&c->op.scratch, r->nodes[node], &r->edges[i], &item.id));
    if (!sink->is_counting && !is_sorted(c) && k->after != NULL &&
        pq_slice_cmp(item.id, k->after->id) <= 0)
      continue;
    rc = sink->take(sink->ud, &item, 1);
    if (rc < 0) return rc;
    if (!sink->is_counting && (is_sorted(c) || k->emitted + k->count > before))
      PQ_TRY(keep_edge(c, &r->edges[i], item.id));
    if (rc == PQ_YIELD) return rc;
  }
  return PQ_OK;
}

/* The entities of the next nodes: of this namespace from the view, the others were looked up. */
static int read_nodes(pq_command *c, uint32_t count, unsigned want, pq_entity **out) {
  struct pq_related *r = c->s.related;
  pq_slice *ids;
  pq_entity *own;
  uint32_t n = 0;
  if (r->far_ends == NULL) return read_entities(c, r->nodes + r->node, count, want, out);
  ids = pq_arena_calloc(&c->op.scratch, count, sizeof *ids);
  *out = pq_arena_calloc(&c->op.scratch, count, sizeof **out);
  if (ids == NULL || *out == NULL) return c->op.cx->code;
  for (uint32_t i = 0; i < count; i++)
    if (!pq_id_is_foreign(r->nodes[r->node + i])) ids[n++] = r->nodes[r->node + i];
  PQ_TRY(read_entities(c, ids, n, want, &own));
  n = 0;
  for (uint32_t i = 0; i < count; i++)
    (*out)[i] = pq_id_is_foreign(r->nodes[r->node + i]) ? r->far_ends[r->node + i] : own[n++];
  return PQ_OK;
}

/* Hand the next nodes that are live and match to the sink; *is_full: it wants no more. */
static int read_more(pq_command *c, unsigned want, const related_sink *sink, bool *is_full) {
  struct pq_related *r = c->s.related;
  uint32_t count = pq_related_next_count(c, sink->is_counting);
  pq_entity *ends;
  *is_full = false;
  PQ_TRY(read_nodes(c, count, want, &ends));
  for (uint32_t i = 0; i < count && !*is_full; i++) {
    bool is_match = true;
    int rc;
    if (ends[i].id.p == NULL) continue;
    if (!pq_value_is_missing(c->s.args.filter)) PQ_TRY(match(c, &ends[i], &is_match));
    if (!is_match) continue;
    rc = c->s.args.is_edges ? sink_edges(c, sink, r->node + i, &ends[i])
                            : sink->take(sink->ud, &ends[i], 1);
    if (rc < 0) return rc;
    *is_full = rc == PQ_YIELD;
  }
  r->node += count;
  return PQ_OK;
}

/* Documents are read for a filter, a sort, and to be shown. */
static unsigned wanted(const pq_command *c, bool is_shown) {
  bool is_needed = is_shown || is_sorted(c) || !pq_value_is_missing(c->s.args.filter);
  return is_needed ? PQ_WANT_ALL : PQ_WANT_ID | PQ_WANT_DELETED;
}

/* ---- parts ---- */

static pq_edge_query query_of(const pq_command *c, bool is_reverse) {
  const struct pq_related *r = c->s.related;
  bool is_shown = c->s.args.is_edges && !r->is_counting;
  return (pq_edge_query){.nodes = &c->s.id,
                         .node_count = 1,
                         .predicates = r->predicates.items,
                         .predicate_count = r->predicates.count,
                         .is_reverse = is_reverse,
                         .far_min = r->far_min,
                         .enough = r->enough,
                         .needs_data = is_shown || r->edge_filter != NULL,
                         .is_data_late = r->edge_filter == NULL};
}

typedef struct both_parts {
  pq_edge_part out, in;
  pq_slice far_end; /* of both; p NULL: no end */
} both_parts;

static int read_parts(pq_command *c, both_parts *out) {
  const struct pq_related *r = c->s.related;
  const pq_view *v = &c->s.snapshot.view;
  pq_edge_query q;
  int rc = PQ_OK, rc_in = PQ_OK;
  *out = (both_parts){0};
  q = query_of(c, false);
  if (r->is_out) rc = pq_edges_read_part(v, &c->op.fetch, &c->op.scratch, &q, &out->out);
  if (rc < 0) return rc;
  q = query_of(c, true);
  if (r->is_in) rc_in = pq_edges_read_part(v, &c->op.fetch, &c->op.scratch, &q, &out->in);
  if (rc_in < 0) return rc_in;
  if (rc == PQ_NEED_IO || rc_in == PQ_NEED_IO) return PQ_NEED_IO;
  out->far_end = out->out.far_end;
  if (out->far_end.p == NULL ||
      (out->in.far_end.p != NULL && pq_slice_cmp(out->in.far_end, out->far_end) < 0))
    out->far_end = out->in.far_end;
  return PQ_OK;
}

static pq_slice far_end_of(const pq_related_edge *e) {
  return e->is_in ? e->edge.from_id : e->edge.to_id;
}

static int compare_edges(const void *a, const void *b, const void *ud) {
  const pq_related_edge *x = *(pq_related_edge *const *)a, *y = *(pq_related_edge *const *)b;
  int order = pq_slice_cmp(far_end_of(x), far_end_of(y));
  (void)ud;
  if (order == 0) order = (int)x->is_in - (int)y->is_in;
  return order != 0 ? order : pq_slice_cmp(x->edge.predicate, y->edge.predicate);
}

/* The edges of one direction that belong to the part and match; one from the target to itself is
 * there once. */
static int take_edges(pq_command *c, const both_parts *parts, bool is_in, pq_related_edge **list,
                      uint32_t *count) {
  const struct pq_related *r = c->s.related;
  const pq_edge_part *part = is_in ? &parts->in : &parts->out;
  for (uint32_t i = 0; i < part->count; i++) {
    pq_related_edge *e = pq_arena_calloc(&c->op.scratch, 1, sizeof *e);
    bool is_match;
    if (e == NULL) return c->op.cx->code;
    *e = (pq_related_edge){.edge = part->edges[i], .is_in = is_in};
    if (is_in && r->is_out && pq_slice_eq(e->edge.from_id, e->edge.to_id)) continue;
    if (parts->far_end.p != NULL && pq_slice_cmp(far_end_of(e), parts->far_end) >= 0) continue;
    PQ_TRY(pq_edge_match(c, r->edge_filter, &e->edge, &is_match));
    if (is_match) list[(*count)++] = e;
  }
  return PQ_OK;
}

/* Those that enter from other namespaces and belong to the part. */
static int take_entering(pq_command *c, const both_parts *parts, pq_related_edge **list,
                         uint32_t *count) {
  const struct pq_related *r = c->s.related;
  for (uint32_t i = 0; i < r->entering_count; i++) {
    pq_related_edge *e = pq_arena_calloc(&c->op.scratch, 1, sizeof *e);
    bool is_match;
    if (e == NULL) return c->op.cx->code;
    *e = (pq_related_edge){.edge = r->entering[i], .is_in = true};
    if (r->far_min.p != NULL && pq_slice_cmp(far_end_of(e), r->far_min) < 0) continue;
    if (parts->far_end.p != NULL && pq_slice_cmp(far_end_of(e), parts->far_end) >= 0) continue;
    PQ_TRY(pq_edge_match(c, r->edge_filter, &e->edge, &is_match));
    if (is_match) list[(*count)++] = e;
  }
  return PQ_OK;
}

/* They become the part, with its nodes. */
static int keep_part(pq_command *c, pq_related_edge *const *list, uint32_t count) {
  struct pq_related *r = c->s.related;
  pq_arena_clear(&r->part);
  r->edge_count = r->node_count = r->node = r->far_to = 0;
  r->far_ends = NULL;
  r->edges = pq_arena_calloc(&r->part, count, sizeof *r->edges);
  r->nodes = pq_arena_calloc(&r->part, count, sizeof *r->nodes);
  r->first = pq_arena_calloc(&r->part, (size_t)count + 1, sizeof *r->first);
  if (r->edges == NULL || r->nodes == NULL || r->first == NULL) return c->op.cx->code;
  for (uint32_t i = 0; i < count; i++) {
    pq_related_edge *e = &r->edges[i];
    *e = *list[i];
    PQ_TRY(pq_edge_keep(&r->part, &e->edge));
    if (r->node_count == 0 || !pq_slice_eq(r->nodes[r->node_count - 1], far_end_of(e))) {
      r->first[r->node_count] = i;
      r->nodes[r->node_count++] = far_end_of(e);
    }
  }
  r->first[r->node_count] = r->edge_count = count;
  return PQ_OK;
}

/* Where the next part begins. */
static int go_on(pq_command *c, const both_parts *parts) {
  struct pq_related *r = c->s.related;
  r->is_only = r->far_min.p == NULL && parts->far_end.p == NULL;
  r->is_last = parts->far_end.p == NULL;
  r->has_data = (!r->is_out || parts->out.has_data) && (!r->is_in || parts->in.has_data);
  if (r->enough < PQ_EDGES_AT_ONCE) r->enough *= PART_GROWTH;
  if (r->enough > PQ_EDGES_AT_ONCE) r->enough = PQ_EDGES_AT_ONCE;
  return r->is_last ? PQ_OK : pq_arena_copy(&c->op.arena, parts->far_end, &r->far_min);
}

/* Read the next part. A stage's call. */
static int next_part(pq_command *c) {
  both_parts parts;
  pq_related_edge **list;
  uint32_t count = 0;
  PQ_TRY(read_parts(c, &parts));
  list = pq_arena_calloc(&c->op.scratch,
                         (size_t)parts.out.count + parts.in.count + c->s.related->entering_count,
                         sizeof *list);
  if (list == NULL) return c->op.cx->code;
  PQ_TRY(take_edges(c, &parts, false, list, &count));
  PQ_TRY(take_edges(c, &parts, true, list, &count));
  PQ_TRY(take_entering(c, &parts, list, &count));
  PQ_TRY(pq_sort_items(c->op.cx, list, count, sizeof *list, compare_edges, NULL));
  PQ_TRY(keep_part(c, list, count));
  return go_on(c, &parts);
}

/* The far end that a page begins at; empty: the first. */
static int page_begin(pq_command *c, pq_slice *out) {
  const pq_place *after = c->s.collector.after;
  *out = (pq_slice){0};
  if (after == NULL || is_sorted(c)) return PQ_OK;
  *out = far_of(after->id);
  return c->s.args.is_edges ? PQ_OK : behind(&c->op.arena, *out, out);
}

/* Begin at the first part, or at the cursor's: a total wants what is before it, too. */
static int first_part(pq_command *c, bool is_counting) {
  struct pq_related *r = c->s.related;
  uint64_t page = pq_count_add(pq_count_add(c->s.args.limit, c->s.args.skip), 1);
  r->is_counting = is_counting;
  r->far_min = (pq_slice){0};
  r->is_last = r->is_only = false;
  r->node = r->node_count = 0;
  r->enough = PQ_EDGES_AT_ONCE;
  if (is_counting || is_sorted(c)) return PQ_OK;
  if (is_bounded(c) && page < PQ_EDGES_AT_ONCE)
    r->enough = page < PQ_EDGES_AT_LEAST ? PQ_EDGES_AT_LEAST : page;
  return c->s.args.wants_total ? PQ_OK : page_begin(c, &r->far_min);
}

/* Nodes before the page are passed over. */
static int skip_nodes(pq_command *c) {
  struct pq_related *r = c->s.related;
  pq_slice begin;
  PQ_TRY(page_begin(c, &begin));
  r->node = pq_slices_lower(r->nodes, 0, r->node_count, begin);
  return PQ_OK;
}

static bool has_nodes(const pq_command *c) {
  return c->s.related->node < c->s.related->node_count;
}

static bool is_at_end(const pq_command *c) {
  return !has_nodes(c) && c->s.related->is_last;
}

/* ---- stages ---- */

static int stage_related_end(pq_op *op) {
  pq_command *c = pq_command_of(op);
  if (c->s.args.is_explain) PQ_TRY(pq_explain_other(c, PQ_GRAPH_PLAN));
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_results_fields(c));
  if (c->s.related->unreachable > 0)
    PQ_TRY(pq_summary_count(c, "unreachable", c->s.related->unreachable));
  return pq_summary_end(c, c->s.snapshot.view.seq);
}

static int stage_total_nodes(pq_op *op);

static int stage_total(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_read_in_time(c));
  PQ_TRY(next_part(c));
  op->stage = stage_total_nodes;
  return pq_read_again(c);
}

static int stage_total_nodes(pq_op *op) {
  pq_command *c = pq_command_of(op);
  related_sink sink = {pq_count_sink, &c->s.total, true};
  bool is_full;
  PQ_TRY(pq_read_in_time(c));
  if (!pq_related_far_is_known(c))
    return pq_related_far_begin(c, wanted(c, false), stage_total_nodes);
  PQ_TRY(read_more(c, wanted(c, false), &sink, &is_full));
  if (is_at_end(c)) return pq_read_end(c, stage_related_end);
  if (!has_nodes(c)) op->stage = stage_total;
  return pq_read_again(c);
}

/* All items are queued: count what matches, if that is asked for and not known by now. */
static int page_end(pq_command *c) {
  const pq_collector *k = &c->s.collector;
  c->s.total = c->s.count;
  if (!c->s.args.wants_total || (!k->has_more && k->skip == 0 && k->after == NULL))
    return pq_read_end(c, stage_related_end);
  c->s.total = 0;
  c->op.stage = c->s.related->is_only ? stage_total_nodes : stage_total;
  if (!c->s.related->is_only) return first_part(c, true);
  c->s.related->is_counting = true;
  c->s.related->node = c->s.related->far_to = 0;
  return PQ_OK;
}

static int stage_related_nodes(pq_op *op);
static int stage_related_edges(pq_op *op);

static int stage_related_give(pq_op *op) {
  pq_command *c = pq_command_of(op);
  bool is_done = !is_streamed(c) || is_at_end(c);
  PQ_TRY(c->s.args.is_edges ? give_edges(c) : pq_results_give(c));
  if (c->s.args.is_explain) pq_read_drop(c);
  if (is_done) return page_end(c);
  op->stage = has_nodes(c) ? stage_related_nodes : stage_related_edges;
  return c->s.args.is_explain ? pq_read_again(c) : PQ_YIELD;
}

static int stage_related_nodes(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_collector *k = &c->s.collector;
  related_sink sink = {pq_collector_sink, k, false};
  bool is_done;
  PQ_TRY(pq_read_in_time(c));
  if (!pq_related_far_is_known(c))
    return pq_related_far_begin(c, wanted(c, !c->s.args.is_edges), stage_related_nodes);
  PQ_TRY(read_more(c, wanted(c, !c->s.args.is_edges), &sink, &is_done));
  is_done |= is_at_end(c);
  op->stage = has_nodes(c) ? stage_related_nodes : stage_related_edges;
  if (is_done) {
    PQ_TRY(pq_collector_finish(k));
    PQ_TRY(pq_results_next(c));
  } else if (!is_streamed(c) || k->count == 0) {
    return pq_read_again(c);
  }
  op->stage = stage_related_give;
  if (k->count > 0 && c->s.populate != NULL) return pq_populate_begin(c, stage_related_give);
  return pq_read_again(c);
}

static int stage_related_edges(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_read_in_time(c));
  PQ_TRY(next_part(c));
  PQ_TRY(skip_nodes(c));
  op->stage = stage_related_nodes;
  return pq_read_again(c);
}

/* A deleted or absent source has no edges to show. */
static int stage_related_source(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_entity *source;
  PQ_TRY(read_entities(c, &c->s.id, 1, PQ_WANT_ID | PQ_WANT_DELETED, &source));
  if (source[0].id.p == NULL) return page_end(c);
  PQ_TRY(first_part(c, false));
  op->stage = stage_related_edges;
  if (c->s.has_refs) pq_related_entering_begin(c, stage_related_edges);
  return PQ_OK;
}

static int stage_related(pq_op *op) {
  PQ_TRY(pq_read_snapshot(pq_command_of(op)));
  op->stage = stage_related_source;
  return PQ_OK;
}

/* ---- options ---- */

/* What pages have in common beside the filter. */
static uint64_t question(const pq_command *c) {
  const struct pq_related *r = c->s.related;
  uint64_t h = pq_hash(c->s.id, r->is_out + 2u * r->is_in + 4u * c->s.args.is_edges);
  for (uint32_t i = 0; i < r->predicates.count; i++)
    h = pq_hash(r->predicates.items[i], h);
  return pq_value_is_missing(r->edge_choice) ? h : h * 31 + pq_value_hash(r->edge_choice);
}

static int open_options(pq_command *c) {
  struct pq_related *r = pq_arena_calloc(&c->arena, 1, sizeof *r);
  pq_direction direction = PQ_OUT;
  if (r == NULL) return c->op.cx->code;
  pq_arena_init(&r->part, c->op.cx, c->op.cx->limits.op_len_max);
  pq_arena_init(&r->shown, c->op.cx, c->op.cx->limits.op_len_max);
  pq_arena_init(&r->beyond, c->op.cx, c->op.cx->limits.op_len_max);
  c->s.related = r;
  PQ_TRY(pq_own_predicates(c, "predicate", pq_own_option(c, "predicate"), &r->predicates));
  PQ_TRY(pq_own_direction(c, "direction", pq_own_option(c, "direction"), &direction));
  r->is_out = (direction & PQ_OUT) != 0;
  r->is_in = (direction & PQ_IN) != 0;
  r->edge_choice = pq_own_option(c, "edgeFilter");
  PQ_TRY(pq_edge_choice(c, &r->edge_choice));
  return pq_own_filter(c, "edgeFilter", r->edge_choice, &r->edge_filter);
}

int pq_related_query(pq_command *c, bool is_reverse, pq_edge_query *out, bool *is_there) {
  const struct pq_related *r = c->s.related;
  PQ_TRY(first_part(c, false));
  *is_there = is_reverse ? r->is_in : r->is_out;
  *out = query_of(c, is_reverse);
  return PQ_OK;
}

int pq_open_related(pq_command *c, pq_value target) {
  const pq_args *args = &c->s.args;
  pq_sort sort;
  PQ_TRY(pq_target_id(c, target));
  if (args->is_edges && (args->given & PQ_OPT_SHOW))
    return pq_fail(c->op.cx, PQ_EINVALID,
                   "related: with 'edges' the items are edges, 'project' and 'populate' are for "
                   "entities");
  PQ_TRY(pq_read_language(c));
  PQ_TRY(open_options(c));
  PQ_TRY(pq_sort_parse(&c->arena, c->s.env, args->sort, &sort));
  c->s.start = stage_related;
  c->s.needs_refs = c->s.related->is_in;
  pq_results_init(c, sort.count == 0 && args->limit == 0 ? &c->replies : &c->op.arena);
  c->s.collector.is_plain |= args->is_edges && sort.count == 0; /* no document to be merged */
  c->s.collector.shows_key &= !args->is_edges;
  c->s.collector.sort = sort;
  c->s.collector.skip = args->skip;
  c->s.collector.limit = args->limit;
  return pq_results_open(c, question(c));
}
