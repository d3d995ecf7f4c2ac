/* table/file_bloom.h - bloom filters at three levels: is an id anywhere, in a file, in a row group?
 *
 *   the log's record of a file   places of its filters, their bytes if they are few
 *      │
 *      ├─ bytes in the record ──────────────► asked in memory: no request
 *      ├─ footer not open, bytes not kept ──► one request, then kept
 *      └─ footer open ──────────────────────► the filter of the row group that the id falls into
 *
 * An id that no file of the view may hold is nowhere: the filters of all files, taken together, are
 * the namespace's. Where the record says nothing (files of older programs, of very many row groups)
 * everything may be in the file. Filters that were read stay in the cache of bodies, within its
 * limit (parquet/body_cache.h); that of an event index, of which a history asks many but each once,
 * when it is asked for a second id. A filter that is not what the log or the footer says is
 * PQ_ECORRUPT and names the file.
 */
#ifndef PQ_TABLE_FILE_BLOOM_H
#define PQ_TABLE_FILE_BLOOM_H

#include "table/file_cache.h"

enum { PQ_BLOOM_IDS_MAX = 64 }; /* for more ids no filter is read: some are there anyway */

/* Which of the ids (sorted), which are within its bounds, may the file hold? Their places among
 * them go into `kept`, which has room for all. Asked without the footer; all are kept where that
 * cannot be told, or where the footer is there to tell it more closely. PQ_NEED_IO. */
int pq_file_sift(pq_file_cache *c, pq_fetch *f, const pq_file_info *info, const pq_slice *ids,
                 uint32_t count, uint32_t *kept, uint32_t *kept_count) PQ_MUST_CHECK;

/* The same: is any of them kept? */
int pq_file_may_hold(pq_file_cache *c, pq_fetch *f, const pq_file_info *info, const pq_slice *ids,
                     uint32_t count, bool *may) PQ_MUST_CHECK;

/* pq_bloom_check by a filter that stays. */
int pq_file_cache_bloom(pq_file_cache *c, pq_fetch *f, const pq_file *file, uint32_t row_group,
                        uint32_t leaf, uint64_t hash, bool *may) PQ_MUST_CHECK;

/* May an entity of the file have one of the types, by the log's record? */
bool pq_file_may_have_type(const pq_file_info *info, const pq_slice *types, uint32_t count);

#endif
