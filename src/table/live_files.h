/* table/live_files.h - which files an instant is about, without walking over all there ever were.
 *
 *   manifest   e1 d1 x1 d2 e2 … d9 x9 e9      every file that some retained instant needs: hundreds
 *   entry 40   deletes d7, data d2 d9         one list for each entry that reads ask for
 *   events     (e1, index) (e2, index) …      by seq; of the newest entry, whatever the instant
 *
 * The manifest of a warehouse that keeps its past has a hundred times the files of the present. A
 * read of one entity looked at each of them several times, which took longer than all the rest.
 * Lists hold numbers of the manifest's files; they are made again when the manifest has changed,
 * the least recently used one goes when there are too many. One thread.
 */
#ifndef PQ_TABLE_LIVE_FILES_H
#define PQ_TABLE_LIVE_FILES_H

#include "log/event_file.h"
#include "log/manifest.h"

enum { PQ_LIVE_LISTS_MAX = 16 };

/* An event file and its index. */
typedef struct pq_event_source {
  const pq_file_info *events;
  const pq_file_info *index; /* NULL: none */
} pq_event_source;

/* What a list was made of. */
typedef struct pq_live_stamp {
  const pq_file_info *files;
  uint32_t file_count;
  uint64_t newest; /* entry of the manifest */
  uint64_t entry;  /* that the list is of */
} pq_live_stamp;

typedef struct pq_live_list {
  pq_live_stamp stamp;
  uint64_t used; /* when, by the clock; 0: never */
  uint32_t
      *data; /* owned: DATA files of the entry, in order, and those of bulk writes that views may
              * see beside it (pq_view_has_file decides); behind them delete_count DELETES */
  uint32_t data_count, delete_count;
} pq_live_list;

/* A zeroed one is empty. */
typedef struct pq_live_files {
  pq_live_list lists[PQ_LIVE_LISTS_MAX];
  uint64_t clock;
  pq_live_stamp source_stamp;
  pq_event_source *sources; /* owned: all event files that are read, by seq */
  uint32_t source_count;
} pq_live_files;

void pq_live_files_clear(pq_live_files *l, pq_cx *cx);

/* The list of an entry; borrowed until the next call. PQ_ENOMEM. */
int pq_live_files_of(pq_live_files *l, const pq_manifest *m, uint64_t entry,
                     const pq_live_list **out) PQ_MUST_CHECK;

/* The event files that may hold events of seq_lo to seq_hi with a time up to ts_hi, in the order of
 * their seqs; in `arena`. PQ_ENOMEM. */
int pq_live_files_events(pq_live_files *l, const pq_manifest *m, pq_arena *arena,
                         const pq_event_want *want, pq_event_source **out,
                         uint32_t *count) PQ_MUST_CHECK;

#endif
