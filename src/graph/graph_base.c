/* graph/graph_base.c - the graph of the files as of an entry.
 *
 *   forward files ─► segments, kept by name; delete files ─► bits of deleted edges
 *   data files    ─► their softly deleted rows, kept by name (statistics say that most have none)
 *                    ─► dead nodes
 *   ends without a type in a forward file: was there no such entity? ─► looked up
 *
 * An edge whose two ends are entities can only be hidden by a soft delete, as a hard one unlinks
 * it. So nodes need not be looked up, but those that were linked unseen; and all of them where the
 * log says that a replay may have left edges behind. An end in another namespace has no type
 * either, and is dead: a graph ends at the border (doc/decisions/0042).
 */
#include <string.h>

#include "base/slices.h"
#include "graph/graph_int.h"

enum { MARK_ROWS = 1 << 16, SEGMENTS_UNHELD_MAX = 32 };

static int note(int rc, bool *is_missing) {
  if (rc != PQ_NEED_IO) return rc;
  *is_missing = true;
  return PQ_OK;
}

/* ---- segments ---- */

static pq_segment *find_segment(const pq_graphs *s, pq_slice name) {
  uint64_t hash = pq_hash(name, 0);
  size_t pos;
  uint32_t i = pq_table_first(&s->segment_table, hash, &pos);
  for (; i != PQ_TABLE_NONE; i = pq_table_next(&s->segment_table, hash, &pos))
    if (pq_slice_eq(s->segments[i]->name, name)) return s->segments[i];
  return NULL;
}

/* Room for one more in an owned array of pointers. */
static int reserve(pq_cx *cx, void *items, uint32_t count, uint32_t *cap) {
  void ***owned = items, *bigger;
  uint32_t more = *cap == 0 ? 16 : *cap * 2;
  if (count < *cap) return PQ_OK;
  if (more > UINT32_MAX / 64) return pq_fail(cx, PQ_ELIMIT, "a graph of more than %u files", *cap);
  bigger = pq_alloc(cx, *owned, *cap * sizeof(void *), more * sizeof(void *));
  if (bigger == NULL) return pq_fail_nomem(cx);
  *owned = bigger;
  *cap = more;
  return PQ_OK;
}

static int keep_segment(pq_graphs *s, pq_segment *g) {
  PQ_TRY(reserve(s->cx, &s->segments, s->segment_count, &s->segment_cap));
  PQ_TRY(pq_table_add(&s->segment_table, pq_hash(g->name, 0), s->segment_count));
  g->wanted = s->pass;
  s->segments[s->segment_count++] = g;
  return PQ_OK;
}

/* Is there room for so many edges? */
static int check_room(pq_graphs *s, const pq_file_info *info) {
  uint64_t need = info->row_count * 40 + (1 << 20); /* arrays, and what they are made of */
  uint64_t left, more;
  if (pq_memory_left(s->cx) / 2 < need) pq_graphs_make_room(s);
  left = pq_memory_left(s->cx);
  if (left / 2 >= need) return PQ_OK;
  more = (need - left / 2) * 2;
  return pq_fail(
      s->cx, PQ_ELIMIT,
      "%s: a graph with its %llu edges does not fit into memory: allow at least %llu MB "
      "(--memory of the program, 'memory' of pqdb_options), or ask for single nodes with "
      "'related'",
      info->name, (unsigned long long)info->row_count,
      (unsigned long long)((s->cx->meter->max + more) >> 20) + 1);
}

/* From its segment; from its rows where there is none, or one that is too new for us. *from: the
 * one that was read. */
static int read_adjacency(const pq_view *v, pq_fetch *f, pq_arena *scratch,
                          const pq_file_info *info, pq_arena *arena, pq_adjacency *out,
                          pq_cached_file **from) {
  const pq_file_info *segment = pq_manifest_segment(v->manifest, info);
  if (segment != NULL) {
    int rc = pq_file_cache_open(v->files, f, segment, from);
    if (rc == PQ_OK)
      rc = pq_adjacency_read(f, scratch, &(*from)->file, info->row_count, arena, out);
    if (rc != PQ_EUNSUPPORTED) return rc;
  }
  PQ_TRY(pq_file_cache_open(v->files, f, info, from));
  return pq_adjacency_build(f, scratch, &(*from)->file, arena, out);
}

