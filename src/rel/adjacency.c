/* rel/adjacency.c - adjacency from the rows of a forward file. See adjacency.h.
 *
 *   all row groups: ask for from_id, predicate, to_id, and for the types of ends unless statistics
 *   say of which rows they are  ─►  row group by row group: columns as codes ─► the maker
 *
 * A dictionary entry of to_id is looked up when the first row has it; where a chunk has no
 * dictionary, each row is.
 */
#include "rel/adjacency_int.h"
#include "rel/edge_int.h"

enum { NOT_YET = UINT32_MAX };

/* The columns that are read, in the order of the leaves. */
typedef enum read_column { FROM, FROM_TYPE, PREDICATE, TO, TO_TYPE, READ_COLUMNS } read_column;

static const struct {
  uint32_t leaf;
  const char *path;
  bool is_optional;
} columns[READ_COLUMNS] = {{PQ_EDGE_FROM_ID, "from_id", false},
                           {PQ_EDGE_FROM_TYPE, "from_type", true},
                           {PQ_EDGE_PREDICATE, "predicate", false},
                           {PQ_EDGE_TO_ID, "to_id", false},
                           {PQ_EDGE_TO_TYPE, "to_type", true}};

typedef struct file_source {
  pq_cx *cx;
  pq_fetch *f;
  const pq_file *file;
  pq_adjacency_maker *maker;
  pq_arena group; /* of one row group */
} file_source;

static int check_columns(const file_source *s) {
  for (int c = 0; c < READ_COLUMNS; c++) {
    int leaf = pq_footer_leaf(s->file->footer, columns[c].path);
    const pq_leaf *l = leaf < 0 ? NULL : &s->file->footer->leaves[leaf];
    if (l == NULL || (uint32_t)leaf != columns[c].leaf || l->phys != PQ_PHYS_BYTES ||
        l->rep_max > 0 || l->def_max > (columns[c].is_optional ? 1u : 0u))
      return pq_fail(s->cx, PQ_ECORRUPT, "%s: column %s is not where it belongs, or another one",
                     s->file->key, columns[c].path);
  }
  return PQ_OK;
}

/* Of how many rows of a row group is the column null? UINT64_MAX: it must be read. */
static uint64_t null_count(const file_source *s, uint32_t row_group, uint32_t leaf) {
  const pq_stats *stats = &s->file->footer->row_groups[row_group].chunks[leaf].stats;
  return stats->has_null_count ? stats->null_count : UINT64_MAX;
}

/* Is each end known, or none of them? Then statistics are enough. */
static bool is_read(const file_source *s, uint32_t row_group, read_column c) {
  uint64_t nulls = null_count(s, row_group, columns[c].leaf);
  if (!columns[c].is_optional) return true;
  return nulls != 0 && nulls != s->file->footer->row_groups[row_group].row_count;
}

static int want_columns(const file_source *s) {
  bool is_missing = false;
  for (uint32_t g = 0; g < s->file->footer->row_group_count; g++) {
    for (read_column c = 0; c < READ_COLUMNS; c++) {
      int rc;
      if (!is_read(s, g, c)) continue;
      rc = pq_chunk_want(s->f, s->file, g, columns[c].leaf, NULL, NULL, 0);
      if (rc < 0) return rc;
      is_missing |= rc == PQ_NEED_IO;
    }
  }
  return is_missing ? PQ_NEED_IO : PQ_OK;
}

/* ---- one row group ---- */

/* A column of texts whose numbers are looked up once for each dictionary entry. */
typedef struct numbered_column {
  pq_column column;
  uint32_t *numbers; /* by code; NULL: no dictionary */
} numbered_column;

static int decode(file_source *s, uint32_t row_group, read_column c, pq_column *out) {
  uint64_t rows = s->file->footer->row_groups[row_group].row_count;
  *out = (pq_column){0};
  if (!is_read(s, row_group, c)) return PQ_OK;
  if (c == FROM)
    PQ_TRY(
        pq_chunk_decode(s->f, &s->group, s->file, row_group, columns[c].leaf, NULL, NULL, 0, out));
  else
    PQ_TRY(pq_chunk_decode_codes(s->f, &s->group, s->file, row_group, columns[c].leaf, NULL, NULL,
                                 0, out));
  if (out->row_count != rows)
    return pq_fail(s->cx, PQ_ECORRUPT, "%s: column %s has %u rows, not %llu", s->file->key,
                   columns[c].path, out->row_count, (unsigned long long)rows);
  return PQ_OK;
}

