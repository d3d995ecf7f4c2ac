/* cmd/vacuum_command.c - vacuum: what nothing can read any more goes (db/garbage.h); retention: how
 * much history is kept.
 *
 *   {"vacuum": 1, "dryRun": true, "minAge": "1h"}      items: what goes, why, bytes; summary: sums
 *   {"vacuum": 1, "to": "seq:5000"}                    the archive has history up to there
 *   {"retention": {"age": "30d", "archive": "/cold"}}  an entry with the setting
 *   {"retention": 1}                                   the setting, and where history begins
 */
#include <string.h>

#include "base/text.h"
#include "cmd/command_int.h"
#include "db/garbage.h"

#define US_PER_SECOND INT64_C(1000000)
/* Log entries and checkpoints of a reply that are one item each. */
enum { SINGLE_MAX = 20 };

static const char *const kind_names[] = {NULL,   "entry",        "checkpoint",
                                         "file", "unknown file", "pin"};

/* "90s", "15m", "12h", "30d", "2w" in µs; "0" needs no unit. */
static bool parse_age(pq_slice text, uint64_t *out) {
  static const char units[] = "smhdw";
  static const uint64_t seconds[] = {1, 60, 3600, 86400, 604800};
  const char *unit = text.n < 2 ? NULL : strchr(units, text.p[text.n - 1]);
  uint64_t n = 0;
  *out = 0;
  if (pq_slice_is(text, "0")) return true;
  if (unit == NULL || *unit == '\0' || text.n > 10) return false;
  for (size_t i = 0; i + 1 < text.n; i++) {
    if (text.p[i] < '0' || text.p[i] > '9') return false;
    n = n * 10 + (uint64_t)(text.p[i] - '0');
  }
  *out = n * seconds[unit - units] * (uint64_t)US_PER_SECOND; /* at most 9 digits: fits */
  return *out <= INT64_MAX;
}

/* An age in µs as text that parse_age reads. */
static char *print_age(pq_arena *arena, uint64_t us) {
  uint64_t s = us / (uint64_t)US_PER_SECOND;
  unsigned long long day = 86400, n = (unsigned long long)s;
  if (n % day == 0) return pq_arena_printf(arena, "%llud", n / day);
  if (n % 3600 == 0) return pq_arena_printf(arena, "%lluh", n / 3600);
  return pq_arena_printf(arena, "%llus", n);
}

/* ---- vacuum ---- */

static int reply_garbage(pq_command *c, const pq_garbage *item, uint64_t count, uint64_t len) {
  pq_builder *b = c->db->builder;
  pq_value value;
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_put_text(b, "name", pq_str(item->name)));
  PQ_TRY(pq_put_text(b, "kind", pq_str(kind_names[item->kind])));
  if (count > 1) PQ_TRY(pq_put_count(b, "count", count));
  PQ_TRY(pq_put_count(b, "bytes", len));
  PQ_TRY(pq_put_text(b, "why", pq_str(item->why)));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_finish(b, &c->replies, &value));
  return pq_reply_item(c, value);
}

/* Many entries are one item, from the first to the last. */
static int reply_entries(pq_command *c, const pq_garbage *items, uint32_t count) {
  pq_garbage all = items[0];
  uint64_t len = 0;
  for (uint32_t i = 0; i < count; i++)
    len += items[i].len;
  all.name = pq_arena_printf(&c->op.scratch, "%s to %s", items[0].name,
                             strchr(items[count - 1].name, '/') + 1);
  return all.name == NULL ? c->op.cx->code : reply_garbage(c, &all, count, len);
}

static int reply_all(pq_command *c) {
  const pq_collect *g = c->s.collect;
  uint32_t n;
  for (uint32_t i = 0; i < g->count; i += n) {
    for (n = 1; i + n < g->count && g->items[i + n].kind == g->items[i].kind;)
      n++;
    if (n > SINGLE_MAX && g->items[i].kind <= PQ_GARBAGE_CHECKPOINT) {
      PQ_TRY(reply_entries(c, g->items + i, n));
      continue;
    }
    n = 1;
    PQ_TRY(reply_garbage(c, &g->items[i], 1, g->items[i].len));
  }
  return PQ_OK;
}

