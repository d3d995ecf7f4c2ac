/* test/unit/variant_util.h - for the tests of shredding: random Variants, equality of Variants as
 * the format has it, a footer made from a schema without a file.
 */
#ifndef PQ_TEST_VARIANT_UTIL_H
#define PQ_TEST_VARIANT_UTIL_H

#include "parquet/record.h"
#include "shred/variant_join.h"
#include "shred/variant_split.h"
#include "unit.h"
#include "value/variant_raw.h"

static inline uint32_t variant_random(uint64_t *seed, uint32_t n) {
  *seed = *seed * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)((*seed >> 33) % n);
}

/* Five names, not in order: ids 0..4 are d a c e b; and the ids in the order of the names. */
static const uint8_t variant_meta_bytes[] = {0x01, 5, 0, 1, 2, 3, 4, 5, 'd', 'a', 'c', 'e', 'b'};
static const uint32_t variant_ids_by_name[] = {1, 4, 2, 0, 3};
static const pq_slice variant_meta = {variant_meta_bytes, sizeof variant_meta_bytes};
enum { VARIANT_NAMES = 5, VARIANT_CAP = 1 << 14 };

static inline pq_value variant_of(pq_slice bytes) {
  return (pq_value){variant_meta.p, bytes.p, (uint32_t)variant_meta.n, (uint32_t)bytes.n};
}

/* A primitive of a random type with small contents; returns its length. */
static inline size_t variant_random_primitive(uint64_t *seed, uint8_t *out) {
  unsigned id = variant_random(seed, PQ_PRIM_COUNT + 1);
  size_t len;
  if (id == PQ_PRIM_COUNT) {
    len = variant_random(seed, 5);
    out[0] = (uint8_t)(len << 2 | PQ_BASIC_SHORT);
    memset(out + 1, 'x', len);
    return len + 1;
  }
  out[0] = (uint8_t)(id << 2);
  len = pq_primitive_len[id];
  if (len == 0) {
    size_t n = id == PQ_PRIM_STRING ? 64 + variant_random(seed, 20) : variant_random(seed, 6);
    pq_wr32(out + 1, (uint32_t)n);
    memset(out + 5, 'y', n);
    return n + 5;
  }
  for (size_t i = 1; i < len; i++)
    out[i] = (uint8_t)variant_random(seed, 256);
  if (id >= PQ_PRIM_DECIMAL4 && id <= PQ_PRIM_DECIMAL16) {
    uint8_t sign = variant_random(seed, 2) == 0 ? 0 : 0xff;
    out[1] = (uint8_t)(2 * variant_random(seed, 2));
    for (size_t i = 2; i < len; i++)
      if (i > 3) out[i] = sign;
  }
  return len;
}

/* A random value over the five names; at most VARIANT_CAP bytes. */
static inline size_t variant_random_value(uint64_t *seed, unsigned depth, uint8_t *out) {
  uint32_t kind = variant_random(seed, 8), n = 0, ids[VARIANT_NAMES], offs[VARIANT_NAMES + 1];
  uint8_t values[VARIANT_CAP / 4];
  size_t len = 0;
  pq_container_form form;
  uint8_t *p;
  if (depth == 0 || kind < 3) return variant_random_primitive(seed, out);
  for (uint32_t i = 0; i < VARIANT_NAMES; i++) {
    if (variant_random(seed, 5) < 2) continue;
    ids[n] = variant_ids_by_name[i];
    offs[n++] = (uint32_t)len;
    len += variant_random_value(seed, depth - 1, values + len);
  }
  offs[n] = (uint32_t)len;
  form = pq_container_form_of(kind < 6, n, 4, (uint32_t)len);
  p = pq_container_begin(out, form, n);
  for (uint32_t i = 0; kind < 6 && i < n; i++)
    p = pq_put_uint(p, ids[i], form.id_len);
  for (uint32_t i = 0; i <= n; i++)
    p = pq_put_uint(p, offs[i], form.off_len);
  memcpy(p, values, len);
  return (size_t)(p - out) + len;
}

static inline bool variant_text(pq_value v, pq_slice *out) {
  *out = (pq_slice){0};
  if ((v.p[0] & 3) == PQ_BASIC_SHORT) *out = (pq_slice){v.p + 1, v.len - 1};
  if (pq_primitive_id(v) == PQ_PRIM_STRING) *out = (pq_slice){v.p + 5, v.len - 5};
  return out->p != NULL;
}

/* The same types and contents; the order of fields and the width of headers do not matter. */
static inline bool variant_equal(pq_value a, pq_value b) {
  pq_container c, d;
  pq_names m, n;
  pq_slice s, t;
  if (a.p == NULL || b.p == NULL) return a.p == b.p;
  if (variant_text(a, &s) && variant_text(b, &t)) return pq_slice_eq(s, t);
  if (!pq_container_open(a, &c) || !pq_container_open(b, &d))
    return pq_slice_eq(pq_value_bytes(a), pq_value_bytes(b));
  if ((c.ids == NULL) != (d.ids == NULL) || c.count != d.count) return false;
  m = pq_names_of(a);
  n = pq_names_of(b);
  for (uint32_t i = 0; i < c.count; i++) {
    if (c.ids != NULL && !pq_slice_eq(pq_names_at(&m, pq_container_id(&c, i)),
                                      pq_names_at(&n, pq_container_id(&d, i))))
      return false;
    if (!variant_equal(pq_container_value(&c, i), pq_container_value(&d, i))) return false;
  }
  return true;
}

