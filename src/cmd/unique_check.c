/* cmd/unique_check.c - keys that no two live entities of a collection may have: fields with '##',
 * unique indexes.
 *
 *   events of the commit ─► keys, by hash ─► the same key twice among them?
 *                               ├─► the tail, by its table of keys (table/tail_keys.h) ─► another
 *                               └─► a scan of files {field: {$in: values}}             ─► entity?
 *
 * The filter of the scan is what keeps it cheap: bloom filters and page indexes of the fields'
 * columns refuse files that do not have the values, so that as a rule no page is read. Entities
 * that the commit changes count by what it makes of them. Keys that an update leaves alone were
 * checked when they came: they are not asked for, so that most updates scan nothing.
 *
 * A violation fails the write; in an insert that tells errors by index, the document.
 */
#include <string.h>

#include "base/hash.h"
#include "base/merge_sort.h"
#include "base/text.h"
#include "cmd/unique_check.h"
#include "table/tail_keys.h"
#include "value/json.h"

#define TEXT_ARGS(s) (int)((s).n > 60 ? 60 : (s).n), (const char *)(s).p

enum { OPERANDS_MAX = 10000, KEY_TEXT_MAX = 160 };

struct changed {
  uint64_t hash;
  uint32_t event;
};

/* A key of an event's document. */
struct held_key {
  uint64_t hash;
  uint32_t event, at; /* at: in the event's list */
};

struct pq_unique {
  pq_stage_fn after;
  const pq_unique_key *rules;
  uint32_t rule_count, rule; /* the one that is being checked */
  pq_filter *filter;
  pq_key_list *lists;                         /* by event: the document's keys */
  struct held_key *held;                      /* all of them, by hash */
  uint32_t held_count, held_cap, asked_count; /* asked: new to their entities */
  uint32_t asking;                            /* the one that the tail is asked for */
  struct changed *ids;                        /* that the commit changes, by hash */
  uint32_t id_count;
  pq_slice *bad; /* by event: the message; empty: none */
};

/* ---- the commit's keys ---- */

static int compare_changed(const void *a, const void *b, const void *ud) {
  uint64_t x = ((const struct changed *)a)->hash, y = ((const struct changed *)b)->hash;
  (void)ud;
  return (x > y) - (x < y);
}

static int compare_held(const void *a, const void *b, const void *ud) {
  const struct held_key *x = a, *y = b;
  (void)ud;
  if (x->hash != y->hash) return x->hash < y->hash ? -1 : 1;
  return (x->event > y->event) - (x->event < y->event);
}

static uint32_t first_of(const struct pq_unique *u, uint64_t hash) {
  uint32_t lo = 0, hi = u->held_count;
  while (lo < hi) {
    uint32_t mid = lo + (hi - lo) / 2;
    if (u->held[mid].hash < hash)
      lo = mid + 1;
    else
      hi = mid;
  }
  return lo;
}

static int print_text(pq_command *c, pq_value v, size_t len_max, char **out) {
  pq_buf buf;
  int rc;
  size_t n;
  pq_buf_init(&buf, c->op.cx, SIZE_MAX / 2);
  rc = pq_json_print(&buf, v, PQ_JSON_RELAXED);
  n = buf.len > len_max ? pq_utf8_prefix(pq_buf_slice(&buf), len_max) : buf.len;
  *out = rc == PQ_OK ? pq_arena_str(&c->op.scratch, (pq_slice){buf.p, n}) : NULL;
  pq_buf_release(&buf);
  PQ_TRY(rc);
  return *out == NULL ? c->op.cx->code : PQ_OK;
}

/* {"a": 5, "b": null}: the fields of a key with their values. */
static int key_value(pq_command *c, const pq_unique_key *u, const pq_value *parts, pq_value *out) {
  pq_builder *b = c->db->builder;
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  for (uint32_t i = 0; i < u->path_count; i++) {
    PQ_TRY(pq_builder_key(b, u->paths[i].text));
    PQ_TRY(pq_builder_value(b, parts[i]));
  }
  PQ_TRY(pq_builder_end(b));
  return pq_builder_finish(b, &c->op.scratch, out);
}

