/* port/drive_disk.h - a warehouse in a local directory.
 *
 *     DIR/parquedb.json        {"format":"parquedb","version":1}: this is a warehouse
 *     DIR/hot.lock             locked by the one process that writes; holds its number
 *     DIR/hot.sqlite           the hot tier (hot_sqlite.h)
 *     DIR/<key>                objects, immutable once they have their name
 */
#ifndef PQ_PORT_DRIVE_DISK_H
#define PQ_PORT_DRIVE_DISK_H

#include "port/driver.h"

typedef pq_open_mode pq_disk_mode;

/* Open the warehouse in directory `dir` (copied). `cx` is borrowed for this call only, its
 * allocator and limits until close. WRITE and CREATE lock it without waiting, until close or the
 * end of the process. PQ_EBUSY: another process (or driver) writes there; PQ_EINVALID: no
 * warehouse there; PQ_EUNSUPPORTED: of a newer format; PQ_EPERM, PQ_EIO, PQ_ENOMEM. */
int pq_disk_open(pq_cx *cx, const char *dir, pq_disk_mode mode, pq_driver **out) PQ_MUST_CHECK;

/* Another driver of the same directory, for another thread: it writes under the lock of `of`, which
 * must be closed after it. PQ_EIO, PQ_ENOMEM. */
int pq_disk_open_beside(pq_cx *cx, pq_driver *of, pq_driver **out) PQ_MUST_CHECK;

#endif
