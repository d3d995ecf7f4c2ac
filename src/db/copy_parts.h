/* db/copy_parts.h - what a copy of a namespace is made of, now or as of an instant.
 *
 *   files     every object that the copy's checkpoint names: immutable, so what an older copy has
 *             is left alone
 *   checkpoint  ckpt/<k> of the newest retained entry at or before the instant
 *   tail      the events between that entry and the instant, as batches with their links
 *
 * A copy in this order is a warehouse at every moment: until the checkpoint stands in it, it is the
 * one of before. Its present is the instant; older instants read as they do here.
 */
#ifndef PQ_DB_COPY_PARTS_H
#define PQ_DB_COPY_PARTS_H

#include "db/db.h"
#include "log/batch.h"
#include "log/manifest_past.h"

typedef enum pq_backup_part {
  PQ_BACKUP_FILE = 1,
  PQ_BACKUP_CHECKPOINT,
  PQ_BACKUP_BATCH
} pq_backup_part;

typedef struct pq_backup_item {
  pq_backup_part part;
  const char *key;         /* full; BATCH: NULL */
  uint64_t len;            /* FILE */
  bool has_crc;            /* FILE */
  uint32_t crc;            /* of the file */
  pq_slice body;           /* CHECKPOINT, BATCH: borrowed until the next step */
  uint64_t seq_lo, seq_hi; /* BATCH */
} pq_backup_item;

typedef struct pq_backup {
  pq_space *space;
  pq_as_of as_of;
  pq_snapshot snapshot;
  pq_backup_part part; /* 0: not begun */
  pq_entry_mark mark;  /* entry 0: there is no file yet */
  pq_manifest past;    /* as of the mark, as it was known at the beginning */
  uint64_t seq_to;     /* the instant */
  uint64_t seq;        /* the last event that stands in an item */
  uint64_t epoch;
  uint32_t file;
  pq_buf text; /* owned: checkpoint, batch */
  uint8_t link[PQ_DIGEST_LEN];
  bool is_late; /* the chain does not begin with event 1 */
} pq_backup;

/* Of a loaded namespace, whose log may go on meanwhile. When it drops history that the copy still
 * has to read, the step is PQ_ENOTFOUND, as when a file has gone: begin again. */
void pq_backup_init(pq_backup *b, pq_space *space, pq_as_of as_of);
void pq_backup_release(pq_backup *b);

/* Bytes of the files whose items were given, and of all. */
void pq_backup_progress(const pq_backup *b, uint64_t *done, uint64_t *total);

/* The next step, as a stage of `op`. out->part is 0 when it gave no item. PQ_ECORRUPT when events
 * do not have the links that are stored with them. */
int pq_backup_step(pq_backup *b, pq_op *op, pq_backup_item *out, bool *is_end) PQ_MUST_CHECK;

#endif
