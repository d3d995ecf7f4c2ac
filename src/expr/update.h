/* expr/update.h - MongoDB's updates: parse, apply.
 *
 *   {"$set": {"a.b": 1, "c.$[x].d": 2}, "$inc": {"n": 2}, "$unset": {"old": ""}}   operators
 *   {"a": 1, "b": 2}                                                               replacement
 *   [{"$set": {"total": {"$add": ["$a", "$b"]}}}, {"$unset": "old"}]               pipeline
 *
 * Supported: $set $unset $inc $mul $min $max $rename $setOnInsert $push ($each $position $sort
 * $slice) $addToSet $pull $pullAll $pop $bit $currentDate; $link and $unlink; "$", "$[]" and
 * "$[name]" in paths; dotted paths (missing parents become objects, array elements by index, arrays
 * are padded with null); whole-document replacement; the stages $set $addFields $unset $project
 * $replaceRoot $replaceWith. Other operators that MongoDB knows are PQ_EUNSUPPORTED, unknown ones
 * PQ_EUPDATE; both name the operator and the nearest. Conflicting paths ("a" and "a.b") and mixing
 * operators with fields are PQ_EUPDATE. Paths starting with a name that begins with "$" ($id) are
 * refused; "_id" may only be set to the value it has. Rules: MONGO.md 1 (Updates, Numbers).
 */
#ifndef PQ_EXPR_UPDATE_H
#define PQ_EXPR_UPDATE_H

#include "expr/filter.h"

typedef struct pq_update pq_update;

/* Parse an object of operators, a whole document, or an array of stages (a pipeline update);
 * `array_filters` is an array of filters, or missing: each for one name that some path uses as
 * "$[name]". Everything is copied into or lives in `arena`. PQ_EUPDATE, PQ_EFILTER,
 * PQ_EUNSUPPORTED. */
int pq_update_parse(pq_arena *arena, const pq_env *env, pq_value spec, pq_value array_filters,
                    pq_update **out) PQ_MUST_CHECK;

typedef enum pq_update_kind {
  PQ_UPDATE_OPERATORS,
  PQ_UPDATE_REPLACE,
  PQ_UPDATE_PIPELINE
} pq_update_kind;
pq_update_kind pq_update_kind_of(const pq_update *u);

/* A pipeline may leave fields at the top of the document whose names begin with '$'. */
void pq_update_take_dollars(pq_update *u);

/* Does it hold the positional operator "$"? Then the command needs a filter. */
bool pq_update_is_positional(const pq_update *u);

/* $link and $unlink, which concern edges, not the document: one per predicate and target, those of
 * $unlink first, so that {"$unlink": {"p": "$all"}, "$link": {"p": id}} replaces. Of an id only the
 * form "collection/local" is checked. */
typedef struct pq_update_edge {
  bool is_unlink;
  pq_slice predicate, to; /* `to` empty: $unlink of all edges of the predicate */
} pq_update_edge;
const pq_update_edge *pq_update_edges(const pq_update *u, uint32_t *count);

/* The document after the update, in `arena`; what is gone afterwards is in eval->arena, which may
 * be the same. `position` is what "$" stands for (pq_filter_position), -1 for none: then "$" is
 * PQ_EUPDATE. `is_insert`: $setOnInsert applies. *is_changed is false when it is equal to `doc` in
 * every byte of meaning (then *out is `doc`). New fields of one update are appended sorted by name
 * (MongoDB >= 5). eval->now_us is the time of $currentDate, eval->builder builds. PQ_EUPDATE naming
 * path and types when it cannot be applied
 * ($inc on a string, a path through a scalar, overflow of int64), PQ_ELIMIT. */
typedef struct pq_update_at {
  int64_t position;
  bool is_insert;
} pq_update_at;
int pq_update_apply(const pq_update *u, pq_eval *eval, pq_arena *arena, pq_value doc,
                    pq_update_at at, pq_value *out, bool *is_changed) PQ_MUST_CHECK;

/* The document that an upsert inserts: `_id` and the other equality terms of the filter, then the
 * update as an insert (MONGO.md 1, rule 44). System fields ("$id") of the filter are left to the
 * caller. */
int pq_update_upsert(const pq_update *u, const pq_filter *f, pq_eval *eval, pq_arena *arena,
                     pq_value *out) PQ_MUST_CHECK;

extern const char *const pq_update_operators[];

#endif
