/* cmd/write_apply.c - what a write does to one entity, as events of the commit.
 *
 *   entity + where it is ─► expectedVersion ─► the document afterwards ─► UPDATE, DELETE event
 *   no entity            ─► upsert: equalities of the filter, then the update ─► CREATE event
 *
 * Called when everything is resident: nothing here waits. On failure no event was added.
 */
#include <string.h>

#include "cmd/command_int.h"

#define TEXT_ARGS(s) (int)((s).n > 60 ? 60 : (s).n), (const char *)(s).p

pq_slice pq_actor_of(const pq_command *c) {
  return c->s.args.actor.n > 0 ? c->s.args.actor : c->db->actor;
}

static int keep_document(pq_command *c, pq_arena *arena, pq_value doc, pq_value *out) {
  pq_builder_clear(c->db->builder);
  PQ_TRY(pq_builder_value(c->db->builder, doc));
  return pq_builder_finish(c->db->builder, arena, out);
}

/* ---- events ---- */

int pq_event_next(pq_command *c, const pq_location *at, const pq_entity *e, pq_event *out) {
  pq_arena *arena = &c->op.arena;
  *out = (pq_event){.target = PQ_TARGET_ENTITY,
                    .version = e->version + 1,
                    .created_at = e->created_at,
                    .actor = pq_actor_of(c),
                    .metadata = c->s.args.metadata,
                    .prev = at->event != NULL ? at->event->seq : 0};
  PQ_TRY(pq_arena_copy(arena, e->id, &out->id));
  PQ_TRY(pq_arena_copy(arena, e->type, &out->type));
  PQ_TRY(pq_arena_copy(arena, e->created_by, &out->created_by));
  if (at->info == NULL) return PQ_OK;
  out->where_file = at->file->name;
  out->where_row = pq_location_row(at);
  return PQ_OK;
}

/* Straight to the commit; of a write on many to a list that is sorted by id first. */
static int add_event(pq_command *c, const pq_write *w, const pq_event *e) {
  pq_command_state *s = &c->s;
  pq_arena *arena = &c->op.arena;
  if (w->id.n > 0 || !w->change->is_many) return pq_commit_add(&s->commit, arena, e);
  if (s->found_count == s->found_cap) {
    uint32_t cap = s->found_cap == 0 ? 16 : s->found_cap * 2;
    pq_event **found = pq_arena_calloc(arena, cap, sizeof *found);
    if (found == NULL) return c->op.cx->code;
    if (s->found_count > 0) memcpy(found, s->found, s->found_count * sizeof *found);
    s->found = found;
    s->found_cap = cap;
  }
  s->found[s->found_count] = pq_arena_alloc(arena, sizeof *e);
  if (s->found[s->found_count] == NULL) return c->op.cx->code;
  *s->found[s->found_count++] = *e;
  return PQ_OK;
}

/* A hard delete takes the entity's edges with it (edge_gone.c). */
static int add_gone(pq_command *c, pq_slice id) {
  pq_command_state *s = &c->s;
  if (s->gone_count == s->gone_cap) {
    uint32_t cap = s->gone_cap == 0 ? 16 : s->gone_cap * 2;
    pq_slice *gone = pq_arena_calloc(&c->op.arena, cap, sizeof *gone);
    if (gone == NULL) return c->op.cx->code;
    if (s->gone_count > 0) memcpy(gone, s->gone, s->gone_count * sizeof *gone);
    s->gone = gone;
    s->gone_cap = cap;
  }
  s->gone[s->gone_count++] = id;
  return PQ_OK;
}

/* The edges of $link and $unlink, from `id`. */
static int add_edges(pq_command *c, const pq_update *u, pq_slice id, bool is_only_change) {
  uint32_t count;
  const pq_update_edge *edges = pq_update_edges(u, &count);
  for (uint32_t i = 0; i < count; i++) {
    pq_edge_arg e = {.from = id,
                     .predicate = edges[i].predicate,
                     .to = edges[i].to,
                     .is_unlink = edges[i].is_unlink,
                     .is_of_update = true,
                     .is_only_change = is_only_change};
    if (e.to.n > 0) PQ_TRY(pq_check_end(c, &e.to));
    PQ_TRY(pq_edges_add(c, &c->op.arena, &e));
  }
  return PQ_OK;
}

/* ---- an entity that matches ---- */

static int check_version(pq_command *c, const pq_change *change, const pq_entity *e) {
  if (!change->has_version || (uint64_t)change->expected_version == e->version) return PQ_OK;
  return pq_fail(c->op.cx, PQ_EVERSION, "%.*s: expected version %lld, it has version %llu",
                 TEXT_ARGS(e->id), (long long)change->expected_version,
                 (unsigned long long)e->version);
}

