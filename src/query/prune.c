/* query/prune.c - see prune_int.h.
 *
 * A wrong NO loses rows and a wrong YES invents them, so each rule here says why it is certain.
 * A verdict is made of all that the rows may hold: values between the bounds, NaN beside any
 * bounds of doubles, nothing (a null cell of an exact column) or anything (of another column).
 */
#include "query/prune_int.h"

#include <string.h>

#include "base/hash.h"
#include "shred/field_tree.h"
#include "table/file_bloom.h"

enum {
  BLOOM_OPERANDS_MAX = 4096,  /* more than that: some value is there anyway */
  BLOOM_ASKS_MAX = 64,        /* the same, of a filter that is read block by block */
  BLOOM_SHORT_LEN = 256 << 10 /* … and of one that is read as a whole */
};

/* ---- the plan ---- */

static uint32_t slot_of(pq_prune *p, const pq_path_column *c) {
  uint32_t i = 0;
  while (i < p->leaf_count && p->leaves[i] != c->leaf)
    i++;
  if (i < p->leaf_count) return i;
  p->leaves[p->leaf_count] = c->leaf;
  p->stored[p->leaf_count++] = c->stored;
  return i;
}

static uint32_t count_terms(const pq_push *push) {
  uint32_t n = push->kind == PQ_PUSH_TERM;
  for (uint32_t i = 0; i < push->kid_count; i++)
    n += count_terms(&push->kids[i]);
  return n;
}

static int plan_term(pq_arena *scratch, const pq_scan *s, const pq_push *push, pq_prune *p,
                     pq_plan_node *out) {
  pq_plan_term *t = &p->terms[p->term_count];
  bool is_found, is_key;
  out->kind = PQ_PUSH_OPAQUE;
  PQ_TRY(pq_prune_key_term(scratch, s, p->file, &push, &is_key));
  PQ_TRY(pq_path_column_find(scratch, s, p, push->path->text, &t->column, &is_found));
  if (is_key) t->column = (pq_path_column){0};
  if (is_key) is_found = pq_path_column_of_id(p->file, &t->column);
  if (!is_found) return PQ_OK;
  t->push = push;
  t->slot = slot_of(p, &t->column);
  out->kind = PQ_PUSH_TERM;
  out->term = p->term_count++;
  PQ_TRY(pq_column_test_init(&t->test, scratch, push, &t->column));
  t->test.is_hint |= is_key;
  return PQ_OK;
}

/* Nested as deep as the filter, which is bounded. */
static int plan_node(pq_arena *scratch, const pq_scan *s, const pq_push *push, pq_prune *p,
                     pq_plan_node *out) {
  *out = (pq_plan_node){.kind = push->kind, .kid_count = push->kid_count};
  if (push->kind == PQ_PUSH_TERM) return plan_term(scratch, s, push, p, out);
  out->kids = pq_arena_calloc(scratch, push->kid_count, sizeof *out->kids);
  if (out->kids == NULL) return scratch->cx->code;
  for (uint32_t i = 0; i < push->kid_count; i++)
    PQ_TRY(plan_node(scratch, s, &push->kids[i], p, &out->kids[i]));
  return PQ_OK;
}

int pq_prune_plan(pq_arena *scratch, const pq_scan *s, const pq_push *filter, pq_prune *out) {
  uint32_t cap = count_terms(filter);
  *out = (pq_prune){.file = out->file,
                    .files = out->files,
                    .form = out->form,
                    .has_other_names = out->has_other_names,
                    .term_cap = cap};
  out->terms = pq_arena_calloc(scratch, cap, sizeof *out->terms);
  out->leaves = pq_arena_calloc(scratch, cap, sizeof *out->leaves);
  out->stored = pq_arena_calloc(scratch, cap, sizeof *out->stored);
  if (out->terms == NULL || out->leaves == NULL || out->stored == NULL) return scratch->cx->code;
  return plan_node(scratch, s, filter, out, &out->root);
}