static int load_segment(pq_graphs *s, const pq_view *v, pq_fetch *f, pq_arena *scratch,
                        const pq_file_info *info) {
  pq_cached_file *from;
  pq_segment *g;
  int rc;
  if (find_segment(s, pq_str(info->name)) != NULL) return PQ_OK;
  PQ_TRY(check_room(s, info));
  PQ_TRY(pq_segment_new(s, pq_str(info->name), &g));
  rc = read_adjacency(v, f, scratch, info, &g->arena, &g->adjacency, &from);
  if (rc == PQ_OK) rc = pq_segment_make(s, g, scratch);
  if (rc == PQ_OK) rc = keep_segment(s, g);
  if (rc != PQ_OK) pq_segment_free(g);
  return rc;
}

/* ---- softly deleted rows ---- */

static void free_dead_rows(pq_dead_rows *d) {
  pq_cx *cx = d->arena.cx;
  pq_arena_release(&d->arena);
  pq_alloc(cx, d, sizeof *d, 0);
}

static pq_dead_rows *find_dead_rows(const pq_graphs *s, pq_slice name) {
  uint64_t hash = pq_hash(name, 0);
  size_t pos;
  uint32_t i = pq_table_first(&s->dead_rows_table, hash, &pos);
  for (; i != PQ_TABLE_NONE; i = pq_table_next(&s->dead_rows_table, hash, &pos))
    if (pq_slice_eq(s->dead_rows[i]->name, name)) return s->dead_rows[i];
  return NULL;
}

/* May a row of the group have true there? Statistics prove that none has. */
static bool may_have_true(const pq_file *file, uint32_t row_group, int leaf) {
  const pq_stats *s = &file->footer->row_groups[row_group].chunks[leaf].stats;
  return !(s->has_max && s->max.n == 1 && s->max.p[0] == 0);
}

static int add_dead_row(pq_dead_rows *d, uint32_t *cap, pq_slice id, uint64_t row) {
  if (d->count == *cap) {
    uint32_t more = *cap == 0 ? 16 : *cap * 2;
    uint64_t *rows = pq_arena_array(&d->arena, more, sizeof *rows);
    pq_slice *ids = pq_arena_array(&d->arena, more, sizeof *ids);
    if (rows == NULL || ids == NULL) return d->arena.cx->code;
    if (d->count > 0) {
      memcpy(rows, d->rows, d->count * sizeof *rows);
      memcpy(ids, d->ids, d->count * sizeof *ids);
    }
    d->rows = rows;
    d->ids = ids;
    *cap = more;
  }
  PQ_TRY(pq_arena_copy(&d->arena, id, &d->ids[d->count]));
  d->rows[d->count++] = row;
  return PQ_OK;
}

static int read_dead_rows(pq_fetch *f, pq_arena *scratch, const pq_file *file, pq_dead_rows *d) {
  int leaf = pq_footer_leaf(file->footer, "deleted");
  unsigned want = PQ_WANT_ID | PQ_WANT_DELETED;
  bool is_missing = false;
  uint32_t cap = 0;
  if (leaf < 0) return pq_fail(scratch->cx, PQ_ECORRUPT, "%s: no column deleted", file->key);
  for (uint32_t g = 0; g < file->footer->row_group_count; g++)
    if (may_have_true(file, g, leaf))
      PQ_TRY(note(pq_entity_rows_want(f, file, g, want, NULL, 0, scratch), &is_missing));
  if (is_missing) return PQ_NEED_IO;
  for (uint32_t g = 0; g < file->footer->row_group_count; g++) {
    pq_entity_rows rows;
    if (!may_have_true(file, g, leaf)) continue;
    PQ_TRY(pq_entity_rows_read(f, scratch, file, g, want, NULL, 0, &rows));
    for (uint32_t i = 0; i < rows.count; i++)
      if (rows.rows[i].is_deleted)
        PQ_TRY(add_dead_row(d, &cap, rows.rows[i].id, file->footer->row_groups[g].first_row + i));
  }
  return PQ_OK;
}

