/* table/file_cache.h - what is derived from one immutable file, kept by its name.
 *
 *   name ──► { full key, parsed footer, page indexes and decoded pages (page_cache.h),
 *              positions of a delete file }
 *
 * Never invalidated: the files are immutable. One cache belongs to one namespace and lives as long
 * as it. Filling it is the one side effect that the restart rule allows.
 */
#ifndef PQ_TABLE_FILE_CACHE_H
#define PQ_TABLE_FILE_CACHE_H

#include "base/hash.h"
#include "log/event_file.h"
#include "log/manifest.h"
#include "table/form.h"
#include "table/live_files.h"
#include "table/page_cache.h"

/* Positions of one file in a delete file. */
typedef struct pq_position_span {
  pq_slice file;
  uint32_t first, end;
} pq_position_span;

typedef struct pq_cached_file {
  pq_slice name;
  pq_file file;            /* full key; footer NULL until fetched */
  pq_chunk_pages *chunks;  /* per row group and leaf; pages NULL until fetched */
  uint64_t asked_hash;     /* of the id that the filters of the log's record were asked for last */
  bool is_asked, may_hold; /* ever; what they said */
  uint32_t *entity_leaves; /* data files: shred/entity.h's columns; NULL until needed */
  pq_position *positions;  /* delete files: decoded, sorted by (file, row); NULL until fetched */
  uint32_t position_count;
  pq_position_span *spans; /* of the positions, by file */
  uint32_t span_count;
} pq_cached_file;

typedef struct pq_file_cache {
  pq_cx *cx;
  pq_arena arena;
  const char *ns; /* borrowed */
  pq_table by_name;
  pq_page_cache pages;
  pq_live_files live; /* which files of the manifest an entry is about */
  pq_forms forms;     /* plans between versions of schemas, which never change either */
  pq_cached_file **files;
  uint32_t count, cap;
} pq_file_cache;

void pq_file_cache_init(pq_file_cache *c, pq_cx *cx, const char *ns);
void pq_file_cache_release(pq_file_cache *c);

/* The file's record, with or without its footer. */
int pq_file_cache_record(pq_file_cache *c, const pq_file_info *info,
                         pq_cached_file **out) PQ_MUST_CHECK;

/* The file with its footer. PQ_NEED_IO, or the reader's failures; a missing file is PQ_ECORRUPT. */
int pq_file_cache_open(pq_file_cache *c, pq_fetch *f, const pq_file_info *info,
                       pq_cached_file **out) PQ_MUST_CHECK;

/* The pages of a chunk of an open file; index.page_count 0 when it has no page index. */
int pq_file_cache_chunk(pq_file_cache *c, pq_fetch *f, pq_cached_file *file, uint32_t row_group,
                        uint32_t leaf, pq_chunk_pages **out) PQ_MUST_CHECK;

/* Give a delete file its positions, sorted and borrowed; what is made of them goes into `arena`. */
int pq_cached_file_set_positions(pq_arena *arena, pq_cached_file *file, pq_position *positions,
                                 uint32_t count) PQ_MUST_CHECK;

/* The positions of a delete file. */
int pq_file_cache_positions(pq_file_cache *c, pq_fetch *f, pq_arena *scratch,
                            const pq_file_info *info, pq_cached_file **out) PQ_MUST_CHECK;

#endif
