/* shred/variant_split.c - see variant_split.h.
 *
 * An object's stored fields and a shape's fields are both sorted by name: one merge finds which
 * go into columns and which into the residual object.
 *
 *   stored   a  b  c  e        residual: c e, copied with their ids, the metadata is the same
 *   shape    a  b  d           d is missing: a null in each leaf below it
 */
#include "shred/variant_split.h"

#include <string.h>

#include "shred/leaf_column.h"

enum { UUID_LEN = 16, DECIMAL16_LEN = 16 };

struct pq_split {
  pq_cx *cx;                     /* borrowed */
  const pq_variant_shape *shape; /* borrowed */
  pq_leaf_column *columns;       /* owned */
  pq_column *out;                /* owned */
  pq_arena arena;                /* residual objects, wide numbers: of this row group */
  uint32_t *rest;                /* owned; stack of storage indexes of residual fields */
  uint32_t rest_count, rest_cap;
  uint32_t row_count;
  pq_slice meta; /* of the value that is being split */
  pq_names names;
};

/* ---- columns ---- */

static void columns_of(pq_split *p, const pq_pair *s, uint32_t rep) {
  pq_leaf_column_init(&p->columns[s->value_leaf], PQ_PHYS_BYTES, s->value_def, rep);
  if (s->kind == PQ_PAIR_PRIMITIVE)
    pq_leaf_column_init(&p->columns[s->typed_leaf], s->phys, s->typed_def, rep);
  for (uint32_t i = 0; i < s->child_count; i++)
    columns_of(p, &s->children[i], s->kind == PQ_PAIR_ARRAY ? s->rep : rep);
}

static int add_bytes(pq_split *p, uint32_t leaf, pq_slice v, uint32_t rep) {
  pq_leaf_column *c = &p->columns[leaf];
  uint8_t *slot;
  PQ_TRY(pq_leaf_column_add(c, p->cx, c->def_max, rep, &slot));
  memcpy(slot, &v, sizeof v);
  return PQ_OK;
}

static int add_nulls(pq_split *p, uint32_t first, uint32_t count, uint32_t def, uint32_t rep) {
  return pq_leaf_columns_skip(&p->columns[first], count, p->cx, def, rep);
}

/* ---- life cycle ---- */

void pq_split_free(pq_split *p) {
  uint32_t n;
  if (p == NULL) return;
  n = p->shape->leaf_count;
  for (uint32_t i = 0; p->columns != NULL && i < n; i++)
    pq_leaf_column_release(&p->columns[i], p->cx);
  if (p->columns != NULL) pq_alloc(p->cx, p->columns, n * sizeof *p->columns, 0);
  if (p->out != NULL) pq_alloc(p->cx, p->out, n * sizeof *p->out, 0);
  if (p->rest != NULL) pq_alloc(p->cx, p->rest, p->rest_cap * sizeof *p->rest, 0);
  pq_arena_release(&p->arena);
  pq_alloc(p->cx, p, sizeof *p, 0);
}

int pq_split_new(pq_cx *cx, const pq_variant_shape *shape, pq_split **out) {
  pq_split *p = pq_alloc(cx, NULL, 0, sizeof *p);
  size_t n = shape->leaf_count;
  *out = NULL;
  if (p == NULL) return pq_fail_nomem(cx);
  *p = (pq_split){.cx = cx, .shape = shape};
  pq_arena_init(&p->arena, cx, cx->limits.op_len_max);
  p->columns = pq_alloc(cx, NULL, 0, n * sizeof *p->columns);
  p->out = pq_alloc(cx, NULL, 0, n * sizeof *p->out);
  if (p->columns != NULL) memset(p->columns, 0, n * sizeof *p->columns);
  if (p->columns == NULL || p->out == NULL) {
    pq_split_free(p);
    return pq_fail_nomem(cx);
  }
  pq_leaf_column_init(&p->columns[0], PQ_PHYS_BYTES, shape->metadata_def, shape->levels.rep);
  columns_of(p, &shape->root, shape->levels.rep);
  *out = p;
  return PQ_OK;
}

void pq_split_clear(pq_split *p) {
  for (uint32_t i = 0; i < p->shape->leaf_count; i++)
    p->columns[i].count = 0;
  p->rest_count = 0;
  p->row_count = 0;
  pq_arena_clear(&p->arena);
}

const pq_column *pq_split_columns(pq_split *p) {
  for (uint32_t i = 0; i < p->shape->leaf_count; i++)
    p->out[i] = pq_leaf_column_view(&p->columns[i], p->row_count);
  return p->out;
}

/* ---- primitives ---- */

/* Is the magnitude of a 128-bit number below 10^digits? */
static bool has_digits(pq_decimal d, unsigned digits) {
  uint64_t hi = 0, lo = 1;
  for (unsigned i = 0; i < digits; i++) {
    uint64_t low = (lo & UINT32_MAX) * 10, high = (lo >> 32) * 10 + (low >> 32);
    lo = high << 32 | (low & UINT32_MAX);
    hi = hi * 10 + (high >> 32);
  }
  return d.hi < hi || (d.hi == hi && d.lo < lo);
}

