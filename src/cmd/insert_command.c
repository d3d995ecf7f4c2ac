/* cmd/insert_command.c - insert: documents or NDJSON lines become CREATE events, all or none.
 *
 *   document ─► $id (given, from _id, or a new ULID), $type ─► the rest is $data
 *   ids, sorted ─► none may be live ─► one commit
 */
#include <string.h>

#include "base/merge_sort.h"
#include "base/text.h"
#include "cmd/command_int.h"
#include "value/compare.h"
#include "value/json.h"

#define TEXT_ARGS(s) (int)((s).n > 60 ? 60 : (s).n), (const char *)(s).p

enum { DOCUMENTS_MAX = 1 << 20 };

/* ---- ids ---- */

/* "collection/" + the encoded local id: '/', '%' and a leading '~' are percent-encoded. */
static int encode_id(pq_command *c, pq_slice local, pq_slice *out) {
  static const char hex[] = "0123456789ABCDEF";
  pq_slice collection = c->s.collection;
  uint8_t *p = pq_arena_alloc(&c->arena, collection.n + 1 + local.n * 3);
  size_t n = collection.n;
  *out = (pq_slice){0};
  if (p == NULL) return c->op.cx->code;
  memcpy(p, collection.p, n);
  p[n++] = '/';
  for (size_t i = 0; i < local.n; i++) {
    uint8_t b = local.p[i];
    if (b != '/' && b != '%' && !(b == '~' && i == 0)) {
      p[n++] = b;
      continue;
    }
    p[n++] = '%';
    p[n++] = (uint8_t)hex[b >> 4];
    p[n++] = (uint8_t)hex[b & 15];
  }
  *out = (pq_slice){p, n};
  return PQ_OK;
}

/* Bytes that are equal for equal values and differ for different ones: numbers as int64 where they
 * are whole, else as double where that is exact; the rest as Variant bytes, names included. */
static int canonical_bytes(pq_command *c, pq_value v, pq_cell *cell, pq_slice *out) {
  pq_builder *b = c->db->builder;
  pq_value alone;
  double number;
  if (pq_value_number(v, &number)) {
    pq_value whole = pq_cell_i64(
        cell,
        number > -9.223372036854774e18 && number < 9.223372036854774e18 ? (int64_t)number : 0);
    *out = pq_value_bytes(whole);
    if (pq_number_compare(whole, v) == 0) return PQ_OK;
    if (pq_value_type(v) != PQ_TYPE_INT64) {
      whole = pq_cell_double(cell, number);
      *out = pq_value_bytes(whole);
      if (pq_number_compare(whole, v) == 0) return PQ_OK;
    }
  }
  pq_builder_clear(b);
  PQ_TRY(pq_builder_value(b, v));
  PQ_TRY(pq_builder_finish(b, &c->arena, &alone));
  if (pq_value_type(v) != PQ_TYPE_OBJECT) {
    *out = pq_value_bytes(alone);
    return PQ_OK;
  }
  out->n = (size_t)alone.meta_len + alone.len;
  out->p = pq_arena_alloc(&c->arena, out->n);
  if (out->p == NULL) return c->op.cx->code;
  memcpy((uint8_t *)(uintptr_t)out->p, alone.meta, alone.meta_len);
  memcpy((uint8_t *)(uintptr_t)out->p + alone.meta_len, alone.p, alone.len);
  return PQ_OK;
}

/* "~o" + an ObjectId's hex, "~x" + the hex of any other value's canonical bytes. */
static int id_of_value(pq_command *c, pq_value v, pq_slice *out) {
  static const char digits[] = "0123456789abcdef";
  pq_slice bytes, text;
  pq_type type = pq_value_type(v);
  pq_cell cell;
  char *p;
  *out = (pq_slice){0};
  if (type == PQ_TYPE_ARRAY || type == PQ_TYPE_REGEX)
    return pq_fail(c->op.cx, PQ_EINVALID, "_id may not be %s",
                   type == PQ_TYPE_ARRAY ? "an array" : "a regular expression");
  if (pq_value_string(v, &text)) {
    if (text.n == 0) return pq_fail(c->op.cx, PQ_EINVALID, "_id may not be empty text");
    return encode_id(c, text, out);
  }
  if (pq_value_object_id(v, &text)) {
    p = pq_arena_printf(&c->arena, "%.*s/~o%.*s", (int)c->s.collection.n,
                        (const char *)c->s.collection.p, (int)text.n, (const char *)text.p);
    if (p == NULL) return c->op.cx->code;
    *out = pq_str(p);
    return PQ_OK;
  }
  PQ_TRY(canonical_bytes(c, v, &cell, &bytes));
  if (bytes.n * 2 + 2 > c->op.cx->limits.id_len_max)
    return pq_fail(c->op.cx, PQ_ELIMIT, "_id has %zu bytes: too large for an id", bytes.n);
  p = pq_arena_alloc(&c->arena, bytes.n * 2 + 1);
  if (p == NULL) return c->op.cx->code;
  for (size_t i = 0; i < bytes.n; i++) {
    p[2 * i] = digits[bytes.p[i] >> 4];
    p[2 * i + 1] = digits[bytes.p[i] & 15];
  }
  p[bytes.n * 2] = '\0';
  p = pq_arena_printf(&c->arena, "%.*s/~x%s", (int)c->s.collection.n,
                      (const char *)c->s.collection.p, p);
  if (p == NULL) return c->op.cx->code;
  *out = pq_str(p);
  return PQ_OK;
}

