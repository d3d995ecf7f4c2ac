/* shred/variant_join.c - see variant_join.h.
 *
 * One pass: values are appended to a buffer as they come from the columns; when an object or an
 * array is complete its header is put in front of its values, as the builder does it.
 *
 *   buffer   … | v(a) v(b) v(c)               entries   … | (id a, 0) (id b, 2) (id c, 9)
 *   then     … | head ids offs v(a) v(b) v(c)            the object's are gone
 *
 * Names become ids of the row's metadata. Rows mostly have the metadata of the row before, and
 * else mostly have a field under the id it had before: only what is not there is searched.
 */
#include "shred/variant_join.h"

#include <string.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/text.h"

/* Fewer names than this are searched one by one. */
enum { NAMES_HASHED_MIN = 24, PRIMITIVE_LEN_MAX = 18, STRING_HEAD_LEN = 5 };

struct pq_join {
  pq_cx *cx;                     /* borrowed */
  const char *key;               /* borrowed */
  const pq_variant_shape *shape; /* borrowed */
  bool is_checked;
  pq_buf out;        /* values being built */
  uint64_t *entries; /* owned; of open containers: field id << 32 | offset in the container */
  uint32_t entry_count, entry_cap;
  /* the metadata of the row */
  pq_slice meta;    /* borrowed from the columns */
  pq_buf last_meta; /* the one that `names` and `ids` were made for; a copy */
  bool has_names;
  pq_names names;
  pq_table table; /* of its names, if there are many */
  bool has_table;
  uint32_t *ids;    /* owned; by slot: the field's id, here or in metadata before */
  uint32_t *stamps; /* owned; by slot: the metadata that the id is known for */
  uint32_t stamp;
  uint64_t done_count; /* values before this one, for messages */
};

static int bad(const pq_join *j, const pq_pair *s, const char *what) {
  pq_slice path = j->shape->path;
  return pq_fail(j->cx, PQ_ECORRUPT, "%s: variant column %.*s, value %llu: %s in %.*s", j->key,
                 (int)(path.n > 80 ? 80 : path.n), path.n == 0 ? "" : (const char *)path.p,
                 (unsigned long long)j->done_count, what, (int)(s->name.n > 40 ? 40 : s->name.n),
                 s->name.n == 0 ? "" : (const char *)s->name.p);
}

/* ---- life cycle ---- */

void pq_join_free(pq_join *j) {
  uint32_t slots;
  if (j == NULL) return;
  slots = j->shape->slot_count;
  if (j->ids != NULL) pq_alloc(j->cx, j->ids, slots * sizeof *j->ids, 0);
  if (j->stamps != NULL) pq_alloc(j->cx, j->stamps, slots * sizeof *j->stamps, 0);
  if (j->entries != NULL) pq_alloc(j->cx, j->entries, j->entry_cap * sizeof *j->entries, 0);
  pq_buf_release(&j->out);
  pq_buf_release(&j->last_meta);
  pq_table_release(&j->table);
  pq_alloc(j->cx, j, sizeof *j, 0);
}

int pq_join_new(pq_cx *cx, const char *key, const pq_variant_shape *shape, bool is_checked,
                pq_join **out) {
  pq_join *j = pq_alloc(cx, NULL, 0, sizeof *j);
  size_t len = shape->slot_count * sizeof(uint32_t);
  *out = NULL;
  if (j == NULL) return pq_fail_nomem(cx);
  *j = (pq_join){.cx = cx, .key = key, .shape = shape, .is_checked = is_checked, .stamp = 1};
  pq_buf_init(&j->out, cx, INT32_MAX);
  pq_buf_init(&j->last_meta, cx, INT32_MAX);
  pq_table_init(&j->table, cx);
  j->ids = pq_alloc(cx, NULL, 0, len);
  j->stamps = pq_alloc(cx, NULL, 0, len);
  if (j->ids == NULL || j->stamps == NULL) {
    pq_join_free(j);
    return pq_fail_nomem(cx);
  }
  memset(j->ids, 0, len);
  memset(j->stamps, 0, len);
  *out = j;
  return PQ_OK;
}

