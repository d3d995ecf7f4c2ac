/* server/mongo_change.c - see mongo_change.h. */
#include "server/mongo_change.h"

#include <string.h>

#include "cmd/document_diff.h"
#include "server/mongo_time.h"
#include "shred/key_id.h"

/* ---- reading ---- */

static pq_slice text_of(pq_value v, const char *name) {
  pq_slice text = {0};
  (void)pq_value_string(pq_object_get_str(v, name), &text);
  return text;
}

static bool is_noted(pq_value event, const char *name) {
  bool is_true = false;
  pq_value note = pq_object_get_str(pq_object_get_str(event, "metadata"), name);
  return pq_value_bool(note, &is_true) && is_true;
}

/* {"drop": true}: one of many deletes of a drop; "last": the drop is done. */
static bool is_of_drop(pq_value event, pq_mongo_change_kind *kind) {
  pq_value metadata = pq_object_get_str(event, "metadata"), note;
  note = pq_object_get_str(metadata, "drop");
  *kind =
      pq_slice_is(text_of(metadata, "drop"), "last") ? PQ_MONGO_CHANGE_DROP : PQ_MONGO_CHANGE_NONE;
  return !pq_value_is_missing(note) && pq_slice_is(text_of(event, "op"), "DELETE");
}

/* {"rename": true}: of one of a rename's documents; {"rename": {"to"}}: it is done. */
static bool is_of_rename(pq_value event, pq_mongo_change *c) {
  pq_value v = pq_object_get_str(pq_object_get_str(event, "metadata"), "rename");
  bool flag;
  if (pq_value_bool(v, &flag)) return true;
  c->to = text_of(v, "to");
  c->dropped = text_of(v, "dropTarget");
  if (c->to.n == 0) return false;
  c->kind = PQ_MONGO_CHANGE_RENAME;
  return true;
}

/* A real update changes something: what left the document as it was brought it back. */
static pq_mongo_change_kind kind_of_entity(pq_value event, pq_slice op, const pq_mongo_change *c) {
  pq_mongo_change_kind kind;
  if (is_of_drop(event, &kind)) return kind;
  if (pq_slice_is(op, "CREATE")) return PQ_MONGO_CHANGE_INSERT;
  if (pq_slice_is(op, "DELETE")) return PQ_MONGO_CHANGE_DELETE;
  if (is_noted(event, "replace")) return PQ_MONGO_CHANGE_REPLACE;
  return pq_document_is_same(c->before, c->after) ? PQ_MONGO_CHANGE_INSERT : PQ_MONGO_CHANGE_UPDATE;
}

/* What a new version of a collection's record did. */
static pq_mongo_change_kind kind_of_record(pq_value event, const pq_mongo_change *c) {
  uint32_t before = pq_value_count(pq_object_get_str(c->before, "indexes"));
  uint32_t after = pq_value_count(pq_object_get_str(c->after, "indexes"));
  pq_slice drop = text_of(pq_object_get_str(event, "metadata"), "drop");
  if (pq_slice_is(drop, "last")) return PQ_MONGO_CHANGE_DROP;
  if (pq_value_is_missing(c->after)) return PQ_MONGO_CHANGE_NONE;
  if (is_noted(event, "collMod")) return PQ_MONGO_CHANGE_MODIFY;
  if (after > before) return PQ_MONGO_CHANGE_CREATE_INDEXES;
  if (after < before) return PQ_MONGO_CHANGE_DROP_INDEXES;
  if (pq_value_is_missing(c->before)) return PQ_MONGO_CHANGE_CREATE;
  return pq_document_is_same(c->before, c->after) ? PQ_MONGO_CHANGE_NONE : PQ_MONGO_CHANGE_MODIFY;
}

static pq_value image_of(pq_value event, const char *name) {
  pq_value v = pq_object_get_str(event, name);
  return pq_value_type(v) == PQ_TYPE_OBJECT ? v : (pq_value){0};
}

void pq_change_read(pq_value event, pq_mongo_change *out) {
  pq_slice op = text_of(event, "op"), ns = text_of(event, "ns"), id = text_of(event, "entityId");
  const uint8_t *slash = id.n == 0 ? NULL : memchr(id.p, '/', id.n);
  int64_t seq = 0;
  *out = (pq_mongo_change){.token.kind = PQ_TOKEN_CHANGE};
  (void)pq_value_i64(pq_object_get_str(event, "seq"), &seq);
  (void)pq_value_date_us(pq_object_get_str(event, "ts"), &out->token.ts);
  out->token.seq = (uint64_t)seq;
  if (ns.n < sizeof out->token.ns) memcpy(out->token.ns, ns.p, ns.n);
  (void)pq_value_bool(pq_object_get_str(pq_object_get_str(event, "metadata"), "dropDatabase"),
                      &out->drops_database);
  out->before = image_of(event, "before");
  out->after = image_of(event, "after");
  out->collection = slash == NULL ? id : (pq_slice){id.p, (size_t)(slash - id.p)};
  if (id.n == 0 || id.p[0] == '_' || is_of_rename(event, out)) return;
  if (pq_slice_is(text_of(event, "target"), "collection")) {
    out->before = pq_object_get_str(out->before, "$collection");
    out->after = pq_object_get_str(out->after, "$collection");
    out->kind = kind_of_record(event, out);
  } else if (pq_slice_is(text_of(event, "target"), "entity") && slash != NULL) {
    out->id = id;
    out->kind = kind_of_entity(event, op, out);
  }
}

