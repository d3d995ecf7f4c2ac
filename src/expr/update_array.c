/* expr/update_array.c - the operators of an update that change an array. See update.h.
 *
 * The idea: each makes the list of the elements after it, from those of the old array and those
 * that the update brings; then the list is written and compared with the old one:
 *
 *   [5, 1]  +  $push {$each: [3, 4], $position: 1, $sort: 1, $slice: -2}
 *   position [5, 3, 4, 1]  ->  sort [1, 3, 4, 5]  ->  slice [4, 5]              (MONGO.md 1, rule
 * 41)
 *
 * Values in the list are borrowed from the document and the update. Nothing is kept between calls.
 */
#include <string.h>

#include "base/merge_sort.h"
#include "expr/update_int.h"

enum { ADDED_MAX = 10000 }; /* of one $addToSet */

typedef struct value_list {
  pq_value *items;
  uint32_t count;
} value_list;

bool pq_is_array_change(int op) {
  return op >= PQ_UPDATE_PUSH && op <= PQ_UPDATE_POP;
}

/* DocumentDB: nothing comes of pushing no elements, whatever the modifiers. */
bool pq_array_change_creates(const pq_term *term) {
  switch (term->op) {
    case PQ_UPDATE_PUSH:
    case PQ_UPDATE_ADD_TO_SET: return true;
    case PQ_UPDATE_PUSH_EACH:
    case PQ_UPDATE_ADD_EACH: return pq_value_count(term->operand) > 0;
    default: return false;
  }
}

/* Elements of `array`, or the value alone, put into the list at `at`. The list has room. */
static void insert(value_list *list, uint32_t at, pq_value v, bool is_array) {
  uint32_t more = is_array ? pq_value_count(v) : 1;
  if (at < list->count)
    memmove(list->items + at + more, list->items + at, (list->count - at) * sizeof *list->items);
  for (uint32_t i = 0; i < more; i++)
    list->items[at + i] = is_array ? pq_array_at(v, i) : v;
  list->count += more;
}

/* Where $position puts new elements; negative counts from the end. */
static uint32_t position_of(const pq_array_change *change, uint32_t count) {
  int64_t at = change->position;
  if (!change->has_position || at >= (int64_t)count) return count;
  if (at >= 0) return (uint32_t)at;
  return at <= -(int64_t)count ? 0 : (uint32_t)((int64_t)count + at);
}

/* $slice: the first n, or the last -n. */
static void cut(const pq_array_change *change, value_list *list) {
  int64_t n = change->slice;
  if (!change->has_slice) return;
  if (n >= 0) {
    if (n < (int64_t)list->count) list->count = (uint32_t)n;
  } else if (n > -(int64_t)list->count) {
    uint32_t keep = (uint32_t)-n;
    memmove(list->items, list->items + (list->count - keep), keep * sizeof *list->items);
    list->count = keep;
  }
}

typedef struct pusher {
  const pq_array_change *change;
  pq_collation collation;
} pusher;

static int compare_elements(const void *a, const void *b, const void *ud) {
  const pusher *p = ud;
  const pq_value *x = a, *y = b;
  const pq_sort *sort = &p->change->sort;
  if (sort->count > 0) return pq_sort_elements(sort, *x, *y);
  return pq_value_collate(*x, *y, p->collation) * p->change->whole_sort;
}

static int push(pq_applier *s, const pq_term *term, value_list *list) {
  const pq_array_change *change = &s->changes[term->source];
  pusher p = {change, s->collation};
  insert(list, position_of(change, list->count), term->operand, term->op == PQ_UPDATE_PUSH_EACH);
  if (change->whole_sort != 0 || change->sort.count > 0)
    PQ_TRY(
        pq_sort_items(s->cx, list->items, list->count, sizeof *list->items, compare_elements, &p));
  cut(change, list);
  return PQ_OK;
}

static int compare_values(const void *a, const void *b, const void *ud) {
  const pq_applier *s = ud;
  return pq_value_collate(*(const pq_value *)a, *(const pq_value *)b, s->collation);
}

/* Is there an equal one in the sorted items? */
static bool is_among(const pq_applier *s, const pq_value *items, uint32_t count, pq_value v) {
  uint32_t low = 0;
  while (low < count) {
    uint32_t middle = low + (count - low) / 2;
    int c = pq_value_collate(items[middle], v, s->collation);
    if (c == 0) return true;
    if (c < 0)
      low = middle + 1;
    else
      count = middle;
  }
  return false;
}

