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
pq_event_op pq_event_op_of(pq_slice word);
pq_target pq_target_of(pq_slice word);

/* Of a file name relative to the namespace (doc/formats/log.md). */
const char *pq_file_name_defect(const pq_cx *cx, pq_slice name);
const char *pq_file_info_defect(const pq_cx *cx, const pq_file_info *f);
const char *pq_collection_info_defect(const pq_cx *cx, const pq_collection_info *c);
/* The whole entry, files and collections included. */
const char *pq_log_entry_defect(const pq_cx *cx, const pq_log_entry *e);

/* 16 lower-case hex digits. */
bool pq_log_id_is_valid(pq_slice s);

/* ---- writing ---- */

/* Start a log object: appends the header line with room for the CRC. `word` is "parquedb-log" or
 * "parquedb-ckpt". *line gets the offset of the line that follows. */
int pq_log_text_begin(pq_buf *out, const char *word, size_t *line) PQ_MUST_CHECK;
/* End the line that started at `line` and fill in its CRC. */
int pq_log_text_end(pq_buf *out, size_t line) PQ_MUST_CHECK;

/* One file as JSON; in a checkpoint with `added` and `removed`. */
int pq_file_info_put(pq_buf *out, const pq_file_info *f, bool is_checkpoint) PQ_MUST_CHECK;
int pq_collection_info_put(pq_buf *out, const pq_collection_info *c) PQ_MUST_CHECK;

/* ---- reading: one object's place in messages, then typed fields ---- */

typedef struct pq_log_doc {
  pq_cx *cx;
  pq_arena *arena;  /* what is parsed lives here */
  const char *key;  /* of the stored object */
  const char *part; /* array that `value` is an element of, NULL: the whole object */
  uint32_t index;   /* in that array */
  pq_value value;   /* an object */
} pq_log_doc;

/* Check header line, CRC and JSON; d->value becomes the object. cx, arena and key must be set. */
int pq_log_text_parse(pq_log_doc *d, const char *word, pq_slice text) PQ_MUST_CHECK;
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

/* The record at `d`, checked. In a checkpoint with `added` and `removed`. */
int pq_file_info_get(const pq_log_doc *d, bool is_checkpoint, pq_file_info *out) PQ_MUST_CHECK;
/* The array of collections in field "collections", checked one by one. */
int pq_collection_infos_get(const pq_log_doc *d, pq_collection_info **out,
                            uint32_t *count) PQ_MUST_CHECK;

#endif
