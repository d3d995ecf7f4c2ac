/* shred/entity_fields.h - the columns of an entity file behind the system's.
 *
 *   with $data      $id … deleted  $data   title  likes  $index_a.b   tags (LIST)
 *   columns only    $id … deleted  $_id    title  tags (LIST)  at (group)  likes   $index_a.b
 *                                          └── every field, in the order of the schema ──┘
 *
 * A file goes without $data where the schema says so and every document in it is normal
 * (schema_normal.c): then the columns give back each document as it is, and reading needs no
 * schema. One document that is not, and the file keeps $data: nothing is ever lost, and what the
 * overlay answers files answer too. Beside $data only lists of scalars have nested columns, for
 * programs that count and join; objects, vectors and json would store the document twice.
 */
#ifndef PQ_SHRED_ENTITY_FIELDS_H
#define PQ_SHRED_ENTITY_FIELDS_H

#include "shred/entity.h"
#include "shred/field_tree.h"

/* A column: flat, of the table's set, or a tree. */
typedef struct pq_entity_slot {
  bool is_tree;
  uint32_t idx;
} pq_entity_slot;

typedef struct pq_entity_fields {
  bool has_data;
  pq_field_tree **trees; /* without $data the first is $_id */
  uint32_t tree_count;
  pq_entity_slot *slots; /* in the order of the file */
  uint32_t slot_count;
  uint32_t tree_leaves, tree_nodes; /* of all trees */
  pq_entity_storage storage;
} pq_entity_fields;

/* The key of files without $data, and its value. */
#define PQ_ENTITY_DOCUMENT_KEY "parquedb.document"
#define PQ_ENTITY_DOCUMENT_COLUMNS "columns"

/* Do the columns of a schema without $data tell the document? */
int pq_entity_is_normal(pq_arena *scratch, const pq_schema *schema, const pq_entity *e,
                        bool *out) PQ_MUST_CHECK;

/* Which columns a file of these entities has; in `arena`. With `keeps_data` it has $data. */
int pq_entity_fields_choose(pq_arena *arena, const pq_entity_table *table,
                            const pq_entity *entities, uint32_t count, bool keeps_data,
                            pq_entity_fields *out) PQ_MUST_CHECK;

/* The entries of all trees for one row group. Zeroed is valid for release; `arena` holds bytes. */
typedef struct pq_entity_leaf_set {
  pq_leaf_column *columns; /* tree_leaves of them, tree by tree */
  uint32_t count;
} pq_entity_leaf_set;

/* Begin, then add the rows in order. */
int pq_entity_leaf_set_begin(pq_entity_leaf_set *s, const pq_entity_fields *fields,
                             pq_cx *cx) PQ_MUST_CHECK;
int pq_entity_leaf_set_add(pq_entity_leaf_set *s, const pq_entity_fields *fields, pq_arena *arena,
                           const pq_entity *rows, uint32_t count) PQ_MUST_CHECK;
void pq_entity_leaf_set_release(pq_entity_leaf_set *s, pq_cx *cx);

#endif
