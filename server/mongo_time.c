/* server/mongo_time.c - see mongo_time.h. */
#include "server/mongo_time.h"

enum { SECOND_US = 1000000 };

pq_mongo_time pq_mongo_time_of(int64_t us) {
  if (us < 0) return (pq_mongo_time){0, 1};
  if (us / SECOND_US > UINT32_MAX) return (pq_mongo_time){UINT32_MAX, SECOND_US};
  return (pq_mongo_time){(uint32_t)(us / SECOND_US), (uint32_t)(us % SECOND_US) + 1};
}

int64_t pq_mongo_time_us(pq_mongo_time time) {
  uint32_t us = time.i == 0 ? 0 : time.i > SECOND_US ? SECOND_US - 1 : time.i - 1;
  return (int64_t)time.t * SECOND_US + us;
}

/* Its two numbers are stored as int64 (value/variant.h). */
bool pq_mongo_time_read(pq_value v, pq_mongo_time *out) {
  pq_value parts = pq_object_get_str(v, "$timestamp");
  int64_t t, i;
  *out = (pq_mongo_time){0};
  if (pq_value_type(v) != PQ_TYPE_TIMESTAMP) return false;
  if (!pq_value_i64(pq_object_get_str(parts, "t"), &t) ||
      !pq_value_i64(pq_object_get_str(parts, "i"), &i))
    return false;
  *out = (pq_mongo_time){(uint32_t)t, (uint32_t)i};
  return true;
}

int pq_mongo_time_put(pq_builder *b, pq_mongo_time time) {
  return pq_builder_timestamp(b, time.t, time.i);
}

void pq_mongo_time_write(pq_bson_out *o, const char *name, pq_mongo_time time) {
  pq_bson_timestamp(o, name, time.t, time.i);
}
