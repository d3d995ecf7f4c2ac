/* shred/field_tree.c - see field_tree.h.
 *
 *   levels of {"a": {"l": "int[]"}}     a: def 1   l: def 2   list: def 3, rep 1   element: def 4
 *
 * A null at a level leaves one entry in each leaf below it, at the level of what is there above
 * (Dremel's record shredding, parquet/format.h).
 */
#include "shred/field_tree.h"

#include <string.h>

enum {
  LEVEL_MAX = 200,
  PAGE_LEN = 32 << 10, /* as all small columns of entity files have it */
  VARIANT_PAGE_LEN = 64 << 10
};

/* ---- trees ---- */

/* Counters of a tree in the making. */
typedef struct grower {
  pq_arena *arena;
  uint32_t leaf_count;
} grower;

static int grow(grower *g, const pq_schema_field *f, bool is_item, uint32_t def, uint32_t rep,
                pq_field_tree *out);

static int grow_list(grower *g, const pq_schema_field *f, uint32_t rep, pq_field_tree *t) {
  t->kind = PQ_FIELD_IS_LIST;
  t->rep = rep + 1;
  t->child_count = 1;
  t->children = pq_arena_calloc(g->arena, 1, sizeof *t->children);
  if (t->children == NULL) return g->arena->cx->code;
  return grow(g, f, true, t->def + 1, t->rep, t->children);
}

static int grow_vector(grower *g, uint32_t rep, pq_field_tree *t) {
  t->kind = PQ_FIELD_IS_LIST;
  t->rep = rep + 1;
  t->child_count = 1;
  t->children = pq_arena_calloc(g->arena, 1, sizeof *t->children);
  if (t->children == NULL) return g->arena->cx->code;
  *t->children = (pq_field_tree){.kind = PQ_FIELD_IS_LEAF,
                                 .column = {.type = PQ_INDEX_FLOAT, .field_id = -1},
                                 .repetition = PQ_REQUIRED,
                                 .def = t->def + 1,
                                 .first_leaf = g->leaf_count++,
                                 .leaf_count = 1,
                                 .node_count = 1};
  return PQ_OK;
}

static int grow_group(grower *g, const pq_schema_field *f, uint32_t rep, pq_field_tree *t) {
  t->kind = PQ_FIELD_IS_GROUP;
  t->children = pq_arena_calloc(g->arena, f->field_count, sizeof *t->children);
  if (t->children == NULL) return g->arena->cx->code;
  for (uint32_t i = 0; i < f->field_count; i++) {
    if (f->fields[i].type == PQ_FIELD_EDGE) continue;
    PQ_TRY(grow(g, &f->fields[i], false, t->def, rep, &t->children[t->child_count++]));
  }
  return PQ_OK;
}

/* Has an object a field that is data? A group needs one. */
static bool has_fields(const pq_schema_field *f) {
  for (uint32_t i = 0; i < f->field_count; i++)
    if (f->fields[i].type != PQ_FIELD_EDGE) return true;
  return false;
}

static void grow_leaf(grower *g, const pq_schema_field *f, pq_field_tree *t) {
  t->kind = PQ_FIELD_IS_LEAF;
  t->column.type = pq_schema_column_type(f);
  t->column.precision = (uint8_t)f->precision;
  t->column.scale = (uint8_t)f->scale;
  g->leaf_count++;
}

/* The tree of a field, or of an item of it, below levels `def` and `rep`. Recursion follows the
 * schema, whose depth is limited. */
static int grow(grower *g, const pq_schema_field *f, bool is_item, uint32_t def, uint32_t rep,
                pq_field_tree *t) {
  int rc = PQ_OK;
  if (def > LEVEL_MAX) return pq_fail(g->arena->cx, PQ_ELIMIT, "a schema of too many levels");
  *t = (pq_field_tree){.column = {.path = f->name, .name = f->name, .field_id = -1},
                       .repetition = PQ_OPTIONAL,
                       .def = def + 1,
                       .first_leaf = g->leaf_count};
  if (is_item) t->column.name = PQ_SLICE("element");
  if (f->is_list && !is_item) {
    rc = grow_list(g, f, rep, t);
  } else if (f->type == PQ_FIELD_VECTOR) {
    rc = grow_vector(g, rep, t);
  } else if (f->type == PQ_FIELD_OBJECT && has_fields(f)) {
    rc = grow_group(g, f, rep, t);
  } else if (f->type == PQ_FIELD_OBJECT || f->type == PQ_FIELD_JSON) {
    t->kind = PQ_FIELD_IS_VARIANT;
    g->leaf_count += 2;
  } else {
    grow_leaf(g, f, t);
  }
  t->leaf_count = g->leaf_count - t->first_leaf;
  t->node_count = t->kind == PQ_FIELD_IS_VARIANT ? 3 : t->kind == PQ_FIELD_IS_LIST ? 2 : 1;
  for (uint32_t i = 0; rc == PQ_OK && i < t->child_count; i++)
    t->node_count += t->children[i].node_count;
  return rc;
}

