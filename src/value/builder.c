/* value/builder.c - see builder.h; the dictionary's idea stands in builder_int.h.
 *
 *     values:   ...  | v1 | v2 | v3              an open container: its values
 *     end:      ...  | header ids offs | v1 | v2 | v3     one memmove
 */
#include "value/builder.h"

#include "base/text.h"
#include "value/builder_int.h"

/* Names are forgotten between documents when more than this is held. */
enum { NAMES_KEPT_MAX = 1 << 14, NAME_TEXT_KEPT_MAX = 1 << 20 };
enum { SORT_SMALL_MAX = 32, SCALAR_LEN_MAX = 18 };

int pq_builder_fail(pq_builder *b, int rc) {
  b->rc = rc;
  return rc;
}

/* An array of `item_len` grown to hold one more than `count`; NULL after a sticky failure. */
static void *grow(pq_builder *b, void *p, uint32_t *cap, size_t item_len) {
  uint32_t more = *cap == 0 ? 32 : *cap * 2;
  size_t len;
  void *out;
  if (*cap > UINT32_MAX / 2 || !pq_mul_size(more, item_len, &len)) {
    b->rc = pq_fail(b->cx, PQ_ELIMIT, "document with more than %u fields", *cap);
    return NULL;
  }
  out = pq_alloc(b->cx, p, *cap * item_len, len);
  if (out == NULL) {
    b->rc = pq_fail_nomem(b->cx);
    return NULL;
  }
  *cap = more;
  return out;
}

/* ---- life cycle ---- */

static void names_forget(pq_builder *b) {
  b->name_count = 1;
  b->names[0] = (pq_name){0};
  b->stamp = 0;
  b->has_meta = false;
  pq_table_clear(&b->table);
  pq_buf_clear(&b->name_text);
}

void pq_builder_clear(pq_builder *b) {
  if (b->name_count > NAMES_KEPT_MAX || b->name_text.len > NAME_TEXT_KEPT_MAX ||
      b->stamp == UINT32_MAX)
    names_forget(b);
  b->stamp++;
  b->rc = PQ_OK;
  b->entry_count = 0;
  b->depth = 0;
  b->key = 0;
  b->has_root = false;
  b->last = 0;
  b->doc_name_count = 0;
  b->doc_text_len = 0;
  pq_buf_clear(&b->values);
}

static void free_array(pq_cx *cx, void *p, size_t count, size_t item_len) {
  if (p != NULL) pq_alloc(cx, p, count * item_len, 0);
}

pq_cx *pq_builder_cx(const pq_builder *b) {
  return b->cx;
}

void pq_builder_free(pq_builder *b) {
  if (b == NULL) return;
  free_array(b->cx, b->entries, b->entry_cap, sizeof *b->entries);
  free_array(b->cx, b->frames, b->depth_cap, sizeof *b->frames);
  free_array(b->cx, b->names, b->name_cap, sizeof *b->names);
  free_array(b->cx, b->doc_names, b->doc_name_cap, sizeof *b->doc_names);
  free_array(b->cx, b->meta_names, b->meta_name_cap, sizeof *b->meta_names);
  pq_buf_release(&b->values);
  pq_buf_release(&b->name_text);
  pq_buf_release(&b->meta);
  pq_buf_release(&b->scratch[0]);
  pq_buf_release(&b->scratch[1]);
  pq_table_release(&b->table);
  pq_alloc(b->cx, b, sizeof *b, 0);
}

int pq_builder_new(pq_cx *cx, pq_builder **out) {
  pq_builder *b = pq_alloc(cx, NULL, 0, sizeof *b);
  size_t doc_max = cx->limits.doc_len_max, text_max = (size_t)cx->limits.command_len_max;
  *out = NULL;
  if (b == NULL) return pq_fail_nomem(cx);
  *b = (pq_builder){.cx = cx, .depth_max = cx->limits.depth_max};
  if (text_max < doc_max) text_max = doc_max;
  if (doc_max > INT32_MAX) doc_max = INT32_MAX;                   /* offsets have 32 bits */
  pq_buf_init(&b->values, cx, doc_max + PQ_SHORT_STRING_MAX + 1); /* the exact check is in view */
  pq_buf_init(&b->name_text, cx, SIZE_MAX / 2);
  pq_buf_init(&b->meta, cx, SIZE_MAX / 2);
  pq_buf_init(&b->scratch[0], cx, text_max);
  pq_buf_init(&b->scratch[1], cx, text_max);
  pq_table_init(&b->table, cx);
  b->names = grow(b, NULL, &b->name_cap, sizeof *b->names);
  /* The text is never NULL: the empty name has none, and a function may not be given NULL. */
  if (b->names == NULL || pq_buf_reserve(&b->name_text, 1) != PQ_OK) {
    int rc = cx->code;
    pq_builder_free(b);
    return rc;
  }
  names_forget(b);
  pq_builder_clear(b);
  *out = b;
  return PQ_OK;
}

