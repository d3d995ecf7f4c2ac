/* expr/expression_int.h - nodes of parsed expressions, and what operators are made of.
 *
 * An operator is a row of a table: its name, how many arguments it takes, and a function that gets
 * them evaluated. A lazy one gets none and evaluates e->args itself ($cond, $map). Arguments by
 * name ("input as? cond") are put into that order by the parser; a `?` marks one that may lack.
 */
#ifndef PQ_EXPR_EXPRESSION_INT_H
#define PQ_EXPR_EXPRESSION_INT_H

#include "expr/expr_int.h"
#include "expr/expression.h"
#include "expr/project.h"

typedef int (*pq_operator_fn)(const pq_expression *e, pq_eval *s, const pq_value *args,
                              pq_value *out);

enum { PQ_ARGS_ANY = 255 };

typedef struct pq_operator {
  const char *name;
  uint8_t arg_min, arg_max;
  bool is_lazy;
  const char *fields; /* names of the arguments, NULL: by position */
  pq_operator_fn eval;
  int variant; /* for functions that serve several operators */
} pq_operator;

typedef enum pq_expression_kind {
  PQ_EXPR_CONSTANT,
  PQ_EXPR_PATH,   /* of variable `slot` */
  PQ_EXPR_OBJECT, /* names and args */
  PQ_EXPR_ARRAY,  /* args */
  PQ_EXPR_OPERATOR
} pq_expression_kind;

enum { PQ_SLOT_ROOT = -1, PQ_SLOT_REMOVE = -2, PQ_SLOT_NOW = -3 };

struct pq_expression {
  pq_expression_kind kind;
  const pq_operator *op;
  pq_value constant;
  pq_slice *path; /* names */
  uint32_t path_count;
  int32_t slot;         /* PATH; OPERATOR: of the first variable that it binds */
  pq_expression **args; /* NULL: an optional one that lacks */
  pq_slice *names;      /* OBJECT */
  uint32_t arg_count;
  pq_regex *regex; /* $regexMatch with a constant pattern */
  pq_regex_set *regexes;
  pq_sort sort;   /* $sortArray by fields */
  int sort_whole; /* $sortArray by the elements: 1, -1 */
};

/* Tables, ended by a NULL name. */
extern const pq_operator pq_logic_operators[];
extern const pq_operator pq_number_operators[];
extern const pq_operator pq_text_operators[];
extern const pq_operator pq_array_operators[];
extern const pq_operator pq_date_operators[];

static inline bool pq_is_nullish(pq_value v) {
  pq_type t = pq_value_type(v);
  return t == PQ_TYPE_NULL || t == PQ_TYPE_MISSING;
}

/* MongoDB's order of values in expressions: MinKey, missing, null, … (rule 12). */
int pq_expression_compare(pq_value a, pq_value b);

/* "$add cannot take string": PQ_EINVALID. */
int pq_fail_argument(const pq_expression *e, pq_eval *s, pq_value v, const char *what);

int pq_make_quantity(pq_eval *s, pq_quantity n, pq_value *out) PQ_MUST_CHECK;
/* Add with a long that overflows becoming a double; PQ_EUNSUPPORTED for decimals out of reach. */
int pq_eval_add(pq_eval *s, pq_quantity a, pq_quantity b, pq_quantity *out) PQ_MUST_CHECK;
/* A whole number that fits int64, of any number type. */
bool pq_value_whole(pq_value v, int64_t *out);

#endif
