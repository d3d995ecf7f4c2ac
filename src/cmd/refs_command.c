/* cmd/refs_command.c - refs: do the records in '_system' say what links this namespace has to
 * others? (refs.h)
 *
 *   records of this namespace, 500 at a time ─► is there such a link? ─► stale ones: marked
 * deleted; such as no commit writes: removed links: those of the tail, then of each row group of a
 * file that has any └─ 500 at a time ─► their records ─► missing or other ones: written
 *
 * "check" and dryRun only count. A record is never written over a later one, so links may come and
 * go meanwhile.
 */
#include <string.h>

#include "base/merge_sort.h"
#include "base/slices.h"
#include "cmd/own_options.h"
#include "cmd/refs.h"
#include "table/tail.h"

enum { AT_ONCE = 500 };

/* A record, or a link that should have one. */
typedef struct known_ref {
  pq_ref ref;
  pq_slice id; /* local, as it is stored or as it is to be */
  bool is_wrong;
} known_ref;

struct pq_refs_run {
  bool writes;
  pq_arena part; /* owned: what is looked at */
  known_ref **items;
  uint32_t count, next; /* those before `next` are done */
  pq_slice last;        /* id of the last record; in c->op.arena */
  bool is_last;         /* there are no more records */
  /* the next links */
  uint32_t file, row_group;
  bool has_tail; /* those of the tail were taken */
  pq_far far;
  pq_ref *due; /* to be written */
  pq_slice *wrong;
  uint32_t due_count, wrong_count;
  pq_stage_fn after;
  uint64_t links, missing, stale;
};

void pq_refs_free(pq_command *c) {
  if (c->s.refs != NULL) pq_arena_release(&c->s.refs->part);
  c->s.refs = NULL;
}

/* ---- writing ---- */

static int stage_refs_written(pq_op *op) {
  pq_command *c = pq_command_of(op);
  int rc = pq_inner_step(c);
  pq_value errors;
  if (rc != PQ_OK) return rc;
  errors = pq_object_get_str(pq_command_summary(c->inner), "errors");
  if (pq_value_count(errors) > 0)
    return pq_fail(op->cx, PQ_EIO, "refs: some records could not be written: try again");
  pq_inner_close(c);
  op->stage = c->s.refs->after;
  return PQ_OK;
}

/* Write what is due, if that is wanted, then go on with `after`. */
static int write_due(pq_command *c, pq_stage_fn after) {
  struct pq_refs_run *r = c->s.refs;
  pq_buf text;
  int rc;
  r->after = after;
  c->op.stage = after;
  if (!r->writes || r->due_count + r->wrong_count == 0) return PQ_OK;
  pq_buf_init(&text, c->op.cx, c->op.cx->limits.command_len_max);
  rc = pq_refs_put_writes(&text, r->due, r->due_count, r->wrong, r->wrong_count);
  if (rc == PQ_OK) rc = pq_inner_open(c, pq_str(PQ_SYSTEM_NS), pq_buf_slice(&text));
  pq_buf_release(&text);
  c->op.stage = stage_refs_written;
  return rc;
}

/* Room for what is found of the items at hand. */
static int begin_due(pq_command *c) {
  struct pq_refs_run *r = c->s.refs;
  r->due_count = r->wrong_count = 0;
  r->due = pq_arena_calloc(&r->part, AT_ONCE, sizeof *r->due);
  r->wrong = pq_arena_calloc(&r->part, AT_ONCE, sizeof *r->wrong);
  return r->due == NULL || r->wrong == NULL ? c->op.cx->code : PQ_OK;
}

/* ---- records ---- */

static bool text_of(pq_value doc, const char *name, pq_slice *out) {
  *out = (pq_slice){0};
  return pq_value_string(pq_object_get_str(doc, name), out) && out->n > 0;
}

