/* query/shown.c - see shown.h. */
#include "query/shown.h"

#include "shred/key_id.h"

static bool has_key(const pq_entity *e) {
  return !pq_value_is_missing(pq_object_get_str(e->data, "_id"));
}

static int begin(pq_builder *b, pq_arena *arena, const pq_entity *e) {
  pq_slice key;
  PQ_TRY(pq_key_of_id(arena, e->id, &key));
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "_id"));
  return pq_builder_string(b, key);
}

static int end(pq_builder *b, pq_arena *arena, pq_value *out) {
  PQ_TRY(pq_builder_end(b));
  return pq_builder_finish(b, arena, out);
}

/* The fields of a document, but for `_id`. */
static int put_others(pq_builder *b, pq_arena *arena, pq_value doc) {
  uint32_t count;
  pq_field *fields = pq_object_fields(arena, doc, &count);
  if (fields == NULL && pq_value_count(doc) > 0) return arena->cx->code;
  for (uint32_t i = 0; i < count; i++) {
    if (pq_slice_is(fields[i].name, "_id")) continue;
    PQ_TRY(pq_builder_key(b, fields[i].name));
    PQ_TRY(pq_builder_value(b, fields[i].value));
  }
  return PQ_OK;
}

int pq_shown_document(pq_builder *b, pq_arena *arena, const pq_entity *e, pq_value *out,
                      bool *is_made) {
  bool has = has_key(e);
  if (is_made != NULL) *is_made = !has;
  *out = e->data;
  if (has) return PQ_OK;
  PQ_TRY(begin(b, arena, e));
  PQ_TRY(put_others(b, arena, e->data));
  return end(b, arena, out);
}

int pq_shown_undo(pq_builder *b, pq_arena *arena, pq_value *doc) {
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(put_others(b, arena, *doc));
  return end(b, arena, doc);
}

int pq_shown_subject(const pq_filter *f, pq_builder *b, pq_arena *arena, const pq_entity *e,
                     pq_value *doc, pq_value *system) {
  pq_key_use use = pq_filter_key_use(f);
  *doc = e->data;
  *system = (pq_value){0};
  if (use == PQ_KEY_UNUSED || has_key(e)) return PQ_OK;
  if (use == PQ_KEY_WHOLE) return pq_shown_document(b, arena, e, doc, NULL);
  PQ_TRY(begin(b, arena, e));
  return end(b, arena, system);
}
