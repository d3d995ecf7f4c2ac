/* port/convert_ndjson.c - newline-delimited JSON through the reader: every line checked, the id
 * taken from a field.
 *
 *   text:  |consumed|line\nline\nli…        {"n": 7, …}  ─ id_field n ─►  {"$id":"7","n": 7, …}
 *                   ^at
 *
 * The lines go out as they came in. The first ones are looked at for the fields and their types.
 */
#include <string.h>

#include "base/text.h"
#include "port/convert_int.h"

typedef struct pq_ndjson {
  pq_buf text;
  size_t at;
  uint64_t line; /* of `at` */
  bool is_end;
  pq_field_set set;
} lines;

static int fill(pqdb_reader *r) {
  lines *l = r->ndjson;
  size_t left = l->text.len - l->at;
  if (left > PQ_CONVERT_ROW_LEN_MAX)
    return pq_reader_fail_at(r, PQ_ELIMIT, l->line, 1, "a line of more than 64 MiB");
  if (l->at > 0 && left > 0) memmove(l->text.p, l->text.p + l->at, left);
  l->text.len = left;
  l->at = 0;
  return pq_reader_input(r, &l->text, left > PQ_CONVERT_READ_LEN ? left : PQ_CONVERT_READ_LEN,
                         &l->is_end);
}

/* The line at at + rel without its end; *next behind it. False when it does not end yet. */
static bool find_line(const lines *l, size_t rel, pq_slice *line, size_t *next) {
  size_t left = l->text.len - l->at - rel;
  const uint8_t *p = l->text.p == NULL ? NULL : l->text.p + l->at + rel;
  const uint8_t *end = left == 0 ? NULL : memchr(p, '\n', left);
  *line = (pq_slice){p, end == NULL ? left : (size_t)(end - p)};
  *next = rel + line->n + (end != NULL);
  return end != NULL || l->is_end;
}

static bool is_blank(pq_slice s) {
  for (size_t i = 0; i < s.n; i++)
    if (s.p[i] != ' ' && s.p[i] != '\t' && s.p[i] != '\r') return false;
  return true;
}

/* Parse a line into the builder: an object. */
static int parse(pqdb_reader *r, uint64_t line_num, pq_slice line, pq_value *out) {
  pq_json_options options = {.is_exact = true, .line_first = line_num};
  size_t used;
  int rc;
  *out = (pq_value){0};
  pq_builder_clear(r->builder);
  rc = pq_json_parse(r->builder, line, options, &used);
  if (rc == PQ_OK) rc = pq_builder_view(r->builder, out);
  if (rc == PQ_OK && pq_value_type(*out) != PQ_TYPE_OBJECT)
    return pq_reader_fail_at(r, PQ_EINVALID, line_num, 1, "not a JSON object");
  if (rc == PQ_EINVALID || rc == PQ_ELIMIT) {
    char *message = pq_arena_printf(&r->arena, "%s: %s", r->name, r->cx.msg);
    return message == NULL ? r->cx.code : pq_fail(&r->cx, rc, "%s", message);
  }
  return rc;
}

/* ---- the fields ---- */

static int sample(pqdb_reader *r) {
  lines *l = r->ndjson;
  size_t rel = 0, next;
  uint64_t line_num = 1;
  pq_slice line;
  pq_value document;
  for (uint32_t rows = 0; rows < PQ_CONVERT_SAMPLE_ROWS;) {
    if (!find_line(l, rel, &line, &next)) {
      if (l->text.len > PQ_CONVERT_SAMPLE_LEN_MAX) return PQ_OK;
      PQ_TRY(fill(r));
      continue;
    }
    if (next == rel) return PQ_OK;
    if (!is_blank(line)) {
      int rc = parse(r, line_num, line, &document);
      if (rc == PQ_EINVALID || rc == PQ_ELIMIT) return PQ_OK; /* found again when it is read */
      PQ_TRY(rc);
      PQ_TRY(pq_field_set_add(&l->set, document));
      rows++;
    }
    line_num++;
    rel = next;
  }
  return PQ_OK;
}

