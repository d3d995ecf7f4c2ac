/* log/entry.c - log entries: keys, printing, parsing. See manifest.h and doc/formats/log.md.
 *
 *   pq_log_entry  ──print──►  two lines of text, object log/N, create-only  ──parse──► pq_log_entry
 *
 * The same check (pq_log_entry_defect) stands at both ends, so what we write can be read back.
 */
#include <string.h>

#include "base/text.h"
#include "log/log_int.h"

static const char word[] = "parquedb-log";

static void put_key(const char *folder, uint64_t entry, char out[PQ_LOG_KEY_CAP]) {
  size_t n = strlen(folder);
  memcpy(out, folder, n);
  for (size_t i = 20; i > 0; i--) {
    out[n + i - 1] = (char)('0' + entry % 10);
    entry /= 10;
  }
  out[n + 20] = '\0';
}

void pq_log_key(uint64_t entry, char out[PQ_LOG_KEY_CAP]) {
  put_key("log/", entry, out);
}

void pq_ckpt_key(uint64_t entry, char out[PQ_LOG_KEY_CAP]) {
  put_key("ckpt/", entry, out);
}

static const char *head_defect(const pq_log_entry *e) {
  if ((e->entry | e->seq_hi | e->epoch | e->checkpoint) > INT64_MAX)
    return "a number has more than 63 bits";
  if (e->entry == 0) return "entry 0";
  if (e->checkpoint >= e->entry) return "the checkpoint is not before the entry";
  if (!pq_log_id_is_valid(e->writer) || !pq_log_id_is_valid(e->commit))
    return "writer or commit is not 16 hex digits";
  if (e->entry == 1 ? e->parent.n != 0 : !pq_log_id_is_valid(e->parent))
    return "parent is not 16 hex digits, or stands in the first entry";
  if (!pq_log_hash_is_valid(e->hash)) return "the hash is not 64 hex digits";
  if (e->is_fence && (e->add_count > 0 || e->remove_count > 0)) return "a fence with files";
  return NULL;
}

const char *pq_log_entry_defect(const pq_cx *cx, const pq_log_entry *e) {
  const char *defect = head_defect(e);
  if (defect == NULL) defect = pq_log_retain_defect(cx, e);
  for (uint32_t i = 0; i < e->add_count && defect == NULL; i++)
    defect = pq_file_info_defect(cx, &e->add[i]);
  for (uint32_t i = 0; i < e->remove_count && defect == NULL; i++)
    defect = pq_file_name_defect(cx, pq_str(e->remove[i]));
  for (uint32_t i = 0; i < e->collection_count && defect == NULL; i++)
    defect = pq_collection_info_defect(cx, &e->collections[i]);
  return defect;
}

static int put_head(const pq_log_entry *e, pq_buf *out) {
  PQ_TRY(pq_buf_printf(out, "{\"entry\":%llu,\"seqHi\":%llu,\"tsHi\":%lld,\"epoch\":%llu",
                       (unsigned long long)e->entry, (unsigned long long)e->seq_hi,
                       (long long)e->ts_hi, (unsigned long long)e->epoch));
  if (e->is_fence) PQ_TRY(pq_buf_put_str(out, ",\"fence\":true"));
  PQ_TRY(pq_buf_put_str(out, ",\"writer\":"));
  PQ_TRY(pq_buf_put_json_str(out, e->writer));
  PQ_TRY(pq_buf_put_str(out, ",\"commit\":"));
  PQ_TRY(pq_buf_put_json_str(out, e->commit));
  if (e->parent.n > 0) {
    PQ_TRY(pq_buf_put_str(out, ",\"parent\":"));
    PQ_TRY(pq_buf_put_json_str(out, e->parent));
  }
  PQ_TRY(pq_buf_printf(out, ",\"checkpoint\":%llu", (unsigned long long)e->checkpoint));
  return pq_log_hash_put(out, e->hash);
}

static int put_arrays(const pq_log_entry *e, pq_buf *out) {
  for (uint32_t i = 0; i < e->add_count; i++) {
    PQ_TRY(pq_buf_put_str(out, i == 0 ? ",\"add\":[" : ","));
    PQ_TRY(pq_file_info_put(out, &e->add[i], false, true));
  }
  if (e->add_count > 0) PQ_TRY(pq_buf_put_byte(out, ']'));
  for (uint32_t i = 0; i < e->remove_count; i++) {
    PQ_TRY(pq_buf_put_str(out, i == 0 ? ",\"remove\":[" : ","));
    PQ_TRY(pq_buf_put_json_str(out, pq_str(e->remove[i])));
  }
  if (e->remove_count > 0) PQ_TRY(pq_buf_put_byte(out, ']'));
  for (uint32_t i = 0; i < e->collection_count; i++) {
    PQ_TRY(pq_buf_put_str(out, i == 0 ? ",\"collections\":[" : ","));
    PQ_TRY(pq_collection_info_put(out, &e->collections[i]));
  }
  if (e->collection_count > 0) PQ_TRY(pq_buf_put_byte(out, ']'));
  return pq_log_retain_put(out, e);
}

