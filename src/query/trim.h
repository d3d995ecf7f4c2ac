/* query/trim.h - a scalar without the dictionary of the document that it stands in. */
#ifndef PQ_QUERY_TRIM_H
#define PQ_QUERY_TRIM_H

#include "value/variant.h"

/* The same value; scalars get the empty dictionary, so that a number that is kept does not drag
 * all names of a wide document along. Missing stays missing. */
static inline pq_value pq_value_trim(pq_value v) {
  static const uint8_t empty[] = {0x01, 0x00, 0x00};
  if (pq_value_is_missing(v)) return v;
  if (pq_value_is_raw_object(v) || pq_value_type(v) == PQ_TYPE_ARRAY) return v;
  return (pq_value){empty, v.p, sizeof empty, v.len};
}

#endif