int pq_unique_message(pq_command *c, const pq_unique_key *u, const pq_twin *twin, char **out) {
  char *value, *pattern;
  pq_value key;
  if (!u->is_index) {
    PQ_TRY(print_text(c, twin->parts[0], 40, &value));
    *out = pq_arena_printf(&c->op.arena, "%.*s: field '%.*s': %.*s has the value %s already",
                           TEXT_ARGS(twin->id), TEXT_ARGS(u->name), TEXT_ARGS(twin->other), value);
    return *out == NULL ? c->op.cx->code : PQ_OK;
  }
  PQ_TRY(key_value(c, u, twin->parts, &key));
  PQ_TRY(print_text(c, key, KEY_TEXT_MAX, &value));
  PQ_TRY(print_text(c, u->pattern, KEY_TEXT_MAX, &pattern));
  *out = pq_arena_printf(&c->op.arena, "%.*s: index '%.*s' %s: %.*s has %s already",
                         TEXT_ARGS(twin->id), (int)u->name.n, (const char *)u->name.p, pattern,
                         TEXT_ARGS(twin->other), value);
  return *out == NULL ? c->op.cx->code : PQ_OK;
}

static const pq_value *parts_of(const struct pq_unique *u, const struct held_key *h) {
  return u->lists[h->event].parts + (size_t)h->at * u->rules[u->rule].path_count;
}

/* A key of an event is that of `other`. */
static int note_bad(pq_command *c, struct pq_unique *u, const struct held_key *h, pq_slice other) {
  pq_twin twin = {c->s.commit.events[h->event].id, other, parts_of(u, h)};
  char *message;
  if (u->bad[h->event].n > 0) return PQ_OK;
  PQ_TRY(pq_unique_message(c, &u->rules[u->rule], &twin, &message));
  u->bad[h->event] = pq_str(message);
  return PQ_OK;
}

/* Does event `i` leave the keys as they were? */
static bool is_kept(const pq_command *c, const struct pq_unique *u, uint32_t i) {
  return u->rule < 32 && (c->s.commit.events[i].unique_kept >> u->rule & 1) != 0;
}

static int hold(pq_command *c, struct pq_unique *u, uint32_t event) {
  const pq_key_list *l = &u->lists[event];
  if (u->held_cap - u->held_count < l->count) {
    uint32_t cap = (u->held_count + l->count) * 2;
    struct held_key *held = pq_arena_calloc(&c->op.arena, cap, sizeof *held);
    if (held == NULL) return c->op.cx->code;
    if (u->held_count > 0) memcpy(held, u->held, u->held_count * sizeof *held);
    u->held = held;
    u->held_cap = cap;
  }
  for (uint32_t k = 0; k < l->count; k++)
    u->held[u->held_count++] = (struct held_key){l->hashes[k], event, k};
  return PQ_OK;
}

/* Two events of the commit with one key: the later one is bad. Of those with one hash the first
 * that is not bad is as a rule the one that has the key: it is looked at first, since there may be
 * very many behind it. */
static int check_twins(pq_command *c, struct pq_unique *u) {
  const pq_unique_key *rule = &u->rules[u->rule];
  uint32_t first = 0;
  for (uint32_t k = 1; k < u->held_count; k++) {
    while (first < k &&
           (u->held[first].hash != u->held[k].hash || u->bad[u->held[first].event].n > 0))
      first++;
    for (uint32_t j = first; j < k; j++) {
      const struct held_key *x = &u->held[j], *y = &u->held[k];
      if (x->event == y->event || u->bad[x->event].n > 0 ||
          !pq_unique_equal(rule, &u->lists[x->event], x->at, &u->lists[y->event], y->at))
        continue;
      PQ_TRY(note_bad(c, u, y, c->s.commit.events[x->event].id));
      break;
    }
  }
  return PQ_OK;
}

