/* expr/update_int.h - a parsed update, and the work on one document, shared by update_*.c.
 *
 *   parse:   update_parse.c ── $push, $pull …            update_parse_array.c
 *                           ├─ "$", "$[]", "$[name]"     update_position.c
 *                           ├─ $link, $unlink            update_edge.c
 *                           └─ [stages]                  update_pipeline.c
 *   apply:   update_apply.c ── numbers update_number.c, arrays update_array.c, the others above
 */
#ifndef PQ_EXPR_UPDATE_INT_H
#define PQ_EXPR_UPDATE_INT_H

#include "expr/expr_int.h"
#include "expr/shape.h"
#include "expr/update.h"

/* What a pq_term of an update does; each comment says what stands in the operand. */
typedef enum pq_update_op {
  PQ_UPDATE_SET,               /* the value */
  PQ_UPDATE_UNSET,             /* nothing */
  PQ_UPDATE_INC,               /* a number */
  PQ_UPDATE_MUL,               /* a number */
  PQ_UPDATE_MIN,               /* the value */
  PQ_UPDATE_MAX,               /* the value */
  PQ_UPDATE_PUSH,              /* the element */
  PQ_UPDATE_PUSH_EACH,         /* an array of elements; `source`: the modifiers */
  PQ_UPDATE_ADD_TO_SET,        /* the element */
  PQ_UPDATE_ADD_EACH,          /* an array of elements */
  PQ_UPDATE_PULL,              /* the element, when its change has no filter */
  PQ_UPDATE_PULL_ALL,          /* an array of elements */
  PQ_UPDATE_POP,               /* nothing; `source` says which end */
  PQ_UPDATE_BIT,               /* {"and": n, "or": n, "xor": n} in some order */
  PQ_UPDATE_CURRENT_DATE,      /* nothing */
  PQ_UPDATE_CURRENT_TIMESTAMP, /* nothing */
  PQ_UPDATE_RENAME_FROM,       /* nothing; removes the field */
  PQ_UPDATE_RENAME_TO,         /* nothing; `source` says where the value comes from */
  PQ_UPDATE_SET_ON_INSERT      /* the value; never seen by the applier: SET, or left out */
} pq_update_op;

/* "$set" … as they are written. */
const char *pq_update_op_name(int op);

/* What the operand of an operator on arrays does not say; found by the term's `source`. */
typedef struct pq_array_change {
  bool has_position, has_slice, is_from_front; /* the last: $pop */
  bool needs_object; /* $pull: the filter is on objects, other elements stay */
  int whole_sort;    /* 1, -1: $sort by the elements themselves */
  int64_t position, slice;
  pq_sort sort;      /* count 0: none */
  pq_filter *filter; /* $pull by a condition */
} pq_array_change;

/* What "$[name]" stands for: elements that let {name: element} match. */
typedef struct pq_array_filter {
  pq_slice name;
  pq_filter *filter;
  bool is_used;
} pq_array_filter;

/* One stage of an update by a pipeline: one of the two. */
typedef struct pq_update_stage {
  const char *name;
  pq_shape *shape;
  pq_expression *root;
} pq_update_stage;

struct pq_update {
  pq_update_kind kind;
  pq_collation collation;
  pq_value replacement;
  pq_term *terms; /* sorted, without conflicts */
  uint32_t count;
  bool takes_dollars; /* see pq_update_take_dollars */
  bool is_positional; /* a path has "$" */
  bool is_dynamic;    /* a path has "$", "$[]" or "$[name]", or there is a $setOnInsert */
  pq_path *sources;   /* of the renames */
  pq_array_change *changes;
  uint32_t change_count;
  pq_array_filter *filters;
  uint32_t filter_count;
  pq_update_stage *stages;
  uint32_t stage_count;
  pq_update_edge *edges; /* those of $unlink first */
  uint32_t edge_count;
};

/* The work on one document. */
typedef struct pq_applier {
  pq_cx *cx;
  pq_builder *b;
  pq_arena *arena; /* for what is gone afterwards */
  const pq_update *u;
  const pq_term *terms; /* of the update, or those for this document (update_position.c) */
  uint32_t count;
  const pq_path *sources;
  const pq_array_change *changes;
  pq_collation collation;
  int64_t now_us;
  pq_value doc;
  bool is_changed;
} pq_applier;

