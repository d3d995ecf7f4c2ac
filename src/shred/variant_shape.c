/* shred/variant_shape.c - shapes from a file's tree, their leaf numbers and levels, their schema.
 *
 *   schema of a group      (value, typed_value) of a pair      leaves, depth first
 *     required kind  ───►    kind.value                          n
 *                            kind.typed_value …                  n + 1 …
 *
 * The type table stands here once, for both directions (VariantShredding.md, "Shredded Value
 * Types").
 */
#include "shred/variant_shape.h"

#include <string.h>

#include "base/merge_sort.h"

enum { DECIMAL4_DIGITS = 9, DECIMAL8_DIGITS = 18, DECIMAL16_DIGITS = 38, DECIMAL16_LEN = 16 };

/* ---- reading a file's tree ---- */

typedef struct tree_reader {
  pq_arena *arena;
  const pq_footer *footer;
  pq_slice path;
  uint32_t slot;
} tree_reader;

static int bad(const tree_reader *t, pq_slice name, const char *what) {
  return pq_fail(t->arena->cx, PQ_ECORRUPT, "variant column %.*s: %s in %.*s",
                 (int)(t->path.n > 80 ? 80 : t->path.n), (const char *)t->path.p, what,
                 (int)(name.n > 40 ? 40 : name.n), name.n == 0 ? "" : (const char *)name.p);
}

static bool integer_of(const pq_note *n, pq_phys phys, pq_pair *out) {
  unsigned bits = n->kind == PQ_NOTE_NONE ? phys == PQ_PHYS_INT64 ? 64 : 32 : n->bits;
  if (n->kind == PQ_NOTE_INTEGER && n->is_unsigned) return false;
  if ((bits == 64) != (phys == PQ_PHYS_INT64)) return false;
  switch (bits) {
    case 8: out->primitive = PQ_PRIM_INT8; return true;
    case 16: out->primitive = PQ_PRIM_INT16; return true;
    case 32: out->primitive = PQ_PRIM_INT32; return true;
    case 64: out->primitive = PQ_PRIM_INT64; return true;
    default: return false;
  }
}

static bool timestamp_of(const pq_note *n, pq_pair *out) {
  if (n->digits == 6) out->primitive = n->is_utc ? PQ_PRIM_TIMESTAMP : PQ_PRIM_TIMESTAMP_NTZ;
  if (n->digits == 9) out->primitive = n->is_utc ? PQ_PRIM_TIMESTAMP_NS : PQ_PRIM_TIMESTAMP_NTZ_NS;
  return n->digits == 6 || n->digits == 9;
}

static bool decimal_of(const pq_note *n, pq_phys phys, pq_pair *out) {
  int32_t digits = phys == PQ_PHYS_INT32   ? DECIMAL4_DIGITS
                   : phys == PQ_PHYS_INT64 ? DECIMAL8_DIGITS
                                           : DECIMAL16_DIGITS;
  out->primitive = phys == PQ_PHYS_INT32   ? PQ_PRIM_DECIMAL4
                   : phys == PQ_PHYS_INT64 ? PQ_PRIM_DECIMAL8
                                           : PQ_PRIM_DECIMAL16;
  if (n->precision < 1 || n->precision > digits || n->scale < 0 || n->scale > n->precision)
    return false;
  out->precision = (uint8_t)n->precision;
  out->scale = (uint8_t)n->scale;
  return phys != PQ_PHYS_FIXED || (out->type_len >= 1 && out->type_len <= DECIMAL16_LEN);
}

