/* cmd/link_commands.c - link, unlink: edges become CREATE, UPDATE or DELETE events, all or none.
 *
 *   JSON or lines ─► edges ─► edge_write.c: ends, what is there already ─► one commit
 */
#include <string.h>

#include "cmd/command_int.h"

#define TEXT_ARGS(s) (int)((s).n > 60 ? 60 : (s).n), (const char *)(s).p

/* ---- the edges given ---- */

static int take_text(pq_command *c, pq_value v, const char *name, pq_slice *out) {
  pq_slice text;
  *out = (pq_slice){0};
  if (!pq_value_string(v, &text) || text.n == 0)
    return pq_fail(c->op.cx, PQ_EINVALID, "%s: an edge needs '%s', text that is not empty",
                   c->s.spec->name, name);
  return pq_arena_copy(&c->arena, text, out);
}

static int keep_data(pq_command *c, pq_value v, pq_value *out) {
  if (pq_value_type(v) == PQ_TYPE_NULL) return PQ_OK;
  if (pq_value_type(v) != PQ_TYPE_OBJECT)
    return pq_fail(c->op.cx, PQ_EINVALID, "link: 'data' of an edge must be an object");
  pq_builder_clear(c->db->builder);
  PQ_TRY(pq_builder_value(c->db->builder, v));
  return pq_builder_finish(c->db->builder, &c->arena, out);
}

/* Data may say how the edge came about, as events do. */
static int check_label(pq_command *c, pq_value data) {
  pq_edge e = {.data = data};
  pq_slice mode = pq_edge_mode(&e);
  bool has_mode = !pq_value_is_missing(pq_object_get_str(data, PQ_EDGE_MODE_NAME));
  pq_value v = pq_object_get_str(data, PQ_EDGE_CONFIDENCE_NAME);
  bool is_fuzzy = pq_slice_is(mode, "fuzzy");
  double confidence;
  if (has_mode && !is_fuzzy && !pq_slice_is(mode, "exact"))
    return pq_fail(c->op.cx, PQ_EINVALID, "%s: the mode of an edge is \"exact\" or \"fuzzy\"",
                   c->s.spec->name);
  if (pq_value_is_missing(v)) return PQ_OK;
  if (is_fuzzy && pq_value_double(v, &confidence) && confidence >= 0 && confidence <= 1)
    return PQ_OK;
  return pq_fail(c->op.cx, PQ_EINVALID,
                 "%s: 'confidence' is a number from 0 to 1, of an edge with mode \"fuzzy\"",
                 c->s.spec->name);
}

/* What was given of an edge beside its ends. */
typedef struct edge_extras {
  pq_edge_label label;
  bool has_threshold;
} edge_extras;

static int take_part(pq_command *c, const pq_field *f, const char *name, double *out) {
  if (pq_value_number(f->value, out) && *out >= 0 && *out <= 1) return PQ_OK;
  return pq_fail(c->op.cx, PQ_EINVALID, "link: '%s' of an edge must be a number from 0 to 1", name);
}

/* *is_taken: it is one of the fields that only `link` knows. */
static int take_link_field(pq_command *c, const pq_field *f, pq_edge_arg *e, edge_extras *x,
                           bool *is_taken) {
  *is_taken = true;
  if (pq_slice_is(f->name, "reverse")) return take_text(c, f->value, "reverse", &e->reverse);
  if (pq_slice_is(f->name, "data")) return keep_data(c, f->value, &e->data);
  if (pq_slice_is(f->name, "match")) return take_text(c, f->value, "match", &e->match);
  if (pq_slice_is(f->name, "in")) return take_text(c, f->value, "in", &e->in);
  if (pq_slice_is(f->name, "mode")) return take_text(c, f->value, "mode", &x->label.mode);
  e->has_threshold |= pq_slice_is(f->name, "threshold");
  if (pq_slice_is(f->name, "threshold")) return take_part(c, f, "threshold", &e->threshold);
  x->label.has_confidence |= pq_slice_is(f->name, "confidence");
  if (pq_slice_is(f->name, "confidence"))
    return take_part(c, f, "confidence", &x->label.confidence);
  *is_taken = false;
  return PQ_OK;
}