/* An explicit $id: a local id, or "collection/localId" of this collection. */
static int id_of_text(pq_command *c, pq_value v, pq_slice *out) {
  pq_slice text, collection, local;
  *out = (pq_slice){0};
  if (!pq_value_string(v, &text) || text.n == 0)
    return pq_fail(c->op.cx, PQ_EINVALID, "$id must be text that is not empty");
  if (memchr(text.p, '/', text.n) == NULL) return encode_id(c, text, out);
  if (!pq_id_split(text, &collection, &local) || !pq_slice_eq(collection, c->s.collection))
    return pq_fail(c->op.cx, PQ_EINVALID, "$id '%.*s' is not of collection '%.*s'", TEXT_ARGS(text),
                   TEXT_ARGS(c->s.collection));
  return pq_arena_copy(&c->arena, text, out);
}

/* A new ULID; those of one command share the random part and count up. */
static int id_of_ulid(pq_command *c, uint8_t rnd[10], bool *has_rnd, pq_slice *out) {
  char ulid[PQ_ULID_LEN + 1];
  if (!*has_rnd) pq_db_random(c->db, rnd);
  *has_rnd = true;
  pq_ulid(c->op.now_us < 0 ? 0 : (uint64_t)c->op.now_us / 1000, rnd, ulid);
  pq_ulid_next(rnd);
  return encode_id(c, pq_str(ulid), out);
}

/* "posts" -> "Post", "categories" -> "Category", "boxes" -> "Box". */
static int default_type(pq_command *c, pq_slice *out) {
  static const char *const es[] = {"sses", "xes", "ches", "shes", "zes"};
  pq_slice name = c->s.collection;
  char *p = pq_arena_alloc(&c->arena, name.n + 1);
  size_t n = name.n;
  *out = (pq_slice){0};
  if (p == NULL) return c->op.cx->code;
  memcpy(p, name.p, n);
  p[n] = '\0';
  if (n > 3 && memcmp(p + n - 3, "ies", 3) == 0) {
    p[n - 3] = 'y';
    n -= 2;
  } else if (n > 1 && p[n - 1] == 's' && p[n - 2] != 's') {
    n--;
    for (size_t i = 0; i < sizeof es / sizeof *es; i++) {
      size_t len = strlen(es[i]);
      if (n + 1 > len && memcmp(p + n + 1 - len, es[i], len) == 0) n--;
    }
  }
  if (p[0] >= 'a' && p[0] <= 'z') p[0] = (char)(p[0] - 'a' + 'A');
  *out = (pq_slice){(const uint8_t *)p, n};
  return PQ_OK;
}

/* ---- documents ---- */

typedef struct insert_parser {
  pq_command *c;
  pq_arena scratch;
  uint32_t cap;
  uint8_t rnd[10];
  bool has_rnd;
  pq_slice type;
} insert_parser;

static int grow(insert_parser *p) {
  pq_command_state *s = &p->c->s;
  uint32_t cap = p->cap == 0 ? 16 : p->cap * 2;
  pq_entity *inserts;
  if (s->insert_count < p->cap) return PQ_OK;
  if (s->insert_count >= DOCUMENTS_MAX)
    return pq_fail(p->c->op.cx, PQ_ELIMIT, "more than %d documents in one insert", DOCUMENTS_MAX);
  inserts = pq_arena_calloc(&p->c->arena, cap, sizeof *inserts);
  if (inserts == NULL) return p->c->op.cx->code;
  if (s->insert_count > 0) memcpy(inserts, s->inserts, s->insert_count * sizeof *inserts);
  s->inserts = inserts;
  p->cap = cap;
  return PQ_OK;
}