/* The Variant type of a Parquet leaf; false when there is none. */
static bool primitive_of(const pq_note *n, pq_pair *out) {
  bool is_plain = n->kind == PQ_NOTE_NONE;
  switch (out->phys) {
    case PQ_PHYS_BOOL: out->primitive = PQ_PRIM_TRUE; return is_plain;
    case PQ_PHYS_FLOAT: out->primitive = PQ_PRIM_FLOAT; return is_plain;
    case PQ_PHYS_DOUBLE: out->primitive = PQ_PRIM_DOUBLE; return is_plain;
    case PQ_PHYS_INT32:
      out->primitive = PQ_PRIM_DATE;
      if (n->kind == PQ_NOTE_DATE) return true;
      if (n->kind == PQ_NOTE_DECIMAL) return decimal_of(n, out->phys, out);
      return (is_plain || n->kind == PQ_NOTE_INTEGER) && integer_of(n, out->phys, out);
    case PQ_PHYS_INT64:
      out->primitive = PQ_PRIM_TIME;
      if (n->kind == PQ_NOTE_TIME) return n->digits == 6 && !n->is_utc;
      if (n->kind == PQ_NOTE_TIMESTAMP) return timestamp_of(n, out);
      if (n->kind == PQ_NOTE_DECIMAL) return decimal_of(n, out->phys, out);
      return (is_plain || n->kind == PQ_NOTE_INTEGER) && integer_of(n, out->phys, out);
    case PQ_PHYS_BYTES:
      if (n->kind == PQ_NOTE_DECIMAL) return decimal_of(n, out->phys, out);
      out->primitive = is_plain ? PQ_PRIM_BINARY : PQ_PRIM_STRING;
      return is_plain || n->kind == PQ_NOTE_TEXT;
    case PQ_PHYS_FIXED:
      if (n->kind == PQ_NOTE_DECIMAL) return decimal_of(n, out->phys, out);
      out->primitive = PQ_PRIM_UUID;
      return n->kind == PQ_NOTE_UUID && out->type_len == 16;
    default: return false;
  }
}

static int typed_leaf_of(const tree_reader *t, const pq_tree *typed, pq_slice name, pq_pair *out) {
  const pq_leaf *leaf = &t->footer->leaves[typed->first_leaf];
  out->kind = PQ_PAIR_PRIMITIVE;
  out->phys = leaf->phys;
  out->type_len = leaf->type_len;
  if (primitive_of(&leaf->note, out)) return PQ_OK;
  return bad(t, name, "typed_value has a type that VARIANT does not have");
}

static int compare_names(const void *a, const void *b, const void *ud) {
  (void)ud;
  return pq_slice_cmp(((const pq_pair *)a)->name, ((const pq_pair *)b)->name);
}

static int compare_shape_refs(const void *a, const void *b, const void *ud) {
  const pq_pair *shapes = ud;
  return compare_names(&shapes[*(const uint32_t *)a], &shapes[*(const uint32_t *)b], NULL);
}

/* Put the fields of an object into the order of their names. A shape is too large for the sort,
 * so that their numbers are sorted. `code` for two of one name. */
static int sort_fields(pq_arena *arena, pq_pair *s, int code) {
  uint32_t *order = pq_arena_calloc(arena, s->child_count, sizeof *order);
  pq_pair *sorted = pq_arena_calloc(arena, s->child_count, sizeof *sorted);
  if (order == NULL || sorted == NULL) return arena->cx->code;
  for (uint32_t i = 0; i < s->child_count; i++)
    order[i] = i;
  PQ_TRY(pq_sort_items(arena->cx, order, s->child_count, sizeof *order, compare_shape_refs,
                       s->children));
  for (uint32_t i = 0; i < s->child_count; i++) {
    pq_slice name = s->children[order[i]].name;
    sorted[i] = s->children[order[i]];
    if (i > 0 && pq_slice_eq(sorted[i - 1].name, name))
      return pq_fail(arena->cx, code, "two shredded fields named \"%.*s\"",
                     (int)(name.n > 40 ? 40 : name.n), name.n == 0 ? "" : (const char *)name.p);
  }
  s->children = sorted;
  return PQ_OK;
}

static int pair_of(tree_reader *t, const pq_tree *group, uint32_t depth, pq_pair *out);

static int typed_object_of(tree_reader *t, const pq_tree *typed, uint32_t depth, pq_pair *out) {
  out->kind = PQ_PAIR_OBJECT;
  out->child_count = typed->child_count;
  out->children = pq_arena_calloc(t->arena, typed->child_count, sizeof *out->children);
  if (out->children == NULL) return t->arena->cx->code;
  for (uint32_t i = 0; i < typed->child_count; i++)
    PQ_TRY(pair_of(t, &typed->children[i], depth + 1, &out->children[i]));
  return sort_fields(t->arena, out, PQ_ECORRUPT);
}