/* ---- names ---- */

/* Get ready to look names up in the row's metadata. */
static int use_names(pq_join *j) {
  pq_value v = {.meta = NULL};
  if (j->has_names && j->meta.n == j->last_meta.len &&
      memcmp(j->meta.p, j->last_meta.p, j->meta.n) == 0)
    return PQ_OK;
  j->has_names = false;
  j->has_table = false;
  PQ_TRY(pq_meta_check(j->cx, j->meta));
  pq_buf_clear(&j->last_meta);
  PQ_TRY(pq_buf_put_slice(&j->last_meta, j->meta));
  v.meta = j->last_meta.p;
  v.meta_len = (uint32_t)j->last_meta.len;
  j->names = pq_names_of(v);
  j->has_names = true;
  if (++j->stamp == 0) { /* after 2^32 of them: forget what the oldest knew */
    memset(j->stamps, 0, j->shape->slot_count * sizeof *j->stamps);
    j->stamp = 1;
  }
  return PQ_OK;
}

static int fill_table(pq_join *j) {
  pq_table_clear(&j->table);
  for (uint32_t i = 0; i < j->names.count; i++)
    PQ_TRY(pq_table_add(&j->table, pq_hash(pq_names_at(&j->names, i), 0), i));
  j->has_table = true;
  return PQ_OK;
}

/* The id of a name; PQ_TABLE_NONE: the metadata lacks it. */
static int find_name(pq_join *j, pq_slice name, uint32_t *id) {
  uint64_t hash;
  size_t pos;
  *id = PQ_TABLE_NONE;
  if (j->names.count < NAMES_HASHED_MIN) {
    for (uint32_t i = 0; i < j->names.count && *id == PQ_TABLE_NONE; i++)
      if (pq_slice_eq(pq_names_at(&j->names, i), name)) *id = i;
    return PQ_OK;
  }
  if (!j->has_table) PQ_TRY(fill_table(j));
  hash = pq_hash(name, 0);
  *id = pq_table_first(&j->table, hash, &pos);
  while (*id != PQ_TABLE_NONE && !pq_slice_eq(pq_names_at(&j->names, *id), name))
    *id = pq_table_next(&j->table, hash, &pos);
  return PQ_OK;
}

static int field_id(pq_join *j, const pq_pair *s, uint32_t *out) {
  uint32_t *id = &j->ids[s->slot];
  *out = 0;
  if (j->stamps[s->slot] != j->stamp) {
    if (*id >= j->names.count || !pq_slice_eq(pq_names_at(&j->names, *id), s->name)) {
      PQ_TRY(find_name(j, s->name, id));
      if (*id == PQ_TABLE_NONE) return bad(j, s, "a field name that the metadata lacks");
    }
    j->stamps[s->slot] = j->stamp;
  }
  *out = *id;
  return PQ_OK;
}

/* ---- what is there ---- */

/* Is the record's entry of a leaf at or above a level? */
static inline bool reaches(const pq_record *r, uint32_t leaf, uint32_t def) {
  const pq_column *c = r->columns[leaf];
  uint32_t at = r->pos[leaf];
  if (c->def != NULL) return c->def[at] >= def;
  return !pq_column_is_null(c, at) || def < r->footer->leaves[leaf].def_max;
}

static inline void pass(pq_record *r, uint32_t first, uint32_t count) {
  for (uint32_t i = first; i < first + count; i++)
    r->pos[i]++;
}

static inline bool has_more(const pq_record *r, uint32_t leaf, uint32_t rep) {
  const pq_column *c = r->columns[leaf];
  uint32_t at = r->pos[leaf];
  return c->rep != NULL && at < pq_column_entries(c) && c->rep[at] >= rep;
}

/* ---- typed values to bytes ---- */

static inline int make_room(pq_join *j, size_t len) {
  return len <= j->out.cap - j->out.len ? PQ_OK : pq_buf_reserve(&j->out, len);
}

