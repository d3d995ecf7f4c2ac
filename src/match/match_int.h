/* match/match_int.h - what the files of match/ share: the query as parsed, its plan, its run.
 *
 *   text ─lex.c─► tokens ─read_….c─► parts ─plan.c─► operators ─run….c─► rows ─emit.c─► items
 *
 *   part      MATCH … OPTIONAL MATCH … WITH        variables are places in its rows
 *     clause  group of patterns: consecutive MATCHes are one (each edge knows which: `scope`)
 *     projection
 *
 * A row is an array of 32-bit cells, one for each variable of the part: node number, edge number,
 * place in `lists` (edges of variable length), place in the values of a projection; PQ_NULL_CELL is
 * null. Beside it stands a weight: so many rows are the same. Everything lives in the arena of the
 * query and goes with it.
 */
#ifndef PQ_MATCH_MATCH_INT_H
#define PQ_MATCH_MATCH_INT_H

#include "expr/expression.h"
#include "expr/regex.h"
#include "expr/total.h"
#include "io/op.h"
#include "match/match.h"

#define PQ_NULL_CELL UINT32_MAX
#define PQ_NO_END UINT32_MAX

enum {
  PQ_MATCH_VARS = 64, /* of a part: sets of them are bits of a word */
  PQ_MATCH_CHUNK = 1024,
  PQ_MATCH_ASKED = 5 /* a status: the run cannot go on before what it asks for is there */
};

/* ---- tokens ---- */
typedef enum pq_token_kind {
  PQ_TOKEN_END,
  PQ_TOKEN_WORD,   /* a name or keyword */
  PQ_TOKEN_QUOTED, /* a name in back-ticks */
  PQ_TOKEN_NUMBER,
  PQ_TOKEN_TEXT,
  PQ_TOKEN_SIGN /* one of ( ) [ ] { } , : . | - < > = + * / % ^ $ or <> <= >= =~ .. */
} pq_token_kind;

typedef struct pq_token {
  pq_token_kind kind;
  uint32_t off;  /* in the query */
  pq_slice text; /* of TEXT and QUOTED what it means */
} pq_token;

/* ---- expressions ---- */
typedef enum pq_term_kind {
  PQ_TERM_CONST,
  PQ_TERM_VAR,  /* at: variable */
  PQ_TERM_PROP, /* kid . name */
  PQ_TERM_NOT,
  PQ_TERM_AND,
  PQ_TERM_OR,
  PQ_TERM_XOR,
  PQ_TERM_EQ,
  PQ_TERM_NE,
  PQ_TERM_LT,
  PQ_TERM_LE,
  PQ_TERM_GT,
  PQ_TERM_GE,
  PQ_TERM_IN,
  PQ_TERM_STARTS,
  PQ_TERM_ENDS,
  PQ_TERM_CONTAINS,
  PQ_TERM_REGEX,
  PQ_TERM_IS_NULL,
  PQ_TERM_ADD,
  PQ_TERM_SUB,
  PQ_TERM_MUL,
  PQ_TERM_DIV,
  PQ_TERM_MOD,
  PQ_TERM_POW,
  PQ_TERM_NEG,
  PQ_TERM_LIST,
  PQ_TERM_MAP,       /* names */
  PQ_TERM_INDEX,     /* kid [ kid ] */
  PQ_TERM_CALL,      /* at: function */
  PQ_TERM_AGGREGATE, /* at: place among the projection's; function; kid, or none: count(*) */
  PQ_TERM_PATTERN,   /* at: the variable that holds whether there is one; group */
  PQ_TERM_CASE,      /* pairs WHEN THEN, then ELSE if the count is odd */
  PQ_TERM_LABELS     /* kid : names */
} pq_term_kind;

typedef struct pq_term {
  pq_term_kind kind;
  uint32_t off, end; /* of its text */
  uint32_t at;
  uint32_t function;
  bool is_distinct;
  pq_slice name;
  pq_slice *names;
  pq_value value; /* CONST; missing: null */
  struct pq_term **kids;
  uint32_t count, name_count;
  struct pq_group *group;
  pq_regex *regex;
} pq_term;