/* ---- names ---- */

static pq_slice name_slice(const pq_builder *b, uint32_t name) {
  return (pq_slice){pq_name_text(b, name), b->names[name].len};
}

static uint64_t prefix_of(pq_slice s) {
  uint64_t v = 0;
  for (size_t i = 0; i < 8; i++)
    v = v << 8 | (i < s.n ? s.p[i] : 0u);
  return v;
}

static bool is_plain(pq_slice s) {
  for (size_t i = 0; i < s.n; i++)
    if (s.p[i] < 0x20 || s.p[i] == '"' || s.p[i] == '\\') return false;
  return true;
}

static int name_add(pq_builder *b, pq_slice name, uint64_t hash, uint32_t *out) {
  pq_name n = {.prefix = prefix_of(name), .len = (uint32_t)name.n, .is_plain = is_plain(name)};
  if (!pq_utf8_is_valid(name))
    return b->rc = pq_fail(b->cx, PQ_EINVALID, "field name is not UTF-8");
  if (name.n > b->cx->limits.doc_len_max || b->name_text.len > UINT32_MAX - name.n)
    return b->rc = pq_fail(b->cx, PQ_ELIMIT, "field name of %zu bytes", name.n);
  if (b->name_count == b->name_cap) {
    pq_name *names = grow(b, b->names, &b->name_cap, sizeof *names);
    if (names == NULL) return b->rc;
    b->names = names;
  }
  n.off = (uint32_t)b->name_text.len;
  b->rc = pq_buf_put_slice(&b->name_text, name);
  if (b->rc == PQ_OK) b->rc = pq_table_add(&b->table, hash, b->name_count);
  if (b->rc != PQ_OK) return b->rc;
  *out = b->name_count;
  b->names[b->name_count++] = n;
  return PQ_OK;
}

static int name_find(pq_builder *b, pq_slice name, uint32_t *out) {
  uint64_t hash = pq_hash(name, 0);
  size_t pos;
  *out = pq_table_first(&b->table, hash, &pos);
  for (; *out != PQ_TABLE_NONE; *out = pq_table_next(&b->table, hash, &pos))
    if (pq_slice_eq(name_slice(b, *out), name)) return PQ_OK;
  return name_add(b, name, hash, out);
}

/* Put a name into this document's dictionary unless it is there. */
static int name_enter(pq_builder *b, uint32_t name) {
  pq_name *n = &b->names[name];
  if (n->stamp == b->stamp) return PQ_OK;
  if (b->doc_name_count == b->doc_name_cap) {
    uint32_t *p = grow(b, b->doc_names, &b->doc_name_cap, sizeof *p);
    if (p == NULL) return b->rc;
    b->doc_names = p;
  }
  if (b->doc_name_count >= b->cx->limits.field_count_max)
    return b->rc = pq_fail(b->cx, PQ_ELIMIT, "document with more than %u field names",
                           b->cx->limits.field_count_max);
  b->doc_text_len += n->len;
  if (b->doc_text_len > b->cx->limits.doc_len_max)
    return b->rc = pq_fail(b->cx, PQ_ELIMIT, "document larger than %u bytes",
                           b->cx->limits.doc_len_max);
  n->stamp = b->stamp;
  n->doc_id = b->doc_name_count;
  b->doc_names[b->doc_name_count++] = name;
  return PQ_OK;
}

