/* query/blocking.h - stages that must see all documents before they give any out.
 *
 *      add(doc) add(doc) …  ──►  [ memory │ temporary files ]  ──►  end, then next next next …
 *
 * $sort, $group, $bucket, $bucketAuto, $sortByCount, $setWindowFields, $densify and $fill are such
 * stages. One is made from what was parsed; each call may have to wait for a temporary file
 * (query/spill.h): then it returns PQ_NEED_IO, has changed nothing that the caller can see, and is
 * called again with the same arguments. Documents given to add() are copied where they are kept.
 * After PQ_OK nothing borrows from the fetch set: it may be cleared then.
 *
 * Memory: a stage holds at most `memory_max` bytes of documents; beyond that it spills, and where
 * one group or one partition alone is larger, PQ_ELIMIT.
 */
#ifndef PQ_QUERY_BLOCKING_H
#define PQ_QUERY_BLOCKING_H

#include "expr/expression.h"
#include "expr/project.h"
#include "query/spill.h"

typedef struct pq_blocking pq_blocking;
struct pq_blocking {
  /* Take a document. PQ_OK, PQ_NEED_IO (call again with the same), a failure. */
  int (*add)(pq_blocking *s, pq_fetch *f, pq_eval *eval, pq_value doc);
  /* All documents were added. PQ_OK, PQ_NEED_IO, a failure. */
  int (*end)(pq_blocking *s, pq_fetch *f, pq_eval *eval);
  /* The next result, in eval->arena or borrowed until the next call; missing behind the last. */
  int (*next)(pq_blocking *s, pq_fetch *f, pq_eval *eval, pq_value *out);
  /* Free everything; temporary files that are left are the spill's (pq_spill_release). */
  void (*free)(pq_blocking *s);
};

/* What making one needs. All borrowed until it is freed. */
typedef struct pq_blocking_cx {
  pq_cx *cx;
  pq_spill *spill;     /* NULL: nothing may be spilled, beyond memory_max is PQ_ELIMIT */
  uint64_t memory_max; /* bytes; 0: the default (limits.sort_len_max) */
} pq_blocking_cx;

/* Parsers: everything lives in `arena`. PQ_EINVALID, PQ_EUNSUPPORTED, PQ_ELIMIT. */
typedef struct pq_group_spec pq_group_spec;
/* `stage` is "$group", "$bucket", "$sortByCount" (the results come in the order of their count). */
int pq_group_parse(pq_arena *arena, const pq_env *env, const char *stage, pq_value spec,
                   pq_group_spec **out) PQ_MUST_CHECK;
typedef struct pq_auto_spec pq_auto_spec;
int pq_bucket_auto_parse(pq_arena *arena, const pq_env *env, pq_value spec,
                         pq_auto_spec **out) PQ_MUST_CHECK;
typedef struct pq_window_spec pq_window_spec;
int pq_set_window_parse(pq_arena *arena, const pq_env *env, pq_value spec,
                        pq_window_spec **out) PQ_MUST_CHECK;
typedef struct pq_densify_spec pq_densify_spec;
int pq_densify_parse(pq_arena *arena, const pq_env *env, pq_value spec,
                     pq_densify_spec **out) PQ_MUST_CHECK;
typedef struct pq_fill_spec pq_fill_spec;
int pq_fill_parse(pq_arena *arena, const pq_env *env, pq_value spec,
                  pq_fill_spec **out) PQ_MUST_CHECK;

/* The stages. `limit` 0: all; else only the first `limit` results of a sort are wanted. Sorts are
 * stable; equal documents stay in the order of their coming, spilled or not. Groups come in the
 * order of their keys (_id), spilled or not. */
int pq_sort_new(const pq_blocking_cx *x, const pq_sort *sort, uint64_t limit,
                pq_blocking **out) PQ_MUST_CHECK;
int pq_group_new(const pq_blocking_cx *x, const pq_group_spec *spec,
                 pq_blocking **out) PQ_MUST_CHECK;
int pq_bucket_auto_new(const pq_blocking_cx *x, const pq_auto_spec *spec,
                       pq_blocking **out) PQ_MUST_CHECK;
int pq_set_window_new(const pq_blocking_cx *x, const pq_window_spec *spec,
                      pq_blocking **out) PQ_MUST_CHECK;
int pq_densify_new(const pq_blocking_cx *x, const pq_densify_spec *spec,
                   pq_blocking **out) PQ_MUST_CHECK;
int pq_fill_new(const pq_blocking_cx *x, const pq_fill_spec *spec, pq_blocking **out) PQ_MUST_CHECK;

#endif