/* Keep it for the reply; it borrows from the stage. */
static int keep_reply(pq_command *c, const pq_entity *e) {
  pq_arena *arena = &c->op.arena;
  pq_entity *r = &c->s.reply;
  *r = *e;
  PQ_TRY(pq_arena_copy(arena, e->id, &r->id));
  PQ_TRY(pq_arena_copy(arena, e->type, &r->type));
  PQ_TRY(pq_arena_copy(arena, e->created_by, &r->created_by));
  PQ_TRY(pq_arena_copy(arena, e->updated_by, &r->updated_by));
  PQ_TRY(keep_document(c, arena, e->data, &r->data));
  c->s.has_reply = true;
  return PQ_OK;
}

static int match_filter(pq_command *c, const pq_change *change, const pq_entity *e, pq_eval *eval,
                        bool *is_match) {
  const pq_filter *f = change->filter;
  pq_value doc = e->data, system = {0};
  *is_match = true;
  if (pq_filter_is_empty(f)) return PQ_OK;
  if (!change->is_plain && pq_filter_uses_system(f))
    PQ_TRY(pq_entity_system(c->db->builder, &c->op.scratch, e, &system));
  if (change->shows_key)
    PQ_TRY(pq_shown_subject(f, c->db->builder, &c->op.scratch, e, &doc, &system));
  *is_match = pq_filter_match(f, eval, doc, system);
  return pq_filter_status(f);
}

/* What "$" in a path stands for. */
static int find_position(pq_command *c, const pq_change *change, const pq_entity *e, pq_eval *eval,
                         int64_t *out) {
  pq_value doc = e->data, system = {0};
  *out = -1;
  if (!pq_update_is_positional(change->update)) return PQ_OK;
  if (!change->is_plain && pq_filter_uses_system(change->filter))
    PQ_TRY(pq_entity_system(c->db->builder, &c->op.scratch, e, &system));
  if (change->shows_key)
    PQ_TRY(pq_shown_subject(change->filter, c->db->builder, &c->op.scratch, e, &doc, &system));
  *out = pq_filter_position(change->filter, eval, doc, system);
  return pq_filter_status(change->filter);
}

/* The unique keys of which the entity had all before that it has now, as bits. */
static int find_kept(pq_command *c, pq_value before, pq_value after, uint32_t *kept) {
  uint32_t count;
  const pq_unique_key *keys = pq_typing_unique(c, &count);
  *kept = 0;
  for (uint32_t i = 0; i < count; i++) {
    pq_key_list old, now;
    bool is_kept;
    int rc = pq_unique_keys(&keys[i], &c->op.scratch, before, &old);
    if (rc == PQ_EINVALID || rc == PQ_ELIMIT) old = (pq_key_list){0};
    if (rc == PQ_ENOMEM) return rc;
    PQ_TRY(pq_unique_keys(&keys[i], &c->op.scratch, after, &now));
    is_kept = now.count > 0 && i < 32;
    for (uint32_t k = 0; k < now.count && is_kept; k++)
      is_kept = pq_unique_has(&keys[i], &old, &now, k);
    if (is_kept) *kept |= UINT32_C(1) << i;
  }
  return PQ_OK;
}

/* Documents before and after do not tell a replacement from an update; those who follow plain
 * documents (`plain`) want to know: {"replace": true} beside what the caller noted. */
static int note_replacement(pq_command *c, const pq_write *w, pq_value *metadata) {
  pq_builder *b = c->db->builder;
  uint32_t count = 0;
  pq_field *fields;
  if (!w->change->is_plain || pq_update_kind_of(w->change->update) != PQ_UPDATE_REPLACE)
    return PQ_OK;
  fields = pq_object_fields(&c->op.arena, *metadata, &count);
  if (fields == NULL && pq_value_count(*metadata) > 0) return c->op.cx->code;
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  for (uint32_t i = 0; i < count; i++) {
    if (pq_slice_is(fields[i].name, "replace")) continue;
    PQ_TRY(pq_builder_key(b, fields[i].name));
    PQ_TRY(pq_builder_value(b, fields[i].value));
  }
  PQ_TRY(pq_builder_key_str(b, "replace"));
  PQ_TRY(pq_builder_bool(b, true));
  PQ_TRY(pq_builder_end(b));
  return pq_builder_finish(b, &c->op.arena, metadata);
}

/* The document afterwards. An `_id` that it is only shown with is one to the update, which may not
 * change it, and is not stored. */
