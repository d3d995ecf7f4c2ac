/* port/parquet_int.h - what the two halves of the Parquet library share: the open file, and the
 * system's words for a failure.
 *
 * The public structs are those of src/parquet/ in other words; where a number is the same, it is
 * asserted here, so that no table is needed.
 */
#ifndef PQ_PORT_PARQUET_INT_H
#define PQ_PORT_PARQUET_INT_H

#include <pthread.h>

#include "parquedb/parquet.h"
#include "parquet/file_scan.h"
#include "parquet/side_cache.h"
#include "port/pool.h"

_Static_assert(sizeof(pqdb_bytes) == sizeof(pq_slice) &&
                   offsetof(pqdb_bytes, n) == offsetof(pq_slice, n),
               "arrays of strings are handed over as they are");
_Static_assert((int)PQDB_FIXED_LEN_BYTE_ARRAY == (int)PQ_PHYS_FIXED &&
                   (int)PQDB_CODEC_LZ4_RAW == (int)PQ_CODEC_LZ4_RAW &&
                   (int)PQDB_ENCODING_BYTE_STREAM_SPLIT == (int)PQ_ENC_BYTE_STREAM_SPLIT &&
                   (int)PQDB_TEST_NOT_NULL == (int)PQ_TEST_NOT_NULL &&
                   (int)PQDB_REPEATED == (int)PQ_REPEATED,
               "public numbers are the engine's");
_Static_assert((int)PQDB_CORRUPT == (int)PQ_ECORRUPT && (int)PQDB_OUT_OF_MEMORY == (int)PQ_ENOMEM &&
                   (int)PQDB_LIMIT_EXCEEDED == (int)PQ_ELIMIT &&
                   (int)PQDB_NOT_SUPPORTED == (int)PQ_EUNSUPPORTED,
               "public statuses are the engine's");

struct pqdb_parquet {
  pq_cx cx;
  pq_arena arena; /* name, footer, schema */
  pq_file file;
  pqdb_parquet_source source; /* `read` NULL: the descriptor */
  int fd;                     /* -1: none */
  unsigned cpu;
  pqdb_parquet_node *nodes;
  const char *created_by;
  pthread_mutex_t mutex; /* of the cache, the pools, and of the message in a parallel scan */
  pq_cx cache_cx;
  pq_side_cache cache;
  pq_pool *pools; /* owned: memory for the next scans */
  uint32_t pool_count;
};

struct pqdb_parquet_scan {
  pq_cx cx;
  pqdb_parquet *file;
  pq_pool *pool;      /* owned: all memory of `scan` */
  pq_file_scan *scan; /* NULL: it could not be opened */
  pqdb_parquet_column *columns;
  uint32_t column_count;
  int rc; /* of the failure that ended it */
};

/* The engine's file behind a handle; NULL: it could not be opened. */
const pq_file *pq_parquet_file(const pqdb_parquet *f);
/* What a note means in the public words. */
pqdb_parquet_logical pq_logical_of(const pq_note *note);

/* Record the failure of a system call on a file. */
int pq_fail_system(pq_cx *cx, int error, const char *doing, const char *path);

#endif
