/* log/log_int.h - what the files of this module share: checks of what is read, and log text.
 */
#ifndef PQ_LOG_LOG_INT_H
#define PQ_LOG_LOG_INT_H

#include "base/buf.h"
#include "log/event.h"
#include "log/manifest.h"

/* ---- checks: NULL when valid, else what is wrong, to stand in a message ---- */

/* Everything but the values. The same rules hold when an event is written and when it is read. */
const char *pq_event_defect(const pq_cx *cx, const pq_event *e);
/* Is `after` there, and an object, where the state depends on it? */
const char *pq_event_after_defect(const pq_event *e);

/* 0 for an unknown word. */
pq_target pq_target_of(pq_slice word);

/* Of a file name relative to the namespace (doc/formats/log.md). */
const char *pq_file_name_defect(const pq_cx *cx, pq_slice name);
const char *pq_file_info_defect(const pq_cx *cx, const pq_file_info *f);
const char *pq_collection_info_defect(const pq_cx *cx, const pq_collection_info *c);
/* The whole entry, files and collections included. */
const char *pq_log_entry_defect(const pq_cx *cx, const pq_log_entry *e);

/* 16 lower-case hex digits. */
bool pq_log_id_is_valid(pq_slice s);

/* A link of the chain: 64 lower-case hex digits, or none. */
bool pq_log_hash_is_valid(pq_slice s);

/* What retain.c adds to an entry. */
const char *pq_log_retain_defect(const pq_cx *cx, const pq_log_entry *e);

/* ---- writing ---- */

/* The newest that is read, as are all from 1 on; and what is written of objects that older programs
 * can read, because they name no file with edges to other namespaces, or not even a segment. */
#define PQ_LOG_VERSION '4'
#define PQ_LOG_VERSION_SEGMENTS '3'
#define PQ_LOG_VERSION_PLAIN '2'
char pq_log_version_of(const pq_file_info *files, uint32_t count);

/* Start a log object: appends the header line with room for the CRC. `word` is "parquedb-log" or
 * "parquedb-ckpt". *line gets the offset of the line that follows. */
int pq_log_text_begin(pq_buf *out, const char *word, char version, size_t *line) PQ_MUST_CHECK;
/* End the line that started at `line` and fill in its CRC. */
int pq_log_text_end(pq_buf *out, size_t line) PQ_MUST_CHECK;

/* ,"hash":"…" unless it is empty. */
int pq_log_hash_put(pq_buf *out, pq_slice hash) PQ_MUST_CHECK;

/* One file as JSON; in a checkpoint with `added` and `removed`. `has_bytes`: with the bytes of its
 * bloom filters, if they are there. */
int pq_file_info_put(pq_buf *out, const pq_file_info *f, bool is_checkpoint,
                     bool has_bytes) PQ_MUST_CHECK;
int pq_collection_info_put(pq_buf *out, const pq_collection_info *c) PQ_MUST_CHECK;

/* ---- bloom_text.c: the fields "blooms" and "types" of a file's record ---- */

const char *pq_blooms_defect(const pq_file_info *f);
/* Bytes of the filters that stand in the record. */
size_t pq_blooms_len(const pq_file_info *f);
int pq_blooms_put(pq_buf *out, const pq_file_info *f, bool has_bytes) PQ_MUST_CHECK;

/* ---- reading: one object's place in messages, then typed fields ---- */

typedef struct pq_log_doc {
  pq_cx *cx;
  pq_arena *arena;  /* what is parsed lives here */
  const char *key;  /* of the stored object */
  const char *part; /* array that `value` is an element of, NULL: the whole object */
  uint32_t index;   /* in that array */
  char version;     /* of the header line */
  bool is_checkpoint;
  bool is_text_kept; /* the text lives as long as what is parsed */
  pq_value value;    /* an object */
} pq_log_doc;

/* Has the object the version that these files need? No checksum covers it. */
int pq_log_version_check(const pq_log_doc *d, const pq_file_info *files,
                         uint32_t count) PQ_MUST_CHECK;

/* Records of files that were read without their document (record_text.c): those of an array whose
 * elements stand in [from, to) of the line. count 0: there are none. */
typedef struct pq_file_records {
  pq_file_info *files;
  uint32_t count;
  size_t from, to;
} pq_file_records;

/* Read the records in the array `field` of a line, all of them or none: nobody has checked that the
 * rest of the line is JSON. Strings are borrowed from the arena, or from the line if it is kept. */
int pq_file_records_read(const pq_log_doc *d, const char *field, pq_slice line,
                         pq_file_records *out) PQ_MUST_CHECK;

/* Check header line, CRC and JSON; d->value becomes the object. cx, arena and key must be set. */
int pq_log_text_parse(pq_log_doc *d, const char *word, pq_slice text) PQ_MUST_CHECK;
/* The same of an object that has files in the array `field`: those in *out, checked, are left out
 * of the document, where the array is empty then. */