/* ---- the tree ---- */

static uint8_t negate(uint8_t verdict) {
  return verdict == PQ_MAYBE ? PQ_MAYBE : (uint8_t)(verdict ^ PQ_YES);
}

static uint8_t verdict_of(const pq_plan_node *n, const uint8_t *terms) {
  uint8_t v;
  switch (n->kind) {
    case PQ_PUSH_TERM: return terms[n->term];
    case PQ_PUSH_AND:
      v = PQ_YES;
      for (uint32_t i = 0; i < n->kid_count; i++)
        v &= verdict_of(&n->kids[i], terms);
      return v;
    case PQ_PUSH_OR:
      v = PQ_NO;
      for (uint32_t i = 0; i < n->kid_count; i++)
        v |= verdict_of(&n->kids[i], terms);
      return v;
    case PQ_PUSH_NOT: return negate(verdict_of(&n->kids[0], terms));
    case PQ_PUSH_OPAQUE: break;
  }
  return PQ_MAYBE;
}

static int rows_of(pq_arena *scratch, const pq_plan_node *n, uint8_t *const *terms, uint32_t count,
                   uint8_t *out) {
  uint8_t *kid;
  if (n->kind == PQ_PUSH_TERM && terms[n->term] != NULL) {
    memcpy(out, terms[n->term], count);
    return PQ_OK;
  }
  if (n->kind == PQ_PUSH_TERM || n->kind == PQ_PUSH_OPAQUE) {
    memset(out, PQ_MAYBE, count);
    return PQ_OK;
  }
  if (n->kind == PQ_PUSH_NOT) {
    PQ_TRY(rows_of(scratch, &n->kids[0], terms, count, out));
    for (uint32_t i = 0; i < count; i++)
      out[i] = negate(out[i]);
    return PQ_OK;
  }
  memset(out, n->kind == PQ_PUSH_AND ? PQ_YES : PQ_NO, count);
  if (n->kid_count == 0) return PQ_OK;
  kid = pq_arena_alloc(scratch, count);
  if (kid == NULL) return scratch->cx->code;
  for (uint32_t k = 0; k < n->kid_count; k++) {
    PQ_TRY(rows_of(scratch, &n->kids[k], terms, count, kid));
    if (n->kind == PQ_PUSH_AND)
      for (uint32_t i = 0; i < count; i++)
        out[i] &= kid[i];
    else
      for (uint32_t i = 0; i < count; i++)
        out[i] |= kid[i];
  }
  return PQ_OK;
}

int pq_prune_rows(pq_arena *scratch, const pq_prune *p, uint8_t *const *term_rows, uint32_t count,
                  uint8_t *out) {
  return rows_of(scratch, &p->root, term_rows, count, out);
}

/* ---- bounds ---- */

/* What is known of the cells of a chunk or of a page. */
typedef struct evidence {
  bool may_be_null, may_have_value;
  bool may_have_nan; /* bounds say nothing of it */
  bool has_bounds;
  pq_slice min, max; /* min <= every value that is no NaN <= max, perhaps not reached */
} evidence;

/* Which outcomes a set of values can have. */
typedef struct outcomes {
  bool can_be_true, can_be_false;
} outcomes;

static outcomes outcome(bool is_true) {
  return (outcomes){is_true, !is_true};
}

static bool is_nan(pq_value v) {
  double d;
  return pq_value_number(v, &d) && d != d;
}

/* Is `x` of the column's bracket and thus comparable with its bounds? NaN equals no value that has
 * bounds and is compared with none. */
static bool is_comparable(const pq_plan_term *t, pq_value x) {
  return pq_type_bracket(pq_value_type(x)) == pq_index_bracket(t->column.type) && !is_nan(x);
}

