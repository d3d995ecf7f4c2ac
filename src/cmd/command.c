/* cmd/command.c - life of a command, and its replies. See command.h. */
#include "cmd/command.h"

#include <string.h>

#include "cmd/refs.h"
#include "db/verify.h"
#include "db/garbage.h"
#include "db/txn.h"
#include "expr/expression.h"
#include "value/json.h"

enum { STARTS_MAX = 2, REPLIES_KEPT_LEN = 2 << 20 };

/* Is it about one entity as it is now, and the first that a reader's process does? Then it has no
 * use for the rest of the tail (db/tail_load.c). */
static bool is_of_one(const pq_command *c) {
  static int (*const opens[])(pq_command *, pq_value) = {
      pq_open_get, pq_open_history, pq_open_get_at_version, pq_open_reconstruct};
  const uint64_t others = PQ_OPT_AS_OF | PQ_OPT_FROM | PQ_OPT_TO | PQ_OPT_CURSOR | PQ_OPT_EXPLAIN |
                          PQ_OPT_PRICE | PQ_OPT_BUDGET | PQ_OPT_POPULATE | PQ_OPT_TXN;
  if (c->db->is_writer || c->s.space->is_loaded || c->db->command_count > 1 || c->s.id.n == 0 ||
      (c->s.args.given & others) != 0)
    return false;
  for (size_t i = 0; i < sizeof opens / sizeof *opens; i++)
    if (c->s.spec->open == opens[i]) return true;
  return false;
}

int pq_command_load(pq_command *c) {
  pq_space *s = c->s.space;
  bool is_needed = c->db->is_writer && (!s->is_loaded || s->is_stale);
  int rc;
  c->is_loading = true;
  if (is_needed && c->db->steps_all) {
    if (s->loader != NULL && s->loader != c) return pq_space_wait(s);
    s->loader = c; /* until the load or the command is over */
  }
  if (is_of_one(c)) s->only = c->s.id;
  rc = pq_space_load(s, &c->op);
  s->only = (pq_slice){0};
  if (rc == PQ_OVERTAKEN) { /* another command knows more: ask anew */
    pq_fetch_clear(&c->op.fetch);
    rc = pq_space_load(s, &c->op);
  }
  PQ_TRY(rc);
  c->is_loading = false;
  c->forgotten = s->forgotten;
  c->history_seq = s->manifest.history.seq;
  s->loader = NULL;
  return PQ_OK;
}

/* Are there records of links between namespaces? In the same round as the load begins. */
static int look_for_refs(pq_command *c, bool *is_there) {
  pq_space *refs;
  int rc;
  *is_there = false;
  if (!c->s.needs_refs) return PQ_OK;
  PQ_TRY(pq_db_space(c->db, pq_str(PQ_SYSTEM_NS), &refs));
  rc = pq_space_look(refs, &c->op, is_there);
  if (rc != PQ_NEED_IO) return rc;
  rc = pq_command_load(c);
  return rc < 0 ? rc : PQ_NEED_IO;
}

/* First stage of every command. What changes entities joins a group at its end (db/group.c); what
 * works on the namespace as a whole has the write slot. */
static int stage_load(pq_op *op) {
  pq_command *c = pq_command_of(op);
  bool joins = (c->s.spec->options & PQ_OPT_ACTOR) != 0, has_refs;
  PQ_TRY(look_for_refs(c, &has_refs));
  PQ_TRY(pq_command_load(c));
  if (!c->s.space->is_loaded) return PQ_OK; /* once more, from where the log begins by now */
  PQ_TRY(pq_check_hint(c));
  if (c->s.needs_slot)
    PQ_TRY(pq_space_acquire(c->s.space, c));
  else if (c->s.spec->is_write)
    PQ_TRY(joins ? pq_space_may_write(c->s.space) : pq_space_acquire(c->s.space, c));
  c->s.has_refs = has_refs;
  op->stage = pq_plan_is_wanted(c) ? pq_stage_plan : c->s.start;
  return PQ_OK;
}

static int parse_value(pq_command *c, pq_slice ns, pq_value document) {
  PQ_TRY(pq_db_space(c->db, ns, &c->s.space));
  c->document = document;
  return pq_command_parse(c, document);
}