/* ---- patterns ---- */
typedef struct pq_pattern_edge {
  uint32_t var, left, right; /* variables */
  pq_direction direction;    /* from left to right */
  pq_slice *names;
  uint32_t name_count;
  pq_predicates predicates; /* once there is a graph */
  bool is_long;
  uint32_t min, max; /* UINT32_MAX: no end */
  uint32_t scope;    /* the MATCH that it stands in: none of its edges is another */
  pq_slice *props;   /* of a long one: fields that each of its edges has */
  pq_term **prop_values;
  uint32_t prop_count;
  double fan, back; /* estimates: edges of a node at its left end, at its right end */
  bool needs_list;
} pq_pattern_edge;

typedef struct pq_label_test {
  uint32_t var;
  const uint32_t *labels; /* one of them: places in m->labels */
  uint32_t count;
} pq_label_test;

typedef struct pq_group {
  pq_pattern_edge *edges;
  uint32_t edge_count, edge_cap;
  pq_label_test *tests;
  uint32_t test_count, test_cap;
  pq_term **conjuncts;
  uint32_t conjunct_count, conjunct_cap;
  uint64_t nodes;  /* variables */
  uint64_t locals; /* of a pattern in an expression: variables of its own */
  bool is_optional;
} pq_group;

typedef enum pq_var_kind {
  PQ_VAR_NODE = 1,
  PQ_VAR_EDGE,
  PQ_VAR_EDGES,
  PQ_VAR_PATH,
  PQ_VAR_VALUE,
  PQ_VAR_BOOL
} pq_var_kind;

typedef struct pq_match_path {
  uint32_t *nodes, *edges; /* variables, in the order they are written in */
  bool *is_back;           /* unused by plain edges; a long one's list goes from its left end */
  uint32_t edge_count;
} pq_match_path;

typedef struct pq_match_var {
  pq_slice name; /* empty: none */
  pq_var_kind kind;
  bool is_hidden; /* of a pattern in an expression that ended */
  pq_match_path *path;
  const pq_pattern_edge *edge; /* EDGES; borrowed */
} pq_match_var;

/* ---- projections ---- */
typedef struct pq_match_item {
  pq_term *term;
  pq_slice name;
  bool has_aggregate;
} pq_match_item;

typedef struct pq_match_order {
  pq_term *term;
  bool is_descending;
} pq_match_order;

typedef struct pq_match_project {
  pq_match_item *items;
  uint32_t item_count, item_cap;
  pq_match_order *orders;
  uint32_t order_count, order_cap;
  pq_term **aggregates;
  uint32_t aggregate_count, aggregate_cap;
  bool is_distinct, is_return;
  uint64_t skip, limit; /* limit UINT64_MAX: none */
  pq_term *where;       /* of WITH, over the next part's variables */
} pq_match_project;

typedef struct pq_match_part {
  pq_match_var *vars; /* [PQ_MATCH_VARS] */
  uint32_t var_count;
  pq_group **groups;
  uint32_t group_count, group_cap;
  pq_match_project project;
  uint64_t used; /* variables whose value matters */
} pq_match_part;

typedef struct pq_match_label {
  pq_slice name;
  pq_slice *collections; /* all of whose entities have it */
  uint32_t collection_count, collection_cap;
  uint8_t *bits; /* of nodes that have it besides; in the arena */
  uint32_t bit_cap;
  bool is_known;
  uint64_t guess; /* entities that have it, where there is no graph */
} pq_match_label;

/* ---- operators ---- */
typedef struct pq_rows {
  uint32_t *cells;
  uint64_t *weights;
  uint32_t *tags; /* which row of the outer operator's chunk it comes from */
  uint32_t count, stride;
} pq_rows;

typedef enum pq_oper_kind {
  PQ_OPER_ARGUMENT,
  PQ_OPER_SCAN,
  PQ_OPER_BIND,
  PQ_OPER_CHECK,
  PQ_OPER_LONG,
  PQ_OPER_WEIGHT,
  PQ_OPER_FILTER,
  PQ_OPER_TEST,
  PQ_OPER_EXISTS,
  PQ_OPER_OPTIONAL,
  PQ_OPER_PROJECT,
  PQ_OPER_LAST = PQ_OPER_PROJECT
} pq_oper_kind;

/* A pattern that hangs on one node and of which nothing is asked but how often it is there. */
typedef struct pq_match_tree {
  const pq_pattern_edge *edge;
  pq_direction direction; /* from the node above */
  uint32_t var;
  struct pq_match_tree *kids, *next;
  uint64_t *memo; /* by node: ways + 1; 0: not known */
  uint32_t misses;
} pq_match_tree;