static int put_text(pq_join *j, const pq_pair *s, pq_slice v) {
  uint8_t *p;
  bool is_string = s->primitive == PQ_PRIM_STRING;
  if (is_string && j->is_checked && !pq_utf8_is_valid(v))
    return bad(j, s, "text that is not UTF-8");
  if (v.n > INT32_MAX) return pq_fail(j->cx, PQ_ELIMIT, "value of %zu bytes", v.n);
  PQ_TRY(make_room(j, v.n + STRING_HEAD_LEN));
  p = j->out.p + j->out.len;
  if (is_string && v.n <= PQ_SHORT_STRING_MAX) {
    *p++ = (uint8_t)(v.n << 2 | PQ_BASIC_SHORT);
  } else {
    *p = (uint8_t)(s->primitive << 2);
    pq_wr32(p + 1, (uint32_t)v.n);
    p += STRING_HEAD_LEN;
  }
  if (v.n > 0) memcpy(p, v.p, v.n);
  j->out.len = (size_t)(p - j->out.p) + v.n;
  return PQ_OK;
}

/* Big-endian two's complement of any length to 16 bytes little-endian. */
static bool widen_decimal(pq_slice v, uint8_t out[16]) {
  uint8_t sign = v.n > 0 && v.p[0] >> 7 != 0 ? 0xff : 0;
  if (v.n == 0) return false;
  for (size_t i = 0; i + 16 < v.n; i++)
    if (v.p[i] != sign) return false;
  if (v.n > 16 && (v.p[v.n - 16] ^ sign) >> 7 != 0) return false;
  for (size_t i = 0; i < 16; i++)
    out[i] = i < v.n ? v.p[v.n - 1 - i] : sign;
  return true;
}

/* A primitive of fixed length; the bytes written, 0: out of its type's range. */
static size_t primitive_bytes(const pq_pair *s, const pq_column *c, uint32_t at, uint8_t *p) {
  uint32_t bits32;
  uint64_t bits64;
  *p++ = (uint8_t)(s->primitive << 2);
  switch (s->primitive) {
    case PQ_PRIM_TRUE:
      if (c->v.b[at] == 0) p[-1] = PQ_PRIM_FALSE << 2;
      return 1;
    case PQ_PRIM_INT8:
      *p = (uint8_t)c->v.i32[at];
      return c->v.i32[at] >= INT8_MIN && c->v.i32[at] <= INT8_MAX ? 2 : 0;
    case PQ_PRIM_INT16:
      p[0] = (uint8_t)c->v.i32[at];
      p[1] = (uint8_t)((uint32_t)c->v.i32[at] >> 8);
      return c->v.i32[at] >= INT16_MIN && c->v.i32[at] <= INT16_MAX ? 3 : 0;
    case PQ_PRIM_INT32:
    case PQ_PRIM_DATE: pq_wr32(p, (uint32_t)c->v.i32[at]); return 5;
    case PQ_PRIM_FLOAT:
      memcpy(&bits32, &c->v.f32[at], sizeof bits32);
      pq_wr32(p, bits32);
      return 5;
    case PQ_PRIM_DOUBLE:
      memcpy(&bits64, &c->v.f64[at], sizeof bits64);
      pq_wr64(p, bits64);
      return 9;
    case PQ_PRIM_DECIMAL4:
      *p++ = s->scale;
      pq_wr32(p, (uint32_t)c->v.i32[at]);
      return 6;
    case PQ_PRIM_DECIMAL8:
      *p++ = s->scale;
      pq_wr64(p, (uint64_t)c->v.i64[at]);
      return 10;
    case PQ_PRIM_DECIMAL16: *p++ = s->scale; return widen_decimal(c->v.bytes[at], p) ? 18 : 0;
    case PQ_PRIM_UUID:
      if (c->v.bytes[at].n != 16) return 0;
      memcpy(p, c->v.bytes[at].p, 16);
      return 17;
    default: pq_wr64(p, (uint64_t)c->v.i64[at]); return 9;
  }
}