static int keep_dead_rows(pq_graphs *s, pq_dead_rows *d) {
  PQ_TRY(reserve(s->cx, &s->dead_rows, s->dead_rows_count, &s->dead_rows_cap));
  PQ_TRY(pq_table_add(&s->dead_rows_table, pq_hash(d->name, 0), s->dead_rows_count));
  d->wanted = s->pass;
  s->dead_rows[s->dead_rows_count++] = d;
  return PQ_OK;
}

static int load_dead_rows(pq_graphs *s, const pq_view *v, pq_fetch *f, pq_arena *scratch,
                          const pq_file_info *info) {
  pq_cached_file *file;
  pq_dead_rows *d;
  int rc;
  if (find_dead_rows(s, pq_str(info->name)) != NULL) return PQ_OK;
  PQ_TRY(pq_file_cache_open(v->files, f, info, &file));
  d = pq_alloc(s->cx, NULL, 0, sizeof *d);
  if (d == NULL) return pq_fail_nomem(s->cx);
  *d = (pq_dead_rows){0};
  pq_arena_init(&d->arena, s->cx, UINT64_MAX / 2);
  rc = pq_arena_copy(&d->arena, pq_str(info->name), &d->name);
  if (rc == PQ_OK) rc = read_dead_rows(f, scratch, &file->file, d);
  if (rc == PQ_OK) rc = keep_dead_rows(s, d);
  if (rc != PQ_OK) free_dead_rows(d);
  return rc;
}

/* ---- what loading costs ---- */

/* Ends without a type, at most: of an edge file rows without one; of a segment its nodes, unless
 * statistics say that none is in doubt. */
static uint64_t doubts_of(const pq_file *file) {
  static const char *const types[] = {"from_type", "to_type"};
  const pq_footer *footer = file->footer;
  int doubt = pq_footer_leaf(footer, "doubt");
  uint64_t count = 0;
  for (uint32_t g = 0; g < footer->row_group_count; g++) {
    const pq_row_group *group = &footer->row_groups[g];
    for (int i = 0; i < 2 && doubt < 0; i++) {
      int leaf = pq_footer_leaf(footer, types[i]);
      const pq_stats *s = leaf < 0 ? NULL : &group->chunks[leaf].stats;
      if (s != NULL) count += s->has_null_count ? s->null_count : group->row_count;
    }
    if (doubt >= 0 && may_have_true(file, g, doubt)) count += group->row_count;
  }
  return count;
}

static int plan_forward(const pq_view *v, pq_fetch *f, pq_arena *scratch, const pq_file_info *info,
                        uint64_t *doubts) {
  pq_cached_file *from;
  pq_adjacency a;
  PQ_TRY(read_adjacency(v, f, scratch, info, scratch, &a, &from));
  *doubts += doubts_of(&from->file);
  return PQ_OK;
}

static int plan_data(const pq_view *v, pq_fetch *f, pq_arena *scratch, const pq_file_info *info) {
  pq_cached_file *file;
  int leaf;
  PQ_TRY(pq_file_cache_open(v->files, f, info, &file));
  leaf = pq_footer_leaf(file->file.footer, "deleted");
  for (uint32_t g = 0; leaf >= 0 && g < file->file.footer->row_group_count; g++)
    if (may_have_true(&file->file, g, leaf))
      PQ_TRY(
          pq_entity_rows_want(f, &file->file, g, PQ_WANT_ID | PQ_WANT_DELETED, NULL, 0, scratch));
  return PQ_OK;
}

/* Keys of the tail, edges among them. */
static uint64_t tail_keys(const pq_view *v) {
  uint64_t count = v->own == NULL ? 0 : v->own->key_count;
  return count + (v->overlay == NULL || v->overlay == v->own ? 0 : v->overlay->key_count);
}