static int parse(pq_command *c, pq_slice ns, pq_slice json) {
  pq_cx *cx = c->db->cx;
  if (json.n > cx->limits.command_len_max)
    return pq_fail(cx, PQ_ELIMIT, "a command has at most %u bytes, this one %zu",
                   cx->limits.command_len_max, json.n);
  PQ_TRY(pq_db_space(c->db, ns, &c->s.space));
  if (c->far != NULL) return pq_far_parse(c);
  pq_builder_clear(c->db->builder);
  PQ_TRY(pq_json_value(c->db->builder, json, &c->arena, &c->document));
  return pq_command_parse(c, c->document);
}

/* Others may have a turn between two stages, but not once the commit has begun. */
static bool may_pause(const pq_op *op) {
  const pq_command_state *s = op->state;
  return s->commit.space == NULL && !s->commit.is_over && s->ending == NULL;
}

static int new_command(pq_db *db, int64_t now_us, pq_command **out) {
  pq_command *c = pq_alloc(db->cx, NULL, 0, sizeof *c);
  int rc;
  *out = c;
  if (c == NULL) return pq_fail_nomem(db->cx);
  memset(c, 0, sizeof *c); /* padding too: the state is compared byte by byte */
  c->db = db;
  c->owner = db->txn_owner;
  c->s.driven = PQ_WORK_NONE;
  rc = pq_op_init(&c->op, db->cx, &c->s, sizeof c->s, stage_load);
  c->op.may_pause = may_pause;
  c->op.fetch.decompressor = &db->decompressor;
  c->op.fetch.runner = &db->runner;
  c->op.now_us = now_us;
  c->s.started_us = now_us;
  pq_arena_init(&c->arena, db->cx, db->cx->limits.op_len_max);
  pq_arena_init(&c->replies, db->cx, db->cx->limits.op_len_max);
  pq_arena_init(&c->best, db->cx, db->cx->limits.op_len_max);
  pq_arena_init(&c->turn, db->cx, db->cx->limits.op_len_max);
  pq_arena_init(&c->embedded, db->cx, db->cx->limits.op_len_max);
  return rc;
}

/* It is parsed, or `rc` tells why not. */
static int begin(pq_command *c, int rc, pq_command **out) {
  if (rc != PQ_OK) {
    pq_command_close(c);
    return rc;
  }
  c->op.fetch.bodies = &c->s.space->files.pages.bodies;
  c->is_counted = c->is_fresh = true;
  c->db->command_count++;
  *out = c;
  return PQ_OK;
}

int pq_command_open(pq_db *db, pq_slice ns, pq_slice json, pq_slice payload, int64_t now_us,
                    pq_command **out) {
  pq_command *c;
  int rc = new_command(db, now_us, &c);
  *out = NULL;
  if (c != NULL) c->payload = payload;
  if (rc == PQ_OK) rc = parse(c, ns, json);
  return begin(c, rc, out);
}

int pq_command_open_value(pq_db *db, pq_slice ns, pq_value command, int64_t now_us,
                          pq_command **out) {
  pq_command *c;
  int rc = new_command(db, now_us, &c);
  *out = NULL;
  if (rc == PQ_OK) rc = parse_value(c, ns, command);
  return begin(c, rc, out);
}

int pq_command_open_inner(pq_db *db, pq_slice ns, pq_slice json, pq_far *far, pq_arena *arena,
                          int64_t now_us, pq_command **out) {
  pq_command *c;
  int rc = new_command(db, now_us, &c);
  *out = NULL;
  if (c != NULL) {
    c->is_inner = true;
    c->far = far;
    c->far_arena = arena;
  }
  if (rc == PQ_OK) rc = parse(c, ns, json);
  return begin(c, rc, out);
}

void pq_command_set_reach(pq_command *c, unsigned reach) {
  c->reach = reach;
}

/* It is done or has failed: others need not wait for it. */
static void stop(pq_command *c) {
  pq_space *s = c->s.space;
  if (s != NULL && s->loader == c) s->loader = NULL;
  if (s != NULL) pq_space_release(s, c);
  pq_command_leave_room(c);
  c->db->command_count -= c->is_counted;
  c->is_counted = false;
}

