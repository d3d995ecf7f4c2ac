/* table/form.c - see form.h.
 *
 *   seq:      from ├─ v2 ──── v3 ──── v4 ─┤ to         versions of manifest and overlay between
 *                     │ between │ between │
 *                     └── plan ─┘── plan ─┘ ─ joined ─► one plan, kept by (seq of v1, seq of v4)
 *
 * A version is parsed, compared with the one before and forgotten: two arenas take turns.
 */
#include "table/form.h"

#include <string.h>

/* ---- versions ---- */

void pq_schema_at_seq(const pq_form_source *s, uint64_t seq, pq_schema_at *out) {
  const pq_event *e =
      s->overlay == NULL ? NULL : pq_overlay_collection(s->overlay, s->collection, seq);
  const pq_collection_info *info;
  *out = (pq_schema_at){0};
  if (e != NULL) {
    *out = (pq_schema_at){e->version, e->seq, e->after};
    return;
  }
  info = pq_manifest_collection(s->manifest, s->collection);
  for (uint32_t i = info == NULL ? 0 : info->schema_count; i-- > 0;) {
    const pq_schema_record *r = &info->schemas[i];
    if (r->seq > seq) continue;
    *out = (pq_schema_at){r->version, r->seq, r->schema};
    return;
  }
}

pq_slice pq_schema_name_field(const pq_schema_at *at) {
  pq_slice name;
  if (at->version == 0 || !pq_value_string(pq_object_get_str(at->document, "$name"), &name))
    return (pq_slice){0};
  return name;
}

int pq_schema_open(pq_arena *arena, pq_slice collection, const pq_schema_at *at, pq_schema **out) {
  int rc;
  *out = NULL;
  if (at->version == 0) return PQ_OK;
  rc = pq_schema_parse(arena, at->document, NULL, out);
  if (rc == PQ_OK || rc == PQ_ENOMEM) return rc;
  *out = NULL;
  return pq_fail(arena->cx, rc == PQ_EUNSUPPORTED ? rc : PQ_ECORRUPT,
                 "schema %llu of '%.*s' (event %llu): %s", (unsigned long long)at->version,
                 (int)(collection.n > 60 ? 60 : collection.n), (const char *)collection.p,
                 (unsigned long long)at->seq, arena->cx->msg);
}

/* The versions after that of seq `from` up to that of `to`, oldest first. The overlay of a past
 * view has some that the manifest has, too. */
static int versions_between(pq_arena *arena, const pq_form_source *s, uint64_t from, uint64_t to,
                            pq_schema_at **out, uint32_t *count) {
  const pq_collection_info *info = pq_manifest_collection(s->manifest, s->collection);
  uint32_t known = info == NULL ? 0 : info->schema_count, later = 0, n = 0;
  uint64_t last = from;
  const pq_event *newest =
      s->overlay == NULL ? NULL : pq_overlay_collection(s->overlay, s->collection, to);
  pq_schema_at *list;
  for (const pq_event *e = newest; e != NULL; e = pq_overlay_before(s->overlay, e))
    later++;
  *count = 0;
  *out = list = pq_arena_calloc(arena, (size_t)known + later, sizeof *list);
  if (list == NULL) return arena->cx->code;
  for (uint32_t i = 0; i < known; i++) {
    const pq_schema_record *r = &info->schemas[i];
    if (r->seq <= from || r->seq > to) continue;
    list[n++] = (pq_schema_at){r->version, r->seq, r->schema};
    last = r->seq;
  }
  for (const pq_event *e = newest; e != NULL; e = pq_overlay_before(s->overlay, e))
    later -= e->seq <= last; /* becomes how many are new */
  *count = n + later;
  for (const pq_event *e = newest; e != NULL && e->seq > last; e = pq_overlay_before(s->overlay, e))
    list[n + --later] = (pq_schema_at){e->version, e->seq, e->after};
  return PQ_OK;
}

/* ---- plans ---- */

void pq_forms_init(pq_forms *f, pq_cx *cx) {
  *f = (pq_forms){.cx = cx};
  pq_arena_init(&f->arena, cx, cx->limits.op_len_max);
}

void pq_forms_release(pq_forms *f) {
  pq_builder_free(f->builder);
  pq_arena_release(&f->arena);
  *f = (pq_forms){0};
}

/* What the first plan needs. */
static int prepare(pq_forms *f) {
  if (f->plans == NULL) f->plans = pq_arena_calloc(&f->arena, PQ_FORMS_MAX, sizeof *f->plans);
  if (f->plans == NULL) return f->cx->code;
  return f->builder == NULL ? pq_builder_new(f->cx, &f->builder) : PQ_OK;
}

