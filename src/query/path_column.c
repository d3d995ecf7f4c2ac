/* query/path_column.c - from the path of a filter to the column of a file. See prune_int.h.
 *
 *   path ─► where the file's documents have it (schema_upgrade.h) ─┬─ a system column
 *                                                                  └─ one of those that the
 *            key value parquedb.index.<path> ─► does it answer alone?  collection ever had
 */
#include <string.h>

#include "query/prune_int.h"
#include "shred/key_id.h"

enum { UUID_LEN = 16, DECIMAL_LEN = 16, DECIMAL_SCALE_MAX = 38 };

/* "<other> <null_explicit>[ <retyped>[ <unlike>]]" of a column's path (doc/formats/data.md). The
 * fourth is of the types whose cells may be unlike their values. Without it the numbers are of
 * another column of the path. */
static void read_exactness(pq_arena *scratch, const pq_footer *footer, pq_slice path,
                           pq_path_column *out) {
  char *key = pq_arena_printf(scratch, "parquedb.index.%.*s", (int)path.n, (const char *)path.p);
  pq_slice text = key == NULL ? (pq_slice){0} : pq_footer_key(footer, key);
  bool is_zero[4] = {false}, is_plain = pq_index_is_plain(out->stored);
  uint32_t count = 0;
  for (size_t i = 0; i < text.n && count < 4; count++) {
    size_t from = i;
    while (i < text.n && text.p[i] != ' ')
      i++;
    is_zero[count] = i == from + 1 && text.p[from] == '0';
    i++;
  }
  if (is_plain ? count == 4 : count != 4) count = 0;
  out->is_exact = count >= 2 && is_zero[0] && is_zero[1];
  out->is_hint = !is_plain && !(count == 4 && is_zero[3]);
  out->has_values = out->is_exact && is_zero[2] && !out->is_hint && out->stored != PQ_INDEX_DECIMAL;
}

/* Decimals are in 32 or 64 bits, or in 16 bytes. */
static bool is_decimal_leaf(const pq_leaf *leaf) {
  const pq_note *note = &leaf->note;
  if (note->kind != PQ_NOTE_DECIMAL || note->scale < 0 || note->scale > DECIMAL_SCALE_MAX)
    return false;
  return leaf->phys == PQ_PHYS_INT32 || leaf->phys == PQ_PHYS_INT64 ||
         (leaf->phys == PQ_PHYS_FIXED && leaf->type_len == DECIMAL_LEN);
}

static bool find_leaf(const pq_file *file, const char *name, pq_index_type type,
                      pq_path_column *out) {
  int at = name == NULL ? -1 : pq_footer_leaf(file->footer, name);
  const pq_leaf *leaf = at < 0 ? NULL : &file->footer->leaves[at];
  if (leaf == NULL || leaf->def_max > 1 || leaf->rep_max > 0) return false;
  if (type == PQ_INDEX_DECIMAL ? !is_decimal_leaf(leaf) : leaf->phys != pq_index_phys(type))
    return false;
  if (type == PQ_INDEX_UUID && leaf->type_len != UUID_LEN) return false;
  out->leaf = (uint32_t)at;
  out->type = pq_typed_seen(type);
  out->stored = type;
  if (type != PQ_INDEX_DECIMAL) return true;
  out->scale = (uint8_t)leaf->note.scale;
  out->is_wide = leaf->phys == PQ_PHYS_FIXED;
  return true;
}

/* A column of a schema's field may have had another type in another file. */
static bool find_column(pq_arena *scratch, const pq_file *file, const pq_index_column *c,
                        pq_path_column *out) {
  if (c->name.n == 0)
    return find_leaf(
        file, pq_arena_printf(scratch, "$index_%.*s", (int)c->path.n, (const char *)c->path.p),
        c->type, out);
  if (!find_leaf(file, pq_arena_str(scratch, c->name), c->type, out)) return false;
  return c->type == PQ_INDEX_DECIMAL || /* find_leaf has seen that it is one */
         file->footer->leaves[out->leaf].logical == pq_index_logical(c->type);
}

/* System columns whose names documents may have too; they answer where no document says otherwise,
 * and older files say of `name` only. */
static const struct system_column {
  const char *name;
  pq_index_type type;
} system_columns[] = {{"name", PQ_INDEX_STRING},      {"createdAt", PQ_INDEX_TIMESTAMP},
                      {"createdBy", PQ_INDEX_STRING}, {"updatedAt", PQ_INDEX_TIMESTAMP},
                      {"updatedBy", PQ_INDEX_STRING}, {"version", PQ_INDEX_INT64}};

static pq_slice first_part(pq_slice path) {
  const uint8_t *dot = memchr(path.p, '.', path.n);
  return (pq_slice){path.p, dot == NULL ? path.n : (size_t)(dot - path.p)};
}

bool pq_path_column_of_id(const pq_file *file, pq_path_column *out) {
  return find_leaf(file, "$id", PQ_INDEX_STRING, out);
}

/* The column of a path as the file's own documents have it. */
static bool find_path(pq_arena *scratch, const pq_scan *s, const pq_file *file, pq_slice path,
                      pq_path_column *out) {
  pq_slice first = first_part(path);
  if (s->is_plain && pq_is_system_field(first)) return false;
  if (s->shows_key && pq_slice_is(first, "_id") && pq_file_lacks_keys(file->footer)) return false;
  /* No document has names that begin with a dollar. */
  if (pq_slice_is(path, "$id") || pq_slice_is(path, "$type")) {
    out->is_exact = true;
    out->has_values = true;
    return find_leaf(file, pq_slice_is(path, "$id") ? "$id" : "$type", PQ_INDEX_STRING, out);
  }
  for (size_t i = 0; i < sizeof system_columns / sizeof *system_columns; i++) {
    if (!pq_slice_is(path, system_columns[i].name)) continue;
    read_exactness(scratch, file->footer, path, out);
    out->has_values = out->is_exact;
    return out->is_exact && find_leaf(file, system_columns[i].name, system_columns[i].type, out);
  }
  if (pq_is_system_field(first)) return false; /* the document need not have it */
  for (uint32_t i = 0; s->info != NULL && i < s->info->index_count; i++) {
    const pq_index_column *column = &s->info->index_columns[i];
    if (!pq_slice_eq(column->path, path) || !pq_index_is_pushed(column->type)) continue;
    if (!find_column(scratch, file, column, out)) continue; /* the path may have another */
    read_exactness(scratch, file->footer, path, out);
    return true;
  }
  return false;
}

/* System columns are of the entity and its document together: a move to or from their names leaves
 * neither as it was. */
int pq_path_column_find(pq_arena *scratch, const pq_scan *s, pq_prune *p, pq_slice path,
                        pq_path_column *out, bool *is_found) {
  pq_path_origin origin;
  pq_slice from;
  *out = (pq_path_column){0};
  *is_found = false;
  PQ_TRY(pq_upgrade_path(p->form, scratch, path, &from, &origin));
  if (p->has_other_names && pq_slice_is(first_part(path), "name")) origin = PQ_PATH_MADE;
  if (origin == PQ_PATH_SAME || (origin == PQ_PATH_MOVED && !pq_is_system_field(first_part(path)) &&
                                 !pq_is_system_field(first_part(from))))
    *is_found = find_path(scratch, s, p->file, from, out);
  else if (p->unpushed.n == 0)
    p->unpushed = path;
  return PQ_OK;
}
