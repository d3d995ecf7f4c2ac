/* query/scan_number.c - see scan_number.h.
 *
 *   cell ─► kind, 64 bits (of text: its hash) ─► slot ─► number      one probe, no allocation
 *
 * Equal values have one kind and the same bits: whole numbers are integers, whether they stand in
 * a column of integers or of doubles, unless the grouping keeps types. A value is made, once, when
 * its first cell comes.
 */
#include "query/scan_number.h"

#include <string.h>

enum { NUMBERS_MIN = 64 };
enum {
  KIND_MISSING,
  KIND_WHOLE,
  KIND_REAL,
  KIND_DATE,
  KIND_BOOL,
  KIND_TEXT,
  KIND_OBJECT_ID,
  KIND_UUID,
  KIND_BINARY
};

typedef struct key_cell {
  uint64_t bits;
  pq_slice text;
  uint8_t kind;
} key_cell;

/* ---- tables ---- */

static uint32_t slot_of(const pq_number_table *t, uint64_t bits) {
  return (uint32_t)((bits ^ bits >> 32) * 0x9e3779b97f4a7c15u >> 32) & (t->slot_count - 1);
}

static void place(pq_number_table *t, pq_number_slot s) {
  uint32_t at = slot_of(t, s.bits);
  while (t->slots[at].number != 0)
    at = (at + 1) & (t->slot_count - 1);
  t->slots[at] = s;
}

/* Room for one more; at most half full. */
static int grow_table(pq_arena *keep, pq_number_table *t) {
  pq_number_table more = {.slot_count = t->slot_count == 0 ? NUMBERS_MIN : t->slot_count * 4,
                          .count = t->count};
  more.slots = pq_arena_calloc(keep, more.slot_count, sizeof *more.slots);
  if (more.slots == NULL) return keep->cx->code;
  for (uint32_t i = 0; i < t->slot_count; i++)
    if (t->slots[i].number != 0) place(&more, t->slots[i]);
  *t = more;
  return PQ_OK;
}

int pq_fold_pair(pq_arena *keep, pq_number_table *t, uint32_t left, uint32_t right, uint32_t *out) {
  uint64_t bits = (uint64_t)left << 32 | right;
  *out = 0;
  if (t->count >= t->slot_count / 2) PQ_TRY(grow_table(keep, t));
  for (uint32_t at = slot_of(t, bits);; at = (at + 1) & (t->slot_count - 1)) {
    pq_number_slot *s = &t->slots[at];
    if (s->number == 0) *s = (pq_number_slot){bits, ++t->count};
    *out = s->number - 1;
    if (s->bits == bits) return PQ_OK;
  }
}

/* ---- values ---- */

static key_cell cell_of_double(double d, bool keeps_types) {
  key_cell c = {.kind = KIND_REAL};
  if (keeps_types) {
    memcpy(&c.bits, &d, sizeof c.bits);
  } else if (d != d) { /* a NaN, as all the others */
    c.bits = UINT64_MAX;
  } else if (d >= -0x1p63 && d < 0x1p63 && (double)(int64_t)d == d) {
    c.kind = KIND_WHOLE;
    c.bits = (uint64_t)(int64_t)d;
  } else {
    memcpy(&c.bits, &d, sizeof c.bits);
  }
  return c;
}

static uint8_t kind_of_bytes(pq_index_type type) {
  switch (type) {
    case PQ_INDEX_STRING: return KIND_TEXT;
    case PQ_INDEX_UUID: return KIND_UUID;
    case PQ_INDEX_BINARY: return KIND_BINARY;
    default: return KIND_OBJECT_ID;
  }
}

static key_cell cell_at(const pq_fold_cells *c, uint32_t at, bool keeps_types) {
  const int64_t *integers = c->any;
  const pq_slice *texts = c->any;
  switch (c->type) {
    case PQ_INDEX_INT64: return (key_cell){.kind = KIND_WHOLE, .bits = (uint64_t)integers[at]};
    case PQ_INDEX_TIMESTAMP: return (key_cell){.kind = KIND_DATE, .bits = (uint64_t)integers[at]};
    case PQ_INDEX_BOOL:
      return (key_cell){.kind = KIND_BOOL, .bits = ((const uint8_t *)c->any)[at] != 0};
    case PQ_INDEX_DOUBLE: return cell_of_double(((const double *)c->any)[at], keeps_types);
    default:
      return (key_cell){
          .kind = kind_of_bytes(c->type), .bits = pq_hash(texts[at], 0), .text = texts[at]};
  }
}

