/* log/log_text.c - the text of log entries and checkpoints: header line, fields, checks.
 *
 *   parquedb-log 2 1c291ca3\n         word, version, CRC-32 of the next line without its '\n'
 *   {"entry":1,"seqHi":0, ...}\n
 *
 * What both kinds of object share stands here; doc/formats/log.md has every field. Records are
 * checked by the same functions before they are written and after they are read.
 */
#include <string.h>

#include "base/text.h"
#include "codec/codec.h"
#include "log/chain.h"
#include "log/log_int.h"
#include "value/json.h"

enum { CRC_DIGITS = 8, ID_DIGITS = 16, KEY_DIGITS = 20 };

/* An entry that stands inside another object (doc/formats/log.md). */
static const char slice_word[] = "parquedb-slice ";

static const char *const kind_names[] = {NULL,      "data",   "forward",    "reverse",
                                         "deletes", "events", "eventIndex", "adjacency"};
static const char *const kind_prefixes[] = {
    NULL,       "data/",   "rels/forward/",   "rels/reverse/",
    "deletes/", "events/", "indexes/events/", PQ_SEGMENT_FOLDER "/"};
static const char *const index_type_names[] = {
    NULL,    "int64", "double",      "string", "bool",   "timestamp", "objectId",
    "float", "date",  "timestampMs", "uuid",   "binary", "decimal"};

/* Number of `word` in names[1..last], 0 when it is not there. */
static int word_of(const char *const *names, int last, pq_slice word) {
  for (int i = 1; i <= last; i++)
    if (pq_slice_is(word, names[i])) return i;
  return 0;
}

pq_file_kind pq_file_kind_of(pq_slice word) {
  return (pq_file_kind)word_of(kind_names, PQ_FILE_KIND_LAST, word);
}

/* ---- checks ---- */

static bool has_prefix(pq_slice s, const char *prefix) {
  size_t n = strlen(prefix);
  return s.n > n && memcmp(s.p, prefix, n) == 0;
}

