/* log/manifest.h - log entries and checkpoints, and the state that they add up to.
 *
 *   <ns>/log/00000000000000000042    one delta: files added and removed, seq reached
 *   <ns>/ckpt/00000000000000000040   the whole state after entry 40
 *
 * Both are two lines of text: a header "parquedb-log 2 <crc32 of line 2, 8 hex digits>" (or
 * "parquedb-ckpt 2 …"), then one JSON object; both lines end with '\n'. doc/formats/log.md has
 * every field. Version 1 is read too; 3 is written where there are segments, 4 where edges lead to
 * other namespaces. A newer version number is PQ_EUNSUPPORTED, anything else wrong PQ_ECORRUPT,
 * naming the key.
 *
 * A file carries the entry that added it and the entry that removed it, so the manifest as of
 * entry k is the same list seen through (added <= k < removed): the past costs nothing extra.
 *
 * Marks are the retained instants. A removed file that no mark sees is free: nothing will read it
 * again, and once an entry says that it is gone, its object may be deleted (retain.c).
 *
 *     marks      1     2     3  4        7          10
 *     file a     |===========|                          added 2, removed 4: seen by 2 and 3
 *     file b                    |=====|                 added 5, removed 7: free
 */
#ifndef PQ_LOG_MANIFEST_H
#define PQ_LOG_MANIFEST_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/hash.h"
#include "parquet/bloom.h"
#include "value/variant.h"

typedef enum pq_file_kind {
  PQ_FILE_DATA = 1,    /* data/<collection>/… */
  PQ_FILE_FORWARD,     /* rels/forward/… */
  PQ_FILE_REVERSE,     /* rels/reverse/… */
  PQ_FILE_DELETES,     /* deletes/… */
  PQ_FILE_EVENTS,      /* events/day=…/… */
  PQ_FILE_EVENT_INDEX, /* indexes/events/…: of the event file with the same seqs */
  PQ_FILE_ADJACENCY,   /* indexes/adjacency/…: of the forward file with the same base name */
  PQ_FILE_KIND_LAST = PQ_FILE_ADJACENCY
} pq_file_kind;

/* Has the file's record a range of seqs and times, and one of ids? */
static inline bool pq_file_has_seqs(pq_file_kind kind) {
  return kind == PQ_FILE_EVENTS || kind == PQ_FILE_EVENT_INDEX;
}

#define PQ_SEGMENT_FOLDER "indexes/adjacency"

#define PQ_ENTRY_NONE UINT64_MAX

enum {
  PQ_FILE_BLOOMS_MAX = 64, /* row groups; of a longer file nothing is known without its footer */
  PQ_FILE_TYPES_MAX = 8,
  PQ_BLOOM_PLACE_LEN_MAX = (256 << 10) + 64 /* what is read in one request, and its header */
};

typedef struct pq_file_info {
  pq_file_kind kind;
  const char *name;    /* relative to the namespace; NUL-terminated */
  pq_slice collection; /* DATA: its name, decoded; else empty */
  uint64_t len;        /* bytes */
  uint64_t footer_len; /* bytes of the Thrift footer */
  bool has_crc;        /* false: added before these were written */
  uint32_t crc;        /* CRC-32 of the whole file */
  uint32_t footer_crc; /* of the Thrift footer */
  uint64_t row_count;
  bool has_foreign;        /* FORWARD, REVERSE: some edge leads to another namespace */
  uint64_t seq_lo, seq_hi; /* EVENTS, EVENT_INDEX: first and last; others: 0 */
  int64_t ts_lo, ts_hi;    /* the same: µs; others: 0 */
  pq_slice id_min, id_max; /* DATA: first and last $id; FORWARD from_id; REVERSE to_id;
                            * EVENT_INDEX key */
  bool has_form;           /* DATA; false: added before schemas could change what was written */
  uint64_t form_seq;       /* its documents have the form of the schema of that seq; 0: of none */
  /* Of files with ids, by row group: the filters of what id_min and id_max are of. 0: not known. */
  const pq_bloom_place *blooms;
  uint32_t bloom_count;
  /* DATA: all that its entities have as $type. 0: not known. */
  const pq_slice *types;
  uint32_t type_count;
  uint64_t added;       /* entry */
  uint64_t removed;     /* entry, PQ_ENTRY_NONE: live */
  int64_t freed_at;     /* since when it is free at least, by the store's clock; 0: unknown */
  bool is_gone;         /* an entry says so: its object may be deleted at any time */
  uint64_t pending_seq; /* a bulk write's: its last event. Views of that seq see the file although
                         * no entry has added it (`added` is PQ_ENTRY_NONE then); 0: none */
} pq_file_info;

/* Type of a column beside $data: of an $index_ column the first six, fixed for ever once chosen; of
 * a schema's field any. */
