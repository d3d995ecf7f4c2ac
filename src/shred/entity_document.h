/* shred/entity_document.h - documents of entity files without $data, from the columns of fields.
 *
 *   $id … deleted │ $_id   title   $f_name   at.x  at.y   tags…  │ $index_a.b
 *     the system's│ _id    title   name      at           tags   │ left out: at.x says it
 *                 └──────► {_id, title, name, at: {x, y}, tags} ◄┘
 *
 * The file tells all of it: which columns are fields, their names and types (entity_fields.h). Read
 * like records of any Parquet file (record_document.h), except that an INT64 of 32 bits is an int.
 */
#ifndef PQ_SHRED_ENTITY_DOCUMENT_H
#define PQ_SHRED_ENTITY_DOCUMENT_H

#include "shred/entity.h"
#include "shred/record_document.h"

/* Is the leaf part of the document? `footer` is that of a file without $data. */
bool pq_entity_is_document_leaf(const pq_footer *footer, uint32_t leaf);

/* Append the document at the record's position, and move past it; leaves of the document are read,
 * others need not be. `d` is narrow. PQ_ECORRUPT, PQ_EINVALID, PQ_ENOMEM. */
int pq_entity_put_document(pq_documents *d, pq_record *r, const pq_tree *root,
                           pq_builder *b) PQ_MUST_CHECK;

/* Make the documents of rows; columns[leaf] is decoded for every leaf of the document, NULL for
 * others, and all have row_count rows. Values live in `arena`. PQ_ECORRUPT, PQ_ENOMEM. */
int pq_entity_documents(pq_arena *arena, const pq_file *file, const pq_column **columns,
                        pq_entity *rows, uint32_t row_count) PQ_MUST_CHECK;

#endif