/* What keeps garbage from going. */
static int reply_hold(pq_command *c, const pq_hold *hold) {
  pq_builder *b = c->db->builder;
  pq_value value;
  char *why =
      pq_arena_printf(&c->op.scratch,
                      "entry %llu is being read: for %llu more seconds nothing that it or "
                      "an older instant needs goes",
                      (unsigned long long)hold->entry, (unsigned long long)hold->seconds_left);
  if (why == NULL) return c->op.cx->code;
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_put_text(b, "name", pq_str(hold->name)));
  PQ_TRY(pq_put_text(b, "kind", PQ_SLICE("held by")));
  PQ_TRY(pq_put_count(b, "bytes", 0));
  PQ_TRY(pq_put_text(b, "why", pq_str(why)));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_finish(b, &c->replies, &value));
  return pq_reply_item(c, value);
}

static int put_archive(pq_command *c) {
  pq_slice archive = c->s.space->manifest.retention.archive;
  return archive.n == 0 ? PQ_OK : pq_put_text(c->db->builder, "archive", archive);
}

static int stage_vacuum_end(pq_op *op) {
  pq_command *c = pq_command_of(op);
  const pq_collect *g = c->s.collect;
  uint64_t count = g->deleted, len = g->deleted_len;
  if (g->is_dry_run) count = g->count;
  for (uint32_t i = 0; i < g->count && g->is_dry_run; i++)
    len += g->items[i].len;
  PQ_TRY(reply_all(c));
  for (uint32_t i = 0; i < g->hold_count; i++)
    PQ_TRY(reply_hold(c, &g->holds[i]));
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_builder_key_str(c->db->builder, "dryRun"));
  PQ_TRY(pq_builder_bool(c->db->builder, g->is_dry_run));
  PQ_TRY(pq_summary_count(c, "objects", count));
  PQ_TRY(pq_summary_count(c, "bytes", len));
  PQ_TRY(pq_summary_count(c, "instantsForgotten", g->forgotten));
  PQ_TRY(pq_summary_count(c, "tooYoung", g->kept_young));
  PQ_TRY(pq_summary_count(c, "inUse", g->kept_pinned));
  if (g->has_more) {
    PQ_TRY(pq_builder_key_str(c->db->builder, "more"));
    PQ_TRY(pq_builder_bool(c->db->builder, true));
  }
  if (g->unarchived > 0) PQ_TRY(put_archive(c));
  if (g->unarchived > 0) PQ_TRY(pq_summary_count(c, "toArchiveSeq", g->unarchived));
  PQ_TRY(pq_history_put(c));
  return pq_summary_end(c, c->s.space->seq);
}

static int stage_vacuum(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_collect *g = c->s.collect;
  PQ_TRY(pq_space_check_happened(c->s.space, c->s.args.to));
  PQ_TRY(pq_space_check_id(c->s.space, &c->s.space->files, op, c->s.args.to));
  g->space = c->s.space;
  pq_collect_begin(g, op);
  return PQ_OK;
}

int pq_open_vacuum(pq_command *c, pq_value target) {
  const pq_args *args = &c->s.args;
  uint64_t min_age = (uint64_t)PQ_GARBAGE_MIN_AGE_US;
  (void)target;
  if ((args->given & PQ_OPT_MIN_AGE) != 0 && !parse_age(args->min_age, &min_age))
    return pq_fail(c->op.cx, PQ_EINVALID,
                   "vacuum: option 'minAge' must be a time such as \"15m\", \"12h\" or \"30d\"");
  c->s.collect = pq_arena_calloc(&c->arena, 1, sizeof *c->s.collect);
  if (c->s.collect == NULL) return c->op.cx->code;
  if (args->to.is_set && !args->to.is_seq)
    return pq_fail(c->op.cx, PQ_EINVALID,
                   "vacuum: option 'to' is where the archive ends: \"seq:N\" or an event's id");
  c->s.collect->archived_seq = args->to.seq;
  c->s.collect->is_dry_run = args->is_dry_run;
  c->s.collect->min_age_us = (int64_t)min_age;
  c->s.collect->done = stage_vacuum_end;
  c->s.start = stage_vacuum;
  c->s.needs_slot = !args->is_dry_run;
  return PQ_OK;
}