/* The elements of an array or of a list, sorted. */
static int sorted_copy(pq_applier *s, const value_list *list, pq_value array, pq_value **out,
                       uint32_t *count) {
  *count = list == NULL ? pq_value_count(array) : list->count;
  *out = pq_arena_calloc(s->arena, *count, sizeof **out);
  if (*out == NULL) return s->cx->code;
  for (uint32_t i = 0; i < *count; i++)
    (*out)[i] = list == NULL ? pq_array_at(array, i) : list->items[i];
  return pq_sort_items(s->cx, *out, *count, sizeof **out, compare_values, s);
}

/* New elements that equal none so far (rule 29); those of the update are compared one by one. */
static int add_to_set(pq_applier *s, const pq_term *term, value_list *list) {
  uint32_t more = term->op == PQ_UPDATE_ADD_EACH ? pq_value_count(term->operand) : 1;
  uint32_t before = list->count, count;
  pq_value *sorted;
  PQ_TRY(sorted_copy(s, list, (pq_value){0}, &sorted, &count));
  if (more > ADDED_MAX)
    return pq_fail(s->cx, PQ_ELIMIT, "operator '$addToSet' at path '%.*s' has more than %d values",
                   PQ_SHOW(term->path.text), ADDED_MAX);
  for (uint32_t i = 0; i < more; i++) {
    pq_value v = term->op == PQ_UPDATE_ADD_EACH ? pq_array_at(term->operand, i) : term->operand;
    bool is_known = is_among(s, sorted, count, v);
    for (uint32_t k = before; !is_known && k < list->count; k++)
      is_known = pq_value_collate(list->items[k], v, s->collation) == 0;
    if (!is_known) list->items[list->count++] = v;
  }
  return PQ_OK;
}

static bool is_pulled(const pq_applier *s, const pq_term *term, pq_value v) {
  const pq_array_change *change = &s->changes[term->source];
  if (change->filter == NULL) return pq_value_collate(term->operand, v, s->collation) == 0;
  if (change->needs_object && pq_value_type(v) != PQ_TYPE_OBJECT) return false;
  return pq_filter_match(change->filter, NULL, v, (pq_value){0});
}

static int pull(pq_applier *s, const pq_term *term, value_list *list) {
  const pq_filter *filter = s->changes[term->source].filter;
  bool is_all = term->op == PQ_UPDATE_PULL_ALL;
  uint32_t n = 0, count = 0;
  pq_value *sorted = NULL;
  if (is_all) PQ_TRY(sorted_copy(s, NULL, term->operand, &sorted, &count));
  for (uint32_t i = 0; i < list->count; i++) {
    pq_value v = list->items[i];
    if (is_all ? !is_among(s, sorted, count, v) : !is_pulled(s, term, v)) list->items[n++] = v;
  }
  list->count = n;
  return filter == NULL ? PQ_OK : pq_filter_status(filter);
}

static void pop(const pq_applier *s, const pq_term *term, value_list *list) {
  if (list->count == 0) return;
  list->count--;
  if (s->changes[term->source].is_from_front)
    memmove(list->items, list->items + 1, list->count * sizeof *list->items);
}

static int change_list(pq_applier *s, const pq_term *term, value_list *list) {
  switch (term->op) {
    case PQ_UPDATE_PUSH:
    case PQ_UPDATE_PUSH_EACH: return push(s, term, list);
    case PQ_UPDATE_ADD_TO_SET:
    case PQ_UPDATE_ADD_EACH: return add_to_set(s, term, list);
    case PQ_UPDATE_POP: pop(s, term, list); return PQ_OK;
    default: return pull(s, term, list);
  }
}

int pq_applier_put_array(pq_applier *s, const pq_term *term, pq_value old) {
  bool is_new = pq_value_is_missing(old), is_same = !is_new;
  uint32_t count = is_new ? 0 : pq_value_count(old), more = pq_value_count(term->operand);
  value_list list = {0};
  if (!is_new && pq_value_type(old) != PQ_TYPE_ARRAY)
    return pq_fail(s->cx, PQ_EUPDATE, "operator '%s' at path '%.*s' needs an array, not %s",
                   pq_update_op_name(term->op), PQ_SHOW(term->path.text),
                   pq_type_name(pq_value_type(old)));
  list.items = pq_arena_calloc(s->arena, (size_t)count + more + 1, sizeof *list.items);
  if (list.items == NULL) return s->cx->code;
  if (!is_new) insert(&list, 0, old, true);
  PQ_TRY(change_list(s, term, &list));
  PQ_TRY(pq_builder_begin_array(s->b));
  for (uint32_t i = 0; i < list.count; i++)
    PQ_TRY(pq_builder_value(s->b, list.items[i]));
  is_same = is_same && list.count == count;
  for (uint32_t i = 0; is_same && i < count; i++)
    PQ_TRY(pq_applier_same(s, pq_array_at(old, i), list.items[i], &is_same));
  if (!is_same) s->is_changed = true;
  return pq_builder_end(s->b);
}
