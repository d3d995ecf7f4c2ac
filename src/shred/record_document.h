/* shred/record_document.h - records of any Parquet schema as documents.
 *
 *   STRUCT {a: 1, b: null}         {"a": 1}                 nulls are left out of objects …
 *   LIST   [1, null]               [1, null]                … and stand in arrays
 *   MAP    {"k": 1}, {2: "x"}      {"k": 1}                 an object where the keys are texts and
 *                                  [{"key": 2, "value": "x"}]               all different
 *   MAP without values             ["k"]
 *   VARIANT                        its value
 *
 *   LEAF:  texts, integers, doubles, booleans as they are; UINT64 beyond int64 and DECIMAL as
 *          decimals; DATE, TIMESTAMP (local ones as UTC, nanoseconds cut), INT96 as dates; TIME as
 *          text HH:MM:SS.f; JSON parsed; UUID; FLOAT16 as double; INTERVAL as
 *          {"months", "days", "milliseconds"}; all other bytes as binary.
 *
 * What each leaf becomes is decided once (pq_documents_init); then each value of a record is
 * appended to a builder. Depth is that of the tree, which pq_tree_of has limited.
 */
#ifndef PQ_SHRED_RECORD_DOCUMENT_H
#define PQ_SHRED_RECORD_DOCUMENT_H

#include "shred/variant_join.h"
#include "value/builder.h"

/* How the values of a leaf become values of documents. */
typedef enum pq_leaf_as {
  PQ_AS_TEXT,
  PQ_AS_BINARY,
  PQ_AS_JSON,
  PQ_AS_BOOL,
  PQ_AS_INT32,
  PQ_AS_INT64,
  PQ_AS_UINT32,
  PQ_AS_UINT64,
  PQ_AS_FLOAT,
  PQ_AS_DOUBLE,
  PQ_AS_FLOAT16,
  PQ_AS_DATE,
  PQ_AS_TIME,
  PQ_AS_TIMESTAMP,
  PQ_AS_INT96,
  PQ_AS_DECIMAL,
  PQ_AS_UUID,
  PQ_AS_INTERVAL,
  PQ_AS_REFUSED /* of no known unit, or of a scale that no decimal has */
} pq_leaf_as;

typedef struct pq_documents {
  pq_cx *cx;               /* borrowed */
  pq_arena *arena;         /* borrowed */
  const char *name;        /* borrowed: of the file, for messages */
  const pq_footer *footer; /* borrowed */
  uint8_t *kinds;          /* a pq_leaf_as by leaf, in the arena */
  bool is_strict;          /* text in a JSON column that is no JSON: PQ_EINVALID, else it is text */
  bool is_narrow;          /* an INT64 that fits into 32 bits is an int */
  uint64_t row;            /* for messages: the caller counts from 1 */
  uint64_t misfits;        /* texts that were no JSON */
  pq_builder *scratch;     /* owned */
  pq_join **joins;         /* by first leaf of a VARIANT; NULL until its first value. Owned */
  pq_arena joined;         /* the value made last */
  pq_table keys;           /* of the map being looked at */
} pq_documents;

/* PQ_ENOMEM. Release it after a failure too, before the arena. */
int pq_documents_init(pq_documents *d, pq_arena *arena, const char *name,
                      const pq_footer *footer) PQ_MUST_CHECK;
void pq_documents_release(pq_documents *d);

/* "int64", "timestamp", "list" … as pqdb_reader_describe names the type of a column. */
const char *pq_documents_type(const pq_documents *d, const pq_tree *s);
/* Can values of this tree be had? PQ_EUNSUPPORTED names the leaf that cannot. */
int pq_documents_check(const pq_documents *d, const pq_tree *s) PQ_MUST_CHECK;

/* Append the value of `s` at the record's position, null where there is none, and move past it.
 * PQ_ECORRUPT with column and row, PQ_EINVALID, PQ_ELIMIT, PQ_ENOMEM. */
int pq_documents_put(pq_documents *d, pq_record *r, const pq_tree *s, pq_builder *b) PQ_MUST_CHECK;

/* The value of a VARIANT that is not null, and move past it. It borrows from the record's columns,
 * or from `d` until its next call. PQ_ECORRUPT, PQ_ENOMEM. */
int pq_documents_variant(pq_documents *d, pq_record *r, const pq_tree *s,
                         pq_value *out) PQ_MUST_CHECK;

#endif