/* One edge between the node to bind and a bound one. */
typedef struct pq_bind_edge {
  const pq_pattern_edge *edge;
  uint32_t from;                  /* the bound variable */
  pq_direction direction;         /* from it */
  const pq_pattern_edge **rivals; /* bound before, may be the same edge */
  uint32_t rival_count;
  const pq_flat *flat; /* NULL: none was made */
  /* the neighbours of `node`, rising, with edges */
  uint32_t node;
  const uint32_t *far, *edges;
  uint32_t count;
  uint32_t *far_room, *edge_room;
  uint32_t cap;
} pq_bind_edge;

typedef struct pq_long_level {
  uint32_t node, edge;
  pq_arc_walk walk;
  pq_arcs arcs;
  uint32_t at;
  bool is_new, has_asked;
} pq_long_level;

typedef enum pq_scan_how { PQ_BY_GRAPH, PQ_BY_STORE, PQ_BY_ID } pq_scan_how;

typedef struct pq_oper {
  pq_oper_kind kind;
  pq_match_part *part;
  const pq_group *group;
  struct pq_oper *input;
  struct pq_oper *sub, *argument; /* EXISTS, OPTIONAL: the inner plan's last and first */
  uint32_t var;
  double estimate;
  uint64_t rows;
  /* running */
  pq_rows out;
  const pq_rows *in;
  uint32_t at;
  bool is_partial, is_begun, is_end, is_fed, is_grown;
  bool is_ready;       /* documents of the input chunk are there */
  bool is_waiting;     /* OPTIONAL: for the inner plan's next chunk */
  const uint8_t *done; /* by tag: no more rows wanted; NULL: all */
  uint8_t *done_room;
  /* SCAN */
  pq_scan_how how;
  pq_term *ids;
  pq_value filter; /* pushed to the store; missing: none */
  uint32_t *list;
  uint32_t list_count, list_cap, pos;
  bool is_listed;
  /* BIND, CHECK, LONG */
  pq_bind_edge *binds;
  uint32_t bind_count;
  bool is_counted, is_closed; /* LONG: the other end is bound */
  pq_arc_walk walk;
  pq_arcs arcs;
  uint32_t *buf; /* rows of cells, of the current row */
  uint32_t buf_count, buf_cap, buf_at;
  pq_long_level *levels;
  uint32_t depth, level_cap;
  /* WEIGHT */
  pq_match_tree *tree;
  /* FILTER */
  pq_term **terms;
  uint32_t term_count;
  /* EXISTS, OPTIONAL */
  uint32_t next_tag;
  /* PROJECT */
  struct pq_projecting *projecting;
} pq_oper;

typedef struct pq_node_slot {
  pq_value document; /* of those fields that are used, or whole */
  bool is_known, is_there;
} pq_node_slot;

struct pq_match {
  pq_cx *cx;
  pq_arena arena;      /* owned: everything that lives as long */
  pq_arena scratch;    /* owned: of one row or chunk */
  pq_arena pool;       /* owned: values of the last projection's chunk */
  pq_arena asks;       /* owned: of the last question */
  pq_builder *builder; /* owned */
  pq_eval eval;
  pq_regex_set *regexes;
  pq_slice text;
  pq_value params;
  uint64_t rows_max;
  /* parsing */
  pq_token *tokens;
  uint32_t token_count, token, depth, term_count;
  pq_match_part *part; /* that is being read */
  pq_group *group;
  uint32_t scope;
  bool is_in_aggregate;
  pq_match_project *aggregates; /* where they may stand; NULL: nowhere */
  /* the query */
  pq_match_part **parts;
  uint32_t part_count, part_cap;
  pq_match_label *labels;
  uint32_t label_count, label_cap;
  pq_slice *fields; /* names of top-level fields that are looked at, of nodes */
  uint32_t field_count, field_cap;
  bool wants_whole; /* some entity is shown as it is */
  /* the run */
  const pq_graph *graph; /* borrowed */
  uint32_t node_count;   /* of the graph; nodes above have no edge */
  pq_slice *extra;       /* their ids */
  uint32_t extra_count, extra_cap;
  pq_table extra_table, node_table, edge_table; /* owned */
  pq_node_slot *node_slots;                     /* by node_table */
  uint32_t *node_keys, node_slot_count, node_slot_cap;
  pq_value *edge_values; /* as shown; by edge_table */
  uint32_t *edge_keys, edge_slot_count, edge_slot_cap;
  uint32_t *lists; /* length, edges … */
  uint32_t list_len, list_cap;
  pq_value *values; /* of projections that others follow */
  uint32_t value_count, value_cap;
  pq_value *pool_values; /* of the last one, emptied with each chunk */
  uint32_t pool_count, pool_cap;
  pq_flat *flats[16];
  pq_flat_options flat_options[16];
  uint32_t flat_count;
  pq_oper *last;
  struct pq_projecting *projectings;
  bool is_planned, is_ended;
  bool is_guess; /* planned by what the log says, not to be run */
  uint64_t guess_nodes, guess_edges;
  int64_t work_left, work_at_once;
  bool has_yielded;   /* and nothing was spent since */
  uint32_t memo_done; /* weights that were noted since it yielded within a tree */
  uint32_t emit_at;
  bool is_pulling, has_documents;
  uint64_t emit_left;
  pq_match_ask ask;
  const uint32_t *asked; /* nodes or edges, in the order of the question */
  pq_oper *asking;       /* SCAN that waits for its list */
  uint32_t label_asked;
};

