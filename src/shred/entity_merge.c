/* shred/entity_merge.c - see entity_merge.h.
 *
 *   object:  head │ n │ ids, by name │ offsets n+1 │ system values │ the document's values
 *                        └ two sorted lists merged; a name that is in both is the document's
 */
#include "shred/entity_merge.h"

#include <string.h>

#include "base/text.h"
#include "value/variant_raw.h"

enum { SYSTEM_COUNT = 10, MEMO_COUNT = 4, FIELDS_MAX = 64 };

/* By name, as an object's ids are; the order in the document is `place`. */
static const struct system_name {
  const char *name;
  uint8_t place;
} system_names[SYSTEM_COUNT] = {
    {"$id", 0},       {"$type", 1}, {"createdAt", 3}, {"createdBy", 4}, {"deletedAt", 8},
    {"deletedBy", 9}, {"name", 2},  {"updatedAt", 5}, {"updatedBy", 6}, {"version", 7}};

/* A dictionary with the system's names behind the document's. */
typedef struct merged_names {
  uint8_t *bytes; /* owned: the document's dictionary, then the merged one */
  size_t from_len, len;
  uint32_t ids[SYSTEM_COUNT];
} merged_names;

struct pq_merger {
  pq_cx *cx;
  pq_builder *builder;
  merged_names memo[MEMO_COUNT];
  uint32_t next; /* memo to be replaced */
};

int pq_merger_new(pq_cx *cx, pq_builder *builder, pq_merger **out) {
  pq_merger *m = pq_alloc(cx, NULL, 0, sizeof *m);
  *out = m;
  if (m == NULL) return pq_fail_nomem(cx);
  memset(m, 0, sizeof *m);
  m->cx = cx;
  m->builder = builder;
  return PQ_OK;
}

static void drop_names(pq_merger *m, merged_names *n) {
  pq_alloc(m->cx, n->bytes, n->from_len + n->len, 0);
  *n = (merged_names){0};
}

void pq_merger_free(pq_merger *m) {
  if (m == NULL) return;
  for (uint32_t i = 0; i < MEMO_COUNT; i++)
    drop_names(m, &m->memo[i]);
  pq_alloc(m->cx, m, sizeof *m, 0);
}

/* ---- the dictionary ---- */

static uint32_t find_name(const pq_names *names, pq_slice name) {
  for (uint32_t i = 0; i < names->count; i++)
    if (pq_slice_eq(pq_names_at(names, i), name)) return i;
  return UINT32_MAX;
}

/* Write the names of the document and those of the system that it lacks. */
static void put_names(const pq_names *names, const merged_names *n, uint32_t count,
                      uint32_t text_len, uint8_t *p) {
  unsigned width = pq_uint_width(text_len > count ? text_len : count);
  uint32_t old_len =
      pq_rd_uint(names->offs + (size_t)names->count * names->off_len, names->off_len);
  uint32_t at = old_len;
  uint8_t *text;
  *p++ = (uint8_t)(1u | (width - 1) << 6); /* version 1, names in no order */
  p = pq_put_uint(p, count, width);
  for (uint32_t i = 0; i < names->count; i++)
    p = pq_put_uint(p, pq_rd_uint(names->offs + (size_t)i * names->off_len, names->off_len), width);
  text = p + ((size_t)(count - names->count) + 1) * width;
  if (old_len > 0) memcpy(text, names->names, old_len);
  for (uint32_t i = 0; i < SYSTEM_COUNT; i++) {
    size_t len = strlen(system_names[i].name);
    if (n->ids[i] < names->count) continue;
    p = pq_put_uint(p, at, width);
    memcpy(text + at, system_names[i].name, len);
    at += (uint32_t)len;
  }
  pq_put_uint(p, at, width);
}

static int make_names(pq_merger *m, pq_value doc, merged_names *n) {
  pq_names names = pq_names_of(doc);
  uint64_t text = pq_rd_uint(names.offs + (size_t)names.count * names.off_len, names.off_len);
  uint32_t count = names.count;
  unsigned width;
  drop_names(m, n);
  for (uint32_t i = 0; i < SYSTEM_COUNT; i++) {
    pq_slice name = pq_str(system_names[i].name);
    uint32_t id = find_name(&names, name);
    n->ids[i] = id != UINT32_MAX ? id : count++;
    if (id == UINT32_MAX) text += name.n;
  }
  if (text > UINT32_MAX / 2 || count > UINT32_MAX / 16)
    return pq_fail(m->cx, PQ_ELIMIT, "a document with too many names");
  width = pq_uint_width(text > count ? (uint32_t)text : count);
  n->from_len = doc.meta_len;
  n->len = 1 + ((size_t)count + 2) * width + (size_t)text;
  n->bytes = pq_alloc(m->cx, NULL, 0, n->from_len + n->len);
  if (n->bytes == NULL) {
    *n = (merged_names){0};
    return pq_fail_nomem(m->cx);
  }
  memcpy(n->bytes, doc.meta, doc.meta_len);
  put_names(&names, n, count, (uint32_t)text, n->bytes + n->from_len);
  return PQ_OK;
}