static int update_document(pq_command *c, const pq_write *w, pq_eval *eval, const pq_entity *e,
                           pq_update_at where, pq_value *after, bool *is_changed) {
  pq_builder *b = c->db->builder;
  pq_arena *arena = &c->op.arena;
  bool is_made = false;
  pq_value doc = e->data;
  if (w->change->shows_key) PQ_TRY(pq_shown_document(b, &c->op.scratch, e, &doc, &is_made));
  pq_builder_clear(b);
  PQ_TRY(pq_update_apply(w->change->update, eval, arena, doc, where, after, is_changed));
  return is_made && *is_changed ? pq_shown_undo(b, arena, after) : PQ_OK;
}

static int apply_update(pq_command *c, const pq_write *w, const pq_location *at,
                        const pq_entity *e) {
  pq_update_at where = {.position = -1};
  pq_event event;
  bool is_changed;
  pq_value after;
  pq_eval eval;
  pq_slice id;
  pq_env_eval(c, &eval);
  PQ_TRY(find_position(c, w->change, e, &eval, &where.position));
  PQ_TRY(update_document(c, w, &eval, e, where, &after, &is_changed));
  c->s.random = eval.random + 1;
  if (!is_changed) {
    uint32_t count;
    (void)pq_update_edges(w->change->update, &count);
    if (count == 0) return PQ_OK;
    PQ_TRY(pq_arena_copy(&c->op.arena, e->id, &id));
    return add_edges(c, w->change->update, id, true);
  }
  PQ_TRY(pq_typed_update(c, w, e->data, &after));
  PQ_TRY(pq_event_next(c, at, e, &event));
  event.op = PQ_EVENT_UPDATE;
  event.after = after;
  PQ_TRY(find_kept(c, e->data, after, &event.unique_kept));
  PQ_TRY(note_replacement(c, w, &event.metadata));
  PQ_TRY(pq_typed_links(c, w, event.id, e->data, after));
  PQ_TRY(add_edges(c, w->change->update, event.id, false));
  PQ_TRY(add_event(c, w, &event));
  c->s.outcome.modified++;
  return PQ_OK;
}

static int apply_delete(pq_command *c, const pq_write *w, const pq_location *at,
                        const pq_entity *e) {
  pq_event event;
  PQ_TRY(pq_event_next(c, at, e, &event));
  event.op = PQ_EVENT_DELETE;
  c->s.gone_policy = w->change->edges;
  if (w->change->is_hard)
    PQ_TRY(add_gone(c, event.id));
  else
    PQ_TRY(keep_document(c, &c->op.arena, e->data, &event.after));
  PQ_TRY(add_event(c, w, &event));
  c->s.outcome.deleted++;
  return PQ_OK;
}

/* A soft-deleted entity comes back as it was, as an update. */
static int apply_restore(pq_command *c, const pq_write *w, const pq_location *at,
                         const pq_entity *e) {
  pq_event event;
  PQ_TRY(pq_event_next(c, at, e, &event));
  event.op = PQ_EVENT_UPDATE;
  PQ_TRY(keep_document(c, &c->op.arena, e->data, &event.after));
  PQ_TRY(add_event(c, w, &event));
  c->s.outcome.restored++;
  return PQ_OK;
}

int pq_write_match(pq_command *c, const pq_write *w, const pq_location *at, const pq_entity *e) {
  PQ_TRY(check_version(c, w->change, e));
  if (c->s.wants_reply) PQ_TRY(keep_reply(c, e));
  switch (w->kind) {
    case PQ_WRITE_UPDATE: PQ_TRY(apply_update(c, w, at, e)); break;
    case PQ_WRITE_DELETE: return apply_delete(c, w, at, e);
    case PQ_WRITE_RESTORE: return apply_restore(c, w, at, e);
    case PQ_WRITE_INSERT: pq_unreachable("an insert matches nothing");
  }
  c->s.outcome.matched++;
  return PQ_OK;
}

/* ---- new entities ---- */

/* The equalities on `$id` and `$type` of the filter. */
static int take_system(pq_command *c, pq_write *w) {
  const pq_equality *terms;
  uint32_t count;
  PQ_TRY(pq_filter_equalities(w->change->filter, &c->op.scratch, &terms, &count));
  for (uint32_t i = 0; i < count; i++) {
    pq_slice path = terms[i].path->text, text;
    if (pq_slice_is(path, "$id") && w->id.n == 0) {
      if (!pq_value_string(terms[i].value, &text) || memchr(text.p, '/', text.n) == NULL)
        return pq_fail(c->op.cx, PQ_EFILTER,
                       "an upsert needs the whole id, COLLECTION/LOCAL-ID, for $id");
      PQ_TRY(pq_id_of_text(c, &c->op.arena, terms[i].value, &w->id));
    } else if (pq_slice_is(path, "$type")) {
      if (!pq_value_string(terms[i].value, &text) || text.n == 0)
        return pq_fail(c->op.cx, PQ_EFILTER, "an upsert needs text that is not empty for $type");
      w->type = text;
    }
  }
  return PQ_OK;
}