static int put_primitive(pq_join *j, const pq_pair *s, const pq_column *c, uint32_t at) {
  size_t len;
  if (s->primitive == PQ_PRIM_STRING || s->primitive == PQ_PRIM_BINARY)
    return put_text(j, s, c->v.bytes[at]);
  PQ_TRY(make_room(j, PRIMITIVE_LEN_MAX));
  len = primitive_bytes(s, c, at, j->out.p + j->out.len);
  if (len == 0) return bad(j, s, "a number outside of its type");
  j->out.len += len;
  return PQ_OK;
}

/* ---- containers ---- */

static int push_entry(pq_join *j, uint32_t id, size_t off) {
  if (j->entry_count == j->entry_cap) {
    uint32_t cap = j->entry_cap == 0 ? 64 : j->entry_cap * 2;
    uint64_t *p;
    size_t len;
    if (j->entry_cap > UINT32_MAX / 2 || !pq_mul_size(cap, sizeof *p, &len))
      return pq_fail(j->cx, PQ_ELIMIT, "variant of more than %u elements", j->entry_cap);
    p = pq_alloc(j->cx, j->entries, j->entry_cap * sizeof *p, len);
    if (p == NULL) return pq_fail_nomem(j->cx);
    j->entries = p;
    j->entry_cap = cap;
  }
  j->entries[j->entry_count++] = (uint64_t)id << 32 | (uint32_t)off;
  return PQ_OK;
}

/* Put a header before the values from `start` on, which belong to the entries from `first` on. */
static int put_header(pq_join *j, size_t start, uint32_t first, bool is_object) {
  uint32_t count = j->entry_count - first, values_len = (uint32_t)(j->out.len - start), id_max = 0;
  const uint64_t *entries = count == 0 ? NULL : j->entries + first;
  pq_container_form form;
  uint8_t *p;
  for (uint32_t i = 0; i < count; i++)
    if (entries[i] >> 32 > id_max) id_max = (uint32_t)(entries[i] >> 32);
  form = pq_container_form_of(is_object, count, id_max, values_len);
  PQ_TRY(make_room(j, form.header_len));
  p = j->out.p + start;
  memmove(p + form.header_len, p, values_len);
  j->out.len += form.header_len;
  p = pq_container_begin(p, form, count);
  for (uint32_t i = 0; is_object && i < count; i++)
    p = pq_put_uint(p, (uint32_t)(entries[i] >> 32), form.id_len);
  for (uint32_t i = 0; i < count; i++)
    p = pq_put_uint(p, (uint32_t)entries[i], form.off_len);
  pq_put_uint(p, values_len, form.off_len);
  j->entry_count = first;
  return PQ_OK;
}

/* The fields of a partially shredded object that are not shredded, in the order of their names. */
typedef struct residual {
  pq_container c;
  uint32_t at;
  uint32_t id;
  pq_slice name; /* of the field at `at` */
} residual;

static int residual_name(const pq_join *j, const pq_pair *s, residual *e) {
  pq_slice last = e->name;
  if (e->at == e->c.count) return PQ_OK;
  e->id = pq_container_id(&e->c, e->at);
  if (e->id >= j->names.count) return bad(j, s, "a field name outside of the metadata");
  e->name = pq_names_at(&j->names, e->id);
  if (e->at > 0 && pq_slice_cmp(last, e->name) >= 0)
    return bad(j, s, "field names that repeat or are not sorted");
  return PQ_OK;
}

static int residual_open(const pq_join *j, const pq_pair *s, pq_slice bytes, residual *e) {
  pq_value v = {j->meta.p, bytes.p, (uint32_t)j->meta.n, (uint32_t)bytes.n};
  *e = (residual){0};
  if (bytes.p == NULL) return PQ_OK;
  if (!pq_value_is_raw_object(v)) return bad(j, s, "a value that is no object beside typed fields");
  if (!pq_container_open(v, &e->c)) return bad(j, s, "a malformed object");
  return residual_name(j, s, e);
}

static int residual_put(pq_join *j, const pq_pair *s, residual *e, size_t start) {
  pq_slice bytes = pq_container_bytes(&e->c, e->at);
  if (bytes.p == NULL) return bad(j, s, "a malformed object");
  PQ_TRY(push_entry(j, e->id, j->out.len - start));
  PQ_TRY(pq_buf_put_slice(&j->out, bytes));
  e->at++;
  return residual_name(j, s, e);
}

