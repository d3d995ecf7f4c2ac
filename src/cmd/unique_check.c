/* cmd/unique_check.c - fields of which no two live entities may have the same value ('##').
 *
 *   events of the commit ─► values, by hash ─► the same value twice among them?
 *                                └─► a scan {field: {$in: values}} ─► another entity that has one?
 *
 * The scan is what keeps it cheap: bloom filters and page indexes of the field's column refuse
 * files that do not have the values, so that as a rule no page is read. Entities that the commit
 * changes count by what it makes of them. Values that an update leaves alone were checked when they
 * came: they are not asked for, so that most updates scan nothing. Missing and null are no values.
 *
 * A violation fails the write; in an insert that tells errors by index, the document.
 */
#include <string.h>

#include "base/hash.h"
#include "base/merge_sort.h"
#include "base/text.h"
#include "cmd/command_int.h"
#include "value/json.h"

#define TEXT_ARGS(s) (int)((s).n > 60 ? 60 : (s).n), (const char *)(s).p

enum { OPERANDS_MAX = 10000, VALUE_LEN_MAX = 40 };

struct changed {
  uint64_t hash;
  uint32_t event;
};

struct pq_unique {
  pq_stage_fn after;
  const pq_unique_field *fields;
  uint32_t field_count, field; /* the one that is being checked */
  bool is_scanning;
  pq_filter *filter;
  pq_value *values; /* by event: of the field; missing: none */
  uint64_t *hashes;
  uint32_t *order;                   /* events that have a value, by hash */
  uint32_t value_count, asked_count; /* of which so many are new to their entities */
  struct changed *ids;               /* that the commit changes, by hash */
  uint32_t id_count;
  pq_slice *bad; /* by event: the message; empty: none */
};

/* ---- the commit's values ---- */

static int compare_changed(const void *a, const void *b, const void *ud) {
  uint64_t x = ((const struct changed *)a)->hash, y = ((const struct changed *)b)->hash;
  (void)ud;
  return (x > y) - (x < y);
}

static int compare_order(const void *a, const void *b, const void *ud) {
  const struct pq_unique *u = ud;
  uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;
  if (u->hashes[i] != u->hashes[k]) return u->hashes[i] < u->hashes[k] ? -1 : 1;
  return (i > k) - (i < k);
}

static uint32_t first_of(const struct pq_unique *u, uint64_t hash) {
  uint32_t lo = 0, hi = u->value_count;
  while (lo < hi) {
    uint32_t mid = lo + (hi - lo) / 2;
    if (u->hashes[u->order[mid]] < hash)
      lo = mid + 1;
    else
      hi = mid;
  }
  return lo;
}

static bool is_value(pq_value v) {
  return !pq_value_is_missing(v) && pq_value_type(v) != PQ_TYPE_NULL;
}

/* The value as a message shows it. */
static int value_text(pq_command *c, pq_value v, char **out) {
  pq_buf buf;
  int rc;
  size_t n;
  pq_buf_init(&buf, c->op.cx, SIZE_MAX / 2);
  rc = pq_json_print(&buf, v, PQ_JSON_RELAXED);
  n = buf.len > VALUE_LEN_MAX ? pq_utf8_prefix(pq_buf_slice(&buf), VALUE_LEN_MAX) : buf.len;
  *out = rc == PQ_OK ? pq_arena_str(&c->op.scratch, (pq_slice){buf.p, n}) : NULL;
  pq_buf_release(&buf);
  PQ_TRY(rc);
  return *out == NULL ? c->op.cx->code : PQ_OK;
}

/* Event `i` has the value of `other`. */
static int note_bad(pq_command *c, struct pq_unique *u, uint32_t i, pq_slice other) {
  pq_slice name = u->fields[u->field].path.text;
  char *text, *message;
  if (u->bad[i].n > 0) return PQ_OK;
  PQ_TRY(value_text(c, u->values[i], &text));
  message =
      pq_arena_printf(&c->op.arena, "%.*s: field '%.*s': %.*s has the value %s already",
                      TEXT_ARGS(c->s.commit.events[i].id), TEXT_ARGS(name), TEXT_ARGS(other), text);
  if (message == NULL) return c->op.cx->code;
  u->bad[i] = pq_str(message);
  return PQ_OK;
}

/* Does event `i` leave the field as it was? */
static bool is_kept(const pq_command *c, const struct pq_unique *u, uint32_t i) {
  return u->field < 32 && (c->s.commit.events[i].unique_kept >> u->field & 1) != 0;
}