/* The record in a document, in `arena`; false in *is_right: no commit wrote it. */
static int read_record(pq_command *c, pq_arena *arena, pq_value doc, pq_ref *out, bool *is_right) {
  pq_slice to_ns, to;
  int64_t seq;
  char *far;
  *out = (pq_ref){0};
  *is_right = text_of(doc, "fromNs", &out->from_ns) && text_of(doc, "from", &out->from) &&
              text_of(doc, "predicate", &out->predicate) &&
              text_of(doc, "reverse", &out->reverse) && text_of(doc, "toNs", &to_ns) &&
              text_of(doc, "to", &to) && pq_value_i64(pq_object_get_str(doc, "seq"), &seq) &&
              seq > 0 && pq_value_bool(pq_object_get_str(doc, "deleted"), &out->is_deleted);
  if (!*is_right) return PQ_OK;
  out->seq = (uint64_t)seq;
  far = pq_arena_printf(arena, "%.*s/%.*s", (int)to_ns.n, (const char *)to_ns.p, (int)to.n,
                        (const char *)to.p);
  if (far == NULL) return c->op.cx->code;
  out->to = pq_str(far);
  PQ_TRY(pq_arena_copy(arena, out->from_ns, &out->from_ns));
  PQ_TRY(pq_arena_copy(arena, out->from, &out->from));
  PQ_TRY(pq_arena_copy(arena, out->predicate, &out->predicate));
  return pq_arena_copy(arena, out->reverse, &out->reverse);
}

/* A record that a find gave. */
static int take_record(pq_command *c, pq_value doc) {
  struct pq_refs_run *r = c->s.refs;
  known_ref *k = pq_arena_calloc(&r->part, 1, sizeof *k);
  char id[PQ_REF_ID_LEN + 1];
  pq_slice whole = {0}, collection;
  bool is_right;
  if (k == NULL) return c->op.cx->code;
  r->items[r->count++] = k;
  (void)pq_value_string(pq_object_get_str(doc, "$id"), &whole);
  PQ_TRY(pq_arena_copy(&r->part, whole, &whole));
  (void)pq_id_split(whole, &collection, &k->id);
  PQ_TRY(read_record(c, &r->part, doc, &k->ref, &is_right));
  if (is_right) pq_ref_id(&k->ref, id);
  k->is_wrong = !is_right || !pq_slice_is(k->id, id) || k->ref.seq > c->s.space->seq;
  return PQ_OK;
}

static int compare_refs(const void *a, const void *b, const void *ud) {
  const pq_ref *x = &(*(known_ref *const *)a)->ref, *y = &(*(known_ref *const *)b)->ref;
  int order = pq_slice_cmp(x->from, y->from);
  (void)ud;
  if (order == 0) order = pq_slice_cmp(x->predicate, y->predicate);
  return order != 0 ? order : pq_slice_cmp(x->to, y->to);
}

/* The place of an edge among the items, which are sorted; `count`: it is none of them. */
static uint32_t find_edge(const struct pq_refs_run *r, const pq_edge *e) {
  known_ref edge = {.ref = {.from = e->from_id, .predicate = e->predicate, .to = e->to_id}};
  const known_ref *probe = &edge;
  uint32_t lo = 0, hi = r->count;
  while (lo < hi) {
    uint32_t mid = lo + (hi - lo) / 2;
    if (compare_refs(&r->items[mid], &probe, NULL) < 0)
      lo = mid + 1;
    else
      hi = mid;
  }
  return lo < r->count && compare_refs(&r->items[lo], &probe, NULL) == 0 ? lo : r->count;
}

static bool is_same(const pq_ref *ref, const pq_edge *e) {
  return pq_slice_eq(ref->from, e->from_id) && pq_slice_eq(ref->predicate, e->predicate) &&
         pq_slice_eq(ref->to, e->to_id);
}

static bool is_of_records(const void *ud, const pq_edge *e) {
  const struct pq_refs_run *r = ud;
  return find_edge(r, e) < r->count;
}

static int stage_records(pq_op *op);

