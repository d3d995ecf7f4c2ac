/* test/spec/property_write.c - updates and deletes by filter, on the engine and on the model.
 *
 *   random filter ─► entities of the model that match, by id ─► all, or the first or last by $id
 *                                                               ─► one commit of events
 */
#include <stdlib.h>
#include <string.h>

#include "expr/update.h"
#include "property.h"

typedef struct filtered {
  property *p;
  const char *collection;
  bool is_delete, is_one, is_descending;
  pq_arena arena;
  pq_filter *filter;
  pq_update *update;
  model_key **keys; /* those that match, by id */
  pq_entity *entities;
  uint32_t count;
} filtered;

static int compare_keys(const void *a, const void *b) {
  const model_key *x = *(model_key *const *)a, *y = *(model_key *const *)b;
  return pq_slice_cmp(x->id, y->id);
}

static bool is_of(const char *collection, pq_slice id) {
  size_t n = strlen(collection);
  return id.n > n && memcmp(id.p, collection, n) == 0 && id.p[n] == '/';
}

static void choose(filtered *f) {
  model *m = &f->p->model;
  pq_eval eval = {.cx = f->arena.cx, .arena = &f->arena, .builder = m->builder};
  f->keys = malloc((m->count + 1) * sizeof *f->keys);
  f->entities = malloc((m->count + 1) * sizeof *f->entities);
  if (f->keys == NULL || f->entities == NULL) spec_die("out of memory");
  for (uint32_t i = 0; i < m->count; i++) {
    pq_entity e;
    pq_value system;
    if (!model_entity(&m->keys[i], m->seq, &e) || e.is_deleted || !is_of(f->collection, e.id))
      continue;
    if (pq_entity_system(m->builder, &f->arena, &e, &system) != PQ_OK) spec_die("out of memory");
    if (pq_filter_match(f->filter, &eval, e.data, system)) f->keys[f->count++] = &m->keys[i];
  }
  if (f->count > 0) qsort(f->keys, f->count, sizeof *f->keys, compare_keys);
  if (f->is_one && f->count > 0) {
    if (f->is_descending) f->keys[0] = f->keys[f->count - 1];
    f->count = 1;
  }
  for (uint32_t i = 0; i < f->count; i++)
    (void)model_entity(f->keys[i], m->seq, &f->entities[i]);
}

/* The command's text; PQ_OK or how its filter or update is refused. */
static int put_command(filtered *f) {
  property *p = f->p;
  pq_buf filter, ops;
  int rc;
  pq_buf_init(&filter, spec_cx(), SIZE_MAX / 2);
  pq_buf_init(&ops, spec_cx(), SIZE_MAX / 2);
  random_filter(&p->random, &filter, 2);
  random_put(&p->command, "{\"%s%s\": \"%s\", \"filter\": %.*s", f->is_delete ? "delete" : "update",
             f->is_one ? "One" : "Many", f->collection, (int)filter.len, (const char *)filter.p);
  if (f->is_one) random_put(&p->command, ", \"sort\": {\"$id\": %d}", f->is_descending ? -1 : 1);
  rc = pq_filter_parse(&f->arena, NULL, spec_json(&f->arena, pq_buf_slice(&filter)), &f->filter);
  if (!f->is_delete) {
    pq_value spec;
    random_update(&p->random, &ops);
    random_put(&p->command, ", \"update\": %.*s", (int)ops.len, (const char *)ops.p);
    spec = spec_json(&f->arena, pq_buf_slice(&ops));
    if (rc == PQ_OK) rc = pq_update_parse(&f->arena, NULL, spec, (pq_value){0}, &f->update);
    if (rc == PQ_OK &&
        (pq_update_kind_of(f->update) == PQ_UPDATE_REPLACE || pq_value_count(spec) == 0))
      rc = PQ_EUPDATE;
  }
  random_put(&p->command, "}");
  pq_buf_release(&filter);
  pq_buf_release(&ops);
  return rc;
}

/* The documents afterwards; missing where nothing changes. PQ_OK, or why one cannot be changed. */
static int change(filtered *f, pq_value *after, uint32_t *changed) {
  model *m = &f->p->model;
  for (uint32_t i = 0; i < f->count; i++) {
    pq_eval eval = {.cx = f->arena.cx, .arena = &f->arena, .builder = m->builder};
    pq_value out = f->entities[i].data;
    bool is_changed = true;
    pq_builder_clear(m->builder);
    if (!f->is_delete)
      PQ_TRY(pq_update_apply(f->update, &eval, &m->arena, out, (pq_update_at){.position = -1}, &out,
                             &is_changed));
    after[i] = is_changed ? out : (pq_value){0};
    *changed += is_changed;
  }
  return PQ_OK;
}

static void commit(filtered *f, const pq_value *after, uint32_t changed) {
  model *m = &f->p->model;
  pq_slice actor = PQ_SLICE("system/anonymous");
  if (changed > 0) model_commit(m, f->p->db.now_us);
  for (uint32_t i = 0; i < f->count; i++) {
    const pq_entity *e = &f->entities[i];
    if (pq_value_is_missing(after[i])) continue;
    model_add(m, f->keys[i],
              (model_event){.op = f->is_delete ? PQ_EVENT_DELETE : PQ_EVENT_UPDATE,
                            .version = e->version + 1,
                            .actor = actor,
                            .created_at = e->created_at,
                            .created_by = e->created_by,
                            .type = e->type,
                            .after = after[i]});
  }
}

static void run(filtered *f) {
  property *p = f->p;
  uint32_t changed = 0;
  pq_value *after;
  int rc = put_command(f);
  if (rc != PQ_OK) {
    property_run(p, false);
    property_expect(p, rc);
    return;
  }
  choose(f);
  after = calloc(f->count + 1, sizeof *after);
  if (after == NULL) spec_die("out of memory");
  rc = change(f, after, &changed);
  property_run(p, false);
  if (rc != PQ_OK) { /* which one fails first depends on where they are stored */
    if (p->reply.rc >= 0) property_fail(p, "success, expected %s", pq_status_name(rc));
  } else if (property_expect(p, PQ_OK)) {
    if (property_number(p, f->is_delete ? "deletedCount" : "matchedCount") != f->count ||
        (!f->is_delete && property_number(p, "modifiedCount") != changed))
      property_fail(p, "matched %u, changed %u expected", f->count, changed);
    commit(f, after, changed);
  }
  free(after);
}

void property_write_filtered(property *p) {
  filtered f = {.p = p, .collection = random_collection(&p->random)};
  f.is_delete = random_chance(&p->random, 15);
  f.is_one = f.is_delete || random_chance(&p->random, 50);
  f.is_descending = random_chance(&p->random, 50);
  pq_arena_init(&f.arena, spec_cx(), SIZE_MAX / 2);
  run(&f);
  free(f.keys);
  free(f.entities);
  pq_arena_release(&f.arena);
}
