/* shred/variant_shape.h - how a VARIANT column is shredded: the tree of its typed columns.
 *
 *   event (VARIANT) ─ metadata
 *    (value, typed_value)                  object
 *              ├ kind  (value, typed_value)   string          "{kind: string, tags: [string]}"
 *              └ tags  (value, typed_value)   array
 *                        └ list.element (value, typed_value)  string
 *
 * A shape is a tree of (value, typed_value) pairs (parquet-format: VariantShredding.md); `value`
 * holds what the typed column cannot. The same tree describes a file that is read (leaf numbers are
 * the file's) and one that is to be written (leaf numbers count from the column's metadata, 0).
 * Columns are found by name. In files of others either of the two may be absent.
 *
 * As text:  shape = "variant" | type | "[" shape "]" | "{" name ":" shape, … "}"
 *   type  = boolean int8 int16 int32 int64 float double decimal(P,S) date time timestamp
 *           timestamp_ntz timestamp_ns timestamp_ntz_ns binary string uuid
 *   name  = letters, digits, "_", "$"; or anything but NUL in double quotes, where \ quotes a byte
 *   int16*, int32*, int64*, double* take narrower numbers too: see is_wide.
 *
 * Shapes live in an arena and do not change once made.
 */
#ifndef PQ_SHRED_VARIANT_SHAPE_H
#define PQ_SHRED_VARIANT_SHAPE_H

#include "parquet/record.h"
#include "parquet/writer.h"
#include "value/variant_raw.h"

typedef enum pq_pair_kind {
  PQ_PAIR_ANY, /* value alone */
  PQ_PAIR_PRIMITIVE,
  PQ_PAIR_OBJECT,
  PQ_PAIR_ARRAY
} pq_pair_kind;

typedef struct pq_pair pq_pair;
struct pq_pair {
  pq_pair_kind kind;
  pq_slice name;  /* as a field of an object */
  uint32_t slot;  /* a number of its own among the column's shapes */
  uint32_t depth; /* objects and arrays around it */
  /* PRIMITIVE: the Variant type (PQ_PRIM_TRUE for both booleans), and what Parquet makes of it */
  uint8_t primitive;
  bool is_wide; /* writing: integers of fewer bits fit too (then their width is lost) */
  uint8_t precision, scale;
  pq_phys phys;
  uint32_t type_len; /* PQ_PHYS_FIXED */
  /* the group */
  uint32_t def; /* the level at which it is there */
  uint32_t first_leaf, leaf_count;
  uint32_t value_leaf, value_def; /* PQ_NO_NODE: no `value` */
  /* typed_value, unless ANY */
  uint32_t typed_leaf, typed_leaf_count; /* PRIMITIVE: the leaf; else the first below it */
  uint32_t typed_def;
  uint32_t element_def, rep; /* ARRAY: the levels of an element, of a further one */
  uint32_t child_count;      /* OBJECT: fields by name; ARRAY: the element */
  pq_pair *children;
};

/* Where the column stands when it is written: levels of the VARIANT group itself. Both 0 for a
 * required column of the file, def 1 for an optional one. */
typedef struct pq_variant_levels {
  uint32_t def, rep;
} pq_variant_levels;

typedef struct pq_variant_shape {
  pq_slice path; /* of the column, for messages */
  uint32_t metadata_leaf, metadata_def;
  uint32_t first_leaf, leaf_count;
  uint32_t slot_count;
  pq_variant_levels levels; /* writing */
  pq_pair root;
} pq_variant_shape;

/* The shape of a VARIANT node of a file's tree. PQ_ECORRUPT if it is none that the format has, as
 * an unsigned integer for typed_value; PQ_ENOMEM. */
int pq_variant_shape_of_tree(pq_arena *arena, const pq_footer *footer, const pq_tree *variant,
                             pq_variant_shape **out) PQ_MUST_CHECK;

/* A shape to write from its text. PQ_EINVALID says where the text is wrong. */
int pq_variant_shape_parse(pq_arena *arena, pq_slice text, pq_variant_levels at,
                           pq_variant_shape **out) PQ_MUST_CHECK;
/* The same from a root whose kinds, names, types and children are set; the rest is filled in.
 * PQ_EINVALID for two fields of one name, PQ_ELIMIT for levels beyond a byte. */
int pq_variant_shape_number(pq_arena *arena, pq_pair root, pq_variant_levels at,
                            pq_variant_shape **out) PQ_MUST_CHECK;
/* The text of a shape, in the arena. */
int pq_variant_shape_print(pq_arena *arena, const pq_pair *s, pq_slice *out) PQ_MUST_CHECK;

/* A rule for guessing a shape from documents; zeroed members take the default in brackets. */
typedef struct pq_variant_rule {
  uint32_t presence_min; /* percent of its parents that have a field [10] */
  uint32_t agreement;    /* percent of a path's values, nulls left out, of one type [90] */
  uint32_t depth_max;    /* objects and arrays inside each other [8] */
  uint32_t leaves_max;   /* typed columns; beyond it fields are left out [300] */
  bool is_wide;          /* integers of different width share a column [no] */
} pq_variant_rule;

/* Guess: a field that enough documents have becomes a typed column if nearly all its values are
 * of one type. Missing values in the sample are passed over. */
int pq_variant_shape_infer(pq_arena *arena, const pq_value *sample, uint32_t count,
                           pq_variant_rule rule, pq_variant_levels at,
                           pq_variant_shape **out) PQ_MUST_CHECK;

/* The schema to give to pq_writer_new_nested: the VARIANT group `name` and all below it. */
int pq_variant_shape_nodes(pq_arena *arena, const pq_variant_shape *s, const char *name,
                           bool is_optional, pq_node_spec **out, uint32_t *count) PQ_MUST_CHECK;

#endif
