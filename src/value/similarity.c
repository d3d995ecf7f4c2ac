/* value/similarity.c - see similarity.h. */
#include "value/similarity.h"

#include <string.h>

#include "value/collation.h"

/* The code point at *at, which moves on. */
static uint32_t next_point(pq_slice text, size_t *at) {
  uint8_t b = text.p[(*at)++];
  uint32_t more = b >= 0xf0 ? 3 : b >= 0xe0 ? 2 : b >= 0xc0 ? 1 : 0;
  uint32_t point = more == 0 ? b : b & (0x3fu >> more);
  for (; more > 0 && *at < text.n && (text.p[*at] & 0xc0) == 0x80; more--)
    point = point << 6 | (text.p[(*at)++] & 0x3f);
  return point;
}

static bool is_space(uint32_t point) {
  return point <= 0x20 || point == 0xa0 || point == 0x3000 || (point >= 0x2000 && point <= 0x200a);
}

void pq_fold_text(pq_slice text, pq_folded_text *out) {
  bool has_space = false;
  out->count = 0;
  for (size_t at = 0; at < text.n && out->count < PQ_SIMILARITY_LEN_MAX;) {
    uint32_t point = next_point(text, &at);
    if (is_space(point)) {
      has_space = out->count > 0;
      continue;
    }
    if (has_space) out->points[out->count++] = ' ';
    has_space = false;
    if (out->count < PQ_SIMILARITY_LEN_MAX) out->points[out->count++] = pq_fold(point);
  }
}

/* Which code points have a partner in the other text, no further off than `reach`. */
static uint32_t pair(const pq_folded_text *a, const pq_folded_text *b, uint32_t reach, bool *in_a,
                     bool *in_b) {
  uint32_t matches = 0;
  for (uint32_t i = 0; i < a->count; i++) {
    uint32_t lo = i > reach ? i - reach : 0;
    uint32_t hi = i + reach + 1 < b->count ? i + reach + 1 : b->count;
    for (uint32_t k = lo; k < hi; k++) {
      if (in_b[k] || a->points[i] != b->points[k]) continue;
      in_a[i] = in_b[k] = true;
      matches++;
      break;
    }
  }
  return matches;
}

/* Partners that stand in another order. */
static uint32_t count_swapped(const pq_folded_text *a, const pq_folded_text *b, const bool *in_a,
                              const bool *in_b) {
  uint32_t swapped = 0;
  for (uint32_t i = 0, k = 0; i < a->count; i++) {
    if (!in_a[i]) continue;
    while (!in_b[k])
      k++;
    swapped += a->points[i] != b->points[k++];
  }
  return swapped;
}

double pq_similarity_of(const pq_folded_text *a, const pq_folded_text *b) {
  bool in_a[PQ_SIMILARITY_LEN_MAX] = {false}, in_b[PQ_SIMILARITY_LEN_MAX] = {false};
  uint32_t longer = a->count > b->count ? a->count : b->count, prefix = 0;
  double matches, swapped, jaro;
  if (a->count == b->count && memcmp(a->points, b->points, a->count * sizeof a->points[0]) == 0)
    return 1;
  matches = pair(a, b, longer / 2 > 0 ? longer / 2 - 1 : 0, in_a, in_b);
  if (matches == 0) return 0;
  swapped = count_swapped(a, b, in_a, in_b);
  jaro = (matches / a->count + matches / b->count + (matches - swapped / 2) / matches) / 3;
  if (jaro <= 0.7) return jaro;
  while (prefix < 4 && prefix < a->count && prefix < b->count &&
         a->points[prefix] == b->points[prefix])
    prefix++;
  return jaro + prefix * 0.1 * (1 - jaro);
}

double pq_similarity(pq_slice a, pq_slice b) {
  pq_folded_text x, y;
  pq_fold_text(a, &x);
  pq_fold_text(b, &y);
  return pq_similarity_of(&x, &y);
}
