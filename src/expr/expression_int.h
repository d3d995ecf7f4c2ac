/* expr/expression_int.h - nodes of parsed expressions, and what operators are made of.
 *
 * An operator is a row of a table: its name, how many arguments it takes, and a function that gets
 * them evaluated. A lazy one gets none and evaluates e->args itself ($cond, $map). Arguments by
 * name ("input as? cond") are put into that order by the parser; a `?` marks one that may lack.
 */
#ifndef PQ_EXPR_EXPRESSION_INT_H
#define PQ_EXPR_EXPRESSION_INT_H

#include "base/zone.h"
#include "expr/expr_int.h"
#include "expr/expression.h"
#include "expr/project.h"

typedef int (*pq_operator_fn)(const pq_expression *e, pq_eval *s, const pq_value *args,
                              pq_value *out);

enum { PQ_ARGS_ANY = 255, PQ_DOUBLE_DIGITS = 15 /* of a double among decimals */ };

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
  pq_regex *regex; /* $regexMatch and the like with a constant pattern */
  pq_regex_set *regexes;
  pq_zone *zone;  /* of a constant argument `timezone` */
  pq_sort sort;   /* $sortArray by fields */
  int sort_whole; /* $sortArray by the elements: 1, -1 */
};

/* Tables, ended by a NULL name. */
extern const pq_operator pq_logic_operators[];
extern const pq_operator pq_number_operators[];
extern const pq_operator pq_sum_operators[];
extern const pq_operator pq_math_operators[];
extern const pq_operator pq_bit_operators[];
extern const pq_operator pq_convert_operators[];
extern const pq_operator pq_object_operators[];
extern const pq_operator pq_text_operators[];
extern const pq_operator pq_array_operators[];
extern const pq_operator pq_date_operators[];
extern const pq_operator pq_set_operators[];
extern const pq_operator pq_regex_operators[];
extern const pq_operator pq_statistics_operators[];

/* What is made once of constant arguments: the zone of argument `at`, the pattern of $regexMatch.
 */
int pq_prepare_zone(pq_arena *arena, pq_expression *e, uint32_t at) PQ_MUST_CHECK;
int pq_prepare_regex(pq_arena *arena, pq_expression *e) PQ_MUST_CHECK;

/* Strings, numbers, dates and timestamps as text, null and missing as "": what $toLower and $substr
 * take. PQ_EINVALID for anything else. */
int pq_text_of(const pq_expression *e, pq_eval *s, pq_value v, pq_slice *out) PQ_MUST_CHECK;

/* Text as a date, as $toDate and $dateFromString without a format read it. False: it is none. */
bool pq_date_parse(pq_cx *cx, pq_slice text, int64_t *ms);
/* The date of a DATE, TIMESTAMP or OBJECT_ID, with the microseconds behind the millisecond. */
bool pq_date_of(pq_value v, int64_t *ms, int *us);

static inline bool pq_is_nullish(pq_value v) {
  pq_type t = pq_value_type(v);
  return t == PQ_TYPE_NULL || t == PQ_TYPE_MISSING;
}

/* MongoDB's order of values in expressions: MinKey, missing, null, … (rule 12). */
int pq_eval_compare(const pq_eval *s, pq_value a, pq_value b);

/* "string", "missing": for messages. */
static inline const char *pq_show_type(pq_value v) {
  return pq_value_is_missing(v) ? "missing" : pq_type_name(pq_value_type(v));
}

/* A double as text, as $toString and $concat have it: the shortest digits. Returns the length. */
enum { PQ_REAL_CAP = PQ_DOUBLE_CAP };
size_t pq_print_real(double v, char out[PQ_REAL_CAP]);

/* "$add cannot take string": PQ_EINVALID. */
int pq_fail_argument(const pq_expression *e, pq_eval *s, pq_value v, const char *what);

int pq_make_quantity(pq_eval *s, pq_quantity n, pq_value *out) PQ_MUST_CHECK;
/* Add with a long that overflows becoming a double. */
pq_quantity pq_eval_add(pq_quantity a, pq_quantity b);
/* A whole number that fits int64, of any number type. */
bool pq_value_whole(pq_value v, int64_t *out);

#endif