static int take_field(pq_command *c, const pq_field *f, pq_edge_arg *e, edge_extras *x) {
  bool is_link = pq_slice_is(pq_str(c->s.spec->name), "link"), is_taken = false;
  if (pq_slice_is(f->name, "from")) return take_text(c, f->value, "from", &e->from);
  if (pq_slice_is(f->name, "predicate")) return take_text(c, f->value, "predicate", &e->predicate);
  if (pq_slice_is(f->name, "to")) return take_text(c, f->value, "to", &e->to);
  if (is_link) PQ_TRY(take_link_field(c, f, e, x, &is_taken));
  if (is_taken) return PQ_OK;
  return pq_fail(c->op.cx, PQ_EINVALID, "%s: unknown field '%.*s' of an edge", c->s.spec->name,
                 TEXT_ARGS(f->name));
}

static int finish_link(pq_command *c, pq_arena *scratch, const edge_extras *x, pq_edge_arg *e) {
  bool has_label = x->label.mode.n > 0 || x->label.has_confidence;
  if (e->match.n > 0 && (e->to.n > 0 || has_label))
    return pq_fail(c->op.cx, PQ_EINVALID,
                   "link: an edge with 'match' finds its 'to', 'mode' and 'confidence' itself");
  if (e->match.n == 0 && (e->in.n > 0 || e->has_threshold))
    return pq_fail(c->op.cx, PQ_EINVALID, "link: 'in' and 'threshold' go with 'match'");
  if (e->in.n > 0 && memchr(e->in.p, '/', e->in.n) != NULL)
    return pq_fail(c->op.cx, PQ_EINVALID,
                   "link: 'match' looks in collections of this namespace: link to an entity of "
                   "another one by its id, NAMESPACE/COLLECTION/LOCAL-ID");
  if (e->in.n > 0) PQ_TRY(pq_check_collection(c->op.cx, e->in));
  if (pq_value_is_missing(e->data) && !has_label) return PQ_OK;
  PQ_TRY(check_label(c, e->data));
  if (!has_label && e->match.n == 0) return PQ_OK;
  if (pq_edge_mode(&(pq_edge){.data = e->data}).n > 0)
    return pq_fail(c->op.cx, PQ_EINVALID, "link: 'data' has a field '%s': that is what 'mode' says",
                   PQ_EDGE_MODE_NAME);
  if (!has_label) return PQ_OK;
  PQ_TRY(pq_edge_data(c, &c->arena, scratch, &x->label, e->data, &e->data));
  return check_label(c, e->data);
}

int pq_check_end(pq_command *c, pq_slice *id) {
  pq_slice ns, there;
  if (!pq_id_split_foreign(*id, &ns, &there)) return pq_check_id(c->op.cx, *id);
  PQ_TRY(pq_db_check_name(c->db, ns));
  PQ_TRY(pq_check_id(c->op.cx, there));
  if (pq_slice_is(ns, c->s.space->ns)) *id = there;
  return PQ_OK;
}

/* A link is part of the namespace of its source. */
static int check_ends(pq_command *c, pq_edge_arg *e) {
  pq_slice ns, there;
  PQ_TRY(pq_check_end(c, &e->from));
  if (pq_id_split_foreign(e->from, &ns, &there))
    return pq_fail(c->op.cx, PQ_EINVALID,
                   "%s: an edge belongs to the namespace of its 'from': run the command in "
                   "namespace '%.*s' for %.*s",
                   c->s.spec->name, TEXT_ARGS(ns), TEXT_ARGS(e->from));
  return e->to.n == 0 ? PQ_OK : pq_check_end(c, &e->to);
}

