/* cmd/edge_match.c - edges whose target is looked for by its name.
 *
 *   {"from": "posts/p1", "predicate": "about", "match": "grafs", "in": "topics", "threshold": 0.7}
 *        └─► collections: `in`, else those of the type that the schema's field leads to
 *              └─► a scan of each: the most alike name of a live entity, of several the least id
 *                    ├─► alike enough: the edge has a target, mode "fuzzy" and a confidence
 *                    └─► not: no edge, but a note with the best one
 *
 * All texts of a command are held against a name when it comes by, so each collection is read once.
 */
#include <string.h>

#include "base/slices.h"
#include "cmd/edge_rules.h"
#include "value/similarity.h"

#define TEXT_ARGS(s) (int)((s).n > 60 ? 60 : (s).n), (s).n == 0 ? "" : (const char *)(s).p

enum { MATCHES_MAX = 10000, THRESHOLD_PERCENT = 70 };

/* A text that is looked for. */
typedef struct match_want {
  uint32_t edge;   /* of c->s.edges */
  pq_slice in;     /* a collection; empty: all of the type */
  pq_slice target; /* the type */
  double threshold;
  bool is_here;  /* the collection that is scanned counts */
  pq_slice best; /* empty: none as yet */
  double confidence;
  pq_folded_text text;
} match_want;

struct pq_match {
  match_want *wants;
  uint32_t count;
  pq_edge_arg *settled;       /* the edges that have a target */
  const pq_edge_form **forms; /* the collections */
  uint32_t form_count, form;
  pq_filter *filter;
};

/* ---- which texts, and where ---- */

static int add_want(pq_command *c, struct pq_match *m, pq_edge_rules *rules, uint32_t i) {
  const pq_edge_arg *e = &c->s.edges[i];
  match_want *w = &m->wants[m->count++];
  pq_slice collection = {0}, local;
  const pq_schema_field *field;
  const pq_edge_form *from;
  *w = (match_want){.edge = i, .in = e->in, .threshold = THRESHOLD_PERCENT / 100.0};
  pq_fold_text(e->match, &w->text);
  (void)pq_id_split(e->from, &collection, &local);
  PQ_TRY(pq_edge_form_of(rules, collection, &from));
  field = pq_edge_field_of(from, e->predicate);
  if (field != NULL && !field->is_backward) {
    w->target = field->target;
    (void)pq_value_number(pq_object_get_str(field->options, "threshold"), &w->threshold);
  }
  if (e->has_threshold) w->threshold = e->threshold;
  if (w->in.n > 0 || w->target.n > 0) return PQ_OK;
  return pq_fail(c->op.cx, PQ_EINVALID,
                 "%s: an edge with 'match' needs 'in', a collection, as the schema of '%.*s' does "
                 "not say where '%.*s' leads",
                 c->s.spec->name, TEXT_ARGS(collection), TEXT_ARGS(e->predicate));
}

/* The collections that the view knows, and those that are named; some may come twice. */
static int list_names(pq_command *c, const struct pq_match *m, pq_slice **out, uint32_t *count) {
  const pq_view *v = &c->s.snapshot.view;
  uint32_t known = v->manifest->collection_count, n = 0;
  uint32_t fresh = v->overlay == NULL ? 0 : v->overlay->collections.count;
  uint32_t own = v->own == NULL ? 0 : v->own->collections.count;
  pq_slice *names =
      pq_arena_calloc(&c->op.scratch, (size_t)known + fresh + own + m->count, sizeof *names);
  if (names == NULL) return c->op.cx->code;
  for (uint32_t i = 0; i < known; i++)
    names[n++] = v->manifest->collections[i].name;
  for (uint32_t i = 0; i < fresh; i++)
    names[n++] = v->overlay->collections.items[i].name;
  for (uint32_t i = 0; i < own; i++)
    names[n++] = v->own->collections.items[i].name;
  for (uint32_t i = 0; i < m->count; i++)
    if (m->wants[i].in.n > 0) names[n++] = m->wants[i].in;
  *out = names;
  *count = n;
  return pq_slices_sort(c->op.cx, names, count);
}

static bool is_in(const match_want *w, const pq_edge_form *f) {
  return w->in.n > 0 ? pq_slice_eq(w->in, f->collection) : pq_edge_is_target(f, w->target);
}