/* A document that cannot have keys is bad by itself. */
static int list_keys(pq_command *c, struct pq_unique *u, uint32_t i) {
  const pq_event *e = &c->s.commit.events[i];
  u->lists[i] = (pq_key_list){0};
  if (e->target != PQ_TARGET_ENTITY || e->op == PQ_EVENT_DELETE) return PQ_OK;
  PQ_TRY(pq_unique_keys(&u->rules[u->rule], &c->op.arena, e->after, &u->lists[i]));
  if (u->lists[i].count == 0) return PQ_OK;
  if (!is_kept(c, u, i)) u->asked_count += u->lists[i].count;
  return hold(c, u, i);
}

static int gather(pq_command *c, struct pq_unique *u) {
  u->held_count = u->asked_count = u->asking = 0;
  for (uint32_t i = 0; i < c->s.commit.count; i++)
    PQ_TRY(list_keys(c, u, i));
  PQ_TRY(pq_sort_items(c->op.cx, u->held, u->held_count, sizeof *u->held, compare_held, NULL));
  return check_twins(c, u);
}

/* ---- the entities that are there ---- */

static bool is_changed(const pq_command *c, const struct pq_unique *u, pq_slice id) {
  uint64_t hash = pq_hash(id, 0);
  uint32_t lo = 0, hi = u->id_count;
  while (lo < hi) {
    uint32_t mid = lo + (hi - lo) / 2;
    if (u->ids[mid].hash < hash)
      lo = mid + 1;
    else
      hi = mid;
  }
  for (; lo < u->id_count && u->ids[lo].hash == hash; lo++)
    if (pq_slice_eq(c->s.commit.events[u->ids[lo].event].id, id)) return true;
  return false;
}

/* One of the tail that has the key u->asking. What the commit changes counts as it will be. */
static int take_of_tail(void *ud, const pq_entity *e) {
  pq_command *c = ud;
  struct pq_unique *u = c->s.unique;
  return is_changed(c, u, e->id) ? PQ_OK : note_bad(c, u, &u->held[u->asking], e->id);
}

static int ask_tail(pq_command *c, struct pq_unique *u) {
  for (; u->asking < u->held_count; u->asking++) {
    const struct held_key *h = &u->held[u->asking];
    if (is_kept(c, u, h->event)) continue;
    PQ_TRY(pq_tail_find_key(&c->s.snapshot.view, &c->op.scratch, c->s.collection,
                            &u->rules[u->rule], &u->lists[h->event], h->at, take_of_tail, c));
  }
  return PQ_OK;
}

/* A pq_scan_sink, of rows of files. */
static int take_other(void *ud, const pq_entity *e, uint64_t count) {
  pq_command *c = ud;
  struct pq_unique *u = c->s.unique;
  const pq_unique_key *rule = &u->rules[u->rule];
  pq_key_list keys;
  int rc;
  (void)count;
  if (is_changed(c, u, e->id)) return PQ_OK;
  rc = pq_unique_keys(rule, &c->op.scratch, e->data, &keys);
  if (rc == PQ_EINVALID || rc == PQ_ELIMIT) return PQ_OK; /* from before the index */
  PQ_TRY(rc);
  for (uint32_t k = 0; k < keys.count; k++)
    for (uint32_t i = first_of(u, keys.hashes[k]);
         i < u->held_count && u->held[i].hash == keys.hashes[k]; i++) {
      const struct held_key *h = &u->held[i];
      if (is_kept(c, u, h->event) || !pq_unique_equal(rule, &keys, k, &u->lists[h->event], h->at))
        continue;
      PQ_TRY(note_bad(c, u, h, e->id));
    }
  return PQ_OK;
}

