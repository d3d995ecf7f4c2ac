/* cmd/insert_command.c - insert: documents or NDJSON lines become CREATE events.
 *
 *   document ─► $id (given, from _id, or a new ULID), $type ─► the rest is $data ─► a write
 *
 * Without `ordered` all are inserted or none. With it (true: up to the first error, false: all that
 * can be) errors are told by the document's index and the rest stays. All go into one commit.
 */
#include <string.h>

#include "base/merge_sort.h"
#include "cmd/command_int.h"

#define TEXT_ARGS(s) (int)((s).n > 60 ? 60 : (s).n), (const char *)(s).p

/* ---- documents ---- */

/* Read $id and $type; the caller leaves out all names that begin with '$'. `id` is the field _id.
 */
static int system_fields(pq_command *c, pq_arena *arena, const pq_field *fields, uint32_t count,
                         pq_value id, pq_write *w) {
  pq_cx *cx = c->op.cx;
  for (uint32_t i = 0; i < count; i++) {
    pq_slice name = fields[i].name;
    if (name.n == 0 || name.p[0] != '$') continue;
    if (pq_slice_is(name, "$id")) {
      PQ_TRY(pq_id_of_text(c, arena, fields[i].value, &w->id));
    } else if (pq_slice_is(name, "$type")) {
      if (!pq_value_string(fields[i].value, &w->type) || w->type.n == 0)
        return pq_fail(cx, PQ_EINVALID, "$type must be text that is not empty");
      PQ_TRY(pq_arena_copy(arena, w->type, &w->type));
    } else {
      return pq_fail(cx, PQ_EINVALID, "field '%.*s': names that start with '$' are reserved",
                     TEXT_ARGS(name));
    }
  }
  if (w->id.n > 0) return PQ_OK;
  w->is_id_made = pq_value_is_missing(id);
  return pq_value_is_missing(id) ? pq_id_new(c, arena, &w->id)
                                 : pq_id_of_value(c, arena, id, &w->id);
}

/* A document without system fields: the whole of it is the user's, names that begin with '$', too;
 * but not in `_id`. */
static int check_plain_id(pq_command *c, pq_value id) {
  pq_type type = pq_value_type(id);
  pq_field field;
  if (type == PQ_TYPE_ARRAY || type == PQ_TYPE_REGEX)
    return pq_fail(c->op.cx, PQ_EINVALID, "The '_id' value cannot be of type %s",
                   pq_type_name(type));
  for (uint32_t i = 0; type == PQ_TYPE_OBJECT && pq_object_at(id, i, &field); i++)
    if (field.name.n > 0 && field.name.p[0] == '$')
      return pq_fail(
          c->op.cx, PQ_EINVALID,
          "_id fields may not contain '$'-prefixed fields: %.*s is not valid for storage.",
          TEXT_ARGS(field.name));
  return PQ_OK;
}

int pq_write_of_plain(pq_command *c, pq_arena *arena, pq_value doc, pq_write *out) {
  pq_value id = pq_object_get_str(doc, "_id");
  *out = (pq_write){.kind = PQ_WRITE_INSERT, .type = c->s.type};
  if (pq_value_type(doc) != PQ_TYPE_OBJECT)
    return pq_fail(c->op.cx, PQ_EINVALID, "a document must be an object");
  PQ_TRY(check_plain_id(c, id));
  PQ_TRY(system_fields(c, arena, NULL, 0, id, out));
  PQ_TRY(pq_check_id(c->op.cx, out->id));
  pq_builder_clear(c->db->builder);
  PQ_TRY(pq_builder_value(c->db->builder, doc));
  return pq_builder_finish(c->db->builder, arena, &out->data);
}

int pq_write_of_document(pq_command *c, pq_arena *arena, pq_value doc, pq_write *out) {
  pq_builder *b = c->db->builder;
  uint32_t count;
  pq_field *fields;
  *out = (pq_write){.kind = PQ_WRITE_INSERT, .type = c->s.type};
  if (pq_value_type(doc) != PQ_TYPE_OBJECT)
    return pq_fail(c->op.cx, PQ_EINVALID, "a document must be an object");
  pq_arena_clear(&c->op.scratch);
  fields = pq_object_fields(&c->op.scratch, doc, &count);
  if (fields == NULL && pq_value_count(doc) > 0) return c->op.cx->code;
  PQ_TRY(system_fields(c, arena, fields, count, pq_object_get_str(doc, "_id"), out));
  PQ_TRY(pq_check_id(c->op.cx, out->id));
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  for (uint32_t i = 0; i < count; i++) {
    if (fields[i].name.n > 0 && fields[i].name.p[0] == '$') continue;
    PQ_TRY(pq_builder_key(b, fields[i].name));
    PQ_TRY(pq_builder_value(b, fields[i].value));
  }
  PQ_TRY(pq_builder_end(b));
  return pq_builder_finish(b, arena, &out->data);
}