static int put_entry(const pq_log_entry *e, pq_buf *out) {
  size_t line;
  PQ_TRY(pq_log_text_begin(out, word, pq_log_version_of(e->add, e->add_count), &line));
  PQ_TRY(put_head(e, out));
  PQ_TRY(put_arrays(e, out));
  PQ_TRY(pq_buf_put_byte(out, '}'));
  return pq_log_text_end(out, line);
}

int pq_log_entry_print(const pq_log_entry *e, pq_buf *out) {
  const char *defect = pq_log_entry_defect(out->cx, e);
  size_t len = out->len;
  int rc;
  if (defect != NULL)
    return pq_fail(out->cx, PQ_EINVALID, "log entry %llu: %s", (unsigned long long)e->entry,
                   defect);
  rc = put_entry(e, out);
  if (rc != PQ_OK) out->len = len;
  return rc;
}

static int get_head(const pq_log_doc *d, pq_log_entry *e) {
  pq_value fence = pq_object_get_str(d->value, "fence");
  PQ_TRY(pq_log_doc_u64(d, "entry", &e->entry));
  PQ_TRY(pq_log_doc_u64(d, "seqHi", &e->seq_hi));
  PQ_TRY(pq_log_doc_i64(d, "tsHi", &e->ts_hi));
  PQ_TRY(pq_log_doc_u64(d, "epoch", &e->epoch));
  if (!pq_value_is_missing(fence) && !pq_value_bool(fence, &e->is_fence))
    return pq_log_doc_fail(d, "fence", "is neither true nor false");
  PQ_TRY(pq_log_doc_text(d, "writer", &e->writer));
  PQ_TRY(pq_log_doc_text(d, "commit", &e->commit));
  if (e->entry > 1) PQ_TRY(pq_log_doc_text(d, "parent", &e->parent));
  PQ_TRY(pq_log_doc_u64(d, "checkpoint", &e->checkpoint));
  return pq_log_doc_hash(d, &e->hash);
}

static int get_files(const pq_log_doc *d, const pq_file_records *records, pq_log_entry *e) {
  pq_value array;
  PQ_TRY(pq_log_doc_array(d, "add", &array, &e->add_count));
  if (records->count > 0) e->add_count = records->count;
  e->add = pq_arena_calloc(d->arena, e->add_count, sizeof *e->add);
  if (e->add == NULL) return d->cx->code;
  for (uint32_t i = 0; i < e->add_count; i++) {
    pq_log_doc place;
    PQ_TRY(pq_log_doc_file(d, "add", records, i, &place, &e->add[i]));
    e->add[i].added = e->entry;
  }
  return PQ_OK;
}

int pq_log_doc_names(const pq_log_doc *d, const char *field, const char ***out, uint32_t *count) {
  const char **names;
  pq_value array;
  pq_slice name;
  PQ_TRY(pq_log_doc_array(d, field, &array, count));
  *out = names = pq_arena_calloc(d->arena, *count, sizeof *names);
  if (names == NULL) return d->cx->code;
  for (uint32_t i = 0; i < *count; i++) {
    const char *defect;
    if (!pq_value_string(pq_array_at(array, i), &name))
      return pq_log_doc_fail(d, field, "has an element that is no string");
    defect = pq_file_name_defect(d->cx, name);
    if (defect != NULL) return pq_log_doc_fail(d, field, defect);
    names[i] = pq_arena_str(d->arena, name);
    if (names[i] == NULL) return d->cx->code;
  }
  return PQ_OK;
}

static int parse(pq_log_doc *d, pq_slice text, pq_log_entry *e) {
  pq_file_records records;
  const char *defect;
  PQ_TRY(pq_log_text_parse_files(d, word, "add", text, &records));
  PQ_TRY(get_head(d, e));
  PQ_TRY(get_files(d, &records, e));
  PQ_TRY(pq_log_version_check(d, e->add, e->add_count));
  PQ_TRY(pq_log_doc_names(d, "remove", &e->remove, &e->remove_count));
  PQ_TRY(pq_collection_infos_get(d, &e->collections, &e->collection_count));
  PQ_TRY(pq_log_retain_get(d, e));
  defect = pq_log_entry_defect(d->cx, e);
  if (defect == NULL && !pq_log_key_agrees(d->key, e->entry)) defect = "the key has another number";
  return defect == NULL ? PQ_OK : pq_fail(d->cx, PQ_ECORRUPT, "%s: %s", d->key, defect);
}

int pq_log_entry_parse(pq_arena *arena, const char *key, pq_slice text, pq_log_entry *out) {
  pq_log_doc d = {.cx = arena->cx, .arena = arena, .key = key};
  int rc;
  *out = (pq_log_entry){0};
  rc = parse(&d, text, out);
  if (rc != PQ_OK) *out = (pq_log_entry){0};
  return rc;
}