/* Records whose link is not there. */
static int stage_records_look(pq_op *op) {
  pq_command *c = pq_command_of(op);
  struct pq_refs_run *r = c->s.refs;
  pq_edge_query q = {.takes = is_of_records, .ud = r};
  pq_slice *nodes = pq_arena_calloc(&op->scratch, r->count, sizeof *nodes);
  bool *is_there = pq_arena_calloc(&op->scratch, r->count, sizeof *is_there);
  uint64_t seq = c->s.snapshot.view.seq;
  pq_edge *edges = NULL;
  uint32_t count = 0;
  if (nodes == NULL || is_there == NULL) return op->cx->code;
  for (uint32_t i = 0; i < r->count; i++)
    if (!r->items[i]->is_wrong) nodes[q.node_count++] = r->items[i]->ref.from;
  PQ_TRY(pq_slices_sort(op->cx, nodes, &q.node_count));
  q.nodes = nodes;
  PQ_TRY(pq_edges_read(&c->s.snapshot.view, &op->fetch, &op->scratch, &q, &edges, &count));
  for (uint32_t i = 0; i < count; i++) /* one that is wrong may say the same as a right one */
    for (uint32_t k = find_edge(r, &edges[i]);
         k < r->count && is_same(&r->items[k]->ref, &edges[i]); k++)
      is_there[k] = true;
  PQ_TRY(begin_due(c));
  for (uint32_t i = 0; i < r->count; i++) {
    known_ref *k = r->items[i];
    if (k->is_wrong) {
      r->wrong[r->wrong_count++] = k->id;
    } else if (!is_there[i] && k->ref.seq <= seq) {
      k->ref.seq = seq > k->ref.seq ? seq : k->ref.seq + 1;
      k->ref.is_deleted = true;
      r->due[r->due_count++] = k->ref;
    }
  }
  r->stale += r->due_count + r->wrong_count;
  return write_due(c, stage_records);
}

static int stage_links(pq_op *op);

static int stage_records_take(pq_op *op) {
  pq_command *c = pq_command_of(op);
  struct pq_refs_run *r = c->s.refs;
  pq_value item;
  int rc = pq_inner_step(c);
  if (rc < 0 || rc == PQ_NEED_IO) return rc;
  while (r->count < AT_ONCE && pq_command_next(c->inner, &item))
    PQ_TRY(take_record(c, item));
  if (rc == PQ_YIELD) return rc;
  pq_inner_close(c);
  r->is_last = r->count < AT_ONCE;
  if (r->count > 0) PQ_TRY(pq_arena_copy(&op->arena, r->items[r->count - 1]->id, &r->last));
  PQ_TRY(pq_sort_items(op->cx, r->items, r->count, sizeof *r->items, compare_refs, NULL));
  op->stage = stage_records_look;
  return PQ_OK;
}

/* The next records of this namespace that say that a link is there. */
static int stage_records(pq_op *op) {
  pq_command *c = pq_command_of(op);
  struct pq_refs_run *r = c->s.refs;
  pq_buf text;
  int rc;
  pq_arena_clear(&r->part);
  r->count = 0;
  r->items = pq_arena_calloc(&r->part, AT_ONCE, sizeof *r->items);
  if (r->items == NULL) return op->cx->code;
  op->stage = stage_links;
  if (r->is_last) return PQ_OK;
  pq_buf_init(&text, op->cx, op->cx->limits.command_len_max);
  rc = pq_buf_printf(&text,
                     "{\"find\":\"" PQ_REFS "\",\"filter\":{\"$id\":{\"$gt\":\"" PQ_REFS
                     "/%.*s\"},\"fromNs\":\"%s\",\"deleted\":{\"$ne\":true}},\"sort\":{\"$id\":1},"
                     "\"limit\":%d}",
                     (int)r->last.n, r->last.n == 0 ? "" : (const char *)r->last.p, c->s.space->ns,
                     AT_ONCE);
  if (rc == PQ_OK) rc = pq_inner_open(c, pq_str(PQ_SYSTEM_NS), pq_buf_slice(&text));
  pq_buf_release(&text);
  op->stage = stage_records_take;
  return rc;
}

/* ---- links ---- */