/* One part of a name between slashes. */
static bool part_is_valid(const uint8_t *p, size_t n) {
  if (n == 0 || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.')) return false;
  for (size_t i = 0; i < n; i++)
    if (p[i] < 0x20 || p[i] == 0x7f || p[i] == '\\') return false;
  return true;
}

const char *pq_file_name_defect(const pq_cx *cx, pq_slice name) {
  size_t start = 0;
  bool is_known = false;
  if (name.n > cx->limits.key_len_max) return "the file name is too long";
  if (!pq_utf8_is_valid(name)) return "the file name is not UTF-8";
  for (int i = 1; i <= PQ_FILE_KIND_LAST; i++)
    is_known = is_known || has_prefix(name, kind_prefixes[i]);
  if (!is_known) return "the file name is in no known folder";
  for (size_t i = 0; i <= name.n; i++) {
    if (i < name.n && name.p[i] != '/') continue;
    if (!part_is_valid(name.p + start, i - start)) return "the file name has a bad part";
    start = i + 1;
  }
  return NULL;
}

static const char *events_defect(const pq_file_info *f) {
  if ((f->seq_lo | f->seq_hi) > INT64_MAX) return "a number has more than 63 bits";
  return f->seq_lo > f->seq_hi || f->ts_lo > f->ts_hi ? "the first event is after the last" : NULL;
}

bool pq_file_has_ids(pq_file_kind kind) {
  return kind == PQ_FILE_DATA || kind == PQ_FILE_FORWARD || kind == PQ_FILE_REVERSE ||
         kind == PQ_FILE_EVENT_INDEX;
}

const char *pq_file_info_defect(const pq_cx *cx, const pq_file_info *f) {
  pq_slice name = pq_str(f->name);
  const char *defect = pq_file_name_defect(cx, name);
  if (defect != NULL) return defect;
  if (f->kind < PQ_FILE_DATA || f->kind > PQ_FILE_KIND_LAST) return "unknown kind of file";
  if (!has_prefix(name, kind_prefixes[f->kind])) return "the file is not in the folder of its kind";
  if ((f->len | f->row_count | f->form_seq) > INT64_MAX) return "a number has more than 63 bits";
  if (f->has_form && f->kind != PQ_FILE_DATA) return "formSeq in a file without documents";
  if (f->has_foreign && f->kind != PQ_FILE_FORWARD && f->kind != PQ_FILE_REVERSE)
    return "foreign in a file without edges";
  if (f->footer_len >= f->len) return "the footer is not shorter than the file";
  if (f->kind == PQ_FILE_DATA && (f->collection.n == 0 || !pq_utf8_is_valid(f->collection)))
    return "the collection is empty or not UTF-8";
  if (pq_file_has_ids(f->kind) && (!pq_utf8_is_valid(f->id_min) || !pq_utf8_is_valid(f->id_max) ||
                                   pq_slice_cmp(f->id_min, f->id_max) > 0))
    return "idMin and idMax are not UTF-8 or not in order";
  defect = pq_blooms_defect(f);
  if (defect != NULL) return defect;
  return pq_file_has_seqs(f->kind) ? events_defect(f) : NULL;
}

static const char *column_defect(const pq_index_column *x) {
  int last = x->name.n == 0 ? PQ_INDEX_CHOSEN_LAST : PQ_INDEX_LAST;
  if (x->path.n == 0 || !pq_utf8_is_valid(x->path)) return "a path is empty or not UTF-8";
  if (!pq_utf8_is_valid(x->name) || (x->name.n > 0 && memchr(x->name.p, 0, x->name.n) != NULL))
    return "the name of a column is not UTF-8 or has a NUL";
  if ((int)x->type < PQ_INDEX_INT64 || (int)x->type > last) return "unknown index type";
  return x->field_id < 0 ? "fieldId is negative" : NULL;
}

/* A chosen path is chosen once; a schema's field may have had several types. */
static bool is_twin(const pq_index_column *x, const pq_index_column *y) {
  if ((x->name.n == 0) != (y->name.n == 0)) return x->field_id == y->field_id;
  if (x->name.n == 0) return x->field_id == y->field_id || pq_slice_eq(x->path, y->path);
  return x->type == y->type && pq_slice_eq(x->name, y->name);
}

const char *pq_collection_info_defect(const pq_cx *cx, const pq_collection_info *c) {
  if (c->name.n == 0 || c->name.n > cx->limits.name_len_max || !pq_utf8_is_valid(c->name))
    return "the name of the collection is empty, too long or not UTF-8";
  if (c->internal_id == 0 || c->internal_id > INT64_MAX - 1) return "internalId is out of range";
  if (c->index_count > PQ_COLLECTION_COLUMNS_MAX) return "too many index columns";
  for (uint32_t i = 0; i < c->index_count; i++) {
    const char *defect = column_defect(&c->index_columns[i]);
    if (defect != NULL) return defect;
    for (uint32_t j = 0; j < i; j++)
      if (is_twin(&c->index_columns[i], &c->index_columns[j]))
        return "two columns have the same path, name or fieldId";
  }
  if (c->schema_count > PQ_SCHEMA_VERSIONS_MAX) return "too many schema versions";
  for (uint32_t i = 0; i < c->schema_count; i++)
    if (c->schemas[i].version == 0 || c->schemas[i].seq == 0 ||
        (c->schemas[i].version | c->schemas[i].seq) > INT64_MAX ||
        pq_value_type(c->schemas[i].schema) != PQ_TYPE_OBJECT)
      return "a schema has a bad version or seq, or is no object";
  return NULL;
}

bool pq_log_id_is_valid(pq_slice s) {
  if (s.n != ID_DIGITS) return false;
  for (size_t i = 0; i < s.n; i++)
    if (!((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'f'))) return false;
  return true;
}

bool pq_log_hash_is_valid(pq_slice s) {
  uint8_t link[PQ_DIGEST_LEN];
  return s.n == 0 || pq_link_parse(s, link);
}

int pq_log_hash_put(pq_buf *out, pq_slice hash) {
  if (hash.n == 0) return PQ_OK;
  PQ_TRY(pq_buf_put_str(out, ",\"hash\":"));
  return pq_buf_put_json_str(out, hash);
}

int pq_log_doc_hash(const pq_log_doc *d, pq_slice *out) {
  *out = (pq_slice){0};
  if (pq_value_is_missing(pq_object_get_str(d->value, "hash"))) return PQ_OK;
  PQ_TRY(pq_log_doc_text(d, "hash", out));
  return pq_log_hash_is_valid(*out) && out->n > 0
             ? PQ_OK
             : pq_log_doc_fail(d, "hash", "is not 64 hex digits");
}

bool pq_log_key_agrees(const char *key, uint64_t entry) {
  const char *slash = strrchr(key, '/'), *digits = slash == NULL ? key : slash + 1;
  uint64_t n = 0;
  if (strlen(digits) != KEY_DIGITS) return true;
  for (int i = 0; i < KEY_DIGITS; i++) {
    if (digits[i] < '0' || digits[i] > '9') return true;
    n = n * 10 + (uint64_t)(digits[i] - '0');
  }
  return n == entry;
}

/* ---- writing ---- */

char pq_log_version_of(const pq_file_info *files, uint32_t count) {
  char version = PQ_LOG_VERSION_PLAIN;
  for (uint32_t i = 0; i < count; i++) {
    if (files[i].is_gone) continue;
    if (files[i].has_foreign) return PQ_LOG_VERSION;
    if (files[i].kind == PQ_FILE_ADJACENCY) version = PQ_LOG_VERSION_SEGMENTS;
  }
  return version;
}

int pq_log_version_check(const pq_log_doc *d, const pq_file_info *files, uint32_t count) {
  char version = d->version < PQ_LOG_VERSION_PLAIN ? PQ_LOG_VERSION_PLAIN : d->version;
  if (version == pq_log_version_of(files, count)) return PQ_OK;
  return pq_fail(d->cx, PQ_ECORRUPT, "%s: its version is not that of the files in it", d->key);
}

int pq_log_text_begin(pq_buf *out, const char *word, char version, size_t *line) {
  *line = 0;
  PQ_TRY(pq_buf_printf(out, "%s %c 00000000\n", word, version));
  *line = out->len;
  return PQ_OK;
}

int pq_log_text_end(pq_buf *out, size_t line) {
  uint32_t crc = pq_crc32((pq_slice){out->p + line, out->len - line});
  for (size_t i = 0; i < CRC_DIGITS; i++)
    out->p[line - 2 - i] = (uint8_t) "0123456789abcdef"[crc >> (4 * i) & 15];
  return pq_buf_put_byte(out, '\n');
}

static int put_text(pq_buf *out, const char *field, pq_slice s) {
  PQ_TRY(pq_buf_printf(out, ",\"%s\":", field));
  return pq_buf_put_json_str(out, s);
}

static int put_u64(pq_buf *out, const char *field, uint64_t v) {
  return pq_buf_printf(out, ",\"%s\":%llu", field, (unsigned long long)v);
}

int pq_file_info_put(pq_buf *out, const pq_file_info *f, bool is_checkpoint, bool has_bytes) {
  PQ_TRY(pq_buf_printf(out, "{\"kind\":\"%s\"", kind_names[f->kind]));
  PQ_TRY(put_text(out, "name", pq_str(f->name)));
  if (f->kind == PQ_FILE_DATA) PQ_TRY(put_text(out, "collection", f->collection));
  if (f->has_form) PQ_TRY(put_u64(out, "formSeq", f->form_seq));
  PQ_TRY(put_u64(out, "len", f->len));
  PQ_TRY(put_u64(out, "footerLen", f->footer_len));
  PQ_TRY(put_u64(out, "rows", f->row_count));
  if (f->has_foreign) PQ_TRY(pq_buf_put_str(out, ",\"foreign\":true"));
  if (f->has_crc) {
    PQ_TRY(put_u64(out, "crc", f->crc));
    PQ_TRY(put_u64(out, "footerCrc", f->footer_crc));
  }
  if (pq_file_has_seqs(f->kind)) {
    PQ_TRY(put_u64(out, "seqLo", f->seq_lo));
    PQ_TRY(put_u64(out, "seqHi", f->seq_hi));
    PQ_TRY(pq_buf_printf(out, ",\"tsLo\":%lld,\"tsHi\":%lld", (long long)f->ts_lo,
                         (long long)f->ts_hi));
  }
  if (pq_file_has_ids(f->kind)) {
    PQ_TRY(put_text(out, "idMin", f->id_min));
    PQ_TRY(put_text(out, "idMax", f->id_max));
    PQ_TRY(pq_blooms_put(out, f, has_bytes));
  }
  if (is_checkpoint) PQ_TRY(put_u64(out, "added", f->added));
  if (is_checkpoint && f->removed != PQ_ENTRY_NONE) PQ_TRY(put_u64(out, "removed", f->removed));
  if (is_checkpoint && f->freed_at > 0) PQ_TRY(put_u64(out, "freedAt", (uint64_t)f->freed_at));
  return pq_buf_put_byte(out, '}');
}

static bool has_named(const pq_collection_info *c) {
  for (uint32_t i = 0; i < c->index_count; i++)
    if (c->index_columns[i].name.n > 0) return true;
  return false;
}

/* Columns chosen stand in "index", as they did before there were schemas, the others apart. */
static int put_columns(pq_buf *out, const pq_collection_info *c, bool is_named) {
  bool is_first = true;
  for (uint32_t i = 0; i < c->index_count; i++) {
    const pq_index_column *x = &c->index_columns[i];
    if ((x->name.n > 0) != is_named) continue;
    PQ_TRY(pq_buf_put_str(out, is_first ? "{\"path\":" : ",{\"path\":"));
    PQ_TRY(pq_buf_put_json_str(out, x->path));
    if (is_named) PQ_TRY(put_text(out, "name", x->name));
    PQ_TRY(pq_buf_printf(out, ",\"type\":\"%s\",\"fieldId\":%d}", index_type_names[x->type],
                         (int)x->field_id));
    is_first = false;
  }
  return PQ_OK;
}

static int put_schemas(pq_buf *out, const pq_collection_info *c) {
  PQ_TRY(pq_buf_put_str(out, ",\"schemas\":["));
  for (uint32_t i = 0; i < c->schema_count; i++) {
    const pq_schema_record *r = &c->schemas[i];
    PQ_TRY(pq_buf_printf(out, "%s{\"version\":%llu,\"seq\":%llu,\"schema\":", i == 0 ? "" : ",",
                         (unsigned long long)r->version, (unsigned long long)r->seq));
    PQ_TRY(pq_json_print(out, r->schema, PQ_JSON_CANONICAL));
    PQ_TRY(pq_buf_put_byte(out, '}'));
  }
  return pq_buf_put_byte(out, ']');
}

int pq_collection_info_put(pq_buf *out, const pq_collection_info *c) {
  PQ_TRY(pq_buf_put_str(out, "{\"name\":"));
  PQ_TRY(pq_buf_put_json_str(out, c->name));
  PQ_TRY(put_u64(out, "internalId", c->internal_id));
  PQ_TRY(pq_buf_put_str(out, ",\"index\":["));
  PQ_TRY(put_columns(out, c, false));
  PQ_TRY(pq_buf_put_byte(out, ']'));
  if (has_named(c)) {
    PQ_TRY(pq_buf_put_str(out, ",\"columns\":["));
    PQ_TRY(put_columns(out, c, true));
    PQ_TRY(pq_buf_put_byte(out, ']'));
  }
  if (c->schema_count > 0) PQ_TRY(put_schemas(out, c));
  return pq_buf_put_byte(out, '}');
}

/* ---- reading ---- */

int pq_log_doc_fail(const pq_log_doc *d, const char *field, const char *what) {
  if (d->part != NULL)
    return pq_fail(d->cx, PQ_ECORRUPT, "%s: %s %u: field '%s' %s", d->key, d->part,
                   (unsigned)d->index, field, what);
  return pq_fail(d->cx, PQ_ECORRUPT, "%s: field '%s' %s", d->key, field, what);
}

/* "<word> <version> <crc>\n" at the start of `text`; the rest goes into *line. */
static int parse_header(pq_log_doc *d, const char *word, char newest, pq_slice text,
                        pq_slice *line) {
  size_t n = strlen(word), header_len = n + sizeof " 2 00000000\n" - 1;
  uint32_t crc = 0;
  if (text.n >= sizeof slice_word && memcmp(text.p, slice_word, sizeof slice_word - 1) == 0)
    return pq_fail(d->cx, PQ_EUNSUPPORTED,
                   "%s: is a slice of a shared log object, which this program cannot read", d->key);
  if (text.n < n + 3 || memcmp(text.p, word, n) != 0 || text.p[n] != ' ')
    return pq_fail(d->cx, PQ_ECORRUPT, "%s: does not start with '%s'", d->key, word);
  if (text.p[n + 1] > newest && text.p[n + 1] <= '9')
    return pq_fail(d->cx, PQ_EUNSUPPORTED, "%s: has version %c, this program reads up to %c",
                   d->key, text.p[n + 1], newest);
  if (text.n < header_len + 3 || text.p[n + 1] < '1' || text.p[n + 1] > '9' ||
      text.p[n + 2] != ' ' || text.p[header_len - 1] != '\n' || text.p[text.n - 1] != '\n')
    return pq_fail(d->cx, PQ_ECORRUPT, "%s: bad header line or truncated", d->key);
  for (size_t i = n + 3; i < header_len - 1; i++) {
    const uint8_t *digits = (const uint8_t *)"0123456789abcdef";
    const uint8_t *at = memchr(digits, text.p[i], 16);
    if (at == NULL) return pq_fail(d->cx, PQ_ECORRUPT, "%s: bad CRC digits", d->key);
    crc = crc << 4 | (uint32_t)(at - digits);
  }
  d->version = (char)text.p[n + 1];
  *line = (pq_slice){text.p + header_len, text.n - header_len - 1};
  if (pq_crc32(*line) != crc) return pq_fail(d->cx, PQ_ECORRUPT, "%s: CRC mismatch", d->key);
  return PQ_OK;
}

/* A checkpoint may be larger than a document may be. */
static int parse_json(const pq_log_doc *d, pq_slice line, pq_value *out) {
  uint32_t len_max = d->cx->limits.doc_len_max;
  pq_builder *b;
  int rc;
  d->cx->limits.doc_len_max = UINT32_MAX;
  rc = pq_builder_new(d->cx, &b);
  if (rc == PQ_OK) rc = pq_json_value(b, line, d->arena, out);
  d->cx->limits.doc_len_max = len_max;
  pq_builder_free(b);
  return rc;
}

/* The document of a whole line. */
static int parse_line(pq_log_doc *d, pq_slice line) {
  int rc = parse_json(d, line, &d->value);
  if (rc == PQ_EINVALID) {
    char msg[PQ_MESSAGE_CAP];
    memcpy(msg, d->cx->msg, sizeof msg);
    return pq_fail(d->cx, PQ_ECORRUPT, "%s: %s", d->key, msg);
  }
  if (rc != PQ_OK) return rc;
  if (pq_value_type(d->value) != PQ_TYPE_OBJECT)
    return pq_fail(d->cx, PQ_ECORRUPT, "%s: line 2 is no JSON object", d->key);
  return PQ_OK;
}

int pq_log_text_parse(pq_log_doc *d, const char *word, pq_slice text) {
  pq_slice line;
  d->value = (pq_value){0};
  PQ_TRY(parse_header(d, word, PQ_LOG_VERSION_PLAIN, text, &line));
  return parse_line(d, line);
}

int pq_log_text_parse_files(pq_log_doc *d, const char *word, const char *field, pq_slice text,
                            pq_file_records *out) {
  pq_slice line;
  pq_buf rest;
  int rc;
  d->value = (pq_value){0};
  *out = (pq_file_records){0};
  PQ_TRY(parse_header(d, word, PQ_LOG_VERSION, text, &line));
  PQ_TRY(pq_file_records_read(d, field, line, out));
  if (out->count == 0) return parse_line(d, line);
  pq_buf_init(&rest, d->cx, SIZE_MAX);
  rc = pq_buf_put(&rest, line.p, out->from);
  if (rc == PQ_OK) rc = pq_buf_put(&rest, line.p + out->to, line.n - out->to);
  if (rc == PQ_OK) rc = parse_json(d, pq_buf_slice(&rest), &d->value);
  pq_buf_release(&rest);
  if (rc == PQ_OK && pq_value_type(d->value) == PQ_TYPE_OBJECT) return PQ_OK;
  *out = (pq_file_records){0};
  if (rc != PQ_OK && rc != PQ_EINVALID) return rc;
  /* Say where in the whole line. */
  return parse_line(d, line);
}

/* ---- fields ---- */

int pq_log_doc_i64(const pq_log_doc *d, const char *field, int64_t *out) {
  pq_value v = pq_object_get_str(d->value, field);
  *out = 0;
  if (pq_value_is_missing(v)) return pq_log_doc_fail(d, field, "is missing");
  return pq_value_i64(v, out) ? PQ_OK : pq_log_doc_fail(d, field, "is no integer of 63 bits");
}

int pq_log_doc_u64(const pq_log_doc *d, const char *field, uint64_t *out) {
  int64_t v;
  *out = 0;
  PQ_TRY(pq_log_doc_i64(d, field, &v));
  if (v < 0) return pq_log_doc_fail(d, field, "is negative");
  *out = (uint64_t)v;
  return PQ_OK;
}

int pq_log_doc_text(const pq_log_doc *d, const char *field, pq_slice *out) {
  pq_value v = pq_object_get_str(d->value, field);
  *out = (pq_slice){0};
  if (pq_value_is_missing(v)) return pq_log_doc_fail(d, field, "is missing");
  return pq_value_string(v, out) ? PQ_OK : pq_log_doc_fail(d, field, "is no string");
}

int pq_log_doc_array(const pq_log_doc *d, const char *field, pq_value *array, uint32_t *count) {
  *array = pq_object_get_str(d->value, field);
  *count = 0;
  if (pq_value_is_missing(*array)) return PQ_OK;
  if (pq_value_type(*array) != PQ_TYPE_ARRAY) return pq_log_doc_fail(d, field, "is no array");
  *count = pq_value_count(*array);
  return PQ_OK;
}

int pq_log_doc_element(const pq_log_doc *d, const char *field, pq_value array, uint32_t i,
                       pq_log_doc *out) {
  *out = *d;
  out->part = field;
  out->index = i;
  out->value = pq_array_at(array, i);
  if (pq_value_type(out->value) == PQ_TYPE_OBJECT) return PQ_OK;
  return pq_log_doc_fail(d, field, "has an element that is no object");
}

static int get_lifetime(const pq_log_doc *d, pq_file_info *out) {
  PQ_TRY(pq_log_doc_u64(d, "added", &out->added));
  out->removed = PQ_ENTRY_NONE;
  if (pq_value_is_missing(pq_object_get_str(d->value, "removed"))) return PQ_OK;
  PQ_TRY(pq_log_doc_u64(d, "removed", &out->removed));
  if (pq_value_is_missing(pq_object_get_str(d->value, "freedAt"))) return PQ_OK;
  PQ_TRY(pq_log_doc_i64(d, "freedAt", &out->freed_at));
  return out->freed_at > 0 ? PQ_OK : pq_log_doc_fail(d, "freedAt", "is no time");
}

static int get_crc(const pq_log_doc *d, const char *field, uint32_t *out) {
  uint64_t crc;
  *out = 0;
  PQ_TRY(pq_log_doc_u64(d, field, &crc));
  if (crc > UINT32_MAX) return pq_log_doc_fail(d, field, "has more than 32 bits");
  *out = (uint32_t)crc;
  return PQ_OK;
}

static int get_crcs(const pq_log_doc *d, pq_file_info *out) {
  out->has_crc = !pq_value_is_missing(pq_object_get_str(d->value, "crc"));
  if (!out->has_crc) return PQ_OK;
  PQ_TRY(get_crc(d, "crc", &out->crc));
  return get_crc(d, "footerCrc", &out->footer_crc);
}

/* True or absent: there is one way to say it. */
static int get_foreign(const pq_log_doc *d, pq_file_info *out) {
  pq_value foreign = pq_object_get_str(d->value, "foreign");
  if (pq_value_is_missing(foreign)) return PQ_OK;
  if (pq_value_bool(foreign, &out->has_foreign) && out->has_foreign) return PQ_OK;
  return pq_log_doc_fail(d, "foreign", "is not true");
}

static int get_kind_fields(const pq_log_doc *d, pq_file_info *out) {
  if (out->kind == PQ_FILE_DATA) PQ_TRY(pq_log_doc_text(d, "collection", &out->collection));
  out->has_form = !pq_value_is_missing(pq_object_get_str(d->value, "formSeq"));
  if (out->has_form) PQ_TRY(pq_log_doc_u64(d, "formSeq", &out->form_seq));
  if (pq_file_has_seqs(out->kind)) {
    PQ_TRY(pq_log_doc_u64(d, "seqLo", &out->seq_lo));
    PQ_TRY(pq_log_doc_u64(d, "seqHi", &out->seq_hi));
    PQ_TRY(pq_log_doc_i64(d, "tsLo", &out->ts_lo));
    PQ_TRY(pq_log_doc_i64(d, "tsHi", &out->ts_hi));
  }
  if (!pq_file_has_ids(out->kind)) return PQ_OK;
  PQ_TRY(pq_log_doc_text(d, "idMin", &out->id_min));
  PQ_TRY(pq_log_doc_text(d, "idMax", &out->id_max));
  return pq_blooms_get(d, out);
}

int pq_file_info_get(const pq_log_doc *d, pq_file_info *out) {
  pq_file_info f = {.removed = PQ_ENTRY_NONE};
  pq_slice kind, name;
  const char *defect;
  *out = (pq_file_info){0};
  PQ_TRY(pq_log_doc_text(d, "kind", &kind));
  f.kind = pq_file_kind_of(kind);
  if (f.kind == 0) return pq_log_doc_fail(d, "kind", "is unknown");
  PQ_TRY(pq_log_doc_text(d, "name", &name));
  defect = pq_file_name_defect(d->cx, name); /* before the NUL-terminated copy hides a NUL */
  if (defect != NULL) return pq_log_doc_fail(d, "name", defect);
  f.name = pq_arena_str(d->arena, name);
  if (f.name == NULL) return d->cx->code;
  PQ_TRY(pq_log_doc_u64(d, "len", &f.len));
  PQ_TRY(pq_log_doc_u64(d, "footerLen", &f.footer_len));
  PQ_TRY(pq_log_doc_u64(d, "rows", &f.row_count));
  PQ_TRY(get_foreign(d, &f));
  PQ_TRY(get_crcs(d, &f));
  PQ_TRY(get_kind_fields(d, &f));
  if (d->is_checkpoint) PQ_TRY(get_lifetime(d, &f));
  defect = pq_file_info_defect(d->cx, &f);
  if (defect != NULL) return pq_log_doc_fail(d, "name", defect);
  *out = f;
  return PQ_OK;
}

int pq_log_doc_file(const pq_log_doc *d, const char *field, const pq_file_records *records,
                    uint32_t i, pq_log_doc *place, pq_file_info *out) {
  pq_value array;
  uint32_t n;
  *place = *d;
  place->part = field;
  place->index = i;
  if (i < records->count) {
    *out = records->files[i];
    return PQ_OK;
  }
  PQ_TRY(pq_log_doc_array(d, field, &array, &n));
  PQ_TRY(pq_log_doc_element(d, field, array, i, place));
  return pq_file_info_get(place, out);
}

static int get_index_column(const pq_log_doc *d, bool is_named, pq_index_column *out) {
  pq_slice type;
  uint64_t field_id;
  PQ_TRY(pq_log_doc_text(d, "path", &out->path));
  if (is_named) PQ_TRY(pq_log_doc_text(d, "name", &out->name));
  if (is_named && out->name.n == 0) return pq_log_doc_fail(d, "name", "is empty");
  PQ_TRY(pq_log_doc_text(d, "type", &type));
  out->type = (pq_index_type)word_of(index_type_names, PQ_INDEX_LAST, type);
  if (out->type == 0) return pq_log_doc_fail(d, "type", "is unknown");
  PQ_TRY(pq_log_doc_u64(d, "fieldId", &field_id));
  if (field_id > INT32_MAX) return pq_log_doc_fail(d, "fieldId", "is out of range");
  out->field_id = (int32_t)field_id;
  return PQ_OK;
}

static int get_columns(const pq_log_doc *d, pq_collection_info *out) {
  pq_value index, named;
  uint32_t n, named_count;
  PQ_TRY(pq_log_doc_array(d, "index", &index, &n));
  PQ_TRY(pq_log_doc_array(d, "columns", &named, &named_count));
  if (pq_value_is_missing(index)) return pq_log_doc_fail(d, "index", "is missing");
  if (n > PQ_COLLECTION_COLUMNS_MAX) return pq_log_doc_fail(d, "index", "is too long");
  if (named_count > PQ_COLLECTION_COLUMNS_MAX - n)
    return pq_log_doc_fail(d, "columns", "is too long");
  out->index_count = n + named_count;
  out->index_columns = pq_arena_calloc(d->arena, out->index_count, sizeof *out->index_columns);
  if (out->index_columns == NULL) return d->cx->code;
  for (uint32_t i = 0; i < out->index_count; i++) {
    bool is_named = i >= n;
    pq_log_doc column;
    PQ_TRY(pq_log_doc_element(d, is_named ? "columns" : "index", is_named ? named : index,
                              is_named ? i - n : i, &column));
    PQ_TRY(get_index_column(&column, is_named, &out->index_columns[i]));
  }
  return PQ_OK;
}

static int get_schemas(const pq_log_doc *d, pq_collection_info *out) {
  pq_value array;
  PQ_TRY(pq_log_doc_array(d, "schemas", &array, &out->schema_count));
  if (out->schema_count > PQ_SCHEMA_VERSIONS_MAX)
    return pq_log_doc_fail(d, "schemas", "is too long");
  out->schemas = pq_arena_calloc(d->arena, out->schema_count, sizeof *out->schemas);
  if (out->schemas == NULL) return d->cx->code;
  for (uint32_t i = 0; i < out->schema_count; i++) {
    pq_schema_record *r = &out->schemas[i];
    pq_log_doc element;
    PQ_TRY(pq_log_doc_element(d, "schemas", array, i, &element));
    PQ_TRY(pq_log_doc_u64(&element, "version", &r->version));
    PQ_TRY(pq_log_doc_u64(&element, "seq", &r->seq));
    r->schema = pq_object_get_str(element.value, "schema");
    if (pq_value_type(r->schema) != PQ_TYPE_OBJECT)
      return pq_log_doc_fail(&element, "schema", "is no object");
  }
  return PQ_OK;
}

static int get_collection(const pq_log_doc *d, pq_collection_info *out) {
  const char *defect;
  PQ_TRY(pq_log_doc_text(d, "name", &out->name));
  PQ_TRY(pq_log_doc_u64(d, "internalId", &out->internal_id));
  PQ_TRY(get_columns(d, out));
  PQ_TRY(get_schemas(d, out));
  defect = pq_collection_info_defect(d->cx, out);
  return defect == NULL ? PQ_OK : pq_log_doc_fail(d, "index", defect);
}

int pq_collection_infos_get(const pq_log_doc *d, pq_collection_info **out, uint32_t *count) {
  pq_value array;
  uint32_t n;
  *out = NULL;
  *count = 0;
  PQ_TRY(pq_log_doc_array(d, "collections", &array, &n));
  if (n == 0) return PQ_OK;
  *out = pq_arena_calloc(d->arena, n, sizeof **out);
  if (*out == NULL) return d->cx->code;
  for (uint32_t i = 0; i < n; i++) {
    pq_log_doc c;
    PQ_TRY(pq_log_doc_element(d, "collections", array, i, &c));
    PQ_TRY(get_collection(&c, &(*out)[i]));
  }
  *count = n;
  return PQ_OK;
}