static int choose_collections(pq_command *c, struct pq_match *m, pq_edge_rules *rules) {
  pq_slice *names = NULL;
  uint32_t count = 0;
  PQ_TRY(list_names(c, m, &names, &count));
  m->forms = pq_arena_calloc(&c->op.arena, count, sizeof *m->forms);
  if (m->forms == NULL) return c->op.cx->code;
  for (uint32_t i = 0; i < count; i++) {
    const pq_edge_form *f;
    bool is_wanted = false;
    PQ_TRY(pq_edge_form_of(rules, names[i], &f));
    for (uint32_t k = 0; k < m->count && !is_wanted; k++)
      is_wanted = is_in(&m->wants[k], f);
    if (is_wanted) m->forms[m->form_count++] = f;
  }
  return PQ_OK;
}

/* ---- names that come by ---- */

static double likeness(const pq_command *c, const match_want *w, pq_slice name,
                       const pq_folded_text *folded) {
  const pq_similarity_with *own = &c->db->similarity;
  double s;
  if (own->of == NULL) return pq_similarity_of(&w->text, folded);
  s = own->of(own->ud, c->s.edges[w->edge].match, name);
  return s >= 0 && s <= 1 ? s : 0; /* not a number: not alike */
}

/* A pq_scan_sink. */
static int take_candidate(void *ud, const pq_entity *e, uint64_t count) {
  pq_command *c = ud;
  struct pq_match *m = c->s.matching;
  pq_slice name = pq_entity_name(e->id, e->data, e->name_field);
  pq_folded_text folded;
  (void)count;
  pq_fold_text(name, &folded);
  for (uint32_t i = 0; i < m->count; i++) {
    match_want *w = &m->wants[i];
    double s;
    if (!w->is_here || pq_slice_eq(c->s.edges[w->edge].from, e->id)) continue;
    s = likeness(c, w, name, &folded);
    if (w->best.n > 0 &&
        (s < w->confidence || (s == w->confidence && pq_slice_cmp(e->id, w->best) > 0)))
      continue;
    PQ_TRY(pq_arena_copy(&c->op.arena, e->id, &w->best));
    w->confidence = s;
  }
  return PQ_OK;
}

/* ---- what was found ---- */

int pq_edge_data(pq_command *c, pq_arena *arena, pq_arena *scratch, const pq_edge_label *label,
                 pq_value data, pq_value *out) {
  pq_builder *b = c->db->builder;
  uint32_t count;
  pq_field *fields = pq_object_fields(scratch, data, &count);
  if (fields == NULL && pq_value_count(data) > 0) return c->op.cx->code;
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_put_text(b, PQ_EDGE_MODE_NAME, label->mode));
  if (label->has_confidence) PQ_TRY(pq_builder_key_str(b, PQ_EDGE_CONFIDENCE_NAME));
  if (label->has_confidence) PQ_TRY(pq_builder_double(b, label->confidence));
  for (uint32_t i = 0; i < count; i++) {
    PQ_TRY(pq_builder_key(b, fields[i].name));
    PQ_TRY(pq_builder_value(b, fields[i].value));
  }
  PQ_TRY(pq_builder_end(b));
  return pq_builder_finish(b, arena, out);
}

/* Of a text in a document the summary's warnings tell. */
static int warn_unmatched(pq_command *c, const match_want *w) {
  const pq_edge_arg *e = &c->s.edges[w->edge];
  char *text = w->best.n == 0
                   ? pq_arena_printf(&c->op.scratch, "'%.*s' is like no %.*s: there is none",
                                     TEXT_ARGS(e->match), TEXT_ARGS(w->target))
                   : pq_arena_printf(&c->op.scratch, "'%.*s' is like no %.*s: %.*s is nearest",
                                     TEXT_ARGS(e->match), TEXT_ARGS(w->target), TEXT_ARGS(w->best));
  if (text == NULL) return c->op.cx->code;
  return pq_typing_warn(c, e->index, e->predicate, text);
}

static int note_unmatched(pq_command *c, const match_want *w) {
  pq_command_state *s = &c->s;
  if (s->edges[w->edge].is_of_text) return warn_unmatched(c, w);
  if (s->unmatched_count == 0) {
    s->unmatched = pq_arena_calloc(&c->op.arena, s->matching->count, sizeof *s->unmatched);
    if (s->unmatched == NULL) return c->op.cx->code;
  }
  s->unmatched[s->unmatched_count++] = (pq_unmatched){s->edges[w->edge], w->best, w->confidence};
  return PQ_OK;
}

