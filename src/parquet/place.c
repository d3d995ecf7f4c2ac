/* parquet/place.c - see place_int.h. */
#include "parquet/place_int.h"

int pq_place_fail(const pq_place *at, int code, const char *what) {
  int n = at->column.n < PQ_PLACE_NAME_LEN_MAX ? (int)at->column.n : PQ_PLACE_NAME_LEN_MAX;
  unsigned long long off = at->off;
  if (n == 0) return pq_fail(at->cx, code, "%s: %s at %llu", at->key, what, off);
  return pq_fail(at->cx, code, "%s: column %.*s: %s at %llu", at->key, n,
                 (const char *)at->column.p, what, off);
}

int pq_place_corrupt(const pq_place *at, const char *what) {
  return pq_place_fail(at, PQ_ECORRUPT, what);
}
