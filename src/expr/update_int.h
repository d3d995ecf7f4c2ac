/* expr/update_int.h - a parsed update, and the work on one document, shared by update_parse.c,
 * update_apply.c and update_array.c. */
#ifndef PQ_EXPR_UPDATE_INT_H
#define PQ_EXPR_UPDATE_INT_H

#include "expr/expr_int.h"
#include "expr/project.h"
#include "expr/update.h"

/* What a pq_term of an update does; each comment says what stands in the operand. */
typedef enum pq_update_op {
  PQ_UPDATE_SET,          /* the value */
  PQ_UPDATE_UNSET,        /* nothing */
  PQ_UPDATE_INC,          /* a number */
  PQ_UPDATE_MUL,          /* a number */
  PQ_UPDATE_MIN,          /* the value */
  PQ_UPDATE_MAX,          /* the value */
  PQ_UPDATE_PUSH,         /* the element */
  PQ_UPDATE_PUSH_EACH,    /* an array of elements; `source`: the modifiers */
  PQ_UPDATE_ADD_TO_SET,   /* the element */
  PQ_UPDATE_ADD_EACH,     /* an array of elements */
  PQ_UPDATE_PULL,         /* the element, when its change has no filter */
  PQ_UPDATE_PULL_ALL,     /* an array of elements */
  PQ_UPDATE_POP,          /* nothing; `source` says which end */
  PQ_UPDATE_BIT,          /* {"and": n, "or": n, "xor": n} in some order */
  PQ_UPDATE_CURRENT_DATE, /* nothing */
  PQ_UPDATE_RENAME_FROM,  /* nothing; removes the field */
  PQ_UPDATE_RENAME_TO,    /* nothing; `source` says where the value comes from */
  PQ_UPDATE_SET_ON_INSERT /* nothing: only an upsert would use it */
} pq_update_op;

/* What the operand of an operator on arrays does not say; found by the term's `source`. */
typedef struct pq_array_change {
  bool has_position, has_slice, is_from_front; /* the last: $pop */
  bool needs_object; /* $pull: the filter is on objects, other elements stay */
  int whole_sort;    /* 1, -1: $sort by the elements themselves */
  int64_t position, slice;
  pq_sort sort;      /* count 0: none */
  pq_filter *filter; /* $pull by a condition */
} pq_array_change;

struct pq_update {
  bool is_replacement;
  pq_value replacement;
  pq_term *terms; /* sorted, without conflicts */
  uint32_t count;
  pq_path *sources; /* of the renames */
  pq_array_change *changes;
  uint32_t change_count;
};

/* The work on one document. */
typedef struct pq_applier {
  pq_cx *cx;
  pq_builder *b;
  pq_arena *arena;
  const pq_term *terms;
  const pq_path *sources;
  const pq_array_change *changes;
  int64_t now_us;
  pq_value doc;
  bool is_changed;
} pq_applier;

/* Equal in value, type and order of fields, so that nothing needs to be written. */
int pq_applier_same(pq_applier *s, pq_value a, pq_value b, bool *out) PQ_MUST_CHECK;

/* ---- update_array.c ---- */
/* Is it an operator on an array? */
bool pq_is_array_change(int op);
/* Does it leave a value where none was? */
bool pq_array_change_creates(const pq_term *term);
/* Write the array after the change; `old` may be missing. */
int pq_applier_put_array(pq_applier *s, const pq_term *term, pq_value old) PQ_MUST_CHECK;

#endif
