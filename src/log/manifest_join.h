/* log/manifest_join.h - a copy of a namespace that keeps what the namespace has dropped.
 *
 *   older   the copy's checkpoint, entry a     marks 1 2 4        history from 0
 *   newer   the one that is copied, entry n    marks     4 7 9    history from 4
 *   joined                                     marks 1 2 4 7 9    history from 0, entry n
 *
 * The files are those of both: names are never used twice, and a file knows the entries that added
 * and removed it. So an archive is a copy that is copied into again and again.
 */
#ifndef PQ_LOG_MANIFEST_JOIN_H
#define PQ_LOG_MANIFEST_JOIN_H

#include "log/manifest.h"

/* Text of the checkpoint of `newer`'s entry that has all of both, appended. `key` names the older
 * one in messages. PQ_EINVALID: they are not of one namespace, or what lies between the two was
 * dropped before it was copied. Retention is not taken along: nothing of the copy is to go. */
int pq_manifest_join(const pq_manifest *older, const pq_manifest *newer, const char *key,
                     pq_arena *scratch, pq_buf *out) PQ_MUST_CHECK;

#endif
