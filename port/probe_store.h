/* probe_store.h - does a store keep its word on create-only puts? */
#ifndef PQ_PORT_PROBE_STORE_H
#define PQ_PORT_PROBE_STORE_H

#include "port/driver.h"

/* For the open function of a driver whose store is somebody else's (an object store), when it is
 * opened for writing: an object is put create-only, put again with other bytes, which must be
 * refused, and read back. Three requests and a delete. PQ_EUNSUPPORTED: the store replaces objects
 * all the same, so that two writers would overwrite each other's log; anything else as the requests
 * ended. Messages go into `cx`. */
int pq_store_probe(pq_cx *cx, pq_driver *d) PQ_MUST_CHECK;

#endif