int pq_graph_cost(const pq_view *v, pq_fetch *f, pq_arena *scratch, uint64_t *edges,
                  uint64_t *doubts) {
  uint64_t requests = f->stat_requests, bytes = f->stat_bytes;
  bool is_missing = false;
  int rc = PQ_OK;
  *edges = *doubts = 0;
  f->is_plan = true;
  for (uint32_t i = 0; i < v->manifest->file_count && rc == PQ_OK; i++) {
    const pq_file_info *info = &v->manifest->files[i];
    if (!pq_view_has_file(v, info)) continue;
    if (info->kind == PQ_FILE_FORWARD) {
      *edges += info->row_count;
      rc = note(plan_forward(v, f, scratch, info, doubts), &is_missing);
    }
    if (info->kind == PQ_FILE_DATA) rc = note(plan_data(v, f, scratch, info), &is_missing);
  }
  f->is_plan = false;
  f->kept_requests += f->stat_requests - requests; /* footers */
  f->kept_bytes += f->stat_bytes - bytes;
  if (rc == PQ_OK && is_missing) rc = PQ_NEED_IO;
  pq_fetch_note_round(f, rc == PQ_NEED_IO);
  if (v->overlay != NULL && v->overlay != v->own) *doubts += pq_graph_tail_doubts(v->overlay);
  if (v->own != NULL) *doubts += pq_graph_tail_doubts(v->own);
  if (v->manifest->is_loose) *doubts = 2 * (*edges + tail_keys(v));
  return rc;
}

/* ---- the base ---- */

/* What is there and needed must not go while the rest is loaded. */
static void want_files(pq_graphs *s, const pq_view *v) {
  s->pass++;
  for (uint32_t i = 0; i < v->manifest->file_count; i++) {
    const pq_file_info *info = &v->manifest->files[i];
    pq_segment *g = NULL;
    pq_dead_rows *d = NULL;
    if (!pq_view_has_file(v, info)) continue;
    if (info->kind == PQ_FILE_FORWARD) g = find_segment(s, pq_str(info->name));
    if (info->kind == PQ_FILE_DATA) d = find_dead_rows(s, pq_str(info->name));
    if (g != NULL) g->wanted = s->pass;
    if (d != NULL) d->wanted = s->pass;
  }
}

static int load_files(pq_graphs *s, const pq_view *v, pq_fetch *f, pq_arena *scratch) {
  bool is_missing = false;
  want_files(s, v);
  for (uint32_t i = 0; i < v->manifest->file_count; i++) {
    const pq_file_info *info = &v->manifest->files[i];
    if (!pq_view_has_file(v, info)) continue;
    if (info->kind == PQ_FILE_FORWARD)
      PQ_TRY(note(load_segment(s, v, f, scratch, info), &is_missing));
    if (info->kind == PQ_FILE_DATA)
      PQ_TRY(note(load_dead_rows(s, v, f, scratch, info), &is_missing));
  }
  return is_missing ? PQ_NEED_IO : PQ_OK;
}

static int mark_deleted(pq_graph_base *b, const pq_view *v, pq_arena *scratch, uint32_t at) {
  const pq_segment *g = b->segments[at];
  uint8_t *hidden;
  uint64_t *bits;
  if (!pq_view_hides_rows(v, g->name)) return PQ_OK;
  hidden = pq_arena_alloc(scratch, MARK_ROWS);
  bits = pq_arena_calloc(&b->arena, pq_bits_len(g->adjacency.edge_count), sizeof *bits);
  if (hidden == NULL || bits == NULL) return b->s->cx->code;
  for (uint32_t from = 0; from < g->adjacency.edge_count; from += MARK_ROWS) {
    uint32_t n =
        g->adjacency.edge_count - from < MARK_ROWS ? g->adjacency.edge_count - from : MARK_ROWS;
    memset(hidden, 0, n);
    pq_view_mark_deleted(v, g->name, from, n, hidden);
    for (uint32_t i = 0; i < n; i++)
      if (hidden[i]) pq_bit_set(bits, from + i);
  }
  b->deleted[at] = bits;
  return PQ_OK;
}