/* Is field `f` of some key what `$in` takes for something else than a value? */
static bool has_pattern(const struct pq_unique *u, uint32_t f) {
  for (uint32_t k = 0; k < u->held_count; k++) {
    pq_value v = parts_of(u, &u->held[k])[f];
    pq_field first;
    if (pq_value_type(v) == PQ_TYPE_REGEX) return true;
    if (pq_value_type(v) == PQ_TYPE_OBJECT && pq_object_at(v, 0, &first) && first.name.n > 0 &&
        first.name.p[0] == '$')
      return true;
  }
  return false;
}

/* {field: {$in: values}} for each field of the key. */
static int put_terms(pq_command *c, const struct pq_unique *u) {
  const pq_unique_key *rule = &u->rules[u->rule];
  pq_builder *b = c->db->builder;
  for (uint32_t f = 0; f < rule->path_count; f++) {
    if (has_pattern(u, f)) continue;
    PQ_TRY(pq_builder_key(b, rule->paths[f].text));
    PQ_TRY(pq_builder_begin_object(b));
    PQ_TRY(pq_builder_key_str(b, "$in"));
    PQ_TRY(pq_builder_begin_array(b));
    for (uint32_t k = 0; k < u->held_count; k++)
      if (!is_kept(c, u, u->held[k].event))
        PQ_TRY(pq_builder_value(b, parts_of(u, &u->held[k])[f]));
    PQ_TRY(pq_builder_end(b));
    PQ_TRY(pq_builder_end(b));
  }
  return PQ_OK;
}

/* All entities when the keys are very many. */
static int make_filter(pq_command *c, struct pq_unique *u) {
  pq_builder *b = c->db->builder;
  pq_value filter;
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  if (u->asked_count <= OPERANDS_MAX) PQ_TRY(put_terms(c, u));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_finish(b, &c->op.arena, &filter));
  return pq_filter_parse(&c->op.arena, NULL, filter, &u->filter);
}

/* ---- what becomes of violations ---- */

/* The write of an event; events are in the order of their writes, which *at goes through. */
static const pq_write *write_of(const pq_command *c, const pq_event *e, uint32_t *at) {
  while (!pq_slice_eq(c->s.writes[*at].id, e->id)) {
    ++*at;
    pq_assert(*at < c->s.write_count);
  }
  return &c->s.writes[*at];
}

static void forget_ids(pq_write_notes *ids, const bool *is_gone, uint32_t count) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < ids->count; i++)
    if (ids->items[i].index >= count || !is_gone[ids->items[i].index])
      ids->items[n++] = ids->items[i];
  ids->count = n;
}

/* An insert that tells errors by index: the bad documents go, and with `ordered` all behind the
 * first of them. An insert has one event per document. */
static int drop_bad(pq_command *c, const struct pq_unique *u) {
  pq_commit *commit = &c->s.commit;
  uint32_t n = 0, at = 0, count = c->s.operation_count;
  bool is_over = false, *is_gone = pq_arena_calloc(&c->op.scratch, count, sizeof *is_gone);
  if (is_gone == NULL) return c->op.cx->code;
  for (uint32_t i = 0; i < commit->count; i++) {
    const pq_write *w = write_of(c, &commit->events[i], &at);
    if (u->bad[i].n == 0 && !is_over) {
      commit->events[n++] = commit->events[i];
      continue;
    }
    if (!is_over)
      PQ_TRY(pq_note_error(
          c, w->index,
          pq_fail(c->op.cx, PQ_EUNIQUE, "%.*s", (int)u->bad[i].n, (const char *)u->bad[i].p)));
    is_over = is_over || c->s.is_ordered;
    c->s.outcome.inserted--;
    if (w->index < count) is_gone[w->index] = true;
  }
  forget_ids(&c->s.outcome.inserted_ids, is_gone, count);
  commit->count = n;
  return PQ_OK;
}