int pq_builder_key_index(pq_builder *b, uint32_t name) {
  uint32_t *followers = b->names[b->last].followers;
  if (b->rc != PQ_OK) return b->rc;
  pq_assert(b->depth > 0 && b->frames[b->depth - 1].is_object && b->key == 0);
  if (followers[0] != name) {
    followers[1] = followers[0];
    followers[0] = name;
  }
  PQ_TRY(name_enter(b, name));
  b->last = name;
  b->key = name;
  return PQ_OK;
}

int pq_builder_key(pq_builder *b, pq_slice name) {
  uint32_t index;
  if (b->rc != PQ_OK) return b->rc;
  for (int i = 0; i < 2; i++) {
    index = b->names[b->last].followers[i];
    if (index != 0 && pq_slice_eq(name_slice(b, index), name))
      return pq_builder_key_index(b, index);
  }
  PQ_TRY(name_find(b, name, &index));
  return pq_builder_key_index(b, index);
}

int pq_builder_key_str(pq_builder *b, const char *name) {
  return pq_builder_key(b, pq_str(name));
}

/* ---- values ---- */

static int push_entry(pq_builder *b, uint64_t entry) {
  if (b->entry_count == b->entry_cap) {
    uint64_t *p = grow(b, b->entries, &b->entry_cap, sizeof *p);
    if (p == NULL) return b->rc;
    b->entries = p;
  }
  b->entries[b->entry_count++] = entry;
  return PQ_OK;
}

/* A value of at most `len` bytes comes next: enter it in its container and make room. */
static int begin_value_slow(pq_builder *b, size_t len) {
  if (b->rc != PQ_OK) return b->rc;
  if (len > b->values.cap - b->values.len) {
    b->rc = pq_buf_reserve(&b->values, len);
    if (b->rc == PQ_ELIMIT)
      pq_fail(b->cx, PQ_ELIMIT, "document larger than %u bytes", b->cx->limits.doc_len_max);
    if (b->rc != PQ_OK) return b->rc;
  }
  if (b->depth > 0) {
    const pq_frame *f = &b->frames[b->depth - 1];
    pq_assert(f->is_object == (b->key != 0));
    PQ_TRY(push_entry(b, (uint64_t)b->key << 32 | (b->values.len - f->start)));
    b->key = 0;
    return PQ_OK;
  }
  if (b->has_root) return b->rc = pq_fail(b->cx, PQ_EINVALID, "a document is one value");
  b->has_root = true;
  return PQ_OK;
}

static inline int begin_value(pq_builder *b, size_t len) {
  const pq_frame *f;
  if (b->rc != PQ_OK || len > b->values.cap - b->values.len || b->depth == 0 ||
      b->entry_count == b->entry_cap)
    return begin_value_slow(b, len);
  f = &b->frames[b->depth - 1];
  pq_assert(f->is_object == (b->key != 0));
  b->entries[b->entry_count++] = (uint64_t)b->key << 32 | (b->values.len - f->start);
  b->key = 0;
  return PQ_OK;
}

static int put_primitive(pq_builder *b, unsigned id, const uint8_t *p, size_t len) {
  uint8_t *out;
  PQ_TRY(begin_value(b, len + 1));
  out = b->values.p + b->values.len;
  out[0] = (uint8_t)(id << 2);
  if (len > 0) memcpy(out + 1, p, len);
  b->values.len += len + 1;
  return PQ_OK;
}

int pq_builder_null(pq_builder *b) {
  return put_primitive(b, PQ_PRIM_NULL, NULL, 0);
}

int pq_builder_bool(pq_builder *b, bool v) {
  return put_primitive(b, v ? PQ_PRIM_TRUE : PQ_PRIM_FALSE, NULL, 0);
}

int pq_builder_i32(pq_builder *b, int32_t v) {
  uint8_t *out;
  PQ_TRY(begin_value(b, 5));
  out = b->values.p + b->values.len;
  out[0] = PQ_PRIM_INT32 << 2;
  pq_wr32(out + 1, (uint32_t)v);
  b->values.len += 5;
  return PQ_OK;
}

static int put_eight(pq_builder *b, unsigned id, uint64_t v) {
  uint8_t *out;
  PQ_TRY(begin_value(b, 9));
  out = b->values.p + b->values.len;
  out[0] = (uint8_t)(id << 2);
  pq_wr64(out + 1, v);
  b->values.len += 9;
  return PQ_OK;
}

