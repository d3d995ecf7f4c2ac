/* graph/numbers.c - names by number: nodes by their ids, and predicates. See graph_int.h.
 *
 *   names    a b d e | c x      the first part came at once, sorted: it is searched by halves
 *                      └ hashed; so is all of it from the second such part on
 *
 * A graph of one file, which is what a cold reader finds, hashes nothing.
 */
#include <string.h>

#include "base/slices.h"
#include "graph/graph_int.h"

enum { CAP_MIN = 64 };

void pq_numbers_init(pq_numbers *n, pq_cx *cx) {
  *n = (pq_numbers){.cx = cx};
  pq_arena_init(&n->arena, cx, UINT64_MAX / 2);
  pq_table_init(&n->by_name, cx);
}

void pq_numbers_release(pq_numbers *n) {
  if (n->cx == NULL) return;
  if (n->names != NULL) pq_alloc(n->cx, n->names, n->cap * sizeof *n->names, 0);
  pq_arena_release(&n->arena);
  pq_table_release(&n->by_name);
  *n = (pq_numbers){0};
}

static uint32_t find(const pq_numbers *n, pq_slice name, uint64_t hash) {
  size_t pos;
  uint32_t i = pq_table_first(&n->by_name, hash, &pos);
  while (i != PQ_TABLE_NONE && !pq_slice_eq(n->names[i], name))
    i = pq_table_next(&n->by_name, hash, &pos);
  return i;
}

static uint32_t find_sorted(const pq_numbers *n, pq_slice name) {
  uint32_t at = pq_slices_find(n->names, n->sorted_count, name);
  return at < n->sorted_count ? at : PQ_TABLE_NONE;
}

uint32_t pq_numbers_find(const pq_numbers *n, pq_slice name) {
  uint32_t at = find_sorted(n, name);
  return at != PQ_TABLE_NONE ? at : find(n, name, pq_hash(name, 0));
}

static int reserve(pq_numbers *n, uint32_t more) {
  uint32_t cap = n->cap < CAP_MIN ? CAP_MIN : n->cap;
  pq_slice *names;
  size_t len;
  if (more > UINT32_MAX / 4 - n->count)
    return pq_fail(n->cx, PQ_ELIMIT, "a graph has at most %u nodes", UINT32_MAX / 4);
  while (cap < n->count + more)
    cap *= 2;
  if (cap == n->cap) return PQ_OK;
  if (!pq_mul_size(cap, sizeof *names, &len))
    return pq_fail(n->cx, PQ_ELIMIT, "a graph of %u nodes does not fit into memory", cap);
  names = pq_alloc(n->cx, n->names, n->cap * sizeof *names, len);
  if (names == NULL) return pq_fail_nomem(n->cx);
  n->names = names;
  n->cap = cap;
  return PQ_OK;
}

/* A new number for a name whose bytes stay. */
static int append(pq_numbers *n, pq_slice name, uint64_t hash, uint32_t *out) {
  PQ_TRY(pq_table_add(&n->by_name, hash, n->count));
  n->names[n->count] = name;
  *out = n->count++;
  return PQ_OK;
}

int pq_numbers_add(pq_numbers *n, pq_slice name, uint32_t *out) {
  uint64_t hash;
  pq_slice copy;
  *out = find_sorted(n, name);
  if (*out != PQ_TABLE_NONE) return PQ_OK;
  hash = pq_hash(name, 0);
  *out = find(n, name, hash);
  if (*out != PQ_TABLE_NONE) return PQ_OK;
  PQ_TRY(reserve(n, 1));
  PQ_TRY(pq_arena_copy(&n->arena, name, &copy));
  return append(n, copy, hash, out);
}

/* Many will be looked for: those that are sorted go into the table, too. */
static int hash_sorted(pq_numbers *n) {
  pq_table all;
  int rc = PQ_OK;
  pq_table_init(&all, n->cx);
  for (uint32_t i = 0; rc == PQ_OK && i < n->count; i++)
    rc = pq_table_add(&all, pq_hash(n->names[i], 0), i);
  if (rc != PQ_OK) {
    pq_table_release(&all);
    return rc;
  }
  pq_table_release(&n->by_name);
  n->by_name = all;
  n->sorted_count = 0;
  return PQ_OK;
}

/* The first ones, if they are sorted. */
static void take_sorted(pq_numbers *n, const pq_slice *names, uint32_t count, uint32_t *out) {
  for (uint32_t i = 1; i < count; i++)
    if (pq_slice_cmp(names[i - 1], names[i]) >= 0) return;
  for (uint32_t i = 0; i < count; i++)
    out[i] = i;
  n->sorted_count = count;
}

int pq_numbers_add_all(pq_numbers *n, const pq_slice *names, uint32_t count, uint32_t *out) {
  bool is_first = n->count == 0;
  size_t len = 0, at = 0;
  uint8_t *bytes;
  PQ_TRY(reserve(n, count));
  if (n->sorted_count > 0) PQ_TRY(hash_sorted(n));
  for (uint32_t i = 0; i < count; i++)
    if (!pq_add_size(len, names[i].n, &len)) return pq_fail_nomem(n->cx);
  bytes = pq_arena_alloc(&n->arena, len);
  if (bytes == NULL) return n->cx->code;
  if (is_first) take_sorted(n, names, count, out);
  for (uint32_t i = 0; i < count; i++) {
    uint64_t hash = n->sorted_count > 0 ? 0 : pq_hash(names[i], 0);
    pq_slice copy = {bytes + at, names[i].n};
    if (n->sorted_count == 0) out[i] = find(n, names[i], hash);
    if (n->sorted_count == 0 && out[i] != PQ_TABLE_NONE) continue;
    memcpy(bytes + at, names[i].p, names[i].n);
    at += names[i].n;
    if (n->sorted_count > 0)
      n->names[n->count++] = copy;
    else
      PQ_TRY(append(n, copy, hash, &out[i]));
  }
  return PQ_OK;
}