/* ---- the documents given ---- */

enum { DOCUMENTS_MAX = 1 << 20 };

/* Document `index`, of `line` (0: none), becomes a write. */
static int take_write(pq_command *c, uint32_t index, uint64_t line, pq_write w) {
  if (index >= DOCUMENTS_MAX)
    return pq_fail(c->op.cx, PQ_ELIMIT, "more than %d documents in one insert", DOCUMENTS_MAX);
  PQ_TRY(pq_turn_grow(c, &c->arena, c->s.expected_writes));
  w.index = index;
  w.line = line;
  c->s.writes[c->s.write_count++] = w;
  return PQ_OK;
}

static int take_document(pq_command *c, uint32_t index, pq_value doc) {
  pq_write w;
  PQ_TRY((c->s.args.is_plain ? pq_write_of_plain : pq_write_of_document)(c, &c->arena, doc, &w));
  return take_write(c, index, 0, w);
}

static int write_of_line(pq_command *c, const pq_line *line, pq_write *out) {
  pq_field *fields = NULL;
  uint32_t count = 0;
  *out = (pq_write){.kind = PQ_WRITE_INSERT, .type = c->s.type, .data = line->document};
  if (pq_value_type(line->document) != PQ_TYPE_OBJECT)
    return pq_fail(c->op.cx, PQ_EINVALID, "a document must be an object");
  if (!pq_value_is_missing(line->system)) {
    pq_arena_clear(&c->op.scratch);
    fields = pq_object_fields(&c->op.scratch, line->system, &count);
    if (fields == NULL) return c->op.cx->code;
  }
  PQ_TRY(system_fields(c, &c->arena, fields, count, pq_object_get_str(line->document, "_id"), out));
  return pq_check_id(c->op.cx, out->id);
}

static int take_line(pq_command *c, const pq_line *line) {
  pq_write w;
  int rc = line->rc;
  if (rc != PQ_OK) return pq_fail(c->op.cx, rc, "%s", line->message); /* it has the line */
  rc = write_of_line(c, line, &w);
  if (rc == PQ_OK) rc = take_write(c, c->s.operation_count, line->number, w);
  if (rc == PQ_OK) return PQ_OK;
  return pq_fail(c->op.cx, rc, "line %llu: %s", (unsigned long long)line->number, c->op.cx->msg);
}

/* Lines of the payload, each a document; blank ones are skipped. */
static int take_payload(pq_command *c) {
  pq_line_place at = {0};
  const pq_line *line;
  PQ_TRY(pq_lines_parse(c, c->s.args.line > 0 ? c->s.args.line : 1));
  c->s.expected_writes = pq_lines_count(c);
  while (!c->s.is_stopped && (line = pq_lines_next(c, &at)) != NULL) {
    int rc = take_line(c, line);
    if (rc != PQ_OK) PQ_TRY(pq_note_error(c, c->s.operation_count, rc));
    c->s.operation_count++;
  }
  return PQ_OK;
}

static int take_documents(pq_command *c) {
  pq_value list = c->s.args.documents;
  uint32_t n = pq_value_count(list);
  c->s.operation_count = n;
  c->s.expected_writes = n;
  for (uint32_t i = 0; i < n && !c->s.is_stopped; i++) {
    int rc = take_document(c, i, pq_array_at(list, i));
    if (rc != PQ_OK && n > 1 && !c->s.is_bulk)
      rc = pq_fail(c->op.cx, rc, "document %u: %s", i, c->op.cx->msg);
    if (rc != PQ_OK) PQ_TRY(pq_note_error(c, i, rc));
  }
  return PQ_OK;
}

/* ---- ids that stand twice ---- */

static int compare_order(const void *a, const void *b, const void *ud) {
  const pq_write *writes = ud;
  return pq_slice_cmp(writes[*(const uint32_t *)a].id, writes[*(const uint32_t *)b].id);
}