typedef struct planner {
  pq_forms *f;
  pq_slice collection;
  pq_arena arenas[2]; /* of this version and of the one before, in turns */
  pq_schema *schema;
  const pq_upgrade *plan;
} planner;

/* One version on: the plan so far and the step to it. */
static int plan_step(planner *p, uint32_t turn, const pq_schema_at *at) {
  pq_arena *arena = &p->arenas[turn & 1];
  const pq_upgrade *step;
  pq_schema *before = p->schema;
  pq_arena_clear(arena);
  PQ_TRY(pq_schema_open(arena, p->collection, at, &p->schema));
  PQ_TRY(pq_upgrade_between(arena, before, p->schema, &step));
  return pq_upgrade_join(arena, p->f->builder, p->plan, step, &p->plan);
}

static int plan_steps(planner *p, pq_arena *keep, const pq_schema_at *first,
                      const pq_schema_at *versions, uint32_t count, const pq_upgrade **out) {
  PQ_TRY(pq_schema_open(&p->arenas[0], p->collection, first, &p->schema));
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(plan_step(p, i + 1, &versions[i]));
  return pq_upgrade_join(keep, p->f->builder, p->plan, NULL, out);
}

static int make_plan(pq_forms *f, pq_arena *arena, pq_arena *keep, const pq_form_source *s,
                     const pq_schema_at *first, uint64_t to, const pq_upgrade **out) {
  planner p = {.f = f, .collection = s->collection};
  pq_schema_at *versions;
  uint32_t count;
  int rc;
  *out = NULL;
  PQ_TRY(versions_between(arena, s, first->seq, to, &versions, &count));
  for (int i = 0; i < 2; i++)
    pq_arena_init(&p.arenas[i], f->cx, f->cx->limits.op_len_max);
  rc = plan_steps(&p, keep, first, versions, count, out);
  for (int i = 0; i < 2; i++)
    pq_arena_release(&p.arenas[i]);
  return rc;
}

int pq_forms_plan(pq_forms *f, pq_arena *arena, const pq_form_source *s, uint64_t from, uint64_t to,
                  const pq_upgrade **out) {
  pq_schema_at before, after;
  bool is_full = f->count == PQ_FORMS_MAX;
  *out = NULL;
  pq_schema_at_seq(s, to, &after);
  if (from >= after.seq) return PQ_OK; /* so it is when there is no schema */
  pq_schema_at_seq(s, from, &before);
  for (uint32_t i = 0; i < f->count; i++) {
    if (f->plans[i].from != before.seq || f->plans[i].to != after.seq) continue;
    *out = f->plans[i].plan;
    return PQ_OK;
  }
  PQ_TRY(prepare(f));
  PQ_TRY(make_plan(f, arena, is_full ? arena : &f->arena, s, &before, after.seq, out));
  if (!is_full) f->plans[f->count++] = (pq_form_entry){before.seq, after.seq, *out};
  return PQ_OK;
}

int pq_forms_apply(pq_forms *f, const pq_upgrade *plan, pq_arena *arena, pq_value *doc) {
  pq_value v = *doc;
  uint32_t len_max = f->cx->limits.doc_len_max;
  int rc;
  if (plan == NULL || pq_value_is_missing(v)) return PQ_OK;
  /* Defaults and longer names may make the largest documents larger. */
  f->cx->limits.doc_len_max = len_max < UINT32_MAX / 2 ? len_max * 2 : UINT32_MAX;
  rc = pq_upgrade_apply(plan, f->builder, arena, v, doc);
  f->cx->limits.doc_len_max = len_max;
  return rc;
}

int pq_forms_bring(pq_forms *f, pq_arena *arena, const pq_form_source *s, uint64_t from,
                   uint64_t to, pq_value *doc) {
  const pq_upgrade *plan;
  PQ_TRY(pq_forms_plan(f, arena, s, from, to, &plan));
  return pq_forms_apply(f, plan, arena, doc);
}

uint64_t pq_file_form_seq(const pq_manifest *m, const pq_file_info *info) {
  uint32_t lo = 0, hi = m->mark_count;
  if (info->has_form) return info->form_seq;
  while (lo < hi) { /* the first mark at or after the entry */
    uint32_t mid = lo + (hi - lo) / 2;
    if (m->marks[mid].entry < info->added)
      lo = mid + 1;
    else
      hi = mid;
  }
  return lo == m->mark_count ? m->seq_hi : m->marks[lo].seq_hi;
}