/* Targets for the edges that found one; the others are taken out. */
static int settle(pq_command *c, struct pq_match *m) {
  uint32_t kept = 0, next = 0;
  for (uint32_t i = 0; i < c->s.edge_count; i++) {
    pq_edge_arg e = c->s.edges[i];
    const match_want *w = next < m->count && m->wants[next].edge == i ? &m->wants[next++] : NULL;
    if (w != NULL && (w->best.n == 0 || w->confidence < w->threshold)) {
      PQ_TRY(note_unmatched(c, w));
      continue;
    }
    if (w != NULL) {
      pq_edge_label label = {PQ_SLICE("fuzzy"), w->confidence, true};
      e.to = w->best;
      e.is_found = true;
      PQ_TRY(pq_edge_data(c, &c->op.arena, &c->op.scratch, &label, e.data, &e.data));
    }
    m->settled[kept++] = e;
  }
  c->s.edges = m->settled;
  c->s.edge_count = c->s.edge_cap = kept;
  return PQ_OK;
}

int pq_edges_drop_left_out(pq_command *c) {
  uint32_t kept = 0;
  pq_table ids;
  int rc = PQ_OK;
  pq_table_init(&ids, c->op.cx);
  for (uint32_t i = 0; i < c->s.commit.count && rc == PQ_OK; i++)
    rc = pq_table_add(&ids, pq_hash(c->s.commit.events[i].id, 11), i);
  for (uint32_t k = 0; k < c->s.edge_count && rc == PQ_OK; k++) {
    uint64_t hash = pq_hash(c->s.edges[k].from, 11);
    size_t pos;
    uint32_t i = pq_table_first(&ids, hash, &pos);
    while (i != PQ_TABLE_NONE && !pq_slice_eq(c->s.commit.events[i].id, c->s.edges[k].from))
      i = pq_table_next(&ids, hash, &pos);
    if (i != PQ_TABLE_NONE) c->s.edges[kept++] = c->s.edges[k];
  }
  if (rc == PQ_OK) c->s.edge_count = kept;
  pq_table_release(&ids);
  return rc;
}

int pq_edges_put_unmatched(pq_command *c) {
  pq_builder *b = c->db->builder;
  PQ_TRY(pq_builder_key_str(b, "unmatched"));
  PQ_TRY(pq_builder_begin_array(b));
  for (uint32_t i = 0; i < c->s.unmatched_count; i++) {
    const pq_unmatched *u = &c->s.unmatched[i];
    PQ_TRY(pq_builder_begin_object(b));
    PQ_TRY(pq_put_text(b, "from", u->edge.from));
    PQ_TRY(pq_put_text(b, "predicate", u->edge.predicate));
    PQ_TRY(pq_put_text(b, "match", u->edge.match));
    if (u->best.n > 0) PQ_TRY(pq_put_text(b, "best", u->best));
    if (u->best.n > 0) PQ_TRY(pq_builder_key_str(b, "confidence"));
    if (u->best.n > 0) PQ_TRY(pq_builder_double(b, u->confidence));
    PQ_TRY(pq_builder_end(b));
  }
  return pq_builder_end(b);
}

/* ---- stages ---- */

static int stage_match_next(pq_op *op);

static int stage_match_scan(pq_op *op) {
  pq_command *c = pq_command_of(op);
  int rc = pq_scan_next(&c->s.scan, &op->fetch, &op->scratch, c->db->builder, take_candidate, c);
  if (rc == PQ_OK && c->s.scan.is_done) {
    c->s.matching->form++;
    op->stage = stage_match_next;
  }
  return pq_turn_result(c, rc);
}

static int stage_match_next(pq_op *op) {
  pq_command *c = pq_command_of(op);
  struct pq_match *m = c->s.matching;
  int rc;
  if (m->form < m->form_count) {
    for (uint32_t i = 0; i < m->count; i++)
      m->wants[i].is_here = is_in(&m->wants[i], m->forms[m->form]);
    pq_scan_init(&c->s.scan, &c->s.snapshot.view, m->forms[m->form]->collection, m->filter);
    c->s.scan.window = PQ_SCAN_WINDOW_MAX;
    op->stage = stage_match_scan;
    return PQ_OK;
  }
  rc = settle(c, m);
  if (rc == PQ_OK) op->stage = c->s.after_match;
  return pq_turn_result(c, rc);
}

