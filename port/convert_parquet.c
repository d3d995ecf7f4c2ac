/* port/convert_parquet.c - a Parquet file into NDJSON.
 *
 *   footer ─► tree of the schema ─► scan: batches of the columns ─► records ─► rows
 *
 *   one of ours:   $id  $data      ─►  {"$id":"posts/p1","$type":"Post", <fields of $data>}
 *   any other:     a  b  c         ─►  {"a":1,"b":["x"]}          null: left out
 *
 * What a value becomes stands in shred/record_document.h. Columns that hold VARIANT or JSON print
 * every number with its type, the others plainly.
 *
 * The scan of src/parquet asks for bytes; here they come from a file descriptor, or from memory
 * when the input is a pipe. It holds a window of each column, not the row group. All bytes are
 * hostile: what is not as the schema says is PQ_ECORRUPT with the column's name.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "parquet/file_scan.h"
#include "port/convert_int.h"
#include "shred/entity_document.h"

typedef struct column_in {
  const pq_tree *tree;
  pq_json_form form;
  bool is_read;
} column_in;

typedef struct pq_table_in {
  pq_fetch fetch;
  pq_arena footer_arena;
  pq_arena batch_arena;
  pq_buf held; /* the whole file, when it came from a pipe */
  bool is_held;
  uint64_t file_len;
  pq_file file;
  pq_tree *tree;
  pq_documents documents;
  column_in *columns;     /* beside r->columns */
  const pq_column **data; /* by leaf, of the batch; NULL: not read */
  pq_file_scan *scan;     /* NULL until the first batch */
  uint32_t *leaves;       /* that are read, as the scan gives them */
  uint32_t leaf_count;
  pq_record record;
  bool is_ours;
  bool is_columnar;                /* one of ours without $data */
  int id, type, deleted, document; /* columns of one of ours, -1: none */
  uint32_t row, row_count;         /* of the batch */
  bool is_at_end;
} table;

/* ---- bytes ---- */

