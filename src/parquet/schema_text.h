/* parquet/schema_text.h - a schema as the message text of the format.
 *
 *   message schema {
 *     required int64 id = 1;
 *     optional group tags (LIST) {
 *       repeated group list {
 *         optional binary element (STRING);     // column 1, D 3 R 1
 */
#ifndef PQ_PARQUET_SCHEMA_TEXT_H
#define PQ_PARQUET_SCHEMA_TEXT_H

#include "base/buf.h"
#include "parquet/format.h"

/* Append it. `has_levels`: column numbers and levels as comments. Names that are no words stand in
 * quotes, as in JSON. */
int pq_schema_text_print(pq_buf *out, const pq_footer *footer, bool has_levels) PQ_MUST_CHECK;

/* "int64", "fixed_len_byte_array(16)": the physical type. */
int pq_phys_print(pq_buf *out, const pq_leaf *leaf) PQ_MUST_CHECK;
/* "TIMESTAMP(MICROS,true)", "LIST": what the annotation says; nothing where there is none. */
int pq_note_print(pq_buf *out, const pq_note *note) PQ_MUST_CHECK;

#endif
