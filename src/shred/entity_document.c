/* shred/entity_document.c - see entity_document.h. */
#include "shred/entity_document.h"

#include <string.h>

#include "shred/entity_fields.h"

bool pq_entity_is_columnar(const pq_footer *footer) {
  return footer->leaf_count > PQ_ENTITY_META &&
         pq_slice_is(footer->leaves[PQ_ENTITY_META].path, "$_id.metadata");
}

static bool has_prefix(pq_slice text, const char *prefix) {
  size_t n = strlen(prefix);
  return text.n >= n && memcmp(text.p, prefix, n) == 0;
}

bool pq_entity_is_document_leaf(const pq_footer *footer, uint32_t leaf) {
  return leaf >= PQ_ENTITY_META && !has_prefix(footer->leaves[leaf].path, "$index_");
}

/* The field that a column is; the empty name: none. */
static pq_slice field_of(const pq_footer *footer, const pq_tree *column) {
  pq_slice name = column->name;
  if (column->leaf_count == 0 || !pq_entity_is_document_leaf(footer, column->first_leaf))
    return (pq_slice){0};
  if (pq_slice_is(name, "$_id")) return PQ_SLICE("_id");
  if (pq_slice_is(name, "_id")) return (pq_slice){0}; /* a field of the schema: $_id has it all */
  if (has_prefix(name, "$f_")) return (pq_slice){name.p + 3, name.n - 3};
  return name;
}

int pq_entity_put_document(pq_documents *d, pq_record *r, const pq_tree *root, pq_builder *b) {
  PQ_TRY(pq_builder_begin_object(b));
  for (uint32_t i = 0; i < root->child_count; i++) {
    const pq_tree *column = &root->children[i];
    pq_slice name = field_of(d->footer, column);
    if (name.n == 0) continue;
    if (pq_record_is_null(r, column)) {
      pq_record_skip(r, column);
      continue;
    }
    PQ_TRY(pq_builder_key(b, name));
    PQ_TRY(pq_documents_put(d, r, column, b));
  }
  return pq_builder_end(b);
}

typedef struct maker {
  pq_documents documents;
  pq_record record;
  pq_tree *root;
  pq_builder *builder; /* owned */
} maker;

static int start(maker *m, pq_arena *arena, const pq_file *file, const pq_column **columns) {
  PQ_TRY(pq_tree_of(arena, file->footer, &m->root));
  for (uint32_t i = 0; i < m->root->child_count; i++)
    if (field_of(file->footer, &m->root->children[i]).n > 0)
      PQ_TRY(pq_documents_check(&m->documents, &m->root->children[i]));
  PQ_TRY(pq_record_init(&m->record, arena, file->footer, m->root, columns));
  return pq_builder_new(arena->cx, &m->builder);
}

static int make_document(maker *m, pq_arena *arena, pq_value *out) {
  pq_builder_clear(m->builder);
  PQ_TRY(pq_entity_put_document(&m->documents, &m->record, m->root, m->builder));
  return pq_builder_finish(m->builder, arena, out);
}

int pq_entity_documents(pq_arena *arena, const pq_file *file, const pq_column **columns,
                        pq_entity *rows, uint32_t row_count) {
  maker m = {0};
  int rc = pq_documents_init(&m.documents, arena, file->key, file->footer);
  m.documents.is_narrow = true;
  if (rc == PQ_OK) rc = start(&m, arena, file, columns);
  for (uint32_t i = 0; i < row_count && rc == PQ_OK; i++) {
    m.documents.row = i + 1;
    rc = make_document(&m, arena, &rows[i].data);
  }
  if (rc == PQ_EINVALID) /* a name twice, or a text that is no UTF-8 */
    rc = pq_fail(arena->cx, PQ_ECORRUPT, "%s: %s", file->key, arena->cx->msg);
  pq_builder_free(m.builder);
  pq_documents_release(&m.documents);
  return rc;
}