/* ---- lex.c ---- */
int pq_match_lex(pq_match *m) PQ_MUST_CHECK;
/* PQ_EINVALID with line and column. */
int pq_match_fail_at(pq_match *m, uint32_t off, const char *what) PQ_MUST_CHECK;
/* Where that is. */
void pq_match_place(const pq_match *m, uint32_t off, unsigned *line, unsigned *column);
#define pq_match_fail(m, off, ...) \
  pq_match_fail_at((m), (off), pq_arena_printf(&(m)->arena, __VA_ARGS__))

/* ---- unsupported.c ---- */
/* The same as PQ_EUNSUPPORTED. */
int pq_match_unsupported_at(pq_match *m, uint32_t off, const char *what) PQ_MUST_CHECK;
#define pq_match_unsupported(m, off, ...) \
  pq_match_unsupported_at((m), (off), pq_arena_printf(&(m)->arena, __VA_ARGS__))
/* The token is not what is expected; or nothing that match has. */
int pq_match_expected(pq_match *m, const char *what) PQ_MUST_CHECK;
int pq_match_no_function(pq_match *m, const pq_token *t) PQ_MUST_CHECK;

/* ---- read_query.c, read_pattern.c, read_term.c ---- */
int pq_match_read(pq_match *m) PQ_MUST_CHECK;
int pq_match_read_term(pq_match *m, pq_term **out) PQ_MUST_CHECK;
/* A comma-separated list of patterns into m->group. */
int pq_match_read_patterns(pq_match *m, bool has_paths) PQ_MUST_CHECK;
/* EXISTS { … } or a pattern, as a term. */
int pq_match_read_exists(pq_match *m, bool is_braced, pq_term **out) PQ_MUST_CHECK;
bool pq_match_is_pattern(const pq_match *m);
/* Tokens. */
static inline const pq_token *pq_match_now(const pq_match *m) {
  return &m->tokens[m->token];
}
bool pq_match_is(const pq_match *m, const char *sign);
bool pq_match_is_word(const pq_match *m, const char *word);
bool pq_match_is_word_at(const pq_match *m, uint32_t ahead, const char *word);
bool pq_match_is_at(const pq_match *m, uint32_t ahead, const char *sign);
bool pq_match_take(pq_match *m, const char *sign);
bool pq_match_take_word(pq_match *m, const char *word);
int pq_match_expect(pq_match *m, const char *sign, const char *where) PQ_MUST_CHECK;
int pq_match_name(pq_match *m, const char *what, pq_slice *out) PQ_MUST_CHECK;
int pq_match_enter(pq_match *m) PQ_MUST_CHECK;
/* Variables of m->part; PQ_NO_END: there is none of that name. */
uint32_t pq_match_find_var(const pq_match *m, pq_slice name);
int pq_match_new_var(pq_match *m, pq_slice name, pq_var_kind kind, uint32_t *out) PQ_MUST_CHECK;
int pq_match_label_of(pq_match *m, pq_slice name, uint32_t *out) PQ_MUST_CHECK;
int pq_match_test_of(pq_match *m, uint32_t var, const pq_slice *names, uint32_t count,
                     pq_label_test *out) PQ_MUST_CHECK;
