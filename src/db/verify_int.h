/* db/verify_int.h - what the files of a verification share. */
#ifndef PQ_DB_VERIFY_INT_H
#define PQ_DB_VERIFY_INT_H

#include "db/space_int.h"
#include "db/verify.h"
#include "parquet/file_check.h"
#include "rel/edge.h"

/* What the events say about one entity or edge. */
typedef struct pq_verify_key {
  uint64_t hash;     /* of the id, or of both ends and the predicate; 0: a free slot */
  uint64_t system;   /* hash of everything but the document */
  uint64_t document; /* hash of it */
  uint64_t seq;      /* of its last event */
  uint8_t is_live, seen;
} pq_verify_key;

typedef struct pq_verify_table {
  pq_verify_key *slots; /* owned; cap is a power of 2 */
  uint64_t cap, count;
} pq_verify_table;

enum { PQ_SEEN_ROW = 1, PQ_SEEN_FORWARD = 2, PQ_SEEN_REVERSE = 4 };

typedef int (*pq_verify_part)(pq_verify *v, pq_op *op);

struct pq_verify {
  pq_cx *cx;
  pq_space *space;
  pq_verify_options options;
  pq_verify_part part; /* what the next step does; NULL: the end */
  pq_snapshot snapshot;
  pq_verify_counts counts;
  uint64_t done_len; /* of files that a part is done with, once for each part */
  uint64_t file_len; /* of the file at hand, so far */
  pq_arena arena;
  /* the log */
  uint64_t entry;
  uint64_t seq_hi; /* events up to this one are in files */
  /* files: a copy of the manifest's list */
  pq_file_info *files;
  bool *is_bad;
  uint32_t file_count, file, row_group;
  pq_file_check *check; /* owned */
  bool is_check_waiting;
  uint64_t file_crc_len; /* bytes of the file that `file_crc` is of */
  uint32_t file_crc;
  uint32_t file_problems;
  const char *checked_key;
  int found_rc;
  /* history */
  uint32_t *event_files; /* of `files`, by seq */
  uint32_t event_file_count, event_file;
  bool is_entry_checked; /* the newest entry's hash, in this pass */
  uint64_t seq;          /* the last event read in this pass */
  /* the by-entity index of the event file that was read last */
  uint64_t events_sum, index_sum;
  uint32_t index_file, index_group;
  pq_verify_part after_index;
  pq_chain_check chain;
  bool is_incomplete; /* some events could not be read: what they add up to is not known */
  uint64_t first_seq; /* of the oldest event that is left, 0: none */
  int64_t first_ts;
  /* state */
  pq_verify_table table;
  uint64_t parts, pass; /* keys with hash % parts == pass */
  uint64_t keys_max;
};

/* Tell a problem of the object `name` of the namespace. */
int pq_verify_problem(pq_verify *v, pq_op *op, const char *name, const char *problem) PQ_MUST_CHECK;
/* Failures that say something about what is stored, not about us. */
bool pq_verify_is_finding(int rc);

/* A part is done with a file, whole or not. */
void pq_verify_file_done(pq_verify *v, const pq_file_info *info);

/* Of the present state: does the file count there? */
bool pq_verify_has_rows(const pq_verify *v, const pq_file_info *info);
bool pq_verify_has_events(const pq_verify *v, const pq_file_info *info);

/* verify_history.c: the part that begins a pass over the events. */
int pq_verify_begin_pass(pq_verify *v, pq_op *op) PQ_MUST_CHECK;

/* verify_state.c */
int pq_verify_note_event(pq_verify *v, const pq_event *e) PQ_MUST_CHECK;
/* The part that reads rows; the next pass or the end follows. */
int pq_verify_begin_rows(pq_verify *v, pq_op *op) PQ_MUST_CHECK;
void pq_verify_table_release(pq_verify *v);

/* verify_index.c: compare the index of an event file, whose events were summed up in
 * v->events_sum, if there is one; then go on with `after`. */
void pq_verify_begin_index(pq_verify *v, const pq_file_info *events, pq_verify_part after);

/* verify_segment.c: PQ_ECORRUPT if a segment does not say what its forward file says. A stage's
 * call.
 */
int pq_verify_segment(pq_verify *v, pq_op *op, const pq_file_info *segment) PQ_MUST_CHECK;

/* verify_gap.c: PQ_ECORRUPT, of a file of which only the CRC of the whole is wrong. */
int pq_verify_gap(pq_cx *cx, const pq_file *file) PQ_MUST_CHECK;

/* verify_blooms.c: PQ_ECORRUPT if the record's filters or types are not those of the file. */
int pq_verify_blooms(pq_cx *cx, const pq_file_info *info, const pq_file *file) PQ_MUST_CHECK;

#endif
