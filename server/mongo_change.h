/* server/mongo_change.h - an event of ours as a change of MongoDB's change streams.
 *
 *   {seq, ts, op: "UPDATE", entityId, before, after, metadata, …}
 *      ▼
 *   {_id: {_data}, operationType: "update", clusterTime, wallTime, fullDocument, ns, documentKey,
 *    updateDescription: {updatedFields, removedFields, truncatedArrays}, fullDocumentBeforeChange}
 *
 * The event has the whole document before and after, so fullDocument is what this change left (a
 * MongoDB server looks it up later), and both images are there unless collMod switches them off.
 * updateDescription is the difference of the two: it says what to do to the one to get the other,
 * not which operators did it. A replacement is told from an update by the event's metadata
 * (src/cmd/write_apply.c), and so are a drop and a rename of a collection, whose documents' events
 * are not shown (src/cmd/drop_command.c, rename_command.c).
 */
#ifndef PQ_SERVER_MONGO_CHANGE_H
#define PQ_SERVER_MONGO_CHANGE_H

#include "server/mongo_token.h"

typedef enum pq_mongo_change_kind {
  PQ_MONGO_CHANGE_NONE = 0, /* not shown: edges, schemas */
  PQ_MONGO_CHANGE_INSERT,
  PQ_MONGO_CHANGE_UPDATE,
  PQ_MONGO_CHANGE_REPLACE,
  PQ_MONGO_CHANGE_DELETE,
  PQ_MONGO_CHANGE_DROP,
  PQ_MONGO_CHANGE_DROP_DATABASE,
  PQ_MONGO_CHANGE_RENAME,
  PQ_MONGO_CHANGE_CREATE, /* from here on only with showExpandedEvents */
  PQ_MONGO_CHANGE_CREATE_INDEXES,
  PQ_MONGO_CHANGE_DROP_INDEXES,
  PQ_MONGO_CHANGE_MODIFY,
  PQ_MONGO_CHANGE_INVALIDATE
} pq_mongo_change_kind;

/* What of an event was read; borrowed from it. */
typedef struct pq_mongo_change {
  pq_mongo_change_kind kind;
  pq_mongo_token token;
  pq_slice collection;    /* ours */
  pq_slice id;            /* of the entity */
  pq_value before, after; /* documents; of a collection its records (schema/collection_record.h) */
  pq_slice to;            /* of a rename: the collection's new name, ours */
  pq_slice dropped;       /* of a rename: the uuid of what was there; empty: nothing */
  pq_slice uuid;          /* of the collection, 32 hexadecimal digits; empty: none */
  bool drops_database;    /* with it the whole database is dropped */
} pq_mongo_change;

typedef struct pq_mongo_change_style {
  bool shows_document;               /* fullDocument of updates */
  bool shows_before;                 /* fullDocumentBeforeChange */
  bool shows_expanded;               /* showExpandedEvents */
  bool lacks_document, lacks_before; /* the collection's images are switched off: null */
} pq_mongo_change_style;

/* Read an event as `events` gives it. */
void pq_change_read(pq_value event, pq_mongo_change *out);
/* Make it a document, in `arena`. PQ_ENOMEM, PQ_ELIMIT. */
int pq_change_build(const pq_mongo_change *c, pq_mongo_change_style style, pq_builder *b,
                    pq_arena *arena, pq_value *out) PQ_MUST_CHECK;

/* updateDescription's fields, of the object that is open. */
int pq_change_describe(pq_builder *b, pq_arena *arena, pq_value before, pq_value after,
                       bool tells_ambiguous) PQ_MUST_CHECK;

#endif
