/* query/scan_type.c - a filter that fixes `$type`: files that have entities of other types only.
 *
 *   {"$type": "Draft", …}      the log's record of a file: "types": ["Post"]  ─► not opened
 *
 * The types are a list, not a filter of bits: a file has few, and a list is never wrong.
 */
#include "query/scan_int.h"
#include "table/file_bloom.h"

/* The term that every match satisfies and that fixes the type. Nested as deep as the filter. */
static const pq_push *find_term(const pq_push *push) {
  const pq_push *found = NULL;
  bool is_equality = push->op == PQ_PUSH_EQ || push->op == PQ_PUSH_IN;
  if (push->kind == PQ_PUSH_AND)
    for (uint32_t i = 0; i < push->kid_count && found == NULL; i++)
      found = find_term(&push->kids[i]);
  if (push->kind != PQ_PUSH_TERM || !is_equality || push->is_folded) return found;
  return pq_slice_is(push->path->text, "$type") ? push : NULL;
}

int pq_window_types(pq_window *w) {
  const pq_push *term = w->s->is_plain || w->filter == NULL ? NULL : find_term(w->filter);
  pq_slice *types;
  w->types = NULL;
  w->type_count = 0;
  if (term == NULL) return PQ_OK;
  types = pq_arena_calloc(w->scratch, term->operand_count, sizeof *types);
  if (types == NULL) return w->scratch->cx->code;
  for (uint32_t i = 0; i < term->operand_count; i++)
    if (pq_value_string(term->operands[i], &types[w->type_count])) w->type_count++;
  w->types = types;
  return PQ_OK;
}

bool pq_window_skips(const pq_window *w, uint32_t file) {
  const pq_manifest *m = w->s->view->manifest;
  return w->types != NULL && file < m->file_count &&
         !pq_file_may_have_type(&m->files[file], w->types, w->type_count);
}

uint32_t pq_window_next_file(const pq_window *w, uint32_t file) {
  file = pq_scan_next_file(w->s, file);
  while (pq_window_skips(w, file))
    file = pq_scan_next_file(w->s, file + 1);
  return file;
}
