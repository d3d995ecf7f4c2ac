/* shred/shadow_count.c - see shadow_count.h.
 *
 *   dictionary of the document ──► set of names of system columns in it; mostly empty, and mostly
 *                                  the dictionary of the document before: nothing to look for
 */
#include "shred/shadow_count.h"

#include "shred/key_id.h"
#include "value/variant_raw.h"

enum { KEY_BIT = 1u << PQ_SHADOWS };

static const char *const column_names[PQ_SHADOWS] = {"name",      "createdAt", "createdBy",
                                                     "updatedAt", "updatedBy", "version"};

const char *pq_shadow_name(uint32_t i) {
  pq_assert(i < PQ_SHADOWS);
  return column_names[i];
}

/* Which of the names stand anywhere in the document? */
static unsigned find_names(pq_value doc) {
  pq_names names = pq_names_of(doc);
  unsigned set = 0;
  for (uint32_t i = 0; i < names.count; i++) {
    pq_slice name = pq_names_at(&names, i);
    if (pq_slice_is(name, "_id")) set |= KEY_BIT;
    for (uint32_t k = 0; k < PQ_SHADOWS; k++)
      if (pq_slice_is(name, column_names[k])) set |= 1u << k;
  }
  return set;
}

/* Would a filter on `name` see what the column says? It looks into the document first. */
static bool is_name_of(const pq_entity *e, pq_slice name) {
  pq_value v = pq_object_get_str(e->data, "name");
  pq_slice text;
  return pq_value_is_missing(v) || (pq_value_string(v, &text) && pq_slice_eq(text, name));
}

void pq_shadow_add(pq_shadow_count *c, const pq_entity *e, pq_slice name) {
  pq_slice names = pq_value_meta(e->data);
  if (names.n == 0) { /* no document */
    c->keyless++;
    return;
  }
  if (names.p != c->names.p && !pq_slice_eq(names, c->names)) c->set = find_names(e->data);
  c->names = names;
  if (c->set & KEY_BIT) {
    pq_value key = pq_object_get_str(e->data, "_id");
    c->key_other += !pq_value_is_missing(key) && !pq_id_is_of_key(e->id, key);
    c->keyless += pq_value_is_missing(key);
  } else {
    c->keyless++;
  }
  if (c->set & 1u << PQ_SHADOW_NAME) c->other[PQ_SHADOW_NAME] += !is_name_of(e, name);
  for (uint32_t k = PQ_SHADOW_NAME + 1; k < PQ_SHADOWS; k++)
    if (c->set & 1u << k)
      c->other[k] += !pq_value_is_missing(pq_object_get_str(e->data, column_names[k]));
}

void pq_shadow_forget(pq_shadow_count *c) {
  c->names = (pq_slice){0};
}

void pq_shadow_join(pq_shadow_count *c, const pq_shadow_count *other) {
  c->key_other += other->key_other;
  c->keyless += other->keyless;
  for (uint32_t k = 0; k < PQ_SHADOWS; k++)
    c->other[k] += other->other[k];
}