/* Read $id and $type; *has_system tells whether the document must be built again without them. */
static int system_fields(insert_parser *p, const pq_field *fields, uint32_t count, pq_entity *e,
                         bool *has_system) {
  pq_value id = {0};
  pq_cx *cx = p->c->op.cx;
  for (uint32_t i = 0; i < count; i++) {
    pq_slice name = fields[i].name;
    if (pq_slice_is(name, "_id")) id = fields[i].value;
    if (name.n == 0 || name.p[0] != '$') continue;
    *has_system = true;
    if (pq_slice_is(name, "$id")) {
      PQ_TRY(id_of_text(p->c, fields[i].value, &e->id));
    } else if (pq_slice_is(name, "$type")) {
      if (!pq_value_string(fields[i].value, &e->type) || e->type.n == 0)
        return pq_fail(cx, PQ_EINVALID, "$type must be text that is not empty");
      PQ_TRY(pq_arena_copy(&p->c->arena, e->type, &e->type));
    } else {
      return pq_fail(cx, PQ_EINVALID, "field '%.*s': names that start with '$' are reserved",
                     TEXT_ARGS(name));
    }
  }
  if (e->id.n > 0) return PQ_OK;
  if (!pq_value_is_missing(id)) return id_of_value(p->c, id, &e->id);
  return id_of_ulid(p->c, p->rnd, &p->has_rnd, &e->id);
}

/* One document becomes one insert. `doc` borrows from anywhere. */
static int take_document(insert_parser *p, pq_value doc) {
  pq_builder *b = p->c->db->builder;
  pq_entity e = {.type = p->type};
  bool has_system = false;
  uint32_t count;
  pq_field *fields;
  if (pq_value_type(doc) != PQ_TYPE_OBJECT)
    return pq_fail(p->c->op.cx, PQ_EINVALID, "a document must be an object");
  pq_arena_clear(&p->scratch);
  fields = pq_object_fields(&p->scratch, doc, &count);
  if (fields == NULL && pq_value_count(doc) > 0) return p->c->op.cx->code;
  PQ_TRY(system_fields(p, fields, count, &e, &has_system));
  PQ_TRY(pq_check_id(p->c->op.cx, e.id));
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  for (uint32_t i = 0; i < count; i++) {
    if (fields[i].name.n > 0 && fields[i].name.p[0] == '$') continue;
    PQ_TRY(pq_builder_key(b, fields[i].name));
    PQ_TRY(pq_builder_value(b, fields[i].value));
  }
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_finish(b, &p->c->arena, &e.data));
  PQ_TRY(grow(p));
  p->c->s.inserts[p->c->s.insert_count++] = e;
  return PQ_OK;
}

/* Lines of the payload, each a document; blank ones are skipped. */
static int take_payload(insert_parser *p) {
  pq_slice left = p->c->payload;
  uint64_t line = p->c->s.args.line > 0 ? p->c->s.args.line : 1;
  pq_builder *json;
  int rc;
  PQ_TRY(pq_builder_new(p->c->op.cx, &json));
  for (rc = PQ_OK; rc == PQ_OK && left.n > 0; line++) {
    const uint8_t *end = memchr(left.p, '\n', left.n);
    pq_slice text = {left.p, end == NULL ? left.n : (size_t)(end - left.p)};
    size_t used = end == NULL ? text.n : text.n + 1, blank = 0, parsed;
    pq_value doc;
    left = (pq_slice){left.p + used, left.n - used};
    while (blank < text.n &&
           (text.p[blank] == ' ' || text.p[blank] == '\r' || text.p[blank] == '\t'))
      blank++;
    if (blank == text.n) continue;
    pq_builder_clear(json);
    rc =
        pq_json_parse(json, text, (pq_json_options){.is_exact = true, .line_first = line}, &parsed);
    if (rc == PQ_OK) rc = pq_builder_view(json, &doc);
    if (rc != PQ_OK) break;
    rc = take_document(p, doc);
    if (rc != PQ_OK)
      rc = pq_fail(p->c->op.cx, rc, "line %llu: %s", (unsigned long long)line, p->c->op.cx->msg);
  }
  pq_builder_free(json);
  return rc;
}

static int take_documents(insert_parser *p) {
  pq_value list = p->c->s.args.documents;
  uint32_t n = pq_value_count(list);
  for (uint32_t i = 0; i < n; i++) {
    int rc = take_document(p, pq_array_at(list, i));
    if (rc == PQ_OK) continue;
    return n == 1 ? rc : pq_fail(p->c->op.cx, rc, "document %u: %s", i, p->c->op.cx->msg);
  }
  return PQ_OK;
}

static int compare_order(const void *a, const void *b, const void *ud) {
  const pq_entity *inserts = ud;
  return pq_slice_cmp(inserts[*(const uint32_t *)a].id, inserts[*(const uint32_t *)b].id);
}