pq_term *pq_match_term(pq_match *m, pq_term_kind kind, uint32_t off, uint32_t count);
int pq_match_conjunct(pq_match *m, pq_group *g, pq_term *t) PQ_MUST_CHECK;
/* Make room for one more item of an array in the arena. */
int pq_match_grow(pq_arena *arena, void *items, uint32_t count, uint32_t *cap,
                  size_t size) PQ_MUST_CHECK;

/* ---- term.c ---- */
/* The variables that a term looks at. */
uint64_t pq_term_vars(const pq_term *t);
/* Of these, nodes and edges whose documents it looks at. */
uint64_t pq_term_documents(const pq_match_part *part, const pq_term *t);
bool pq_term_is_same(const pq_term *a, const pq_term *b);
bool pq_term_has_aggregate(const pq_term *t);
/* Call it for each pattern in a term. */
int pq_term_patterns(pq_match *m, pq_term *t, int (*take)(pq_match *, pq_term *, void *),
                     void *ud) PQ_MUST_CHECK;

/* ---- functions.c ---- */
enum { PQ_NO_FUNCTION = 0xffff };
uint32_t pq_match_function(pq_slice name);
bool pq_match_function_is_aggregate(uint32_t function);
/* PQ_OK, or why it cannot have so many arguments. */
int pq_match_function_check(pq_match *m, const pq_term *call, pq_slice name) PQ_MUST_CHECK;
const char *pq_match_function_name(uint32_t function);
bool pq_match_function_needs_document(uint32_t function);

/* ---- eval.c: values of terms for a row ---- */
typedef struct pq_row {
  const pq_match_part *part;
  const uint32_t *cells;
  const pq_value *aggregates; /* NULL: none */
} pq_row;
/* In m->scratch, or borrowed from what lives longer. Missing is null. */
int pq_term_eval(pq_match *m, const pq_row *row, const pq_term *t, pq_value *out) PQ_MUST_CHECK;
/* 1, 0, or -1: null. */
int pq_match_truth(pq_value v);
int pq_match_call(pq_match *m, const pq_row *row, const pq_term *t, pq_value *out) PQ_MUST_CHECK;
bool pq_match_is_null(pq_value v);
/* 1, 0, -1: null. */
int pq_match_equal(pq_value a, pq_value b);
/* The field of a value: of an object; of a node or edge by its variable. */
int pq_match_cell_value(pq_match *m, const pq_row *row, uint32_t var, pq_value *out) PQ_MUST_CHECK;

/* ---- entities.c: nodes, labels, documents ---- */
pq_slice pq_match_id(const pq_match *m, uint32_t node);
int pq_match_node_of(pq_match *m, pq_slice id, uint32_t *out) PQ_MUST_CHECK;
bool pq_match_has_label(const pq_match *m, uint32_t node, uint32_t label);
/* All tests of the group on the variable. */
bool pq_match_passes(const pq_match *m, const pq_group *g, uint32_t var, uint32_t node);
/* NULL: not read yet. */
const pq_node_slot *pq_match_node_slot(const pq_match *m, uint32_t node);
pq_value pq_match_edge_value(const pq_match *m, uint32_t edge, bool *is_known);
/* PQ_MATCH_ASKED unless the documents of these variables of all rows are there. */
int pq_match_documents(pq_match *m, const pq_match_part *part, const pq_rows *rows,
                       uint64_t vars) PQ_MUST_CHECK;
int pq_match_ask_nodes(pq_match *m, const uint32_t *nodes, uint32_t count) PQ_MUST_CHECK;
int pq_match_ask_edges(pq_match *m, const uint32_t *edges, uint32_t count) PQ_MUST_CHECK;
/* The nodes of a path of a row, and its edges; in scratch. False: it is null. */
int pq_match_path_of(pq_match *m, const pq_match_part *part, const uint32_t *cells,
                     const pq_match_path *p, uint32_t **nodes, uint32_t **edges,
                     uint32_t *edge_count, bool *is_there) PQ_MUST_CHECK;

/* ---- plan.c, plan_find.c, plan_order.c, plan_sample.c, plan_text.c ---- */
/* What of variables and documents is looked at: once, when the query is read. */
int pq_match_look(pq_match *m) PQ_MUST_CHECK;
int pq_match_plan(pq_match *m) PQ_MUST_CHECK;
/* The term that says which nodes `var` is: id(a) = …, a.`$id` IN …, where the other side is known
 * by the bound variables. NULL: there is none. */
