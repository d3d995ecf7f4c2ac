/* parquet/place_int.h - where in which file the reader is, for its messages.
 *
 *     "t/data/7.parquet: column $data.value: page CRC differs at 81920"
 */
#ifndef PQ_PARQUET_PLACE_INT_H
#define PQ_PARQUET_PLACE_INT_H

#include "base/base.h"

enum { PQ_PLACE_NAME_LEN_MAX = 40 };

typedef struct pq_place {
  pq_cx *cx;       /* borrowed */
  const char *key; /* borrowed */
  pq_slice column; /* dotted path; empty: the message is about the file as a whole */
  uint64_t off;    /* of the page or structure being read */
} pq_place;

/* Fail with `code` (PQ_ECORRUPT most of the time) and a message that says where. */
int pq_place_fail(const pq_place *at, int code, const char *what);
int pq_place_corrupt(const pq_place *at, const char *what);

#endif