static outcomes compare_outcomes(pq_push_op op, pq_value x, pq_value lo, pq_value hi) {
  int low = pq_value_compare(lo, x), high = pq_value_compare(hi, x);
  switch (op) {
    case PQ_PUSH_GT: return (outcomes){high > 0, low <= 0};
    case PQ_PUSH_GTE: return (outcomes){high >= 0, low < 0};
    case PQ_PUSH_LT: return (outcomes){low < 0, high >= 0};
    case PQ_PUSH_LTE: return (outcomes){low <= 0, high > 0};
    default: return (outcomes){low <= 0 && high >= 0, low != 0 || high != 0};
  }
}

/* Texts that begin with the prefix stand between it and all that is above it. */
static bool prefix_may(pq_slice prefix, pq_slice min, pq_slice max) {
  pq_slice start = {min.p, min.n < prefix.n ? min.n : prefix.n};
  return pq_slice_cmp(start, prefix) <= 0 && pq_slice_cmp(max, prefix) >= 0;
}

static outcomes bool_outcomes(const pq_plan_term *t, const evidence *e) {
  bool has_bounds = e->has_bounds && e->min.n == 1 && e->max.n == 1;
  outcomes out = {0};
  for (int b = 0; b < 2; b++) {
    if (has_bounds && (b < e->min.p[0] || b > e->max.p[0])) continue;
    out.can_be_true |= t->test.of_bool[b] == PQ_YES;
    out.can_be_false |= t->test.of_bool[b] == PQ_NO;
  }
  return out;
}

/* Of equality with texts that the test has ready, by the order of bytes that bounds have. */
static outcomes text_outcomes(const pq_plan_term *t, const evidence *e) {
  outcomes out = {false, true};
  for (uint32_t i = 0; i < t->test.count; i++)
    out.can_be_true |=
        pq_slice_cmp(e->min, t->test.texts[i]) <= 0 && pq_slice_cmp(e->max, t->test.texts[i]) >= 0;
  return out;
}

static int operand_outcomes(pq_arena *scratch, const pq_plan_term *t, const evidence *e,
                            outcomes *out) {
  pq_cell cells[2];
  pq_value lo, hi;
  PQ_TRY(pq_path_column_bound(scratch, &t->column, e->min, &cells[0], &lo));
  PQ_TRY(pq_path_column_bound(scratch, &t->column, e->max, &cells[1], &hi));
  if (pq_value_is_missing(lo) || pq_value_is_missing(hi)) return PQ_OK;
  if (t->test.op != PQ_PUSH_IN) { /* of the column's bracket, else it were ALL or NONE */
    *out = compare_outcomes(t->test.op, t->test.operands[0], lo, hi);
    return PQ_OK;
  }
  *out = outcome(false);
  for (uint32_t i = 0; i < t->test.operand_count; i++) {
    outcomes one;
    if (!is_comparable(t, t->test.operands[i])) continue;
    one = compare_outcomes(PQ_PUSH_EQ, t->test.operands[i], lo, hi);
    out->can_be_true |= one.can_be_true;
    out->can_be_false &= one.can_be_false;
  }
  return PQ_OK;
}

/* Of values between bounds. */
static int value_outcomes(pq_arena *scratch, const pq_plan_term *t, const evidence *e,
                          outcomes *out) {
  const pq_push *push = t->push;
  bool is_text = t->column.type == PQ_INDEX_STRING;
  *out = (outcomes){true, true};
  switch (t->test.kind) {
    case PQ_COLUMN_TEST_UNKNOWN: return PQ_OK;
    case PQ_COLUMN_TEST_ALL:
    case PQ_COLUMN_TEST_NONE: *out = outcome(t->test.kind == PQ_COLUMN_TEST_ALL); return PQ_OK;
    case PQ_COLUMN_TEST_BOOL: *out = bool_outcomes(t, e); return PQ_OK;
    default: break;
  }
  if (!e->has_bounds || push->op == PQ_PUSH_OTHER || (is_text && push->is_folded)) return PQ_OK;
  if (push->op == PQ_PUSH_PREFIX) {
    out->can_be_true = is_text && prefix_may(push->prefix, e->min, e->max);
    return PQ_OK;
  }
  if (t->column.type != PQ_INDEX_BINARY) {
    uint8_t room[2][8];
    evidence wide = *e;
    wide.min = pq_typed_bound(t->column.stored, e->min, room[0]);
    wide.max = pq_typed_bound(t->column.stored, e->max, room[1]);
    return operand_outcomes(scratch, t, &wide, out); /* says nothing of bounds that are empty */
  }
  /* Binary data is ordered by its length first, bounds are not. */
  if (t->test.kind == PQ_COLUMN_TEST_TEXT || t->test.kind == PQ_COLUMN_TEST_TEXT_IN)
    *out = text_outcomes(t, e);
  return PQ_OK;
}

