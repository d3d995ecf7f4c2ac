/* query/flow_int.h - what the files of pipelines share: stages as parsed, operators, helpers.
 *
 *   pq_stage_kinds (aggregate_parse.c)   a row per stage:  name │ parse ─► data │ open ─► operator
 */
#ifndef PQ_QUERY_FLOW_INT_H
#define PQ_QUERY_FLOW_INT_H

#include "base/text.h"
#include "expr/shape.h"
#include "query/blocking.h"
#include "query/flow.h"

#define PQ_SHOW(s) \
  (int)((s).n > 40 ? pq_utf8_prefix(s, 40) : (s).n), (s).n == 0 ? "" : (const char *)(s).p

/* ---- parsed ---- */

typedef struct pq_pipe_stage pq_pipe_stage;
typedef struct pq_pipe_parser pq_pipe_parser;

enum {
  PQ_STAGE_EACH = 1,    /* gives one document for one, in order */
  PQ_STAGE_FIRST = 2,   /* only as the first stage */
  PQ_STAGE_LAST = 4,    /* only as the last stage, of the outermost pipeline */
  PQ_STAGE_NO_FACET = 8 /* not in $facet */
};

typedef struct pq_stage_kind {
  const char *name;
  unsigned flags;
  int (*parse)(pq_pipe_parser *s, pq_pipe_stage *g, pq_value spec);
  /* NULL: the stage does nothing itself. `input` is taken, on failure too. */
  int (*open)(pq_flow *f, const pq_pipe_stage *g, pq_operator *input, pq_operator **out);
} pq_stage_kind;

extern const pq_stage_kind pq_stage_kinds[];

struct pq_pipe_stage {
  const pq_stage_kind *kind;
  pq_value spec;   /* as written, in the arena */
  void *data;      /* of its file */
  uint64_t number; /* $skip, $limit, $sample; of a $sort: how many can matter,
                      0: all; of a $match: 1: not for a scan */
};

struct pq_pipeline {
  pq_pipe_stage *stages;
  uint32_t count;
  uint32_t first; /* 1: a leading $match was taken */
  pq_pipe_write write;
  unsigned directions; /* of edges that it follows, sub-pipelines included; of the outermost */
};

typedef enum pq_pipe_place { PQ_IN_COMMAND, PQ_IN_FACET, PQ_IN_LOOKUP, PQ_IN_UNION } pq_pipe_place;

struct pq_pipe_parser {
  pq_cx *cx;
  pq_arena *arena;
  const pq_env *env;
  pq_pipeline *pipeline;
  pq_pipe_place place;
  uint32_t depth;
  uint32_t *stage_count; /* over all sub-pipelines */
  unsigned *directions;  /* the same: of edges that are followed (pq_direction) */
};

/* "stage '$x' <what>" as PQ_EINVALID. */
int pq_stage_fail(pq_pipe_parser *s, const pq_pipe_stage *g, const char *what);
/* The same about an option: "stage '$x': option 'name' <what>". */
int pq_stage_fail_option(pq_pipe_parser *s, const pq_pipe_stage *g, pq_slice option,
                         const char *what);
/* An option that a stage does not have, with the nearest of `known`
 * (NULL-terminated). */
int pq_stage_fail_unknown(pq_pipe_parser *s, const pq_pipe_stage *g, pq_slice option,
                          const char *const *known);
/* The fields of an object, in the parser's arena. */
int pq_pipe_fields(pq_pipe_parser *s, pq_value v, pq_field **fields, uint32_t *count);
/* `g->data` of `size` zeroed bytes. */
int pq_stage_data(pq_pipe_parser *s, pq_pipe_stage *g, size_t size, void **out);
/* Text that names a collection. */
int pq_stage_collection(pq_pipe_parser *s, const pq_pipe_stage *g, pq_slice option, pq_value v,
                        pq_slice *out);
/* A path without "$". */
int pq_stage_path(pq_pipe_parser *s, const pq_pipe_stage *g, pq_slice option, pq_value v,
                  pq_path *out);
/* A pipeline inside of a stage. */
int pq_sub_pipeline(pq_pipe_parser *s, const pq_env *env, pq_pipe_place place, pq_value stages,
                    pq_pipeline **out);
/* `env` and the variables of `lets` ({"name": expression}), in the arena:
 * *first is the place of the first of them. Their expressions are parsed with
 * the old environment. */