/* Free what the state owns, but for the part of arenas. */
static void release_state(pq_command *c) {
  pq_txn *t = c->s.txn;
  pq_inner_close(c);
  pq_pipeline_run_free(c);
  pq_distinct_free(c);
  pq_stats_free(c);
  pq_match_run_free(c);
  pq_whole_free(c);
  pq_related_free(c);
  pq_refs_free(c);
  pq_verify_free(c->s.verify);
  pq_backup_release(&c->s.backup);
  pq_schema_run_free(c);
  pq_catalog_run_free(c);
  pq_changed_free(c);
  pq_graph_close(c->s.graph);
  pq_scan_release(&c->s.scan);
  pq_snapshot_close(&c->s.snapshot);
  pq_snapshot_close(&c->s.then);
  pq_plan_free(c);
  pq_buf_release(&c->s.text);
  if (c->s.collect != NULL) pq_collect_release(c->s.collect);
  pq_commit_release(&c->s.commit);
  pq_lines_free(c);
  if (t != NULL && --t->user_count == 0 && t->is_ending) pq_txn_end(t);
  if (c->s.ending != NULL) pq_txn_end(c->s.ending);
}

int pq_command_again(pq_command *c) {
  pq_command_state kept = c->s;
  pq_space_release(kept.space, c);
  release_state(c);
  memset(&c->s, 0, sizeof c->s);
  c->s.space = kept.space;
  c->s.started_us = kept.started_us;
  c->s.again_count = kept.again_count;
  c->s.driven = PQ_WORK_NONE;
  c->items = NULL;
  c->item_count = c->item_cap = c->item_next = 0;
  pq_arena_clear(&c->op.arena);
  pq_arena_clear(&c->replies);
  pq_arena_clear(&c->best);
  pq_arena_clear(&c->turn);
  c->op.stage = stage_load;
  return c->far != NULL ? pq_far_parse(c) : pq_command_parse(c, c->document);
}

void pq_command_close(pq_command *c) {
  pq_db *db;
  if (c == NULL) return;
  db = c->db;
  pq_fetch_settle(&c->op.fetch);
  stop(c);
  release_state(c);
  pq_op_release(&c->op);
  pq_arena_release(&c->arena);
  pq_arena_release(&c->replies);
  pq_arena_release(&c->best);
  pq_arena_release(&c->turn);
  pq_arena_release(&c->embedded);
  pq_alloc(db->cx, c, sizeof *c, 0);
}

void pq_command_rest(pq_command *c) {
  pq_builder *b = c->db->builder;
  pq_command_state kept = c->s;
  pq_value summary;
  pq_arena *const arenas[] = {&c->op.arena, &c->op.scratch, &c->arena,
                              &c->best,     &c->turn,       &c->embedded};
  if (!pq_command_is_stopped(c) || !c->s.is_committed || c->item_count > 0) return;
  pq_builder_clear(b);
  if (pq_builder_value(b, c->summary) != PQ_OK) return;
  if (pq_builder_finish(b, &c->replies, &summary) != PQ_OK) return;
  c->summary = summary;
  release_state(c);
  memset(&c->s, 0, sizeof c->s);
  c->s.space = kept.space;
  c->s.spec = kept.spec;
  c->s.is_committed = true;
  c->s.driven = PQ_WORK_NONE;
  c->document = (pq_value){0};
  pq_fetch_clear(&c->op.fetch);
  for (size_t i = 0; i < sizeof arenas / sizeof arenas[0]; i++) {
    pq_arena_release(arenas[i]);
    pq_arena_init(arenas[i], c->db->cx, c->db->cx->limits.op_len_max);
  }
}

int pq_command_abandon(pq_command *c) {
  pq_cx *cx;
  char msg[PQ_MESSAGE_CAP];
  int code, rc;
  if (c == NULL) return PQ_OK;
  cx = c->db->cx;
  if (c->inner != NULL) {
    rc = pq_command_abandon(c->inner);
    c->inner_asks = rc == PQ_NEED_IO;
    if (rc == PQ_NEED_IO) return rc;
    pq_inner_close(c);
  }
  if (pq_commit_is_sent(&c->s.commit)) {
    code = cx->code;
    memcpy(msg, cx->msg, sizeof msg);
    if (pq_commit_append(&c->s.commit, c->s.space, &c->op) == PQ_NEED_IO) return PQ_NEED_IO;
    cx->code = code;
    memcpy(cx->msg, msg, sizeof msg);
  }
  if (c->s.run == NULL) return PQ_OK;
  code = cx->code;
  memcpy(msg, cx->msg, sizeof msg);
  rc = pq_pipeline_run_abandon(c);
  if (rc >= 0) return rc;
  cx->code = code;
  memcpy(cx->msg, msg, sizeof msg);
  return PQ_OK;
}