static int term_verdict(pq_arena *scratch, const pq_plan_term *t, const evidence *e, bool is_absent,
                        uint8_t *verdict) {
  outcomes sum = {0}, values = outcome(false);
  if (e->may_be_null) {
    sum.can_be_true |= t->test.of_missing != PQ_NO;
    sum.can_be_false |= t->test.of_missing != PQ_YES;
  }
  if (e->may_have_value) {
    if (!is_absent) PQ_TRY(value_outcomes(scratch, t, e, &values));
    sum.can_be_true |= values.can_be_true;
    sum.can_be_false |= values.can_be_false || t->test.is_hint;
  }
  if (e->may_have_value && e->may_have_nan) {
    sum.can_be_true |= t->test.of_nan;
    sum.can_be_false |= !t->test.of_nan;
  }
  *verdict = pq_verdict(sum.can_be_true, sum.can_be_false);
  return PQ_OK;
}

static evidence evidence_of_chunk(const pq_prune *p, uint32_t row_group, const pq_plan_term *t) {
  const pq_row_group *group = &p->file->footer->row_groups[row_group];
  const pq_stats *s = &group->chunks[t->column.leaf].stats;
  bool is_optional = p->file->footer->leaves[t->column.leaf].def_max > 0;
  return (evidence){
      .may_be_null = is_optional && !(s->has_null_count && s->null_count == 0),
      .may_have_value = !(s->has_null_count && s->null_count == group->row_count),
      .may_have_nan = t->column.type == PQ_INDEX_DOUBLE && !s->is_nan_free,
      .has_bounds = s->has_min && s->has_max,
      .min = s->min,
      .max = s->max,
  };
}

int pq_prune_row_group(pq_arena *scratch, const pq_prune *p, uint32_t row_group,
                       const bool *is_absent, uint8_t *verdict) {
  uint8_t *terms = pq_arena_alloc(scratch, p->term_count);
  *verdict = PQ_MAYBE;
  if (terms == NULL) return scratch->cx->code;
  for (uint32_t i = 0; i < p->term_count; i++) {
    evidence e = evidence_of_chunk(p, row_group, &p->terms[i]);
    PQ_TRY(term_verdict(scratch, &p->terms[i], &e, is_absent != NULL && is_absent[i], &terms[i]));
  }
  *verdict = verdict_of(&p->root, terms);
  return PQ_OK;
}

int pq_prune_pages(pq_arena *scratch, const pq_prune *p, uint32_t row_group, uint32_t term,
                   const pq_page_index *index, uint8_t *out, uint64_t *skipped) {
  const pq_plan_term *t = &p->terms[term];
  evidence chunk = evidence_of_chunk(p, row_group, t);
  for (uint32_t i = 0; i < index->page_count; i++) {
    const pq_page_info *page = &index->pages[i];
    evidence e = {.may_be_null = chunk.may_be_null,
                  .may_have_value = !page->is_null_page,
                  .may_have_nan = chunk.may_have_nan && !page->is_nan_free,
                  .has_bounds = page->has_bounds,
                  .min = page->min,
                  .max = page->max};
    uint8_t verdict;
    PQ_TRY(term_verdict(scratch, t, &e, false, &verdict));
    memset(out + page->first_row, verdict, page->row_count);
    *skipped += verdict == PQ_NO;
  }
  return PQ_OK;
}