static int join_pair(pq_join *j, pq_record *r, const pq_pair *s);

static int join_object(pq_join *j, pq_record *r, const pq_pair *s, pq_slice value) {
  size_t start = j->out.len;
  uint32_t first = j->entry_count, id;
  residual rest;
  PQ_TRY(use_names(j));
  PQ_TRY(residual_open(j, s, value, &rest));
  for (uint32_t i = 0; i < s->child_count; i++) {
    const pq_pair *field = &s->children[i];
    size_t at;
    while (rest.at < rest.c.count && pq_slice_cmp(rest.name, field->name) < 0)
      PQ_TRY(residual_put(j, s, &rest, start));
    if (rest.at < rest.c.count && pq_slice_eq(rest.name, field->name))
      return bad(j, field, "a shredded field that stands in value too");
    at = j->out.len;
    PQ_TRY(join_pair(j, r, field));
    if (j->out.len == at) continue; /* missing */
    PQ_TRY(field_id(j, field, &id));
    PQ_TRY(push_entry(j, id, at - start));
  }
  while (rest.at < rest.c.count)
    PQ_TRY(residual_put(j, s, &rest, start));
  return put_header(j, start, first, true);
}

static int join_array(pq_join *j, pq_record *r, const pq_pair *s) {
  size_t start = j->out.len;
  uint32_t first = j->entry_count;
  if (!reaches(r, s->typed_leaf, s->element_def)) {
    pass(r, s->typed_leaf, s->typed_leaf_count);
    return put_header(j, start, first, false);
  }
  do {
    size_t at = j->out.len;
    PQ_TRY(join_pair(j, r, s->children));
    if (j->out.len == at) PQ_TRY(pq_buf_put_byte(&j->out, PQ_PRIM_NULL << 2));
    PQ_TRY(push_entry(j, 0, at - start));
  } while (has_more(r, s->typed_leaf, s->rep));
  return put_header(j, start, first, false);
}

/* ---- a (value, typed_value) pair ---- */

static int check_value(pq_join *j, const pq_pair *s, pq_slice bytes) {
  pq_value v;
  size_t len;
  if (j->is_checked) return pq_value_check_part(j->cx, j->meta, bytes, s->depth, &v);
  if (bytes.n <= INT32_MAX && pq_value_size(bytes.p, bytes.n, &len) && len == bytes.n) return PQ_OK;
  return bad(j, s, "a malformed value");
}

/* The bytes in `value`, if any; moves on. */
static int take_value(pq_join *j, pq_record *r, const pq_pair *s, pq_slice *out) {
  *out = (pq_slice){0};
  if (s->value_leaf == PQ_NO_NODE) return PQ_OK;
  if (reaches(r, s->value_leaf, s->value_def)) {
    *out = r->columns[s->value_leaf]->v.bytes[r->pos[s->value_leaf]];
    if (out->n == 0) return bad(j, s, "an empty value");
    PQ_TRY(check_value(j, s, *out));
  }
  r->pos[s->value_leaf]++;
  return PQ_OK;
}

/* The basic type of the containers that a typed_value holds; -1: it holds none. */
static int basic_type(const pq_pair *s) {
  return s->kind == PQ_PAIR_OBJECT  ? PQ_BASIC_OBJECT
         : s->kind == PQ_PAIR_ARRAY ? PQ_BASIC_ARRAY
                                    : -1;
}

/* What typed_value and `value` say together. Nothing is appended when `value` alone speaks: then
 * *whole is it. */
