/* parquet/scan_column.c - one column of a scan: read runs of rows, test them, give some of them.
 *
 *   cursor batch:   slots  a b c d e f        chosen = 1, 2, 5
 *   given:          slots  b c f              copied, codes looked up unless they are wanted
 *
 * A dictionary is tested once for a row group; rows then only look up their code.
 */
#include <string.h>

#include "parquet/decode_int.h"
#include "parquet/file_scan_int.h"

void pq_scan_column_release(pq_scan_column *c) {
  for (uint32_t i = 0; i < c->test_count; i++)
    if (c->tests[i].matches != NULL) pq_alloc(c->cx, c->tests[i].matches, c->tests[i].cap, 0);
  if (c->tests != NULL) pq_alloc(c->cx, c->tests, c->test_count * sizeof *c->tests, 0);
  if (c->slots.values != NULL) pq_alloc(c->cx, c->slots.values, c->slots.values_cap, 0);
  if (c->slots.nulls != NULL) pq_alloc(c->cx, c->slots.nulls, c->slots.nulls_cap, 0);
  pq_cursor_free(c->cursor);
  *c = (pq_scan_column){0};
}

/* ---- reading ---- */

int pq_scan_column_open(pq_scan_column *c, const pq_file *file, uint32_t row_group,
                        const pq_page_index *index) {
  if (index != NULL && index->page_count == 0) index = NULL;
  if (c->cursor == NULL)
    PQ_TRY(pq_cursor_new(c->cx, file, row_group, c->leaf, index, c->options, &c->cursor));
  else
    PQ_TRY(pq_cursor_reopen(c->cursor, row_group, index));
  for (uint32_t i = 0; i < c->test_count; i++)
    c->tests[i].is_known = false;
  c->row_group = row_group;
  c->is_open = true;
  c->pos = 0;
  return PQ_OK;
}

void pq_scan_column_clear(pq_scan_column *c) {
  if (c->has_batch) pq_cursor_clear(c->cursor);
  c->has_batch = false;
  c->run = 0;
}

static void skip_to(pq_scan_column *c, uint32_t row) {
  pq_assert(row >= c->pos);
  if (row > c->pos) pq_cursor_skip(c->cursor, row - c->pos);
  c->pos = row;
}

int pq_scan_column_want(pq_scan_column *c, const pq_scan_slice *s) {
  if (c->has_batch || s->run_count == 0) return PQ_OK; /* reading has begun, and asks by itself */
  skip_to(c, s->first + s->runs[0].lo);
  return pq_cursor_want_ranges(c->cursor, s->first, s->runs, s->run_count);
}

int pq_scan_column_read(pq_scan_column *c, const pq_scan_slice *s) {
  c->has_batch = true;
  for (; c->run < s->run_count; c->run++) {
    pq_row_range r = s->runs[c->run];
    skip_to(c, s->first + r.lo);
    PQ_TRY(pq_cursor_read(c->cursor, r.hi - r.lo));
    c->pos = s->first + r.hi;
  }
  return PQ_OK;
}

/* ---- giving ---- */

static int reserve(pq_cx *cx, void **p, size_t *cap, size_t len) {
  void *grown;
  if (len <= *cap) return PQ_OK;
  grown = pq_alloc(cx, *p, *cap, len);
  if (grown == NULL) return pq_fail_nomem(cx);
  *p = grown;
  *cap = len;
  return PQ_OK;
}

/* For each size of slots: to[i] = from[chosen[i]], and the same through codes, where the slots of
 * nulls become zero and the dictionary may be empty if all are null. `chosen` NULL: i. */
#define PICK(pick, look_up, type)                                                             \
  static void pick(const type *from, const uint32_t *chosen, uint32_t count, type *to) {      \
    for (uint32_t i = 0; i < count; i++)                                                      \
      to[i] = from[chosen[i]];                                                                \
  }                                                                                           \
  static void look_up(const pq_column *c, const uint32_t *chosen, uint32_t count, type *to) { \
    const type *values = c->dictionary->values;                                               \
    for (uint32_t i = 0; i < count; i++) {                                                    \
      uint32_t row = chosen == NULL ? i : chosen[i];                                          \
      to[i] = pq_column_is_null(c, row) ? (type){0} : values[c->v.codes[row]];                \
    }                                                                                         \
  }
