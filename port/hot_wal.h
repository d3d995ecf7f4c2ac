/* port/hot_wal.h - is SQLite's write-ahead log as SQLite wrote it? Asked before SQLite opens it.
 *
 * SQLite takes a log with a damaged header for an empty one, and one with a damaged frame for ended
 * there: after a power cut both are right, and what is lost was never synced. But one bit that
 * turned at rest looks the same, and then commits that were acknowledged are gone without a word.
 * So:
 *
 *   header   wrong checksum                                     damaged
 *   frame    wrong checksum, and one bit turned explains it     damaged (a chance of 2^-49 else)
 *            wrong otherwise, or of an older run of the log     torn: the end, as for SQLite
 */
#ifndef PQ_PORT_HOT_WAL_H
#define PQ_PORT_HOT_WAL_H

#include "base/base.h"

/* Check the log in file `name`; a missing or unreadable one is fine. PQ_ECORRUPT. */
int pq_wal_check(pq_cx *cx, const char *name) PQ_MUST_CHECK;

#endif