int pq_builder_i64(pq_builder *b, int64_t v) {
  return put_eight(b, PQ_PRIM_INT64, (uint64_t)v);
}

int pq_builder_date_us(pq_builder *b, int64_t us) {
  return put_eight(b, PQ_PRIM_TIMESTAMP, (uint64_t)us);
}

int pq_builder_double(pq_builder *b, double v) {
  uint64_t bits;
  memcpy(&bits, &v, sizeof bits);
  return put_eight(b, PQ_PRIM_DOUBLE, bits);
}

int pq_builder_uuid(pq_builder *b, const uint8_t v[16]) {
  return put_primitive(b, PQ_PRIM_UUID, v, 16);
}

/* The narrowest width that holds the digits and, as some readers insist, the scale too. */
int pq_builder_decimal(pq_builder *b, pq_decimal v) {
  uint8_t bytes[SCALAR_LEN_MAX];
  int digits = pq_number_digits(pq_decimal_number(v));
  int width = digits > v.scale ? digits : v.scale;
  uint64_t lo = v.lo, hi = v.hi;
  if (b->rc != PQ_OK) return b->rc;
  if (width > PQ_DECIMAL_DIGITS_MAX)
    return b->rc = pq_fail(b->cx, PQ_EINVALID, "decimal with more than 38 digits");
  if (v.is_negative) {
    lo = 0 - lo;
    hi = ~hi + (lo == 0);
  }
  bytes[0] = v.scale;
  pq_wr64(bytes + 1, lo);
  pq_wr64(bytes + 9, hi);
  if (width <= 9) return put_primitive(b, PQ_PRIM_DECIMAL4, bytes, 5);
  if (width <= 18) return put_primitive(b, PQ_PRIM_DECIMAL8, bytes, 9);
  return put_primitive(b, PQ_PRIM_DECIMAL16, bytes, 17);
}

/* A primitive with a u32 length. */
static int put_long(pq_builder *b, unsigned id, pq_slice v) {
  uint8_t *out;
  if (b->rc != PQ_OK) return b->rc;
  if (v.n > b->cx->limits.doc_len_max)
    return b->rc = pq_fail(b->cx, PQ_ELIMIT, "value of %zu bytes", v.n);
  PQ_TRY(begin_value(b, v.n + 5));
  out = b->values.p + b->values.len;
  out[0] = (uint8_t)(id << 2);
  pq_wr32(out + 1, (uint32_t)v.n);
  if (v.n > 0) memcpy(out + 5, v.p, v.n);
  b->values.len += v.n + 5;
  return PQ_OK;
}

/* memcpy of few bytes without a call: eight at a time, the last eight once more. */
static inline void copy_short(uint8_t *to, const uint8_t *from, size_t n) {
  if (n < 8) {
    for (size_t i = 0; i < n; i++)
      to[i] = from[i];
    return;
  }
  for (size_t i = 0; i < n - 8; i += 8)
    memcpy(to + i, from + i, 8);
  memcpy(to + n - 8, from + n - 8, 8);
}

int pq_builder_string_valid(pq_builder *b, pq_slice v) {
  uint8_t *out;
  if (v.n > PQ_SHORT_STRING_MAX) return put_long(b, PQ_PRIM_STRING, v);
  PQ_TRY(begin_value(b, PQ_SHORT_STRING_MAX + 1));
  out = b->values.p + b->values.len;
  out[0] = (uint8_t)(v.n << 2 | PQ_BASIC_SHORT);
  copy_short(out + 1, v.p, v.n);
  b->values.len += v.n + 1;
  return PQ_OK;
}

int pq_builder_string(pq_builder *b, pq_slice v) {
  if (b->rc == PQ_OK && !pq_utf8_is_valid(v))
    b->rc = pq_fail(b->cx, PQ_EINVALID, "string is not UTF-8");
  return pq_builder_string_valid(b, v);
}

int pq_builder_str(pq_builder *b, const char *v) {
  return pq_builder_string(b, pq_str(v));
}

int pq_builder_binary(pq_builder *b, pq_slice v) {
  return put_long(b, PQ_PRIM_BINARY, v);
}

/* ---- containers ---- */

