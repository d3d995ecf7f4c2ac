/* port/convert_fields.c - the top-level fields of documents, in order of appearance, and what their
 * values are: the columns of a table that holds these documents.
 *
 *   {"a": 1, "b": "x"}            fields:  a  INT | DOUBLE, 2 documents
 *   {"a": 2.5, "c": [1]}                   b  STRING, 1
 *                                          c  ARRAY, 1
 *
 * Documents of one collection have their fields in the same order most of the time, so the field
 * behind the one found last is tried before the table.
 */
#include <string.h>

#include "base/text.h"
#include "port/convert_int.h"

enum { FIELD_CAP_MIN = 16 };

/* parquet-format: VariantEncoding.md: basic type 0 (primitive) in the low two bits, then its id. */
enum { VARIANT_BINARY = 15 << 2, VARIANT_UUID = 20 << 2 };

void pq_field_set_init(pq_field_set *s, pq_cx *cx) {
  *s = (pq_field_set){.cx = cx};
  pq_arena_init(&s->arena, cx, cx->limits.op_len_max);
  pq_arena_init(&s->scratch, cx, cx->limits.op_len_max);
  pq_table_init(&s->table, cx);
  pq_buf_init(&s->text, cx, (size_t)1 << 30);
}

void pq_field_set_release(pq_field_set *s) {
  if (s->cx == NULL) return;
  pq_arena_release(&s->arena);
  pq_arena_release(&s->scratch);
  pq_table_release(&s->table);
  pq_buf_release(&s->text);
  pq_alloc(s->cx, s->fields, s->cap * sizeof *s->fields, 0);
  *s = (pq_field_set){0};
}

uint32_t pq_field_set_find(const pq_field_set *s, pq_slice name, uint32_t guess) {
  uint32_t i;
  size_t pos;
  if (guess < s->count && pq_slice_eq(s->fields[guess].name, name)) return guess;
  for (i = pq_table_first(&s->table, pq_hash(name, 0), &pos); i != PQ_TABLE_NONE;
       i = pq_table_next(&s->table, pq_hash(name, 0), &pos))
    if (pq_slice_eq(s->fields[i].name, name)) return i;
  return PQ_TABLE_NONE;
}

int pq_field_set_enter(pq_field_set *s, pq_slice name) {
  pq_seen_field f = {0};
  if (s->count == PQ_CONVERT_COLUMNS_MAX)
    return pq_fail(s->cx, PQ_ELIMIT, "more than %d different fields", PQ_CONVERT_COLUMNS_MAX);
  if (s->count == s->cap) {
    uint32_t cap = s->cap == 0 ? FIELD_CAP_MIN : s->cap * 2;
    pq_seen_field *fields =
        pq_alloc(s->cx, s->fields, s->cap * sizeof *fields, cap * sizeof *fields);
    if (fields == NULL) return pq_fail_nomem(s->cx);
    s->fields = fields;
    s->cap = cap;
  }
  PQ_TRY(pq_arena_copy(&s->arena, name, &f.name));
  PQ_TRY(pq_table_add(&s->table, pq_hash(name, 0), s->count));
  s->fields[s->count++] = f;
  return PQ_OK;
}

/* Does a double hold it? */
static unsigned seen_of_int(pq_value v) {
  int64_t i = 0;
  (void)pq_value_i64(v, &i);
  return i > INT64_C(1) << 53 || i < -(INT64_C(1) << 53) ? PQ_SEEN_INT | PQ_SEEN_LARGE_INT
                                                         : PQ_SEEN_INT;
}

