/* expr/filter.h - MongoDB's filters: parse, normalise, evaluate on Variant bytes.
 *
 *   {"age": {"$gt": 3}, "$or": [{"a": 1}, {"b.c": null}]}
 *
 *   AND ─┬─ age $gt 3            each leaf: path, operator, operand
 *        └─ OR ─┬─ a $eq 1
 *               └─ b.c $eq null
 *
 * Supported: $eq $ne $gt $gte $lt $lte $in $nin, $and $or $nor $not, $exists $type $size $all
 * $elemMatch $mod $bitsAllSet $bitsAnySet $bitsAllClear $bitsAnyClear, $regex with $options,
 * $startsWith $endsWith $contains, $expr, $jsonSchema (json_schema.h), $sampleRate, $alwaysTrue and
 * $alwaysFalse, implicit equality, dotted paths through objects and arrays, $comment (ignored).
 * Any other operator that MongoDB knows is PQ_EUNSUPPORTED with the reason; an unknown one is
 * PQ_EFILTER; both name it, its path and the nearest known one. Rules: MONGO.md 1 (null and
 * missing, arrays, brackets).
 *
 * The collation of the environment applies to the texts of $eq $ne $gt $gte $lt $lte $in $nin $all
 * and to $expr, not to $regex, $startsWith and the like, nor to $jsonSchema.
 *
 * What scans make of a filter: pushdown.h.
 *
 * A subject is two objects: the user's document, and the system fields ($id, $type, name,
 * createdAt …; `_id` for clients that are shown one, query/shown.h). A path is looked up in the
 * document first; if the document has no field of that first name, in the system object.
 */
#ifndef PQ_EXPR_FILTER_H
#define PQ_EXPR_FILTER_H

#include "expr/env.h"
#include "value/path.h"

typedef struct pq_filter pq_filter;

/* Parse a filter object. Everything is copied into or lives in `arena`; `spec` may go away.
 * Missing or {} matches everything. PQ_EFILTER, PQ_EUNSUPPORTED, PQ_ELIMIT. */
int pq_filter_parse(pq_arena *arena, const pq_env *env, pq_value spec,
                    pq_filter **out) PQ_MUST_CHECK;

/* Does the subject match? `system` may be missing when !pq_filter_uses_system(). `eval` may be NULL
 * when !pq_filter_needs_eval(); its root is set here. A regular expression or an $expr that cannot
 * be finished makes the answer worthless: look at pq_filter_status() afterwards. Allocates for
 * regular expressions, in the arena of the filter, which belongs to one thread at a time then, and
 * for $expr in the arena of `eval`. */
bool pq_filter_match(const pq_filter *f, pq_eval *eval, pq_value doc, pq_value system);

/* PQ_OK, or the recorded failure of the first match that a regular expression (PQ_ELIMIT,
 * PQ_ENOMEM), an $expr (PQ_EINVALID too) or a $jsonSchema (PQ_ENOMEM) could not finish. It stays:
 * ask once a document. */
int pq_filter_status(const pq_filter *f) PQ_MUST_CHECK;

/* Does it hold an $expr or a $sampleRate? */
bool pq_filter_needs_eval(const pq_filter *f);

/* The index that "$" stands for in an update or a projection: of the first element, in the first
 * array on the way, that let `doc` match; -1 when no array was looked into (MONGO.md 1, rule 43).
 * `doc` must match. */
int64_t pq_filter_position(const pq_filter *f, pq_eval *eval, pq_value doc, pq_value system);

/* What an upsert starts from: the equality terms of the top-level conjunction, {"a": 1},
 * {"a": {"$eq": 1}}, {"a": {"$in": [1]}}, {"a": {"$all": [1]}}, inside of $and and of an $or of one
 * too (rule 44). */
typedef struct pq_equality {
  const pq_path *path;
  pq_value value;
} pq_equality;
int pq_filter_equalities(const pq_filter *f, pq_arena *arena, const pq_equality **out,
                         uint32_t *count) PQ_MUST_CHECK;

/* True when some path starts with a name in the list of system fields below. */
bool pq_filter_uses_system(const pq_filter *f);
bool pq_filter_is_empty(const pq_filter *f);

/* How a document without `_id` must be given to a filter that is to see one: in any case as it is,
 * with an `_id` in the system object, or only as a document that has it ($expr, $jsonSchema). */
typedef enum pq_key_use { PQ_KEY_UNUSED, PQ_KEY_AT_PATH, PQ_KEY_WHOLE } pq_key_use;
pq_key_use pq_filter_key_use(const pq_filter *f);

/* "$id" "$type" "name" "createdAt" "createdBy" "updatedAt" "updatedBy" "version" "deletedAt"
 * "deletedBy". */
bool pq_is_system_field(pq_slice name);

/* All operator names that MongoDB's filters know, NULL-terminated; for suggestions. */
extern const char *const pq_filter_operators[];

#endif