int pq_field_tree_new(pq_arena *arena, const pq_schema_field *field, pq_slice name,
                      pq_field_tree **out) {
  grower g = {.arena = arena};
  *out = NULL;
  if (field->type == PQ_FIELD_EDGE) return PQ_OK;
  *out = pq_arena_calloc(arena, 1, sizeof **out);
  if (*out == NULL) return arena->cx->code;
  PQ_TRY(grow(&g, field, false, 0, 0, *out));
  (*out)->column.name = name;
  (*out)->column.field_id = PQ_SCHEMA_FIELD_ID_FIRST + (int32_t)field->id;
  return PQ_OK;
}

int pq_field_tree_variant(pq_arena *arena, const char *name, int32_t field_id,
                          pq_field_tree **out) {
  *out = pq_arena_calloc(arena, 1, sizeof **out);
  if (*out == NULL) return arena->cx->code;
  **out = (pq_field_tree){.kind = PQ_FIELD_IS_VARIANT,
                          .column = {.name = pq_str(name), .field_id = field_id},
                          .repetition = PQ_OPTIONAL,
                          .def = 1,
                          .leaf_count = 2,
                          .node_count = 3};
  return PQ_OK;
}

/* ---- nodes ---- */

static pq_node_spec variant_leaf(const char *name, pq_hint hint) {
  return (pq_node_spec){.name = name,
                        .repetition = PQ_REQUIRED,
                        .field_id = -1,
                        .phys = PQ_PHYS_BYTES,
                        .hint = hint,
                        .page_len = VARIANT_PAGE_LEN};
}

int pq_field_tree_nodes(pq_arena *arena, const pq_field_tree *t, pq_node_spec *out) {
  char *name = pq_arena_str(arena, t->column.name.n == 0 ? PQ_SLICE("element") : t->column.name);
  uint32_t at = 1;
  if (name == NULL) return arena->cx->code;
  out[0] = (pq_node_spec){.field_id = t->column.field_id, .child_count = t->child_count};
  switch (t->kind) {
    case PQ_FIELD_IS_LEAF:
      out[0] = pq_leaf_node(&t->column);
      out[0].page_len = PAGE_LEN;
      break;
    case PQ_FIELD_IS_LIST:
      out[0].note.kind = PQ_NOTE_LIST;
      out[at++] = (pq_node_spec){
          .name = "list", .repetition = PQ_REPEATED, .child_count = 1, .field_id = -1};
      break;
    case PQ_FIELD_IS_GROUP: break;
    case PQ_FIELD_IS_VARIANT:
      out[0].note.kind = PQ_NOTE_VARIANT;
      out[0].child_count = 2;
      out[1] = variant_leaf("metadata", PQ_HINT_AUTO);
      out[2] = variant_leaf("value", PQ_HINT_PLAIN);
      break;
  }
  out[0].name = name;
  out[0].repetition = t->repetition;
  for (uint32_t i = 0; i < t->child_count; i++) {
    PQ_TRY(pq_field_tree_nodes(arena, &t->children[i], out + at));
    at += t->children[i].node_count;
  }
  return PQ_OK;
}

/* ---- columns ---- */

static void init_columns(const pq_field_tree *t, uint32_t rep, pq_leaf_column *columns) {
  if (t->kind == PQ_FIELD_IS_LEAF)
    pq_leaf_column_init(&columns[t->first_leaf], pq_leaf_node(&t->column).phys, t->def, rep);
  for (uint32_t i = 0; t->kind == PQ_FIELD_IS_VARIANT && i < 2; i++)
    pq_leaf_column_init(&columns[t->first_leaf + i], PQ_PHYS_BYTES, t->def, rep);
  for (uint32_t i = 0; i < t->child_count; i++)
    init_columns(&t->children[i], t->kind == PQ_FIELD_IS_LIST ? t->rep : rep, columns);
}