static int finish(pq_command *c) {
  struct pq_unique *u = c->s.unique;
  bool is_insert = c->s.write_count > 0 && pq_slice_is(pq_str(c->s.spec->name), "insert");
  c->op.stage = u->after;
  for (uint32_t i = 0; i < c->s.commit.count; i++) {
    if (u->bad[i].n == 0) continue;
    if (c->s.is_bulk && is_insert) return drop_bad(c, u);
    return pq_fail(c->op.cx, PQ_EUNIQUE, "%.*s", (int)u->bad[i].n, (const char *)u->bad[i].p);
  }
  return PQ_OK;
}

/* ---- stages ---- */

static int stage_unique_rule(pq_op *op);

static int stage_unique_scan(pq_op *op) {
  pq_command *c = pq_command_of(op);
  int rc = pq_scan_next(&c->s.scan, &op->fetch, &op->scratch, c->db->builder, take_other, c);
  if (rc == PQ_OK && c->s.scan.is_done) {
    c->s.unique->rule++;
    op->stage = stage_unique_rule;
  }
  return pq_turn_result(c, rc);
}

static int check_rule(pq_command *c) {
  struct pq_unique *u = c->s.unique;
  while (u->rule < u->rule_count) {
    PQ_TRY(gather(c, u));
    if (u->asked_count > 0) break;
    u->rule++;
  }
  if (u->rule == u->rule_count) return finish(c);
  PQ_TRY(ask_tail(c, u));
  PQ_TRY(make_filter(c, u));
  pq_scan_init(&c->s.scan, &c->s.snapshot.view, c->s.collection, u->filter);
  c->s.scan.window = PQ_SCAN_WINDOW_MAX;
  c->s.scan.is_of_files = true;
  c->s.scan.is_plain = true;
  c->op.stage = stage_unique_scan;
  return PQ_OK;
}

static int stage_unique_rule(pq_op *op) {
  pq_command *c = pq_command_of(op);
  return pq_turn_result(c, check_rule(c));
}

/* What the commit rests on beyond its keys, for writes beside it. */
static int note_rules(pq_command *c, const pq_unique_key *keys, uint32_t count) {
  pq_unique_rule *rules = pq_arena_calloc(&c->op.arena, count, sizeof *rules);
  if (rules == NULL) return c->op.cx->code;
  for (uint32_t i = 0; i < count; i++)
    rules[i] = (pq_unique_rule){c->s.collection, &keys[i]};
  c->s.commit.rules = rules;
  c->s.commit.rule_count = count;
  return PQ_OK;
}

int pq_unique_begin(pq_command *c, pq_stage_fn after) {
  pq_arena *arena = &c->op.arena;
  uint32_t n = c->s.commit.count, rule_count;
  const pq_unique_key *rules = pq_typing_unique(c, &rule_count);
  struct pq_unique *u;
  c->op.stage = after;
  if (n == 0 || rule_count == 0) return PQ_OK;
  PQ_TRY(note_rules(c, rules, rule_count));
  u = c->s.unique = pq_arena_calloc(arena, 1, sizeof *u);
  if (u == NULL) return c->op.cx->code;
  u->after = after;
  u->rules = rules;
  u->rule_count = rule_count;
  u->lists = pq_arena_calloc(arena, n, sizeof *u->lists);
  u->ids = pq_arena_calloc(arena, n, sizeof *u->ids);
  u->bad = pq_arena_calloc(arena, n, sizeof *u->bad);
  if (u->lists == NULL || u->ids == NULL || u->bad == NULL) return c->op.cx->code;
  for (uint32_t i = 0; i < n; i++)
    if (c->s.commit.events[i].target == PQ_TARGET_ENTITY)
      u->ids[u->id_count++] = (struct changed){pq_hash(c->s.commit.events[i].id, 0), i};
  PQ_TRY(pq_sort_items(c->op.cx, u->ids, u->id_count, sizeof *u->ids, compare_changed, NULL));
  c->op.stage = stage_unique_rule;
  return PQ_OK;
}

/* ---- a whole collection: what a new rule is held against ---- */

