/* query/prune_key.c - an equality on `_id` in a keyed file (shred/key_id.h) is judged on $id.
 *
 *   _id = 5   ─►   $id = "posts/~x…"   statistics, blooms, page index, the sorted column
 *
 * An entity that has the id may lack the `_id`, so that a hit is MAYBE, and a miss is NO.
 */
#include "query/scan_int.h"
#include "shred/key_id.h"

static bool is_key_term(const pq_file *file, const pq_push *push) {
  bool is_equality = push->op == PQ_PUSH_EQ || push->op == PQ_PUSH_IN;
  return is_equality && !push->is_folded && pq_slice_is(push->path->text, "_id") &&
         pq_file_is_keyed(file->footer);
}

int pq_prune_key_term(pq_arena *scratch, const pq_scan *s, const pq_file *file,
                      const pq_push **push, bool *is_key) {
  pq_slice *ids;
  uint32_t count;
  pq_push *term;
  pq_value *operands;
  pq_cell *cells;
  *is_key = false;
  if (!is_key_term(file, *push)) return PQ_OK;
  PQ_TRY(pq_ids_of_term(scratch, s->collection, *push, &ids, &count));
  if (ids == NULL) return PQ_OK;
  term = pq_arena_alloc(scratch, sizeof *term);
  operands = pq_arena_calloc(scratch, (size_t)count + 1, sizeof *operands);
  cells = pq_arena_calloc(scratch, (size_t)count + 1, sizeof *cells);
  if (term == NULL || operands == NULL || cells == NULL) return scratch->cx->code;
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(pq_cell_string(scratch, ids[i], &cells[i], &operands[i]));
  *term = **push;
  term->op = PQ_PUSH_IN;
  term->operands = operands;
  term->operand_count = count;
  *push = term;
  *is_key = true;
  return PQ_OK;
}