static int typed_value_of(tree_reader *t, const pq_tree *typed, uint32_t depth, pq_slice name,
                          pq_pair *out) {
  out->typed_leaf = typed->first_leaf;
  out->typed_leaf_count = typed->leaf_count;
  out->typed_def = typed->def;
  switch (typed->kind) {
    case PQ_TREE_LEAF: return typed_leaf_of(t, typed, name, out);
    case PQ_TREE_STRUCT: return typed_object_of(t, typed, depth, out);
    case PQ_TREE_LIST:
      if (t->footer->nodes[typed->node].note.kind != PQ_NOTE_LIST) break;
      out->kind = PQ_PAIR_ARRAY;
      out->element_def = typed->element_def;
      out->rep = typed->rep;
      out->child_count = 1;
      out->children = pq_arena_calloc(t->arena, 1, sizeof *out->children);
      if (out->children == NULL) return t->arena->cx->code;
      return pair_of(t, &typed->children[0], depth + 1, out->children);
    default: break;
  }
  return bad(t, name, "typed_value is neither a leaf nor an object nor a LIST");
}

/* A `value` or `metadata` leaf. */
static bool is_bytes(const tree_reader *t, const pq_tree *leaf) {
  return leaf->kind == PQ_TREE_LEAF && t->footer->leaves[leaf->first_leaf].phys == PQ_PHYS_BYTES;
}

static int pair_of(tree_reader *t, const pq_tree *group, uint32_t depth, pq_pair *out) {
  bool is_root = group->kind == PQ_TREE_VARIANT;
  const pq_tree *typed = NULL;
  if (depth > t->arena->cx->limits.depth_max)
    return pq_fail(t->arena->cx, PQ_ELIMIT, "variant column: shredded too deep");
  if (!is_root && group->kind != PQ_TREE_STRUCT) return bad(t, group->name, "no group");
  if (!is_root && group->is_optional)
    return bad(t, group->name, "an optional group, where the format wants a required one");
  *out = (pq_pair){.name = group->name,
                   .slot = t->slot++,
                   .depth = depth,
                   .def = group->def,
                   .first_leaf = group->first_leaf,
                   .leaf_count = group->leaf_count,
                   .value_leaf = PQ_NO_NODE};
  for (uint32_t i = 0; i < group->child_count; i++) {
    const pq_tree *child = &group->children[i];
    bool is_value = pq_slice_is(child->name, "value");
    if (is_root && pq_slice_is(child->name, "metadata")) continue;
    if (is_value && out->value_leaf == PQ_NO_NODE && is_bytes(t, child)) {
      out->value_leaf = child->first_leaf;
      out->value_def = child->def;
    } else if (pq_slice_is(child->name, "typed_value") && typed == NULL) {
      typed = child;
    } else {
      return bad(t, group->name, "a field that does not belong there");
    }
  }
  if (typed != NULL) return typed_value_of(t, typed, depth, group->name, out);
  return out->value_leaf != PQ_NO_NODE ? PQ_OK : bad(t, group->name, "neither value nor type");
}

int pq_variant_shape_of_tree(pq_arena *arena, const pq_footer *footer, const pq_tree *variant,
                             pq_variant_shape **out) {
  tree_reader t = {.arena = arena, .footer = footer, .path = variant->name};
  pq_variant_shape *s = pq_arena_calloc(arena, 1, sizeof *s);
  const pq_tree *metadata = NULL;
  *out = NULL;
  pq_assert(variant->kind == PQ_TREE_VARIANT);
  if (s == NULL) return arena->cx->code;
  for (uint32_t i = 0; i < variant->child_count; i++)
    if (pq_slice_is(variant->children[i].name, "metadata")) metadata = &variant->children[i];
  if (metadata == NULL || !is_bytes(&t, metadata)) return bad(&t, variant->name, "no metadata");
  PQ_TRY(pair_of(&t, variant, 0, &s->root));
  s->path = variant->name;
  s->metadata_leaf = metadata->first_leaf;
  s->metadata_def = metadata->def;
  s->first_leaf = variant->first_leaf;
  s->leaf_count = variant->leaf_count;
  s->slot_count = t.slot;
  *out = s;
  return PQ_OK;
}

/* ---- numbering a shape to be written ---- */

typedef struct numberer {
  pq_arena *arena;
  uint32_t slot, leaf;
} numberer;