/* The fields of an edge, checked; all texts are in the command's arena. */
static int parse_edge(pq_command *c, pq_arena *scratch, pq_value v, pq_edge_arg *out) {
  pq_edge_arg e = {.is_unlink = pq_slice_is(pq_str(c->s.spec->name), "unlink")};
  edge_extras x = {0};
  uint32_t count;
  pq_field *fields;
  if (pq_value_type(v) != PQ_TYPE_OBJECT)
    return pq_fail(c->op.cx, PQ_EINVALID, "%s: an edge is an object {from, predicate, to}",
                   c->s.spec->name);
  pq_arena_clear(scratch);
  fields = pq_object_fields(scratch, v, &count);
  if (fields == NULL && pq_value_count(v) > 0) return c->op.cx->code;
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(take_field(c, &fields[i], &e, &x));
  if (e.from.n == 0 || e.predicate.n == 0 || (e.to.n == 0 && e.match.n == 0 && !e.is_unlink))
    return pq_fail(c->op.cx, PQ_EINVALID, "%s: an edge needs 'from', 'predicate'%s",
                   c->s.spec->name, e.is_unlink ? "" : " and 'to'");
  if (pq_slice_is(pq_str(c->s.spec->name), "link")) PQ_TRY(finish_link(c, scratch, &x, &e));
  PQ_TRY(check_ends(c, &e));
  PQ_TRY(pq_check_predicate(c, e.predicate));
  PQ_TRY(pq_check_predicate(c, e.reverse));
  *out = e;
  return PQ_OK;
}

int pq_edge_of(pq_command *c, pq_value v, pq_edge_arg *out) {
  pq_arena scratch;
  int rc;
  pq_arena_init(&scratch, c->op.cx, c->op.cx->limits.op_len_max);
  rc = parse_edge(c, &scratch, v, out);
  pq_arena_release(&scratch);
  return rc;
}

static int take_edge(pq_command *c, pq_arena *scratch, pq_value v) {
  pq_edge_arg e;
  PQ_TRY(parse_edge(c, scratch, v, &e));
  e.line = c->s.line;
  return pq_edges_add(c, &c->arena, &e);
}

static int take_target(pq_command *c, pq_arena *scratch, pq_value target) {
  uint32_t n = pq_value_count(target);
  if (pq_value_type(target) != PQ_TYPE_ARRAY) return take_edge(c, scratch, target);
  for (uint32_t i = 0; i < n; i++) {
    int rc = take_edge(c, scratch, pq_array_at(target, i));
    if (rc != PQ_OK) return pq_fail(c->op.cx, rc, "edge %u: %s", i, c->op.cx->msg);
  }
  return PQ_OK;
}

static int take_edges(pq_command *c, pq_value target) {
  pq_arena scratch;
  int rc;
  pq_arena_init(&scratch, c->op.cx, c->op.cx->limits.op_len_max);
  rc = take_target(c, &scratch, target);
  pq_arena_release(&scratch);
  return rc == PQ_OK ? pq_payload_lines(c, take_edge) : rc;
}

/* ---- stages ---- */

static int stage_link_end(pq_op *op) {
  pq_command *c = pq_command_of(op);
  bool is_link = pq_slice_is(pq_str(c->s.spec->name), "link");
  PQ_TRY(pq_summary_begin(c));
  if (is_link) PQ_TRY(pq_summary_count(c, "linkedCount", c->s.changed));
  if (is_link) PQ_TRY(pq_summary_count(c, "unchangedCount", c->s.unchanged));
  if (!is_link || c->s.replaces) PQ_TRY(pq_summary_count(c, "unlinkedCount", c->s.unlinked));
  if (c->s.matching != NULL) PQ_TRY(pq_edges_put_unmatched(c));
  return pq_summary_end(c, c->s.space->seq);
}

static int stage_link_commit(pq_op *op) {
  return pq_write_commit(pq_command_of(op), stage_link_end);
}

static int stage_link(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_read_snapshot(c));
  pq_edges_write(c, stage_link_commit);
  return PQ_OK;
}

int pq_open_unlink(pq_command *c, pq_value target) {
  c->s.start = stage_link;
  return take_edges(c, target);
}

int pq_open_link(pq_command *c, pq_value target) {
  pq_value replace = pq_own_option(c, "replace");
  if (!pq_value_is_missing(replace) && !pq_value_bool(replace, &c->s.replaces))
    return pq_fail(c->op.cx, PQ_EINVALID, "link: option 'replace' must be true or false");
  return pq_open_unlink(c, target);
}