/* ---- retention ---- */

static int stage_retention_end(pq_op *op) {
  pq_command *c = pq_command_of(op);
  const pq_retention *r = &c->s.space->manifest.retention;
  pq_builder *b = c->db->builder;
  char *age = print_age(&op->scratch, r->age_us);
  if (age == NULL) return op->cx->code;
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_builder_key_str(b, "age"));
  PQ_TRY(r->age_us == 0 ? pq_builder_null(b) : pq_builder_string(b, pq_str(age)));
  PQ_TRY(pq_builder_key_str(b, "bytes"));
  PQ_TRY(r->len == 0 ? pq_builder_null(b) : pq_builder_i64(b, (int64_t)r->len));
  PQ_TRY(put_archive(c));
  PQ_TRY(pq_history_put(c));
  return pq_summary_end(c, c->s.space->seq);
}

/* The setting is an entry of its own. */
static int stage_retention(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_collect *g = c->s.collect;
  g->space = c->s.space;
  g->done = stage_retention_end;
  pq_collect_commit(g, op);
  return PQ_OK;
}

/* Only a folder can be copied into (port/backup.c). */
static int refuse_store(pq_command *c, pq_slice path) {
  for (size_t i = 0; i + 2 < path.n; i++)
    if (memcmp(path.p + i, "://", 3) == 0)
      return pq_fail(c->op.cx, PQ_EUNSUPPORTED,
                     "retention: an archive is a folder; copying into '%.*s' is not supported yet",
                     (int)(path.n > 40 ? 40 : path.n), (const char *)path.p);
  return PQ_OK;
}

/* null: no limit. */
static int parse_limit(pq_command *c, const pq_field *f, pq_retention *r) {
  pq_slice text;
  int64_t n;
  bool is_null = pq_value_type(f->value) == PQ_TYPE_NULL;
  if (pq_slice_is(f->name, "age")) {
    if (is_null) return PQ_OK;
    if (pq_value_string(f->value, &text) && parse_age(text, &r->age_us) && r->age_us > 0)
      return PQ_OK;
    return pq_fail(c->op.cx, PQ_EINVALID,
                   "retention: 'age' must be a time such as \"30d\", or null for no limit");
  }
  if (pq_slice_is(f->name, "bytes")) {
    if (is_null) return PQ_OK;
    if (pq_value_i64(f->value, &n) && n > 0) {
      r->len = (uint64_t)n;
      return PQ_OK;
    }
    return pq_fail(c->op.cx, PQ_EINVALID,
                   "retention: 'bytes' must be a whole number above 0, or null for no limit");
  }
  if (pq_slice_is(f->name, "archive")) {
    if (is_null) return PQ_OK;
    if (pq_value_string(f->value, &r->archive) && r->archive.n > 0 &&
        r->archive.n <= PQ_ARCHIVE_LEN_MAX && memchr(r->archive.p, 0, r->archive.n) == NULL)
      return refuse_store(c, r->archive);
    return pq_fail(c->op.cx, PQ_EINVALID,
                   "retention: 'archive' must be the path of a folder, or null for none");
  }
  return pq_fail(c->op.cx, PQ_EINVALID,
                 "retention: unknown field '%.*s': it has 'age', 'bytes' and 'archive'",
                 (int)(f->name.n > 40 ? 40 : f->name.n), (const char *)f->name.p);
}

int pq_open_retention(pq_command *c, pq_value target) {
  pq_collect *g;
  pq_field field;
  c->s.start = stage_retention_end;
  if (pq_value_type(target) != PQ_TYPE_OBJECT) return PQ_OK;
  g = pq_arena_calloc(&c->arena, 1, sizeof *g);
  if (g == NULL) return c->op.cx->code;
  c->s.collect = g;
  g->flush.has_retention = true;
  for (uint32_t i = 0; i < pq_value_count(target); i++) {
    if (!pq_object_at(target, i, &field)) continue;
    PQ_TRY(parse_limit(c, &field, &g->flush.retention));
  }
  c->s.start = stage_retention;
  c->s.needs_slot = true;
  return PQ_OK;
}