/* A round of requests begins. */
static void count_round(pq_command *c) {
  uint64_t asked = c->op.fetch.stat_requests, aside = c->op.fetch.stat_aside_requests;
  c->aside_rounds += asked - c->asked == aside - c->asked_aside;
  c->asked = asked;
  c->asked_aside = aside;
}

/* May the command be done again, when nobody was told of anything and nothing is stored? A writer's
 * once: an older one that did not know of it may have put entries behind those that it read, where
 * its own was to stand (PQ_EBUSY), and removed them and files. */
static bool may_start_anew(const pq_command *c, int rc) {
  bool is_missing = rc == PQ_ENOTFOUND || rc == PQ_ECORRUPT;
  if (c->has_given || c->s.space == NULL) return false;
  if (!c->db->is_writer) return is_missing && c->starts < STARTS_MAX;
  if (!is_missing && (rc != PQ_EBUSY || !c->s.space->is_stale)) return false;
  return !c->s.is_committed && c->starts == 0;
}

/* Do others read what this process knows of the log, and nobody writes? */
static bool is_only_read(const pq_space *s) {
  return s->reader_count > 0 && s->write_owner == NULL && s->group.first == NULL;
}

/* A file that a collector has removed since this process looked at the log, or an entry that it did
 * not know: load the log again from where it begins by now, and do the command again. The load
 * waits for others of this process that read what the log said before. For bytes that are wrong no
 * reader is waited for, as they will be wrong then: the log is read on. */
static int start_anew(pq_command *c, int rc, int64_t now_us) {
  pq_cx *cx = c->db->cx;
  pq_space *s = c->s.space;
  char msg[PQ_MESSAGE_CAP];
  int was = rc;
  bool is_of_bytes = rc == PQ_ECORRUPT && !c->is_loading && !c->op.fetch.is_file_missing;
  if (!may_start_anew(c, rc)) return rc;
  memcpy(msg, cx->msg, sizeof msg);
  pq_fetch_clear(&c->op.fetch);
  c->starts++;
  PQ_TRY(c->s.ending != NULL ? pq_commit_again(c) : pq_command_again(c));
  s->is_outdated = s->is_outdated || !is_of_bytes || !is_only_read(s);
  s->is_stale = s->is_stale || c->db->is_writer;
  rc = pq_op_step(&c->op, now_us);
  return rc == PQ_EBUSY && s->is_outdated ? pq_fail(cx, was, "%s", msg) : rc;
}

/* Does it read events, that of which the instant is made or those that it was asked for, and was
 * history dropped since it began? Those that it still wants may be among them. */
static bool is_cut(const pq_command *c) {
  const uint64_t options = PQ_OPT_FROM | PQ_OPT_TO | PQ_OPT_VERSION;
  if (c->s.space->manifest.history.seq == c->history_seq) return false;
  return c->s.snapshot.view.probe_lo > 0 || c->s.then.view.probe_lo > 0 ||
         (c->s.spec->options & options) != 0 || c->s.spec->open == pq_open_reconstruct;
}

/* Another command of this process had to forget the log while this one waited for an answer, or
 * read in it that history was dropped: what this one knows is of a manifest that is no more. */
static int begin_again(pq_command *c) {
  const pq_space *s = c->s.space;
  bool is_forgotten = s->forgotten != c->forgotten;
  bool is_loading = c->op.stage == stage_load || c->is_loading;
  if (c->op.stage == NULL || is_loading || (!is_forgotten && !is_cut(c))) return PQ_OK;
  if (s->write_owner == c || c->s.commit.space != NULL || c->s.commit.is_over) return PQ_OK;
  if (!is_forgotten && c->has_given)
    return pq_history_dropped(c, "this answer still needs some of it: ask again");
  if (c->has_given || c->s.is_committed)
    return pq_fail(c->db->cx, PQ_EBUSY, "namespace '%s' had to be loaded anew meanwhile: try again",
                   s->ns);
  pq_fetch_clear(&c->op.fetch);
  c->forgotten = s->forgotten;
  c->history_seq = s->manifest.history.seq;
  return c->s.ending != NULL ? pq_commit_again(c) : pq_command_again(c);
}

