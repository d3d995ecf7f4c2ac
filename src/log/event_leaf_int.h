/* log/event_leaf_int.h - the leaves of an event file, as its writer and its reader know them.
 */
#ifndef PQ_LOG_EVENT_LEAF_INT_H
#define PQ_LOG_EVENT_LEAF_INT_H

#include "log/log_int.h"
#include "parquet/format.h"

/* In schema order: pq_writer_add takes the columns so. A VARIANT has two leaves. */
typedef enum pq_event_leaf {
  LEAF_ID,
  LEAF_SEQ,
  LEAF_TS,
  LEAF_TARGET,
  LEAF_OP,
  LEAF_NS,
  LEAF_COLLECTION,
  LEAF_ENTITY_ID,
  LEAF_TYPE,
  LEAF_PREDICATE,
  LEAF_REVERSE,
  LEAF_TO_ID,
  LEAF_VERSION,
  LEAF_CREATED_AT,
  LEAF_CREATED_BY,
  LEAF_BEFORE_META,
  LEAF_BEFORE,
  LEAF_AFTER_META,
  LEAF_AFTER,
  LEAF_ACTOR,
  LEAF_NOTE_META, /* of the column `metadata` */
  LEAF_NOTE,
  LEAF_TXN,
  LEAF_PREV,
  LEAF_WHERE_FILE,
  LEAF_WHERE_ROW,
  LEAF_HASH,
  LEAF_COUNT
} pq_event_leaf;

typedef struct pq_event_leaf_info {
  const char *path;
  pq_phys phys;
  bool is_optional;
} pq_event_leaf_info;

extern const pq_event_leaf_info pq_event_leaves[LEAF_COUNT];

/* Collection and local part; of a collection event the id is the collection. */
static inline void pq_event_id_split(pq_slice id, pq_slice *collection, pq_slice *local) {
  if (!pq_id_split(id, collection, local)) *collection = id;
}

#endif