static int take_segments(pq_graph_base *b, const pq_view *v, pq_arena *scratch) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < v->manifest->file_count; i++)
    count += v->manifest->files[i].kind == PQ_FILE_FORWARD &&
             pq_view_has_file(v, &v->manifest->files[i]);
  b->segments = pq_arena_calloc(&b->arena, count, sizeof(pq_segment *));
  b->deleted = pq_arena_calloc(&b->arena, count, sizeof(uint64_t *));
  b->first_edge = pq_arena_calloc(&b->arena, (size_t)count + 1, sizeof *b->first_edge);
  if (b->segments == NULL || b->deleted == NULL || b->first_edge == NULL) return b->s->cx->code;
  for (uint32_t i = 0; i < v->manifest->file_count; i++) {
    const pq_file_info *info = &v->manifest->files[i];
    uint32_t at = b->segment_count;
    if (info->kind != PQ_FILE_FORWARD || !pq_view_has_file(v, info)) continue;
    b->segments[at] = find_segment(b->s, pq_str(info->name));
    pq_assert(b->segments[at] != NULL);
    b->segments[at]->base_count++;
    b->segment_count++;
    if (b->segments[at]->adjacency.edge_count > UINT32_MAX / 4 - b->first_edge[at])
      return pq_fail(b->s->cx, PQ_ELIMIT, "a graph of more than %u edges", UINT32_MAX / 4);
    b->first_edge[at + 1] = b->first_edge[at] + b->segments[at]->adjacency.edge_count;
    PQ_TRY(mark_deleted(b, v, scratch, at));
  }
  return PQ_OK;
}

static int grow_bits(pq_cx *cx, uint64_t **bits, uint32_t old_cap, uint32_t cap) {
  size_t old_len = pq_bits_len(old_cap) * sizeof **bits, len = pq_bits_len(cap) * sizeof **bits;
  uint64_t *bigger = pq_alloc(cx, *bits, old_len, len);
  if (bigger == NULL) return pq_fail_nomem(cx);
  memset((uint8_t *)bigger + old_len, 0, len - old_len);
  *bits = bigger;
  return PQ_OK;
}

/* Room for the bits of all nodes. */
static int reserve_nodes(pq_graph_base *b) {
  uint32_t cap = (b->s->nodes.count + 64) / 64 * 64;
  if (b->s->nodes.count <= b->node_cap && b->node_cap > 0) return PQ_OK;
  if (cap < b->node_cap + b->node_cap / 2) cap = (b->node_cap + b->node_cap / 2) / 64 * 64;
  /* one grown and the other not is no harm: both are asked up to node_cap */
  if (b->spare_cap < cap) {
    PQ_TRY(grow_bits(b->s->cx, &b->dead, b->spare_cap, cap));
    b->spare_cap = cap;
  }
  PQ_TRY(grow_bits(b->s->cx, &b->checked, b->node_cap, cap));
  b->node_cap = cap;
  return PQ_OK;
}

static void set_dead(pq_graph_base *b, uint32_t node) {
  b->dead_count += !pq_bit_at(b->dead, node);
  pq_bit_set(b->dead, node);
}

static int mark_dead(pq_graph_base *b, const pq_view *v) {
  PQ_TRY(reserve_nodes(b));
  for (uint32_t i = 0; i < v->manifest->file_count; i++) {
    const pq_file_info *info = &v->manifest->files[i];
    const pq_dead_rows *d;
    if (info->kind != PQ_FILE_DATA || !pq_view_has_file(v, info)) continue;
    d = find_dead_rows(b->s, pq_str(info->name));
    pq_assert(d != NULL);
    for (uint32_t k = 0; k < d->count; k++) {
      uint32_t node = pq_numbers_find(&b->s->nodes, d->ids[k]);
      if (node != PQ_NO_NODE && !pq_view_is_deleted(v, d->name, d->rows[k])) set_dead(b, node);
    }
  }
  return PQ_OK;
}