static int add_link(pq_command *c, const pq_edge *e, uint32_t *cap) {
  struct pq_refs_run *r = c->s.refs;
  known_ref *k, **grown;
  if (!pq_id_is_foreign(e->to_id)) return PQ_OK;
  if (r->count == *cap) {
    *cap = *cap == 0 ? AT_ONCE : *cap * 2;
    grown = pq_arena_array(&r->part, *cap, sizeof *grown);
    if (grown == NULL) return c->op.cx->code;
    if (r->count > 0) memcpy(grown, r->items, r->count * sizeof *grown);
    r->items = grown;
  }
  k = pq_arena_calloc(&r->part, 1, sizeof *k);
  if (k == NULL) return c->op.cx->code;
  r->items[r->count++] = k;
  *k = (known_ref){.ref = {.from_ns = pq_str(c->s.space->ns), .seq = c->s.snapshot.view.seq}};
  PQ_TRY(pq_arena_copy(&r->part, e->from_id, &k->ref.from));
  PQ_TRY(pq_arena_copy(&r->part, e->predicate, &k->ref.predicate));
  PQ_TRY(pq_arena_copy(&r->part, e->reverse, &k->ref.reverse));
  return pq_arena_copy(&r->part, e->to_id, &k->ref.to);
}

static int take_tail(pq_command *c, uint32_t *cap) {
  const pq_view *v = &c->s.snapshot.view;
  for (uint32_t k = 0; v->overlay != NULL && k < v->overlay->key_count; k++) {
    const pq_event *e = pq_overlay_at(v->overlay, k, v->seq);
    pq_edge edge;
    if (e != NULL && e->target == PQ_TARGET_REL && pq_event_edge(e, &edge))
      PQ_TRY(add_link(c, &edge, cap));
  }
  return PQ_OK;
}

/* The next file that has links; *row_group its next row group. False: none. */
static bool next_file(const pq_command *c, uint32_t *file) {
  const pq_view *v = &c->s.snapshot.view;
  for (; *file < v->manifest->file_count; ++*file) {
    const pq_file_info *info = &v->manifest->files[*file];
    if (info->kind == PQ_FILE_FORWARD && info->has_foreign && pq_view_has_file(v, info))
      return true;
  }
  return false;
}

/* Those of a row group that nothing hides. */
static int take_row_group(pq_command *c, uint32_t *file, uint32_t *row_group, uint32_t *cap) {
  const pq_view *v = &c->s.snapshot.view;
  const pq_file_info *info = &v->manifest->files[*file];
  pq_arena *scratch = &c->op.scratch;
  pq_cached_file *opened;
  uint8_t *hidden;
  pq_edge *edges;
  uint32_t n;
  PQ_TRY(pq_file_cache_open(v->files, &c->op.fetch, info, &opened));
  if (*row_group >= opened->file.footer->row_group_count) {
    ++*file;
    *row_group = 0;
    return PQ_OK;
  }
  PQ_TRY(pq_edge_rows_read(&c->op.fetch, scratch, &opened->file, *row_group, &edges, &n));
  hidden = pq_arena_calloc(scratch, n, 1);
  if (hidden == NULL) return c->op.cx->code;
  pq_view_mark_deleted(v, pq_str(info->name), opened->file.footer->row_groups[*row_group].first_row,
                       n, hidden);
  for (uint32_t i = 0; i < n; i++)
    if (!hidden[i] && pq_tail_edge(v, edges[i].from_id, edges[i].predicate, edges[i].to_id) == NULL)
      PQ_TRY(add_link(c, &edges[i], cap));
  ++*row_group;
  return PQ_OK;
}

static int compare_ids(const void *a, const void *b, const void *ud) {
  (void)ud;
  return pq_slice_cmp((*(known_ref *const *)a)->id, (*(known_ref *const *)b)->id);
}

static int name_links(pq_command *c) {
  struct pq_refs_run *r = c->s.refs;
  for (uint32_t i = 0; i < r->count; i++) {
    char id[PQ_REF_ID_LEN + 1];
    pq_ref_id(&r->items[i]->ref, id);
    PQ_TRY(pq_arena_copy(&r->part, pq_str(id), &r->items[i]->id));
  }
  r->links += r->count;
  return pq_sort_items(c->op.cx, r->items, r->count, sizeof *r->items, compare_ids, NULL);
}

static int stage_refs_end(pq_op *op) {
  pq_command *c = pq_command_of(op);
  const struct pq_refs_run *r = c->s.refs;
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "links", r->links));
  PQ_TRY(pq_summary_count(c, "missing", r->missing));
  PQ_TRY(pq_summary_count(c, "stale", r->stale));
  return pq_summary_end(c, c->s.snapshot.view.seq);
}

static int stage_compare(pq_op *op);

