/* shred/shadow_count.h - documents whose own fields have the name of a system column.
 *
 *   {"$id": "posts/p1", …, "version": "draft"}     `version` is the document's here, to a filter
 *
 * A filter looks into the document first, so a file says how many of its documents have such a
 * field: only where none has does the column answer alone.
 */
#ifndef PQ_SHRED_SHADOW_COUNT_H
#define PQ_SHRED_SHADOW_COUNT_H

#include "shred/entity.h"

enum { PQ_SHADOW_NAME, PQ_SHADOWS = 6 };

/* Zeroed: none. */
typedef struct pq_shadow_count {
  uint64_t other[PQ_SHADOWS]; /* documents with the field; of `name`, where it says another thing */
  uint64_t key_other;         /* documents with an `_id` that does not give the entity's id */
  uint64_t keyless;           /* documents without an `_id` */
  /* Most documents have the names of the one before: which of them are of system columns? */
  pq_slice names; /* borrowed */
  unsigned set;
} pq_shadow_count;

/* The system column's name; of the first PQ_SHADOWS. */
const char *pq_shadow_name(uint32_t i);
/* Count an entity whose column `name` says `name`. Its document is borrowed until the next call, or
 * pq_shadow_forget. */
void pq_shadow_add(pq_shadow_count *c, const pq_entity *e, pq_slice name);
void pq_shadow_forget(pq_shadow_count *c);
void pq_shadow_join(pq_shadow_count *c, const pq_shadow_count *other);

#endif