static int join_typed(pq_join *j, pq_record *r, const pq_pair *s, pq_slice value, pq_slice *whole) {
  *whole = value;
  if (s->kind == PQ_PAIR_ANY) return PQ_OK;
  if (!reaches(r, s->typed_leaf, s->typed_def)) {
    pass(r, s->typed_leaf, s->typed_leaf_count);
    if (value.n > 0 && (value.p[0] & 3) == basic_type(s))
      return bad(j, s, "an object or array whose typed_value is null");
    return PQ_OK;
  }
  *whole = (pq_slice){0};
  if (s->kind == PQ_PAIR_OBJECT) return join_object(j, r, s, value);
  if (value.p != NULL) return bad(j, s, "both value and typed_value");
  if (s->kind == PQ_PAIR_ARRAY) return join_array(j, r, s);
  return put_primitive(j, s, r->columns[s->typed_leaf], r->pos[s->typed_leaf]++);
}

/* Append the value of a pair; nothing when it is missing. */
static int join_pair(pq_join *j, pq_record *r, const pq_pair *s) {
  pq_slice value, whole;
  if (!reaches(r, s->first_leaf, s->def)) {
    pass(r, s->first_leaf, s->leaf_count);
    return PQ_OK;
  }
  PQ_TRY(take_value(j, r, s, &value));
  PQ_TRY(join_typed(j, r, s, value, &whole));
  return whole.p == NULL ? PQ_OK : pq_buf_put_slice(&j->out, whole);
}

/* ---- whole values ---- */

static int take_built(pq_join *j, pq_arena *arena, pq_value *out) {
  pq_slice bytes;
  if (j->out.len == 0) return PQ_OK;
  PQ_TRY(pq_arena_copy(arena, pq_buf_slice(&j->out), &bytes));
  *out = (pq_value){j->meta.p, bytes.p, (uint32_t)j->meta.n, (uint32_t)bytes.n};
  return PQ_OK;
}

int pq_join_part(pq_join *j, pq_record *r, const pq_pair *part, pq_slice meta, pq_arena *arena,
                 pq_value *out) {
  pq_slice value, whole;
  *out = (pq_value){0};
  if (meta.n > INT32_MAX) return pq_fail(j->cx, PQ_ELIMIT, "metadata of %zu bytes", meta.n);
  j->meta = meta;
  j->entry_count = 0;
  pq_buf_clear(&j->out);
  if (!reaches(r, part->first_leaf, part->def)) {
    pass(r, part->first_leaf, part->leaf_count);
    return PQ_OK;
  }
  if (j->is_checked) PQ_TRY(use_names(j));
  PQ_TRY(take_value(j, r, part, &value));
  PQ_TRY(join_typed(j, r, part, value, &whole));
  if (whole.p == NULL) return take_built(j, arena, out);
  *out = (pq_value){meta.p, whole.p, (uint32_t)meta.n, (uint32_t)whole.n};
  return PQ_OK;
}

int pq_join_next(pq_join *j, pq_record *r, pq_arena *arena, pq_value *out) {
  static const uint8_t null_value = PQ_PRIM_NULL << 2;
  const pq_variant_shape *s = j->shape;
  uint32_t at = r->pos[s->metadata_leaf];
  pq_slice meta;
  *out = (pq_value){0};
  if (!reaches(r, s->first_leaf, s->root.def)) {
    pass(r, s->first_leaf, s->leaf_count);
    j->done_count++;
    return PQ_OK;
  }
  if (!reaches(r, s->metadata_leaf, s->metadata_def)) return bad(j, &s->root, "no metadata");
  meta = r->columns[s->metadata_leaf]->v.bytes[at];
  PQ_TRY(pq_join_part(j, r, &s->root, meta, arena, out));
  /* the root's leaves include the metadata's; pq_join_part moved only what it took */
  r->pos[s->metadata_leaf] = at + 1;
  if (out->p == NULL) *out = (pq_value){meta.p, &null_value, (uint32_t)meta.n, 1};
  j->done_count++;
  return PQ_OK;
}

int pq_join_primitive(pq_join *j, const pq_pair *s, const pq_column *c, uint32_t entry,
                      pq_arena *arena, pq_value *out) {
  static const uint8_t none[] = {1, 0, 0};
  *out = (pq_value){0};
  j->meta = (pq_slice){none, sizeof none};
  pq_buf_clear(&j->out);
  PQ_TRY(put_primitive(j, s, c, entry));
  return take_built(j, arena, out);
}
