/* graph/edge_columns.c - a number of each edge. See edge_columns.h.
 *
 *   graph ─► sets: path ─► a column of each segment, held ─► row groups read so far ─► values
 */
#include "graph/edge_columns.h"

#include <math.h>
#include <string.h>

#include "graph/graph_int.h"

enum { COLUMNS_MAX = 4, READ_AT_ONCE = 4 << 20, FILES_AT_ONCE = 64 };

/* ---- columns ---- */

static void free_column(pq_edge_column *c) {
  pq_cx *cx = c->arena.cx;
  pq_arena_release(&c->arena);
  pq_alloc(cx, c, sizeof *c, 0);
}

static pq_edge_column *find_column(const pq_segment *g, pq_slice path) {
  pq_edge_column *c = g->columns;
  while (c != NULL && !pq_slice_eq(c->path, path))
    c = c->next;
  return c;
}

void pq_segment_drop_columns(pq_segment *g) {
  pq_edge_column **at = &g->columns;
  while (*at != NULL) {
    pq_edge_column *c = *at;
    if (c->holder_count > 0) {
      at = &c->next;
      continue;
    }
    *at = c->next;
    free_column(c);
  }
}

void pq_graphs_drop_columns(pq_graphs *s) {
  for (uint32_t i = 0; i < s->segment_count; i++)
    pq_segment_drop_columns(s->segments[i]);
}

/* Of those that nobody holds the one that was not asked for longest goes, if they are many. */
static void trim_columns(pq_segment *g) {
  pq_edge_column **oldest = NULL;
  uint32_t count = 0;
  for (pq_edge_column **at = &g->columns; *at != NULL; at = &(*at)->next, count++)
    if ((*at)->holder_count == 0 && (oldest == NULL || (*at)->used < (*oldest)->used)) oldest = at;
  if (count >= COLUMNS_MAX && oldest != NULL) {
    pq_edge_column *c = *oldest;
    *oldest = c->next;
    free_column(c);
  }
}

static int new_column(pq_graphs *s, pq_segment *g, pq_slice path, pq_edge_column **out) {
  uint32_t count = g->adjacency.edge_count;
  pq_edge_column *c;
  *out = NULL;
  trim_columns(g);
  if (pq_memory_left(s->cx) / 2 < (uint64_t)count * sizeof *c->values) pq_graphs_drop_columns(s);
  c = pq_alloc(s->cx, NULL, 0, sizeof *c);
  if (c == NULL) return pq_fail_nomem(s->cx);
  *c = (pq_edge_column){.next = g->columns};
  pq_arena_init(&c->arena, s->cx, UINT64_MAX / 2);
  c->values = pq_arena_array(&c->arena, (size_t)count + 1, sizeof *c->values);
  if (c->values == NULL || pq_arena_copy(&c->arena, path, &c->path) != PQ_OK) {
    free_column(c);
    return s->cx->code;
  }
  g->columns = c;
  *out = c;
  return PQ_OK;
}

/* ---- those of a graph ---- */

static pq_column_set *find_set(const pq_graph *g, pq_slice path) {
  pq_column_set *set = g->column_sets;
  while (set != NULL && !pq_slice_eq(set->path, path))
    set = set->next;
  return set;
}

static void release_set(const pq_graph *g, pq_column_set *set) {
  for (uint32_t i = 0; i < g->base->segment_count; i++)
    if (set->columns[i] != NULL) set->columns[i]->holder_count--;
}

static int open_set(pq_graph *g, pq_slice path, pq_column_set **out) {
  const pq_graph_base *b = g->base;
  pq_column_set *set = find_set(g, path);
  *out = set;
  if (set != NULL) return PQ_OK;
  set = pq_arena_calloc(&g->sets_arena, 1, sizeof *set);
  if (set == NULL) return g->s->cx->code;
  set->columns = pq_arena_calloc(&g->sets_arena, b->segment_count, sizeof *set->columns);
  if (set->columns == NULL) return g->s->cx->code;
  PQ_TRY(pq_arena_copy(&g->sets_arena, path, &set->path));
  for (uint32_t i = 0; i < b->segment_count; i++) {
    pq_edge_column *c = find_column(b->segments[i], path);
    if (c == NULL && new_column(g->s, b->segments[i], path, &c) != PQ_OK) {
      release_set(g, set);
      return g->s->cx->code;
    }
    c->holder_count++;
    c->used = ++g->s->clock;
    set->columns[i] = c;
  }
  set->next = g->column_sets;
  g->column_sets = set;
  *out = set;
  return PQ_OK;
}

void pq_graph_drop_sets(pq_graph *g) {
  for (pq_column_set *set = g->column_sets; set != NULL; set = set->next)
    release_set(g, set);
  g->column_sets = NULL;
  pq_arena_release(&g->sets_arena);
  pq_arena_init(&g->sets_arena, g->s->cx, UINT64_MAX / 2);
}

/* ---- reading ---- */

/* A row group to be read, of a column. */
typedef struct group_want {
  pq_edge_column *column;
  const pq_file *file;
  uint32_t group, edge_count;
  struct group_want *next;
} group_want;

typedef struct column_reader {
  const pq_graph *g;
  pq_fetch *f;
  pq_arena *scratch;
  const pq_path *path;
  group_want *wants, **last;
  uint64_t len; /* bytes of them in their files */
  uint32_t file_count;
  bool is_missing, is_all;
} column_reader;

static int want_group(column_reader *r, group_want proto) {
  group_want *want = pq_arena_alloc(r->scratch, sizeof *want);
  int rc;
  if (want == NULL) return r->scratch->cx->code;
  *want = proto;
  *r->last = want;
  r->last = &want->next;
  r->len += pq_edge_numbers_len(want->file, want->group, r->path);
  rc = pq_edge_numbers_want(r->f, want->file, want->group, r->path);
  if (rc < 0) return rc;
  r->is_missing |= rc == PQ_NEED_IO;
  return PQ_OK;
}