PICK(pick_1, look_up_1, uint8_t)
PICK(pick_4, look_up_4, uint32_t)
PICK(pick_8, look_up_8, uint64_t)
PICK(pick_slices, look_up_slices, pq_slice)

static void look_up(const pq_column *c, const uint32_t *chosen, uint32_t count, void *to) {
  switch (pq_phys_is_slice(c->phys) ? 0 : pq_phys_size(c->phys)) {
    case 1: look_up_1(c, chosen, count, to); break;
    case 4: look_up_4(c, chosen, count, to); break;
    case 8: look_up_8(c, chosen, count, to); break;
    default: look_up_slices(c, chosen, count, to); break;
  }
}

static void pick(const pq_column *c, const uint32_t *chosen, uint32_t count, void *to) {
  bool is_coded = c->dictionary != NULL;
  switch (!is_coded && pq_phys_is_slice(c->phys) ? 0 : is_coded ? 4 : pq_phys_size(c->phys)) {
    case 1: pick_1(c->v.any, chosen, count, to); break;
    case 4: pick_4(c->v.any, chosen, count, to); break;
    case 8: pick_8(c->v.any, chosen, count, to); break;
    default: pick_slices(c->v.any, chosen, count, to); break;
  }
}

int pq_scan_column_give(pq_scan_column *c, const uint32_t *chosen, uint32_t count, bool has_codes,
                        pq_column *out) {
  pq_column batch;
  bool is_looked_up;
  size_t size;
  pq_cursor_batch(c->cursor, &batch);
  *out = batch;
  is_looked_up = batch.dictionary != NULL && !has_codes;
  if (chosen == NULL && !is_looked_up) return PQ_OK;
  pq_assert(c->is_flat);
  size = batch.dictionary != NULL && has_codes ? sizeof(uint32_t) : pq_phys_size(batch.phys);
  PQ_TRY(reserve(c->cx, &c->slots.values, &c->slots.values_cap, (size_t)count * size));
  out->row_count = count;
  out->v.any = c->slots.values;
  if (is_looked_up) {
    look_up(&batch, chosen, count, out->v.any);
    out->dictionary = NULL;
  } else {
    pick(&batch, chosen, count, out->v.any);
  }
  if (batch.nulls == NULL || chosen == NULL) return PQ_OK;
  PQ_TRY(reserve(c->cx, &c->slots.nulls, &c->slots.nulls_cap, count));
  pick_1(batch.nulls, chosen, count, c->slots.nulls);
  out->nulls = c->slots.nulls;
  return PQ_OK;
}

/* ---- testing ---- */

static int test_dictionary(pq_scan_column *c, pq_dictionary_test *t, const pq_dictionary *d) {
  if (t->is_known || t->condition->test >= PQ_TEST_IS_NULL) return PQ_OK;
  if (d->count >= t->cap) { /* one more than there are: rows of nulls have code 0 */
    uint8_t *p = pq_alloc(c->cx, t->matches, t->cap, (size_t)d->count + 1);
    if (p == NULL) return pq_fail_nomem(c->cx);
    t->matches = p;
    t->cap = (size_t)d->count + 1;
  }
  t->matches[d->count] = 0;
  pq_condition_test_values(t->condition, d->values, d->count, t->matches);
  t->is_known = true;
  return PQ_OK;
}

int pq_scan_column_test(pq_scan_column *c, uint32_t rows, uint8_t *scratch, uint8_t *keep) {
  pq_column batch;
  pq_cursor_batch(c->cursor, &batch);
  if (batch.dictionary != NULL && batch.dictionary->count > rows)
    PQ_TRY(pq_scan_column_give(c, NULL, batch.row_count, false, &batch));
  for (uint32_t i = 0; i < c->test_count; i++) {
    pq_dictionary_test *t = &c->tests[i];
    if (batch.dictionary != NULL) PQ_TRY(test_dictionary(c, t, batch.dictionary));
    pq_condition_test(t->condition, &batch, t->matches, scratch, keep);
  }
  return PQ_OK;
}