int pq_log_text_parse_files(pq_log_doc *d, const char *word, const char *field, pq_slice text,
                            pq_file_records *out) PQ_MUST_CHECK;
/* File `i` of the array, from the records or from the document; *place is for messages. */
int pq_log_doc_file(const pq_log_doc *d, const char *field, const pq_file_records *records,
                    uint32_t i, pq_log_doc *place, pq_file_info *out) PQ_MUST_CHECK;
/* Does the number in the last part of the key, if it has one, equal `entry`? */
bool pq_log_key_agrees(const char *key, uint64_t entry);

/* Fail with PQ_ECORRUPT and the place. */
int pq_log_doc_fail(const pq_log_doc *d, const char *field, const char *what);

int pq_log_doc_u64(const pq_log_doc *d, const char *field, uint64_t *out) PQ_MUST_CHECK;
int pq_log_doc_i64(const pq_log_doc *d, const char *field, int64_t *out) PQ_MUST_CHECK;
/* Borrows from the arena. */
int pq_log_doc_text(const pq_log_doc *d, const char *field, pq_slice *out) PQ_MUST_CHECK;
/* The array in `field` and its length; absent: missing and 0. */
int pq_log_doc_array(const pq_log_doc *d, const char *field, pq_value *array,
                     uint32_t *count) PQ_MUST_CHECK;
/* Element `i` of that array, which must be an object, as a place of its own. */
int pq_log_doc_element(const pq_log_doc *d, const char *field, pq_value array, uint32_t i,
                       pq_log_doc *out) PQ_MUST_CHECK;

/* The array of file names in `field`, checked, in the arena. */
int pq_log_doc_names(const pq_log_doc *d, const char *field, const char ***out,
                     uint32_t *count) PQ_MUST_CHECK;

/* ---- retain.c: marks, free files, where history begins ---- */

int pq_log_retain_put(pq_buf *out, const pq_log_entry *e) PQ_MUST_CHECK;
int pq_log_retain_get(const pq_log_doc *d, pq_log_entry *e) PQ_MUST_CHECK;
/* The same of a checkpoint, marks included. The manifest's entry, seq_hi and ts_hi stand. */
int pq_manifest_retain_put(pq_buf *out, const pq_manifest *m) PQ_MUST_CHECK;
int pq_manifest_retain_get(pq_manifest *m, const pq_log_doc *d) PQ_MUST_CHECK;

/* What an entry makes of them, not published yet. */
typedef struct pq_log_retain {
  pq_entry_mark *marks;
  uint32_t mark_count, mark_cap;
  pq_history_start history;
  pq_retention retention;
} pq_log_retain;
/* The marks after `e`, its own among them. NULL in *defect, or what is wrong. The manifest is not
 * changed. */
int pq_manifest_retain_stage(pq_manifest *m, const pq_log_entry *e, pq_log_retain *out,
                             const char **defect) PQ_MUST_CHECK;
/* Is each file of e->gone one that nothing reads any more? Else its name. */
const char *pq_manifest_gone_defect(const pq_manifest *m, const pq_log_entry *e,
                                    const pq_log_retain *s);
/* Cannot fail; the files of `e` stand in the manifest. */
void pq_manifest_retain_publish(pq_manifest *m, const pq_log_entry *e, const pq_log_retain *s);

/* Room for `more` elements beyond `count` in an array of the manifest's arena. */
int pq_manifest_reserve(pq_manifest *m, void **array, uint32_t *cap, uint32_t count, uint32_t more,
                        size_t size) PQ_MUST_CHECK;

/* The field "hash", checked; empty when it is absent. */
int pq_log_doc_hash(const pq_log_doc *d, pq_slice *out) PQ_MUST_CHECK;

/* Both fields; id_min and id_max are set. */
int pq_blooms_get(const pq_log_doc *d, pq_file_info *out) PQ_MUST_CHECK;

/* The bytes of a filter from base64; *out.p NULL: it is none of that length. */
int pq_bloom_bytes_get(pq_arena *arena, pq_slice text, size_t len, pq_slice *out) PQ_MUST_CHECK;

/* 0 for an unknown word. */
pq_file_kind pq_file_kind_of(pq_slice word);
/* Has the record idMin and idMax? */
bool pq_file_has_ids(pq_file_kind kind);

/* The record at `d`, checked. In a checkpoint with `added` and `removed`. */
int pq_file_info_get(const pq_log_doc *d, pq_file_info *out) PQ_MUST_CHECK;
/* The array of collections in field "collections", checked one by one. */
int pq_collection_infos_get(const pq_log_doc *d, pq_collection_info **out,
                            uint32_t *count) PQ_MUST_CHECK;

#endif
