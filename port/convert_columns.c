/* port/convert_columns.c - held documents as a Parquet file with typed columns.
 *
 *   field  values of all documents          column
 *   n      int                              INT64
 *   x      double, perhaps int up to 2^53   DOUBLE
 *   s      text                             STRING
 *   ok     bool                             BOOLEAN
 *   at     date                             TIMESTAMP(µs, UTC)
 *   u, b   uuid; bytes                      UUID; BYTE_ARRAY
 *   any    everything else, or mixed        VARIANT
 *
 * A column is required when every document has a value in it. Null and missing are both null,
 * except in VARIANT columns, where an explicit null is a value. A VARIANT needs no copy: the value
 * is cut out of its document, and its dictionary is the document's.
 */
#include <string.h>

#include "parquet/writer.h"
#include "port/convert_int.h"

enum {
  GROUP_ROWS_MAX = 65536,
  GROUP_LEN_MAX = 64 << 20,   /* bytes of documents in a row group */
  GROUP_CELLS_MAX = 16 << 20, /* columns times rows, held at once */
  UUID_LEN = 16
};

typedef enum out_kind {
  OUT_INT,
  OUT_DOUBLE,
  OUT_STRING,
  OUT_BOOL,
  OUT_DATE,
  OUT_UUID,
  OUT_BINARY,
  OUT_VARIANT
} out_kind;

typedef struct table_out {
  pqdb_writer *w;
  pq_writer *writer;
  pq_arena arena; /* specs */
  pq_arena group; /* columns of the row group */
  out_kind *kinds;
  pq_column_spec *specs;
  pq_column *columns; /* leaves */
  uint32_t leaf_count;
} table_out;

static out_kind kind_of(const pq_seen_field *f) {
  unsigned seen = f->seen & ~(unsigned)PQ_SEEN_NULL;
  switch (seen) {
    case PQ_SEEN_INT:
    case PQ_SEEN_INT | PQ_SEEN_LARGE_INT: return OUT_INT;
    case PQ_SEEN_DOUBLE:
    case PQ_SEEN_DOUBLE | PQ_SEEN_INT: return OUT_DOUBLE;
    case PQ_SEEN_STRING: return OUT_STRING;
    case PQ_SEEN_BOOL: return OUT_BOOL;
    case PQ_SEEN_DATE: return OUT_DATE;
    case PQ_SEEN_UUID: return OUT_UUID;
    case PQ_SEEN_BINARY: return OUT_BINARY;
    case 0: return f->seen == 0 ? OUT_STRING : OUT_VARIANT; /* in no document; only nulls */
    default: return OUT_VARIANT;
  }
}

static pq_phys phys_of(out_kind kind) {
  switch (kind) {
    case OUT_INT:
    case OUT_DATE: return PQ_PHYS_INT64;
    case OUT_DOUBLE: return PQ_PHYS_DOUBLE;
    case OUT_BOOL: return PQ_PHYS_BOOL;
    case OUT_UUID: return PQ_PHYS_FIXED;
    case OUT_STRING:
    case OUT_BINARY:
    case OUT_VARIANT: return PQ_PHYS_BYTES;
  }
  pq_unreachable("kind of column");
}

static pq_logical logical_of(out_kind kind) {
  switch (kind) {
    case OUT_STRING: return PQ_LOGICAL_STRING;
    case OUT_DATE: return PQ_LOGICAL_TIMESTAMP_US;
    case OUT_UUID: return PQ_LOGICAL_UUID;
    case OUT_VARIANT: return PQ_LOGICAL_VARIANT;
    default: return PQ_LOGICAL_NONE;
  }
}

static int set_column(table_out *t, uint32_t i) {
  const pq_seen_field *f = &t->w->set.fields[i];
  out_kind kind = kind_of(f);
  char *name = pq_arena_str(&t->arena, f->name);
  bool has_null = kind != OUT_VARIANT && (f->seen & PQ_SEEN_NULL) != 0;
  if (name == NULL) return t->w->cx.code;
  if (f->name.n > 0 && memchr(f->name.p, '\0', f->name.n) != NULL)
    return pq_fail(&t->w->cx, PQ_EINVALID,
                   "a field name that holds a NUL character cannot be a Parquet column");
  t->kinds[i] = kind;
  t->specs[i] = (pq_column_spec){.name = name,
                                 .phys = phys_of(kind),
                                 .logical = logical_of(kind),
                                 .type_len = kind == OUT_UUID ? UUID_LEN : 0,
                                 .is_optional = has_null || f->count < t->w->row_count,
                                 .field_id = -1,
                                 .has_stats = kind != OUT_VARIANT && kind != OUT_BINARY};
  t->leaf_count += kind == OUT_VARIANT ? 2 : 1;
  return PQ_OK;
}

