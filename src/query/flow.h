/* query/flow.h - pipelines as they run: operators that pull batches of documents.
 *
 *   command ─ next ─► $limit ─ next ─► $sort ──── next ──► $unwind ─ next ─► scan
 *       ▲ ◄─ a batch ──┘  ◄─ a batch ──┘ (takes all  ◄─────┘ (keeps the batch  │
 *       │                                 first)              it is in)        │
 *       └───────────────── PQ_NEED_IO goes all the way up ◄────────────────────┘
 *
 * An operator is the source of documents (a scan, $documents, a list) or a
 * stage above an input. next() gives PQ_OK and a batch, which is valid until
 * the next call of the same operator (an empty one is the end), or PQ_NEED_IO,
 * or a failure. A $limit that is full asks its input no more, so everything
 * before it stops, scans included.
 *
 * THE RESTART RULE holds per operator: one that returns PQ_NEED_IO is called
 * again with the same arguments and goes on where it was. It keeps what it has
 * (its input batch, its place in it, the output it has made) in its own memory,
 * which the step loop does not look at, and changes that only where a unit of
 * work is complete: after an input batch came, after a scan handled a row
 * group, after a blocking stage took a document.
 *
 * ONE FETCH SET serves all operators of a flow, that of the operation. It can,
 * because only one operator waits at a time: a call goes down to the one that
 * is waiting before any other asks for anything. Each unit of work that used
 * the set clears it at its end (pq_flow_fetched), so that a long call does not
 * pile up bytes. Hence nobody keeps slices of it: sources copy the documents
 * they give out, query/spill.h copies its blocks.
 *
 * MEMORY: each operator has an arena for its batch (about a thousand documents
 * or a megabyte, or what a row group holds) and one for what it keeps.
 * Operators that keep documents bound them by `memory_max`: then they spill, or
 * fail with PQ_ELIMIT.
 *
 * Sub-pipelines ($lookup, $facet, $unionWith, …) are flows over the same store,
 * which is one view of the database: all of them see the same instant.
 */
#ifndef PQ_QUERY_FLOW_H
#define PQ_QUERY_FLOW_H

#include "io/op.h"
#include "query/aggregate.h"
#include "query/scan.h"
#include "query/spill.h"
#include "shred/entity_merge.h"

typedef struct pq_flow pq_flow;
typedef struct pq_operator pq_operator;

/* Documents; `docs` NULL: `count` of them that nobody needs to see (a scan that
 * only counts). */
typedef struct pq_doc_batch {
  const pq_value *docs;
  uint64_t count; /* 0: the end */
} pq_doc_batch;

/* What an operator over a collection is to give. Borrowed until it is freed. */
typedef struct pq_source_want {
  pq_slice collection;
  const pq_filter *filter; /* NULL: all */
  uint64_t limit;          /* more than so many are never asked for; 0: unknown */
  bool is_count;           /* numbers do: batches without documents */
  const pq_slice *ids;     /* sorted, distinct: only these entities; NULL: all */
  uint32_t id_count;
  bool is_by_key; /* the ids are those of the values of `_id` that the filter asks for: others may
                     match too where an `_id` did not give the id (shred/key_id.h) */
  /* The top-level fields that anybody will look at: documents may lack all others, system fields
   * too. NULL: all of them. */
  const pq_slice *needs;
  uint32_t need_count;
  /* What comes next is a $group that columns can answer: the source may make groups of some of the
   * documents (pq_operator.groups) instead of giving them out. NULL: it is not. */
  const struct pq_group_fold *fold;
} pq_source_want;

/* Where the documents of collections are. */
typedef struct pq_store {
  void *ud; /* borrowed */
  int (*open)(void *ud, pq_flow *f, const pq_source_want *want, pq_operator **out);
} pq_store;

struct pq_flow {
  pq_cx *cx;                    /* all borrowed */
  pq_fetch *fetch;              /* NULL: nothing has to wait */
  pq_eval eval;                 /* arena is set by each operator; the caller seeds now_us and
                                   random */
  const pq_store *store;        /* NULL: there are no collections */
  pq_spill *spill;              /* NULL: nothing may be spilled */
  const struct pq_graph *graph; /* of the view; NULL: no stage follows edges */
  uint64_t memory_max;          /* of documents that one operator keeps; 0:
                                   PQ_FLOW_MEMORY_MAX */
  bool is_paced; /* an operator whose step is over (pq_step_is_over) returns PQ_NEED_IO without a
                    request, so that others have a turn; its caller can wait */
};

/* The operators of a pipeline above `input`, which is taken, on failure too. */
int pq_flow_open(pq_flow *f, const pq_pipeline *p, pq_operator *input,
                 pq_operator **out) PQ_MUST_CHECK;

/* The same with the source: $documents, or `collection` by way of the store. */
int pq_flow_open_on(pq_flow *f, pq_pipeline *p, pq_slice collection,
                    pq_operator **out) PQ_MUST_CHECK;

/* The next batch. */
int pq_operator_next(pq_operator *o, pq_flow *f, pq_doc_batch *out) PQ_MUST_CHECK;
/* Free it and its inputs. Takes NULL. */
void pq_operator_free(pq_operator *o, pq_flow *f);

/* The documents of an array, or of a list (borrowed until it is freed), as a
 * source. */
int pq_list_source(pq_flow *f, const pq_value *docs, uint64_t count,
                   pq_operator **out) PQ_MUST_CHECK;
int pq_array_source(pq_flow *f, pq_value array, pq_operator **out) PQ_MUST_CHECK;

/* ---- flow_scan.c: a store on a view of the database ---- */

typedef struct pq_view_store {
  const pq_view *view; /* borrowed */
  bool includes_deleted;
  bool is_plain;  /* documents as they were written: filters see no system fields either */
  bool shows_key; /* besides: each has an `_id` (query/shown.h) */
  /* System fields that documents get in front: bits in the order of
   * pq_entity_system(); 0: all. A pipeline that writes takes only $id and those
   * it speaks of. */
  unsigned system;
  pq_merger *merger;        /* borrowed; uses the builder of the flow. NULL: slower */
  pq_scan_windows *windows; /* borrowed: of its scans; NULL: they are not sliced */
  pq_scan_stats stats;      /* of the scan that the pipeline begins with */
  pq_scan_stats foreign;    /* the sum over all others */
  bool has_main;
} pq_view_store;

/* A pq_store.open; ud is a pq_view_store. */
int pq_view_open(void *ud, pq_flow *f, const pq_source_want *want, pq_operator **out);

#endif