typedef enum pq_index_type {
  PQ_INDEX_INT64 = 1,
  PQ_INDEX_DOUBLE,
  PQ_INDEX_STRING,
  PQ_INDEX_BOOL,
  PQ_INDEX_TIMESTAMP, /* µs */
  PQ_INDEX_OBJECT_ID, /* 24 hex characters */
  /* Cells of these may be unlike their values, see shred/typed_cell.c. */
  PQ_INDEX_FLOAT,
  PQ_INDEX_DATE,         /* days */
  PQ_INDEX_TIMESTAMP_MS, /* ms */
  PQ_INDEX_UUID,         /* 16 bytes */
  PQ_INDEX_BINARY,
  PQ_INDEX_DECIMAL, /* INT32, INT64 or 16 bytes by its precision */
  PQ_INDEX_CHOSEN_LAST = PQ_INDEX_OBJECT_ID,
  PQ_INDEX_PUSHED_LAST = PQ_INDEX_DECIMAL, /* the last that filters use */
  PQ_INDEX_LAST = PQ_INDEX_DECIMAL
} pq_index_type;

enum { PQ_COLLECTION_COLUMNS_MAX = 1000, PQ_SCHEMA_VERSIONS_MAX = 10000 };

typedef struct pq_index_column {
  pq_slice path; /* dotted */
  pq_slice name; /* of the column; empty: "$index_" + path, chosen from statistics */
  pq_index_type type;
  int32_t field_id;
  /* For writing files; not stored in the log. */
  bool has_bloom;
  uint8_t precision, scale; /* DECIMAL, of the schema */
} pq_index_column;

/* One version of a collection's schema: the document that schema/ parses. */
typedef struct pq_schema_record {
  uint64_t version; /* from 1, without gaps */
  uint64_t seq;     /* of the event that set it */
  pq_value schema;  /* an object */
} pq_schema_record;

/* The columns beside $data that files of one collection have or had: those chosen, in their order,
 * and those of schemas. Only grows. A later file need not have all of them, nor an older one. */
typedef struct pq_collection_info {
  pq_slice name;
  uint64_t internal_id; /* never reused: a re-created collection has another */
  pq_index_column *index_columns;
  uint32_t index_count;
  pq_schema_record *schemas; /* in an entry: the new versions; in a manifest: all */
  uint32_t schema_count;
} pq_collection_info;

/* Where history begins: older instants cannot be read. seq 0: it is whole. */
typedef struct pq_history_start {
  uint64_t seq;
  int64_t ts;
  pq_slice hash; /* the chain's link at seq, as hex; empty: none */
} pq_history_start;

/* How much history a namespace keeps; 0: no limit. */
typedef struct pq_retention {
  uint64_t age_us;
  uint64_t len;     /* of event files, bytes */
  pq_slice archive; /* the folder into which it is copied before it is dropped; empty: none */
} pq_retention;
enum { PQ_ARCHIVE_LEN_MAX = 4096 };

typedef struct pq_log_entry {
  uint64_t entry;      /* its number, from 1 */
  uint64_t seq_hi;     /* the events up to this one are covered */
  int64_t ts_hi;       /* time of that event */
  uint64_t epoch;      /* of the writer */
  bool is_fence;       /* the writer's first entry: no files */
  pq_slice writer;     /* 16 hex: random per open */
  pq_slice commit;     /* 16 hex: random per entry */
  pq_slice parent;     /* commit of the entry before; empty for the first */
  uint64_t checkpoint; /* newest checkpoint when this was written, 0: none */
  pq_slice hash;       /* the chain's newest link at or before seq_hi, as hex; empty: none */
  pq_file_info *add;
  uint32_t add_count;
  const char **remove; /* names */
  uint32_t remove_count;
  pq_collection_info *collections; /* new, or with new columns (whole sets) or schema versions */
  uint32_t collection_count;
  int64_t parent_at; /* when the entry before was stored, by the store's clock; 0: unknown */
  uint64_t *forget;  /* marks that are no longer retained: their entries, ascending */
  uint32_t forget_count;
  const char **gone; /* names of free files, whose objects may be deleted after this */
  uint32_t gone_count;
  pq_history_start history; /* seq 0: as before */
  bool has_retention;       /* false: as before */
  pq_retention retention;
  bool is_loose; /* from now on an edge of a file may have an end that is no entity: a replay
                    deleted it and left the edge, or linked what is not there */
} pq_log_entry;

/* A retained instant: old instants find the newest one before them. */
typedef struct pq_entry_mark {
  uint64_t entry, seq_hi;
  int64_t ts_hi;
  int64_t at; /* when the entry was stored, by the store's clock; 0: unknown */
} pq_entry_mark;

typedef struct pq_manifest {
  pq_cx *cx;
  pq_arena arena; /* owns every string and array below */
  uint64_t entry; /* newest, 0: none yet */
  uint64_t seq_hi;
  int64_t ts_hi;
  uint64_t epoch;
  pq_slice commit; /* of the newest entry */
  pq_slice hash;   /* the same */
  uint64_t checkpoint;
  pq_file_info *files; /* every file ever added that is not yet forgotten, in order of `added` */
  uint32_t file_count, file_cap;
  pq_collection_info *collections;
  uint32_t collection_count, collection_cap;
  pq_entry_mark *marks; /* ascending; the newest is the last */
  uint32_t mark_count, mark_cap;
  uint64_t next_internal_id;
  pq_history_start history;
  pq_retention retention;
  bool is_loose;       /* some entry was */
  uint64_t blooms_len; /* bytes of filters that were ever kept here */
  uint64_t spacing;    /* events between two marks that stay; 0: by the rule; who thins sets it */
  uint64_t delta_len;  /* bytes of entries since the newest checkpoint; who loads them counts */
  pq_table file_table, collection_table; /* by name; stale indexes beyond the counts may occur */
} pq_manifest;

