/* expr/filter_int.h - what the files that parse filters share.
 *
 *   filter_parse.c ── names at the top, $and $or $nor, paths    ─┬─ filter_compare.c  $eq … $nin
 *        │                                                      ├─ filter_test.c     $type $mod …
 *        │  a predicate is a name and a function:               ├─ filter_bits.c     $bits…
 *        │  it adds leaves to an AND                            └─ filter_error.c    refusals
 *        ├─ filter_expr.c     $expr
 *        └─ json_schema.c     $jsonSchema
 */
#ifndef PQ_EXPR_FILTER_INT_H
#define PQ_EXPR_FILTER_INT_H

#include "expr/expr_int.h"

typedef struct pq_filter_parser {
  pq_arena *arena; /* borrowed, like the next two */
  pq_cx *cx;
  const pq_env *env; /* may be NULL */
  pq_collation collation;
  uint32_t node_count;
  uint32_t depth;
  uint32_t element_depth; /* inside so many $elemMatch */
  bool uses_system;
  bool uses_key, sees_key_whole; /* `_id` at a path; perhaps in the document as a whole */
  bool needs_eval;
  bool is_merged;  /* an expression may see system fields */
  bool is_element; /* leaves outside of $elemMatch test the subject itself */
  pq_regex_set *regexes;
} pq_filter_parser;

/* {path: {name: operand}} adds to `out`, an AND. */
typedef int (*pq_predicate_fn)(pq_filter_parser *s, const pq_path *path, pq_value operand,
                               pq_filter_node *out);
typedef struct pq_predicate {
  const char *name;
  pq_predicate_fn parse;
} pq_predicate;

/* Tables, ended by a NULL name. */
extern const pq_predicate pq_compare_predicates[];
extern const pq_predicate pq_test_predicates[];
extern const pq_predicate pq_bits_predicates[];

/* ---- filter_parse.c ---- */
/* One more of limits.filter_nodes_max. */
int pq_filter_count_node(pq_filter_parser *s) PQ_MUST_CHECK;
int pq_filter_new_node(pq_filter_parser *s, pq_node_kind kind, pq_filter_node **out) PQ_MUST_CHECK;
/* Add a kid; an AND in an AND hands over its kids. */
void pq_filter_append(pq_filter_node *parent, pq_filter_node *kid);
int pq_filter_new_leaf(pq_filter_parser *s, const pq_path *path, pq_leaf_op op,
                       pq_filter_node *parent, pq_filter_node **out) PQ_MUST_CHECK;
/* One level deeper, of limits.depth_max; s->depth-- leaves it. */
int pq_filter_enter(pq_filter_parser *s) PQ_MUST_CHECK;
int pq_filter_read_fields(pq_filter_parser *s, pq_value v, pq_field **fields,
                          uint32_t *count) PQ_MUST_CHECK;
/* {"$gt": 1}: an object whose first field is an operator. {"$ref": …} and the like are values. */
int pq_filter_check_operators(pq_filter_parser *s, pq_value v, bool *out) PQ_MUST_CHECK;

/* ---- filter_error.c ---- */
/* The text of a path for messages; NULL: an element. */
pq_slice pq_filter_path_text(const pq_path *path);
/* "operator '$in' at path 'a' <what>": PQ_EFILTER. */
int pq_fail_operand(pq_filter_parser *s, const char *operator, const pq_path * path,
                    const char *what);
/* A name that is no operator of ours there; `path` NULL and not within $elemMatch: at the top. */
int pq_fail_operator(pq_filter_parser *s, pq_slice name, const pq_path *path);

/* ---- filter_compare.c ---- */
int pq_filter_parse_eq(pq_filter_parser *s, const pq_path *path, pq_value operand,
                       pq_filter_node *out) PQ_MUST_CHECK;
int pq_filter_parse_regex_value(pq_filter_parser *s, const pq_path *path, pq_value v,
                                pq_filter_node *out) PQ_MUST_CHECK;
/* {"$regex": "…" or a REGEX value, "$options": "i"} */
int pq_filter_parse_regex(pq_filter_parser *s, const pq_path *path, pq_value spec,
                          pq_filter_node *out) PQ_MUST_CHECK;
int pq_filter_compile(pq_filter_parser *s, pq_slice pattern, pq_slice options,
                      pq_regex **out) PQ_MUST_CHECK;
/* A sorted copy of the elements of an array. PQ_ELIMIT above a million: `operator` and path. */
int pq_filter_sort_list(pq_filter_parser *s, pq_value array, const char *operator,
                        const pq_path * path, const pq_value **out) PQ_MUST_CHECK;

/* ---- filter_test.c ---- */
/* Add a type by its name or number to the set. */
int pq_filter_add_type(pq_filter_parser *s, const char *operator, const pq_path * path, pq_value v,
                       pq_type_set *set) PQ_MUST_CHECK;

/* ---- filter_bits.c ---- */
bool pq_bits_match(const pq_bits *bits, pq_value v);
/* Is `v` one of the values, which are sorted? */
bool pq_filter_list_has(const pq_value *list, uint32_t count, pq_value v, pq_collation collation);

/* ---- filter_expr.c ---- */
int pq_filter_parse_expr(pq_filter_parser *s, pq_value spec, pq_filter_node *out) PQ_MUST_CHECK;

#endif
