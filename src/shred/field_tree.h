/* shred/field_tree.h - the columns of a schema's field, of any type: their Parquet schema, and
 * documents taken apart into them.
 *
 *   "tags": "string[]"          tags (LIST) / list (REPEATED) / element        STRING
 *   "v": "vector(3)"            v (LIST) / list (REPEATED) / element REQUIRED  FLOAT
 *   "at": {"x": "int", …}       at (group) / x                                 INT64 …
 *   "price": "decimal(10,2)"    price                                          INT64, DECIMAL(10,2)
 *   "any": "json"               any (VARIANT) / metadata, value
 *
 *   field ─pq_field_tree_new─► tree ─► nodes for the writer
 *                                └─ put(document's value) ─► entries of each leaf, with levels
 *
 * Every node is optional but the numbers of a vector. A value that does not fit its field (the
 * schema is younger than the document) is null, whole: of a list with one bad item nothing stands
 * in the column. An object without fields is a VARIANT, as json is. The other way,
 * record_document.h makes documents of these columns as of those of any file.
 */
#ifndef PQ_SHRED_FIELD_TREE_H
#define PQ_SHRED_FIELD_TREE_H

#include "parquet/writer.h"
#include "shred/index_column.h"
#include "shred/leaf_column.h"

typedef enum pq_field_kind {
  PQ_FIELD_IS_LEAF,
  PQ_FIELD_IS_LIST, /* children[0]: the item */
  PQ_FIELD_IS_GROUP,
  PQ_FIELD_IS_VARIANT /* two leaves: metadata, value */
} pq_field_kind;

typedef struct pq_field_tree pq_field_tree;
struct pq_field_tree {
  pq_field_kind kind;
  pq_index_column column; /* name, field id; of a LEAF its type */
  pq_repetition repetition;
  uint32_t def; /* the level at which it is there (not null) */
  uint32_t rep; /* LIST: of further items */
  uint32_t first_leaf, leaf_count, node_count;
  uint32_t child_count;
  pq_field_tree *children;
};

/* The tree of a top-level field, in `arena`; leaves are numbered from 0. `name` is that of the
 * column. NULL: an edge, which is no part of the document. PQ_ENOMEM, PQ_ELIMIT. */
int pq_field_tree_new(pq_arena *arena, const pq_schema_field *field, pq_slice name,
                      pq_field_tree **out) PQ_MUST_CHECK;
/* A VARIANT column of that name, for what has no field. */
int pq_field_tree_variant(pq_arena *arena, const char *name, int32_t field_id,
                          pq_field_tree **out) PQ_MUST_CHECK;

/* Its nodes for the writer into out[0 .. node_count); names in `arena`. */
int pq_field_tree_nodes(pq_arena *arena, const pq_field_tree *t, pq_node_spec *out) PQ_MUST_CHECK;

/* Make `columns`, leaf_count of them, ready for entries. */
void pq_field_tree_columns(const pq_field_tree *t, pq_leaf_column *columns);
/* Add the value that a document holds at the field; missing and null are null. Texts are borrowed;
 * other bytes are made in `arena`. */
int pq_field_tree_put(const pq_field_tree *t, pq_arena *arena, pq_value v,
                      pq_leaf_column *columns) PQ_MUST_CHECK;

/* ---- leaves ---- */

/* Type and annotation of a flat column, optional; name and id are the caller's. */
pq_node_spec pq_leaf_node(const pq_index_column *c);
/* Does a value fit a column of the type, decimals too? */
bool pq_leaf_fits(pq_value v, const pq_index_column *c);
/* Put a value that fits into a slot of it. */
int pq_leaf_set(pq_arena *arena, pq_value v, const pq_index_column *c, pq_column *column,
                uint32_t slot) PQ_MUST_CHECK;

#endif