int pq_fold_value(pq_arena *arena, const pq_fold_cells *c, uint32_t at, pq_cell *cell,
                  pq_value *out) {
  pq_column plain = {.phys = c->phys, .row_count = at + 1, .v.any = c->any};
  PQ_TRY(pq_index_value(arena, &plain, at, c->type, cell, out));
  pq_index_narrow(cell, c->type, out);
  return PQ_OK;
}

/* Room for number `k->count`. */
static int grow_values(pq_arena *keep, pq_fold_key *k) {
  uint32_t cap = k->cap == 0 ? NUMBERS_MIN : k->cap * 2;
  pq_value *values;
  pq_slice *texts;
  uint8_t *kinds;
  if (k->count < k->cap) return PQ_OK;
  values = pq_arena_calloc(keep, cap, sizeof *values);
  texts = pq_arena_calloc(keep, cap, sizeof *texts);
  kinds = pq_arena_calloc(keep, cap, sizeof *kinds);
  if (values == NULL || texts == NULL || kinds == NULL) return keep->cx->code;
  if (k->count > 0) {
    memcpy(values, k->values, k->count * sizeof *values);
    memcpy(texts, k->texts, k->count * sizeof *texts);
    memcpy(kinds, k->kinds, k->count * sizeof *kinds);
  }
  k->values = values;
  k->texts = texts;
  k->kinds = kinds;
  k->cap = cap;
  if (k->count == 0) k->count = 1; /* number 0 is for missing values */
  return PQ_OK;
}

static int add_value(pq_arena *keep, pq_fold_key *k, const pq_fold_cells *c, uint32_t at,
                     const key_cell *x) {
  pq_cell cell;
  pq_value v;
  PQ_TRY(pq_fold_value(keep, c, at, &cell, &v));
  PQ_TRY(pq_value_copy(keep, v, &k->values[k->count]));
  PQ_TRY(pq_arena_copy(keep, x->text, &k->texts[k->count]));
  k->kinds[k->count] = x->kind;
  place(&k->table, (pq_number_slot){x->bits, k->count + 1});
  k->table.count++;
  k->count++;
  return PQ_OK;
}

int pq_fold_number(pq_grouping *fold, uint32_t key, const pq_fold_cells *c, uint32_t at,
                   uint32_t *out) {
  pq_fold_key *k = &fold->numbers[key];
  key_cell x = cell_at(c, at, fold->keeps_types);
  *out = 0;
  if (k->table.count >= k->table.slot_count / 2) PQ_TRY(grow_table(fold->keep, &k->table));
  for (uint32_t i = slot_of(&k->table, x.bits); k->table.slots[i].number != 0;
       i = (i + 1) & (k->table.slot_count - 1)) {
    uint32_t number = k->table.slots[i].number - 1;
    if (k->table.slots[i].bits != x.bits || k->kinds[number] != x.kind) continue;
    if (x.text.n > 0 && !pq_slice_eq(k->texts[number], x.text)) continue;
    *out = number;
    return PQ_OK;
  }
  PQ_TRY(grow_values(fold->keep, k));
  *out = k->count;
  return add_value(fold->keep, k, c, at, &x);
}

/* ---- groups ---- */

int pq_fold_groups_grow(pq_grouping *fold) {
  uint32_t cap = fold->group_cap == 0 ? NUMBERS_MIN : fold->group_cap * 2, n = fold->group_count;
  size_t keys = fold->key_count, items = fold->item_count;
  pq_value *values;
  pq_fold_state *states;
  if (n < fold->group_cap) return PQ_OK;
  values = pq_arena_calloc(fold->keep, cap * keys, sizeof *values);
  states = pq_arena_calloc(fold->keep, cap * items, sizeof *states);
  if (values == NULL || states == NULL) return fold->keep->cx->code;
  if (n > 0) {
    memcpy(values, fold->values, n * keys * sizeof *values);
    memcpy(states, fold->states, n * items * sizeof *states);
  }
  fold->values = values;
  fold->states = states;
  fold->group_cap = cap;
  return PQ_OK;
}