unsigned pq_seen_of(pq_value v) {
  int64_t us;
  switch (pq_value_type(v)) {
    case PQ_TYPE_MISSING: return 0;
    case PQ_TYPE_NULL: return v.p[0] == 0 ? PQ_SEEN_NULL : PQ_SEEN_OTHER;
    case PQ_TYPE_INT32:
    case PQ_TYPE_INT64: return seen_of_int(v);
    case PQ_TYPE_DOUBLE: return PQ_SEEN_DOUBLE;
    case PQ_TYPE_DECIMAL: return PQ_SEEN_DECIMAL;
    case PQ_TYPE_STRING: return pq_value_is_raw_object(v) ? PQ_SEEN_OTHER : PQ_SEEN_STRING;
    case PQ_TYPE_BOOL: return PQ_SEEN_BOOL;
    case PQ_TYPE_DATE: return pq_value_date_us(v, &us) ? PQ_SEEN_DATE : PQ_SEEN_OTHER;
    case PQ_TYPE_OBJECT: return PQ_SEEN_OBJECT;
    case PQ_TYPE_ARRAY: return PQ_SEEN_ARRAY;
    case PQ_TYPE_BINARY:
      if (v.p[0] == VARIANT_UUID) return PQ_SEEN_UUID;
      return v.p[0] == VARIANT_BINARY ? PQ_SEEN_BINARY : PQ_SEEN_OTHER;
    default: return PQ_SEEN_OTHER;
  }
}

static int set_example(pq_field_set *s, pq_seen_field *f, pq_value v) {
  pq_slice text;
  pq_buf_clear(&s->text);
  PQ_TRY(pq_json_print(&s->text, v, PQ_JSON_RELAXED));
  text = pq_buf_slice(&s->text);
  text.n = pq_utf8_prefix(text, PQ_CONVERT_EXAMPLE_LEN_MAX);
  return pq_arena_copy(&s->arena, text, &f->example);
}

int pq_field_set_add(pq_field_set *s, pq_value document) {
  uint32_t count, at = 0;
  pq_field *fields;
  pq_arena_clear(&s->scratch);
  fields = pq_object_fields(&s->scratch, document, &count);
  if (fields == NULL && pq_value_count(document) > 0) return s->cx->code;
  for (uint32_t i = 0; i < count; i++) {
    unsigned bit = pq_seen_of(fields[i].value);
    at = pq_field_set_find(s, fields[i].name, at);
    if (at == PQ_TABLE_NONE && s->is_closed) {
      at = 0;
      continue;
    }
    if (at == PQ_TABLE_NONE) {
      at = s->count;
      PQ_TRY(pq_field_set_enter(s, fields[i].name));
    }
    s->fields[at].seen |= bit;
    s->fields[at].count++;
    if (s->fields[at].example.n == 0 && bit != PQ_SEEN_NULL)
      PQ_TRY(set_example(s, &s->fields[at], fields[i].value));
    at++;
  }
  return PQ_OK;
}

int pq_field_set_row(pq_field_set *s, pq_value document, pq_value *cells) {
  uint32_t count, at = 0;
  pq_field *fields;
  pq_arena_clear(&s->scratch);
  if (s->count > 0) memset(cells, 0, s->count * sizeof *cells);
  fields = pq_object_fields(&s->scratch, document, &count);
  if (fields == NULL && pq_value_count(document) > 0) return s->cx->code;
  for (uint32_t i = 0; i < count; i++) {
    uint32_t found = pq_field_set_find(s, fields[i].name, at);
    if (found == PQ_TABLE_NONE) continue;
    cells[found] = fields[i].value;
    at = found + 1;
  }
  return PQ_OK;
}

const char *pq_seen_name(unsigned seen) {
  seen &= ~(unsigned)(PQ_SEEN_NULL | PQ_SEEN_LARGE_INT);
  switch (seen) {
    case 0: return "null";
    case PQ_SEEN_INT: return "int";
    case PQ_SEEN_DOUBLE: return "double";
    case PQ_SEEN_INT | PQ_SEEN_DOUBLE: return "number";
    case PQ_SEEN_STRING: return "text";
    case PQ_SEEN_BOOL: return "bool";
    case PQ_SEEN_DATE: return "date";
    case PQ_SEEN_UUID: return "uuid";
    case PQ_SEEN_BINARY: return "binary";
    case PQ_SEEN_DECIMAL: return "decimal";
    case PQ_SEEN_OBJECT: return "object";
    case PQ_SEEN_ARRAY: return "array";
    case PQ_SEEN_OTHER: return "extended";
    default: return "mixed";
  }
}
