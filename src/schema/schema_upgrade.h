/* schema/schema_upgrade.h - documents of an older schema as a newer one has them.
 *
 *   schema 1 {a: 1, b: 2, c: 3} ─between─► plan  a ─► x       {"a": 5, "b": 6, "c": 7, "e": 8}
 *   schema 2 {x: 1, c: 3, d: 4 = 0}              b ─► hidden        │ apply
 *                                                nothing ─► d = 0   ▼
 *   plan of 1 to 2, plan of 2 to 3 ─join─► one   {"x": 5, "c": 7, "e": 8, "d": 0}
 *
 * Ids tell what was renamed, dropped or added. The names of a plan are moved all at once, so that
 * they can change places. What no schema had a field for, as `e`, stays what it is, but for one
 * that has the new name of another field: that is hidden. Two plans that follow one another are
 * joined into one that does what both do; a plan that does nothing is NULL.
 *
 * Types change nothing: what the old one accepted is stored in a way that the wider one accepts.
 */
#ifndef PQ_SCHEMA_SCHEMA_UPGRADE_H
#define PQ_SCHEMA_SCHEMA_UPGRADE_H

#include "schema/schema.h"
#include "value/builder.h"

typedef struct pq_upgrade pq_upgrade;

/* The plan from one version to the next. `old` NULL: there was no schema, so no fields. Borrows
 * from the schemas; lists of moves in `arena`. */
int pq_upgrade_between(pq_arena *arena, const pq_schema *old, const pq_schema *fresh,
                       const pq_upgrade **out) PQ_MUST_CHECK;

/* One plan for `first` and then `second`; either may be NULL. Everything is copied into `arena`, so
 * that nothing else has to live on. `b` is not in use. */
int pq_upgrade_join(pq_arena *arena, pq_builder *b, const pq_upgrade *first,
                    const pq_upgrade *second, const pq_upgrade **out) PQ_MUST_CHECK;

/* The document as the newer schema has it, in `arena`; `doc` itself when it has nothing of what the
 * plan is about. `b` is not in use. */
int pq_upgrade_apply(const pq_upgrade *u, pq_builder *b, pq_arena *arena, pq_value doc,
                     pq_value *out) PQ_MUST_CHECK;

typedef enum pq_path_origin {
  PQ_PATH_SAME = 1, /* documents have there what they had */
  PQ_PATH_MOVED,    /* what they had at another path, all of it and nothing else */
  PQ_PATH_MADE      /* neither: hidden, with a default, or partly moved */
} pq_path_origin;
/* Where what is at a path of the new form was in the old one: *from, for SAME and MOVED. */
int pq_upgrade_path(const pq_upgrade *u, pq_arena *arena, pq_slice path, pq_slice *from,
                    pq_path_origin *origin) PQ_MUST_CHECK;

/* Of a plan of pq_upgrade_between(): has the document a value that no field was for and that a
 * renamed field hides? *name is the last part of its path. */
bool pq_upgrade_covers(const pq_upgrade *u, pq_value doc, pq_slice *name);

#endif