int pq_stage_lets(pq_pipe_parser *s, const pq_pipe_stage *g, pq_value lets, pq_env **env,
                  pq_expression ***out, uint32_t *first);

/* aggregate_optimize.c: a better order of the stages, in a list of their own,
 * before they are parsed; some become one. */
typedef struct pq_raw_stage {
  const pq_stage_kind *kind;
  pq_value spec;
} pq_raw_stage;
int pq_pipeline_optimize(pq_arena *arena, pq_raw_stage **stages, uint32_t *count);
/* true, false or a number, as $project takes it; *is_on: not 0. */
bool pq_raw_is_flag(pq_value v, bool *is_on);
/* The whole number of $skip and $limit; false: it is none. */
bool pq_stage_number(pq_value v, uint64_t *out);

/* aggregate_needs.c: walks the raw values. Is there a text "$$name" or
 * "$$name.…" in it? */
bool pq_raw_uses_variable(pq_arena *arena, pq_value v, pq_slice name);
/* Does it hold $rand, $sampleRate or $sample? */
bool pq_raw_is_random(pq_arena *arena, pq_value v);

/* ---- operators ---- */

struct pq_operator {
  int (*next)(pq_operator *o, pq_flow *f, pq_doc_batch *out);
  /* Frees what it has beyond the struct, the arenas and the input; NULL:
   * nothing. */
  void (*release)(pq_operator *o, pq_flow *f);
  size_t size;
  pq_operator *input; /* owned; NULL: a source */
  const pq_pipe_stage *stage;
  pq_arena arena; /* the batch it gave out and what was made on the way */
  pq_arena keep;  /* what outlives a batch */
  pq_value *docs; /* the batch that grows, pq_alloc'ed */
  uint32_t doc_count, doc_cap;
  size_t doc_len;  /* bytes of them */
  pq_doc_batch in; /* the input's batch, and the place in it */
  uint64_t at;
  bool is_over;    /* the input has ended, or is wanted no more */
  bool is_staying; /* set by a row that is not through with its document */
  uint64_t seen;
  /* Of a source that was given a `fold`: the groups that it made, complete with the last batch;
   * `group_at` of them were taken. NULL: none. */
  const struct pq_grouping *groups;
  uint32_t group_at;
};

enum { PQ_BATCH_DOCS = 1024, PQ_BATCH_LEN = 1 << 20 };

/* A zeroed operator of `size` bytes that begins with a pq_operator. `input` is
 * taken, on failure too. */
int pq_operator_new(pq_flow *f, size_t size, pq_operator *input, pq_operator **out);
/* A new batch: forget the old one. */
void pq_doc_batch_clear(pq_operator *o);
/* Room for one more in a list of documents, memory of f->cx. `name` of the stage is for messages.
 */
int pq_docs_reserve(pq_flow *f, const char *name, pq_value **items, uint32_t count,
                    uint32_t *cap) PQ_MUST_CHECK;
/* Add a document, which is in the operator's arena or in its input batch. */
int pq_doc_batch_add(pq_operator *o, pq_flow *f, pq_value doc);
static inline bool pq_doc_batch_is_full(const pq_operator *o) {
  return o->doc_count >= PQ_BATCH_DOCS || o->doc_len >= PQ_BATCH_LEN;
}
static inline pq_doc_batch pq_doc_batch_of(const pq_operator *o) {
  return (pq_doc_batch){o->docs, o->doc_count};
}
/* Ask the input for its next batch when the last one is used up; o->is_over at
 * the end. */
int pq_input_more(pq_operator *o, pq_flow *f);
/* next() of a stage whose `row` adds what one document gives; o->is_over from
 * it ends the stage. */
int pq_rows_next(pq_operator *o, pq_flow *f, pq_doc_batch *out,
                 int (*row)(pq_operator *o, pq_flow *f, pq_value doc));
/* Has the step done its share? Asked where an operator keeps all that it has: then it returns
 * PQ_NEED_IO, or what there is of its batch. Never before something was done that stays done. */
static inline bool pq_flow_must_pause(const pq_flow *f) {
  return f->is_paced && pq_step_is_over(f->cx);
}
enum { PQ_WORK_DOC = 8 }; /* units of work that a document is, beside expressions */
/* A unit of work that may have used the fetch set is complete. */
static inline void pq_flow_fetched(pq_flow *f) {
  if (f->fetch != NULL && f->fetch->count > 0) pq_fetch_clear(f->fetch);
}
static inline uint64_t pq_flow_memory(const pq_flow *f) {
  return f->memory_max > 0 ? f->memory_max : f->cx->limits.sort_len_max;
}
static inline size_t pq_doc_len(pq_value v) {
  return (size_t)v.meta_len + v.len;
}

