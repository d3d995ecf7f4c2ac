/* shred/entity.c - an entity as one object: system fields and document merged. See entity.h. */
#include "shred/entity.h"

#include <string.h>

pq_slice pq_entity_name(pq_slice id, pq_value data, pq_slice name_field) {
  static const char *const fields[] = {"name", "title", "label"};
  pq_slice text;
  const uint8_t *slash;
  if (name_field.n > 0 && pq_value_string(pq_object_get(data, name_field), &text) && text.n > 0)
    return text;
  for (int i = 0; i < 3; i++)
    if (pq_value_string(pq_object_get_str(data, fields[i]), &text) && text.n > 0) return text;
  if (id.n == 0) return id;
  slash = id.p + id.n; /* the last one: the id may be foreign */
  while (slash > id.p && slash[-1] != '/')
    slash--;
  return (pq_slice){slash, (size_t)(id.p + id.n - slash)};
}

enum { FIELD_STRING, FIELD_TIME, FIELD_INT };
typedef struct system_field {
  const char *name;
  int kind;
  pq_slice text;
  int64_t number;
} system_field;

enum { SYSTEM_FIELDS_MAX = 10 };

static uint32_t system_fields(const pq_entity *e, system_field out[SYSTEM_FIELDS_MAX]) {
  uint32_t n = 0;
  out[n++] = (system_field){"$id", FIELD_STRING, e->id, 0};
  out[n++] = (system_field){"$type", FIELD_STRING, e->type, 0};
  out[n++] = (system_field){"name", FIELD_STRING, pq_entity_name(e->id, e->data, e->name_field), 0};
  out[n++] = (system_field){"createdAt", FIELD_TIME, {0}, e->created_at};
  out[n++] = (system_field){"createdBy", FIELD_STRING, e->created_by, 0};
  out[n++] = (system_field){"updatedAt", FIELD_TIME, {0}, e->updated_at};
  out[n++] = (system_field){"updatedBy", FIELD_STRING, e->updated_by, 0};
  out[n++] = (system_field){"version", FIELD_INT, {0}, (int64_t)e->version};
  if (e->is_deleted) {
    out[n++] = (system_field){"deletedAt", FIELD_TIME, {0}, e->updated_at};
    out[n++] = (system_field){"deletedBy", FIELD_STRING, e->updated_by, 0};
  }
  return n;
}

static int put_system(pq_builder *b, const system_field *f) {
  PQ_TRY(pq_builder_key_str(b, f->name));
  if (f->kind == FIELD_STRING) return pq_builder_string(b, f->text);
  if (f->kind == FIELD_TIME) return pq_builder_date_us(b, f->number);
  if (f->number <= INT32_MAX) return pq_builder_i32(b, (int32_t)f->number);
  return pq_builder_i64(b, f->number);
}

int pq_entity_system(pq_builder *b, pq_arena *arena, const pq_entity *e, pq_value *out) {
  system_field fields[SYSTEM_FIELDS_MAX];
  uint32_t n = system_fields(e, fields);
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  for (uint32_t i = 0; i < n; i++)
    PQ_TRY(put_system(b, &fields[i]));
  PQ_TRY(pq_builder_end(b));
  return pq_builder_finish(b, arena, out);
}

int pq_entity_merge(pq_builder *b, pq_arena *scratch, const pq_entity *e) {
  system_field system[SYSTEM_FIELDS_MAX];
  uint32_t n = system_fields(e, system), count;
  pq_field *fields = pq_object_fields(scratch, e->data, &count);
  if (fields == NULL && pq_value_count(e->data) > 0) return scratch->cx->code;
  PQ_TRY(pq_builder_begin_object(b));
  for (uint32_t i = 0; i < n; i++)
    if (pq_value_is_missing(pq_object_get_str(e->data, system[i].name)))
      PQ_TRY(put_system(b, &system[i]));
  for (uint32_t i = 0; i < count; i++) {
    PQ_TRY(pq_builder_key(b, fields[i].name));
    PQ_TRY(pq_builder_value(b, fields[i].value));
  }
  return pq_builder_end(b);
}