static int begin_container(pq_builder *b, bool is_object, bool is_raw) {
  uint32_t slack = is_raw ? PQ_DEPTH_SLACK : 0;
  if (b->rc != PQ_OK) return b->rc;
  if (b->depth >= b->depth_max + slack)
    return b->rc = pq_fail(b->cx, PQ_ELIMIT, "nested deeper than %u", b->depth_max);
  PQ_TRY(begin_value(b, 1));
  if (b->depth == b->depth_cap) {
    pq_frame *p = grow(b, b->frames, &b->depth_cap, sizeof *p);
    if (p == NULL) return b->rc;
    b->frames = p;
  }
  b->frames[b->depth++] = (pq_frame){.start = (uint32_t)b->values.len,
                                     .entry_start = b->entry_count,
                                     .is_object = is_object,
                                     .is_raw = is_raw};
  return PQ_OK;
}

int pq_builder_begin_object(pq_builder *b) {
  return begin_container(b, true, false);
}

int pq_builder_begin_array(pq_builder *b) {
  return begin_container(b, false, false);
}

int pq_builder_begin_raw(pq_builder *b) {
  return begin_container(b, true, true);
}

static bool name_before(const void *ud, uint64_t x, uint64_t y) {
  const pq_builder *b = ud;
  const pq_name *m = &b->names[x >> 32], *n = &b->names[y >> 32];
  if (m->prefix != n->prefix) return m->prefix < n->prefix;
  if (m == n) return false;
  return pq_slice_cmp(name_slice(b, (uint32_t)(x >> 32)), name_slice(b, (uint32_t)(y >> 32))) < 0;
}

static int sort_by_name(pq_builder *b, uint64_t *a, uint32_t n) {
  if (n > SORT_SMALL_MAX) {
    pq_sort_u64(a, n, name_before, b);
  } else {
    for (uint32_t i = 1; i < n; i++) {
      uint64_t v = a[i];
      uint32_t at = i;
      for (; at > 0 && name_before(b, v, a[at - 1]); at--)
        a[at] = a[at - 1];
      a[at] = v;
    }
  }
  for (uint32_t i = 1; i < n; i++) {
    pq_slice name = name_slice(b, (uint32_t)(a[i] >> 32));
    size_t shown = pq_utf8_prefix(name, 40);
    if (a[i - 1] >> 32 != a[i] >> 32) continue;
    return b->rc = pq_fail(b->cx, PQ_EINVALID, "duplicate field \"%.*s\"", (int)shown,
                           (const char *)name.p);
  }
  return PQ_OK;
}

/* Put the header of a container of `n` entries before its values, which end the buffer. */
static int put_header(pq_builder *b, uint32_t start, const uint64_t *a, uint32_t n,
                      bool is_object) {
  uint32_t values_len = (uint32_t)b->values.len - start, id_max = 0;
  pq_container_form form;
  uint8_t *p;
  for (uint32_t i = 0; is_object && i < n; i++) {
    uint32_t id = b->names[a[i] >> 32].doc_id;
    if (id > id_max) id_max = id;
  }
  form = pq_container_form_of(is_object, n, id_max, values_len);
  if (form.header_len > b->values.cap - b->values.len)
    b->rc = pq_buf_reserve(&b->values, form.header_len);
  if (b->rc != PQ_OK) return b->rc;
  p = b->values.p + start;
  memmove(p + form.header_len, p, values_len);
  b->values.len += form.header_len;
  p = pq_container_begin(p, form, n);
  for (uint32_t i = 0; is_object && i < n; i++)
    p = pq_put_uint(p, b->names[a[i] >> 32].doc_id, form.id_len);
  for (uint32_t i = 0; i < n; i++)
    p = pq_put_uint(p, (uint32_t)a[i], form.off_len);
  pq_put_uint(p, values_len, form.off_len);
  return PQ_OK;
}

/* {"$oid": 5} written field by field is no ObjectId: keep it as {"$literal": {"$oid": 5}}. */
static int hide_look_alike(pq_builder *b, pq_frame *f) {
  uint32_t literal;
  uint64_t entry;
  PQ_TRY(name_find(b, PQ_SLICE("$literal"), &literal));
  PQ_TRY(name_enter(b, literal));
  entry = (uint64_t)literal << 32;
  f->height++;
  return put_header(b, f->start, &entry, 1, true);
}