static pq_phys phys_of(const pq_pair *s) {
  switch (s->primitive) {
    case PQ_PRIM_TRUE: return PQ_PHYS_BOOL;
    case PQ_PRIM_INT8:
    case PQ_PRIM_INT16:
    case PQ_PRIM_INT32:
    case PQ_PRIM_DECIMAL4:
    case PQ_PRIM_DATE: return PQ_PHYS_INT32;
    case PQ_PRIM_FLOAT: return PQ_PHYS_FLOAT;
    case PQ_PRIM_DOUBLE: return PQ_PHYS_DOUBLE;
    case PQ_PRIM_DECIMAL16:
    case PQ_PRIM_UUID: return PQ_PHYS_FIXED;
    case PQ_PRIM_BINARY:
    case PQ_PRIM_STRING: return PQ_PHYS_BYTES;
    default: return PQ_PHYS_INT64;
  }
}

/* Names of schema nodes end at a NUL, and a group has children. */
static int check_fields(pq_arena *arena, const pq_pair *s) {
  if (s->child_count == 0) return pq_fail(arena->cx, PQ_EINVALID, "an object without fields");
  for (uint32_t i = 0; i < s->child_count; i++)
    if (s->children[i].name.n > 0 &&
        memchr(s->children[i].name.p, 0, s->children[i].name.n) != NULL)
      return pq_fail(arena->cx, PQ_EINVALID, "a shredded field with a NUL in its name");
  return PQ_OK;
}

static int number(numberer *n, pq_pair *s, pq_variant_levels at, uint32_t depth) {
  if (depth > n->arena->cx->limits.depth_max || at.def > PQ_LEVEL_MAX - 2)
    return pq_fail(n->arena->cx, PQ_ELIMIT, "shredded too deep");
  s->slot = n->slot++;
  s->depth = depth;
  s->def = at.def;
  s->first_leaf = s->value_leaf = n->leaf++;
  s->value_def = s->typed_def = at.def + 1;
  s->typed_leaf = n->leaf;
  switch (s->kind) {
    case PQ_PAIR_ANY: break;
    case PQ_PAIR_PRIMITIVE:
      s->phys = phys_of(s);
      s->type_len = s->phys == PQ_PHYS_FIXED ? 16 : 0;
      n->leaf++;
      break;
    case PQ_PAIR_OBJECT:
      PQ_TRY(check_fields(n->arena, s));
      PQ_TRY(sort_fields(n->arena, s, PQ_EINVALID));
      for (uint32_t i = 0; i < s->child_count; i++)
        PQ_TRY(number(n, &s->children[i], (pq_variant_levels){at.def + 1, at.rep}, depth + 1));
      break;
    case PQ_PAIR_ARRAY:
      s->element_def = at.def + 2;
      s->rep = at.rep + 1;
      PQ_TRY(number(n, s->children, (pq_variant_levels){at.def + 2, at.rep + 1}, depth + 1));
      break;
  }
  s->typed_leaf_count = n->leaf - s->typed_leaf;
  s->leaf_count = n->leaf - s->first_leaf;
  return PQ_OK;
}

int pq_variant_shape_number(pq_arena *arena, pq_pair root, pq_variant_levels at,
                            pq_variant_shape **out) {
  numberer n = {.arena = arena, .leaf = 1};
  pq_variant_shape *s = pq_arena_calloc(arena, 1, sizeof *s);
  *out = NULL;
  if (s == NULL) return arena->cx->code;
  s->root = root;
  s->metadata_def = at.def;
  s->levels = at;
  PQ_TRY(number(&n, &s->root, at, 0));
  s->leaf_count = n.leaf;
  s->slot_count = n.slot;
  *out = s;
  return PQ_OK;
}

/* ---- the schema of a shape ---- */

typedef struct node_writer {
  pq_arena *arena;
  pq_node_spec *nodes;
  uint32_t count, cap;
} node_writer;

static pq_node_spec *add_node(node_writer *w, const char *name, pq_repetition repetition,
                              uint32_t child_count) {
  pq_node_spec *n = &w->nodes[w->count++];
  pq_assert(w->count <= w->cap);
  *n = (pq_node_spec){
      .name = name, .repetition = repetition, .child_count = child_count, .field_id = -1};
  return n;
}