static int set_columns(pqdb_reader *r) {
  const pq_field_set *set = &r->ndjson->set;
  r->columns = pq_arena_calloc(&r->arena, set->count, sizeof *r->columns);
  if (r->columns == NULL) return r->cx.code;
  r->column_count = set->count;
  for (uint32_t i = 0; i < set->count; i++) {
    PQ_TRY(pq_column_set_name(r, &r->columns[i], set->fields[i].name));
    PQ_TRY(pq_column_set_example(r, &r->columns[i], set->fields[i].example));
    r->columns[i].type_name = pq_seen_name(set->fields[i].seen);
  }
  return PQ_OK;
}

int pq_ndjson_open(pqdb_reader *r) {
  lines *l = pq_alloc(&r->cx, NULL, 0, sizeof *l);
  if (l == NULL) return pq_fail_nomem(&r->cx);
  *l = (lines){.line = 1};
  r->ndjson = l;
  pq_buf_init(&l->text, &r->cx, (size_t)PQ_CONVERT_ROW_LEN_MAX * 4);
  pq_field_set_init(&l->set, &r->cx);
  PQ_TRY(fill(r));
  PQ_TRY(sample(r));
  return set_columns(r);
}

void pq_ndjson_close(pqdb_reader *r) {
  lines *l = r->ndjson;
  if (l == NULL) return;
  pq_buf_release(&l->text);
  pq_field_set_release(&l->set);
  pq_alloc(&r->cx, l, sizeof *l, 0);
  r->ndjson = NULL;
}

uint64_t pq_ndjson_waiting(const pqdb_reader *r) {
  return r->ndjson->text.len - r->ndjson->at;
}

/* ---- rows ---- */

/* {"$id":"…", in front of the fields. */
static int put_id(pqdb_reader *r, pq_value document) {
  lines *l = r->ndjson;
  pq_value v = pq_object_get_str(document, r->options.id_field);
  pq_slice text;
  int64_t number;
  if (!pq_value_is_missing(pq_object_get_str(document, "$id")))
    return pq_reader_fail_at(r, PQ_EINVALID, l->line, 1, "the document has an $id of its own");
  PQ_TRY(pq_buf_put_str(&r->out, "{\"$id\":"));
  if (pq_value_string(v, &text) || pq_value_object_id(v, &text)) {
    PQ_TRY(pq_buf_put_json_str(&r->out, text));
  } else if (pq_value_i64(v, &number)) {
    PQ_TRY(pq_buf_printf(&r->out, "\"%lld\"", (long long)number));
  } else {
    return pq_reader_fail_at(r, PQ_EINVALID, l->line, 1,
                             "the field of the id is missing, or no text and no integer");
  }
  return pq_buf_put_byte(&r->out, ',');
}

static int put_line(pqdb_reader *r, pq_slice line) {
  pq_value document;
  PQ_TRY(parse(r, r->ndjson->line, line, &document));
  while (line.n > 0 && line.p[0] <= ' ')
    line = (pq_slice){line.p + 1, line.n - 1};
  while (line.n > 0 && line.p[line.n - 1] <= ' ')
    line.n--;
  if (r->options.id_field != NULL) {
    PQ_TRY(put_id(r, document));
    line = (pq_slice){line.p + 1, line.n - 1};
  }
  PQ_TRY(pq_buf_put_slice(&r->out, line));
  return pq_buf_put_byte(&r->out, '\n');
}

int pq_ndjson_next(pqdb_reader *r) {
  lines *l = r->ndjson;
  pq_slice line;
  size_t next;
  while (pq_reader_has_room(r)) {
    if (!find_line(l, 0, &line, &next)) {
      PQ_TRY(fill(r));
      continue;
    }
    if (next == 0) {
      r->is_done = true;
      return PQ_OK;
    }
    if (!is_blank(line)) {
      PQ_TRY(put_line(r, line));
      pq_reader_end_row(r);
    }
    l->at += next;
    l->line++;
  }
  return PQ_OK;
}
