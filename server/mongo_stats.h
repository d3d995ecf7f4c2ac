/* server/mongo_stats.h - figures of collections, as collStats, dbStats and the stage $collStats
 * show them.
 *
 *     PQ_TRY(pq_stats_open(t, collection));       t->ns; "": all of it
 *     … item, done: pq_stats_item, pq_stats_more until it says that it is done …
 *     t->stats->all[i]
 *
 * Rows and bytes are the engine's. How long documents are as BSON nobody keeps: the first 1,000 of
 * each collection are measured, and the sizes of the others said to be like theirs.
 */
#ifndef PQ_SERVER_MONGO_STATS_H
#define PQ_SERVER_MONGO_STATS_H

#include "server/mongo_catalog.h"

typedef struct pq_figures {
  char name[PQ_MONGO_NAME_CAP]; /* ours */
  int64_t rows, file_bytes;
  int64_t sampled, sampled_bytes;
  uint32_t index_count; /* beside that of _id */
} pq_figures;

typedef struct pq_stats {
  char only[PQ_MONGO_NAME_CAP]; /* empty: all */
  pq_figures *all;
  uint32_t count, at;
  enum { PQ_STATS_COUNTS, PQ_STATS_SAMPLES, PQ_STATS_RECORDS } phase;
  int64_t scale;
  /* Of `only`: the indexes as they were recorded. */
  pq_value indexes[PQ_MONGO_INDEXES_MAX];
} pq_stats;

/* Begin; the answer is in t->state. */
int pq_stats_open(pq_task *t, const char *collection) PQ_MUST_CHECK;
int pq_stats_item(pq_task *t, pq_value item) PQ_MUST_CHECK;
/* A summary is there: submits what is next, or all is known. */
int pq_stats_more(pq_task *t, bool *is_done) PQ_MUST_CHECK;
/* What the documents come to. */
int64_t pq_figures_size(const pq_figures *f);
/* size, count, avgObjSize, storageSize … as fields of the object that is open, of the collection
 * `only`, if there is one. An index has no bytes of its own: it is columns and filters of the same
 * files. */
int pq_stats_put(pq_task *t, pq_bson_out *o, int64_t scale) PQ_MUST_CHECK;

#endif
