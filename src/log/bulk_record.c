/* log/bulk_record.c - see bulk_record.h; doc/formats/batch.md has the fields.
 *
 *   add:  events  18 ……… 517 │ 518 ……… 1017      one after the other, without a gap
 *         index   18 ……… 517 │ 518 ……… 1017      of an event file each
 *         data    rows of them all: 1,000
 *
 * The same check stands at both ends, so what is written can be read back.
 */
#include "log/bulk_record.h"

#include "log/log_int.h"

static const char word[] = "parquedb-bulk";

/* The event file with these seqs. */
static const pq_file_info *events_of(const pq_bulk_record *r, const pq_file_info *index) {
  for (uint32_t i = 0; i < r->file_count; i++)
    if (r->files[i].kind == PQ_FILE_EVENTS && r->files[i].seq_lo == index->seq_lo)
      return &r->files[i];
  return NULL;
}

/* *seq: the last event of the event files so far; *rows: of the data files. */
static const char *file_defect(const pq_bulk_record *r, const pq_file_info *f, uint64_t *seq,
                               uint64_t *rows) {
  const pq_file_info *events;
  switch (f->kind) {
    case PQ_FILE_DATA:
      if (f->row_count > r->seq_hi - r->seq_lo + 1 - *rows) return "more rows than events";
      *rows += f->row_count;
      return NULL;
    case PQ_FILE_EVENTS:
      if (f->seq_lo != *seq + 1 || f->seq_hi < f->seq_lo || f->seq_hi > r->seq_hi ||
          f->row_count != f->seq_hi - f->seq_lo + 1)
        return "its event files are not its events one after the other";
      *seq = f->seq_hi;
      return f->ts_lo == r->ts && f->ts_hi == r->ts ? NULL : "an event file of another time";
    case PQ_FILE_EVENT_INDEX:
      events = events_of(r, f);
      return events != NULL && events->seq_hi == f->seq_hi ? NULL : "an index of no event file";
    default: return "a file that is of no kind that bulk writes have";
  }
}

static const char *record_defect(const pq_cx *cx, const pq_bulk_record *r) {
  uint64_t seq = r->seq_lo - 1, rows = 0;
  const char *defect = NULL;
  if (r->seq_lo == 0 || r->seq_hi < r->seq_lo || r->seq_hi > INT64_MAX) return "no events";
  for (uint32_t i = 0; i < r->file_count && defect == NULL; i++) {
    defect = pq_file_info_defect(cx, &r->files[i]);
    if (defect == NULL) defect = file_defect(r, &r->files[i], &seq, &rows);
  }
  for (uint32_t i = 0; i < r->collection_count && defect == NULL; i++) {
    defect = pq_collection_info_defect(cx, &r->collections[i]);
    if (defect == NULL && r->collections[i].schema_count > 0) defect = "a schema";
  }
  if (defect != NULL) return defect;
  if (seq != r->seq_hi) return "its event files lack events";
  return rows == r->seq_hi - r->seq_lo + 1 ? NULL : "its data files lack rows";
}

static int put_record(const pq_bulk_record *r, pq_buf *out) {
  size_t line;
  PQ_TRY(pq_log_text_begin(out, word, PQ_LOG_VERSION_PLAIN, &line));
  PQ_TRY(pq_buf_printf(out, "{\"ts\":%lld,\"add\":[", (long long)r->ts));
  for (uint32_t i = 0; i < r->file_count; i++) {
    if (i > 0) PQ_TRY(pq_buf_put_byte(out, ','));
    PQ_TRY(pq_file_info_put(out, &r->files[i], false, true));
  }
  PQ_TRY(pq_buf_put_byte(out, ']'));
  for (uint32_t i = 0; i < r->collection_count; i++) {
    PQ_TRY(pq_buf_put_str(out, i == 0 ? ",\"collections\":[" : ","));
    PQ_TRY(pq_collection_info_put(out, &r->collections[i]));
  }
  if (r->collection_count > 0) PQ_TRY(pq_buf_put_byte(out, ']'));
  PQ_TRY(pq_buf_put_byte(out, '}'));
  return pq_log_text_end(out, line);
}

int pq_bulk_record_print(const pq_bulk_record *r, pq_buf *out) {
  const char *defect = record_defect(out->cx, r);
  size_t len = out->len;
  int rc;
  if (defect != NULL)
    return pq_fail(out->cx, PQ_EINVALID, "bulk write from event %llu: %s",
                   (unsigned long long)r->seq_lo, defect);
  rc = put_record(r, out);
  if (rc != PQ_OK) out->len = len;
  return rc;
}

static int get_files(const pq_log_doc *d, pq_bulk_record *r) {
  pq_value array;
  PQ_TRY(pq_log_doc_array(d, "add", &array, &r->file_count));
  r->files = pq_arena_calloc(d->arena, r->file_count, sizeof *r->files);
  if (r->files == NULL) return d->cx->code;
  for (uint32_t i = 0; i < r->file_count; i++) {
    pq_log_doc file;
    PQ_TRY(pq_log_doc_element(d, "add", array, i, &file));
    PQ_TRY(pq_file_info_get(&file, &r->files[i]));
  }
  return PQ_OK;
}

static int parse(pq_log_doc *d, pq_slice text, pq_bulk_record *r) {
  const char *defect;
  PQ_TRY(pq_log_text_parse(d, word, text));
  PQ_TRY(pq_log_doc_i64(d, "ts", &r->ts));
  PQ_TRY(get_files(d, r));
  PQ_TRY(pq_collection_infos_get(d, &r->collections, &r->collection_count));
  defect = record_defect(d->cx, r);
  return defect == NULL ? PQ_OK : pq_fail(d->cx, PQ_ECORRUPT, "%s: %s", d->key, defect);
}

int pq_bulk_record_parse(pq_arena *arena, pq_slice text, uint64_t seq_lo, uint64_t seq_hi,
                         pq_bulk_record *out) {
  pq_log_doc d = {.cx = arena->cx, .arena = arena, .key = "bulk write"};
  int rc;
  *out = (pq_bulk_record){.seq_lo = seq_lo, .seq_hi = seq_hi};
  rc = parse(&d, text, out);
  if (rc != PQ_OK) *out = (pq_bulk_record){0};
  return rc;
}
