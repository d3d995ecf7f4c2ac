/* log/manifest_past.h - the checkpoint of an older entry, made from the newest manifest. */
#ifndef PQ_LOG_MANIFEST_PAST_H
#define PQ_LOG_MANIFEST_PAST_H

#include "log/manifest.h"

/* The newest retained entry at or before `seq` behind which no event file reaches: files of events
 * may have become one since, and cannot be cut. */
pq_entry_mark pq_manifest_mark_between(const pq_manifest *m, uint64_t seq);

/* Is a file needed as of such an entry, or of a retained one before it? Of events it is those that
 * hold them by now, whichever held them then. */
bool pq_file_is_needed_at(const pq_manifest *m, const pq_file_info *f, const pq_entry_mark *mark);

/* Text of the checkpoint as it was after entry `mark`, which is retained; `hash` is the chain's
 * link there (hex, or empty). Index columns that collections got later stay in it: their set only
 * grows. */
int pq_manifest_print_at(const pq_manifest *m, const pq_entry_mark *mark, pq_slice hash,
                         pq_arena *scratch, pq_buf *out) PQ_MUST_CHECK;

#endif
