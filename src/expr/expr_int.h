/* expr/expr_int.h - what the files of this module share: the parsed filter and sorted terms.
 *
 * A filter is a tree; a leaf tests the values that its path reaches (MONGO.md 1, rules 13-27):
 *
 *   AND ─┬─ LEAF age GT 3
 *        ├─ LEAF tags IN [..]  is_negated      ($nin)
 *        └─ NOT ── AND ...
 *
 * Updates and projections are lists of TERMS (a path with what happens there) sorted by their
 * paths part by part. All terms below one field then stand side by side, so a SPAN of the list is
 * a tree node and no tree is built:
 *
 *   a.b | a.c.d | a.c.e | z        span of "a" at depth 1 = the first three terms
 *
 * Names of digits sort by number and before other names: it is the order in which MongoDB >= 5
 * appends new fields.
 */
#ifndef PQ_EXPR_EXPR_INT_H
#define PQ_EXPR_EXPR_INT_H

#include "base/text.h"
#include "expr/expression.h" /* pq_value_copy */
#include "expr/filter.h"
#include "expr/regex.h"

/* The arguments of "%.*s" for at most 40 bytes of user data. */
#define PQ_SHOW(s) pq_show_len(s), pq_show_text(s)

static inline int pq_show_len(pq_slice s) {
  return s.p == NULL ? 0 : (int)pq_utf8_prefix(s, 40);
}
static inline const char *pq_show_text(pq_slice s) {
  return s.p == NULL ? "" : (const char *)s.p;
}

/* Is `name` in the NULL-terminated list? */
bool pq_name_in(pq_slice name, const char *const *names);

/* ---- filters ---- */
typedef enum pq_node_kind {
  PQ_NODE_LEAF,
  PQ_NODE_AND,
  PQ_NODE_OR,
  PQ_NODE_NOT,    /* of its only kid */
  PQ_NODE_FALSE,  /* matches nothing: $all: [] */
  PQ_NODE_EXPR,   /* $expr; the kid, if any, is a leaf that says the same of a scalar or missing */
  PQ_NODE_SCHEMA, /* $jsonSchema */
  PQ_NODE_SAMPLE  /* $sampleRate */
} pq_node_kind;

typedef enum pq_leaf_op {
  PQ_LEAF_EQ,
  PQ_LEAF_GT,
  PQ_LEAF_GTE,
  PQ_LEAF_LT,
  PQ_LEAF_LTE,
  PQ_LEAF_IN,
  PQ_LEAF_EXISTS,
  PQ_LEAF_TYPE,
  PQ_LEAF_SIZE,
  PQ_LEAF_MOD,
  PQ_LEAF_BITS,
  PQ_LEAF_STARTS,
  PQ_LEAF_ENDS,
  PQ_LEAF_CONTAINS,
  PQ_LEAF_REGEX,
  PQ_LEAF_ELEM_VALUE, /* $elemMatch with operators: kids have no path */
  PQ_LEAF_ELEM_OBJECT /* $elemMatch with a filter on each element */
} pq_leaf_op;

/* Types as $type and $jsonSchema name them. */
typedef struct pq_type_set {
  uint32_t types; /* bit 1 << pq_type */
  uint32_t rare;  /* bit i for the i-th of pq_rare_type_keys */
} pq_type_set;

/* Which bits $bitsAllSet and its like look at. */
typedef struct pq_bits {
  bool wants_set, wants_all;
  const uint32_t *positions;
  uint32_t count;
  pq_binary mask; /* instead of positions: those of its bits that are set */
} pq_bits;

typedef struct pq_filter_node pq_filter_node;
struct pq_filter_node {
  pq_node_kind kind;
  pq_leaf_op op;
  bool is_negated;        /* the result of the leaf is turned round: $ne, $nin, $exists: false */
  bool is_element;        /* the subject is what the path's only part names ($pull) */
  bool is_placeless;      /* what it finds is no position: $all but its first value */
  bool is_in_array;       /* IN, beyond an index of an array: missing does not pass */
  bool is_system;         /* the path's first name may come from the system object */
  bool is_unbracketed;    /* EQ .. IN as expressions compare (rule 12); below EXPR only */
  pq_collation collation; /* EQ .. IN */
  const pq_path *path;    /* NULL: the value itself is tested ($elemMatch with operators) */
  pq_filter_node *kids;   /* AND, OR, NOT; of an $elemMatch leaf: its AND */
  pq_filter_node *last;   /* of the kids */
  pq_filter_node *next;   /* the next kid of the same parent */
  pq_value operand;       /* EQ .. EXISTS */
  pq_type type;           /* of the operand */
  pq_type bracket;        /* of the operand */
  int64_t integer;        /* operand INT32, INT64; SIZE's number; MOD's divisor */
  int64_t remainder;      /* MOD */
  double rate;            /* SAMPLE */
  pq_slice text;          /* operand STRING; STARTS, ENDS, CONTAINS; a plain REGEX */
  const pq_value *list;   /* IN: the elements, sorted */
  uint32_t list_count;
  pq_filter_node *regexes;         /* IN: further leaves, REGEX, one of which may pass instead */
  pq_regex *regex;                 /* REGEX; the operand is it as a value, or missing */
  pq_slice prefix;                 /* REGEX: how every match begins */
  pq_type_set types;               /* TYPE */
  const pq_bits *bits;             /* BITS */
  const pq_expression *expression; /* EXPR */
  const struct pq_json_schema *schema; /* SCHEMA */
};