/* Segments that no base holds go when they are many. */
static void trim_segments(pq_graphs *s) {
  uint32_t unheld = 0;
  for (uint32_t i = 0; i < s->segment_count; i++)
    unheld += s->segments[i]->base_count == 0;
  if (unheld > SEGMENTS_UNHELD_MAX) pq_graphs_trim(s);
}

static int make_base(pq_graphs *s, const pq_view *v, pq_arena *scratch, pq_graph_base **out) {
  pq_graph_base *b = pq_alloc(s->cx, NULL, 0, sizeof *b);
  int rc;
  *out = NULL;
  if (b == NULL) return pq_fail_nomem(s->cx);
  *b = (pq_graph_base){.s = s, .entry = v->entry, .pending_to = v->pending_to};
  pq_arena_init(&b->arena, s->cx, UINT64_MAX / 2);
  rc = take_segments(b, v, scratch);
  if (rc == PQ_OK) rc = mark_dead(b, v);
  if (rc != PQ_OK) {
    pq_base_free(b);
    return rc;
  }
  *out = b;
  return PQ_OK;
}

int pq_base_of(pq_graphs *s, pq_graph_base **out) {
  pq_graph_base *b = pq_alloc(s->cx, NULL, 0, sizeof *b);
  pq_segment *g;
  *out = NULL;
  if (b == NULL) return pq_fail_nomem(s->cx);
  *b = (pq_graph_base){.s = s, .next = s->bases};
  pq_arena_init(&b->arena, s->cx, UINT64_MAX / 2);
  s->bases = b;
  b->segments = pq_arena_calloc(&b->arena, 1, sizeof(pq_segment *));
  b->deleted = pq_arena_calloc(&b->arena, 1, sizeof(uint64_t *));
  b->first_edge = pq_arena_calloc(&b->arena, 2, sizeof *b->first_edge);
  if (b->segments == NULL || b->deleted == NULL || b->first_edge == NULL) return s->cx->code;
  PQ_TRY(pq_segment_new(s, PQ_SLICE("memory"), &g));
  if (keep_segment(s, g) != PQ_OK) {
    pq_segment_free(g);
    return s->cx->code;
  }
  g->base_count++;
  b->segments[b->segment_count++] = g;
  *out = b;
  return PQ_OK;
}

void pq_base_free(pq_graph_base *b) {
  pq_cx *cx = b->s->cx;
  for (uint32_t i = 0; i < b->segment_count; i++)
    b->segments[i]->base_count--;
  pq_alloc(cx, b->dead, pq_bits_len(b->spare_cap) * sizeof *b->dead, 0);
  pq_alloc(cx, b->checked, pq_bits_len(b->node_cap) * sizeof *b->checked, 0);
  pq_arena_release(&b->arena);
  pq_alloc(cx, b, sizeof *b, 0);
}

/* The graph ends at the border of its namespace: what is beyond it is no entity of it. */
static void close_border(pq_graph_base *b, const uint32_t *nodes, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    if (pq_bit_at(b->checked, nodes[i]) || !pq_id_is_foreign(b->s->nodes.names[nodes[i]])) continue;
    pq_bit_set(b->checked, nodes[i]);
    set_dead(b, nodes[i]);
  }
}

int pq_base_check(pq_graph_base *b, const pq_view *v, pq_fetch *f, pq_arena *scratch,
                  const uint32_t *nodes, uint32_t count) {
  pq_slice *ids;
  pq_location *at;
  pq_entity *rows;
  uint32_t n = 0;
  PQ_TRY(reserve_nodes(b));
  close_border(b, nodes, count);
  for (uint32_t i = 0; i < count; i++)
    n += !pq_bit_at(b->checked, nodes[i]);
  if (n == 0) return PQ_OK;
  ids = pq_arena_calloc(scratch, n, sizeof *ids);
  at = pq_arena_calloc(scratch, n, sizeof *at);
  rows = pq_arena_calloc(scratch, n, sizeof *rows);
  if (ids == NULL || at == NULL || rows == NULL) return b->s->cx->code;
  n = 0;
  for (uint32_t i = 0; i < count; i++)
    if (!pq_bit_at(b->checked, nodes[i])) ids[n++] = b->s->nodes.names[nodes[i]];
  PQ_TRY(pq_slices_sort(b->s->cx, ids, &n));
  PQ_TRY(pq_view_locate(v, f, scratch, ids, n, true, at));
  PQ_TRY(pq_view_read(v, f, scratch, at, n, PQ_WANT_ID | PQ_WANT_DELETED, rows, NULL));
  for (uint32_t i = 0; i < n; i++) {
    uint32_t node = pq_numbers_find(&b->s->nodes, ids[i]);
    pq_bit_set(b->checked, node);
    if (rows[i].id.p == NULL || rows[i].is_deleted) set_dead(b, node);
  }
  return PQ_OK;
}

