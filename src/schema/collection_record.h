/* schema/collection_record.h - what is recorded of a collection beside its fields.
 *
 *   {"title": "string!", "$ids": …, "$collection": {"uuid": "6f…",
 *                                   "options": {"validator": {…}, "validationLevel": "strict"},
 *                                   "indexes": [{"name": "email_1", "key": {"email": 1},
 *                                                "unique": true}, …]}}
 *
 * The directive "$collection" of the schema's document, so that it has all that a schema has: a
 * version for each change, in the event log, as of any instant, in log entries and backups. A
 * collection with it is there even when it is empty. Commands write it (create, createIndexes …),
 * nobody sets it with a schema. (doc/decisions/0049)
 */
#ifndef PQ_SCHEMA_COLLECTION_RECORD_H
#define PQ_SCHEMA_COLLECTION_RECORD_H

#include "schema/schema.h"
#include "schema/unique_key.h"

#define PQ_COLLECTION_DIRECTIVE "$collection"

enum { PQ_INDEXES_MAX = 63 /* and that of _id: 64, as MongoDB has it */ };

typedef enum pq_validation_level {
  PQ_LEVEL_STRICT,   /* all documents that are written */
  PQ_LEVEL_MODERATE, /* not those that did not match before */
  PQ_LEVEL_OFF
} pq_validation_level;

typedef struct pq_index_record {
  pq_unique_key key; /* its name, paths and pattern, whether it is unique or not */
  pq_value spec;     /* as given: {name, key, unique …} */
  bool is_unique;
  bool has_expiry;
  double expire_after; /* seconds after the date in the field */
} pq_index_record;

typedef struct pq_collection_record {
  bool is_there;
  pq_slice uuid;    /* 32 hex digits */
  pq_value options; /* an object, or missing */
  pq_index_record *indexes;
  uint32_t index_count;
  pq_filter *validator; /* NULL: none */
  pq_validation_level level;
  bool only_warns; /* validationAction: "warn" */
  /* Of a view: which collection it shows, and how. */
  pq_slice view_on;                       /* empty: it is none */
  pq_value view_pipeline, view_collation; /* missing: none */
} pq_collection_record;

/* The record in a schema's document (missing: none), in `arena`; values are borrowed from the
 * document. PQ_EINVALID for what no command has written. */
int pq_collection_record_of(pq_arena *arena, pq_value document,
                            pq_collection_record *out) PQ_MUST_CHECK;

/* One index from its spec. PQ_EINVALID, PQ_EUNSUPPORTED. */
int pq_index_record_parse(pq_arena *arena, pq_value spec, pq_index_record *out) PQ_MUST_CHECK;
/* The options alone: validator, level, action, or those of a view into *out. Of a pipeline only
 * that it is a list. PQ_EINVALID, PQ_EUNSUPPORTED. */
int pq_collection_options_parse(pq_arena *arena, pq_value options,
                                pq_collection_record *out) PQ_MUST_CHECK;

/* Does a document say anything about fields or the whole, beside the record? */
bool pq_schema_says_something(pq_value document);

/* Is `path` a field of an index of the schema? Columns of such fields have filters, and are made
 * of values that are rare or long, too. */
bool pq_schema_has_index_on(const pq_schema *s, pq_slice path);
/* All these paths, in `arena`. */
int pq_schema_index_paths(pq_arena *arena, const pq_schema *s, pq_slice **out,
                          uint32_t *count) PQ_MUST_CHECK;

#endif