static bool fits_primitive(const pq_pair *s, pq_value v) {
  int id = pq_primitive_id(v);
  pq_decimal d;
  switch (s->primitive) {
    case PQ_PRIM_TRUE: return id == PQ_PRIM_TRUE || id == PQ_PRIM_FALSE;
    case PQ_PRIM_STRING: return id == PQ_PRIM_STRING || (v.p[0] & 3) == PQ_BASIC_SHORT;
    case PQ_PRIM_INT16:
    case PQ_PRIM_INT32:
    case PQ_PRIM_INT64:
      return id == s->primitive || (s->is_wide && id >= PQ_PRIM_INT8 && id <= s->primitive);
    case PQ_PRIM_DOUBLE: return id == PQ_PRIM_DOUBLE || (s->is_wide && id == PQ_PRIM_FLOAT);
    case PQ_PRIM_DECIMAL4:
    case PQ_PRIM_DECIMAL8:
    case PQ_PRIM_DECIMAL16:
      return id == s->primitive && pq_value_decimal(v, &d) && d.scale == s->scale &&
             has_digits(d, s->precision);
    default: return id == s->primitive;
  }
}

/* Little-endian to Parquet's big-endian bytes. */
static int decimal_bytes(pq_split *p, const uint8_t *le, pq_slice *out) {
  uint8_t *be = pq_arena_alloc(&p->arena, DECIMAL16_LEN);
  *out = (pq_slice){be, DECIMAL16_LEN};
  if (be == NULL) return p->cx->code;
  for (int i = 0; i < DECIMAL16_LEN; i++)
    be[i] = le[DECIMAL16_LEN - 1 - i];
  return PQ_OK;
}

static int add_slice(pq_split *p, const pq_pair *s, pq_value v, uint32_t rep) {
  pq_slice bytes = {0};
  switch (s->primitive) {
    case PQ_PRIM_DECIMAL16: PQ_TRY(decimal_bytes(p, v.p + 2, &bytes)); break;
    case PQ_PRIM_UUID: bytes = (pq_slice){v.p + 1, UUID_LEN}; break;
    default:
      if ((v.p[0] & 3) == PQ_BASIC_SHORT)
        bytes = (pq_slice){v.p + 1, v.len - 1};
      else
        bytes = (pq_slice){v.p + 5, v.len - 5};
  }
  return add_bytes(p, s->typed_leaf, bytes, rep);
}

/* A number of the column's type, from one of as many bits or fewer. */
static int add_number(pq_split *p, const pq_pair *s, pq_value v, uint32_t rep) {
  pq_leaf_column *c = &p->columns[s->typed_leaf];
  uint8_t *slot;
  int64_t i;
  double d;
  PQ_TRY(pq_leaf_column_add(c, p->cx, c->def_max, rep, &slot));
  switch (s->primitive) {
    case PQ_PRIM_TRUE: *slot = pq_primitive_id(v) == PQ_PRIM_TRUE; return PQ_OK;
    case PQ_PRIM_DOUBLE:
      if (pq_value_double(v, &d)) memcpy(slot, &d, sizeof d);
      return PQ_OK;
    case PQ_PRIM_DECIMAL4: i = (int32_t)pq_rd32(v.p + 2); break;
    case PQ_PRIM_DECIMAL8: i = (int64_t)pq_rd64(v.p + 2); break;
    case PQ_PRIM_FLOAT:
    case PQ_PRIM_DATE: i = (int32_t)pq_rd32(v.p + 1); break;
    default:
      if (!pq_value_i64(v, &i)) i = (int64_t)pq_rd64(v.p + 1); /* times */
  }
  if (c->value_len == 4) {
    int32_t half = (int32_t)i; /* it fits: its Variant has no more bits */
    memcpy(slot, &half, sizeof half);
  } else {
    memcpy(slot, &i, sizeof i);
  }
  return PQ_OK;
}

/* ---- objects, arrays ---- */

static int rest_push(pq_split *p, uint32_t at) {
  if (p->rest_count == p->rest_cap) {
    uint32_t cap = p->rest_cap == 0 ? 64 : p->rest_cap * 2;
    uint32_t *q;
    if (p->rest_cap > UINT32_MAX / 8) return pq_fail(p->cx, PQ_ELIMIT, "object of too many fields");
    q = pq_alloc(p->cx, p->rest, p->rest_cap * sizeof *q, cap * sizeof *q);
    if (q == NULL) return pq_fail_nomem(p->cx);
    p->rest = q;
    p->rest_cap = cap;
  }
  p->rest[p->rest_count++] = at;
  return PQ_OK;
}