void pq_field_tree_columns(const pq_field_tree *t, pq_leaf_column *columns) {
  init_columns(t, 0, columns);
}

/* Walks as put does. */
static bool fits(const pq_field_tree *t, pq_value v) {
  bool is_null = pq_value_is_missing(v) || pq_value_type(v) == PQ_TYPE_NULL;
  if (is_null) return t->repetition == PQ_OPTIONAL;
  switch (t->kind) {
    case PQ_FIELD_IS_LEAF: return pq_leaf_fits(v, &t->column);
    case PQ_FIELD_IS_VARIANT: return true;
    case PQ_FIELD_IS_LIST:
      for (uint32_t i = 0; i < pq_value_count(v); i++)
        if (!fits(t->children, pq_array_at(v, i))) return false;
      return pq_value_type(v) == PQ_TYPE_ARRAY;
    case PQ_FIELD_IS_GROUP:
      for (uint32_t i = 0; i < t->child_count; i++)
        if (!fits(&t->children[i], pq_object_get(v, t->children[i].column.path))) return false;
      return pq_value_type(v) == PQ_TYPE_OBJECT;
  }
  pq_unreachable("kind of field");
}

/* Where a value goes. */
typedef struct putter {
  pq_arena *arena;
  pq_leaf_column *columns;
} putter;

static int put_leaf(putter *p, const pq_field_tree *t, pq_value v, uint32_t rep) {
  pq_leaf_column *leaf = &p->columns[t->first_leaf];
  pq_column column;
  uint8_t *slot;
  PQ_TRY(pq_leaf_column_add(leaf, p->arena->cx, t->def, rep, &slot));
  column = pq_leaf_column_view(leaf, leaf->count);
  return pq_leaf_set(p->arena, v, &t->column, &column, leaf->count - 1);
}

static int put_variant(putter *p, const pq_field_tree *t, pq_value v, uint32_t rep) {
  pq_slice parts[2] = {pq_value_meta(v), pq_value_bytes(v)};
  uint8_t *slot;
  for (uint32_t i = 0; i < 2; i++) {
    pq_leaf_column *leaf = &p->columns[t->first_leaf + i];
    PQ_TRY(pq_leaf_column_add(leaf, p->arena->cx, t->def, rep, &slot));
    memcpy(slot, &parts[i], sizeof parts[i]);
  }
  return PQ_OK;
}

/* `def`: the level of what is there above. */
static int put(putter *p, const pq_field_tree *t, pq_value v, uint32_t def, uint32_t rep) {
  uint32_t count = pq_value_count(v);
  bool is_null = pq_value_is_missing(v) || pq_value_type(v) == PQ_TYPE_NULL;
  bool is_empty = t->kind == PQ_FIELD_IS_LIST && count == 0;
  if (is_null || is_empty)
    return pq_leaf_columns_skip(&p->columns[t->first_leaf], t->leaf_count, p->arena->cx,
                                is_null ? def : t->def, rep);
  switch (t->kind) {
    case PQ_FIELD_IS_LEAF: return put_leaf(p, t, v, rep);
    case PQ_FIELD_IS_VARIANT: return put_variant(p, t, v, rep);
    case PQ_FIELD_IS_LIST:
      for (uint32_t i = 0; i < count; i++)
        PQ_TRY(put(p, t->children, pq_array_at(v, i), t->def + 1, i == 0 ? rep : t->rep));
      return PQ_OK;
    case PQ_FIELD_IS_GROUP:
      for (uint32_t i = 0; i < t->child_count; i++) {
        const pq_field_tree *child = &t->children[i];
        PQ_TRY(put(p, child, pq_object_get(v, child->column.path), t->def, rep));
      }
      return PQ_OK;
  }
  pq_unreachable("kind of field");
}

int pq_field_tree_put(const pq_field_tree *t, pq_arena *arena, pq_value v,
                      pq_leaf_column *columns) {
  putter p = {arena, columns};
  return put(&p, t, fits(t, v) ? v : (pq_value){0}, 0, 0);
}
