/* value/collation.c - see collation.h. */
#include "value/collation.h"

int pq_collation_parse(pq_cx *cx, pq_value spec, pq_collation *out) {
  *out = (pq_collation){0};
  if (pq_value_is_missing(spec)) return PQ_OK;
  return pq_fail(cx, PQ_EUNSUPPORTED, "a collation is not supported yet");
}

uint32_t pq_fold(uint32_t code_point) {
  return code_point;
}

int pq_text_compare(pq_slice a, pq_slice b, pq_collation collation) {
  (void)collation;
  return pq_slice_cmp(a, b);
}