/* ---- bloom filters ---- */

/* The forms, two at most, in which a column may hold a value that equals another. */
typedef struct forms {
  uint8_t bytes[2][8];
  pq_slice plain[2];
  uint32_t count;
} forms;

static void put_word(forms *f, uint64_t word) {
  pq_wr64(f->bytes[f->count], word);
  f->plain[f->count] = (pq_slice){f->bytes[f->count], 8};
  f->count++;
}

static bool put_integer(pq_value x, forms *out) {
  pq_cell cell;
  int64_t i;
  double d;
  if (!pq_value_i64(x, &i)) {
    if (!pq_value_number(x, &d) || !(d > -9e18 && d < 9e18)) return false;
    i = (int64_t)d;
    if (pq_value_compare(pq_cell_i64(&cell, i), x) != 0) return true;
  }
  put_word(out, (uint64_t)i);
  return true;
}

static void put_real(pq_value x, forms *out) {
  pq_cell cell;
  uint64_t word;
  double d;
  if (!pq_value_number(x, &d) || pq_value_compare(pq_cell_double(&cell, d), x) != 0) return;
  memcpy(&word, &d, sizeof word);
  if (d == 0) { /* there are two zeros */
    put_word(out, 0);
    word = (uint64_t)1 << 63;
  }
  put_word(out, word);
}

/* The one form of a cell. */
static void set_plain(const pq_column *one, forms *out) {
  out->plain[0] = pq_typed_plain(one);
  out->count = 1;
  if (one->phys == PQ_PHYS_BYTES || one->phys == PQ_PHYS_FIXED) return;
  memcpy(out->bytes[0], out->plain[0].p, out->plain[0].n); /* else they are gone with the room */
  out->plain[0].p = out->bytes[0];
}

/* Equal values have equal cells, whatever else the cells are: typed_cell.c. */
static int put_typed(pq_arena *scratch, pq_index_type stored, pq_value x, forms *out) {
  pq_typed_room room;
  pq_column one;
  bool is_there;
  PQ_TRY(pq_typed_cell(scratch, x, stored, &room, &one, &is_there));
  if (!is_there) return PQ_OK;
  set_plain(&one, out);
  if (stored != PQ_INDEX_FLOAT || (pq_rd32(out->bytes[0]) & INT32_MAX) != 0) return PQ_OK;
  pq_wr32(out->bytes[0], 0); /* there are two zeros */
  pq_wr32(out->bytes[1], (uint32_t)1 << 31);
  out->plain[1] = (pq_slice){out->bytes[1], 4};
  out->count = 2;
  return PQ_OK;
}

/* Doubles equal decimals that they are not written as: not asked for. */
static int put_decimal(pq_arena *scratch, const pq_file *file, const pq_path_column *c, pq_value x,
                       forms *out, bool *is_asked) {
  const pq_leaf *leaf = &file->footer->leaves[c->leaf];
  pq_index_column like = {
      .type = PQ_INDEX_DECIMAL, .precision = (uint8_t)leaf->note.precision, .scale = c->scale};
  pq_typed_room room = {0};
  pq_column one = {.phys = leaf->phys, .row_count = 1, .v.any = &room};
  *is_asked = pq_value_type(x) != PQ_TYPE_DOUBLE && pq_leaf_node(&like).phys == leaf->phys;
  if (!*is_asked || !pq_leaf_fits(x, &like)) return PQ_OK;
  PQ_TRY(pq_leaf_set(scratch, x, &like, &one, 0));
  set_plain(&one, out);
  return PQ_OK;
}

