/* base/key_sort.c - see key_sort.h. */
#include "base/key_sort.h"

#include <string.h>

enum { FEW = 64, DIGITS = 256 };

typedef struct place {
  uint64_t key;
  uint32_t at;
} place;

typedef struct key_sort {
  uint8_t *items;
  uint32_t count;
  size_t size;
  pq_key_fn key;
  const void *ud;
  place *places, *others; /* [count] */
} key_sort;

static pq_slice text_of(const key_sort *s, uint32_t i) {
  return s->key(s->items + (size_t)i * s->size, s->ud);
}

/* How many bytes all texts begin with. */
static size_t shared(const key_sort *s) {
  pq_slice first = text_of(s, 0);
  size_t n = first.n;
  for (uint32_t i = 1; i < s->count && n > 0; i++) {
    pq_slice text = text_of(s, i);
    size_t same = 0;
    if (text.n < n) n = text.n;
    if (n == 0 || memcmp(first.p, text.p, n) == 0) continue;
    while (first.p[same] == text.p[same])
      same++;
    n = same;
  }
  return n;
}

/* The next 8 bytes, zeros behind the end, so that order is that of the bytes or not told yet. */
static uint64_t key_at(pq_slice text, size_t from) {
  uint64_t key = 0;
  size_t n = text.n - from < 8 ? text.n - from : 8;
  for (size_t i = 0; i < n; i++)
    key |= (uint64_t)text.p[from + i] << (56 - 8 * i);
  return key;
}

/* Sort by one byte of the keys. */
static void pass(key_sort *s, int shift, const uint32_t *counts) {
  uint32_t ends[DIGITS], sum = 0;
  place *swap;
  for (int d = 0; d < DIGITS; d++) {
    ends[d] = sum;
    sum += counts[d];
  }
  for (uint32_t i = 0; i < s->count; i++)
    s->others[ends[s->places[i].key >> shift & 0xff]++] = s->places[i];
  swap = s->places;
  s->places = s->others;
  s->others = swap;
}

/* Put the keys in order; false: they are already. */
static bool order(key_sort *s) {
  static const uint32_t none[DIGITS] = {0};
  uint32_t counts[DIGITS];
  size_t skip = shared(s);
  bool is_sorted = true;
  for (uint32_t i = 0; i < s->count; i++) {
    s->places[i] = (place){key_at(text_of(s, i), skip), i};
    is_sorted = is_sorted && (i == 0 || s->places[i - 1].key <= s->places[i].key);
  }
  if (is_sorted) return false;
  for (int shift = 0; shift < 64; shift += 8) {
    memcpy(counts, none, sizeof counts);
    for (uint32_t i = 0; i < s->count; i++)
      counts[s->places[i].key >> shift & 0xff]++;
    if (counts[s->places[0].key >> shift & 0xff] < s->count) pass(s, shift, counts);
  }
  return true;
}

static int sort_alike(const key_sort *s, pq_cx *cx, pq_compare_fn compare) {
  for (uint32_t i = 0, end; i < s->count; i = end) {
    for (end = i + 1; end < s->count && s->places[end].key == s->places[i].key;)
      end++;
    if (end - i > 1)
      PQ_TRY(pq_sort_items(cx, s->items + i * s->size, end - i, s->size, compare, s->ud));
  }
  return PQ_OK;
}

int pq_sort_by_key(pq_cx *cx, void *items, size_t count, size_t size, pq_key_fn key,
                   pq_compare_fn compare, const void *ud) {
  key_sort s = {.items = items, .count = (uint32_t)count, .size = size, .key = key, .ud = ud};
  size_t places_len, items_len, len;
  uint8_t *memory;
  int rc;
  if (count < FEW || count > UINT32_MAX || !pq_mul_size(count, 2 * sizeof(place), &places_len) ||
      !pq_mul_size(count, size, &items_len) || items_len > SIZE_MAX - places_len)
    return pq_sort_items(cx, items, count, size, compare, ud);
  len = places_len + items_len;
  memory = pq_alloc(cx, NULL, 0, len);
  if (memory == NULL) return pq_sort_items(cx, items, count, size, compare, ud);
  s.places = (place *)(void *)memory;
  s.others = s.places + count;
  if (order(&s)) {
    uint8_t *sorted = memory + places_len;
    for (size_t i = 0; i < count; i++)
      memcpy(sorted + i * size, s.items + s.places[i].at * size, size);
    memcpy(items, sorted, items_len);
  }
  rc = sort_alike(&s, cx, compare);
  pq_alloc(cx, memory, len, 0);
  return rc;
}