struct pq_filter {
  pq_filter_node *root; /* an AND node */
  bool uses_system;
  bool uses_key, sees_key_whole; /* filter_int.h */
  bool needs_eval;
  bool is_merged; /* expressions may see system fields */
  pq_cx *cx;
  pq_regex_set *regexes; /* NULL: the filter has none */
  int *failure;          /* of an $expr or a $jsonSchema; owned by the arena */
};

/* Extended JSON keys of the types behind PQ_TYPE_CODE that $type tells apart, NULL-terminated. */
extern const char *const pq_rare_type_keys[];
bool pq_type_set_has(pq_type_set set, pq_value v);

/* A condition on elements of an array: {"$gt": 3} tests each as the value of a field, {"x": 1} only
 * objects (*needs_object), a REGEX text. Errors as pq_filter_parse. */
int pq_filter_parse_element(pq_arena *arena, const pq_env *env, pq_value spec, pq_filter **out,
                            bool *needs_object) PQ_MUST_CHECK;

/* MongoDB's truth of a value: false, null, missing and zero are false. */
bool pq_value_is_true(pq_value v);

/* Pattern and options of a REGEX value. */
bool pq_value_regex(pq_value v, pq_slice *pattern, pq_slice *options);

/* Set what a leaf caches of its operand. */
void pq_filter_prepare(pq_filter_node *n, pq_value operand);

/* Numbers cut to integers as $mod does it; false for anything that does not fit, NaN included. */
bool pq_value_truncate(pq_value v, int64_t *out);

/* ---- terms ---- */
typedef struct pq_term {
  pq_path path;
  int32_t op;
  uint32_t source; /* $rename: index of the path where the value comes from */
  pq_value operand;
} pq_term;

/* Terms [from, to) that share the first `depth` parts of their paths. */
typedef struct pq_span {
  uint32_t from, to, depth;
} pq_span;

/* Sort by path. *conflict gets the index of a term whose path is a prefix of the next one's (or
 * equal to it), or `count` when there is none. */
int pq_terms_sort(pq_cx *cx, pq_term *terms, uint32_t count, uint32_t *conflict) PQ_MUST_CHECK;

/* True when the span is one term that ends here. */
static inline bool pq_span_is_leaf(const pq_term *terms, pq_span s) {
  return s.to - s.from == 1 && terms[s.from].path.count == s.depth;
}
/* The part that the terms of a group have in common last. */
static inline const pq_path_part *pq_span_part(const pq_term *terms, pq_span group) {
  return &terms[group.from].path.parts[group.depth - 1];
}
/* The group of terms in `s` whose next part is `name`. */
bool pq_span_find(const pq_term *terms, pq_span s, pq_slice name, pq_span *group);
/* Walk the groups of `s` in order; start with `group` = pq_span_begin(s). */
static inline pq_span pq_span_begin(pq_span s) {
  return (pq_span){s.from, s.from, s.depth + 1};
}
bool pq_span_next(const pq_term *terms, pq_span s, pq_span *group);

/* ---- arithmetic (MONGO.md 1, rules 30, 31) ---- */
typedef struct pq_quantity {
  pq_type type; /* INT32, INT64, DOUBLE or DECIMAL */
  int64_t integer;
  double real;
  pq_number number; /* DECIMAL */
} pq_quantity;

/* False when `v` is no number. */
bool pq_quantity_of(pq_value v, pq_quantity *out);
/* The type of a result: DECIMAL, DOUBLE, INT64 or INT32, whichever of the two is first. */
pq_type pq_quantity_kind(pq_quantity a, pq_quantity b);
double pq_quantity_real(pq_quantity n);
pq_number pq_quantity_number(pq_quantity n);
/* False when a long overflows. */
bool pq_quantity_add(pq_quantity a, pq_quantity b, pq_quantity *out) PQ_MUST_CHECK;
bool pq_quantity_multiply(pq_quantity a, pq_quantity b, pq_quantity *out) PQ_MUST_CHECK;

#endif