static int decode_numbered(file_source *s, uint32_t row_group, read_column c,
                           numbered_column *out) {
  const pq_dictionary *d;
  *out = (numbered_column){0};
  PQ_TRY(decode(s, row_group, c, &out->column));
  d = out->column.dictionary;
  if (d == NULL) return PQ_OK;
  out->numbers = pq_arena_array(&s->group, d->count, sizeof *out->numbers);
  if (out->numbers == NULL) return s->cx->code;
  for (uint32_t i = 0; i < d->count; i++)
    out->numbers[i] = NOT_YET;
  return PQ_OK;
}

static int number_at(pq_adjacency_maker *m, const numbered_column *c, uint32_t row,
                     int (*number_of)(pq_adjacency_maker *, pq_slice, uint32_t *), uint32_t *out) {
  uint32_t code;
  if (c->numbers == NULL) return number_of(m, c->column.v.bytes[row], out);
  code = c->column.v.codes[row];
  if (c->numbers[code] == NOT_YET)
    PQ_TRY(number_of(m, ((const pq_slice *)c->column.dictionary->values)[code], &c->numbers[code]));
  *out = c->numbers[code];
  return PQ_OK;
}

/* Is the end without a type? A column that was not read is null throughout or nowhere. */
static bool is_unknown(const file_source *s, uint32_t row_group, read_column c,
                       const pq_column *types, uint32_t row) {
  if (types->row_count > 0) return pq_column_is_null(types, row);
  return null_count(s, row_group, columns[c].leaf) > 0;
}

static int put_group(file_source *s, uint32_t row_group) {
  numbered_column predicate, to;
  pq_column from, from_type, to_type;
  PQ_TRY(decode(s, row_group, FROM, &from));
  PQ_TRY(decode_numbered(s, row_group, PREDICATE, &predicate));
  PQ_TRY(decode_numbered(s, row_group, TO, &to));
  PQ_TRY(decode(s, row_group, FROM_TYPE, &from_type));
  PQ_TRY(decode(s, row_group, TO_TYPE, &to_type));
  for (uint32_t row = 0; row < from.row_count; row++) {
    uint32_t p, t;
    PQ_TRY(number_at(s->maker, &predicate, row, pq_adjacency_maker_predicate, &p));
    PQ_TRY(number_at(s->maker, &to, row, pq_adjacency_maker_node, &t));
    PQ_TRY(pq_adjacency_maker_put_numbers(s->maker, from.v.bytes[row], p, t));
    if (is_unknown(s, row_group, FROM_TYPE, &from_type, row))
      pq_adjacency_maker_doubt_from(s->maker);
    if (is_unknown(s, row_group, TO_TYPE, &to_type, row)) pq_adjacency_maker_doubt(s->maker, t);
  }
  return PQ_OK;
}

static int put_groups(file_source *s) {
  const pq_footer *footer = s->file->footer;
  for (uint32_t g = 0; g < footer->row_group_count; g++) {
    if (null_count(s, g, PQ_EDGE_DATA_VALUE) != footer->row_groups[g].row_count)
      s->maker->has_data = true;
    pq_arena_clear(&s->group);
    PQ_TRY(put_group(s, g));
  }
  return PQ_OK;
}

int pq_adjacency_build(pq_fetch *f, pq_arena *scratch, const pq_file *edges, pq_arena *arena,
                       pq_adjacency *out) {
  file_source s = {.cx = scratch->cx, .f = f, .file = edges};
  int rc;
  *out = (pq_adjacency){0};
  PQ_TRY(check_columns(&s));
  if (edges->footer->leaf_count <= PQ_EDGE_DATA_VALUE)
    return pq_fail(s.cx, PQ_ECORRUPT, "%s: column data is missing", edges->key);
  if (edges->footer->row_count > INT32_MAX)
    return pq_fail(s.cx, PQ_ELIMIT, "%s: more than %d edges", edges->key, INT32_MAX);
  PQ_TRY(want_columns(&s));
  if (f->is_plan) return PQ_OK;
  PQ_TRY(pq_adjacency_maker_new(s.cx, edges->key, &s.maker));
  pq_arena_init(&s.group, s.cx, s.cx->limits.op_len_max);
  rc = put_groups(&s);
  if (rc == PQ_OK) rc = pq_adjacency_maker_finish(s.maker, arena, out);
  pq_arena_release(&s.group);
  pq_adjacency_maker_free(s.maker);
  return rc;
}