void pq_unique_build_init(pq_unique_build *b, pq_command *c, const pq_unique_key *keys,
                          uint32_t count) {
  *b = (pq_unique_build){.keys = keys, .key_count = count};
  pq_table_init(&b->by_hash, c->op.cx);
  pq_arena_init(&b->scratch, c->op.cx, c->op.cx->limits.op_len_max);
}

void pq_unique_build_release(pq_unique_build *b) {
  if (b->by_hash.cx == NULL) return;
  pq_table_release(&b->by_hash);
  pq_arena_release(&b->scratch);
}

static int remember(pq_command *c, pq_unique_build *b, const pq_seen_key *proto) {
  uint32_t width = b->keys[proto->key].path_count;
  pq_seen_key *s;
  pq_value *parts;
  if (b->count == b->cap) {
    uint32_t cap = b->cap == 0 ? 64 : b->cap * 2;
    pq_seen_key *seen = pq_arena_calloc(&c->arena, cap, sizeof *seen);
    if (seen == NULL) return c->op.cx->code;
    if (b->count > 0) memcpy(seen, b->seen, b->count * sizeof *seen);
    b->seen = seen;
    b->cap = cap;
  }
  s = &b->seen[b->count];
  *s = *proto;
  parts = pq_arena_calloc(&c->arena, width, sizeof *parts);
  if (parts == NULL) return c->op.cx->code;
  for (uint32_t i = 0; i < width; i++)
    PQ_TRY(pq_unique_keep_value(&c->arena, proto->list.parts[i], &parts[i]));
  s->own_hash = proto->list.hashes[0];
  s->list = (pq_key_list){.parts = parts, .hashes = &s->own_hash, .count = 1, .cap = 1};
  PQ_TRY(pq_arena_copy(&c->arena, proto->id, &s->id));
  return pq_table_add(&b->by_hash, s->own_hash + proto->key, b->count++);
}

static const pq_seen_key *find_seen(pq_unique_build *b, const pq_seen_key *x) {
  uint64_t hash = x->list.hashes[0] + x->key;
  size_t pos;
  for (uint32_t i = pq_table_first(&b->by_hash, hash, &pos); i != PQ_TABLE_NONE;
       i = pq_table_next(&b->by_hash, hash, &pos)) {
    pq_seen_key *s = &b->seen[i];
    s->list.hashes = &s->own_hash; /* the array may have moved */
    if (s->key == x->key && !pq_slice_eq(s->id, x->id) &&
        pq_unique_equal(&b->keys[x->key], &s->list, 0, &x->list, 0))
      return s;
  }
  return NULL;
}

int pq_unique_build_add(pq_command *c, pq_unique_build *b, const pq_entity *e) {
  for (uint32_t f = 0; f < b->key_count; f++) {
    const pq_unique_key *key = &b->keys[f];
    pq_key_list keys;
    pq_arena_clear(&b->scratch);
    PQ_TRY(pq_unique_keys(key, &b->scratch, e->data, &keys));
    for (uint32_t k = 0; k < keys.count; k++) {
      pq_seen_key x = {.key = f,
                       .id = e->id,
                       .list = {.parts = keys.parts + (size_t)k * key->path_count,
                                .hashes = keys.hashes + k,
                                .count = 1}};
      const pq_seen_key *twin = find_seen(b, &x);
      char *message;
      if (twin == NULL) {
        PQ_TRY(remember(c, b, &x));
        continue;
      }
      if (!key->is_index)
        return pq_fail(c->op.cx, PQ_EUNIQUE,
                       "schema: field '%.*s' is not unique: %.*s and %.*s have the same value",
                       TEXT_ARGS(key->name), TEXT_ARGS(twin->id), TEXT_ARGS(e->id));
      PQ_TRY(pq_unique_message(c, key, &(pq_twin){e->id, twin->id, x.list.parts}, &message));
      return pq_fail(c->op.cx, PQ_EUNIQUE, "%s", message);
    }
  }
  return PQ_OK;
}
