/* expr/env.h - what filters, expressions and updates know besides the document.
 *
 *   when parsed:     pq_env    names of variables, the collation
 *   when evaluated:  pq_eval   the document, the variables' values, the time, memory
 *
 * Variables are places in pq_eval.variables. The first env->variable_count of them belong to the
 * caller (`let` of a command or a $lookup); operators like $let bind those behind. One named
 * CURRENT is where "$path" begins, in place of the document.
 */
#ifndef PQ_EXPR_ENV_H
#define PQ_EXPR_ENV_H

#include "value/builder.h"
#include "value/compare.h"

enum { PQ_VARIABLES_MAX = 64 };

/* Given to parsers; NULL or zeroed: no variables, the simple collation. */
typedef struct pq_env {
  pq_slice variables[PQ_VARIABLES_MAX]; /* names without "$$" */
  uint32_t variable_count;
  pq_collation collation;
  bool
      has_redact; /* $$DESCEND, $$PRUNE, $$KEEP are known: the strings "descend", "prune", "keep" */
} pq_env;

/* What an evaluation needs; results live in `arena` or borrow from the document or what was
 * parsed. */
typedef struct pq_eval {
  pq_cx *cx;           /* borrowed */
  pq_arena *arena;     /* borrowed */
  pq_builder *builder; /* borrowed; not in use by the caller while something is evaluated */
  pq_value root;       /* the document: $$ROOT, $$CURRENT */
  int64_t now_us;      /* $$NOW */
  uint64_t random;     /* state of $rand, $sampleRate, $sample; the caller seeds it */
  pq_collation collation;
  pq_value variables[PQ_VARIABLES_MAX];
} pq_eval;

#endif
