/* expr/update.h - MongoDB's update operators: parse, apply.
 *
 *   {"$set": {"a.b": 1}, "$inc": {"n": 2}, "$unset": {"old": ""}}
 *
 * Supported: $set $unset $inc $mul $min $max $rename $setOnInsert $push ($each $position $sort
 * $slice) $addToSet $pull $pullAll $pop $bit $currentDate, dotted paths (missing parents become
 * objects, array elements by index, arrays are padded with null), and whole-document replacement.
 * Other operators that MongoDB knows are PQ_EUNSUPPORTED, unknown ones PQ_EUPDATE; both name the
 * operator and the nearest. Conflicting paths ("a" and "a.b") and mixing operators with fields are
 * PQ_EUPDATE. Paths starting with a system name that begins with "$" ($id, $type) are refused;
 * "_id" may only be set to the value it has. Rules: MONGO.md 1 (Updates, Numbers).
 */
#ifndef PQ_EXPR_UPDATE_H
#define PQ_EXPR_UPDATE_H

#include "value/builder.h"
#include "value/path.h"

typedef struct pq_update pq_update;

/* Parse; everything is copied into or lives in `arena`. PQ_EUPDATE, PQ_EUNSUPPORTED. */
int pq_update_parse(pq_arena *arena, pq_value spec, pq_update **out) PQ_MUST_CHECK;

/* The time for $currentDate, in µs; without it that is 1970. */
void pq_update_set_now(pq_update *u, int64_t now_us);

/* The document after the update, in `arena`. *is_changed is false when it is equal to `doc` in
 * every byte of meaning (then *out is `doc`). New fields of one update are appended sorted by
 * name (MongoDB >= 5). PQ_EUPDATE naming path and types when it cannot be applied ($inc on a
 * string, a path through a scalar, overflow of int64), PQ_ELIMIT. */
int pq_update_apply(const pq_update *u, pq_builder *b, pq_arena *arena, pq_value doc, pq_value *out,
                    bool *is_changed) PQ_MUST_CHECK;

extern const char *const pq_update_operators[];

#endif