enum { PQ_LOG_KEY_CAP = 32 };
/* "log/00000000000000000042" and "ckpt/…": relative to the namespace. */
void pq_log_key(uint64_t entry, char out[PQ_LOG_KEY_CAP]);
void pq_ckpt_key(uint64_t entry, char out[PQ_LOG_KEY_CAP]);

void pq_manifest_init(pq_manifest *m, pq_cx *cx);
void pq_manifest_release(pq_manifest *m);

/* Text of an entry, appended to `out`. */
int pq_log_entry_print(const pq_log_entry *e, pq_buf *out) PQ_MUST_CHECK;
/* Parse the text of the object `key`; everything lives in `arena`. A number in the key's last part
 * must be the entry's. */
int pq_log_entry_parse(pq_arena *arena, const char *key, pq_slice text,
                       pq_log_entry *out) PQ_MUST_CHECK;

/* Apply the next entry: its number must be m->entry + 1, its seq_hi and epoch must not fall, its
 * parent must be m->commit, added names new, removed names live; else PQ_ECORRUPT. Copies what it
 * keeps; on failure the manifest is unchanged. */
int pq_manifest_apply(pq_manifest *m, const pq_log_entry *e) PQ_MUST_CHECK;

/* Text of a checkpoint of the whole manifest. */
int pq_manifest_print(const pq_manifest *m, pq_buf *out) PQ_MUST_CHECK;
/* Load an initialised, empty manifest from the checkpoint object `key`. It is empty again on
 * failure. m->checkpoint becomes the checkpoint's own entry. */
int pq_manifest_parse(pq_manifest *m, const char *key, pq_slice text) PQ_MUST_CHECK;

/* The newest mark with seq_hi <= seq; {0} (entry 0: before the first) if none. */
pq_entry_mark pq_manifest_mark(const pq_manifest *m, uint64_t seq);
/* The newest mark with ts_hi <= ts; {0} if none. */
pq_entry_mark pq_manifest_mark_at(const pq_manifest *m, int64_t ts);

/* Is the file part of the manifest as of entry k? */
static inline bool pq_file_is_live(const pq_file_info *f, uint64_t k) {
  return f->added <= k && k < f->removed;
}

/* Will nothing read the file again: neither the present nor a retained instant? Event files are
 * read through the newest entry alone. */
bool pq_manifest_is_free(const pq_manifest *m, const pq_file_info *f);
/* The same with these marks retained, ascending. */
bool pq_file_is_free(const pq_entry_mark *marks, uint32_t count, const pq_file_info *f);

/* Marks that need not be retained: those before event `from`, where history is to begin (0: at the
 * first event), and others as long as at most pq_manifest_spacing events lie between two that stay.
 * Their entries, ascending, in `arena`. The newest mark and the first one at `from` stay. */
int pq_manifest_thin(const pq_manifest *m, pq_arena *arena, uint64_t from, uint64_t **forget,
                     uint32_t *count) PQ_MUST_CHECK;
/* The spacing that was set, else the rule's: max(10,000, live rows / 4). */
uint64_t pq_manifest_spacing(const pq_manifest *m);

/* ---- files of bulk writes that no entry has added yet (log/bulk_record.h) ---- */

/* The files of a bulk write up to event `seq`, and the columns that it chose. Those that are there
 * already stay. They are no part of entries and checkpoints; the entry that adds them changes their
 * record in place. On failure the manifest is unchanged. */
int pq_manifest_add_pending(pq_manifest *m, uint64_t seq, const pq_file_info *files, uint32_t count,
                            const pq_collection_info *collections,
                            uint32_t collection_count) PQ_MUST_CHECK;
static inline bool pq_file_is_pending(const pq_file_info *f) {
  return f->pending_seq > 0 && f->added == PQ_ENTRY_NONE;
}

/* The record's filters and types for *out in another arena, with the filters' bytes if these are at
 * most `bytes_max`. */
int pq_blooms_copy(pq_arena *arena, const pq_file_info *in, size_t bytes_max,
                   pq_file_info *out) PQ_MUST_CHECK;

/* By name, removed files too, or NULL. Valid until the next apply. */
const pq_file_info *pq_manifest_file(const pq_manifest *m, pq_slice name);
/* The segment of a forward file (rel/adjacency.h), which is live whenever the file is; NULL: it has
 * none, or its name is longer than names may be. */
const pq_file_info *pq_manifest_segment(const pq_manifest *m, const pq_file_info *forward);
const pq_collection_info *pq_manifest_collection(const pq_manifest *m, pq_slice name);

#endif