int pq_write_upsert(pq_command *c, pq_write *w) {
  const pq_change *change = w->change;
  pq_value id;
  pq_eval eval;
  pq_env_eval(c, &eval);
  PQ_TRY(take_system(c, w));
  pq_builder_clear(c->db->builder);
  PQ_TRY(pq_update_upsert(change->update, change->filter, &eval, &c->op.arena, &w->data));
  c->s.random = eval.random + 1;
  if (c->s.makes_object_ids && pq_value_is_missing(pq_object_get_str(w->data, "_id")))
    PQ_TRY(pq_object_id_put(c, &c->op.arena, &w->data));
  id = pq_object_get_str(w->data, "_id");
  if (w->id.n > 0) {
    pq_slice derived;
    if (!change->is_id_derived || pq_value_is_missing(id)) return PQ_OK;
    PQ_TRY(pq_id_of_value(c, &c->op.arena, id, &derived));
    if (pq_slice_eq(derived, w->id)) return PQ_OK;
    return pq_fail(c->op.cx, PQ_EUPDATE, "the upsert of _id in the filter sets another _id");
  }
  if (pq_value_is_missing(id)) PQ_TRY(pq_typed_id(c, &c->op.arena, w->data, &w->id));
  if (w->id.n > 0) return PQ_OK;
  PQ_TRY(pq_value_is_missing(id) ? pq_id_new(c, &c->op.arena, &w->id)
                                 : pq_id_of_value(c, &c->op.arena, id, &w->id));
  return pq_check_id(c->op.cx, w->id);
}

/* A new entity where `old` is (zeroed: nothing; else soft-deleted). */
static int create(pq_command *c, const pq_write *w, const pq_location *at, const pq_entity *old) {
  pq_event e = {.target = PQ_TARGET_ENTITY,
                .op = PQ_EVENT_CREATE,
                .id = w->id,
                .type = pq_slice_eq(w->type, c->s.type) ? pq_typing_type(c) : w->type,
                .version = 1,
                .created_by = pq_actor_of(c),
                .actor = pq_actor_of(c),
                .after = w->data,
                .metadata = c->s.args.metadata};
  if (old->id.p != NULL && !old->is_deleted)
    return pq_fail(c->op.cx, PQ_EEXISTS, "%.*s exists already", TEXT_ARGS(w->id));
  /* A soft-deleted entity's versions go on; after a hard delete nothing is known but history. */
  if (old->id.p != NULL) e.version = old->version + 1;
  if (at->event != NULL) e.prev = at->event->seq;
  if (at->info != NULL) {
    e.where_file = at->file->name;
    e.where_row = pq_location_row(at);
  }
  return pq_commit_add(&c->s.commit, &c->op.arena, &e);
}

static int insert(pq_command *c, const pq_write *w, const pq_location *at, const pq_entity *old) {
  PQ_TRY(create(c, w, at, old));
  PQ_TRY(pq_typed_links(c, w, w->id, (pq_value){0}, w->data));
  c->s.outcome.inserted++;
  if (c->payload.n > 0) return PQ_OK; /* there may be very many */
  return pq_note_add(c, &c->s.outcome.inserted_ids,
                     (pq_write_note){.index = w->index, .text = w->id});
}

static int upsert(pq_command *c, const pq_write *w, const pq_location *at, const pq_entity *old) {
  pq_write made = *w;
  if (pq_value_is_missing(made.data)) PQ_TRY(pq_write_upsert(c, &made));
  PQ_TRY(pq_typed_document(c, w, &made.data));
  PQ_TRY(create(c, &made, at, old));
  PQ_TRY(pq_typed_links(c, w, made.id, (pq_value){0}, made.data));
  PQ_TRY(add_edges(c, w->change->update, made.id, false));
  c->s.outcome.upserted++;
  return pq_note_add(c, &c->s.outcome.upserted_ids,
                     (pq_write_note){.index = w->index, .text = made.id});
}

/* ---- a write that names its entity ---- */

int pq_write_keyed(pq_command *c, const pq_write *w, const pq_location *at, const pq_entity *e) {
  bool is_match = false;
  pq_eval eval;
  if (w->kind == PQ_WRITE_INSERT) return insert(c, w, at, e);
  if (e->id.p != NULL && (!e->is_deleted || w->change->includes_deleted) &&
      (w->kind != PQ_WRITE_RESTORE || e->is_deleted)) {
    pq_env_eval(c, &eval);
    PQ_TRY(match_filter(c, w->change, e, &eval, &is_match));
  }
  if (is_match) return pq_write_match(c, w, at, e);
  if (w->change->is_upsert) return upsert(c, w, at, e);
  return w->change->is_id_derived ? PQ_NO_MATCH : PQ_OK;
}
