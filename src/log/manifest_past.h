/* log/manifest_past.h - the manifest of an older entry, made from the newest one. */
#ifndef PQ_LOG_MANIFEST_PAST_H
#define PQ_LOG_MANIFEST_PAST_H

#include "log/manifest.h"

/* The newest retained entry at or before `seq` behind which no event file reaches: files of events
 * may have become one since, and cannot be cut. */
pq_entry_mark pq_manifest_mark_between(const pq_manifest *m, uint64_t seq);

/* Is a file needed as of such an entry, or of a retained one before it? Of events it is those that
 * hold them by now, whichever held them then. */
bool pq_file_is_needed_at(const pq_manifest *m, const pq_file_info *f, const pq_entry_mark *mark);

/* The manifest as it was after entry `mark`, which is retained, to be printed: what `m` learns
 * later does not change it. Its lists are in `arena`, what they name is borrowed from `m`; its hash
 * is empty. Index columns that collections got later stay in it: their set only grows. */
int pq_manifest_at(const pq_manifest *m, const pq_entry_mark *mark, pq_arena *arena,
                   pq_manifest *out) PQ_MUST_CHECK;

#endif
