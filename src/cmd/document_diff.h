/* cmd/document_diff.h - what differs between two documents, path by path.
 *
 *   {"a": {"b": 1, "c": 2}, "t": [1]}          added    ["d"]
 *   {"a": {"b": 9}, "t": [1, 2], "d": 5}       removed  ["a.c"]
 *                                              changed  ["a.b", "t"]
 *
 * Objects are compared field by field, arrays as a whole. In a path a '.' that belongs to a name is
 * written "\.", a '\' "\\", so that no two places have the same path.
 */
#ifndef PQ_CMD_DOCUMENT_DIFF_H
#define PQ_CMD_DOCUMENT_DIFF_H

#include "value/builder.h"

typedef struct pq_difference {
  pq_slice path;
  pq_value before, after; /* missing: added, removed */
} pq_difference;

/* What `before` has, by name, then what `after` has besides. Both may be missing: no fields. The
 * order of fields is no difference. All in `arena` or borrowed. PQ_ELIMIT: nested too deep. */
int pq_document_diff(pq_arena *arena, pq_value before, pq_value after, pq_difference **out,
                     uint32_t *count) PQ_MUST_CHECK;

/* Are they the same, the types of numbers and the order of fields too? Both missing: yes. */
bool pq_document_is_same(pq_value a, pq_value b);

/* "added", "removed", "changed": arrays of paths; "values": {path: {before, after}}. The next
 * fields of the object that is being built. */
int pq_put_differences(pq_builder *b, const pq_difference *items, uint32_t count) PQ_MUST_CHECK;

#endif