int pq_builder_end(pq_builder *b) {
  pq_frame f;
  uint64_t *a;
  uint32_t n;
  bool is_look_alike = false;
  if (b->rc != PQ_OK) return b->rc;
  pq_assert(b->depth > 0 && b->key == 0);
  f = b->frames[b->depth - 1];
  n = b->entry_count - f.entry_start;
  a = n == 0 ? NULL : b->entries + f.entry_start;
  if (f.is_object) PQ_TRY(sort_by_name(b, a, n));
  if (f.is_object && !f.is_raw && n == 1)
    is_look_alike = pq_extended_key(name_slice(b, (uint32_t)(a[0] >> 32))) != PQ_EXTENDED_NONE;
  PQ_TRY(put_header(b, f.start, a, n, f.is_object));
  f.height++;
  if (is_look_alike) PQ_TRY(hide_look_alike(b, &f));
  b->entry_count = f.entry_start;
  b->depth--;
  if (b->depth + f.height > b->depth_max + PQ_DEPTH_SLACK)
    return b->rc = pq_fail(b->cx, PQ_ELIMIT, "nested deeper than %u", b->depth_max);
  if (b->depth > 0 && b->frames[b->depth - 1].height < f.height)
    b->frames[b->depth - 1].height = f.height;
  return PQ_OK;
}

/* ---- copying ---- */

typedef struct copier {
  pq_builder *b;
  pq_value root; /* whose metadata all values inside share */
} copier;

static int copy_value(copier *k, pq_slice v, uint32_t depth);

static pq_value copied_value(const copier *k, pq_slice v) {
  return (pq_value){k->root.meta, v.p, k->root.meta_len, (uint32_t)v.n};
}

static int copy_fields(copier *k, pq_walk *w, uint32_t depth) {
  pq_builder *b = k->b;
  uint32_t id;
  pq_slice value;
  PQ_TRY(pq_builder_begin_raw(b));
  while (pq_walk_bytes(w, &id, &value)) {
    PQ_TRY(pq_builder_key(b, pq_names_at(&w->names, id)));
    PQ_TRY(copy_value(k, value, depth));
  }
  return pq_builder_end(b);
}

static int copy_object(copier *k, pq_slice v, uint32_t depth) {
  pq_walk w;
  int rc;
  pq_walk_init(&w, copied_value(k, v));
  rc = pq_walk_reserve(&w, k->b->cx);
  if (rc != PQ_OK) return pq_builder_fail(k->b, rc);
  rc = copy_fields(k, &w, depth);
  pq_walk_release(&w, k->b->cx);
  return rc;
}

static int copy_bytes(pq_builder *b, pq_slice v) {
  PQ_TRY(begin_value(b, v.n));
  memcpy(b->values.p + b->values.len, v.p, v.n);
  b->values.len += v.n;
  return PQ_OK;
}

/* An array of scalars holds no names: its bytes mean the same in any document. */
static bool is_flat(const pq_container *c) {
  for (uint32_t i = 0; i < c->count; i++) {
    uint32_t off = pq_container_off(c, i);
    if (off >= c->values_len || (c->values[off] & 3) >= PQ_BASIC_OBJECT) return false;
  }
  return true;
}

static int copy_array(copier *k, pq_slice v, uint32_t depth) {
  pq_builder *b = k->b;
  pq_container c;
  if (!pq_container_open(copied_value(k, v), &c) || !is_flat(&c)) {
    PQ_TRY(begin_container(b, false, true));
    for (uint32_t i = 0; i < c.count; i++)
      PQ_TRY(copy_value(k, pq_container_bytes(&c, i), depth + 1));
    return pq_builder_end(b);
  }
  if (b->depth >= b->depth_max + PQ_DEPTH_SLACK)
    return b->rc = pq_fail(b->cx, PQ_ELIMIT, "nested deeper than %u", b->depth_max);
  if (b->depth > 0 && b->frames[b->depth - 1].height == 0) b->frames[b->depth - 1].height = 1;
  return copy_bytes(b, v);
}

