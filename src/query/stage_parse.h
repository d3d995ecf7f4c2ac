/* query/stage_parse.h - small things that parsers of stages share. */
#ifndef PQ_QUERY_STAGE_PARSE_H
#define PQ_QUERY_STAGE_PARSE_H

#include "base/text.h"
#include "value/variant.h"

/* The arguments of "%.*s" for at most 40 bytes of user data. */
#define PQ_SHOWN(s) \
  (int)((s).n > 40 ? pq_utf8_prefix(s, 40) : (s).n), (s).n == 0 ? "" : (const char *)(s).p

/* The fields of an object in document order. */
static inline PQ_MUST_CHECK int pq_stage_fields(pq_arena *arena, pq_value v, pq_field **fields,
                                                uint32_t *count) {
  *fields = pq_object_fields(arena, v, count);
  return *fields == NULL && pq_value_count(v) > 0 ? arena->cx->code : PQ_OK;
}

/* "$a.b": a path of the document, no variable. */
static inline bool pq_value_is_field_path(pq_value v) {
  pq_slice text;
  return pq_value_string(v, &text) && text.n > 1 && text.p[0] == '$' && text.p[1] != '$';
}

#endif