static int begin(pq_command *c, pq_edge_rules *rules, uint32_t count) {
  struct pq_match *m = pq_arena_calloc(&c->op.arena, 1, sizeof *m);
  if (m == NULL) return c->op.cx->code;
  if (count > MATCHES_MAX)
    return pq_fail(c->op.cx, PQ_ELIMIT, "more than %d edges with 'match' in one command",
                   MATCHES_MAX);
  m->wants = pq_arena_calloc(&c->op.arena, count, sizeof *m->wants);
  m->settled = pq_arena_calloc(&c->op.arena, c->s.edge_count, sizeof *m->settled);
  if (m->wants == NULL || m->settled == NULL) return c->op.cx->code;
  for (uint32_t i = 0; i < c->s.edge_count; i++)
    if (c->s.edges[i].match.p != NULL) PQ_TRY(add_want(c, m, rules, i));
  PQ_TRY(choose_collections(c, m, rules));
  PQ_TRY(pq_filter_parse(&c->op.arena, NULL, (pq_value){0}, &m->filter));
  c->s.matching = m;
  return PQ_OK;
}

int pq_edges_match(pq_command *c, pq_stage_fn after) {
  pq_edge_rules rules;
  uint32_t count = 0;
  int rc;
  for (uint32_t i = 0; i < c->s.edge_count; i++)
    count += c->s.edges[i].match.p != NULL;
  c->op.stage = after;
  if (count == 0) return PQ_OK;
  c->s.after_match = after;
  pq_edge_rules_init(&rules, c, &c->op.arena);
  rc = begin(c, &rules, count);
  pq_edge_rules_release(&rules);
  c->op.stage = stage_match_next;
  return rc;
}

/* ---- which edges a reader wants ---- */

static int wrong_choice(pq_command *c, const char *what) {
  return pq_fail(c->op.cx, PQ_EINVALID, "%s: option %s", c->s.spec->name, what);
}

/* {"matchMode": {"$ne": "fuzzy"}}, or what is. */
static int put_is_fuzzy(pq_builder *b, bool is_fuzzy) {
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "matchMode"));
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_put_text(b, is_fuzzy ? "$eq" : "$ne", PQ_SLICE("fuzzy")));
  PQ_TRY(pq_builder_end(b));
  return pq_builder_end(b);
}

/* Edges that are not fuzzy are certain. */
static int put_confidence(pq_builder *b, double least) {
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "$or"));
  PQ_TRY(pq_builder_begin_array(b));
  PQ_TRY(put_is_fuzzy(b, false));
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "confidence"));
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "$gte"));
  PQ_TRY(pq_builder_double(b, least));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_end(b));
  return pq_builder_end(b);
}

int pq_edge_choice(pq_command *c, pq_value *filter) {
  pq_value least = pq_own_option(c, "minConfidence"), mode = pq_own_option(c, "mode");
  bool has_least = !pq_value_is_missing(least), has_mode = !pq_value_is_missing(mode);
  pq_builder *b = c->db->builder;
  pq_slice word = {0};
  double d = 0;
  if (!has_least && !has_mode) return PQ_OK;
  if (has_least && !(pq_value_number(least, &d) && d >= 0 && d <= 1))
    return wrong_choice(c, "'minConfidence' must be a number from 0 to 1");
  if (has_mode &&
      !(pq_value_string(mode, &word) && (pq_slice_is(word, "exact") || pq_slice_is(word, "fuzzy"))))
    return wrong_choice(c, "'mode' must be \"exact\" or \"fuzzy\"");
  if (!pq_value_is_missing(*filter) && pq_value_type(*filter) != PQ_TYPE_OBJECT)
    return PQ_OK; /* who parses it says so */
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "$and"));
  PQ_TRY(pq_builder_begin_array(b));
  if (!pq_value_is_missing(*filter)) PQ_TRY(pq_builder_value(b, *filter));
  if (has_least) PQ_TRY(put_confidence(b, d));
  if (has_mode) PQ_TRY(put_is_fuzzy(b, pq_slice_is(word, "fuzzy")));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_end(b));
  return pq_builder_finish(b, &c->arena, filter);
}