static int names_for(pq_merger *m, pq_value doc, const merged_names **out) {
  merged_names *n;
  for (uint32_t i = 0; i < MEMO_COUNT; i++) {
    n = &m->memo[i];
    *out = n;
    if (n->bytes != NULL && n->from_len == doc.meta_len &&
        memcmp(n->bytes, doc.meta, n->from_len) == 0)
      return PQ_OK;
  }
  n = &m->memo[m->next];
  m->next = (m->next + 1) % MEMO_COUNT;
  *out = n;
  return make_names(m, doc, n);
}

/* ---- the values ---- */

/* A system field: what it holds, and where it stands among the values. */
typedef struct system_value {
  pq_slice text;
  int64_t number;
  uint32_t len; /* as a Variant value; 0: the field is not there */
  uint32_t off;
} system_value;

static int set_text(pq_merger *m, system_value *v, pq_slice text) {
  if (!pq_utf8_is_valid(text) || text.n > UINT32_MAX / 16)
    return pq_fail(m->cx, PQ_ECORRUPT, "a system field of an entity is no UTF-8 text");
  v->text = text;
  v->len = (uint32_t)text.n + (text.n <= PQ_SHORT_STRING_MAX ? 1 : 5);
  return PQ_OK;
}

static void set_time(system_value *v, int64_t us) {
  v->number = us;
  v->len = 9;
}

/* `shadowed`: bit i for system_names[i] that the document has itself. */
static int set_values(pq_merger *m, const pq_entity *e, uint32_t shadowed,
                      system_value v[SYSTEM_COUNT]) {
  uint32_t off = 0;
  memset(v, 0, SYSTEM_COUNT * sizeof *v);
  PQ_TRY(set_text(m, &v[0], e->id));
  PQ_TRY(set_text(m, &v[1], e->type));
  set_time(&v[3], e->created_at);
  PQ_TRY(set_text(m, &v[4], e->created_by));
  set_time(&v[5], e->updated_at);
  PQ_TRY(set_text(m, &v[6], e->updated_by));
  v[7].number = (int64_t)e->version;
  v[7].len = v[7].number <= INT32_MAX ? 5 : 9;
  if (e->is_deleted) {
    set_time(&v[8], e->updated_at);
    PQ_TRY(set_text(m, &v[9], e->updated_by));
  }
  for (uint32_t i = 0; i < SYSTEM_COUNT; i++) {
    uint32_t place = system_names[i].place;
    if (shadowed >> i & 1)
      v[place].len = 0;
    else if (place == 2)
      PQ_TRY(set_text(m, &v[2], pq_entity_name(e->id, e->data, e->name_field)));
  }
  for (uint32_t i = 0; i < SYSTEM_COUNT; i++) {
    v[i].off = off;
    off += v[i].len;
  }
  return PQ_OK;
}

static uint8_t *put_value(uint8_t *p, uint32_t place, const system_value *v) {
  bool is_time = place == 3 || place == 5 || place == 8;
  if (v->len == 0) return p;
  if (is_time || place == 7) {
    if (v->len == 5) {
      *p++ = PQ_PRIM_INT32 << 2;
      return pq_put_uint(p, (uint32_t)v->number, 4);
    }
    *p++ = (uint8_t)((is_time ? PQ_PRIM_TIMESTAMP : PQ_PRIM_INT64) << 2);
    pq_wr64(p, (uint64_t)v->number);
    return p + 8;
  }
  if (v->text.n <= PQ_SHORT_STRING_MAX) {
    *p++ = (uint8_t)(v->text.n << 2 | PQ_BASIC_SHORT);
  } else {
    *p++ = PQ_PRIM_STRING << 2;
    p = pq_put_uint(p, (uint32_t)v->text.n, 4);
  }
  if (v->text.n > 0) memcpy(p, v->text.p, v->text.n);
  return p + v->text.n;
}