static int serve_read(pqdb_reader *r, const pq_io_req *q) {
  table *t = r->table;
  size_t done = 0;
  if (t->is_held) {
    if (q->off > t->held.len || q->len > t->held.len - q->off) return PQ_ECORRUPT;
    memcpy(q->buf, t->held.p + q->off, q->len);
    return PQ_OK;
  }
  while (done < q->len) {
    ssize_t n = pread(r->fd, q->buf + done, q->len - done, (off_t)(q->off + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return PQ_EIO;
    if (n == 0) return PQ_ECORRUPT;
    done += (size_t)n;
  }
  return PQ_OK;
}

static const char *detail_of(int rc) {
  return rc == PQ_EIO ? strerror(errno) : NULL;
}

static void serve(pqdb_reader *r) {
  table *t = r->table;
  pq_io_req q;
  uint32_t set;
  while (pq_fetch_take(&t->fetch, &q)) {
    int rc = q.kind == PQ_IO_READ ? serve_read(r, &q) : PQ_EUNSUPPORTED;
    pq_fetch_done(&t->fetch, q.id, rc, (pq_slice){0}, detail_of(rc));
  }
  while (t->scan != NULL && pq_file_scan_take(t->scan, &q, &set)) {
    int rc = q.kind == PQ_IO_READ ? serve_read(r, &q) : PQ_EUNSUPPORTED;
    pq_file_scan_done(t->scan, set, q.id, rc, detail_of(rc));
  }
}

static int open_input(pqdb_reader *r) {
  table *t = r->table;
  struct stat info;
  bool is_end = false;
  if (fstat(r->fd, &info) == 0 && S_ISREG(info.st_mode)) {
    t->file_len = (uint64_t)info.st_size;
    return PQ_OK;
  }
  t->is_held = true;
  while (!is_end) {
    size_t want = t->held.len < PQ_CONVERT_READ_LEN ? PQ_CONVERT_READ_LEN : t->held.len;
    if (t->held.len > PQ_CONVERT_HELD_LEN_MAX)
      return pq_fail(&r->cx, PQ_ELIMIT, "%s: more than 1 GiB of Parquet from a pipe", r->name);
    PQ_TRY(pq_reader_input(r, &t->held, want, &is_end));
  }
  t->file_len = t->held.len;
  return PQ_OK;
}

/* ---- columns ---- */

/* Does a value hold one that must keep the types of its numbers? */
static bool keeps_types(const table *t, const pq_tree *s) {
  if (s->kind == PQ_TREE_VARIANT) return true;
  if (s->kind == PQ_TREE_LEAF) return t->documents.kinds[s->first_leaf] == PQ_AS_JSON;
  for (uint32_t i = 0; i < s->child_count; i++)
    if (keeps_types(t, &s->children[i])) return true;
  return false;
}

static int add_column(pqdb_reader *r, const pq_tree *s) {
  table *t = r->table;
  pq_convert_column *column = &r->columns[r->column_count];
  column_in *c = &t->columns[r->column_count];
  PQ_TRY(pq_documents_check(&t->documents, s));
  *c = (column_in){.tree = s, .is_read = true};
  c->form = keeps_types(t, s) ? PQ_JSON_CANONICAL : PQ_JSON_RELAXED;
  PQ_TRY(pq_column_set_name(r, column, s->name));
  column->type_name = pq_documents_type(&t->documents, s);
  r->column_count++;
  return PQ_OK;
}

static int no_column(pqdb_reader *r, pq_slice name) {
  table *t = r->table;
  const char **names = pq_arena_calloc(&t->batch_arena, t->tree->child_count + 1, sizeof *names);
  const char *near = NULL;
  if (names == NULL) return r->cx.code;
  for (uint32_t i = 0; i < t->tree->child_count; i++) {
    names[i] = pq_arena_str(&t->batch_arena, t->tree->children[i].name);
    if (names[i] == NULL) return r->cx.code;
  }
  near = pq_nearest(name, names);
  return pq_fail(&r->cx, PQ_EINVALID, "%s has no column '%.*s'%s%s%s", r->name,
                 (int)pq_utf8_prefix(name, 60), (const char *)name.p,
                 near == NULL ? "" : "; did you mean '", near == NULL ? "" : near,
                 near == NULL ? "" : "'?");
}

/* The columns that options.columns names, in its order. */
static int add_chosen(pqdb_reader *r, const char *text) {
  const pq_tree *root = r->table->tree;
  while (*text != '\0') {
    size_t len = strcspn(text, ",");
    pq_slice name = {(const uint8_t *)text, len};
    uint32_t i = 0;
    while (i < root->child_count && !pq_slice_eq(root->children[i].name, name))
      i++;
    if (i == root->child_count) return no_column(r, name);
    if (pq_reader_find_column(r, name) == PQ_TABLE_NONE) PQ_TRY(add_column(r, &root->children[i]));
    text += len + (text[len] == ',');
  }
  return PQ_OK;
}

static int column_of(const pqdb_reader *r, const char *name, const char *type) {
  uint32_t i = pq_reader_find_column(r, pq_str(name));
  return i == PQ_TABLE_NONE || strcmp(r->columns[i].type_name, type) != 0 ? -1 : (int)i;
}

/* Files of a warehouse: $id and $data count, the rest is made from them. */
static void look_for_ours(pqdb_reader *r) {
  table *t = r->table;
  t->id = column_of(r, "$id", "text");
  t->document = column_of(r, "$data", "variant");
  t->type = column_of(r, "$type", "text");
  t->deleted = column_of(r, "deleted", "bool");
  t->is_columnar = r->options.columns == NULL && pq_entity_is_columnar(t->file.footer);
  t->documents.is_narrow = t->is_columnar;
  t->is_ours = t->id >= 0 && (t->document >= 0 || t->is_columnar);
  for (uint32_t i = 0; i < r->column_count && t->is_ours; i++) {
    bool is_shown = (int)i == t->id || (int)i == t->document || (int)i == t->type;
    if (t->is_columnar && t->columns[i].tree->leaf_count > 0)
      is_shown |= pq_entity_is_document_leaf(t->file.footer, t->columns[i].tree->first_leaf);
    t->columns[i].is_read = is_shown || (int)i == t->deleted;
    r->columns[i].is_hidden = !is_shown;
  }
}

static int check_id_column(pqdb_reader *r) {
  const pq_tree *s = r->table->columns[r->id_column].tree;
  if (s->kind == PQ_TREE_LEAF) {
    switch ((pq_leaf_as)r->table->documents.kinds[s->first_leaf]) {
      case PQ_AS_TEXT:
      case PQ_AS_UUID:
      case PQ_AS_INT32:
      case PQ_AS_INT64:
      case PQ_AS_UINT32:
      case PQ_AS_UINT64: return PQ_OK;
      default: break;
    }
  }
  return pq_fail(&r->cx, PQ_EINVALID, "%s: column %s is %s: an id is text, an integer or a uuid",
                 r->name, r->options.id_field, r->columns[r->id_column].type_name);
}

static int open_columns(pqdb_reader *r) {
  table *t = r->table;
  uint32_t leaf_count = t->file.footer->leaf_count, count;
  PQ_TRY(pq_tree_of(&t->footer_arena, t->file.footer, &t->tree));
  PQ_TRY(pq_documents_init(&t->documents, &t->footer_arena, r->name, t->file.footer));
  t->documents.is_strict = r->options.is_strict != 0;
  count = t->tree->child_count;
  if (count > PQ_CONVERT_COLUMNS_MAX)
    return pq_fail(&r->cx, PQ_ELIMIT, "%s: %u columns, more than %d", r->name, count,
                   PQ_CONVERT_COLUMNS_MAX);
  r->columns = pq_arena_calloc(&r->arena, count, sizeof *r->columns);
  t->columns = pq_arena_calloc(&r->arena, count, sizeof *t->columns);
  t->data = pq_arena_calloc(&r->arena, leaf_count, sizeof *t->data);
  t->leaves = pq_arena_calloc(&r->arena, leaf_count, sizeof *t->leaves);
  if (r->columns == NULL || t->columns == NULL || t->data == NULL || t->leaves == NULL)
    return r->cx.code;
  if (r->options.columns != NULL) PQ_TRY(add_chosen(r, r->options.columns));
  for (uint32_t i = 0; i < count && r->options.columns == NULL; i++)
    PQ_TRY(add_column(r, &t->tree->children[i]));
  if (r->options.is_raw) return PQ_OK;
  PQ_TRY(pq_reader_check_columns(r));
  look_for_ours(r);
  return r->id_column == PQ_TABLE_NONE ? PQ_OK : check_id_column(r);
}

/* ---- batches ---- */

/* Row groups that options.skip leaves out whole are not read. */
static uint32_t first_group(pqdb_reader *r) {
  const pq_footer *f = r->table->file.footer;
  uint32_t group = 0;
  for (; group < f->row_group_count; group++) {
    if (f->row_groups[group].row_count > r->options.skip) break;
    r->options.skip -= f->row_groups[group].row_count;
  }
  return group;
}

static void add_leaves(table *t, const pq_tree *s) {
  for (uint32_t i = s->first_leaf; i < s->first_leaf + s->leaf_count; i++)
    t->leaves[t->leaf_count++] = i;
}

static int open_scan(pqdb_reader *r) {
  table *t = r->table;
  pq_file_scan_options options = {.leaves = t->leaves, .memory_max = PQ_CONVERT_HELD_LEN_MAX};
  t->leaf_count = 0;
  for (uint32_t i = 0; i < r->column_count; i++)
    if (t->columns[i].is_read) add_leaves(t, t->columns[i].tree);
  options.leaf_count = t->leaf_count;
  options.row_group_lo = first_group(r);
  options.row_group_hi = t->file.footer->row_group_count;
  t->is_at_end = options.row_group_lo >= options.row_group_hi;
  return t->is_at_end ? PQ_OK : pq_file_scan_new(&r->cx, &t->file, options, &t->scan);
}

/* The next batch; none at the end. */
static int load_batch(pqdb_reader *r) {
  table *t = r->table;
  pq_row_batch batch = {0};
  int rc;
  t->row = t->row_count = 0;
  if (t->scan == NULL) PQ_TRY(open_scan(r));
  if (t->is_at_end) return PQ_OK;
  for (;;) {
    rc = pq_file_scan_next(t->scan, &batch);
    if (rc != PQ_NEED_IO) break;
    serve(r);
  }
  PQ_TRY(rc);
  t->row_count = batch.row_count;
  t->is_at_end = batch.row_count == 0;
  if (t->is_at_end) return PQ_OK;
  for (uint32_t i = 0; i < t->leaf_count; i++)
    t->data[t->leaves[i]] = &batch.columns[i];
  pq_arena_clear(&t->batch_arena);
  return pq_record_init(&t->record, &t->batch_arena, t->file.footer, t->tree, t->data);
}

/* ---- values ---- */

static int corrupt(pqdb_reader *r, uint32_t column, const char *what) {
  pq_slice name = r->columns[column].name;
  return pq_fail(&r->cx, PQ_ECORRUPT, "%s: column %.*s, row %llu: %s", r->name,
                 (int)pq_utf8_prefix(name, 80), (const char *)name.p,
                 (unsigned long long)r->row_count + 1, what);
}

/* The column of a leaf at the top, where rows are entries. */
static const pq_column *flat(const table *t, uint32_t column) {
  return t->data[t->columns[column].tree->first_leaf];
}

/* The next value of a column, which is not null. */
static int put_value(pqdb_reader *r, uint32_t column) {
  table *t = r->table;
  const column_in *c = &t->columns[column];
  uint64_t misfits = t->documents.misfits;
  pq_value v;
  int rc;
  if (c->tree->kind == PQ_TREE_VARIANT) {
    PQ_TRY(pq_documents_variant(&t->documents, &t->record, c->tree, &v));
    return pq_json_print(&r->out, v, PQ_JSON_CANONICAL);
  }
  pq_builder_clear(r->builder);
  rc = pq_documents_put(&t->documents, &t->record, c->tree, r->builder);
  if (rc == PQ_OK) rc = pq_builder_view(r->builder, &v);
  if (rc == PQ_OK) rc = pq_json_print(&r->out, v, c->form);
  pq_builder_clear(r->builder);
  r->columns[column].misfits += t->documents.misfits - misfits;
  r->misfits += t->documents.misfits - misfits;
  return rc;
}

/* ---- rows ---- */

/* The id as text: read beside the walk, since its column is shown in its own place too. */
static int put_id(pqdb_reader *r) {
  table *t = r->table;
  const column_in *c = &t->columns[r->id_column];
  uint32_t leaf = c->tree->first_leaf, at = t->record.pos[leaf];
  pq_leaf_as kind = (pq_leaf_as)t->documents.kinds[leaf];
  size_t from;
  if (pq_record_is_null(&t->record, c->tree))
    return pq_fail(&r->cx, PQ_EINVALID, "%s: row %llu: the field of the id is null", r->name,
                   (unsigned long long)r->row_count + 1);
  PQ_TRY(pq_buf_put_str(&r->out, "\"$id\":"));
  if (kind == PQ_AS_UINT64)
    return pq_buf_printf(&r->out, "\"%llu\"", (unsigned long long)t->data[leaf]->v.i64[at]);
  from = r->out.len;
  if (kind != PQ_AS_TEXT && kind != PQ_AS_UUID) PQ_TRY(pq_buf_put_byte(&r->out, '"'));
  PQ_TRY(put_value(r, r->id_column));
  t->record.pos[leaf] = at;
  if (kind == PQ_AS_TEXT) return PQ_OK;
  if (kind != PQ_AS_UUID) return pq_buf_put_byte(&r->out, '"');
  memmove(r->out.p + from, r->out.p + from + 9, 38); /* {"$uuid":"…"} -> "…" */
  r->out.len = from + 38;
  return PQ_OK;
}

static int put_row(pqdb_reader *r) {
  table *t = r->table;
  bool is_first = r->id_column == PQ_TABLE_NONE;
  PQ_TRY(pq_buf_put_byte(&r->out, '{'));
  if (!is_first) PQ_TRY(put_id(r));
  for (uint32_t i = 0; i < r->column_count; i++) {
    const pq_tree *s = t->columns[i].tree;
    if (pq_record_is_null(&t->record, s)) {
      pq_record_skip(&t->record, s);
      continue;
    }
    if (!is_first) PQ_TRY(pq_buf_put_byte(&r->out, ','));
    is_first = false;
    PQ_TRY(pq_buf_put_slice(&r->out, r->columns[i].key));
    PQ_TRY(put_value(r, i));
  }
  return pq_buf_put(&r->out, "}\n", 2);
}

/* "collection/local": as it is, or moved to options.collection. */
static int put_our_id(pqdb_reader *r) {
  const table *t = r->table;
  pq_slice id = flat(t, (uint32_t)t->id)->v.bytes[t->row];
  const uint8_t *slash = id.n == 0 ? NULL : memchr(id.p, '/', id.n);
  size_t before;
  if (slash == NULL) return corrupt(r, (uint32_t)t->id, "an id without a collection");
  if (!pq_utf8_is_valid(id)) return corrupt(r, (uint32_t)t->id, "text that is not UTF-8");
  PQ_TRY(pq_buf_put_str(&r->out, "{\"$id\":"));
  if (r->options.collection == NULL) return pq_buf_put_json_str(&r->out, id);
  PQ_TRY(pq_buf_put_json_str(&r->out, pq_str(r->options.collection)));
  before = --r->out.len; /* the local id takes the place of the closing quote … */
  PQ_TRY(pq_buf_put_json_str(&r->out, (pq_slice){slash, (size_t)(id.p + id.n - slash)}));
  memmove(r->out.p + before, r->out.p + before + 1, r->out.len - before - 1);
  r->out.len--; /* … and its own opening quote is taken out */
  return PQ_OK;
}

static int put_our_type(pqdb_reader *r) {
  const table *t = r->table;
  const pq_column *c = t->type < 0 ? NULL : flat(t, (uint32_t)t->type);
  if (c == NULL || pq_column_is_null(c, t->row)) return PQ_OK;
  if (!pq_utf8_is_valid(c->v.bytes[t->row]))
    return corrupt(r, (uint32_t)t->type, "text that is not UTF-8");
  PQ_TRY(pq_buf_put_str(&r->out, ",\"$type\":"));
  return pq_buf_put_json_str(&r->out, c->v.bytes[t->row]);
}

/* The document that was inserted: id, type, and the fields of $data, types and order kept. */
static int put_our_row(pqdb_reader *r, pq_value document) {
  size_t from;
  PQ_TRY(put_our_id(r));
  PQ_TRY(put_our_type(r));
  from = r->out.len;
  PQ_TRY(pq_json_print(&r->out, document, PQ_JSON_CANONICAL));
  if (pq_value_count(document) > 0)
    r->out.p[from] = ',';
  else
    r->out.p[from] = ' ';
  return pq_buf_put_byte(&r->out, '\n');
}

static bool is_deleted(const table *t) {
  const pq_column *c = t->deleted < 0 ? NULL : flat(t, (uint32_t)t->deleted);
  return c != NULL && !pq_column_is_null(c, t->row) && c->v.b[t->row] != 0;
}

/* The document of a row of ours, from $data or from all columns. */
static int our_document(pqdb_reader *r, pq_value *out) {
  table *t = r->table;
  const pq_tree *s;
  if (t->is_columnar) {
    pq_builder_clear(r->builder);
    PQ_TRY(pq_entity_put_document(&t->documents, &t->record, t->tree, r->builder));
    return pq_builder_view(r->builder, out);
  }
  s = t->columns[t->document].tree;
  if (pq_record_is_null(&t->record, s)) return corrupt(r, (uint32_t)t->document, "a null $data");
  PQ_TRY(pq_documents_variant(&t->documents, &t->record, s, out));
  if (pq_value_is_raw_object(*out)) return PQ_OK;
  return corrupt(r, (uint32_t)t->document, "a document that is no object");
}

/* One row of ours: only the document is walked, the other columns are flat. */
static int next_of_ours(pqdb_reader *r) {
  table *t = r->table;
  pq_value document;
  if (pq_column_is_null(flat(t, (uint32_t)t->id), t->row))
    return corrupt(r, (uint32_t)t->id, "a null $id");
  PQ_TRY(our_document(r, &document));
  if (is_deleted(t)) return PQ_OK;
  PQ_TRY(put_our_row(r, document));
  pq_reader_end_row(r);
  return PQ_OK;
}

static int next_row(pqdb_reader *r) {
  if (r->table->is_ours) return next_of_ours(r);
  PQ_TRY(put_row(r));
  if (r->options.skip == 0) {
    pq_reader_end_row(r);
    return PQ_OK;
  }
  r->options.skip--;
  r->out.len = r->whole_len;
  return PQ_OK;
}

int pq_table_in_next(pqdb_reader *r) {
  table *t = r->table;
  while (pq_reader_has_room(r)) {
    if (t->row == t->row_count) {
      PQ_TRY(load_batch(r));
      r->is_done = t->is_at_end;
      if (r->is_done) return PQ_OK;
    }
    t->documents.row = r->row_count + 1;
    PQ_TRY(next_row(r));
    t->row++;
  }
  return PQ_OK;
}

/* ---- open ---- */

/* The first value of each column in the batch; then back to its first row. */
static int set_examples(pqdb_reader *r) {
  table *t = r->table;
  int rc = PQ_OK;
  for (uint32_t i = 0; i < r->column_count && rc == PQ_OK; i++) {
    const pq_tree *s = t->columns[i].tree;
    uint32_t row = 0;
    if (!t->columns[i].is_read) continue;
    for (; row < t->row_count && pq_record_is_null(&t->record, s); row++)
      pq_record_skip(&t->record, s);
    if (row == t->row_count) continue;
    pq_buf_clear(&r->out);
    rc = put_value(r, i);
    if (rc == PQ_OK) rc = pq_column_set_example(r, &r->columns[i], pq_buf_slice(&r->out));
    if (rc == PQ_ECORRUPT || rc == PQ_EINVALID || rc == PQ_EUNSUPPORTED)
      rc = PQ_OK; /* found again when it is read */
    r->columns[i].misfits = 0;
  }
  r->misfits = 0;
  pq_buf_clear(&r->out);
  if (t->row_count > 0)
    memset(t->record.pos, 0, t->file.footer->leaf_count * sizeof *t->record.pos);
  return rc;
}

int pq_table_in_open(pqdb_reader *r) {
  table *t = pq_alloc(&r->cx, NULL, 0, sizeof *t);
  int rc;
  if (t == NULL) return pq_fail_nomem(&r->cx);
  *t = (table){.id = -1, .type = -1, .deleted = -1, .document = -1};
  r->table = t;
  pq_fetch_init(&t->fetch, &r->cx);
  pq_arena_init(&t->footer_arena, &r->cx, r->cx.limits.op_len_max);
  pq_arena_init(&t->batch_arena, &r->cx, r->cx.limits.op_len_max);
  pq_buf_init(&t->held, &r->cx, (size_t)PQ_CONVERT_HELD_LEN_MAX * 2);
  t->file.key = r->name;
  PQ_TRY(open_input(r));
  do {
    pq_arena_clear(&t->footer_arena);
    rc = pq_footer_fetch(&t->fetch, &t->footer_arena, r->name, t->file_len, 0, &t->file.footer);
    if (rc == PQ_NEED_IO) serve(r);
  } while (rc == PQ_NEED_IO);
  PQ_TRY(rc);
  PQ_TRY(open_columns(r));
  if (r->options.is_raw) return PQ_OK;
  PQ_TRY(load_batch(r));
  return set_examples(r);
}

void pq_table_in_close(pqdb_reader *r) {
  table *t = r->table;
  if (t == NULL) return;
  pq_file_scan_free(t->scan);
  pq_documents_release(&t->documents);
  pq_fetch_release(&t->fetch);
  pq_arena_release(&t->footer_arena);
  pq_arena_release(&t->batch_arena);
  pq_buf_release(&t->held);
  pq_alloc(&r->cx, t, sizeof *t, 0);
  r->table = NULL;
}

uint64_t pq_table_in_rows(const pqdb_reader *r) {
  return r->table->file.footer->row_count;
}

bool pq_table_in_is_ours(const pqdb_reader *r) {
  return r->table->is_ours;
}