/* ids sorted, each once. */
static int sort_ids(pq_command *c) {
  pq_command_state *s = &c->s;
  s->order = pq_arena_calloc(&c->arena, s->insert_count, sizeof *s->order);
  s->ids = pq_arena_calloc(&c->arena, s->insert_count, sizeof *s->ids);
  if (s->order == NULL || s->ids == NULL) return c->op.cx->code;
  for (uint32_t i = 0; i < s->insert_count; i++)
    s->order[i] = i;
  PQ_TRY(pq_sort_items(c->op.cx, s->order, s->insert_count, sizeof *s->order, compare_order,
                       s->inserts));
  for (uint32_t i = 0; i < s->insert_count; i++) {
    s->ids[i] = s->inserts[s->order[i]].id;
    if (i > 0 && pq_slice_eq(s->ids[i - 1], s->ids[i]))
      return pq_fail(c->op.cx, PQ_EEXISTS, "%.*s stands twice in this insert",
                     TEXT_ARGS(s->ids[i]));
  }
  return PQ_OK;
}

/* ---- stages ---- */

static int stage_insert_end(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_builder *b = c->db->builder;
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "insertedCount", c->s.insert_count));
  if (c->payload.n == 0) {
    PQ_TRY(pq_builder_key_str(b, "insertedIds"));
    PQ_TRY(pq_builder_begin_array(b));
    for (uint32_t i = 0; i < c->s.insert_count; i++)
      PQ_TRY(pq_builder_string(b, c->s.inserts[i].id));
    PQ_TRY(pq_builder_end(b));
  }
  return pq_summary_end(c, c->s.space->seq);
}

static int add_event(pq_command *c, const pq_entity *insert, const pq_location *at,
                     const pq_entity *old) {
  pq_event e = {.target = PQ_TARGET_ENTITY,
                .op = PQ_EVENT_CREATE,
                .id = insert->id,
                .type = insert->type,
                .version = 1,
                .created_by = pq_actor_of(c),
                .actor = pq_actor_of(c),
                .after = insert->data,
                .metadata = c->s.args.metadata};
  /* A soft-deleted entity's versions go on; after a hard delete nothing is known but history. */
  if (old->id.p != NULL) e.version = old->version + 1;
  if (at->event != NULL) e.prev = at->event->seq;
  if (at->info != NULL) {
    e.where_file = at->file->name;
    e.where_row = pq_location_row(at);
  }
  return pq_commit_add(&c->s.commit, &c->op.arena, &e);
}

static int stage_insert_check(pq_op *op) {
  pq_command *c = pq_command_of(op);
  uint32_t n = c->s.insert_count;
  pq_location *at = pq_arena_calloc(&op->scratch, n, sizeof *at);
  pq_entity *old = pq_arena_calloc(&op->scratch, n, sizeof *old);
  uint32_t *rank = pq_arena_calloc(&op->scratch, n, sizeof *rank);
  if (at == NULL || old == NULL || rank == NULL) return op->cx->code;
  PQ_TRY(pq_view_locate(&c->s.snapshot.view, &op->fetch, &op->scratch, c->s.ids, n, false, at));
  PQ_TRY(pq_view_read(&c->s.snapshot.view, &op->fetch, &op->scratch, at, n,
                      PQ_WANT_ID | PQ_WANT_SYSTEM | PQ_WANT_DELETED, old, NULL));
  for (uint32_t i = 0; i < n; i++) {
    if (old[i].id.p != NULL && !old[i].is_deleted)
      return pq_fail(op->cx, PQ_EEXISTS, "%.*s exists already", TEXT_ARGS(c->s.ids[i]));
    rank[c->s.order[i]] = i;
  }
  for (uint32_t i = 0; i < n; i++)
    PQ_TRY(add_event(c, &c->s.inserts[i], &at[rank[i]], &old[rank[i]]));
  return pq_write_commit(c, stage_insert_end);
}

static int stage_insert(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_snapshot_open(&c->s.snapshot, c->s.space, op, (pq_as_of){0}, false));
  op->stage = stage_insert_check;
  return PQ_OK;
}

int pq_open_insert(pq_command *c, pq_value target) {
  insert_parser p = {.c = c};
  bool has_documents = (c->s.args.given & PQ_OPT_DOCUMENTS) != 0;
  int rc;
  PQ_TRY(pq_target_collection(c, target));
  if (has_documents == (c->payload.n > 0))
    return pq_fail(c->op.cx, PQ_EINVALID,
                   "insert: expects either 'documents' or a payload of NDJSON");
  PQ_TRY(default_type(c, &p.type));
  pq_arena_init(&p.scratch, c->op.cx, c->op.cx->limits.op_len_max);
  rc = has_documents ? take_documents(&p) : take_payload(&p);
  pq_arena_release(&p.scratch);
  PQ_TRY(rc);
  c->s.start = stage_insert;
  return sort_ids(c);
}