/* ---- the object ---- */

/* One field of the merged object: of the document (its index there), or of the system. */
typedef struct merged_field {
  uint32_t id;
  uint32_t off; /* of a document's: behind the system's values */
  bool is_system;
  uint8_t system; /* index into system_names */
} merged_field;

/* Both lists are sorted by name. Returns the number of fields; sets the bits of `shadowed`. */
static uint32_t merge_fields(const pq_container *c, const merged_names *n, pq_value doc,
                             bool is_deleted, merged_field *out, uint32_t *shadowed) {
  pq_names names = pq_names_of(doc);
  uint32_t count = 0, s = 0;
  for (uint32_t i = 0; i <= c->count; i++) {
    uint32_t id = i < c->count ? pq_container_id(c, i) : 0;
    pq_slice name = i < c->count ? pq_names_at(&names, id) : (pq_slice){0};
    int order = 1;
    for (; s < SYSTEM_COUNT; s++) {
      bool is_there = is_deleted || system_names[s].place < 8;
      order = i == c->count ? -1 : pq_slice_cmp(pq_str(system_names[s].name), name);
      if (order >= 0) break;
      if (is_there) out[count++] = (merged_field){n->ids[s], 0, true, (uint8_t)s};
    }
    if (s < SYSTEM_COUNT && order == 0) *shadowed |= 1u << s++;
    if (i < c->count) out[count++] = (merged_field){id, pq_container_off(c, i), false, 0};
  }
  return count;
}

static int splice(pq_merger *m, pq_arena *arena, const pq_entity *e, const pq_container *c,
                  merged_field *fields, pq_value *out) {
  const merged_names *n;
  system_value values[SYSTEM_COUNT];
  uint32_t count, shadowed = 0, id_max = 0, system_len, values_len;
  pq_container_form form;
  uint8_t *meta, *start, *p;
  PQ_TRY(names_for(m, e->data, &n));
  count = merge_fields(c, n, e->data, e->is_deleted, fields, &shadowed);
  PQ_TRY(set_values(m, e, shadowed, values));
  system_len = values[SYSTEM_COUNT - 1].off + values[SYSTEM_COUNT - 1].len;
  if (c->values_len > UINT32_MAX / 4)
    return pq_fail(m->cx, PQ_ELIMIT, "a document of %u bytes", c->values_len);
  values_len = system_len + c->values_len;
  for (uint32_t i = 0; i < count; i++)
    if (fields[i].id > id_max) id_max = fields[i].id;
  form = pq_container_form_of(true, count, id_max, values_len);
  meta = pq_arena_alloc(arena, n->len + form.header_len + values_len);
  if (meta == NULL) return arena->cx->code;
  memcpy(meta, n->bytes + n->from_len, n->len);
  start = meta + n->len;
  p = pq_container_begin(start, form, count);
  for (uint32_t i = 0; i < count; i++)
    p = pq_put_uint(p, fields[i].id, form.id_len);
  for (uint32_t i = 0; i < count; i++)
    p = pq_put_uint(p,
                    fields[i].is_system ? values[system_names[fields[i].system].place].off
                                        : system_len + fields[i].off,
                    form.off_len);
  p = pq_put_uint(p, values_len, form.off_len);
  for (uint32_t place = 0; place < SYSTEM_COUNT; place++)
    p = put_value(p, place, &values[place]);
  if (c->values_len > 0) memcpy(p, c->values, c->values_len);
  p += c->values_len;
  *out = (pq_value){meta, start, (uint32_t)n->len, (uint32_t)(p - start)};
  return PQ_OK;
}

int pq_merger_entity(pq_merger *m, pq_arena *arena, const pq_entity *e, pq_value *out) {
  merged_field few[FIELDS_MAX + SYSTEM_COUNT], *fields = few;
  pq_container c;
  *out = (pq_value){0};
  /* An object of one field may be an extended type or a $literal: those are opened first. */
  if (!pq_value_is_raw_object(e->data) || !pq_container_open(e->data, &c) || c.count == 1) {
    pq_builder_clear(m->builder);
    PQ_TRY(pq_entity_merge(m->builder, arena, e));
    return pq_builder_finish(m->builder, arena, out);
  }
  if (c.count > FIELDS_MAX) {
    fields = pq_arena_calloc(arena, (size_t)c.count + SYSTEM_COUNT, sizeof *fields);
    if (fields == NULL) return arena->cx->code;
  }
  return splice(m, arena, e, &c, fields, out);
}