/* `doc` with `v` at a path of objects (missing: without it); what is in the way
 * and no object is replaced. In the arena of the evaluation. */
int pq_doc_put(pq_flow *f, const pq_path *path, pq_value doc, pq_value v, pq_value *out);
/* The value at a path of objects; arrays are not looked into. */
pq_value pq_doc_get(pq_value doc, const pq_path *path);

/* ---- flow.c, flow_scan.c ---- */

/* What the pipeline asks of a source over a collection; its names are in `arena`. */
void pq_flow_want(pq_pipeline *p, pq_slice collection, pq_arena *arena, pq_source_want *out);
/* The scan that a source of pq_view_open makes for it. `keep` and `groups` live as long. */
int pq_view_scan(const pq_view_store *store, const pq_flow *f, const pq_source_want *want,
                 pq_arena *keep, struct pq_grouping *groups, pq_scan *out) PQ_MUST_CHECK;

/* ---- flow_join.c ---- */

/* Documents of a collection by the values at a path, fetched when they are
 * asked for: $lookup and $graphLookup. */
typedef struct pq_hash_join pq_hash_join;
typedef struct pq_hash_join_spec {
  pq_slice collection;
  pq_path path;
  pq_pipeline *through; /* not NULL: what it makes of the collection is looked up in */
  pq_value also;        /* a further filter as written, or missing */
  bool is_distinct;     /* loaded again and again: a document that came before is
                           the same */
} pq_hash_join_spec;
/* `from` of $lookup and $graphLookup: a collection, or {collection, pipeline}. */
int pq_hash_join_from(pq_pipe_parser *s, const pq_pipe_stage *g, pq_value from,
                      pq_hash_join_spec *out);
/* Are documents fetched by their ids, for certain or perhaps? */
void pq_hash_join_kind(const pq_hash_join_spec *spec, const pq_flow *f, bool *is_by_id,
                       bool *is_by_key);
int pq_hash_join_new(pq_flow *f, const pq_hash_join_spec *spec, pq_hash_join **out);
/* Takes NULL. */
void pq_hash_join_free(pq_hash_join *j, pq_flow *f);
/* Forget all documents and values. */
void pq_hash_join_clear(pq_hash_join *j);
/* A value that will be looked up; copied unless it is known. */
int pq_hash_join_ask(pq_hash_join *j, pq_value v);
/* Fetch the documents of all values asked for. PQ_NEED_IO. *is_full: they are
 * more than the flow's memory allows; then clear. */
int pq_hash_join_load(pq_hash_join *j, pq_flow *f, bool *is_full);
/* The documents that have `v` at the path, as ascending numbers; count 0: none.
 */
const uint32_t *pq_hash_join_find(const pq_hash_join *j, pq_value v, uint32_t *count);
uint32_t pq_hash_join_count(const pq_hash_join *j);
uint64_t pq_hash_join_len(const pq_hash_join *j); /* bytes of documents and values */
pq_value pq_hash_join_doc(const pq_hash_join *j, uint32_t number);

/* Calls `take` for each value at a path, arrays on the way looked into. An
 * array at its end stands for its elements, and for itself too if `is_whole`.
 * Stops at what is not PQ_OK. */
typedef int (*pq_take_value)(void *ud, pq_value v);
int pq_values_at(pq_value doc, const pq_path *path, bool is_whole, pq_take_value take, void *ud);