/* Out of memory because of the limit: say so, and which. */
static int name_limit(pq_cx *cx, int rc) {
  if (rc != PQ_ENOMEM || cx->meter == NULL || !cx->meter->was_refused(cx->alloc_ud)) return rc;
  return pq_fail(cx, PQ_ELIMIT,
                 "this needs more than the %llu MB of memory that are allowed: ask for less at "
                 "once, or allow more (option memory)",
                 (unsigned long long)(cx->meter->allowed >> 20));
}

int pq_command_step(pq_command *c, int64_t now_us) {
  int rc;
  if (c->item_count > 0 && c->item_next == c->item_count) {
    c->items = NULL;
    c->item_count = c->item_cap = c->item_next = 0;
    pq_arena_clear(&c->replies);
    pq_arena_trim(&c->replies, REPLIES_KEPT_LEN);
  }
  pq_page_cache_trim(&c->s.space->files.pages); /* nothing is borrowed between steps */
  pq_windows_fit(c->db, now_us);
  c->db->is_waiting = false;
  if (!c->is_inner) c->op.cx->pace.is_over = c->op.cx->pace.is_queued = false;
  if (pq_command_is_starved(c)) {
    c->is_waiting = true;
    return PQ_OK;
  }
  rc = begin_again(c);
  if (rc == PQ_OK) rc = pq_op_step(&c->op, now_us);
  if (rc == PQ_NEED_IO && c->op.cx->pace.is_queued && !c->is_inner) rc = pq_command_queue(c);
  if (rc < 0) rc = pq_command_make_room(c, start_anew(c, rc, now_us), now_us);
  if (rc < 0) rc = name_limit(c->db->cx, rc);
  if (rc == PQ_OK && c->op.stage != NULL && !pq_command_has_items(c)) pq_op_rest(&c->op);
  c->is_waiting = c->db->is_waiting;
  c->db->move_count += !c->is_waiting;
  if (rc < 0) pq_txn_command_failed(c);
  if (rc < 0 || c->op.stage == NULL) stop(c);
  if (rc == PQ_NEED_IO && pq_command_fetch(c)->unfinished > 0) count_round(c);
  if (rc == PQ_NEED_IO) PQ_TRY(pq_budget_check(c));
  if (rc < 0 && c->s.is_committed) /* "nothing was changed" would be a lie */
    return pq_fail(c->db->cx, PQ_EIO, "%s: %s",
                   !c->s.is_bulk || c->op.stage == c->s.finish
                       ? "the change is stored, but its reply is not"
                       : "what went before is stored, but not the rest",
                   c->db->cx->msg);
  return rc;
}

pq_fetch *pq_command_fetch(pq_command *c) {
  if (c->inner_asks) return pq_command_fetch(c->inner);
  if (c->s.driven != PQ_WORK_NONE) return pq_works_fetch(c->s.space->works, c->s.driven);
  if (c->s.verify != NULL && pq_verify_fetch(c->s.verify) != NULL)
    return pq_verify_fetch(c->s.verify);
  return &c->op.fetch;
}

bool pq_command_next(pq_command *c, pq_value *out) {
  *out = (pq_value){0};
  if (c->item_next == c->item_count) return false;
  *out = c->items[c->item_next++];
  c->has_given = true;
  return true;
}

bool pq_command_has_items(const pq_command *c) {
  return c->item_next < c->item_count;
}

bool pq_command_is_stopped(const pq_command *c) {
  return c->op.stage == NULL;
}

bool pq_command_is_done(const pq_command *c) {
  return c->op.stage == NULL && c->item_next == c->item_count;
}

bool pq_command_has_write_slot(const pq_command *c) {
  return c->s.space != NULL && c->s.space->write_owner == c;
}

bool pq_command_is_begun(const pq_command *c) {
  return c->s.snapshot.space != NULL;
}

bool pq_command_is_waiting(const pq_command *c) {
  return c->is_waiting;
}