/* Of the writes with the same id only the first stays; the others are errors. */
static int drop_twins(pq_command *c) {
  pq_command_state *s = &c->s;
  uint32_t n = s->write_count, kept = 0;
  uint32_t *order = pq_arena_calloc(&c->arena, n, sizeof *order);
  if (order == NULL) return c->op.cx->code;
  for (uint32_t i = 0; i < n; i++)
    order[i] = i;
  PQ_TRY(pq_sort_items(c->op.cx, order, n, sizeof *order, compare_order, s->writes));
  for (uint32_t i = n; i-- > 1;) { /* a stable sort: the later one stands behind */
    pq_write *w = &s->writes[order[i]];
    if (!pq_slice_eq(s->writes[order[i - 1]].id, w->id)) continue;
    PQ_TRY(pq_note_error(
        c, w->index,
        pq_fail(c->op.cx, PQ_EEXISTS, "%.*s stands twice in this insert", TEXT_ARGS(w->id))));
    w->id = (pq_slice){0};
  }
  for (uint32_t i = 0; i < n; i++)
    if (s->writes[i].id.n > 0) s->writes[kept++] = s->writes[i];
  s->write_count = kept;
  return PQ_OK;
}

/* ---- what the schema says of them ---- */

/* An error of a document names its place. */
static int name_place(pq_command *c, const pq_write *w, int rc) {
  if (w->line > 0)
    return pq_fail(c->op.cx, rc, "line %llu: %s", (unsigned long long)w->line, c->op.cx->msg);
  if (c->s.operation_count == 1 || c->s.is_bulk) return rc;
  return pq_fail(c->op.cx, rc, "document %u: %s", w->index, c->op.cx->msg);
}

static int check_documents(pq_command *c) {
  pq_command_state *s = &c->s;
  uint32_t kept = 0;
  PQ_TRY(pq_typing_open(c));
  for (uint32_t i = 0; i < s->write_count; i++) {
    pq_write w = s->writes[i];
    int rc;
    if (s->is_stopped && w.index > s->outcome.errors.items[0].index) break;
    rc = pq_typed_insert(c, &w);
    if (rc == PQ_OK)
      s->writes[kept++] = w;
    else
      PQ_TRY(pq_note_error(c, w.index, name_place(c, &w, rc)));
  }
  s->write_count = kept;
  return PQ_OK;
}

/* ---- stages ---- */

/* The namespace is loaded, and with it the schema, which may say the ids. */
static int stage_insert(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(check_documents(c));
  PQ_TRY(drop_twins(c));
  op->stage = c->s.turn;
  return PQ_OK;
}

/* The id of each document, null where there is none now. */
static int put_ids(pq_command *c) {
  pq_builder *b = c->db->builder;
  const pq_write_notes *ids = &c->s.outcome.inserted_ids;
  uint32_t next = 0;
  PQ_TRY(pq_builder_key_str(b, "insertedIds"));
  PQ_TRY(pq_builder_begin_array(b));
  for (uint32_t i = 0; i < c->s.operation_count; i++) {
    bool is_there = next < ids->count && ids->items[next].index == i;
    PQ_TRY(is_there ? pq_builder_string(b, ids->items[next].text) : pq_builder_null(b));
    next += is_there;
  }
  return pq_builder_end(b);
}

static int stage_insert_end(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "insertedCount", c->s.outcome.inserted));
  if (c->payload.n == 0) PQ_TRY(put_ids(c));
  if (c->s.is_bulk) PQ_TRY(pq_summary_errors(c));
  return pq_summary_end(c, c->s.space->seq);
}

int pq_open_insert(pq_command *c, pq_value target) {
  bool has_documents = (c->s.args.given & PQ_OPT_DOCUMENTS) != 0;
  PQ_TRY(pq_target_collection(c, target));
  if (has_documents == (c->payload.n > 0))
    return pq_fail(c->op.cx, PQ_EINVALID,
                   "insert: expects either 'documents' or a payload of NDJSON");
  if (!has_documents && c->s.args.is_plain)
    return pq_fail(c->op.cx, PQ_EUNSUPPORTED, "insert: 'plain' is for 'documents' alone");
  c->s.is_bulk = (c->s.args.given & PQ_OPT_ORDERED) != 0;
  c->s.is_ordered = c->s.args.is_ordered;
  PQ_TRY(pq_type_default(c));
  PQ_TRY(has_documents ? take_documents(c) : take_payload(c));
  pq_turn_begin(c, stage_insert_end);
  c->s.turn = c->s.start;
  c->s.start = stage_insert;
  return PQ_OK;
}
