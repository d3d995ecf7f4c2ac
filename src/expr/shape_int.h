/* expr/shape_int.h - a parsed projection or shape, shared by shape_parse.c, shape.c and project.c.
 *
 *   {"a": 1, "b.c": {"$add": ["$x", 1]}, "b.d": 1}     ──►  root ─┬─ a KEEP
 *                                                                 └─ b TREE ─┬─ c COMPUTED value 0
 *                                                                            └─ d KEEP
 */
#ifndef PQ_EXPR_SHAPE_INT_H
#define PQ_EXPR_SHAPE_INT_H

#include "expr/expr_int.h"
#include "expr/shape.h"

typedef enum pq_shape_mode {
  PQ_SHAPE_EXCLUDE, /* fields without a node stay */
  PQ_SHAPE_INCLUDE, /* they go, but for "$id" and "_id" */
  PQ_SHAPE_ADD      /* they stay; computed fields take the place of those they replace */
} pq_shape_mode;

typedef enum pq_shape_kind {
  PQ_SHAPE_TREE,
  PQ_SHAPE_KEEP,
  PQ_SHAPE_DROP,
  PQ_SHAPE_COMPUTED,
  PQ_SHAPE_SLICE, /* find: $slice of an array */
  PQ_SHAPE_MATCH  /* find: $elemMatch, the first element that lets a filter match */
} pq_shape_kind;

typedef struct pq_shape_leaf {
  pq_shape_kind kind;
  bool is_positional;        /* KEEP: "a.$" */
  uint32_t value;            /* COMPUTED, MATCH: index of the value */
  int64_t skip, limit;       /* SLICE; skip < 0 counts from the end */
  pq_expression *expression; /* COMPUTED */
  pq_filter *filter;         /* MATCH, of the array */
  pq_slice name;             /* MATCH: the field */
} pq_shape_leaf;

typedef struct pq_shape_node pq_shape_node;
struct pq_shape_node {
  pq_slice name;
  pq_shape_leaf leaf;   /* kind TREE: only kids */
  bool is_late;         /* something below is written behind the fields that stay */
  bool is_positional;   /* on the way of "a.b.$", or its end */
  uint32_t ordinal;     /* of the first of its leaves in the specification */
  pq_shape_node **kids; /* by name */
  pq_shape_node **late; /* kids with is_late, in the order of the specification */
  uint32_t kid_count, late_count;
};

struct pq_shape {
  pq_shape_mode mode;
  pq_shape_node root;
  pq_shape_leaf *leaves; /* in the order of the specification */
  uint32_t leaf_count, value_count;
  bool is_positional;
};

typedef struct pq_shape_parser {
  pq_arena *arena;
  const pq_env *env;
  pq_cx *cx;
  const char *where; /* "projection", "stage '$set'": for messages */
  bool is_find, is_add;
  bool is_decided; /* a path that is no id has said which mode it is */
  bool keeps_all_ids, has_slice, has_match;
  pq_shape *shape;
  pq_term *terms; /* as many as leaves */
  uint32_t cap, depth;
} pq_shape_parser;

static inline bool pq_shape_is_id(pq_slice text) {
  return pq_slice_is(text, "_id") || pq_slice_is(text, "$id");
}

/* ---- shape_parse.c ---- */
int pq_shape_parse_spec(pq_shape_parser *s, pq_value spec) PQ_MUST_CHECK;
int pq_shape_add_leaf(pq_shape_parser *s, pq_slice path, pq_shape_leaf leaf) PQ_MUST_CHECK;
int pq_shape_add_computed(pq_shape_parser *s, pq_slice path, pq_value v) PQ_MUST_CHECK;
/* The kid of that name, or NULL. */
const pq_shape_node *pq_shape_find(const pq_shape_node *parent, pq_slice name);

/* ---- project.c ---- */
/* {"$slice": 5} and the other operators that only find has; *is_done is false for those that are
 * expressions. */
int pq_shape_parse_find_operator(pq_shape_parser *s, pq_slice path, pq_value v,
                                 bool *is_done) PQ_MUST_CHECK;

/* ---- shape.c ---- */
/* The new document for eval->root, in `arena`. */
int pq_shape_write(const pq_shape *p, pq_eval *eval, pq_arena *arena, int64_t position,
                   pq_value *out) PQ_MUST_CHECK;

#endif