void pq_command_progress(const pq_command *c, uint64_t *done, uint64_t *total) {
  *done = *total = 0;
  if (c->s.verify != NULL) pq_verify_progress(c->s.verify, done, total);
  if (c->s.backup.part != 0) pq_backup_progress(&c->s.backup, done, total);
}

pq_value pq_command_summary(const pq_command *c) {
  return c->summary;
}

void pq_command_cost(const pq_command *c, uint64_t *requests, uint64_t *bytes, uint64_t *rounds) {
  *requests = c->op.fetch.stat_requests;
  *bytes = c->op.fetch.stat_bytes;
  *rounds = c->op.rounds;
}

/* ---- replies ---- */

int pq_reply_item(pq_command *c, pq_value item) {
  if (c->item_count == c->item_cap) {
    uint32_t cap = c->item_cap == 0 ? 16 : c->item_cap * 2;
    pq_value *items = pq_arena_calloc(&c->replies, cap, sizeof *items);
    if (items == NULL) return c->op.cx->code;
    if (c->item_count > 0) memcpy(items, c->items, c->item_count * sizeof *items);
    c->items = items;
    c->item_cap = cap;
  }
  c->items[c->item_count++] = item;
  return PQ_OK;
}

int pq_plain_document(pq_command *c, pq_arena *arena, const pq_entity *e, pq_value *out) {
  bool is_made = false;
  if (c->s.args.shows_key) PQ_TRY(pq_shown_document(c->db->builder, arena, e, out, &is_made));
  return is_made ? PQ_OK : pq_value_copy(arena, e->data, out);
}

int pq_reply_entity(pq_command *c, const pq_entity *e) {
  pq_value entity;
  pq_arena *arena = c->s.projection == NULL ? &c->replies : &c->op.scratch;
  if (c->s.args.is_plain)
    PQ_TRY(pq_plain_document(c, arena, e, &entity));
  else
    PQ_TRY(pq_merger_entity(c->db->merger, arena, e, &entity));
  if (c->s.projection != NULL) PQ_TRY(pq_reply_project(c, NULL, &entity));
  return pq_reply_item(c, entity);
}

int pq_reply_project(pq_command *c, const pq_filter *filter, pq_value *entity) {
  int64_t position = -1;
  pq_eval eval;
  pq_env_eval(c, &eval);
  eval.root = *entity;
  if (filter != NULL && pq_projection_is_positional(c->s.projection)) {
    position = pq_filter_position(filter, &eval, *entity, (pq_value){0});
    PQ_TRY(pq_filter_status(filter));
  }
  eval.root = *entity;
  /* Another $rand for each entity, without a state that a stage would have to keep. */
  eval.random += pq_value_hash(pq_object_get_str(*entity, "$id"));
  return pq_projection_apply(c->s.projection, &eval, &c->replies, position, entity);
}

int pq_put_count(pq_builder *b, const char *name, uint64_t n) {
  PQ_TRY(pq_builder_key_str(b, name));
  if (n <= INT32_MAX) return pq_builder_i32(b, (int32_t)n);
  return pq_builder_i64(b, n <= INT64_MAX ? (int64_t)n : INT64_MAX);
}

int pq_put_text(pq_builder *b, const char *name, pq_slice text) {
  PQ_TRY(pq_builder_key_str(b, name));
  return pq_builder_string(b, text);
}

int pq_summary_begin(pq_command *c) {
  pq_builder *b = c->db->builder;
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  return pq_put_count(b, "ok", 1);
}

int pq_summary_count(pq_command *c, const char *name, uint64_t n) {
  return pq_put_count(c->db->builder, name, n);
}

int pq_summary_end(pq_command *c, uint64_t seq) {
  PQ_TRY(pq_summary_warnings(c));
  PQ_TRY(pq_refs_put(c));
  PQ_TRY(pq_put_count(c->db->builder, "seq", seq));
  if (c->s.space->is_tail_missing && !c->s.args.is_flushed) {
    PQ_TRY(pq_builder_key_str(c->db->builder, "tailMissing"));
    PQ_TRY(pq_builder_bool(c->db->builder, true));
  }
  PQ_TRY(pq_builder_end(c->db->builder));
  PQ_TRY(pq_builder_finish(c->db->builder, &c->op.arena, &c->summary));
  c->op.stage = NULL;
  return PQ_OK;
}
