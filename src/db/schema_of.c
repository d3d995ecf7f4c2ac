/* db/schema_of.c - see schema_of.h. */
#include "db/schema_of.h"

#include <string.h>

#include "db/flush_int.h"

/* What a transaction (NULL: there is none) made of the collection up to its event `seq`. */
static bool find_own(const pq_overlay *own, pq_slice collection, uint64_t seq, pq_schema_at *out) {
  const pq_event *e = own == NULL ? NULL : pq_overlay_collection(own, collection, seq);
  if (e == NULL) return false;
  *out = (pq_schema_at){e->version, e->seq, e->after};
  return true;
}

void pq_schema_of(const pq_view *v, pq_slice collection, pq_schema_at *out) {
  if (find_own(v->own, collection, v->own_seq, out)) return;
  pq_schema_at_seq(&(pq_form_source){v->manifest, v->overlay, collection}, v->seq, out);
}

void pq_schema_now(const pq_space *s, pq_slice collection, pq_schema_at *out) {
  pq_schema_at_seq(&(pq_form_source){&s->manifest, s->overlay, collection}, UINT64_MAX, out);
}

void pq_schema_within(const pq_space *s, const pq_overlay *own, pq_slice collection,
                      pq_schema_at *out) {
  if (!find_own(own, collection, UINT64_MAX, out)) pq_schema_now(s, collection, out);
}

pq_slice pq_name_field_now(const pq_space *s, pq_slice collection) {
  pq_schema_at now;
  pq_schema_now(s, collection, &now);
  return pq_schema_name_field(&now);
}

int pq_schema_before(pq_space *s, pq_arena *arena, pq_slice id, uint64_t from, uint64_t to,
                     pq_value *before) {
  pq_form_source source = {.manifest = &s->manifest, .overlay = s->overlay};
  pq_slice local;
  if (!pq_id_split(id, &source.collection, &local)) return PQ_OK;
  return pq_forms_bring(&s->files.forms, arena, &source, from, to, before);
}

void pq_flush_schema(const pq_flush *f, pq_slice collection, pq_schema_at *out) {
  const pq_overlay *events = f->schemas != NULL ? f->schemas : f->overlay;
  pq_schema_at_seq(&(pq_form_source){&f->space->manifest, events, collection}, f->seq_hi, out);
}

pq_slice pq_flush_name_field(const pq_flush *f, pq_slice collection) {
  pq_schema_at at;
  pq_flush_schema(f, collection, &at);
  return pq_schema_name_field(&at);
}

/* ---- the log's record ---- */

/* The flush's record of the collection; a new one says what the manifest knows. */
static pq_collection_info *record_of(pq_flush *f, pq_slice collection) {
  const pq_collection_info *known = pq_manifest_collection(&f->space->manifest, collection);
  pq_collection_info *c;
  for (uint32_t i = 0; i < f->collection_count; i++)
    if (pq_slice_eq(f->collections[i].name, collection)) return &f->collections[i];
  c = &f->collections[f->collection_count++];
  *c = (pq_collection_info){.name = collection};
  if (known != NULL) {
    c->internal_id = known->internal_id;
    c->index_columns = known->index_columns;
    c->index_count = known->index_count;
  } else {
    c->internal_id = f->space->manifest.next_internal_id + f->fresh++;
  }
  return c;
}

static int note_versions(pq_flush *f, pq_op *op, uint32_t key) {
  const pq_overlay *o = f->overlay;
  pq_collection_info *c = record_of(f, o->versions[o->keys[key].first].event.id);
  uint32_t n = 0, i;
  for (uint32_t v = o->keys[key].newest; v != PQ_NONE; v = o->versions[v].older)
    n += o->versions[v].event.seq <= f->seq_hi;
  c->schemas = pq_arena_calloc(&op->arena, n, sizeof *c->schemas);
  if (c->schemas == NULL) return op->cx->code;
  c->schema_count = i = n;
  for (uint32_t v = o->keys[key].newest; v != PQ_NONE; v = o->versions[v].older) {
    const pq_event *e = &o->versions[v].event;
    if (e->seq > f->seq_hi) continue; /* a later flush's */
    c->schemas[--i] = (pq_schema_record){e->version, e->seq, e->after};
  }
  return PQ_OK;
}

int pq_flush_note_schemas(pq_flush *f, pq_op *op) {
  const pq_overlay *o = f->overlay;
  for (uint32_t k = 0; k < o->key_count; k++) {
    if (o->versions[o->keys[k].first].event.seq > f->seq_hi) break; /* keys stand in that order */
    if (o->keys[k].target == PQ_TARGET_COLLECTION) PQ_TRY(note_versions(f, op, k));
  }
  return PQ_OK;
}