static int gather(pq_command *c, struct pq_unique *u) {
  const pq_commit *commit = &c->s.commit;
  u->value_count = u->asked_count = 0;
  for (uint32_t i = 0; i < commit->count; i++) {
    const pq_event *e = &commit->events[i];
    u->values[i] = (pq_value){0};
    if (e->target != PQ_TARGET_ENTITY || e->op == PQ_EVENT_DELETE) continue;
    u->values[i] = pq_unique_value(e->after, &u->fields[u->field]);
    if (!is_value(u->values[i])) continue;
    u->hashes[i] = pq_value_hash(u->values[i]);
    u->order[u->value_count++] = i;
    u->asked_count += !is_kept(c, u, i);
  }
  PQ_TRY(pq_sort_items(c->op.cx, u->order, u->value_count, sizeof *u->order, compare_order, u));
  for (uint32_t k = 1; k < u->value_count; k++)
    for (uint32_t j = k; j-- > 0 && u->hashes[u->order[j]] == u->hashes[u->order[k]];)
      if (pq_value_is_equal(u->values[u->order[j]], u->values[u->order[k]])) {
        PQ_TRY(note_bad(c, u, u->order[k], commit->events[u->order[j]].id));
        break;
      }
  return PQ_OK;
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

/* A pq_scan_sink. */
static int take_other(void *ud, const pq_entity *e, uint64_t count) {
  pq_command *c = ud;
  struct pq_unique *u = c->s.unique;
  pq_value v = pq_unique_value(e->data, &u->fields[u->field]);
  uint64_t hash;
  (void)count;
  if (!is_value(v)) return PQ_OK;
  hash = pq_value_hash(v);
  for (uint32_t k = first_of(u, hash); k < u->value_count; k++) {
    uint32_t i = u->order[k];
    if (u->hashes[i] != hash) break;
    if (is_kept(c, u, i) || !pq_value_is_equal(u->values[i], v)) continue;
    if (is_changed(c, u, e->id)) return PQ_OK; /* counts as it will be */
    PQ_TRY(note_bad(c, u, i, e->id));
  }
  return PQ_OK;
}

/* {field: {$in: values}}; {} when they are very many. */
static int make_filter(pq_command *c, struct pq_unique *u) {
  pq_builder *b = c->db->builder;
  pq_value filter;
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  if (u->asked_count <= OPERANDS_MAX) {
    PQ_TRY(pq_builder_key(b, u->fields[u->field].path.text));
    PQ_TRY(pq_builder_begin_object(b));
    PQ_TRY(pq_builder_key_str(b, "$in"));
    PQ_TRY(pq_builder_begin_array(b));
    for (uint32_t k = 0; k < u->value_count; k++)
      if (!is_kept(c, u, u->order[k])) PQ_TRY(pq_builder_value(b, u->values[u->order[k]]));
    PQ_TRY(pq_builder_end(b));
    PQ_TRY(pq_builder_end(b));
  }
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

static void forget_id(pq_write_notes *ids, uint32_t index) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < ids->count; i++)
    if (ids->items[i].index != index) ids->items[n++] = ids->items[i];
  ids->count = n;
}

/* An insert that tells errors by index: the bad documents go, and with `ordered` all behind the
 * first of them. An insert has one event per document. */
static int drop_bad(pq_command *c, const struct pq_unique *u) {
  pq_commit *commit = &c->s.commit;
  uint32_t n = 0, at = 0;
  bool is_over = false;
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
    forget_id(&c->s.outcome.inserted_ids, w->index);
  }
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

static int stage_unique_field(pq_op *op);

static int stage_unique_scan(pq_op *op) {
  pq_command *c = pq_command_of(op);
  int rc = pq_scan_next(&c->s.scan, &op->fetch, &op->scratch, c->db->builder, take_other, c);
  if (rc == PQ_OK && c->s.scan.is_done) {
    c->s.unique->field++;
    op->stage = stage_unique_field;
  }
  return pq_turn_result(c, rc);
}

static int check_field(pq_command *c) {
  struct pq_unique *u = c->s.unique;
  while (u->field < u->field_count) {
    PQ_TRY(gather(c, u));
    if (u->asked_count > 0) break;
    u->field++;
  }
  if (u->field == u->field_count) return finish(c);
  PQ_TRY(make_filter(c, u));
  pq_scan_init(&c->s.scan, &c->s.snapshot.view, c->s.collection, u->filter);
  c->s.scan.window = PQ_SCAN_WINDOW_MAX;
  c->op.stage = stage_unique_scan;
  return PQ_OK;
}

static int stage_unique_field(pq_op *op) {
  pq_command *c = pq_command_of(op);
  return pq_turn_result(c, check_field(c));
}

/* What the commit rests on beyond its keys, for writes beside it. */
static int note_rules(pq_command *c, const pq_unique_field *fields, uint32_t count) {
  pq_unique_rule *rules = pq_arena_calloc(&c->op.arena, count, sizeof *rules);
  if (rules == NULL) return c->op.cx->code;
  for (uint32_t i = 0; i < count; i++)
    rules[i] = (pq_unique_rule){c->s.collection, fields[i].path};
  c->s.commit.rules = rules;
  c->s.commit.rule_count = count;
  return PQ_OK;
}

int pq_unique_begin(pq_command *c, pq_stage_fn after) {
  pq_arena *arena = &c->op.arena;
  uint32_t n = c->s.commit.count, field_count;
  const pq_unique_field *fields = pq_typing_unique(c, &field_count);
  struct pq_unique *u;
  c->op.stage = after;
  if (n == 0 || field_count == 0) return PQ_OK;
  PQ_TRY(note_rules(c, fields, field_count));
  u = c->s.unique = pq_arena_calloc(arena, 1, sizeof *u);
  if (u == NULL) return c->op.cx->code;
  u->after = after;
  u->fields = fields;
  u->field_count = field_count;
  u->values = pq_arena_calloc(arena, n, sizeof *u->values);
  u->hashes = pq_arena_calloc(arena, n, sizeof *u->hashes);
  u->order = pq_arena_calloc(arena, n, sizeof *u->order);
  u->ids = pq_arena_calloc(arena, n, sizeof *u->ids);
  u->bad = pq_arena_calloc(arena, n, sizeof *u->bad);
  if (u->values == NULL || u->hashes == NULL || u->order == NULL || u->ids == NULL ||
      u->bad == NULL)
    return c->op.cx->code;
  for (uint32_t i = 0; i < n; i++)
    if (c->s.commit.events[i].target == PQ_TARGET_ENTITY)
      u->ids[u->id_count++] = (struct changed){pq_hash(c->s.commit.events[i].id, 0), i};
  PQ_TRY(pq_sort_items(c->op.cx, u->ids, u->id_count, sizeof *u->ids, compare_changed, NULL));
  c->op.stage = stage_unique_field;
  return PQ_OK;
}
