/* query/scan_emit.c - documents of a row group on their way to the sink. See scan.h.
 *
 *   rows that columns left:   YES  MAYBE  MAYBE  MAYBE  YES
 *     their documents, raw     ?     ?      ?      ?     ?     the only column read of all of them
 *     needle not in bytes      │     │      NO     │     │     neither validated nor judged
 *     validated                ok    ok            ok    ok
 *     judged by the filter     │     NO            YES   │
 *     other columns           read                read  read ─► sink
 *
 * A filter that looks at system fields, or evaluates expressions, needs all columns at once: then
 * rows are judged as they are emitted. Either way a failure counts only if the sink still wants
 * rows when they have come to it.
 */
#include <string.h>

#include "expr/needle.h"
#include "query/scan_int.h"
#include "query/shown.h"

enum { ROW_WORK = 4 }; /* units: one to judge a row, the same to give it out */

typedef struct reading {
  pq_entity_rows rows; /* of the unit's ranges `documents` */
  const pq_upgrade *plan;
  pq_slice name_field;
  pq_needle needle;
  const pq_entity *checked; /* validated last */
  bool is_judged;           /* all rows were judged before the first is emitted: */
  uint8_t *verdicts;        /* of them */
  uint32_t judged_count;    /* those from here on have none: `rc` says why */
  int rc;
  unsigned rest_want; /* the other columns; 0: none are wanted */
  bool is_rest_dense; /* of all rows, not only of those that are YES */
  pq_entity_rows rest;
} reading;

int pq_scan_match(const pq_scan *s, pq_builder *builder, pq_arena *scratch, const pq_entity *e,
                  bool *is_match) {
  bool needs_eval = pq_filter_needs_eval(s->filter);
  pq_value doc = e->data, system = {0};
  pq_eval eval;
  PQ_TRY(pq_spend(scratch->cx, ROW_WORK));
  if (needs_eval) {
    eval = s->eval != NULL ? *s->eval : (pq_eval){0};
    eval.cx = scratch->cx;
    eval.arena = scratch;
    eval.builder = builder;
    eval.random ^= pq_hash(e->id, 0); /* each row its own, and the same when a stage runs again */
  }
  if (!s->is_plain && pq_filter_uses_system(s->filter))
    PQ_TRY(pq_entity_system(builder, scratch, e, &system));
  if (s->shows_key) PQ_TRY(pq_shown_subject(s->filter, builder, scratch, e, &doc, &system));
  *is_match = pq_filter_match(s->filter, needs_eval ? &eval : NULL, doc, system);
  return pq_filter_status(s->filter);
}

unsigned pq_window_document_mask(const pq_window *w) {
  return w->s->is_count ? PQ_MASK_MAYBE : PQ_MASK_LEFT;
}

/* Can documents be judged before the other columns are looked at? */
static bool is_judged_first(const pq_window *w, const pq_unit *u) {
  const pq_filter *filter = w->s->filter;
  return memchr(u->rows, PQ_MAYBE, u->row_count) != NULL && !pq_filter_needs_eval(filter) &&
         (w->s->is_plain || !pq_filter_uses_system(filter));
}

/* Is a row emitted? Its document is then valid and in the form of the view. */
static int judge_row(const pq_window *w, const pq_unit *u, reading *r, uint32_t at, uint8_t before,
                     uint8_t *verdict) {
  pq_entity *e = &r->rows.rows[at];
  bool is_match = true;
  *verdict = PQ_NO;
  if (before == PQ_MAYBE && !pq_needle_is_in(&r->needle, (pq_slice){e->data.p, e->data.len}))
    return PQ_OK;
  if (r->rows.is_raw) PQ_TRY(pq_entity_check(w->scratch->cx, &u->file->file, e, r->checked));
  r->checked = r->plan == NULL ? e : NULL; /* else it is another document soon */
  e->name_field = r->name_field;
  PQ_TRY(pq_view_bring(w->s->view, w->scratch, r->plan, &e->data));
  if (before == PQ_MAYBE) PQ_TRY(pq_scan_match(w->s, w->builder, w->scratch, e, &is_match));
  *verdict = is_match ? PQ_YES : PQ_NO;
  return PQ_OK;
}

/* Judge all rows, up to a failure. */
static int judge_rows(const pq_window *w, const pq_unit *u, reading *r) {
  r->verdicts = pq_arena_calloc(w->scratch, r->rows.count, 1);
  if (r->verdicts == NULL) return w->scratch->cx->code;
  for (uint32_t k = 0, at = 0; k < u->document_count; k++) {
    for (uint32_t i = u->documents[k].lo; i < u->documents[k].hi; i++, at++) {
      r->judged_count = at;
      if ((pq_window_document_mask(w) >> u->rows[i] & 1) == 0) continue;
      r->rc = judge_row(w, u, r, at, u->rows[i], &r->verdicts[at]);
      if (r->rc != PQ_OK) return PQ_OK;
    }
  }
  r->judged_count = r->rows.count;
  return PQ_OK;
}