typedef struct pq_update_parser {
  pq_arena *arena;
  pq_cx *cx;
  const pq_env *env; /* may be NULL */
  pq_update *u;
  uint32_t cap; /* room in u->terms, half of it in u->sources and u->changes */
  uint32_t source_count;
} pq_update_parser;

/* Equal in value, type and order of fields, so that nothing needs to be written. */
int pq_applier_same(pq_applier *s, pq_value a, pq_value b, bool *out) PQ_MUST_CHECK;

/* Can a document have this "_id"? */
int pq_update_check_id(pq_applier *s, pq_value id) PQ_MUST_CHECK;

/* ---- update_parse.c ---- */
int pq_update_read_fields(pq_update_parser *s, pq_value v, pq_field **fields,
                          uint32_t *count) PQ_MUST_CHECK;
/* The failure of two terms that are about one place. */
int pq_update_fail_conflict(pq_cx *cx, const pq_term *a, const pq_term *b);
/* A new term at the end: {path: operand} of an operator. */
int pq_update_add_term(pq_update_parser *s, pq_slice path, pq_update_op op, pq_value operand,
                       pq_term **out) PQ_MUST_CHECK;
static inline bool pq_is_dollar(pq_slice name) {
  return name.n > 0 && name.p[0] == '$';
}

/* ---- update_parse_array.c: {path: operand} of one operator each ---- */
int pq_update_parse_push(pq_update_parser *s, const pq_field *field) PQ_MUST_CHECK;
int pq_update_parse_add_to_set(pq_update_parser *s, const pq_field *field) PQ_MUST_CHECK;
int pq_update_parse_pull(pq_update_parser *s, const pq_field *field) PQ_MUST_CHECK;
int pq_update_parse_pull_all(pq_update_parser *s, const pq_field *field) PQ_MUST_CHECK;
int pq_update_parse_pop(pq_update_parser *s, const pq_field *field) PQ_MUST_CHECK;

/* ---- update_position.c ---- */
typedef enum pq_position_kind {
  PQ_POSITION_NONE,
  PQ_POSITION_MATCH, /* "$" */
  PQ_POSITION_ALL,   /* "$[]" */
  PQ_POSITION_FILTER /* "$[name]" */
} pq_position_kind;
pq_position_kind pq_position_of(pq_slice part);
int pq_update_parse_filters(pq_update_parser *s, pq_value array_filters) PQ_MUST_CHECK;
/* Note the names that a term's path uses. */
int pq_update_note_positions(pq_update_parser *s, const pq_term *term) PQ_MUST_CHECK;
/* What can only be checked when all paths are known and sorted. */
int pq_update_check_positions(pq_update_parser *s) PQ_MUST_CHECK;
/* Set s->terms to the terms for s->doc: indexes for positions, $setOnInsert decided. */
int pq_applier_place(pq_applier *s, pq_update_at at) PQ_MUST_CHECK;

/* ---- update_edge.c ---- */
int pq_update_parse_edges(pq_update_parser *s, const pq_field *fields,
                          uint32_t count) PQ_MUST_CHECK;

/* ---- update_pipeline.c ---- */
int pq_update_parse_stages(pq_update_parser *s, pq_value stages) PQ_MUST_CHECK;
/* The document after all stages, in s->arena. */
int pq_update_run_stages(pq_applier *s, pq_eval *eval, pq_value *out) PQ_MUST_CHECK;

/* ---- update_number.c: write the value after the change; `old` may be missing ---- */
int pq_applier_put_arith(pq_applier *s, const pq_term *term, pq_value old) PQ_MUST_CHECK;
int pq_applier_put_bit(pq_applier *s, const pq_term *term, pq_value old) PQ_MUST_CHECK;

/* ---- update_array.c ---- */
/* Is it an operator on an array? */
bool pq_is_array_change(int op);
/* Does it leave a value where none was? */
bool pq_array_change_creates(const pq_term *term);
/* Write the array after the change; `old` may be missing. */
int pq_applier_put_array(pq_applier *s, const pq_term *term, pq_value old) PQ_MUST_CHECK;

#endif
