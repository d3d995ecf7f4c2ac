/* expr/update_int.h - a parsed update, shared by update_parse.c and update_apply.c. */
#ifndef PQ_EXPR_UPDATE_INT_H
#define PQ_EXPR_UPDATE_INT_H

#include "expr/expr_int.h"
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
  PQ_UPDATE_PUSH_EACH,    /* an array of elements */
  PQ_UPDATE_RENAME_FROM,  /* nothing; removes the field */
  PQ_UPDATE_RENAME_TO,    /* nothing; `source` says where the value comes from */
  PQ_UPDATE_SET_ON_INSERT /* nothing: only an upsert would use it */
} pq_update_op;

struct pq_update {
  bool is_replacement;
  pq_value replacement;
  pq_term *terms; /* sorted, without conflicts */
  uint32_t count;
  pq_path *sources; /* of the renames */
};

#endif