/* Count 0: the column has no such value. *is_asked false: not to be asked. */
static int forms_of(pq_arena *scratch, const pq_prune *p, const pq_path_column *c, pq_value x,
                    forms *out, bool *is_asked) {
  bool is_in_bracket = pq_type_bracket(pq_value_type(x)) == pq_index_bracket(c->type);
  int64_t us;
  out->count = 0;
  *is_asked = !is_nan(x) || c->type != PQ_INDEX_DOUBLE; /* there are many */
  if (!*is_asked || (!is_in_bracket && !c->is_hint)) return PQ_OK;
  switch (c->stored) {
    case PQ_INDEX_STRING: out->count = pq_value_string(x, &out->plain[0]); return PQ_OK;
    case PQ_INDEX_OBJECT_ID: out->count = pq_value_object_id(x, &out->plain[0]); return PQ_OK;
    case PQ_INDEX_INT64: /* decimals may equal an integer that is not found */
      *is_asked = pq_value_type(x) != PQ_TYPE_DECIMAL && put_integer(x, out);
      return PQ_OK;
    case PQ_INDEX_DOUBLE:
      *is_asked = pq_value_type(x) != PQ_TYPE_DECIMAL;
      put_real(x, out);
      return PQ_OK;
    case PQ_INDEX_TIMESTAMP:
      *is_asked = pq_value_date_us(x, &us);
      if (*is_asked) put_word(out, (uint64_t)us);
      return PQ_OK;
    case PQ_INDEX_BOOL: *is_asked = false; return PQ_OK;
    case PQ_INDEX_DECIMAL: return put_decimal(scratch, p->file, c, x, out, is_asked);
    default: return put_typed(scratch, c->stored, x, out);
  }
}

/* May a value of the row group equal the operand? Asked where there is a bloom filter. */
static int ask_operand(pq_fetch *f, pq_arena *scratch, const pq_prune *p, uint32_t row_group,
                       const pq_plan_term *t, pq_value x, bool *may) {
  forms found;
  bool is_asked;
  *may = true;
  PQ_TRY(forms_of(scratch, p, &t->column, x, &found, &is_asked));
  if (!is_asked) return PQ_OK;
  *may = false;
  for (uint32_t k = 0; k < found.count && !*may; k++)
    PQ_TRY(pq_file_cache_bloom(p->files, f, p->file, row_group, t->column.leaf,
                               pq_hash(found.plain[k], 0), may));
  return PQ_OK;
}

static uint32_t operands_max(const pq_chunk *chunk) {
  bool is_whole = chunk->bloom_len > 0 && chunk->bloom_len <= BLOOM_SHORT_LEN;
  return is_whole ? BLOOM_OPERANDS_MAX : BLOOM_ASKS_MAX;
}

static int ask_term(pq_fetch *f, pq_arena *scratch, const pq_prune *p, uint32_t row_group,
                    const pq_plan_term *t, bool *is_absent) {
  const pq_push *push = t->push;
  const pq_chunk *chunk = &p->file->footer->row_groups[row_group].chunks[t->column.leaf];
  bool is_equality = push->op == PQ_PUSH_EQ || push->op == PQ_PUSH_IN;
  *is_absent = false;
  if (chunk->bloom_len == 0 && chunk->bloom_off == 0) return PQ_OK;
  if (!is_equality || push->is_folded || push->operand_count > operands_max(chunk)) return PQ_OK;
  for (uint32_t i = 0; i < push->operand_count; i++) {
    bool may;
    PQ_TRY(ask_operand(f, scratch, p, row_group, t, push->operands[i], &may));
    if (may) return PQ_OK;
  }
  *is_absent = true;
  return PQ_OK;
}

int pq_prune_blooms(pq_fetch *f, pq_arena *scratch, const pq_prune *p, uint32_t row_group,
                    bool *is_absent) {
  bool is_missing = false;
  for (uint32_t i = 0; i < p->term_count; i++) {
    int rc = ask_term(f, scratch, p, row_group, &p->terms[i], &is_absent[i]);
    if (rc < 0) return rc;
    is_missing |= rc == PQ_NEED_IO;
  }
  return is_missing ? PQ_NEED_IO : PQ_OK;
}