static int open_columns(table_out *t) {
  pqdb_writer *w = t->w;
  t->kinds = pq_arena_calloc(&t->arena, w->set.count, sizeof *t->kinds);
  t->specs = pq_arena_calloc(&t->arena, w->set.count, sizeof *t->specs);
  if (t->kinds == NULL || t->specs == NULL) return w->cx.code;
  for (uint32_t i = 0; i < w->set.count; i++)
    PQ_TRY(set_column(t, i));
  t->columns = pq_arena_calloc(&t->arena, t->leaf_count, sizeof *t->columns);
  if (t->columns == NULL) return w->cx.code;
  return pq_writer_new(&w->cx, t->specs, w->set.count,
                       (pq_writer_options){.created_by = "ParqueDB"}, &t->writer);
}

/* ---- row groups ---- */

static int leaf_new(table_out *t, pq_column *c, pq_phys phys, bool is_optional, uint32_t rows) {
  size_t size = phys == PQ_PHYS_BOOL                             ? 1
                : phys == PQ_PHYS_BYTES || phys == PQ_PHYS_FIXED ? sizeof(pq_slice)
                                                                 : 8;
  *c = (pq_column){.phys = phys, .row_count = rows};
  c->v.any = pq_arena_calloc(&t->group, rows, size);
  if (c->v.any == NULL) return t->w->cx.code;
  if (!is_optional) return PQ_OK;
  c->nulls = pq_arena_calloc(&t->group, rows, 1);
  return c->nulls == NULL ? t->w->cx.code : PQ_OK;
}

static int columns_new(table_out *t, uint32_t rows) {
  uint32_t leaf = 0;
  pq_arena_clear(&t->group);
  for (uint32_t i = 0; i < t->w->set.count; i++) {
    bool is_optional = t->specs[i].is_optional;
    PQ_TRY(leaf_new(t, &t->columns[leaf++], t->specs[i].phys, is_optional, rows));
    if (t->kinds[i] == OUT_VARIANT)
      PQ_TRY(leaf_new(t, &t->columns[leaf++], PQ_PHYS_BYTES, is_optional, rows));
  }
  return PQ_OK;
}

static void set_cell(out_kind kind, pq_column *c, uint32_t row, pq_value v) {
  bool flag = false;
  switch (kind) {
    case OUT_INT: (void)pq_value_i64(v, &c->v.i64[row]); return;
    case OUT_DOUBLE: (void)pq_value_number(v, &c->v.f64[row]); return;
    case OUT_DATE: (void)pq_value_date_us(v, &c->v.i64[row]); return;
    case OUT_STRING: (void)pq_value_string(v, &c->v.bytes[row]); return;
    case OUT_UUID:
    case OUT_BINARY: (void)pq_value_binary(v, &c->v.bytes[row]); return;
    case OUT_BOOL:
      (void)pq_value_bool(v, &flag);
      c->v.b[row] = flag;
      return;
    case OUT_VARIANT:
      c[0].v.bytes[row] = pq_value_meta(v);
      c[1].v.bytes[row] = pq_value_bytes(v);
      return;
  }
}

static int set_row(table_out *t, uint32_t row, pq_value document) {
  pqdb_writer *w = t->w;
  pq_column *c = t->columns;
  PQ_TRY(pq_field_set_row(&w->set, document, w->cells));
  for (uint32_t i = 0; i < w->set.count; i++) {
    bool is_variant = t->kinds[i] == OUT_VARIANT;
    pq_value v = w->cells[i];
    bool is_null = pq_value_is_missing(v) || (!is_variant && pq_seen_of(v) == PQ_SEEN_NULL);
    if (!is_null) set_cell(t->kinds[i], c, row, v);
    if (is_null) c[0].nulls[row] = 1;
    if (is_null && is_variant) c[1].nulls[row] = 1;
    c += is_variant ? 2 : 1;
  }
  return PQ_OK;
}

/* How many of the documents from `from` on make the next row group. */
static uint32_t group_rows(const table_out *t, size_t from) {
  size_t most = GROUP_CELLS_MAX / t->leaf_count, n = 0, len = 0;
  if (most > GROUP_ROWS_MAX) most = GROUP_ROWS_MAX;
  if (most == 0) most = 1;
  while (from + n < t->w->row_count && n < most && len < GROUP_LEN_MAX)
    len += t->w->rows[from + n++].len;
  return (uint32_t)n;
}

static int write_groups(table_out *t) {
  size_t from = 0;
  while (from < t->w->row_count) {
    uint32_t n = group_rows(t, from);
    PQ_TRY(columns_new(t, n));
    for (uint32_t i = 0; i < n; i++)
      PQ_TRY(set_row(t, i, t->w->rows[from + i]));
    PQ_TRY(pq_writer_add(t->writer, t->columns, t->leaf_count));
    from += n;
  }
  return pq_writer_finish(t->writer, NULL, 0);
}

int pq_table_out(pqdb_writer *w) {
  table_out t = {.w = w};
  int rc;
  pq_arena_init(&t.arena, &w->cx, w->cx.limits.op_len_max);
  pq_arena_init(&t.group, &w->cx, w->cx.limits.op_len_max);
  rc = open_columns(&t);
  if (rc == PQ_OK) rc = write_groups(&t);
  if (rc == PQ_OK) rc = pq_writer_output(w, pq_writer_bytes(t.writer));
  pq_writer_free(t.writer);
  pq_arena_release(&t.arena);
  pq_arena_release(&t.group);
  return rc;
}
