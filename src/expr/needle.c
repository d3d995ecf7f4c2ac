/* expr/needle.c - see needle.h.
 *
 *   AND ─ leaves      the longest text of any of them
 *   leaf              $contains, $startsWith, $endsWith, = text, a pattern of plain letters or with
 *                     a plain beginning: of the value itself, or of an element of an array
 *   all else          no text: OR, NOT, expressions, names that the system may give
 *
 * A stored regular expression equals the pattern of a leaf, so what a pattern asks for must stand
 * in the pattern as it is written. Nothing is folded: a collation that folds has no needle.
 */
#include "expr/needle.h"

#include <string.h>

#include "expr/expr_int.h"

static bool is_inside(pq_slice text, pq_slice all) {
  for (size_t i = 0; text.n <= all.n && i <= all.n - text.n; i++)
    if (memcmp(all.p + i, text.p, text.n) == 0) return true;
  return false;
}

static pq_slice text_of(const pq_filter_node *n) {
  pq_slice none = {0}, pattern, options;
  if (n->is_negated || n->is_system || n->is_unbracketed) return none;
  switch (n->op) {
    case PQ_LEAF_STARTS:
    case PQ_LEAF_ENDS:
    case PQ_LEAF_CONTAINS: return n->text;
    case PQ_LEAF_EQ:
      return n->bracket == PQ_TYPE_STRING && !n->collation.is_folded ? n->text : none;
    case PQ_LEAF_REGEX:
      if (n->text.n > 0) return n->text;
      if (n->prefix.n == 0) return none;
      if (!pq_value_regex(n->operand, &pattern, &options)) return n->prefix;
      return is_inside(n->prefix, pattern) ? n->prefix : none;
    default: return none;
  }
}

/* How rare a byte is: letters by their frequency, spaces first; what is no text at the end. Letters
 * of other alphabets begin alike and end differently. */
static size_t rarity(uint8_t byte) {
  static const char common[] = " etaonisrhldcumfpgwybvkxjqz";
  const char *at = strchr(common, byte);
  if (byte >= 0xc0) return 0;
  if (byte >= 0x80) return 10;
  return at == NULL || byte == 0 ? sizeof common : (size_t)(at - common);
}

/* Nested as deep as the filter. */
static pq_slice longest(const pq_filter_node *n) {
  pq_slice best = {0};
  if (n->kind == PQ_NODE_LEAF) return text_of(n);
  for (const pq_filter_node *kid = n->kids; n->kind == PQ_NODE_AND && kid != NULL;
       kid = kid->next) {
    pq_slice text = longest(kid);
    if (text.n > best.n) best = text;
  }
  return best;
}

pq_needle pq_needle_of(const pq_filter *f) {
  pq_needle n = {.text = longest(f->root)};
  for (size_t i = 1; i < n.text.n; i++)
    if (rarity(n.text.p[i]) > rarity(n.text.p[n.rare])) n.rare = i;
  return n;
}

bool pq_needle_is_in(const pq_needle *n, pq_slice bytes) {
  const uint8_t *at = bytes.p, *end;
  if (n->text.n == 0) return true;
  if (bytes.n < n->text.n) return false;
  at += n->rare;
  end = at + (bytes.n - n->text.n) + 1; /* of where the byte may stand */
  while (at < end) {
    at = memchr(at, n->text.p[n->rare], (size_t)(end - at));
    if (at == NULL) return false;
    if (memcmp(at - n->rare, n->text.p, n->text.n) == 0) return true;
    at++;
  }
  return false;
}