static int copy_value(copier *k, pq_slice v, uint32_t depth) {
  pq_builder *b = k->b;
  if (v.p == NULL) return b->rc = pq_fail(b->cx, PQ_EINVALID, "a missing value cannot be stored");
  if (depth > b->depth_max + PQ_DEPTH_SLACK)
    return b->rc = pq_fail(b->cx, PQ_ELIMIT, "nested deeper than %u", b->depth_max);
  switch (v.p[0] & 3) {
    case PQ_BASIC_OBJECT: return copy_object(k, v, depth + 1);
    case PQ_BASIC_ARRAY: return copy_array(k, v, depth);
    default: return copy_bytes(b, v);
  }
}

int pq_builder_value(pq_builder *b, pq_value v) {
  copier k = {.b = b, .root = v};
  if (b->rc != PQ_OK) return b->rc;
  return copy_value(&k, (pq_slice){v.p, v.len}, 0);
}

/* ---- finish ---- */

static bool is_sorted(const pq_builder *b) {
  for (uint32_t i = 1; i < b->doc_name_count; i++)
    if (!name_before(b, (uint64_t)b->doc_names[i - 1] << 32, (uint64_t)b->doc_names[i] << 32))
      return false;
  return true;
}

/* Write the dictionary, unless the one written last has the same names in the same order. */
static int put_meta(pq_builder *b) {
  uint32_t n = b->doc_name_count, text_len = 0;
  unsigned off_len;
  size_t header, len;
  uint8_t *p, *text;
  if (b->has_meta && n == b->meta_name_count &&
      (n == 0 || memcmp(b->doc_names, b->meta_names, n * sizeof *b->doc_names) == 0))
    return PQ_OK;
  b->has_meta = false;
  while (n > b->meta_name_cap) {
    uint32_t *names = grow(b, b->meta_names, &b->meta_name_cap, sizeof *names);
    if (names == NULL) return b->rc;
    b->meta_names = names;
  }
  if (n > 0) memcpy(b->meta_names, b->doc_names, n * sizeof *b->doc_names);
  b->meta_name_count = n;
  for (uint32_t i = 0; i < n; i++)
    text_len += b->names[b->doc_names[i]].len;
  off_len = pq_uint_width(text_len > n ? text_len : n);
  header = 1 + off_len * ((size_t)n + 2);
  len = header + text_len;
  pq_buf_clear(&b->meta);
  PQ_TRY(pq_buf_reserve(&b->meta, len));
  p = b->meta.p;
  text = p + header;
  *p++ = (uint8_t)(1 | (n > 0 && is_sorted(b) ? 1 << 4 : 0) | (off_len - 1) << 6);
  p = pq_put_uint(p, n, off_len);
  for (uint32_t i = 0; i < n; i++) {
    pq_slice name = name_slice(b, b->doc_names[i]);
    p = pq_put_uint(p, (uint32_t)(text - b->meta.p - (ptrdiff_t)header), off_len);
    if (name.n > 0) memcpy(text, name.p, name.n);
    text += name.n;
  }
  pq_put_uint(p, text_len, off_len);
  b->meta.len = len;
  b->has_meta = true;
  return PQ_OK;
}

int pq_builder_view(pq_builder *b, pq_value *out) {
  size_t max = b->cx->limits.doc_len_max;
  *out = (pq_value){0};
  if (b->rc != PQ_OK) return b->rc;
  if (!b->has_root || b->depth > 0)
    return b->rc = pq_fail(b->cx, PQ_EINVALID, "the document is not complete");
  PQ_TRY(pq_builder_fail(b, put_meta(b)));
  if (b->meta.len > max || b->values.len > max - b->meta.len)
    return b->rc = pq_fail(b->cx, PQ_ELIMIT, "document larger than %zu bytes", max);
  *out = (pq_value){b->meta.p, b->values.p, (uint32_t)b->meta.len, (uint32_t)b->values.len};
  return PQ_OK;
}

int pq_builder_finish(pq_builder *b, pq_arena *arena, pq_value *out) {
  pq_value v;
  uint8_t *p;
  *out = (pq_value){0};
  PQ_TRY(pq_builder_view(b, &v));
  p = pq_arena_alloc(arena, (size_t)v.meta_len + v.len);
  if (p == NULL) return b->rc = arena->cx->code;
  memcpy(p, v.meta, v.meta_len);
  memcpy(p + v.meta_len, v.p, v.len);
  *out = (pq_value){p, p + v.meta_len, v.meta_len, v.len};
  pq_builder_clear(b);
  return PQ_OK;
}