/* ---- building ---- */

static int put_str(pq_builder *b, const char *name, const char *text) {
  PQ_TRY(pq_builder_key_str(b, name));
  return pq_builder_str(b, text);
}

static int put_token(pq_builder *b, const pq_mongo_token *t) {
  char text[PQ_TOKEN_CAP];
  pq_token_text(t, text);
  PQ_TRY(pq_builder_key_str(b, "_id"));
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(put_str(b, "_data", text));
  return pq_builder_end(b);
}

static int put_time(pq_builder *b, int64_t ts) {
  PQ_TRY(pq_builder_key_str(b, "clusterTime"));
  PQ_TRY(pq_mongo_time_put(b, pq_mongo_time_of(ts)));
  PQ_TRY(pq_builder_key_str(b, "wallTime"));
  return pq_builder_date_ms(b, ts / 1000);
}

/* `_id` in front, if the document has none: it was not written over the wire. */
static int put_image(pq_builder *b, pq_arena *arena, const char *name, const pq_mongo_change *c,
                     pq_value image) {
  uint32_t count;
  pq_field *fields;
  pq_slice key;
  PQ_TRY(pq_builder_key_str(b, name));
  if (pq_value_is_missing(image)) return pq_builder_null(b);
  if (!pq_value_is_missing(pq_object_get_str(image, "_id"))) return pq_builder_value(b, image);
  fields = pq_object_fields(arena, image, &count);
  if (fields == NULL && pq_value_count(image) > 0) return arena->cx->code;
  PQ_TRY(pq_key_of_id(arena, c->id, &key));
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "_id"));
  PQ_TRY(pq_builder_string(b, key));
  for (uint32_t i = 0; i < count; i++) {
    PQ_TRY(pq_builder_key(b, fields[i].name));
    PQ_TRY(pq_builder_value(b, fields[i].value));
  }
  return pq_builder_end(b);
}

static int put_ns(pq_builder *b, const char *field, const pq_mongo_change *c, pq_slice collection) {
  char name[PQ_MONGO_NAME_CAP];
  PQ_TRY(pq_builder_key_str(b, field));
  PQ_TRY(pq_builder_begin_object(b));
  pq_mongo_name_back(pq_str(c->token.ns), name);
  PQ_TRY(put_str(b, "db", name));
  if (collection.n > 0) {
    pq_mongo_name_back(collection, name);
    PQ_TRY(put_str(b, "coll", name));
  }
  return pq_builder_end(b);
}

/* Binary of the kind for a UUID. */
static int put_uuid(pq_builder *b, const char *name, pq_slice hex) {
  uint8_t bytes[16];
  if (hex.n != 2 * sizeof bytes) return PQ_OK;
  for (size_t i = 0; i < hex.n; i++) {
    uint8_t d = hex.p[i] <= '9' ? hex.p[i] - '0' : (hex.p[i] | 0x20) - 'a' + 10;
    bytes[i / 2] = (uint8_t)(bytes[i / 2] << 4 | (d & 15));
  }
  PQ_TRY(pq_builder_key_str(b, name));
  return pq_builder_uuid(b, bytes);
}

/* A document that was not written over the wire may have no `_id`: then it is the local id. */
static int put_key(pq_builder *b, pq_arena *arena, const pq_mongo_change *c) {
  pq_value id = pq_object_get_str(pq_value_is_missing(c->after) ? c->before : c->after, "_id");
  pq_slice key;
  PQ_TRY(pq_key_of_id(arena, c->id, &key));
  PQ_TRY(pq_builder_key_str(b, "documentKey"));
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "_id"));
  PQ_TRY(pq_value_is_missing(id) ? pq_builder_string(b, key) : pq_builder_value(b, id));
  return pq_builder_end(b);
}

static const char *name_of(pq_mongo_change_kind kind) {
  static const char *const names[] = {
      "",       "insert", "update",        "replace",     "delete", "drop",      "dropDatabase",
      "rename", "create", "createIndexes", "dropIndexes", "modify", "invalidate"};
  return names[kind];
}