/* ---- the stages ---- */
int pq_parse_match(pq_pipe_parser *s, pq_pipe_stage *g, pq_value spec);
int pq_open_match(pq_flow *f, const pq_pipe_stage *g, pq_operator *input, pq_operator **out);
int pq_parse_project(pq_pipe_parser *s, pq_pipe_stage *g, pq_value spec);
int pq_parse_add_fields(pq_pipe_parser *s, pq_pipe_stage *g, pq_value spec);
int pq_parse_unset(pq_pipe_parser *s, pq_pipe_stage *g, pq_value spec);
int pq_open_shape(pq_flow *f, const pq_pipe_stage *g, pq_operator *input, pq_operator **out);
int pq_parse_replace_root(pq_pipe_parser *s, pq_pipe_stage *g, pq_value spec);
int pq_parse_replace_with(pq_pipe_parser *s, pq_pipe_stage *g, pq_value spec);
int pq_open_replace(pq_flow *f, const pq_pipe_stage *g, pq_operator *input, pq_operator **out);
int pq_parse_redact(pq_pipe_parser *s, pq_pipe_stage *g, pq_value spec);
int pq_open_redact(pq_flow *f, const pq_pipe_stage *g, pq_operator *input, pq_operator **out);
int pq_parse_number(pq_pipe_parser *s, pq_pipe_stage *g, pq_value spec);
int pq_open_skip(pq_flow *f, const pq_pipe_stage *g, pq_operator *input, pq_operator **out);
int pq_open_limit(pq_flow *f, const pq_pipe_stage *g, pq_operator *input, pq_operator **out);
int pq_parse_count(pq_pipe_parser *s, pq_pipe_stage *g, pq_value spec);
int pq_open_count_stage(pq_flow *f, const pq_pipe_stage *g, pq_operator *input, pq_operator **out);
int pq_parse_sample(pq_pipe_parser *s, pq_pipe_stage *g, pq_value spec);
int pq_open_sample(pq_flow *f, const pq_pipe_stage *g, pq_operator *input, pq_operator **out);
int pq_parse_unwind(pq_pipe_parser *s, pq_pipe_stage *g, pq_value spec);
int pq_open_unwind(pq_flow *f, const pq_pipe_stage *g, pq_operator *input, pq_operator **out);
int pq_parse_documents(pq_pipe_parser *s, pq_pipe_stage *g, pq_value spec);
int pq_open_documents(pq_flow *f, const pq_pipe_stage *g, pq_operator *input, pq_operator **out);
int pq_parse_union(pq_pipe_parser *s, pq_pipe_stage *g, pq_value spec);
int pq_open_union(pq_flow *f, const pq_pipe_stage *g, pq_operator *input, pq_operator **out);
int pq_parse_lookup(pq_pipe_parser *s, pq_pipe_stage *g, pq_value spec);
int pq_open_lookup(pq_flow *f, const pq_pipe_stage *g, pq_operator *input, pq_operator **out);
int pq_parse_graph(pq_pipe_parser *s, pq_pipe_stage *g, pq_value spec);
int pq_open_graph(pq_flow *f, const pq_pipe_stage *g, pq_operator *input, pq_operator **out);
int pq_parse_facet(pq_pipe_parser *s, pq_pipe_stage *g, pq_value spec);
int pq_open_facet(pq_flow *f, const pq_pipe_stage *g, pq_operator *input, pq_operator **out);
int pq_parse_sort(pq_pipe_parser *s, pq_pipe_stage *g, pq_value spec);
int pq_parse_group(pq_pipe_parser *s, pq_pipe_stage *g, pq_value spec);
int pq_parse_bucket_auto(pq_pipe_parser *s, pq_pipe_stage *g, pq_value spec);
int pq_parse_set_window(pq_pipe_parser *s, pq_pipe_stage *g, pq_value spec);
int pq_parse_densify(pq_pipe_parser *s, pq_pipe_stage *g, pq_value spec);
int pq_parse_fill(pq_pipe_parser *s, pq_pipe_stage *g, pq_value spec);
/* What the stages read that look into other collections; *docs: what comes to them, of $unionWith
 * also what leaves it (query/flow_reads.h). */
struct pq_flow_reads;
struct pq_doc_range;
int pq_reads_lookup(struct pq_flow_reads *r, const pq_pipe_stage *g, struct pq_doc_range *docs);
int pq_reads_graph(struct pq_flow_reads *r, const pq_pipe_stage *g, struct pq_doc_range *docs);
int pq_reads_union(struct pq_flow_reads *r, const pq_pipe_stage *g, struct pq_doc_range *docs);
int pq_reads_facet(struct pq_flow_reads *r, const pq_pipe_stage *g, struct pq_doc_range *docs);
/* How columns can answer a $group or $sortByCount; NULL: they cannot, or it is another stage. */
const struct pq_group_fold *pq_stage_fold(const pq_pipe_stage *g);
int pq_open_blocking(pq_flow *f, const pq_pipe_stage *g, pq_operator *input, pq_operator **out);
int pq_parse_out(pq_pipe_parser *s, pq_pipe_stage *g, pq_value spec);
int pq_parse_merge(pq_pipe_parser *s, pq_pipe_stage *g, pq_value spec);

#endif
