/* server/mongo_catalog.h - what a command asks of a collection before it changes it.
 *
 *   {"indexes": COLL} ─► is it there, its options, its indexes ─► decided by MongoDB's rules
 *                     ─► ours: create, createIndexes, alter … ─► the answer
 */
#ifndef PQ_SERVER_MONGO_CATALOG_H
#define PQ_SERVER_MONGO_CATALOG_H

#include "server/mongo_commands.h"

enum { PQ_MONGO_INDEXES_MAX = 64 };

/* In the task's arena. */
typedef struct pq_mongo_catalog {
  bool is_asked; /* the answer about the collection is there, and a command of ours follows */
  bool is_there;
  char uuid[33];
  pq_value options;                       /* missing: none */
  pq_value indexes[PQ_MONGO_INDEXES_MAX]; /* without that of _id */
  uint32_t index_count;
  pq_value fresh[PQ_MONGO_INDEXES_MAX]; /* those that createIndexes is to make */
  uint32_t fresh_count;
  uint64_t before, after; /* of our command's summary */
} pq_mongo_catalog;

/* Ask about t->collection; t->state becomes the catalog. */
int pq_catalog_ask(pq_task *t) PQ_MUST_CHECK;
/* The same once more, with the catalog that there is. */
int pq_catalog_ask_again(pq_task *t) PQ_MUST_CHECK;
/* An index, while it is asked. */
int pq_catalog_item(pq_task *t, pq_value item);
/* The summary of that. */
int pq_catalog_take(pq_task *t, pq_value summary) PQ_MUST_CHECK;
static inline pq_mongo_catalog *pq_catalog_of(const pq_task *t) {
  return t->state;
}

/* Fields of an object in their order, in the task's arena; NULL with *count 0: none. PQ_ENOMEM. */
int pq_task_fields(pq_task *t, pq_value v, pq_field **out, uint32_t *count) PQ_MUST_CHECK;
/* {v: 2, key: …, name: …, unique: …} of an index of ours; that of _id. */
int pq_catalog_put_index(pq_task *t, pq_bson_out *o, pq_value spec) PQ_MUST_CHECK;
void pq_catalog_put_id_index(pq_bson_out *o);

/* ---- mongo_view.c ---- */
/* Are these the options of a view? */
bool pq_mongo_is_view(pq_value options);
/* The answer is that t->collection is a view: PQ_EVIEW. */
int pq_mongo_refuse_view(pq_task *t) PQ_MUST_CHECK;
/* The same, if it is one, as far as its namespace is loaded; else PQ_OK. */
int pq_mongo_check_view(pq_task *t) PQ_MUST_CHECK;
/* What `create` says of a view; nothing: PQ_OK. Else the task is done. */
int pq_mongo_check_new_view(pq_task *t) PQ_MUST_CHECK;
/* `viewOn`, `pipeline`, `collation` as options of ours, in the task's arena. */
int pq_mongo_view_options(pq_task *t, pq_value *out) PQ_MUST_CHECK;
/* May a collMod of what has these options say what it says? Else the task is done. */
int pq_mongo_check_view_mod(pq_task *t, pq_value options) PQ_MUST_CHECK;
/* Options of ours as theirs: the next value of the builder. */
int pq_mongo_put_options(pq_task *t, pq_value options) PQ_MUST_CHECK;

#endif