/* Ask for row groups of a segment, up to what is read at once. */
static int want_segment(column_reader *r, const pq_segment *segment, pq_edge_column *column) {
  const pq_graph *g = r->g;
  const pq_file_info *info = pq_manifest_file(g->manifest, segment->name);
  uint32_t at = column->group_count, end;
  pq_cached_file *file;
  int rc;
  if (info == NULL)
    return pq_fail(g->s->cx, PQ_ECORRUPT, "%.*s: the log has lost it", (int)segment->name.n,
                   (const char *)segment->name.p);
  rc = pq_file_cache_open(g->files, r->f, info, &file);
  if (rc < 0) return rc;
  r->file_count++;
  r->is_missing |= rc == PQ_NEED_IO;
  if (rc == PQ_NEED_IO) return PQ_OK;
  end = file->file.footer->row_group_count;
  column->is_whole = at == end;
  for (; at < end && r->len < READ_AT_ONCE; at++)
    PQ_TRY(want_group(r, (group_want){.column = column,
                                      .file = &file->file,
                                      .group = at,
                                      .edge_count = segment->adjacency.edge_count}));
  r->is_all &= at == end;
  return PQ_OK;
}

static bool has_negative(const double *values, uint64_t count) {
  bool has = false;
  for (uint64_t i = 0; i < count; i++)
    has |= values[i] < 0;
  return has;
}

static int read_group(const column_reader *r, pq_arena *arena, const group_want *want) {
  const pq_row_group *group = &want->file->footer->row_groups[want->group];
  bool is_last = want->group + 1 == want->file->footer->row_group_count;
  bool fits = group->first_row <= want->edge_count &&
              group->row_count <= want->edge_count - group->first_row &&
              (!is_last || group->row_count == want->edge_count - group->first_row);
  if (!fits)
    return pq_fail(r->f->cx, PQ_ECORRUPT, "%s: its segment has another number of edges",
                   want->file->key);
  pq_arena_clear(arena);
  PQ_TRY(pq_edge_numbers_read(r->f, arena, want->file, want->group, r->path,
                              want->column->values + group->first_row));
  want->column->has_negative |=
      has_negative(want->column->values + group->first_row, group->row_count);
  want->column->group_count = want->group + 1;
  want->column->is_whole = is_last;
  return PQ_OK;
}

/* One after the other, so that only one is in memory. */
static int read_wants(const column_reader *r) {
  pq_arena arena;
  int rc = PQ_OK;
  pq_arena_init(&arena, r->f->cx, r->f->cx->limits.op_len_max);
  for (const group_want *want = r->wants; want != NULL && rc == PQ_OK; want = want->next)
    rc = read_group(r, &arena, want);
  pq_arena_release(&arena);
  return rc;
}

int pq_graph_numbers_read(pq_graph *g, pq_fetch *f, pq_arena *scratch, const pq_path *path,
                          bool *is_done) {
  const pq_graph_base *b = g->base;
  column_reader r = {.g = g, .f = f, .scratch = scratch, .path = path, .is_all = true};
  pq_column_set *set;
  *is_done = false;
  PQ_TRY(open_set(g, path->text, &set));
  r.last = &r.wants;
  for (uint32_t i = 0; i < b->segment_count; i++) {
    if (set->columns[i]->is_whole) continue;
    if (r.len >= READ_AT_ONCE || r.file_count == FILES_AT_ONCE) {
      r.is_all = false;
      break;
    }
    PQ_TRY(want_segment(&r, b->segments[i], set->columns[i]));
  }
  if (r.is_missing) return PQ_NEED_IO;
  PQ_TRY(read_wants(&r));
  *is_done = r.is_all;
  return PQ_OK;
}

/* ---- all in one ---- */

static void take_tail(const pq_graph *g, const pq_graph_tail *t, uint32_t count,
                      const pq_path *path, double *out) {
  for (uint32_t key = 0; key < count; key++) {
    const pq_event *e = t->keys[key].from == PQ_NO_NODE ? NULL : pq_graph_event(g, t, key);
    pq_edge edge;
    out[key] = e != NULL && pq_event_edge(e, &edge) ? pq_edge_number(&edge, path) : NAN;
  }
}

int pq_graph_numbers(const pq_graph *g, pq_arena *arena, const pq_path *path, const double **out,
                     bool *has_any_negative) {
  const pq_graph_base *b = g->base;
  const pq_column_set *set = find_set(g, path->text);
  double *all;
  *out = NULL;
  *has_any_negative = false;
  pq_assert(set != NULL);
  for (uint32_t i = 0; i < b->segment_count; i++)
    *has_any_negative |= set->columns[i]->has_negative;
  if (b->segment_count == 1 && g->edge_count == g->tail_first) {
    *out = set->columns[0]->values;
    return PQ_OK;
  }
  all = pq_arena_array(arena, (size_t)g->edge_count + 1, sizeof *all);
  if (all == NULL) return arena->cx->code;
  for (uint32_t i = 0; i < b->segment_count; i++)
    memcpy(all + b->first_edge[i], set->columns[i]->values,
           (b->first_edge[i + 1] - b->first_edge[i]) * sizeof *all);
  if (g->tail != NULL)
    take_tail(g, g->tail, g->own_first - g->tail_first, path, all + g->tail_first);
  if (g->own != NULL) take_tail(g, g->own, g->edge_count - g->own_first, path, all + g->own_first);
  *has_any_negative |= has_negative(all + g->tail_first, g->edge_count - g->tail_first);
  *out = all;
  return PQ_OK;
}