pq_term *pq_match_ids_of(const pq_match_part *part, const pq_group *g, uint64_t bound,
                         uint32_t var);
/* Has the group conditions on the variable that a filter of the store can answer? The filter:
 * {"$and": [{name: {op: value}} …]}; missing: none. */
bool pq_match_is_pushed(const pq_group *g, uint32_t var);
int pq_match_filter_of(pq_match *m, const pq_group *g, uint32_t var, pq_value *out) PQ_MUST_CHECK;
/* The labels of a variable, for a question. */
int pq_match_labels_of(pq_match *m, pq_arena *arena, const pq_group *g, uint32_t var,
                       pq_match_ask *out) PQ_MUST_CHECK;
/* What ordering needs to know of the nodes of a group: estimates. */
typedef struct pq_node_guess {
  double count;   /* nodes with its labels */
  double matches; /* of these that match the filters on it alone */
  bool is_id;     /* it is found by its id */
  bool is_pushed; /* some filter is the store's to answer */
  bool reads;     /* its filters look at documents */
} pq_node_guess;
int pq_match_sample(pq_match *m, const pq_match_part *part, pq_group *g,
                    pq_node_guess *guesses) PQ_MUST_CHECK;
/* The order in which variables `todo` are best bound; *rows: estimates of rows after each. */
int pq_match_order_of(pq_match *m, const pq_group *g, const pq_node_guess *guesses, uint64_t bound,
                      uint64_t todo, uint64_t edges, uint32_t *order, double *rows) PQ_MUST_CHECK;

/* ---- run.c, run_bind.c, run_long.c, run_tree.c, projecting.c ---- */
int pq_oper_new(pq_match *m, pq_oper_kind kind, pq_match_part *part, pq_oper *input,
                pq_oper **out) PQ_MUST_CHECK;
/* The next rows in o->out; none: it has ended. PQ_YIELD, PQ_MATCH_ASKED: call it again. */
int pq_oper_next(pq_match *m, pq_oper *o) PQ_MUST_CHECK;
/* Begin anew, with new rows from its argument. */
void pq_oper_reset(pq_oper *o);
/* Go to the next input row: *has_row. */
int pq_oper_row(pq_match *m, pq_oper *o, bool *has_row) PQ_MUST_CHECK;
/* A copy of the input row at the end of o->out, to be completed. */
uint32_t *pq_oper_put(pq_oper *o);
bool pq_oper_is_full(const pq_oper *o);
/* PQ_YIELD once in a while; never twice without work in between, however little may be done at
 * once. */
static inline PQ_MUST_CHECK int pq_match_spend(pq_match *m, uint64_t work) {
  m->work_left -= (int64_t)work;
  if (m->work_left >= 0 || m->has_yielded) {
    m->has_yielded = false;
    return PQ_OK;
  }
  m->work_left = m->work_at_once;
  m->has_yielded = true;
  return PQ_YIELD;
}
int pq_run_bind(pq_match *m, pq_oper *o) PQ_MUST_CHECK;
int pq_run_check(pq_match *m, pq_oper *o) PQ_MUST_CHECK;
int pq_run_long(pq_match *m, pq_oper *o) PQ_MUST_CHECK;
int pq_run_weight(pq_match *m, pq_oper *o) PQ_MUST_CHECK;
int pq_run_project(pq_match *m, pq_oper *o) PQ_MUST_CHECK;
int pq_projecting_new(pq_match *m, pq_oper *o) PQ_MUST_CHECK;
void pq_projecting_free_all(pq_match *m);
/* Is the edge one of the row's others that it must differ from? */
bool pq_match_is_rival(const pq_match *m, const uint32_t *cells,
                       const pq_pattern_edge *const *rivals, uint32_t count, uint32_t edge);
pq_value pq_match_value(const pq_match *m, uint32_t cell);
int pq_match_overflow(pq_match *m) PQ_MUST_CHECK;
PQ_MUST_CHECK static inline int pq_match_times(pq_match *m, uint64_t a, uint64_t b, uint64_t *out) {
  *out = a * b;
  return a == 0 || *out / a == b ? PQ_OK : pq_match_overflow(m);
}

#endif
