/* parquet/schema_int.h - the schema list of a footer to its leaves. Private to the footer. */
#ifndef PQ_PARQUET_SCHEMA_INT_H
#define PQ_PARQUET_SCHEMA_INT_H

#include "parquet/format.h"
#include "parquet/place_int.h"
#include "parquet/thrift_read.h"

/* Read field 2 of FileMetaData into out->nodes and out->leaves. Names borrow from the Thrift
 * bytes, dotted paths live in `arena`. What breaks Thrift is left in t->error. */
int pq_schema_read(pq_thrift *t, const pq_thrift_field *f, pq_arena *arena, const pq_place *at,
                   pq_footer *out) PQ_MUST_CHECK;

#endif