static int put_document_parts(pq_builder *b, pq_arena *arena, const pq_mongo_change *c,
                              pq_mongo_change_style style) {
  PQ_TRY(put_key(b, arena, c));
  if (c->kind == PQ_MONGO_CHANGE_UPDATE) {
    PQ_TRY(pq_builder_key_str(b, "updateDescription"));
    PQ_TRY(pq_builder_begin_object(b));
    PQ_TRY(pq_change_describe(b, arena, c->before, c->after, style.shows_expanded));
    PQ_TRY(pq_builder_end(b));
  }
  if (c->kind == PQ_MONGO_CHANGE_INSERT || !style.shows_before) return PQ_OK;
  return put_image(b, arena, "fullDocumentBeforeChange", c,
                   style.lacks_before ? (pq_value){0} : c->before);
}

/* ---- what happened to a collection ---- */

static bool has_index(pq_value list, pq_value index) {
  for (uint32_t i = 0; i < pq_value_count(list); i++)
    if (pq_slice_eq(text_of(pq_array_at(list, i), "name"), text_of(index, "name"))) return true;
  return false;
}

/* Those of `list` that `others` has not. */
static int put_indexes(pq_builder *b, pq_value list, pq_value others) {
  PQ_TRY(pq_builder_key_str(b, "indexes"));
  PQ_TRY(pq_builder_begin_array(b));
  for (uint32_t i = 0; i < pq_value_count(list); i++) {
    pq_value index = pq_array_at(list, i);
    if (!has_index(others, index)) PQ_TRY(pq_builder_value(b, index));
  }
  return pq_builder_end(b);
}

static int put_options(pq_builder *b, pq_value options) {
  pq_field f;
  for (uint32_t i = 0; pq_object_at(options, i, &f); i++) {
    PQ_TRY(pq_builder_key(b, f.name));
    PQ_TRY(pq_builder_value(b, f.value));
  }
  return PQ_OK;
}

static int put_description(pq_builder *b, const pq_mongo_change *c) {
  pq_value before = pq_object_get_str(c->before, "indexes");
  pq_value after = pq_object_get_str(c->after, "indexes");
  PQ_TRY(pq_builder_key_str(b, "operationDescription"));
  PQ_TRY(pq_builder_begin_object(b));
  if (c->kind == PQ_MONGO_CHANGE_RENAME) {
    PQ_TRY(put_uuid(b, "dropTarget", c->dropped));
    PQ_TRY(put_ns(b, "to", c, c->to));
  } else if (c->kind == PQ_MONGO_CHANGE_CREATE_INDEXES) {
    PQ_TRY(put_indexes(b, after, before));
  } else if (c->kind == PQ_MONGO_CHANGE_DROP_INDEXES) {
    PQ_TRY(put_indexes(b, before, after));
  } else {
    PQ_TRY(put_options(b, pq_object_get_str(c->after, "options")));
  }
  return pq_builder_end(b);
}

int pq_change_build(const pq_mongo_change *c, pq_mongo_change_style style, pq_builder *b,
                    pq_arena *arena, pq_value *out) {
  bool is_whole = c->kind == PQ_MONGO_CHANGE_INSERT || c->kind == PQ_MONGO_CHANGE_REPLACE ||
                  (c->kind == PQ_MONGO_CHANGE_UPDATE && style.shows_document);
  bool is_lacking = c->kind == PQ_MONGO_CHANGE_UPDATE && style.lacks_document;
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(put_token(b, &c->token));
  PQ_TRY(put_str(b, "operationType", name_of(c->kind)));
  PQ_TRY(put_time(b, c->token.ts));
  if (is_whole)
    PQ_TRY(put_image(b, arena, "fullDocument", c, is_lacking ? (pq_value){0} : c->after));
  if (c->kind != PQ_MONGO_CHANGE_INVALIDATE) PQ_TRY(put_ns(b, "ns", c, c->collection));
  if (c->kind == PQ_MONGO_CHANGE_RENAME) PQ_TRY(put_ns(b, "to", c, c->to));
  if (style.shows_expanded) PQ_TRY(put_uuid(b, "collectionUUID", c->uuid));
  if (c->kind <= PQ_MONGO_CHANGE_DELETE) PQ_TRY(put_document_parts(b, arena, c, style));
  if ((c->kind >= PQ_MONGO_CHANGE_CREATE && c->kind <= PQ_MONGO_CHANGE_MODIFY) ||
      (c->kind == PQ_MONGO_CHANGE_RENAME && style.shows_expanded))
    PQ_TRY(put_description(b, c));
  PQ_TRY(pq_builder_end(b));
  return pq_builder_finish(b, arena, out);
}