static pq_graph_base *find_base(const pq_graphs *s, const pq_view *v) {
  pq_graph_base *b = s->bases;
  while (b != NULL && (b->entry != v->entry || b->pending_to != v->pending_to))
    b = b->next;
  return b;
}

int pq_base_check_all(pq_graph_base *b, const pq_view *v, pq_fetch *f, pq_arena *scratch) {
  uint32_t n = b->s->nodes.count - b->checked_to;
  uint32_t *nodes = pq_arena_array(scratch, n, sizeof *nodes);
  if (nodes == NULL) return b->s->cx->code;
  for (uint32_t i = 0; i < n; i++)
    nodes[i] = b->checked_to + i;
  PQ_TRY(pq_base_check(b, v, f, scratch, nodes, n));
  b->checked_to += n;
  return PQ_OK;
}

int pq_base_open(pq_graphs *s, const pq_view *v, pq_fetch *f, pq_arena *scratch,
                 pq_graph_base **out) {
  pq_graph_base *b = find_base(s, v);
  *out = NULL;
  if (b == NULL) {
    PQ_TRY(load_files(s, v, f, scratch));
    PQ_TRY(make_base(s, v, scratch, &b));
    b->next = s->bases;
    s->bases = b;
    trim_segments(s);
  }
  for (uint32_t i = 0; i < b->segment_count && !b->is_checked; i++)
    PQ_TRY(pq_base_check(b, v, f, scratch, b->segments[i]->doubts, b->segments[i]->doubt_count));
  b->is_checked = true;
  *out = b;
  return PQ_OK;
}

bool pq_base_is_warm(const pq_graphs *s, const pq_view *v) {
  if (find_base(s, v) != NULL) return true;
  for (uint32_t i = 0; i < v->manifest->file_count; i++) {
    const pq_file_info *info = &v->manifest->files[i];
    if (!pq_view_has_file(v, info)) continue;
    if (info->kind == PQ_FILE_FORWARD && find_segment(s, pq_str(info->name)) == NULL) return false;
    if (info->kind == PQ_FILE_DATA && find_dead_rows(s, pq_str(info->name)) == NULL) return false;
  }
  return true;
}

/* ---- memory ---- */

/* The tables had room for all that stays. */
static void keep_name(pq_table *t, pq_slice name, uint32_t index) {
  int rc = pq_table_add(t, pq_hash(name, 0), index);
  pq_assert(rc == PQ_OK);
}

void pq_graphs_trim(pq_graphs *s) {
  uint32_t n = 0;
  pq_table_clear(&s->segment_table);
  for (uint32_t i = 0; i < s->segment_count; i++) {
    pq_segment *g = s->segments[i];
    if (g->base_count == 0 && g->wanted != s->pass) {
      pq_segment_free(g);
      continue;
    }
    keep_name(&s->segment_table, g->name, n);
    s->segments[n++] = g;
  }
  s->segment_count = n;
  n = 0;
  pq_table_clear(&s->dead_rows_table);
  for (uint32_t i = 0; i < s->dead_rows_count; i++) {
    pq_dead_rows *d = s->dead_rows[i];
    if (d->wanted != s->pass) {
      free_dead_rows(d);
      continue;
    }
    keep_name(&s->dead_rows_table, d->name, n);
    s->dead_rows[n++] = d;
  }
  s->dead_rows_count = n;
}