/* ---- a footer without a file ---- */

typedef struct schema_maker {
  pq_footer *footer;
  const pq_node_spec *specs;
  uint32_t spec;
} schema_maker;

static inline void schema_add(schema_maker *m, uint32_t parent, uint32_t def, uint32_t rep) {
  const pq_node_spec *s = &m->specs[m->spec++];
  pq_footer *f = m->footer;
  uint32_t at = f->node_count++;
  pq_node *n = &f->nodes[at];
  def += s->repetition != PQ_REQUIRED;
  rep += s->repetition == PQ_REPEATED;
  *n = (pq_node){.name = pq_str(s->name),
                 .parent = parent,
                 .next = PQ_NO_NODE,
                 .child_count = s->child_count,
                 .leaf = PQ_NO_NODE,
                 .first_leaf = f->leaf_count,
                 .repetition = s->repetition,
                 .def = def,
                 .rep = rep,
                 .field_id = -1,
                 .note = s->note};
  if (s->child_count == 0) {
    n->leaf = f->leaf_count;
    f->leaves[f->leaf_count++] = (pq_leaf){.node = at,
                                           .path = pq_str(s->name),
                                           .note = s->note,
                                           .phys = s->phys,
                                           .type_len = s->type_len,
                                           .def_max = def,
                                           .rep_max = rep};
  }
  for (uint32_t i = 0, last = PQ_NO_NODE; i < s->child_count; i++) {
    uint32_t child = f->node_count;
    schema_add(m, at, def, rep);
    if (last != PQ_NO_NODE) f->nodes[last].next = child;
    last = child;
  }
  n->leaf_count = f->leaf_count - n->first_leaf;
}

/* A footer with one top-level column of these nodes; NULL: out of memory. */
static inline pq_footer *schema_footer(pq_arena *arena, const pq_node_spec *specs, uint32_t count) {
  pq_footer *f = pq_arena_calloc(arena, 1, sizeof *f);
  schema_maker m = {.footer = f, .specs = specs};
  if (f == NULL) return NULL;
  f->nodes = pq_arena_calloc(arena, count + 1, sizeof *f->nodes);
  f->leaves = pq_arena_calloc(arena, count, sizeof *f->leaves);
  if (f->nodes == NULL || f->leaves == NULL) return NULL;
  f->nodes[0] = (pq_node){.next = PQ_NO_NODE, .leaf = PQ_NO_NODE, .child_count = 1};
  f->node_count = 1;
  schema_add(&m, 0, 0, 0);
  f->nodes[0].leaf_count = f->leaf_count;
  return f;
}

/* ---- values to columns and back, without a file ---- */

typedef struct trip {
  pq_cx cx;
  pq_arena arena;
  pq_variant_shape *shape; /* as written */
  pq_variant_shape *back;  /* as read */
  pq_split *split;
  pq_footer *footer;
  pq_tree *tree;
  pq_record record;
  pq_join *join;
  pq_column *spoilt;
  bool is_unchecked;
} trip;

static inline int trip_open(trip *t, const char *shape, bool is_optional) {
  pq_node_spec *nodes;
  uint32_t count;
  t->is_unchecked = false;
  t->split = NULL;
  t->join = NULL;
  pq_arena_init(&t->arena, &t->cx, 1 << 28);
  PQ_TRY(pq_variant_shape_parse(&t->arena, pq_str(shape), (pq_variant_levels){is_optional, 0},
                                &t->shape));
  PQ_TRY(pq_variant_shape_nodes(&t->arena, t->shape, "v", is_optional, &nodes, &count));
  t->footer = schema_footer(&t->arena, nodes, count);
  if (t->footer == NULL) return t->cx.code;
  PQ_TRY(pq_tree_of(&t->arena, t->footer, &t->tree));
  PQ_TRY(pq_variant_shape_of_tree(&t->arena, t->footer, &t->tree->children[0], &t->back));
  CHECK(t->back->leaf_count == t->shape->leaf_count);
  return pq_split_new(&t->cx, t->shape, &t->split);
}

/* Join these columns instead of the splitter's. */
static inline int trip_join(trip *t, const pq_column *columns) {
  const pq_column **by_leaf = pq_arena_calloc(&t->arena, t->footer->leaf_count, sizeof *by_leaf);
  if (by_leaf == NULL) return t->cx.code;
  for (uint32_t i = 0; i < t->footer->leaf_count; i++)
    by_leaf[i] = &columns[i];
  PQ_TRY(pq_record_init(&t->record, &t->arena, t->footer, t->tree, by_leaf));
  return pq_join_new(&t->cx, "t.parquet", t->back, !t->is_unchecked, &t->join);
}

static inline int trip_turn(trip *t) {
  return trip_join(t, pq_split_columns(t->split));
}

static inline void trip_close(trip *t) {
  pq_join_free(t->join);
  pq_split_free(t->split);
  pq_arena_release(&t->arena);
}

#endif