/* The next links: of the tail, then of a row group. */
static int stage_links(pq_op *op) {
  pq_command *c = pq_command_of(op);
  struct pq_refs_run *r = c->s.refs;
  uint32_t cap = 0, file = r->file, row_group = r->row_group;
  pq_arena_clear(&r->part);
  r->items = NULL;
  r->count = r->next = 0;
  if (!r->has_tail) {
    PQ_TRY(take_tail(c, &cap));
    r->has_tail = true;
  } else if (next_file(c, &file)) {
    if (file != r->file) row_group = 0;
    PQ_TRY(take_row_group(c, &file, &row_group, &cap));
    r->file = file;
    r->row_group = row_group;
  } else {
    op->stage = stage_refs_end;
    return PQ_OK;
  }
  op->stage = stage_compare;
  return name_links(c);
}

/* What the records of links say. */
static int compare_records(pq_command *c) {
  struct pq_refs_run *r = c->s.refs;
  PQ_TRY(begin_due(c));
  for (uint32_t i = 0; i < r->far.id_count; i++) {
    const known_ref *k = r->items[r->next + i];
    const pq_entity *e = &r->far.entities[i];
    bool is_right = e->id.p != NULL;
    pq_ref have;
    if (is_right) PQ_TRY(read_record(c, &r->part, e->data, &have, &is_right));
    if (is_right &&
        (have.seq > k->ref.seq || (!have.is_deleted && pq_slice_eq(have.reverse, k->ref.reverse))))
      continue;
    r->due[r->due_count++] = k->ref;
  }
  r->missing += r->due_count;
  r->next += r->far.id_count;
  return write_due(c, stage_compare);
}

static int stage_compare_read(pq_op *op) {
  pq_command *c = pq_command_of(op);
  int rc = pq_inner_step(c);
  if (rc != PQ_OK) return rc;
  pq_inner_close(c);
  return compare_records(c);
}

static int stage_compare(pq_op *op) {
  pq_command *c = pq_command_of(op);
  struct pq_refs_run *r = c->s.refs;
  uint32_t left = r->count - r->next, n = left < AT_ONCE ? left : AT_ONCE;
  pq_slice *ids = pq_arena_calloc(&r->part, n, sizeof *ids);
  op->stage = stage_links;
  if (n == 0) return PQ_OK;
  if (ids == NULL) return op->cx->code;
  for (uint32_t i = 0; i < n; i++) {
    pq_slice id = r->items[r->next + i]->id;
    char *text =
        pq_arena_printf(&r->part, PQ_SYSTEM_NS "/" PQ_REFS "/%.*s", (int)id.n, (const char *)id.p);
    if (text == NULL) return op->cx->code;
    ids[i] = pq_str(text);
  }
  r->far = (pq_far){.ns = pq_str(PQ_SYSTEM_NS), .ids = ids, .id_count = n, .want = PQ_WANT_ALL};
  op->stage = stage_compare_read;
  return pq_inner_read(c, &r->far, &r->part);
}

/* ---- the command ---- */

static int stage_refs(pq_op *op) {
  pq_command *c = pq_command_of(op);
  if (c->s.refs->writes) PQ_TRY(pq_space_may_write(c->s.space));
  PQ_TRY(pq_read_snapshot(c));
  op->stage = stage_records;
  return PQ_OK;
}

int pq_open_refs(pq_command *c, pq_value target) {
  static const char *const words[] = {"check", "rebuild", NULL};
  uint32_t word = 0;
  PQ_TRY(pq_own_word(c, "refs", target, words, &word));
  if (strcmp(c->s.space->ns, PQ_SYSTEM_NS) == 0)
    return pq_fail(c->op.cx, PQ_EINVALID,
                   "refs: it is about the links of a namespace to others: run it there");
  c->s.refs = pq_arena_calloc(&c->arena, 1, sizeof *c->s.refs);
  if (c->s.refs == NULL) return c->op.cx->code;
  pq_arena_init(&c->s.refs->part, c->op.cx, c->op.cx->limits.op_len_max);
  c->s.refs->writes = word == 1 && !c->s.args.is_dry_run;
  c->s.start = stage_refs;
  return PQ_OK;
}
