/* query/shown.h - documents as clients of MongoDB's protocol are shown them: each with an `_id`.
 *
 *   synsets/n02084071   {word: "dog"}           ─►  {_id: "n02084071", word: "dog"}
 *   posts/~o65f1…       {_id: ObjectId(…), …}   ─►  as it is
 *
 * A document that did not come over the wire need not have an `_id`. Then its local id is shown in
 * its place (pq_key_of_id), to filters, sorts, expressions and updates as well. It is not stored:
 * whoever reads without `plain: "keyed"` sees none.
 */
#ifndef PQ_QUERY_SHOWN_H
#define PQ_QUERY_SHOWN_H

#include "expr/filter.h"
#include "shred/entity.h"

/* The document with an `_id` in front, made in `arena`; as it is where it has one. *is_made may be
 * NULL. Clears the builder when it makes one. PQ_ENOMEM, PQ_ELIMIT. */
int pq_shown_document(pq_builder *b, pq_arena *arena, const pq_entity *e, pq_value *out,
                      bool *is_made) PQ_MUST_CHECK;

/* The document without `_id`, made in `arena`. */
int pq_shown_undo(pq_builder *b, pq_arena *arena, pq_value *doc) PQ_MUST_CHECK;

/* The two objects that a filter looks at. What it does not look at is not made. */
int pq_shown_subject(const pq_filter *f, pq_builder *b, pq_arena *arena, const pq_entity *e,
                     pq_value *doc, pq_value *system) PQ_MUST_CHECK;

#endif
