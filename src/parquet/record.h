/* parquet/record.h - columns of a nested schema back to records.
 *
 * *tree:    STRUCT ── LIST ── LEAF          what the schema means: legacy and modern lists and
 *                └──── MAP ─── key, value    maps are one kind each here
 *   columns: leaf 0: def 3 3 0 1 …           entries with levels (format.h)
 *            leaf 1: def 2 2 2 …
 *   record:  a position in each leaf's entries
 *
 * The rules for two- and three-level lists, MAP_KEY_VALUE, maps without a value and repeated nodes
 * without annotation are applied once, when the tree is made (parquet-format: LogicalTypes.md,
 * "Lists", "Maps", backward-compatibility rules 1-5). Whoever walks records (documents, JSON,
 * Variant) sees only STRUCT, LIST, MAP, LEAF, VARIANT.
 *
 * Walking one value of a tree at the record's position:
 *
 *   pq_record_is_null(r, s)      is it absent? then pq_record_skip(r, s) moves past its entries
 *   STRUCT: walk each child      LEAF: pq_record_leaf gives column and entry, and moves on
 *   LIST, MAP: if pq_record_is_empty, pq_record_skip; else walk the element(s), and again while
 *              pq_record_has_more(r, s)
 *
 * All leaves of a batch hold the same rows; a level that contradicts this is PQ_ECORRUPT, found
 * by pq_record_init, so that walking cannot fail and cannot leave the columns.
 */
#ifndef PQ_PARQUET_RECORD_H
#define PQ_PARQUET_RECORD_H

#include "parquet/format.h"

typedef enum pq_tree_kind {
  PQ_TREE_LEAF,
  PQ_TREE_STRUCT,
  PQ_TREE_LIST,   /* children[0]: the element */
  PQ_TREE_MAP,    /* children[0]: the key, children[1]: the value, if there is one */
  PQ_TREE_VARIANT /* children: the fields of the group, by name, as STRUCT would have them */
} pq_tree_kind;

typedef struct pq_tree pq_tree;
struct pq_tree {
  pq_tree_kind kind;
  uint32_t node;        /* of the schema: the annotated group, or the leaf */
  pq_slice name;        /* as a field of its parent */
  bool is_optional;     /* may be null */
  uint32_t def;         /* the level at which it is there (not null) */
  uint32_t element_def; /* LIST, MAP: the level at which there is an element */
  uint32_t rep;         /* LIST, MAP: the repetition level of further elements */
  uint32_t first_leaf;  /* the leaves below: [first_leaf, first_leaf + leaf_count) */
  uint32_t leaf_count;
  uint32_t child_count;
  pq_tree *children;
};

/* The meaning of the whole schema: a STRUCT. Lives in `arena`. PQ_ENOMEM, PQ_ELIMIT. */
int pq_tree_of(pq_arena *arena, const pq_footer *footer, pq_tree **out) PQ_MUST_CHECK;

typedef struct pq_record {
  const pq_footer *footer;   /* borrowed */
  const pq_column **columns; /* by leaf; NULL: not read, its part of the tree must not be walked */
  uint32_t *pos;             /* by leaf: the next entry */
} pq_record;

/* Stand before the first row of a batch. `columns[leaf]` may be NULL where a leaf was not read.
 * Checks that the levels of all columns fit together. PQ_ECORRUPT, PQ_ENOMEM. */
int pq_record_init(pq_record *r, pq_arena *arena, const pq_footer *footer, const pq_tree *root,
                   const pq_column **columns) PQ_MUST_CHECK;

bool pq_record_is_null(const pq_record *r, const pq_tree *s);
bool pq_record_is_empty(const pq_record *r, const pq_tree *s);
bool pq_record_has_more(const pq_record *r, const pq_tree *s);
/* Move past the one entry that a null or empty value has in each leaf below it. */
void pq_record_skip(pq_record *r, const pq_tree *s);
/* The column and entry of a LEAF that is not null; moves on. */
const pq_column *pq_record_leaf(pq_record *r, const pq_tree *s, uint32_t *entry);

/* What pq_record_init checks. Of one leaf: rows begin at repetition level 0, and a list goes on
 * only where there is one. Of two leaves: the same rows, and the same levels as far as their paths
 * are one. PQ_ECORRUPT. */
int pq_record_check_leaf(pq_cx *cx, const pq_footer *footer, uint32_t leaf,
                         const pq_column *c) PQ_MUST_CHECK;
int pq_record_check_pair(pq_cx *cx, const pq_footer *footer, const uint32_t leaves[2],
                         const pq_column *const columns[2]) PQ_MUST_CHECK;

#endif
