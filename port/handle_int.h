/* port/handle_int.h - what is behind a handle, for the files of port/ that look at it. */
#ifndef PQ_PORT_HANDLE_INT_H
#define PQ_PORT_HANDLE_INT_H

#include "db/db.h"
#include "parquedb/parquedb.h"

const pq_db *pq_handle_db(const pqdb *db);

#endif
