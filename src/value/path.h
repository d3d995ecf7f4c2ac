/* value/path.h - dotted paths: "a.b.0.c" split once, walked often.
 *
 * A numeric part is an array index AND a field name (MONGO.md 1, rule 22): which of them applies
 * is decided at each value on the way, by the caller (expr/) for filters, by pq_path_get() here
 * for the plain walk.
 */
#ifndef PQ_VALUE_PATH_H
#define PQ_VALUE_PATH_H

#include "value/variant.h"

#define PQ_PATH_NO_INDEX UINT32_MAX

typedef struct pq_path_part {
  pq_slice name;  /* the text between two dots; borrowed from the path's text */
  uint32_t index; /* its value when all digits (no leading zero but "0"), else PQ_PATH_NO_INDEX */
} pq_path_part;

typedef struct pq_path {
  pq_slice text; /* the whole path, copied into the arena */
  pq_path_part *parts;
  uint32_t count;
} pq_path;

/* Split `text`. Empty text, an empty part ("a..b") or more than limits.depth_max parts is
 * PQ_EINVALID / PQ_ELIMIT naming the path. */
int pq_path_parse(pq_arena *arena, pq_slice text, pq_path *out) PQ_MUST_CHECK;

/* Walk objects by name (and arrays by index), without fanning out over arrays. */
pq_value pq_path_get(pq_value v, const pq_path *path);

#endif
