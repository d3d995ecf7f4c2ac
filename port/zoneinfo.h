/* port/zoneinfo.h - time zones by name, from the system's files.
 *
 *     pq_cx_init(&cx, alloc, ud);
 *     pq_zone_set(&cx);            "Europe/Berlin" ──► $TZDIR or /usr/share/zoneinfo, Europe/Berlin
 *
 * Files that were read stay in memory for the life of the process, whatever the context: there are
 * about 600 of them, 2 KiB each, and a name outside of that set is never kept. Any thread.
 */
#ifndef PQ_PORT_ZONEINFO_H
#define PQ_PORT_ZONEINFO_H

#include "base/base.h"

void pq_zone_set(pq_cx *cx);

#endif