/* The object of the fields pushed since `first`. */
static int rest_object(pq_split *p, const pq_container *c, uint32_t first, pq_slice *out) {
  uint32_t n = p->rest_count - first, id_max = 0, off = 0;
  const uint32_t *rest = p->rest + first;
  pq_container_form form;
  uint8_t *start, *q, *values;
  for (uint32_t i = 0; i < n; i++) {
    off += (uint32_t)pq_container_bytes(c, rest[i]).n;
    if (pq_container_id(c, rest[i]) > id_max) id_max = pq_container_id(c, rest[i]);
  }
  form = pq_container_form_of(true, n, id_max, off);
  *out = (pq_slice){0};
  start = pq_arena_alloc(&p->arena, form.header_len + off);
  if (start == NULL) return p->cx->code;
  *out = (pq_slice){start, form.header_len + off};
  q = pq_container_begin(start, form, n);
  for (uint32_t i = 0; i < n; i++)
    q = pq_put_uint(q, pq_container_id(c, rest[i]), form.id_len);
  values = start + form.header_len;
  off = 0;
  for (uint32_t i = 0; i < n; i++) {
    pq_slice bytes = pq_container_bytes(c, rest[i]);
    q = pq_put_uint(q, off, form.off_len);
    memcpy(values + off, bytes.p, bytes.n);
    off += (uint32_t)bytes.n;
  }
  pq_put_uint(q, off, form.off_len);
  p->rest_count = first;
  return PQ_OK;
}

static int split_pair(pq_split *p, const pq_pair *s, pq_slice v, uint32_t rep);

static int split_object(pq_split *p, const pq_pair *s, const pq_container *c, uint32_t rep) {
  uint32_t at = 0, first = p->rest_count;
  pq_slice name = {0}, rest;
  if (c->count > 0) name = pq_names_at(&p->names, pq_container_id(c, 0));
  for (uint32_t i = 0; i < s->child_count; i++) {
    pq_slice field = {0};
    int order = 1;
    while (at < c->count && (order = pq_slice_cmp(name, s->children[i].name)) <= 0) {
      if (order == 0) field = pq_container_bytes(c, at);
      if (order < 0) PQ_TRY(rest_push(p, at));
      if (++at < c->count) name = pq_names_at(&p->names, pq_container_id(c, at));
      if (order == 0) break;
    }
    PQ_TRY(split_pair(p, &s->children[i], field, rep));
  }
  for (; at < c->count; at++)
    PQ_TRY(rest_push(p, at));
  if (p->rest_count == first) return add_nulls(p, s->value_leaf, 1, s->def, rep);
  PQ_TRY(rest_object(p, c, first, &rest));
  return add_bytes(p, s->value_leaf, rest, rep);
}

static int split_array(pq_split *p, const pq_pair *s, const pq_container *c, uint32_t rep) {
  PQ_TRY(add_nulls(p, s->value_leaf, 1, s->def, rep));
  if (c->count == 0) return add_nulls(p, s->typed_leaf, s->typed_leaf_count, s->typed_def, rep);
  for (uint32_t i = 0; i < c->count; i++)
    PQ_TRY(split_pair(p, s->children, pq_container_bytes(c, i), i == 0 ? rep : s->rep));
  return PQ_OK;
}

/* One value, or none (p == NULL), into a pair's columns. */
static int split_pair(pq_split *p, const pq_pair *s, pq_slice bytes, uint32_t rep) {
  pq_value v = {p->meta.p, bytes.p, (uint32_t)p->meta.n, (uint32_t)bytes.n};
  pq_container c;
  if (bytes.p == NULL) return add_nulls(p, s->first_leaf, s->leaf_count, s->def, rep);
  switch (s->kind) {
    case PQ_PAIR_ANY: break;
    case PQ_PAIR_PRIMITIVE:
      if (!fits_primitive(s, v)) break;
      PQ_TRY(add_nulls(p, s->value_leaf, 1, s->def, rep));
      return s->phys >= PQ_PHYS_BYTES ? add_slice(p, s, v, rep) : add_number(p, s, v, rep);
    case PQ_PAIR_OBJECT:
      if (!pq_container_open(v, &c) || c.ids == NULL) break;
      return split_object(p, s, &c, rep);
    case PQ_PAIR_ARRAY:
      if (!pq_container_open(v, &c) || c.ids != NULL) break;
      return split_array(p, s, &c, rep);
  }
  PQ_TRY(add_bytes(p, s->value_leaf, bytes, rep));
  return add_nulls(p, s->typed_leaf, s->typed_leaf_count, s->def, rep);
}

/* ---- rows ---- */

int pq_split_put(pq_split *p, pq_value v, uint32_t rep) {
  pq_assert(v.p != NULL);
  p->meta = pq_value_meta(v);
  p->names = pq_names_of(v);
  p->row_count += rep == 0;
  PQ_TRY(add_bytes(p, 0, p->meta, rep));
  return split_pair(p, &p->shape->root, pq_value_bytes(v), rep);
}

int pq_split_skip(pq_split *p, uint32_t def, uint32_t rep) {
  pq_assert(def < p->shape->root.def);
  p->row_count += rep == 0;
  return add_nulls(p, 0, p->shape->leaf_count, def, rep);
}