/* The rows that are YES as ranges. */
static int matched_ranges(const pq_window *w, const pq_unit *u, const reading *r,
                          pq_row_range **out, uint32_t *count) {
  uint32_t n = 0, yes = 0;
  *count = 0;
  for (uint32_t at = 0; at < r->rows.count; at++)
    yes += r->verdicts[at] == PQ_YES;
  *out = pq_arena_calloc(w->scratch, yes, sizeof **out);
  if (*out == NULL) return w->scratch->cx->code;
  for (uint32_t k = 0, at = 0; k < u->document_count; k++) {
    for (uint32_t i = u->documents[k].lo; i < u->documents[k].hi; i++, at++) {
      if (r->verdicts[at] != PQ_YES) continue;
      if (n > 0 && (*out)[n - 1].hi == i)
        (*out)[n - 1].hi++;
      else
        (*out)[n++] = (pq_row_range){i, i + 1};
    }
  }
  *count = n;
  return PQ_OK;
}

/* The other columns of the rows that match. Where many ranges would have to be found in the pages,
 * those of all rows. Their bytes are there: `want` asked for them. */
static int read_rest(const pq_window *w, const pq_unit *u, reading *r) {
  pq_row_range *ranges;
  uint32_t count;
  PQ_TRY(matched_ranges(w, u, r, &ranges, &count));
  if (count == 0) return PQ_OK;
  r->is_rest_dense = count > r->rows.count / 8;
  if (r->is_rest_dense) {
    ranges = u->documents;
    count = u->document_count;
  }
  return pq_entity_rows_read(w->f, w->scratch, &u->file->file, u->row_group, r->rest_want, ranges,
                             count, &r->rest);
}

static int read_documents(const pq_window *w, const pq_unit *u, reading *r) {
  unsigned want = pq_window_wanted(w, u), now = want;
  r->is_judged = is_judged_first(w, u);
  PQ_TRY(pq_view_file_form(w->s->view, w->scratch, u->info, &r->plan));
  r->name_field = pq_view_name_field(w->s->view, u->info->collection);
  if (r->is_judged) {
    if (r->plan == NULL) r->needle = pq_needle_of(w->s->filter); /* of documents as stored */
    r->rest_want = want & ~(unsigned)PQ_WANT_DATA;
    now = PQ_WANT_DATA | PQ_WANT_RAW | (pq_unit_judges_keys(w, u) ? PQ_WANT_ID : 0u);
  }
  PQ_TRY(pq_entity_rows_read(w->f, w->scratch, &u->file->file, u->row_group, now, u->documents,
                             u->document_count, &r->rows));
  if (!r->is_judged) return PQ_OK;
  PQ_TRY(judge_rows(w, u, r));
  return r->rest_want == 0 ? PQ_OK : read_rest(w, u, r);
}

/* The entity at `at`, the `matched`-th that is YES. */
static const pq_entity *entity_of(const reading *r, uint32_t at, uint32_t matched) {
  pq_entity *e;
  if (!r->is_judged || r->rest_want == 0) return &r->rows.rows[at];
  e = &r->rest.rows[r->is_rest_dense ? at : matched];
  e->data = r->rows.rows[at].data;
  e->name_field = r->name_field;
  return e;
}

static int emit_documents(pq_window *w, pq_unit *u, pq_scan_sink sink, void *ud) {
  reading r = {0};
  uint32_t matched = 0;
  PQ_TRY(read_documents(w, u, &r));
  for (uint32_t k = 0, at = 0; k < u->document_count; k++) {
    for (uint32_t i = u->documents[k].lo; i < u->documents[k].hi; i++, at++) {
      uint8_t verdict;
      int rc;
      if ((pq_window_document_mask(w) >> u->rows[i] & 1) == 0) continue;
      if (r.is_judged && at >= r.judged_count) return r.rc;
      u->stats.rows_read++;
      if (r.is_judged)
        verdict = r.verdicts[at];
      else
        PQ_TRY(judge_row(w, u, &r, at, u->rows[i], &verdict));
      if (verdict == PQ_NO) continue;
      u->stats.rows_matched++;
      w->s->at =
          (pq_location){.info = u->info, .file = u->file, .row_group = u->row_group, .row = i};
      PQ_TRY(pq_spend(w->scratch->cx, ROW_WORK));
      rc = sink(ud, entity_of(&r, at, matched++), 1);
      if (rc != PQ_OK) return rc;
    }
  }
  return PQ_OK;
}

static int emit_count(pq_unit *u, pq_scan_sink sink, void *ud) {
  uint64_t n = 0;
  for (uint32_t i = u->slice.lo; i < u->slice.hi; i++)
    n += u->rows[i] == PQ_YES;
  u->stats.rows_matched += n;
  return n == 0 ? PQ_OK : sink(ud, NULL, n);
}

int pq_unit_emit(pq_window *w, pq_unit *u, pq_scan_sink sink, void *ud) {
  if (u->can_fold) return pq_fold_rows(w, u);
  if (w->s->is_count) PQ_TRY(emit_count(u, sink, ud));
  return u->document_count == 0 ? PQ_OK : emit_documents(w, u, sink, ud);
}
