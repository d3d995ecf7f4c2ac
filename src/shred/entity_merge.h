/* shred/entity_merge.h - the merged entity, put together from bytes: every answer is one.
 *
 *   $id … version │ the document's values as they are      values
 *   names of the document │ $id $type name …               dictionary: names appended, so that ids
 *                                                          inside the document's values still hold
 *
 * The same as pq_entity_merge() of shred/entity.h with a builder, about ten times as fast: nothing
 * is decoded, and the dictionary is the one of the document before when the names are the same.
 */
#ifndef PQ_SHRED_ENTITY_MERGE_H
#define PQ_SHRED_ENTITY_MERGE_H

#include "shred/entity.h"

typedef struct pq_merger pq_merger;

/* Keeps dictionaries; `builder` (borrowed, not in use during a call) is for documents of a shape
 * that cannot be spliced. PQ_ENOMEM. Free takes NULL. */
int pq_merger_new(pq_cx *cx, pq_builder *builder, pq_merger **out) PQ_MUST_CHECK;
void pq_merger_free(pq_merger *m);

/* The merged entity in `arena`. PQ_ECORRUPT when a text of the entity is no UTF-8. */
int pq_merger_entity(pq_merger *m, pq_arena *arena, const pq_entity *e,
                     pq_value *out) PQ_MUST_CHECK;

#endif
