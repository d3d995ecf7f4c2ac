/* port/hot_sqlite.h - the hot tier of io/hot.h in one SQLite file.
 *
 *     meta(key, value)                           format = 1
 *     state(ns, epoch, seq_hi, ts_hi)            one row a namespace
 *     batch(ns, seq_lo, chunk, seq_hi, body)     one row a chunk of at most 1.9 MB
 *
 * Each call is one transaction. Not thread-safe: one connection belongs to one thread.
 */
#ifndef PQ_PORT_HOT_SQLITE_H
#define PQ_PORT_HOT_SQLITE_H

#include "base/buf.h"
#include "io/hot.h"
#include "port/driver.h"

typedef struct pq_hot_sqlite pq_hot_sqlite;

/* Open the file `path` (copied). A writer makes it if it is missing; a reader sees a missing
 * file as an empty hot tier. `cx` is borrowed until close, its message is used. PQ_ECORRUPT when
 * the file is damaged or not a hot tier, PQ_EUNSUPPORTED when of a newer format, PQ_EIO,
 * PQ_EPERM, PQ_EBUSY, PQ_ENOMEM. */
int pq_hot_sqlite_open(pq_cx *cx, const char *path, bool is_writer,
                       pq_hot_sqlite **out) PQ_MUST_CHECK;

/* Serve one request of namespace `ns`; the reply is appended to `reply`. PQ_EFENCED: the epoch is
 * another's; PQ_ECORRUPT: malformed request or a gap in the sequence; PQ_EPERM: a write through a
 * reader; PQ_EIO from a write means that its outcome is unknown: READ to know. */
int pq_hot_sqlite_call(pq_hot_sqlite *h, const char *ns, pq_slice request,
                       pq_buf *reply) PQ_MUST_CHECK;

/* What it has done so far. */
void pq_hot_sqlite_counts(const pq_hot_sqlite *h, pq_hot_counts *out);

/* Close. The last connection folds the write-ahead log into the file. Safe on NULL. */
void pq_hot_sqlite_close(pq_hot_sqlite *h);

#endif