static pq_note note_of(const pq_pair *s) {
  bool is_ns = s->primitive == PQ_PRIM_TIMESTAMP_NS || s->primitive == PQ_PRIM_TIMESTAMP_NTZ_NS;
  bool is_utc = s->primitive == PQ_PRIM_TIMESTAMP_NS || s->primitive == PQ_PRIM_TIMESTAMP;
  switch (s->primitive) {
    case PQ_PRIM_INT8: return (pq_note){.kind = PQ_NOTE_INTEGER, .bits = 8};
    case PQ_PRIM_INT16: return (pq_note){.kind = PQ_NOTE_INTEGER, .bits = 16};
    case PQ_PRIM_DECIMAL4:
    case PQ_PRIM_DECIMAL8:
    case PQ_PRIM_DECIMAL16:
      return (pq_note){.kind = PQ_NOTE_DECIMAL, .precision = s->precision, .scale = s->scale};
    case PQ_PRIM_DATE: return (pq_note){.kind = PQ_NOTE_DATE};
    case PQ_PRIM_TIME: return (pq_note){.kind = PQ_NOTE_TIME, .digits = 6};
    case PQ_PRIM_TIMESTAMP:
    case PQ_PRIM_TIMESTAMP_NTZ:
    case PQ_PRIM_TIMESTAMP_NS:
    case PQ_PRIM_TIMESTAMP_NTZ_NS:
      return (pq_note){.kind = PQ_NOTE_TIMESTAMP, .digits = is_ns ? 9 : 6, .is_utc = is_utc};
    case PQ_PRIM_STRING: return (pq_note){.kind = PQ_NOTE_TEXT};
    case PQ_PRIM_UUID: return (pq_note){.kind = PQ_NOTE_UUID};
    default: return (pq_note){0};
  }
}

static int pair_nodes(node_writer *w, const pq_pair *s) {
  pq_node_spec *n = add_node(w, "value", PQ_OPTIONAL, 0);
  n->phys = PQ_PHYS_BYTES;
  if (s->kind == PQ_PAIR_ANY) return PQ_OK;
  n = add_node(w, "typed_value", PQ_OPTIONAL, s->child_count);
  if (s->kind == PQ_PAIR_PRIMITIVE) {
    n->phys = s->phys;
    n->type_len = s->type_len;
    n->note = note_of(s);
    n->has_stats = true;
    return PQ_OK;
  }
  if (s->kind == PQ_PAIR_ARRAY) {
    n->note = (pq_note){.kind = PQ_NOTE_LIST};
    add_node(w, "list", PQ_REPEATED, 1);
    add_node(w, "element", PQ_REQUIRED, s->children->kind == PQ_PAIR_ANY ? 1 : 2);
    return pair_nodes(w, s->children);
  }
  for (uint32_t i = 0; i < s->child_count; i++) {
    const pq_pair *field = &s->children[i];
    const char *name = pq_arena_str(w->arena, field->name);
    if (name == NULL) return w->arena->cx->code;
    add_node(w, name, PQ_REQUIRED, field->kind == PQ_PAIR_ANY ? 1 : 2);
    PQ_TRY(pair_nodes(w, field));
  }
  return PQ_OK;
}

int pq_variant_shape_nodes(pq_arena *arena, const pq_variant_shape *s, const char *name,
                           bool is_optional, pq_node_spec **out, uint32_t *count) {
  /* each pair has at most value, typed_value and two nodes around it */
  node_writer w = {.arena = arena, .cap = s->slot_count * 4 + 2};
  *out = NULL;
  *count = 0;
  w.nodes = pq_arena_calloc(arena, w.cap, sizeof *w.nodes);
  if (w.nodes == NULL) return arena->cx->code;
  add_node(&w, name, is_optional ? PQ_OPTIONAL : PQ_REQUIRED, s->root.kind == PQ_PAIR_ANY ? 2 : 3)
      ->note = (pq_note){.kind = PQ_NOTE_VARIANT};
  add_node(&w, "metadata", PQ_REQUIRED, 0)->phys = PQ_PHYS_BYTES;
  PQ_TRY(pair_nodes(&w, &s->root));
  *out = w.nodes;
  *count = w.count;
  return PQ_OK;
}
